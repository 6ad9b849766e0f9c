#ifndef MIRROR_SERVER_JOBS_UPLOAD_FOLDER_H_
#define MIRROR_SERVER_JOBS_UPLOAD_FOLDER_H_

#include <string>

#include "absl/status/statusor.h"

// A folder of uploads has a name where several servers have the same mirrors: an upload's id begins with it,
// and a job's document says it. It goes with the files, and so does not change with an address.

namespace mirror {

/// In the folder; no upload's.
inline constexpr char kUploadFolderNote[] = "server";

/// The name, which is made with the folder. Errors: kUnavailable: the disk; those of ReadKeyFile().
absl::StatusOr<std::string> NameUploadFolder(const std::string& folder);
/// The id of a new upload. `folder`: its name; empty: it has none.
std::string NewUploadId(const std::string& folder);
/// The name of the folder that an upload is in; empty: the id has none.
std::string FolderOfUpload(const std::string& id);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_UPLOAD_FOLDER_H_
