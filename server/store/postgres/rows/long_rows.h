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

/// Values of more bytes are read in pieces if only their digest is needed.
inline constexpr std::size_t kLongValueBytes = 4 << 20;

/// Returns whether the table may have values of more than kLongValueBytes. Such values are in its TOAST
/// table.
absl::StatusOr<bool> MayHaveLongValues(postgres::Connection& connection, const std::string& name,
                                       const TableSchema& kept);

/// Rows with values that must not be in memory as a whole. libpq holds a row twice while it reads it, and a
/// value of an ANY column is twice as long as its text. Such rows are noted here, and read later in the same
/// snapshot. All other rows are read as usual.
class PostgresLongRows {
 public:
  /// `name`: as written in SQL. All arguments must outlive the object.
  PostgresLongRows(postgres::Connection& connection, const std::string& name, const TableSchema& kept,
                   PostgresStoredRows& stored)
      : connection_(connection), name_(name), kept_(kept), stored_(stored) {}

  /// Returns the SELECT list for "m" to use instead of PostgresStoredRows::SelectList().
  std::string SelectList() const { return stored_.SelectListWithout(kLongValueBytes); }
  /// Takes a row of SelectList(). True: the row has a long value and was noted, and the caller skips it.
  bool Note(const postgres::RowView& row, std::size_t range);
  /// Adds the digest of each noted row to the digest of its range. `may_go_on`: as in ReadRanges().
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
