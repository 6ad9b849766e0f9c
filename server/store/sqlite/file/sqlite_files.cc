#include "server/store/sqlite/file/sqlite_files.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

/// How long readers are waited for that a log without a name needs to be copied.
constexpr int kPatienceMs = 1'000;

absl::Status OtherLog() {
  return absl::DataLossError(
      "another log (-wal) was put beside it while the server had it open: what was committed since the "
      "server's own log was last copied may be missing, and the other log may not fit the file");
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
      return {"a reader holds an old state of the mirror open", "End that reader"};
    case SQLITE_FULL:
      return {"the disk is full", "Make room on it"};
    default:
      return {absl::StrCat("the disk answered with an error (SQLite ", code, ")"),
              "Look at the system's log and at the disk"};
  }
}

absl::Status CheckWhole(SqliteConnection& connection) {
  if (connection.EmptyLog(0)) return absl::OkStatus();
  if (connection.LostPages()) return LostPages(connection);
  if (connection.OtherLog()) return OtherLog();
  const LogStays stays = WhyLogStays(connection);
  return absl::UnavailableError(absl::StrCat("the log of '", connection.path(),
                                             "' cannot be copied into the file and emptied: ", stays.why,
                                             ". Nothing was done. ", stays.remedy, ", then try again."));
}

absl::Status FileReplaced(const SqliteConnection& connection) {
  return absl::UnavailableError(absl::StrCat(
      "the mirror file '", connection.path(),
      "' was replaced or removed while the server had it open. "
      "Nothing was applied, and nothing was written to the new one. The cycle is over; begin a new one."));
}

absl::Status LostPages(const SqliteConnection& connection) {
  return absl::DataLossError(absl::StrCat(
      "the disk did not keep what was written to '", connection.path(),
      "'; the file may lack pages, which its log has. Look at the system's log and at the disk"));
}

absl::Status NotKept(const SqliteConnection& connection) {
  return absl::UnavailableError(
      absl::StrCat("the log of the mirror file '", connection.path(),
                   "' was removed while this call was committed, and cannot be copied into the file: what it "
                   "did may be lost. Look at who removed it; the same call again is safe."));
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
      ", and do not stop the server before; the same call again is safe."));
}

}  // namespace mirror
