#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_SQL_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_SQL_H_

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/sqlite/file/sqlite_value.h"
#include "client/source/sqlite/log/log_sql.h"
#include "proto/wire/key_range.h"

namespace mirror {

// How the state of captured tables is read and written, see CaptureState.

/// The rows of a table, by its id.
inline std::string RowsName(std::int64_t id) { return absl::StrCat("rows_", id); }
inline std::string KeyNames(std::size_t parts) { return absl::StrJoin(LogKeyNames(parts), ", "); }
inline std::string Places(std::size_t count) {
  return absl::StrJoin(std::vector<std::string>(count, "?"), ", ");
}

inline void BindInt(const Statement& statement, int parameter, std::int64_t value) {
  sqlite3_bind_int64(statement.get(), parameter, value);
}
inline void BindText(const Statement& statement, int parameter, const std::string& value) {
  sqlite3_bind_text(statement.get(), parameter, value.data(), static_cast<int>(value.size()),
                    SQLITE_TRANSIENT);
}
/// From the parameter `first` on.
inline void BindKey(const Statement& statement, int first, const Key& key) {
  for (std::size_t i = 0; i < key.size(); ++i) {
    FromKeyPart(key[i]).Bind(statement.get(), first + static_cast<int>(i));
  }
}
inline std::string ReadText(const Statement& statement, int column) {
  return std::string(TextOf(sqlite3_column_value(statement.get(), column)));
}
/// Of the first columns.
inline Key ReadKey(const Statement& statement, std::size_t parts) {
  Key key;
  for (std::size_t i = 0; i < parts; ++i) {
    KeyValue value;
    value.Keep(sqlite3_column_value(statement.get(), static_cast<int>(i)));
    key.push_back(ToKeyPart(value));
  }
  return key;
}

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_SQL_H_
