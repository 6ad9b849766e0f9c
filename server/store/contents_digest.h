#ifndef MIRROR_SERVER_STORE_CONTENTS_DIGEST_H_
#define MIRROR_SERVER_STORE_CONTENTS_DIGEST_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/store/snapshot.h"

namespace mirror {

/// Tells whether two mirrors, in whatever kinds of stores, are equal: 32 hexadecimal digits over all rows of
/// all tables and all that MirrorContents has, but for what two servers have of their own: nonces, the pause,
/// clocks, freshness targets, indexes that the server makes, and the numbers that ids go on from. Reads every
/// row. Errors: those of the snapshot.
absl::StatusOr<std::string> DigestContents(Snapshot& mirror, const GoOn& go_on);
/// The same without the rows.
absl::StatusOr<std::string> DigestMetadata(Snapshot& mirror);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CONTENTS_DIGEST_H_
