#include "tools/mirror_harness/synthetic/sqlite_file.h"

#include "absl/strings/str_cat.h"

namespace mirror::harness {
namespace {

constexpr int kBusyTimeoutMs = 10'000;

absl::Status Failed(const std::string& what, sqlite3* database) {
  return absl::UnavailableError(
      absl::StrCat(what, ": ", database == nullptr ? "out of memory" : sqlite3_errmsg(database)));
}

}  // namespace

absl::StatusOr<Database> OpenDatabase(const std::string& path, int flags) {
  sqlite3* opened = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
  Database database(opened);
  if (result != SQLITE_OK) return Failed(absl::StrCat("opening '", path, "'"), opened);
  sqlite3_busy_timeout(opened, kBusyTimeoutMs);
  return database;
}

absl::StatusOr<Statement> Prepare(sqlite3* database, const std::string& sql) {
  sqlite3_stmt* prepared = nullptr;
  if (sqlite3_prepare_v2(database, sql.c_str(), -1, &prepared, nullptr) != SQLITE_OK) {
    return Failed(absl::StrCat("in '", sqlite3_db_filename(database, "main"), "'"), database);
  }
  return Statement(prepared);
}

absl::Status Execute(sqlite3* database, const std::string& sql) {
  if (sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return absl::OkStatus();
  return Failed(absl::StrCat("in '", sqlite3_db_filename(database, "main"), "'"), database);
}

std::string Quoted(std::string_view name) {
  std::string quoted = "\"";
  for (const char letter : name) {
    quoted += letter;
    if (letter == '"') quoted += letter;
  }
  return quoted += '"';
}

}  // namespace mirror::harness
