#include "base/db/sqlite/file_layout.h"

#include <sqlite3.h>

#include <memory>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr char kTable[] =
    "CREATE TABLE IF NOT EXISTS _mirror_layout (one INTEGER PRIMARY KEY CHECK (one = 1), layout INTEGER NOT "
    "NULL, program TEXT NOT NULL)";

using Statement = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;

absl::Status Failed(sqlite3* database) {
  const int code = sqlite3_extended_errcode(database) & 0xff;
  const bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
  return absl::Status(damaged ? absl::StatusCode::kDataLoss : absl::StatusCode::kUnavailable,
                      absl::StrCat("the layout of the file: ", sqlite3_errmsg(database), " (SQLite ",
                                   sqlite3_extended_errcode(database), ")"));
}

absl::StatusOr<Statement> Prepare(sqlite3* database, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database, sql, -1, &statement, nullptr) != SQLITE_OK) return Failed(database);
  return Statement(statement, sqlite3_finalize);
}

absl::Status Execute(sqlite3* database, const char* sql) {
  return sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK ? absl::OkStatus()
                                                                             : Failed(database);
}

absl::Status WriteLayout(sqlite3* database, std::int64_t number) {
  RETURN_IF_ERROR(Execute(database, kTable));
  ASSIGN_OR_RETURN(
      const Statement write,
      Prepare(database, "INSERT OR REPLACE INTO _mirror_layout (one, layout, program) VALUES (1, ?1, ?2)"));
  const std::string_view program = ProgramVersion();
  sqlite3_bind_int64(write.get(), 1, number);
  sqlite3_bind_text(write.get(), 2, program.data(), static_cast<int>(program.size()), SQLITE_STATIC);
  return sqlite3_step(write.get()) == SQLITE_DONE ? absl::OkStatus() : Failed(database);
}

}  // namespace

std::string_view ProgramVersion() { return MIRROR_VERSION; }

absl::Status CheckLayout(const FileLayout& found, const KnownLayout& known, const std::string& path) {
  if (found.number <= known.present) return absl::OkStatus();
  const std::string newer = found.program.empty() ? "a later version of Partner Mirror"
                                                  : absl::StrCat("Partner Mirror ", found.program);
  return absl::FailedPreconditionError(
      absl::StrCat(std::string(known.what), " '", path, "' has layout ", found.number, ", written by ", newer,
                   "; this is ", std::string(ProgramVersion()), ", which reads layouts up to ", known.present,
                   ". The file was left as it is. Install ", newer,
                   ", or put back a copy from before that version was installed"));
}

absl::StatusOr<std::optional<FileLayout>> ReadLayout(sqlite3* database) {
  // Checks first for the table: without it, the statement below would give an ordinary error.
  ASSIGN_OR_RETURN(
      const Statement there,
      Prepare(database, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_mirror_layout'"));
  const int found = sqlite3_step(there.get());
  if (found == SQLITE_DONE) return std::nullopt;
  if (found != SQLITE_ROW) return Failed(database);
  ASSIGN_OR_RETURN(
      const Statement read,
      Prepare(database, "SELECT layout, program FROM _mirror_layout WHERE typeof(layout) = 'integer'"));
  const int row = sqlite3_step(read.get());
  if (row == SQLITE_DONE) return std::nullopt;
  if (row != SQLITE_ROW) return Failed(database);
  const auto* const program = reinterpret_cast<const char*>(sqlite3_column_text(read.get(), 1));
  return FileLayout{sqlite3_column_int64(read.get(), 0), program == nullptr ? "" : program};
}

absl::StatusOr<bool> IsOlder(sqlite3* database, const KnownLayout& known, const std::string& path) {
  ASSIGN_OR_RETURN(const std::optional<FileLayout> found, ReadLayout(database));
  if (!found) return true;
  RETURN_IF_ERROR(CheckLayout(*found, known, path));
  return (found)->number < known.present;
}

absl::Status TakeOver(sqlite3* database, const KnownLayout& known, std::int64_t unnumbered,
                      const std::string& path) {
  ASSIGN_OR_RETURN(const std::optional<FileLayout> found, ReadLayout(database));
  const FileLayout former = found.value_or(FileLayout{unnumbered});
  RETURN_IF_ERROR(CheckLayout(former, known, path));
  if (found && former.number == known.present) return absl::OkStatus();
  for (const KnownLayout::Step& step : known.steps) {
    if (step.to <= former.number) continue;
    RETURN_IF_ERROR(step.take(database));
  }
  return WriteLayout(database, known.present);
}

}  // namespace mirror
