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

/// Returns the end of a quoted name or text, or of a comment, that begins at `at`; otherwise `at`.
std::size_t BehindQuoted(std::string_view sql, std::size_t at);

/// Returns a text as a SQL literal in single quotes.
std::string SingleQuoted(std::string_view text);

/// Returns the condition of a partial index from its definition, the part after the columns. Empty: none.
std::string ConditionOfIndex(std::string_view sql);

/// Rewrites the condition so that every SQLite reads it alike. In an index SQLite treats "active" as a text
/// if no column has that name; in a trigger an application's SQLite may treat it only as a name. So texts get
/// single quotes. `columns`: those of the table.
std::string PlainCondition(std::string_view condition, const std::vector<std::string>& columns);

/// Columns whose changes one mask column of a log holds, a bit each.
inline constexpr std::size_t kMaskBits = 62;

/// The properties of a table that its triggers depend on.
struct LoggedTable {
  struct Column {
    std::string name;
    bool binary = true;  ///< Compared byte by byte; otherwise COLLATE BINARY is needed.
    bool generated = false;
    bool has_default = false;
    bool nullable = true;
    bool typed = true;  ///< Cannot hold both 1 and 1.0; otherwise typeof() is compared, too.
  };
  /// A UNIQUE index through which REPLACE may delete other rows.
  struct Probe {
    std::string column, collation;
    bool defaulted = false;  ///< NOT NULL with a default, which REPLACE stores instead of NULL.
  };
  struct Unique {
    std::vector<Probe> terms;
    std::string where;  ///< Of a partial index: without it SQLite would not use the index.
  };

  std::string name;
  std::vector<Column> columns;     ///< In the order of TableSchema.
  std::vector<std::uint32_t> key;  ///< Indexes of columns, in the key's order. Empty: no key.
  std::vector<Unique> unique;
  /// A name of the rowid if it is not the key: REPLACE deletes rows through it, too.
  std::string rowid;
  /// Triggers cannot find rows that REPLACE deletes: a UNIQUE index is over an expression or a generated
  /// column, or the table is named old or new.
  bool blind = false;
};

/// Errors: the source cannot be read.
absl::StatusOr<LoggedTable> DescribeLogged(const SqliteFile& file, const SourcePlan& plan);

std::string LogName(std::int64_t log);
/// Columns of a log that hold the key: k0, k1, ...
std::vector<std::string> LogKeyNames(std::size_t count);
/// The same as a SQL list; and a list of that many parameters.
std::string KeyNames(std::size_t parts);
std::string Places(std::size_t count);
/// Columns of a log that hold masks: m0, m1, ...
std::size_t MaskColumns(std::size_t columns);

/// A schema object that the log needs, and the SQL that creates it. SQLite stores that text and updates
/// renamed names in it, so an unchanged trigger still has it.
struct LogObject {
  std::string name, sql;
};

/// The log of a table: (seq INTEGER PRIMARY KEY, k0, k1, ..., m0, m1, ...). m0 NULL: the whole row, or its
/// delete; below 0: certainly a delete. No AUTOINCREMENT, no index: measured as cheapest for the application.
LogObject LogTable(std::int64_t log, const LoggedTable& table);
/// The triggers for the first `columns` columns; a change of a later column is logged without a bit.
/// `mark_ends`: the entry of a delete says so, even if the key was used again since. Rows that REPLACE
/// deletes are not marked. The SQL works in any SQLite since 3.8.
std::vector<LogObject> LogTriggers(std::int64_t log, const LoggedTable& table, std::size_t columns,
                                   bool mark_ends);

/// Returns "a.x IS NOT b.x" with the precision that the column needs.
std::string Differs(const LoggedTable::Column& column, const std::string& a, const std::string& b);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_SQL_H_
