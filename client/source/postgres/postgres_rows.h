#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_ROWS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_ROWS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/copy.h"
#include "certs/keyed_hash.h"
#include "client/source/postgres/postgres_catalog.h"
#include "client/source/postgres/postgres_moment.h"
#include "client/source/postgres/postgres_row_decoder.h"
#include "client/source/postgres/postgres_sessions.h"
#include "client/source/steps/row_steps.h"
#include "client/source/steps/table_steps.h"
#include "client/source/values/value_rows.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// A table of a look: as the catalogs have it, and as it is announced.
struct KnownPostgresTable {
  PostgresTable table;
  TableSchema schema;  ///< Its columns are those of `table`, in that order; as they are in the source.
  TableSchema given;   ///< The same as it is announced: hashed and masked columns are texts.
  /// Absent: its rows are those of the source. The key of their hashes is the look's.
  std::optional<TableSteps> steps = {};

  /// A column is hashed or masked.
  bool Turns(std::uint32_t column) const {
    return steps && steps->TurnOf(schema.columns[column].name).rule != Rule::kPlain;
  }
};

/// What the readers of one look share.
struct PostgresLook {
  std::shared_ptr<PostgresSessions> sessions;
  std::string schema;
  PostgresSource place;
  const TenantHashKey* hash_key = nullptr;  ///< Null: there is none. Outlives the look.
  bool is_over = false;                     ///< There is a newer one.
  /// Keeps that values of these columns (indexes of the table's schema) are not as they were announced.
  std::function<void(const KnownPostgresTable& table, const std::vector<PostgresMisfit>& misfits)> keep;
  /// Takes pg_current_snapshot() of each transaction that reads rows, none of which a standby answers:
  /// kUnavailable. Empty: nobody asks for it.
  std::function<void(const KnownPostgresTable& table, const std::string& snapshot)> note_snapshot = {};
  /// Of which all is read that begins while it is there. Null: each reading is of its own.
  std::shared_ptr<PostgresMoment> moment = nullptr;
};

/// A transaction that reads the table, which is as it was looked at, and locked so that it stays so.
/// `snapshot`: where it is given, pg_current_snapshot() of it. Errors: those of TableReader::Next().
absl::StatusOr<std::unique_ptr<SourceReading>> BeginPostgresReading(const PostgresLook& look,
                                                                    const KnownPostgresTable& known,
                                                                    std::string* snapshot = nullptr);

/// Which rows of a table are read, and what of them.
struct PostgresAsk {
  std::vector<std::uint32_t> columns;  ///< Indexes of its schema.
  std::string where = {};              ///< A condition over the row t; empty: all.
  std::string behind = {};             ///< "ORDER BY … LIMIT …"
  bool left_out = false;               ///< Instead: rows that the table's `where` leaves out.
  std::string join = {};               ///< Before the table, with JOIN at its end; then `where` is its ON.
};

/// Rows of a table as they were at one moment, which is that of the first Next(): the snapshot and a lock
/// against changes of the table's definition are held from there to the last row, or until somebody waits to
/// make one, and by no one before and after. Threads: one.
class PostgresSourceRows : public ValueRows {
 public:
  PostgresSourceRows(std::shared_ptr<const PostgresLook> look,
                     std::shared_ptr<const KnownPostgresTable> known, PostgresAsk ask);
  ~PostgresSourceRows() override;

  /// False: there is no further row. Errors: see TableReader::Next(). A value that is not as it was announced
  /// is kept for the next look, with all others that follow.
  absl::StatusOr<bool> Next() override;
  /// Of the present row, in the order of PostgresAsk::columns.
  const std::vector<Value>& values() const override { return steps_ ? values_ : decoder_.values(); }

  /// For statements that bind values: `arrays` are $1, $2, …
  void Bind(std::vector<postgres::Array> arrays) { arrays_ = std::move(arrays); }

 private:
  absl::Status Start();
  absl::Status Send();
  absl::StatusOr<bool> Step();
  absl::StatusOr<bool> NextOfTable();
  absl::StatusOr<bool> TakeSteps();
  absl::StatusOr<bool> Misfit();
  absl::Status YieldIfWaitedFor();
  std::string Sql() const;
  void End();

  const std::shared_ptr<const PostgresLook> look_;
  const std::shared_ptr<const KnownPostgresTable> known_;
  const PostgresAsk ask_;
  const std::vector<std::uint32_t> read_;  ///< What is read: with steps all columns.
  std::vector<postgres::Array> arrays_;
  PostgresRowDecoder decoder_;
  bool has_begun_ = false, has_ended_ = false;
  std::uint64_t steps_done_ = 0;
  std::chrono::steady_clock::time_point asked_;  ///< When it was last looked who waits.
  std::unique_ptr<SourceReading> reading_;
  std::optional<postgres::CopyOut> copy_;
  std::optional<postgres::RowStream> stream_;
  std::vector<std::string_view> fields_;  ///< Of a stream's row.
  std::optional<RowSteps> steps_;         ///< Once it has begun.
  std::vector<Value> row_, values_;       ///< With steps: the whole row, and what was asked for.
};

/// The source's own rows of a table that are in it at one moment: how many. `where`: a condition over t.
absl::StatusOr<std::uint64_t> CountPostgresRows(const PostgresLook& look, const KnownPostgresTable& known,
                                                const std::string& where = "");

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_ROWS_H_
