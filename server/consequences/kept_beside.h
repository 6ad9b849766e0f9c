#ifndef MIRROR_SERVER_CONSEQUENCES_KEPT_BESIDE_H_
#define MIRROR_SERVER_CONSEQUENCES_KEPT_BESIDE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/snapshot.h"

namespace mirror {

/// What is kept of a table beside its rows, and goes with it.
struct KeptBeside {
  std::int64_t versions = 0;  ///< Former versions of its rows.
  std::int64_t entries = 0;   ///< Of the journal. Who has read them is not known.
};

/// Errors: those of the snapshot. Of a mirror that keeps neither a history nor a journal: nothing.
absl::StatusOr<KeptBeside> CountKeptBeside(Snapshot& mirror, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_CONSEQUENCES_KEPT_BESIDE_H_
