#include "server/store/sqlite/file/sqlite_files.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

/// How long to wait for readers that prevent the copy of a log that has lost its name.
constexpr int kPatienceMs = 1'000;

absl::Status OtherLog() {
  return absl::DataLossError(
      "another log (-wal) was put beside it while the server had it open: commits since the server last "
      "copied its own log may be missing, and the other log may not fit the file");
}

/// Returns whether another connection holds the write lock, under which a log is emptied. Does not wait.
bool SomebodyWrites(const SqliteConnection& connection) {
  sqlite3* const db = connection.handle();
  if (sqlite3_txn_state(db, "main") != SQLITE_TXN_NONE) return false;
  sqlite3_busy_timeout(db, 0);
  const int code = sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
  sqlite3_busy_timeout(db, SqliteConnection::kBusyTimeoutMs);
  if (code == SQLITE_OK) sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
  return (code & 0xff) == SQLITE_BUSY;
}

}  // namespace

LogStays WhyLogStays(const SqliteConnection& connection) {
  if (connection.LostPages()) {
    return {"the disk did not keep what was copied into the file",
            "Look at the system's log and at the disk"};
  }
  const int code = connection.log_code();
  switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_BUSY:
      if (SomebodyWrites(connection)) {
        return {"another program holds the mirror's write lock (BEGIN IMMEDIATE, or a change without COMMIT)",
                "Have it COMMIT or ROLLBACK, or end it"};
      }
      return {"a reader holds an old state of the mirror open", "End that reader"};
    case SQLITE_FULL:
      return {"the disk is full", "Make room on it"};
    default:
      return {absl::StrCat("the disk answered with an error (SQLite ", code, ")"),
              "Look at the system's log and at the disk"};
  }
}

absl::Status CheckWhole(SqliteConnection& connection, std::chrono::milliseconds patience) {
  const bool is_empty = connection.EmptyLog(static_cast<int>(patience.count()));
  const bool is_held = (connection.log_code() & 0xff) == SQLITE_BUSY;
  // If the file were moved away now, a commit that another connection is about to make would be lost.
  if (is_empty && !(is_held && SomebodyWrites(connection))) return absl::OkStatus();
  if (connection.LostPages()) return LostPages(connection);
  if (connection.OtherLog()) return OtherLog();
  const LogStays stays = WhyLogStays(connection);
  const std::string waited = is_held && patience.count() > 0
                                 ? absl::StrCat(", and still does after ", patience.count() / 1'000, " s")
                                 : std::string();
  return absl::UnavailableError(absl::StrCat(
      "the log of '", connection.path(), "' cannot be copied into the file and emptied: ", stays.why, waited,
      ". Nothing was done. ", stays.remedy, ", then try again."));
}

absl::Status FileReplaced(const SqliteConnection& connection) {
  return absl::UnavailableError(absl::StrCat(
      "the mirror file '", connection.path(),
      "' was replaced or removed while the server had it open. "
      "Nothing was applied, and nothing was written to the new one. The cycle is over; begin a new one."));
}

absl::Status LostPages(const SqliteConnection& connection) {
  return absl::DataLossError(
      absl::StrCat("the disk did not keep what was written to '", connection.path(),
                   "'; the file may lack pages that its log has. Look at the system's log and at the disk"));
}

absl::Status NotKept(const SqliteConnection& connection) {
  return absl::UnavailableError(
      absl::StrCat("the log of the mirror file '", connection.path(),
                   "' was removed while this call was committed, and cannot be copied into the file: the "
                   "changes of this call may be lost. Find out who removed the log; the same call again is "
                   "safe."));
}

absl::Status CheckFiles(SqliteConnection& connection) {
  if (!connection.SameFile()) return FileReplaced(connection);
  if (connection.LostPages()) return LostPages(connection);
  if (connection.SameLog()) return absl::OkStatus();
  if (connection.EmptyLog(kPatienceMs)) {
    return absl::UnavailableError(
        absl::StrCat("the log of the mirror file '", connection.path(),
                     "', or its index, was replaced or removed while the server had it open. What was "
                     "committed is kept; nothing of this call was applied. The cycle is over; begin a new "
                     "one."));
  }
  if (connection.LostPages()) return LostPages(connection);
  if (connection.OtherLog()) return OtherLog();
  const LogStays stays = WhyLogStays(connection);
  return absl::UnavailableError(absl::StrCat(
      "the log of the mirror file '", connection.path(),
      "' was removed while the server had it open, and cannot be copied into the file: ", stays.why,
      ". Nothing was applied. ", stays.remedy,
      ", and do not stop the server before that; the same call again is safe."));
}

}  // namespace mirror
