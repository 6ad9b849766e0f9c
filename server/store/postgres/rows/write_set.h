#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_WRITE_SET_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_WRITE_SET_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "proto/wire/table.h"
#include "server/plan/plan.h"
#include "server/store/postgres/rows/any_kinds.h"
#include "server/store/postgres/rows/columns_out.h"
#include "server/store/postgres/rows/parts.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// A statement over rows of a batch. It gets what stands behind FROM: b, with "c0", "c1", … for the batch's
/// columns, and "kinds" where rows have them; and the number of the first value that is bound beside.
using PostgresSqlOver = std::function<std::string(const std::string& batch, int first)>;

/// What is kept of rows that are about to be written, of whole ones alone: none of their values comes in
/// parts.
struct PostgresKeeping {
  PostgresSqlOver sql;  ///< Has no result. Reads rows as they were.
  std::int64_t moment;  ///< Is bound beside.
};

/// Where a batch goes.
struct PostgresTarget {
  std::string name;      ///< As it stands in SQL, with its schema.
  std::string receipts;  ///< As it stands in SQL: see PostgresParts.
  PostgresKinds kinds;
  bool has_new_keys = false;  ///< No key of the batch is there, as in a population in key order.
  const PostgresKeeping* keeping = nullptr;  ///< Null: nothing is kept.
};

/// Rows of a batch in one statement, which gets them as arrays.
class PostgresSetWriter {
 public:
  /// All of them outlive it.
  PostgresSetWriter(postgres::Connection& connection, const PostgresTarget& target, const ApplyRows& apply,
                    PostgresBatchValues& values);

  /// Rows of the batch, of which values in parts are taken from there: then they are one row. Keeps what is
  /// to be kept of them, in the same statement. Gives how many are there now and were not; of an UPDATE, how
  /// many were. Errors: PostgreSQL's, and CheckNoneKeptOut().
  absl::StatusOr<std::int64_t> Write(const std::vector<std::uint32_t>& rows);
  /// Those rows of whatever batch by their keys, of which nothing is kept. Gives how many went, below 0.
  absl::StatusOr<std::int64_t> Remove(const std::vector<std::uint32_t>& rows);
  /// Runs a statement over rows of the batch, of which none has a value in parts in what it gets:
  /// `keys_alone`: its key. Gives how many rows it changed.
  absl::StatusOr<std::int64_t> RunOver(const std::vector<std::uint32_t>& rows, bool keys_alone,
                                       const PostgresSqlOver& sql, postgres::Values values);
  /// Keeps what is to be kept of whole rows of an INSERT, by itself.
  absl::Status Keep(const std::vector<std::uint32_t>& rows);
  /// Each piece of the text that came in parts is a text: none ends inside of a character.
  void NoteWholePieces(std::uint64_t value_id) { whole_texts_.insert(value_id); }
  /// Of the batch those whose key is not there: the first kMissingKeysMax.
  absl::Status FindMissing(RowsWritten* written);

 private:
  struct Statement;
  void BindColumns(const std::vector<std::uint32_t>& rows, bool keys_alone, Statement* to);
  void BindKinds(const std::vector<std::uint32_t>& rows, Statement* to);
  void AddParts(const LargeValue& large, std::size_t column, std::uint32_t row, Statement* to) const;
  std::string SameKey() const;
  /// "kept AS (…)", for what stands in a WITH; empty: nothing is kept.
  std::string Kept(Statement* to) const;
  absl::StatusOr<std::int64_t> Insert(Statement statement, std::size_t rows);
  std::string SetKinds(Statement* to) const;
  absl::StatusOr<std::int64_t> Update(Statement statement);
  absl::StatusOr<std::int64_t> Delete(Statement statement, const std::string& kept);

  postgres::Connection& connection_;
  const PostgresTarget& target_;
  const TableSchema& schema_;
  const ChangeBatch& batch_;
  const PostgresParts parts_;
  PostgresBatchValues& values_;
  std::string parts_key_;
  std::set<std::uint64_t> whole_texts_;  ///< Value ids.
};

/// Whether rows of the INSERT may be removed and written anew: nothing in a row is another's. Asked in the
/// transaction that writes them.
absl::StatusOr<bool> MayReplaceRows(postgres::Connection& connection, const PostgresTarget& target,
                                    const TableSchema& schema);

/// Those rows of an INSERT by COPY, none of whose keys is there. Gives how many. The error's
/// Failure::copy_row counts `rows`.
absl::StatusOr<std::int64_t> CopyRows(postgres::Connection& connection, const PostgresTarget& target,
                                      const ApplyRows& apply, PostgresBatchValues& values,
                                      const std::vector<std::uint32_t>& rows);

/// What people are told when PostgreSQL refuses rows of a batch, never with what is in them. `row`: the one
/// that it is about, where that is known. kFailedPrecondition: a constraint, which is named, or a table that
/// is not as it was agreed; kInvalidArgument: a value or a row that PostgreSQL cannot hold, which
/// postgres::FailureOf() goes on telling; kAborted: a lock
/// of somebody else's, which is this table's affair alone. Others are `status` itself.
absl::Status RefusedRows(const absl::Status& status, const TableSchema& schema,
                         std::optional<std::uint32_t> row);
/// Whether all rows that were sent were written, where nothing refused them. Errors: kFailedPrecondition.
absl::Status CheckNoneKeptOut(const TableSchema& schema, std::int64_t written, std::size_t sent);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_WRITE_SET_H_
