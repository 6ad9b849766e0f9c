#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_TRIGGER_TRIAL_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_TRIGGER_TRIAL_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/log/log_sql.h"

namespace mirror {

/// Whether the table's triggers work in an empty database whose SQLite never treats double quotes as a text.
/// A missing function or collation of the application does not count, since its SQLite has it.
absl::StatusOr<bool> TriggersWork(const LoggedTable& table);

/// Compiles an INSERT, an UPDATE of all columns and a DELETE, with the table's triggers. Writes nothing.
absl::Status CompileWrites(const SqliteFile& file, const LoggedTable& table);

/// Writes to each table with triggers of the agent as the application does: an UPDATE of one row, and an
/// INSERT and a DELETE of no row, in a transaction that is rolled back. Returns the tables whose writes fail
/// because of the agent's triggers, with the reason. Failures without these triggers are the application's
/// matter. Errors: those of SqliteFile.
absl::StatusOr<std::map<std::string, std::string>> TryWrites(const std::string& path);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_TRIGGER_TRIAL_H_
