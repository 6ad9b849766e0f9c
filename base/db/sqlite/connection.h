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

/// Once, before anything else of SQLite: without its memory statistics no allocation takes a lock.
void PrepareSqlite();

/// A call that SQLite refused.
struct Failure {
  int code = 0;       ///< What the call gave; see primary().
  int extended = 0;   ///< SQLite's extended code.
  std::string words;  ///< SQLite's own, which may hold SQL.

  /// What the call gave, without what an extended code adds.
  int primary() const { return code & 0xff; }
};

/// The words for a code alone: "database is locked".
std::string WordsOf(int code);
/// The file is no database, or one with damaged pages.
bool IsDamage(const Failure& failure);
/// The disk is full.
bool IsFull(const Failure& failure);
/// A lock of somebody else's was not to be had.
bool IsBusy(const Failure& failure);

/// What a failure means to the people who keep the file. `doing` is what was tried, "reading it"; empty where
/// the caller does not say.
using Explain = std::function<absl::Status(const Failure& failure, std::string_view doing)>;

/// How a file is opened.
struct OpenAs {
  enum class Mode : std::uint8_t {
    kRead,
    kWrite,  ///< A file that is there.
    kMake,   ///< One that may have to be made; "" is a temporary one, ":memory:" none.
  };
  Mode mode = Mode::kWrite;
  int busy_ms = 0;          ///< How long a statement waits for another's lock.
  bool one_thread = false;  ///< The caller sees to it that one thread at a time is in it.
  bool uri = false;         ///< The path is a URI.
  std::string vfs = {};     ///< Empty: the system's.
};

/// A connection to a SQLite database, and the words for what goes wrong there. All errors of it and of its
/// statements are those of `explain`. Threads: one at a time.
class Connection {
 public:
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path, const OpenAs& as,
                                                          Explain explain, std::string_view doing = "");
  /// Over what somebody else has opened, and closes after this.
  Connection(sqlite3* opened, Explain explain);
  /// Statements that are still there keep the file open until they are gone.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  sqlite3* handle() const { return handle_; }

  /// What stands in double quotes is a name: a misspelled one is a mistake, no text.
  void ReadQuotedAsNames() const;

  /// Runs one statement or several, whatever rows they give.
  absl::Status Execute(const std::string& sql, std::string_view doing = "") const;
  /// Statement::status() has the error. `doing` is what its steps are named, too.
  Statement Prepare(const std::string& sql, std::string_view doing = "") const;
  /// The first value of the first row. Errors: also when there is none.
  absl::StatusOr<std::int64_t> Number(const std::string& sql, std::string_view doing = "") const;

  /// Whether there is a table of this name, and no view: by what SQLite remembers of the schema, where a
  /// query of sqlite_schema reads all of it. As of the statement that was stepped last and is not over.
  absl::StatusOr<bool> HasTable(const std::string& name) const;

  /// All of another file as of one moment, in place of what is here. `busy_ms`: how long it waits for the
  /// lock of who writes there.
  absl::Status LoadFrom(const std::string& path, int busy_ms, std::string_view doing = "") const;

  /// Of a call of the C API that gave this code.
  absl::Status Error(int code, std::string_view doing = "") const;
  /// Of what SQLite refused last.
  absl::Status LastError(std::string_view doing = "") const;

  enum class Begin : std::uint8_t {
    kDeferred,
    kImmediate,  ///< With the right to write from the first statement on.
  };
  /// Commits what `work` did, or takes it back: when it says an error, and when it cannot be committed.
  absl::Status Transact(Begin begin, const std::function<absl::Status()>& work,
                        std::string_view doing = "") const;
  bool InTransaction() const;

  std::int64_t LastRowid() const;
  /// Rows that the last INSERT, UPDATE or DELETE changed.
  std::int64_t Changes() const;

 private:
  absl::Status Take(int code, std::string_view doing) const;

  sqlite3* handle_ = nullptr;
  bool own_ = false;
  Explain explain_;
};

/// While it lives, `is_over` is asked after each so many steps of SQLite's machine; true ends the statement
/// that is at work with SQLITE_INTERRUPT. One at a time on a connection.
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

/// Whether it ends where a statement ends; whether it can be prepared is not looked at.
bool IsCompleteSql(const std::string& sql);

}  // namespace mirror::sqlite

#endif  // MIRROR_BASE_DB_SQLITE_CONNECTION_H_
