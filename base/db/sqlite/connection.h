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

/// An error of a call of SQLite.
struct Failure {
  int code = 0;       ///< Result of the call; see primary().
  int extended = 0;   ///< SQLite's extended code.
  std::string words;  ///< Message of SQLite, which may contain SQL.

  /// Returns the result without the bits of the extended code.
  int primary() const { return code & 0xff; }
};

/// Returns the message for a code: "database is locked".
std::string WordsOf(int code);
/// Returns true if the failure means that the file is not a database, or has damaged pages.
bool IsDamage(const Failure& failure);
/// Returns true if the failure means that the disk is full.
bool IsFull(const Failure& failure);

/// Converts a failure to an error for the people who own the file. `doing`: the action that failed, "reading
/// it"; empty if the caller does not give it.
using Explain = std::function<absl::Status(const Failure& failure, std::string_view doing)>;

/// How to open a file.
struct OpenAs {
  enum class Mode : std::uint8_t {
    kRead,
    kWrite,  ///< An existing file.
    /// A file that is created if it is missing. The path "" means a temporary file, ":memory:" a database in
    /// memory.
    kMake,
  };
  Mode mode = Mode::kWrite;
  int busy_ms = 0;  ///< Milliseconds that a statement waits for a lock of another connection.
  /// The caller ensures that only one thread at a time uses the connection, and SQLite takes no locks of its
  /// own for it.
  bool one_thread = false;
  bool uri = false;      ///< The path is a URI.
  std::string vfs = {};  ///< Empty: the default of the system.
};

/// A connection to a SQLite database. The function `explain` makes all its errors and those of its
/// statements. Threads: one at a time.
class Connection {
 public:
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path, const OpenAs& as,
                                                          Explain explain, std::string_view doing = "");
  /// Uses a connection that the caller opened. The caller closes that connection after this object is
  /// destroyed.
  Connection(sqlite3* opened, Explain explain);
  /// Statements that still exist keep the file open until they are destroyed.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  sqlite3* handle() const { return handle_; }

  /// Makes SQLite treat text in double quotes always as a name. A misspelled name is then an error, not a
  /// text.
  void ReadQuotedAsNames() const;

  /// Runs one or several statements and ignores their rows.
  absl::Status Execute(const std::string& sql, std::string_view doing = "") const;
  /// Prepares a statement. Errors are in Statement::status(). `doing` also names its steps in error messages.
  Statement Prepare(const std::string& sql, std::string_view doing = "") const;
  /// Runs a statement and returns the first value of the first row. It is an error if there is no such value.
  absl::StatusOr<std::int64_t> Number(const std::string& sql, std::string_view doing = "") const;

  /// Returns true if a table (no view) has this name. It uses the schema that SQLite has in memory. This is
  /// faster than a query of sqlite_schema, which reads the whole schema. The answer is that of the snapshot
  /// of an open statement, if there is one.
  absl::StatusOr<bool> HasTable(const std::string& name) const;

  /// Replaces the content by a consistent copy of another file. `busy_ms`: milliseconds to wait for the lock
  /// of a writer of that file.
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
  /// Returns the number of rows that the last INSERT, UPDATE or DELETE changed.
  std::int64_t Changes() const;

 private:
  absl::Status Take(int code, std::string_view doing) const;

  sqlite3* handle_ = nullptr;
  bool own_ = false;
  Explain explain_;
};

/// While this object lives, SQLite calls `is_over` each time its virtual machine has run `steps`
/// instructions. If it returns true, the running statement ends with SQLITE_INTERRUPT. Only one such object
/// may exist at a time for a connection.
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

/// Returns true if the text ends with a complete statement. It does not check that the statement can be
/// prepared.
bool IsCompleteSql(const std::string& sql);

}  // namespace mirror::sqlite

#endif  // MIRROR_BASE_DB_SQLITE_CONNECTION_H_
