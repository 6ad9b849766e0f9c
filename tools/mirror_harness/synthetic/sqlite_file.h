#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SQLITE_FILE_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SQLITE_FILE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/db/sqlite/connection.h"

namespace mirror::harness {

using Database = std::unique_ptr<sqlite::Connection>;

/// Errors, and those of what is done with it: kUnavailable with path and SQLite's words.
absl::StatusOr<Database> OpenDatabase(const std::string& path, sqlite::OpenAs::Mode mode);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SQLITE_FILE_H_
