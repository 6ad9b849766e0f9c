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

/// A prepared statement. It keeps a prepare error and, until Reset(), the error of a refused value. Step()
/// and Run() return them, so that errors are checked in one place.
///
///     connection.Prepare("INSERT INTO t VALUES (?, ?)").With(name, 7).Run()
///
/// The connection must outlive every use of the statement, but not the object itself. Threads: its
/// connection's.
class Statement {
 public:
  /// Makes an object without a statement: Step() and Run() return an error, as they do after Prepare() of an
  /// empty SQL text.
  Statement() = default;
  explicit Statement(absl::Status refused) : status_(std::move(refused)) {}
  /// Finalized with this object. `doing`: see Explain.
  Statement(const Connection& connection, sqlite3_stmt* prepared, std::string_view doing);
  ~Statement() { Leave(); }
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;

  const absl::Status& status() const { return status_; }
  /// Handle for the C API; null after an error of Prepare().
  sqlite3_stmt* get() const { return statement_; }
  /// Returns true if it cannot write into the database.
  bool IsReadOnly() const;
  /// Sets the name of later steps for error messages.
  void SetDoing(std::string_view doing) { doing_ = doing; }

  /// Positions count from 1. Text and bytes must live until the statement was stepped; temporary strings are
  /// copied. Unsigned numbers are stored as the same 64 bits.
  template <std::integral Number>
  Statement& Bind(int place, Number value) {
    return BindInt(place, static_cast<std::int64_t>(value));
  }
  Statement& Bind(int place, double value);
  Statement& Bind(int place, std::string_view text);
  Statement& Bind(int place, const char* text) { return Bind(place, std::string_view(text)); }
  Statement& Bind(int place, std::string&& text);
  /// Binds a copy.
  Statement& Bind(int place, const Value& value);
  Statement& BindBlob(int place, std::string_view bytes);
  Statement& BindNull(int place);
  /// Binds all values, from the first position on.
  template <typename... Values>
  Statement& With(Values&&... values) {
    int place = 0;
    (Bind(++place, std::forward<Values>(values)), ...);
    return *this;
  }

  /// Moves to the next row. True while there is one.
  absl::StatusOr<bool> Step();
  /// Moves to a row that must exist. Its absence is an error, too.
  absl::Status StepToRow();
  /// Runs to the end, then resets.
  absl::Status Run();
  /// Resets and keeps the bound values. Without an open run the statement holds no lock.
  void Reset();
  /// Returns the first column of all remaining rows.
  absl::StatusOr<std::vector<std::string>> Texts();

  // Access to the current row. Columns count from 0; views are valid until the next row.
  int columns() const;
  Type TypeAt(int column) const;
  bool IsNull(int column) const { return TypeAt(column) == Type::kNull; }
  std::int64_t Int(int column) const;
  double Real(int column) const;
  /// Text in UTF-8, or the bytes of a blob; numbers as SQLite writes them, NULL as an empty view.
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
  bool kept_ = false;  ///< Kept for reuse after this object, see StatementCache.
  std::string doing_;
  absl::Status status_;
};

/// Prepared statements by their text. The connection must outlive it. Threads: the connection's.
class StatementCache {
 public:
  explicit StatementCache(const Connection& connection) : connection_(connection) {}
  ~StatementCache() { Forget(); }
  StatementCache(const StatementCache&) = delete;
  StatementCache& operator=(const StatementCache&) = delete;

  /// Returns the prepared statement of this text. When the returned object is destroyed, the statement is
  /// reset and unbound. One text may not be in use twice at a time.
  Statement Prepare(const std::string& sql, std::string_view doing);
  /// Handle for the C API. The caller resets it, and unbinds what it bound.
  absl::StatusOr<sqlite3_stmt*> Find(const std::string& sql, std::string_view doing);
  /// Finalizes all statements. None of them may be in use.
  void Forget();
  std::size_t size() const { return statements_.size(); }

 private:
  const Connection& connection_;
  std::unordered_map<std::string, sqlite3_stmt*> statements_;
};

}  // namespace mirror::sqlite

#endif  // MIRROR_BASE_DB_SQLITE_STATEMENT_H_
