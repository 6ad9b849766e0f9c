#ifndef MIRROR_BASE_DB_SQLITE_STATEMENT_H_
#define MIRROR_BASE_DB_SQLITE_STATEMENT_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/value.h"

struct sqlite3_stmt;

namespace mirror::sqlite {

class Connection;

/// A prepared statement. It keeps the error of preparing it, and until Reset() that of a value that SQLite
/// did not take, for its Step() and Run(), so that errors are looked at once.
///
///     connection.Prepare("INSERT INTO t VALUES (?, ?)").With(name, 7).Run()
///
/// Its connection outlives its use. Threads: its connection's.
class Statement {
 public:
  /// None: its Step() and Run() are an error, as those of a text without a statement.
  Statement() = default;
  explicit Statement(absl::Status refused) : status_(std::move(refused)) {}
  /// Ended with this. `doing`: see Explain.
  Statement(const Connection& connection, sqlite3_stmt* prepared, std::string_view doing);
  ~Statement() { Leave(); }
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;

  const absl::Status& status() const { return status_; }
  /// For the C API; null after an error of Prepare().
  sqlite3_stmt* get() const { return statement_; }
  /// Whether it can write into the database.
  bool IsReadOnly() const;
  /// What its steps are called from here on.
  void SetDoing(std::string_view doing) { doing_ = doing; }

  /// Places count from 1. Text and bytes live until the statement was stepped; a string that does not is
  /// copied. Unsigned numbers are kept as the same 64 bits.
  template <std::integral Number>
  Statement& Bind(int place, Number value) {
    return BindInt(place, static_cast<std::int64_t>(value));
  }
  Statement& Bind(int place, double value);
  Statement& Bind(int place, std::string_view text);
  Statement& Bind(int place, const char* text) { return Bind(place, std::string_view(text)); }
  Statement& Bind(int place, std::string&& text);
  /// A copy.
  Statement& Bind(int place, const Value& value);
  Statement& BindBlob(int place, std::string_view bytes);
  Statement& BindNull(int place);
  /// All of them, from the first place on.
  template <typename... Values>
  Statement& With(Values&&... values) {
    int place = 0;
    (Bind(++place, std::forward<Values>(values)), ...);
    return *this;
  }

  /// True while there is a row.
  absl::StatusOr<bool> Step();
  /// The same for a row that has to be there. Errors: also when there is none.
  absl::Status StepToRow();
  /// To the end, and back to the begin.
  absl::Status Run();
  /// Back to the begin, with what was bound. Without an open run it holds no lock.
  void Reset();
  /// The first column of all rows that are left.
  absl::StatusOr<std::vector<std::string>> Texts();

  // Of the row at which it stands. Columns count from 0; what is viewed is gone with the row.
  int columns() const;
  Type TypeAt(int column) const;
  bool IsNull(int column) const { return TypeAt(column) == Type::kNull; }
  std::int64_t Int(int column) const;
  double Real(int column) const;
  /// Text in UTF-8, or the bytes of a blob; numbers as SQLite writes them, NULL as nothing.
  std::string_view View(int column) const;
  std::string Text(int column) const { return std::string(View(column)); }
  Value ValueAt(int column) const;
  sqlite3_value* RawValue(int column) const;

 private:
  friend class StatementCache;
  Statement& BindInt(int place, std::int64_t value);
  Statement& Took(int code);
  void Leave();

  const Connection* connection_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
  bool kept_ = false;  ///< Goes on after this, see StatementCache.
  std::string doing_;
  absl::Status status_;
};

/// Statements that are found again by their text. The connection outlives it. Threads: the connection's.
class StatementCache {
 public:
  explicit StatementCache(const Connection& connection) : connection_(connection) {}
  ~StatementCache() { Forget(); }
  StatementCache(const StatementCache&) = delete;
  StatementCache& operator=(const StatementCache&) = delete;

  /// For one use of it, after which it is reset and what was bound is forgotten. In use once at a time.
  Statement Prepare(const std::string& sql, std::string_view doing);
  /// For the C API: the statement itself. The caller resets it, and unbinds what it bound.
  absl::StatusOr<sqlite3_stmt*> Find(const std::string& sql, std::string_view doing);
  /// No statement may be in use.
  void Forget();
  std::size_t size() const { return statements_.size(); }

 private:
  const Connection& connection_;
  std::unordered_map<std::string, sqlite3_stmt*> statements_;
};

}  // namespace mirror::sqlite

#endif  // MIRROR_BASE_DB_SQLITE_STATEMENT_H_
