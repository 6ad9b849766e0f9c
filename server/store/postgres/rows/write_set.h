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
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"
#include "server/plan/plan.h"
#include "server/store/postgres/rows/any_kinds.h"
#include "server/store/postgres/rows/columns_out.h"
#include "server/store/postgres/rows/parts.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// Makes a statement over rows of a batch. `batch`: its FROM item b, with columns "c0", "c1", … for those of
/// the batch, and "kinds" if the rows have them. `first`: the number of the first value that is bound in
/// addition.
using PostgresSqlOver = std::function<std::string(const std::string& batch, int first)>;

/// How to keep versions of rows that are about to be written. Only for whole rows: no value of them comes in
/// parts.
struct PostgresKeeping {
  PostgresSqlOver sql;  ///< Reads the old rows. Returns no rows.
  std::int64_t moment;  ///< A value that is bound in addition.
};

/// The target of a batch.
struct PostgresTarget {
  std::string name;      ///< As written in SQL, with its schema.
  std::string receipts;  ///< As written in SQL, see PostgresParts.
  PostgresKinds kinds;
  bool has_new_keys = false;                 ///< No key of the batch exists yet, as in a population in key
                                             ///< order.
  const PostgresKeeping* keeping = nullptr;  ///< Null: no versions are kept.
};

/// Writes rows of a batch in one statement, which gets them as arrays.
class PostgresSetWriter {
 public:
  /// All arguments must outlive the object.
  PostgresSetWriter(postgres::Connection& connection, const PostgresTarget& target, const ApplyRows& apply,
                    PostgresBatchValues& values);

  /// Writes rows of the batch, and keeps versions in the same statement. If a value comes in parts, reads
  /// them from their table; then `rows` must be one row. Returns how many rows are new; for an UPDATE, how
  /// many existed. Errors: those of PostgreSQL and of CheckNoneKeptOut().
  absl::StatusOr<std::int64_t> Write(const std::vector<std::uint32_t>& rows);
  /// Deletes these rows by key, for a batch of any kind. Keeps no versions. Returns the negative number of
  /// deleted rows.
  absl::StatusOr<std::int64_t> Remove(const std::vector<std::uint32_t>& rows);
  /// Runs a statement over rows of the batch. No bound value may come in parts. `keys_alone`: binds only the
  /// key. Returns how many rows it changed.
  absl::StatusOr<std::int64_t> RunOver(const std::vector<std::uint32_t>& rows, bool keys_alone,
                                       const PostgresSqlOver& sql, postgres::Values values);
  /// Keeps versions for whole rows of an INSERT, in a separate statement.
  absl::Status Keep(const std::vector<std::uint32_t>& rows);
  /// Notes that each piece of this text value is valid text by itself: no piece ends inside a character.
  void NoteWholePieces(std::uint64_t value_id) { whole_texts_.insert(value_id); }
  /// Finds the rows of the batch whose keys are missing in the table. Returns the first kMissingKeysMax of
  /// them.
  absl::Status FindMissing(RowsWritten* written);

 private:
  struct Statement;
  void BindColumns(const std::vector<std::uint32_t>& rows, bool keys_alone, Statement* to);
  void BindKinds(const std::vector<std::uint32_t>& rows, Statement* to);
  void AddParts(const LargeValue& large, std::size_t column, std::uint32_t row, Statement* to) const;
  std::string SameKey() const;
  /// Returns "kept AS (…)" for a WITH clause; empty: no versions are kept.
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

/// Returns whether rows of the INSERT may be deleted and inserted again, because the table's rows hold no
/// data of others. Must be called in the transaction that writes the rows.
absl::StatusOr<bool> MayReplaceRows(postgres::Connection& connection, const PostgresTarget& target,
                                    const TableSchema& schema);

/// Inserts these rows of an INSERT by COPY. None of their keys may exist. Returns how many rows it inserted.
/// Failure::copy_row of an error is an index into `rows`.
absl::StatusOr<std::int64_t> CopyRows(postgres::Connection& connection, const PostgresTarget& target,
                                      const ApplyRows& apply, PostgresBatchValues& values,
                                      const std::vector<std::uint32_t>& rows);

/// Returns an error for people if PostgreSQL refuses rows of a batch. It never contains row data. `row`: the
/// refused row, if known. kFailedPrecondition: a constraint, which is named, or a table that differs from its
/// agreed definition. kInvalidArgument: PostgreSQL cannot store a value or a row; then postgres::FailureOf()
/// still works. kAborted: a lock of somebody else, which concerns only this table. Returns other errors as
/// `status`.
absl::Status RefusedRows(const absl::Status& status, const TableSchema& schema,
                         std::optional<std::uint32_t> row);
/// Checks that all sent rows were written, even if nothing reported an error. Errors: kFailedPrecondition.
absl::Status CheckNoneKeptOut(const TableSchema& schema, std::int64_t written, std::size_t sent);

// Both need a batch with rows, and a table with a key.
Key LeastKey(const TableSchema& kept, const ChangeBatch& batch);
Key GreatestKey(const TableSchema& kept, const ChangeBatch& batch);

/// Writes the rows of `apply.batch`, and deletes the parts of the large values that it used. Runs in the
/// caller's transaction, which has failed after an error of PostgreSQL. Errors: kFailedPrecondition: rows of
/// an UPDATE are missing (the message names them), a constraint refuses the rows, or a large value is
/// incomplete; kInvalidArgument: a value cannot be stored; kAborted: somebody else has locked the table;
/// Failure.
absl::Status WriteRows(postgres::Connection& connection, const PostgresTarget& target, const ApplyRows& apply,
                       RowsWritten* written);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_WRITE_SET_H_
