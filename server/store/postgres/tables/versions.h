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

// Closed versions of rows: see HistoryVerbs. A function that changes `history` also queues it. `kinds`: of
// the table's rows. Errors: those of a store; also kAborted: see LockTable().

namespace mirror {

absl::StatusOr<PostgresVisible> FindVisible(postgres::Connection& connection, const PostgresOwnTables& names,
                                            const TableSchema& kept);

absl::StatusOr<PostgresHistory> BeginVersions(TableWork& work, const TableSchema& kept,
                                              std::int64_t known_from);

/// For WriteRows(), which keeps versions of a batch's whole rows. `apply` must outlive the result.
PostgresKeeping KeepingVersions(const TableWork& work, const PostgresHistory& history,
                                const PostgresKinds& kinds, const ApplyRows& apply, std::int64_t moment,
                                bool is_first);
/// Keeps versions of all rows with values in parts, without comparing them. Returns whether there are any:
/// then ForgetSameVersions() must follow.
absl::StatusOr<bool> KeepRowsInParts(TableWork& work, const PostgresHistory& history,
                                     const PostgresKinds& kinds, const ApplyRows& apply, std::int64_t moment);
absl::Status ForgetSameVersions(TableWork& work, const PostgresHistory& history, const PostgresKinds& kinds,
                                const ApplyRows& apply, std::int64_t moment);

/// `take` may use the transaction while rows are read, but its writes are queued.
absl::Status KeepDifferentVersions(TableWork& work, const PostgresHistory& history, const TableSchema& kept,
                                   const PostgresKinds& kinds, const PostgresShadow& shadow,
                                   std::int64_t moment, const TakeKeys& take);

/// Tells whether versions of this definition cannot be added to the existing ones, because a key or a type
/// differs.
bool MustBeginAnew(const TableSchema& before, const TableSchema& kept, const MovedColumns& moved);
/// MustBeginAnew() must be false.
absl::Status FollowDefinition(TableWork& work, const TableSchema& agreed, const MovedColumns& moved,
                              PostgresHistory* history);
/// See HistoryVerbs::Cut().
absl::StatusOr<std::int64_t> CutVersions(TableWork& work, PostgresHistory* history, std::int64_t known_from,
                                         std::int64_t count_max);
/// See HistoryVerbs::EraseRow().
absl::StatusOr<std::int64_t> EraseVersions(TableWork& work, const PostgresHistory& history, const Key& key);
/// Sets the relation of versions aside, as a table is; drops the view.
absl::Status SetVersionsAside(TableWork& work, const PostgresHistory& history, std::int64_t now_ms);

// The view of all versions. PostgreSQL drops no column and no table that a view needs.

absl::Status DropHistoryView(TableWork& work, const PostgresHistory& history);
/// If there is no view: makes it under a free name.
absl::Status MakeHistoryView(TableWork& work, PostgresHistory* history);
/// Renames it to a name of the mirror's own: a mirrored table needs its present name.
absl::Status RenameHistoryView(TableWork& work, PostgresHistory* history);
/// See HistoryVerbs::IsAsKept(). The table must exist.
absl::StatusOr<bool> ShowsTable(TableWork& work, const PostgresHistory& history);
/// Call this after the table's rows were replaced, or it got columns: makes the view again if needed. Returns
/// whether it did.
absl::StatusOr<bool> MendHistoryView(TableWork& work, PostgresHistory* history);

/// How a snapshot reads.
struct SnapshotReading {
  /// Called before a table is read: from then on nobody can replace it.
  std::function<absl::StatusOr<PostgresKinds>(const TableSchema& table)> touch;
  /// The same for a table of former rows, by name. False: it is not the snapshot's any more.
  std::function<absl::StatusOr<bool>(const std::string& relation, const std::string& doing)> hold;
  /// Its error ends the read.
  std::function<absl::Status(const VersionReader::GoOn& go_on)> may_go_on;
};

/// Works in the transaction of `connection`, a snapshot's. Both arguments must outlive it.
std::unique_ptr<VersionReader> MakePostgresVersionReader(postgres::Connection& connection,
                                                         const PostgresOwnTables& names,
                                                         SnapshotReading snapshot);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_VERSIONS_H_
