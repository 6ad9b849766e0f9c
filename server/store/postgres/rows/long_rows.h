#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_LONG_ROWS_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_LONG_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "proto/wire/row_digest.h"
#include "proto/wire/table.h"
#include "server/store/postgres/rows/columns_in.h"

namespace mirror {

/// Values over so many bytes are read in pieces when only their digest is needed.
inline constexpr std::size_t kLongValueBytes = 4 << 20;

/// Tells whether the table may have values of over kLongValueBytes: those are in its TOAST table.
absl::StatusOr<bool> MayHaveLongValues(postgres::Connection& connection, const std::string& name,
                                       const TableSchema& kept);

/// Rows whose values must not be in memory as a whole: libpq holds a row twice while it reads it, and a value
/// of an ANY column is twice as long as its text. Other rows are read as usual. Skipped rows are noted here,
/// and read afterwards in the same snapshot.
class PostgresLongRows {
 public:
  /// `name`: as it stands in SQL. All arguments must outlive the object.
  PostgresLongRows(postgres::Connection& connection, const std::string& name, const TableSchema& kept,
                   PostgresStoredRows& stored)
      : connection_(connection), name_(name), kept_(kept), stored_(stored) {}

  /// The SELECT list from "m" to use instead of PostgresStoredRows::SelectList().
  std::string SelectList() const { return stored_.SelectListWithout(kLongValueBytes); }
  /// Takes a row of SelectList(). True: it has a long value and was noted; the caller skips it.
  bool Note(const postgres::RowView& row, std::size_t range);
  /// Adds the digests of noted rows, each to that of its range. `may_go_on`: as in ReadRanges().
  absl::Status Digest(const std::function<absl::Status()>& may_go_on, std::vector<RangeDigest>* digests);

 private:
  absl::Status DigestRow(const std::string& ctid, const std::function<absl::Status()>& may_go_on,
                         RowDigest* digest);
  absl::Status AddPieces(const std::string& ctid, std::size_t index, std::uint64_t octets,
                         const std::function<absl::Status()>& may_go_on,
                         const std::function<bool(std::string_view)>& add);

  postgres::Connection& connection_;
  const std::string& name_;
  const TableSchema& kept_;
  PostgresStoredRows& stored_;
  std::vector<std::pair<std::string, std::size_t>> noted_;  ///< ctid and range.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_LONG_ROWS_H_
