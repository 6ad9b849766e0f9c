#ifndef MIRROR_SERVER_STORE_COPY_CONTENTS_H_
#define MIRROR_SERVER_STORE_COPY_CONTENTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/mirror_contents.h"
#include "server/store/snapshot.h"

namespace mirror {

/// Copies the mirror that `from` shows into `to`. The two stores may be of different kinds. Returns
/// MirrorContents::left_out. `go_on` gets the bytes of rows copied so far, and all bytes, estimated from the
/// number of rows. Errors: those of both; kCancelled: `go_on` returned false.
absl::StatusOr<std::vector<std::string>> CopyContents(Snapshot& from, MirrorImport& to,
                                                      const GoOnCopying& go_on);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_COPY_CONTENTS_H_
