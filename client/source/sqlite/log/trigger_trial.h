#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_TRIGGER_TRIAL_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_TRIGGER_TRIAL_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/log/log_sql.h"

namespace mirror {

/// Whether the triggers of the table work in an empty database whose SQLite takes nothing in double quotes
/// for a text. A function or a collation of the application does not count, since its SQLite has it.
absl::StatusOr<bool> TriggersWork(const LoggedTable& table);

/// Compiles an INSERT, an UPDATE of all columns and a DELETE, with all triggers of the table. Writes nothing.
absl::Status CompileWrites(const SqliteFile& file, const LoggedTable& table);

/// Writes to each table with triggers of the agent as the application does: an UPDATE of one row, and an
/// INSERT and a DELETE of none, in a transaction that is rolled back. Gives the tables whose writes fail by
/// the agent's triggers, and why. Where they fail without these triggers, too, the application sees to it.
/// Errors: those of SqliteFile.
absl::StatusOr<std::map<std::string, std::string>> TryWrites(const std::string& path);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_TRIGGER_TRIAL_H_
