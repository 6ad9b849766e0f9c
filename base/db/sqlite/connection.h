#ifndef MIRROR_BASE_DB_SQLITE_CONNECTION_H_
#define MIRROR_BASE_DB_SQLITE_CONNECTION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/statement.h"

struct sqlite3;

namespace mirror::sqlite {

/// Turns off SQLite's memory statistics, so that no allocation takes a lock. Call once, before any other use
/// of SQLite.
void PrepareSqlite();

/// A call that SQLite refused.
struct Failure {
  int code = 0;       ///< Result of the call; see primary().
  int extended = 0;   ///< SQLite's extended code.
  std::string words;  ///< Message of SQLite, which may contain SQL.

  /// Returns the result without the bits of the extended code.
  int primary() const { return code & 0xff; }
};

/// Returns the message for a code: "database is locked".
std::string WordsOf(int code);
/// True if the file is not a database, or has damaged pages.
bool IsDamage(const Failure& failure);
/// True if the disk is full.
bool IsFull(const Failure& failure);

/// Converts a failure to an error for the people who own the file. `doing`: the action that failed, "reading
/// it"; empty if the caller does not give it.
using Explain = std::function<absl::Status(const Failure& failure, std::string_view doing)>;

/// Options for opening a file.
struct OpenAs {
  enum class Mode : std::uint8_t {
    kRead,
    kWrite,  ///< An existing file.
    kMake,   ///< A file that is created if missing; "" is temporary, ":memory:" no file.
  };
  Mode mode = Mode::kWrite;
  int busy_ms = 0;          ///< Time for a statement to wait for another's lock.
  bool one_thread = false;  ///< The caller ensures that only one thread at a time uses it.
  bool uri = false;         ///< The path is a URI.
  std::string vfs = {};     ///< Empty: the default of the system.
};

/// A connection to a SQLite database, and its error messages. All errors of it and of its statements are made
/// by `explain`. Threads: one at a time.
class Connection {
 public:
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path, const OpenAs& as,
                                                          Explain explain, std::string_view doing = "");
  /// Uses a connection that the caller opened. The caller closes it, after this object is destroyed.
  Connection(sqlite3* opened, Explain explain);
  /// Statements that still exist keep the file open until they are destroyed.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  sqlite3* handle() const { return handle_; }

  /// Text in double quotes is always a name: a misspelled name is an error, not a text.
  void ReadQuotedAsNames() const;

  /// Runs one or several statements and ignores their rows.
  absl::Status Execute(const std::string& sql, std::string_view doing = "") const;
  /// Errors are in Statement::status(). `doing` is also the name of its steps.
  Statement Prepare(const std::string& sql, std::string_view doing = "") const;
  /// Returns the first value of the first row. No such value is an error, too.
  absl::StatusOr<std::int64_t> Number(const std::string& sql, std::string_view doing = "") const;

  /// Returns true if a table (no view) has this name. Uses SQLite's copy of the schema in memory. That is
  /// faster than a query of sqlite_schema, which reads the whole schema. State as of the last stepped
  /// statement that has not ended.
  absl::StatusOr<bool> HasTable(const std::string& name) const;

  /// Replaces the content by that of another file as of one moment. `busy_ms`: time to wait for the lock of a
  /// writer of that file.
  absl::Status LoadFrom(const std::string& path, int busy_ms, std::string_view doing = "") const;

  /// Returns the error for a call of the C API with this code.
  absl::Status Error(int code, std::string_view doing = "") const;
  /// Returns the error of the last call.
  absl::Status LastError(std::string_view doing = "") const;

  enum class Begin : std::uint8_t {
    kDeferred,
    kImmediate,  ///< Takes the write lock at BEGIN.
  };
  /// Commits the changes of `work`. Rolls back if `work` returns an error, or if the commit fails.
  absl::Status Transact(Begin begin, const std::function<absl::Status()>& work,
                        std::string_view doing = "") const;
  bool InTransaction() const;

  std::int64_t LastRowid() const;
  /// Number of rows that the last INSERT, UPDATE or DELETE changed.
  std::int64_t Changes() const;

 private:
  absl::Status Take(int code, std::string_view doing) const;

  sqlite3* handle_ = nullptr;
  bool own_ = false;
  Explain explain_;
};

/// While this object lives, SQLite calls `is_over` each time its virtual machine has run `steps`
/// instructions. If it returns true, the running statement ends with SQLITE_INTERRUPT. One at a time for a
/// connection.
class Watch {
 public:
  Watch(sqlite3* handle, int steps, std::function<bool()> is_over);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  sqlite3* const handle_;
  const std::function<bool()> is_over_;
};

/// Returns true if the text ends at the end of a statement; does not check that it can be prepared.
bool IsCompleteSql(const std::string& sql);

}  // namespace mirror::sqlite

#endif  // MIRROR_BASE_DB_SQLITE_CONNECTION_H_
