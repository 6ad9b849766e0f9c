#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_ROWS_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_ROWS_H_

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
#include "certs/keyed_hash.h"
#include "client/source/mariadb/mariadb_catalog.h"
#include "client/source/mariadb/mariadb_lock_watch.h"
#include "client/source/mariadb/mariadb_row_decoder.h"
#include "client/source/mariadb/mariadb_sessions.h"
#include "client/source/mariadb/mariadb_spool.h"
#include "client/source/steps/row_steps.h"
#include "client/source/steps/table_steps.h"
#include "client/source/values/value_rows.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// A table of a look: as the catalogs have it, and as it is announced.
struct KnownMariadbTable {
  MariadbTable table;
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
struct MariadbLook {
  std::shared_ptr<MariadbSessions> sessions;
  MariadbSource place;
  const TenantHashKey* hash_key = nullptr;  ///< Null: there is none. Outlives the look.
  bool is_over = false;                     ///< There is a newer one.
  /// Keeps that values of these columns (indexes of the table's schema) are not as they were announced.
  std::function<void(const KnownMariadbTable& table, const std::vector<MariadbMisfit>& misfits)> keep;
  /// Takes MariadbReading::snapshot() of each transaction that reads rows. Empty: nobody asks for it.
  std::function<void(const KnownMariadbTable& table, const std::string& snapshot)> note_snapshot = {};
};

/// Which rows of a table are read, and what of them.
struct MariadbAsk {
  std::vector<std::uint32_t> columns;  ///< Indexes of its schema.
  std::string where = {};              ///< A condition over the row t; empty: all.
  std::string behind = {};             ///< "ORDER BY … LIMIT …"
  bool left_out = false;               ///< Instead: rows that the table's `where` leaves out.
  /// Instead of one statement one for each of them, of the same moment: each begins with a WITH for k, which
  /// is joined by `where`.
  std::vector<std::string> with = {};
};

/// One transaction that reads one table, and sees one moment: it is that which was looked at. Somebody who
/// waits to change its definition ends it. Threads: one.
class MariadbReading {
 public:
  /// Errors: as ExplainReading() gives them.
  static absl::StatusOr<std::unique_ptr<MariadbReading>> Begin(const MariadbLook& look,
                                                               const KnownMariadbTable& known);
  ~MariadbReading();
  MariadbReading(const MariadbReading&) = delete;
  MariadbReading& operator=(const MariadbReading&) = delete;

  mariadb::Connection& connection() { return *lease_; }
  /// "binlog.000003:1234 1": all groups of the binlog of that server_id that end up to there are seen, and no
  /// other. Empty: nobody asks for it.
  const std::string& snapshot() const { return snapshot_; }
  /// An error of the connection's, as people are told it.
  absl::Status Explain(const absl::Status& status) const;
  /// A statement is left in its middle: its session ends, and at the server now.
  void Abandon();

 private:
  MariadbReading(std::shared_ptr<MariadbSessions> sessions, MariadbLease lease, const MariadbTable& table,
                 MariadbSource place)
      : sessions_(std::move(sessions)), lease_(std::move(lease)), table_(table), place_(std::move(place)) {}
  absl::Status Start();
  absl::Status TakeSnapshotPlace();

  const std::shared_ptr<MariadbSessions> sessions_;
  MariadbLease lease_;
  const MariadbTable table_;
  const MariadbSource place_;
  std::optional<MariadbLockWatch> watch_;
  std::string snapshot_;
};

/// Rows of a table as they were at one moment, which is that of the first Next(): the snapshot and a lock
/// against changes of the table's definition are held from there to the last row, or until somebody waits to
/// make one, and by no one before and after. Of a table whose engine has no snapshots all rows are put into a
/// temporary file by the first Next(), and nothing is held from there on: who writes waits for whoever reads.
/// Threads: one.
class MariadbSourceRows : public ValueRows {
 public:
  MariadbSourceRows(std::shared_ptr<const MariadbLook> look, std::shared_ptr<const KnownMariadbTable> known,
                    MariadbAsk ask);
  ~MariadbSourceRows() override;

  /// A value that is not as it was announced is kept for the next look, with all others that follow.
  absl::StatusOr<bool> Next() override;
  const std::vector<Value>& values() const override { return steps_ ? values_ : decoder_.values(); }
  /// Of a table without steps: the same as MariaDB wrote them; a field without data is NULL.
  const std::vector<std::string_view>& texts() const { return Fields(); }
  /// MariadbReading::snapshot(), from the first Next() on.
  const std::string& snapshot() const { return snapshot_; }

 private:
  absl::Status Start();
  absl::Status Spool();
  absl::StatusOr<bool> Step();
  absl::StatusOr<bool> StepAtServer();
  const std::vector<std::string_view>& Fields() const {
    return spool_ ? spool_->fields() : stream_->fields();
  }
  absl::Status Explain(const absl::Status& status) const;
  absl::StatusOr<bool> NextOfTable();
  absl::StatusOr<bool> TakeSteps();
  absl::StatusOr<bool> Misfit();
  std::string Sql(std::size_t with) const;
  void End();

  const std::shared_ptr<const MariadbLook> look_;
  const std::shared_ptr<const KnownMariadbTable> known_;
  const MariadbAsk ask_;
  const std::vector<std::uint32_t> read_;  ///< What is read: with steps all columns.
  MariadbRowDecoder decoder_;
  bool has_begun_ = false, has_ended_ = false;
  std::unique_ptr<MariadbReading> reading_;
  std::optional<mariadb::RowStream> stream_;
  std::optional<MariadbSpool> spool_;  ///< Of a table without snapshots: all rows.
  std::size_t statements_ = 0;         ///< That were begun.
  std::optional<RowSteps> steps_;
  std::vector<Value> row_, values_;  ///< With steps: the whole row, and what was asked for.
  std::string snapshot_;
};

/// The source's own rows of a table that are in it at one moment: how many. `where`: a condition over t.
absl::StatusOr<std::uint64_t> CountMariadbRows(const MariadbLook& look, const KnownMariadbTable& known,
                                               const std::string& where = "");

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_ROWS_H_
