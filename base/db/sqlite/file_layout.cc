#include "base/db/sqlite/file_layout.h"

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/connection.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr char kTable[] =
    "CREATE TABLE IF NOT EXISTS _mirror_layout (one INTEGER PRIMARY KEY CHECK (one = 1), layout INTEGER NOT "
    "NULL, program TEXT NOT NULL)";

absl::Status Failed(const sqlite::Failure& failure, std::string_view /*doing*/) {
  return absl::Status(
      sqlite::IsDamage(failure) ? absl::StatusCode::kDataLoss : absl::StatusCode::kUnavailable,
      absl::StrCat("the layout of the file: ", failure.words, " (SQLite ", failure.extended, ")"));
}

absl::Status WriteLayout(sqlite3* database, std::int64_t number) {
  const sqlite::Connection file(database, Failed);
  RETURN_IF_ERROR(file.Execute(kTable));
  return file.Prepare("INSERT OR REPLACE INTO _mirror_layout (one, layout, program) VALUES (1, ?1, ?2)")
      .With(number, ProgramVersion())
      .Run();
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
  // Checks first that the table exists: otherwise the statement below would fail, and the error could not be
  // distinguished from others.
  const sqlite::Connection file(database, Failed);
  sqlite::Statement there =
      file.Prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_mirror_layout'");
  ASSIGN_OR_RETURN(const bool has_table, there.Step());
  if (!has_table) return std::nullopt;
  sqlite::Statement read =
      file.Prepare("SELECT layout, program FROM _mirror_layout WHERE typeof(layout) = 'integer'");
  ASSIGN_OR_RETURN(const bool has_row, read.Step());
  if (!has_row) return std::nullopt;
  return FileLayout{read.Int(0), read.Text(1)};
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
