#ifndef MIRROR_CLIENT_WIRE_DECISION_H_
#define MIRROR_CLIENT_WIRE_DECISION_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/source/history.h"
#include "client/source/reader.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/batch.h"

namespace mirror {

/// Action of a cycle for a table.
struct Decision {
  enum class Kind { kNothing, kChanges, kPopulate };
  Kind kind = Kind::kNothing;
  PopulateReason reason = PopulateReason::kNone;
  std::string words;  ///< The reason, for people.
};

/// Compares the mirror's position with the source's own history: all rules of
/// restore detection are here. `asked`: a population was requested. `compared`:
/// the table is compared in any case, which also finds rows of an unfinished
/// cycle that this source does not know. Errors: the source cannot be read.
absl::StatusOr<Decision> Decide(History& history, SourceReader& reader, const TableSchema& table,
                                const v1::TableStatus& status, bool asked, bool compared = false);

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_DECISION_H_
