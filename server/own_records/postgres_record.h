#ifndef MIRROR_SERVER_OWN_RECORDS_POSTGRES_RECORD_H_
#define MIRROR_SERVER_OWN_RECORDS_POSTGRES_RECORD_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/rows.h"
#include "base/db/postgres/value.h"
#include "base/status_macros.h"
#include "server/own_records/record.h"

// Reads and writes rows of records in PostgreSQL. Errors: those of Record::Read().

namespace mirror {

/// Make values that view the fields.
postgres::Value ValueOf(const Field& field, ColumnKind kind);
std::vector<postgres::Value> ValuesOf(const Fields& fields);

/// Runs a statement of the record's with this row.
template <typename Row>
absl::Status WriteRow(const Record<Row>& record, const Row& row, const std::string& sql,
                      postgres::Connection& connection, std::string_view doing) {
  const Fields fields = record.Write(row);
  return connection.Change(sql, ValuesOf(fields), doing);
}

Field PostgresFieldAt(const postgres::Rows& rows, int row, int column, ColumnKind kind);

/// Reads a row of `rows`, whose columns from `first` on are those of the record.
template <typename Row>
absl::StatusOr<Row> ReadRow(const Record<Row>& record, const postgres::Rows& rows, int row, int first = 0) {
  return record.Read(
      [&](int column, ColumnKind kind) { return PostgresFieldAt(rows, row, first + column, kind); });
}

/// Reads the first row; absent: there is none.
template <typename Row>
absl::StatusOr<std::optional<Row>> ReadFirst(const Record<Row>& record, const postgres::Rows& rows) {
  if (rows.rows() == 0) return std::nullopt;
  return ReadRow(record, rows, 0);
}

template <typename Row>
absl::StatusOr<std::vector<Row>> ReadRows(const Record<Row>& record, const postgres::Rows& rows) {
  std::vector<Row> all;
  for (int row = 0; row < rows.rows(); ++row) {
    ASSIGN_OR_RETURN(Row one, ReadRow(record, rows, row));
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace mirror

#endif  // MIRROR_SERVER_OWN_RECORDS_POSTGRES_RECORD_H_
