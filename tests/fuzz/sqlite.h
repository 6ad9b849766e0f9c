#ifndef MIRROR_TESTS_FUZZ_SQLITE_H_
#define MIRROR_TESTS_FUZZ_SQLITE_H_

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "proto/wire/table.h"
#include "tests/fuzz/input.h"

namespace mirror {

/// A value as SQLite has it, with its storage class.
using Stored = Literal;

/// The first row of one statement, each value bound to ?1, ?2, ...; aborts when SQLite refuses it, or when
/// there is more than one statement in the text. No row: empty.
inline std::vector<Stored> FirstRow(sqlite3* database, const std::string& sql,
                                    const std::vector<Stored>& values = {}) {
  sqlite3_stmt* statement = nullptr;
  const char* tail = nullptr;
  Require(sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement, &tail) ==
          SQLITE_OK);
  Require(statement != nullptr && tail == sql.data() + sql.size());
  int place = 0;
  for (const Stored& value : values) {
    ++place;
    const auto* const text = std::get_if<std::string>(&value);
    const auto* const bytes = std::get_if<Bytes>(&value);
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      sqlite3_bind_int64(statement, place, *integer);
    } else if (const auto* real = std::get_if<double>(&value)) {
      sqlite3_bind_double(statement, place, *real);
    } else if (text != nullptr) {
      sqlite3_bind_text(statement, place, text->data(), static_cast<int>(text->size()), SQLITE_TRANSIENT);
    } else if (bytes != nullptr) {
      sqlite3_bind_blob64(statement, place, bytes->value.data(), bytes->value.size(), SQLITE_TRANSIENT);
      if (bytes->value.empty()) sqlite3_bind_zeroblob(statement, place, 0);
    }
  }
  std::vector<Stored> row;
  const int code = sqlite3_step(statement);
  Require(code == SQLITE_ROW || code == SQLITE_DONE);
  for (int i = 0; code == SQLITE_ROW && i < sqlite3_column_count(statement); ++i) {
    const int type = sqlite3_column_type(statement, i);
    const auto* const data = static_cast<const char*>(sqlite3_column_blob(statement, i));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, i));
    const std::string content = data == nullptr ? "" : std::string(data, size);
    if (type == SQLITE_INTEGER) {
      row.emplace_back(sqlite3_column_int64(statement, i));
    } else if (type == SQLITE_FLOAT) {
      row.emplace_back(sqlite3_column_double(statement, i));
    } else if (type == SQLITE_TEXT) {
      row.emplace_back(content);
    } else if (type == SQLITE_BLOB) {
      row.emplace_back(Bytes{content});
    } else {
      row.emplace_back(Null{});
    }
  }
  sqlite3_finalize(statement);
  return row;
}

}  // namespace mirror

#endif  // MIRROR_TESTS_FUZZ_SQLITE_H_
