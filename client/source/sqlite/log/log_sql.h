#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_SQL_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_SQL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_schema.h"

namespace mirror {

/// The end of a quoted name or text, or of a comment, that begins at `at`; `at` itself when none does.
std::size_t BehindQuoted(std::string_view sql, std::size_t at);

/// A text as SQL has it, in single quotes.
std::string SingleQuoted(std::string_view text);

/// The condition of a partial index, as its definition has it behind the list of columns. Empty: it has none.
std::string ConditionOfIndex(std::string_view sql);

/// The condition as every SQLite reads it. In an index SQLite takes "active" for a text when no column has
/// that name; in a trigger an application's SQLite may take it for a name alone. So texts get single quotes.
/// `columns`: those of the table.
std::string PlainCondition(std::string_view condition, const std::vector<std::string>& columns);

/// Columns whose changes one mask column of a log holds, a bit each.
inline constexpr std::size_t kMaskBits = 62;

/// What the triggers of a table have to know about it.
struct LoggedTable {
  struct Column {
    std::string name;
    bool binary = true;  ///< Compared byte by byte; else COLLATE BINARY has to be said.
    bool generated = false;
    bool has_default = false;
    bool nullable = true;
    bool typed = true;  ///< 1 and 1.0 cannot both stand in it; else typeof() has to be compared.
  };
  /// A UNIQUE index through which REPLACE may remove other rows.
  struct Probe {
    std::string column, collation;
    bool defaulted = false;  ///< NOT NULL with a default, which REPLACE puts there instead of NULL.
  };
  struct Unique {
    std::vector<Probe> terms;
    std::string where;  ///< Of a partial index, without which SQLite would not use it.
  };

  std::string name;
  std::vector<Column> columns;     ///< As TableSchema has them.
  std::vector<std::uint32_t> key;  ///< Indexes of columns, in the key's order. Empty: there is no key.
  std::vector<Unique> unique;
  /// What the rowid can be called where it is not the key: REPLACE removes rows through it, too.
  std::string rowid;
  /// Rows that REPLACE removes are not found by a trigger: a UNIQUE index over an expression or a generated
  /// column, or a table that is called old or new.
  bool blind = false;
};

/// Errors: the source cannot be read.
absl::StatusOr<LoggedTable> DescribeLogged(const SqliteFile& file, const SourcePlan& plan);

std::string LogName(std::int64_t log);
/// Columns of a log that hold the key: k0, k1, ...
std::vector<std::string> LogKeyNames(std::size_t count);
/// The same as a list of SQL, and one of so many parameters.
std::string KeyNames(std::size_t parts);
std::string Places(std::size_t count);
/// Columns of a log that hold masks: m0, m1, ...
std::size_t MaskColumns(std::size_t columns);

/// An object of the source that the log needs, and the text by which it is made. SQLite keeps that text and
/// rewrites the names in it when they are changed, so that a trigger that is as it was made has it still.
struct LogObject {
  std::string name, sql;
};

/// The log of a table: (seq INTEGER PRIMARY KEY, k0, k1, ..., m0, m1, ...). m0 NULL: the whole row, or the
/// end of it; below 0: surely the end. No AUTOINCREMENT, no index: measured to cost the application least.
LogObject LogTable(std::int64_t log, const LoggedTable& table);
/// The triggers for the first `columns` columns; a change of a later one is logged without a bit.
/// `mark_ends`: where a row went, its entry says so, though its key be used again since. What REPLACE removes
/// is not marked. Plain enough for any SQLite since 3.8.
std::vector<LogObject> LogTriggers(std::int64_t log, const LoggedTable& table, std::size_t columns,
                                   bool mark_ends);

/// "a.x IS NOT b.x" as exactly as the column needs it.
std::string Differs(const LoggedTable::Column& column, const std::string& a, const std::string& b);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_SQL_H_
