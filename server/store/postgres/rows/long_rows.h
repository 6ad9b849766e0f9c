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

/// Values over so many bytes are read by pieces where their digest alone is wanted.
inline constexpr std::size_t kLongValueBytes = 4 << 20;

/// Whether the table may have values of over kLongValueBytes: those stand beside it, compressed if need be.
absl::StatusOr<bool> MayHaveLongValues(postgres::Connection& connection, const std::string& name,
                                       const TableSchema& kept);

/// Rows with values that are not to stand in memory as a whole: libpq has a row it reads twice, and a value
/// of an ANY column is twice as long as a text. The others are read as usual; what is left out of that is
/// noted here, and read behind them, in the same snapshot.
class PostgresLongRows {
 public:
  /// `name`: as it stands in SQL. All of them outlive it.
  PostgresLongRows(postgres::Connection& connection, const std::string& name, const TableSchema& kept,
                   PostgresStoredRows& stored)
      : connection_(connection), name_(name), kept_(kept), stored_(stored) {}

  /// What is selected of "m" in the place of PostgresStoredRows::SelectList().
  std::string SelectList() const { return stored_.SelectListWithout(kLongValueBytes); }
  /// A row of SelectList(). True: it has a long value, was noted, and is nothing to be read.
  bool Note(const postgres::RowView& row, std::size_t range);
  /// Adds the digests of those that were noted, each to that of its range. `may_go_on`: as of ReadRanges().
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
