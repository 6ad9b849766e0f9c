#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_IMPORT_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_IMPORT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/mirror_contents.h"

namespace mirror {

/// See StoreHome::NewImport. Until it is finished its file stands in a folder of MakeWorkFolder().
absl::StatusOr<std::unique_ptr<MirrorImport>> NewSqliteImport(const std::string& dir, const std::string& work,
                                                              const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_IMPORT_H_
