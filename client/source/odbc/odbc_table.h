#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_TABLE_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "client/source/server/server_look.h"
#include "proto/wire/table.h"

namespace mirror {

/// What the text is that a value comes as.
enum class OdbcForm : std::uint8_t {
  kText,
  kBool,
  kInteger,
  kReal,
  kSingle,     ///< A number of 4 bytes.
  kDecimal,    ///< Kept as it is written.
  kDate,       ///< 2024-12-31
  kTime,       ///< 23:59:59.999999
  kTimestamp,  ///< Both, with a space or a T between them.
  kUuid,
  kBytes,   ///< The bytes themselves.
  kTagged,  ///< A letter, and what it says behind it: i 1, r 1.5, t text, b and x hexadecimal digits.
};

/// A column as the source has it, and how it is read.
struct OdbcColumn {
  std::int64_t number = 0;  ///< Tells it from the table's other columns.
  std::uint32_t type = 0;   ///< Another number: its type was changed.
  std::string type_name;    ///< For people.
  Column wire;              ///< As it is announced when no value is known that says otherwise.
  OdbcForm form = OdbcForm::kText;
  std::string value;                     ///< SQL over the row t that gives it in that form.
  OdbcForm wide_form = OdbcForm::kText;  ///< This and the next two: once it is announced as ANY.
  std::string wide_value;
  Affinity wide_affinity = Affinity::kText;
  /// SQL over the row t, and over a "?" that has a value's text, as they are compared for equality; and once
  /// it is announced as ANY.
  std::string name, place = "?", wide_name, wide_place = "?";
  bool numbers_sort = false;  ///< `name` compares as the numbers, days or times that it holds.
  /// The same that compares texts by their bytes; empty: nothing does.
  std::string sorted_name, sorted_place = "?";
  std::string is_null;  ///< SQL over the row t: it has no value.
  friend bool operator==(const OdbcColumn&, const OdbcColumn&) = default;
};

/// One term of the order in which a table is read page by page.
struct OdbcPageTerm {
  std::string name;         ///< SQL over the row t, as it is compared and sorted.
  std::string value;        ///< SQL over the row t that gives it as a text.
  std::string place = "?";  ///< SQL over a "?" that has that text.
  bool is_integer = false;  ///< The "?" is one.
  friend bool operator==(const OdbcPageTerm&, const OdbcPageTerm&) = default;
};

/// A table as the catalogs have it.
struct OdbcTable {
  std::uint64_t id = 0;  ///< Of the table, where the source has one.
  /// SourceTable::identity, where `id` is none and the source has another mark of when it was made.
  std::uint64_t identity = 0;
  std::string name;
  std::string from;    ///< What stands behind FROM: its rows, called t.
  std::string quoted;  ///< Its name as it stands in SQL.
  std::vector<OdbcColumn> columns;
  std::vector<std::string> left_out;  ///< Columns that the database computes.
  std::vector<std::uint32_t> key;     ///< Places of the primary key's columns in `columns`.
  bool drops_null_key = false;        ///< The key's columns may be NULL in spite of being a key.
  std::string select_words;           ///< What stands behind SELECT, before the columns.
  std::vector<OdbcPageTerm> pages;    ///< Each page is a statement of its own; none: all is one.
  std::vector<std::string> notes;     ///< What people should know of it, without its name.
  std::string problem;                ///< Why it cannot be read; empty: it can.
  friend bool operator==(const OdbcTable&, const OdbcTable&) = default;
};

/// A table of a look.
struct KnownOdbcTable : KnownServerTable<OdbcTable> {
  bool IsWide(std::uint32_t column) const {
    return schema.columns[column].type == Type::kAny && table.columns[column].wire.type != Type::kAny;
  }
  const std::string& ValueSql(std::uint32_t column) const {
    return IsWide(column) ? table.columns[column].wide_value : table.columns[column].value;
  }
  OdbcForm FormOf(std::uint32_t column) const {
    return IsWide(column) ? table.columns[column].wide_form : table.columns[column].form;
  }
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_TABLE_H_
