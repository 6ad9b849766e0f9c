#ifndef MIRROR_SERVER_OWN_RECORDS_SQLITE_RECORD_H_
#define MIRROR_SERVER_OWN_RECORDS_SQLITE_RECORD_H_

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/statement.h"
#include "base/status_macros.h"
#include "server/own_records/record.h"

// Rows of records in SQLite. Errors: SQLite's, and those of Record::Read(). Threads: the statement's.

namespace mirror {

inline constexpr TableAt kInSqlite = {Dialect::kSqlite};

/// Binds from the first parameter on; `fields` must live until the statement was stepped.
sqlite::Statement& BindFields(sqlite::Statement& statement, const Fields& fields);

/// Runs a statement of the record's with this row.
template <typename Row>
absl::Status WriteRow(const Record<Row>& record, const Row& row, sqlite::Statement statement) {
  const Fields fields = record.Write(row);
  return BindFields(statement, fields).Run();
}

/// Reads a field of the current row of `statement`.
Field SqliteFieldAt(const sqlite::Statement& statement, int column, ColumnKind kind);

/// Reads the current row of `statement`, whose first columns are those of the record.
template <typename Row>
absl::StatusOr<Row> ReadRow(const Record<Row>& record, const sqlite::Statement& statement) {
  return record.Read([&](int column, ColumnKind kind) { return SqliteFieldAt(statement, column, kind); });
}

/// Reads the next row; absent: there is none.
template <typename Row>
absl::StatusOr<std::optional<Row>> ReadNext(const Record<Row>& record, sqlite::Statement& statement) {
  ASSIGN_OR_RETURN(const bool there, statement.Step());
  if (!there) return std::nullopt;
  return ReadRow(record, statement);
}

/// Reads all remaining rows.
template <typename Row>
absl::StatusOr<std::vector<Row>> ReadRows(const Record<Row>& record, sqlite::Statement& statement) {
  std::vector<Row> rows;
  for (;;) {
    ASSIGN_OR_RETURN(std::optional<Row> row, ReadNext(record, statement));
    if (!row) return rows;
    rows.push_back(*std::move(row));
  }
}

}  // namespace mirror

#endif  // MIRROR_SERVER_OWN_RECORDS_SQLITE_RECORD_H_
