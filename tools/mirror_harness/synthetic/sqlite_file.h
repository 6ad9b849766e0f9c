#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SQLITE_FILE_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SQLITE_FILE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/db/sqlite/connection.h"

namespace mirror::harness {

using Database = std::unique_ptr<sqlite::Connection>;

/// Opens a database. Errors, also of later calls on the result: kUnavailable with the path and SQLite's
/// message.
absl::StatusOr<Database> OpenDatabase(const std::string& path, sqlite::OpenAs::Mode mode);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SQLITE_FILE_H_
