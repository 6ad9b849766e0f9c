#ifndef MIRROR_BASE_DB_SQLITE_VALUE_H_
#define MIRROR_BASE_DB_SQLITE_VALUE_H_

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Values in the form in which SQLite returns them. The functions are inline, because they are called for each
// value of each row.

namespace mirror::sqlite {

/// Types of values, with SQLite's own numbers.
enum class Type : std::uint8_t {
  kInteger = SQLITE_INTEGER,
  kReal = SQLITE_FLOAT,
  kText = SQLITE_TEXT,
  kBlob = SQLITE_BLOB,
  kNull = SQLITE_NULL,
};

inline Type TypeOf(sqlite3_value* value) { return static_cast<Type>(sqlite3_value_type(value)); }
inline std::int64_t IntOf(sqlite3_value* value) { return sqlite3_value_int64(value); }
inline double RealOf(sqlite3_value* value) { return sqlite3_value_double(value); }

inline std::string_view ViewOf(const void* data, int size) {
  return size == 0 ? std::string_view()
                   : std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

/// Returns the bytes of a value, for a text in UTF-8. They are valid as long as the value. The connection
/// must be opened with OpenAs::one_thread and used by one thread at a time: only then may the result of
/// sqlite3_column_value() be read like other values.
inline std::string_view TextOf(sqlite3_value* value) {
  const unsigned char* const text = sqlite3_value_text(value);
  return ViewOf(text, sqlite3_value_bytes(value));
}
inline std::string_view BlobOf(sqlite3_value* value) {
  const void* const blob = sqlite3_value_blob(value);
  return ViewOf(blob, sqlite3_value_bytes(value));
}

/// The values of a statement's current row.
class RowValues {
 public:
  sqlite3_value** Of(sqlite3_stmt* row) {
    values_.resize(static_cast<std::size_t>(sqlite3_data_count(row)));
    for (std::size_t i = 0; i < values_.size(); ++i) {
      values_[i] = sqlite3_column_value(row, static_cast<int>(i));
    }
    return values_.data();
  }

 private:
  std::vector<sqlite3_value*> values_;
};

/// A copy of a value that outlives its row.
struct Value {
  Type type = Type::kNull;
  std::int64_t integer = 0;
  double real = 0;
  std::string bytes;

  void Keep(sqlite3_value* value);
  /// Binds a copy of the value. Returns a result code of SQLite.
  int Bind(sqlite3_stmt* statement, int place) const;
};

}  // namespace mirror::sqlite

#endif  // MIRROR_BASE_DB_SQLITE_VALUE_H_
