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

/// A prepared statement. If preparing or binding a value fails, the object stores the error, a binding error
/// until Reset(). Step() and Run() return the stored error, so that callers check errors in one place.
///
///     connection.Prepare("INSERT INTO t VALUES (?, ?)").With(name, 7).Run()
///
/// The connection must outlive every use of the statement, but not the object itself. Threads: one at a time,
/// those of its connection.
class Statement {
 public:
  /// Makes an object without a statement. Step() and Run() then return an error, as after Prepare() of an
  /// empty text.
  Statement() = default;
  explicit Statement(absl::Status refused) : status_(std::move(refused)) {}
  /// Takes over `prepared`, which is finalized with this object. `doing`: see Explain.
  Statement(const Connection& connection, sqlite3_stmt* prepared, std::string_view doing);
  ~Statement() { Leave(); }
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;

  const absl::Status& status() const { return status_; }
  /// Returns the handle for the C API; null after an error of Prepare().
  sqlite3_stmt* get() const { return statement_; }
  /// Returns true if the statement cannot write into the database.
  bool IsReadOnly() const;
  /// Sets the name of later steps for error messages.
  void SetDoing(std::string_view doing) { doing_ = doing; }

  /// Binds a value at `place`, counted from 1. Text and bytes must live until the statement was stepped;
  /// temporary strings are copied. An unsigned number is stored as the same 64 bits.
  template <std::integral Number>
  Statement& Bind(int place, Number value) {
    return BindInt(place, static_cast<std::int64_t>(value));
  }
  Statement& Bind(int place, double value);
  Statement& Bind(int place, std::string_view text);
  Statement& Bind(int place, const char* text) { return Bind(place, std::string_view(text)); }
  Statement& Bind(int place, std::string&& text);
  /// Binds a copy of the value.
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

  /// Moves to the next row. Returns false if there is none.
  absl::StatusOr<bool> Step();
  /// Moves to the next row, which must exist: it is an error if there is none.
  absl::Status StepToRow();
  /// Runs the statement to its end, then resets it.
  absl::Status Run();
  /// Resets the statement and keeps the bound values. A statement that is reset holds no lock.
  void Reset();
  /// Returns the first column of all remaining rows.
  absl::StatusOr<std::vector<std::string>> Texts();

  // Access to the current row. Columns count from 0; views are valid until the next row.
  int columns() const;
  Type TypeAt(int column) const;
  bool IsNull(int column) const { return TypeAt(column) == Type::kNull; }
  std::int64_t Int(int column) const;
  double Real(int column) const;
  /// Returns a text in UTF-8, the bytes of a blob, a number as SQLite writes it, or an empty view for NULL.
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
  bool kept_ = false;  ///< A StatementCache keeps the statement for later use.
  std::string doing_;
  absl::Status status_;
};

/// A cache of prepared statements by their text. The connection must outlive this. Threads: one at a time,
/// those of the connection.
class StatementCache {
 public:
  explicit StatementCache(const Connection& connection) : connection_(connection) {}
  ~StatementCache() { Forget(); }
  StatementCache(const StatementCache&) = delete;
  StatementCache& operator=(const StatementCache&) = delete;

  /// Returns the prepared statement of this text. When the returned object is destroyed, the statement is
  /// reset and its values are unbound. The same text must not be in use twice at a time.
  Statement Prepare(const std::string& sql, std::string_view doing);
  /// Returns the handle for the C API. The caller must reset it and unbind its values.
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
