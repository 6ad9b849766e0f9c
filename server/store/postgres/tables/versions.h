#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_VERSIONS_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_VERSIONS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/plan/plan.h"
#include "server/store/journal_verbs.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/rows/any_kinds.h"
#include "server/store/postgres/tables/history_rows.h"
#include "server/store/postgres/tables/shadow.h"
#include "server/store/postgres/tables/table_work.h"
#include "server/store/postgres/tables/version_sql.h"
#include "server/store/version_reader.h"

// Closed versions of rows, see HistoryVerbs. A function that changes `history` also queues it. `kinds`: of
// the table's rows. Errors: those of a store; also kAborted, see LockTable().

namespace mirror {

absl::StatusOr<PostgresVisible> FindVisible(postgres::Connection& connection, const PostgresOwnTables& names,
                                            const TableSchema& kept);

absl::StatusOr<PostgresHistory> BeginVersions(TableWork& work, const TableSchema& kept,
                                              std::int64_t known_from);

/// Returns how WriteRows() keeps versions of a batch's whole rows. `apply` must outlive the result.
PostgresKeeping KeepingVersions(const TableWork& work, const PostgresHistory& history,
                                const PostgresKinds& kinds, const ApplyRows& apply, std::int64_t moment,
                                bool is_first);
/// Keeps versions of all rows that have values in parts, without a comparison. Returns whether there are any.
/// If there are, the caller must call ForgetSameVersions().
absl::StatusOr<bool> KeepRowsInParts(TableWork& work, const PostgresHistory& history,
                                     const PostgresKinds& kinds, const ApplyRows& apply, std::int64_t moment);
absl::Status ForgetSameVersions(TableWork& work, const PostgresHistory& history, const PostgresKinds& kinds,
                                const ApplyRows& apply, std::int64_t moment);

/// Keeps versions of the rows that the shadow changes. `take` may use the transaction while rows are read,
/// but what it writes is queued.
absl::Status KeepDifferentVersions(TableWork& work, const PostgresHistory& history, const TableSchema& kept,
                                   const PostgresKinds& kinds, const PostgresShadow& shadow,
                                   std::int64_t moment, const TakeKeys& take);

/// Returns whether versions of this definition cannot be added to the existing ones, because a key or a type
/// differs.
bool MustBeginAnew(const TableSchema& before, const TableSchema& kept, const MovedColumns& moved);
/// Adapts the versions to the new definition. MustBeginAnew() must be false.
absl::Status FollowDefinition(TableWork& work, const TableSchema& agreed, const MovedColumns& moved,
                              PostgresHistory* history);
/// See HistoryVerbs::Cut().
absl::StatusOr<std::int64_t> CutVersions(TableWork& work, PostgresHistory* history, std::int64_t known_from,
                                         std::int64_t count_max);
/// See HistoryVerbs::EraseRow().
absl::StatusOr<std::int64_t> EraseVersions(TableWork& work, const PostgresHistory& history, const Key& key);
/// Sets the relation of the versions aside, as it is done with a table, and drops the view.
absl::Status SetVersionsAside(TableWork& work, const PostgresHistory& history, std::int64_t now_ms);

// The view of all versions. PostgreSQL drops no column and no table that a view needs.

absl::Status DropHistoryView(TableWork& work, const PostgresHistory& history);
/// Makes the view under a free name, if there is none.
absl::Status MakeHistoryView(TableWork& work, PostgresHistory* history);
/// Renames the view to one of the mirror's own names, because a mirrored table needs its present name.
absl::Status RenameHistoryView(TableWork& work, PostgresHistory* history);
/// See HistoryVerbs::IsAsKept(). The table must exist.
absl::StatusOr<bool> ShowsTable(TableWork& work, const PostgresHistory& history);
/// Makes the view again if needed. Called after the table's rows were replaced or columns were added. Returns
/// whether it made the view.
absl::StatusOr<bool> MendHistoryView(TableWork& work, PostgresHistory* history);

/// Calls by which the reader uses its snapshot.
struct SnapshotReading {
  /// Called before a table is read. From then on no one can replace the table.
  std::function<absl::StatusOr<PostgresKinds>(const TableSchema& table)> touch;
  /// Does the same for a relation of former rows, by name. False: it no longer belongs to the snapshot.
  std::function<absl::StatusOr<bool>(const std::string& relation, const std::string& doing)> hold;
  /// Called while rows are read. Its error ends the read.
  std::function<absl::Status(const VersionReader::GoOn& go_on)> may_go_on;
};

/// Makes a reader in the transaction of `connection`, which is that of a snapshot. Both arguments must
/// outlive it.
std::unique_ptr<VersionReader> MakePostgresVersionReader(postgres::Connection& connection,
                                                         const PostgresOwnTables& names,
                                                         SnapshotReading snapshot);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_VERSIONS_H_
