#ifndef MIRROR_SERVER_STORE_CONTENTS_DIGEST_H_
#define MIRROR_SERVER_STORE_CONTENTS_DIGEST_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/store/snapshot.h"

namespace mirror {

/// Returns 32 hexadecimal digits by which two mirrors are compared, in stores of any kind. Equal mirrors give
/// equal digits. The digits cover all rows of all tables and all of MirrorContents, except what is each
/// server's own: nonces, the pause, clocks, freshness targets, indexes that the server makes, and the
/// counters of ids. Reads every row. Errors: those of the snapshot.
absl::StatusOr<std::string> DigestContents(Snapshot& mirror, const GoOn& go_on);
/// Returns the same digest without the rows.
absl::StatusOr<std::string> DigestMetadata(Snapshot& mirror);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CONTENTS_DIGEST_H_
