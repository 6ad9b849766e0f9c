#ifndef MIRROR_CLIENT_WIRE_DECISION_H_
#define MIRROR_CLIENT_WIRE_DECISION_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/source/history.h"
#include "client/source/reader.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/batch.h"

namespace mirror {

/// What a cycle does with a table.
struct Decision {
  enum class Kind { kNothing, kChanges, kPopulate };
  Kind kind = Kind::kNothing;
  PopulateReason reason = PopulateReason::kNone;
  std::string words;  ///< Why, for people.
};

/// Where the mirror stands, judged by the source's own history: the rules of restore detection are here and
/// nowhere else. `asked`: somebody wants it populated. `compared`: it is compared in any case, which finds
/// what an unfinished cycle left of rows that this source does not know of. Errors: the source cannot be
/// read.
absl::StatusOr<Decision> Decide(History& history, SourceReader& reader, const TableSchema& table,
                                const v1::TableStatus& status, bool asked, bool compared = false);

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_DECISION_H_
