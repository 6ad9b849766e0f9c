#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_MIRROR_COPY_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_MIRROR_COPY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/home.h"
#include "server/store/mirror_contents.h"

namespace mirror {

/// Makes a new folder within `<dir>/<work>`. Files can be renamed from it into `dir`. Errors: kUnavailable.
absl::StatusOr<std::string> MakeWorkFolder(const std::string& dir, const std::string& work);

/// See StoreHome::NewCopy. The copy is in a folder of MakeWorkFolder().
absl::StatusOr<std::unique_ptr<MirrorCopy>> NewSqliteMirrorCopy(const std::string& dir,
                                                                const std::string& work,
                                                                const std::string& context_id);

/// See StoreHome::NewImport. Until the import is finished, its file is in a folder of MakeWorkFolder().
absl::StatusOr<std::unique_ptr<MirrorImport>> NewSqliteImport(const std::string& dir, const std::string& work,
                                                              const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_MIRROR_COPY_H_
