#ifndef MIRROR_SERVER_STORE_COPY_CONTENTS_H_
#define MIRROR_SERVER_STORE_COPY_CONTENTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/mirror_contents.h"
#include "server/store/snapshot.h"

namespace mirror {

/// Makes `to` the mirror that `from` is a moment of, whatever kinds of stores the two are of; gives
/// MirrorContents::left_out. `go_on` is told bytes of rows, and how many there are as far as the number of
/// rows tells. Errors: those of both; kCancelled: `go_on` said so.
absl::StatusOr<std::vector<std::string>> CopyContents(Snapshot& from, MirrorImport& to,
                                                      const GoOnCopying& go_on);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_COPY_CONTENTS_H_
