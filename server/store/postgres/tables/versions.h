#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_VERSIONS_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_VERSIONS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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

// Closed versions of rows: see HistoryVerbs. `history` is what the mirror has of the table; who changes it
// queues it, too. `kinds`: of the table's rows. Errors: those of a store; kAborted, too: see LockTable().

namespace mirror {

absl::StatusOr<PostgresVisible> FindVisible(postgres::Connection& connection, const PostgresOwnTables& names,
                                            const TableSchema& kept);

absl::StatusOr<PostgresHistory> BeginVersions(TableWork& work, const TableSchema& kept,
                                              std::int64_t known_from);

/// For WriteRows(), which keeps versions of a batch's whole rows. `apply` outlives what it gives.
PostgresKeeping KeepingVersions(const TableWork& work, const PostgresHistory& history,
                                const PostgresKinds& kinds, const ApplyRows& apply, std::int64_t moment,
                                bool is_first);
/// Keeps all rows with values in parts, which are not in sight. Gives whether there are some:
/// ForgetSameVersions() is to follow then.
absl::StatusOr<bool> KeepRowsInParts(TableWork& work, const PostgresHistory& history,
                                     const PostgresKinds& kinds, const ApplyRows& apply, std::int64_t moment);
absl::Status ForgetSameVersions(TableWork& work, const PostgresHistory& history, const PostgresKinds& kinds,
                                const ApplyRows& apply, std::int64_t moment);

/// `take` works with the transaction while rows are read: what it writes is queued.
absl::Status KeepDifferentVersions(TableWork& work, const PostgresHistory& history, const TableSchema& kept,
                                   const PostgresKinds& kinds, const PostgresShadow& shadow,
                                   std::int64_t moment, const TakeKeys& take);

/// Whether versions of this definition cannot stand beside those that are there: of another key, or of
/// another type.
bool MustBeginAnew(const TableSchema& before, const TableSchema& kept, const MovedColumns& moved);
/// MustBeginAnew() is not so.
absl::Status FollowDefinition(TableWork& work, const TableSchema& agreed, const MovedColumns& moved,
                              PostgresHistory* history);
/// See HistoryVerbs::Cut().
absl::StatusOr<std::int64_t> CutVersions(TableWork& work, PostgresHistory* history, std::int64_t known_from,
                                         std::int64_t count_max);
/// See HistoryVerbs::EraseRow().
absl::StatusOr<std::int64_t> EraseVersions(TableWork& work, const PostgresHistory& history, const Key& key);
/// To where tables that were set aside are.
absl::Status SetVersionsAside(TableWork& work, const PostgresHistory& history, std::int64_t now_ms);

// The view of all versions. PostgreSQL lets no column go, and no table, that a view needs.

absl::Status DropHistoryView(TableWork& work, const PostgresHistory& history);
/// Where there is none, under a name that nobody has.
absl::Status MakeHistoryView(TableWork& work, PostgresHistory* history);
/// Under a name of the mirror's own: a mirrored table is to get the one it has.
absl::Status RenameHistoryView(TableWork& work, PostgresHistory* history);
/// See HistoryVerbs::IsAsKept(). The table is there.
absl::StatusOr<bool> ShowsTable(TableWork& work, const PostgresHistory& history);
/// Behind what put other rows in the place of the table's, or gave it columns: makes it again if need be.
/// Gives whether it did.
absl::StatusOr<bool> MendHistoryView(TableWork& work, PostgresHistory* history);

/// How a snapshot reads.
struct SnapshotReading {
  /// Before a table is read: from then on nobody replaces it.
  std::function<absl::StatusOr<PostgresKinds>(const TableSchema& table)> touch;
  /// The same for a table of former rows, by its name. False: it is not the snapshot's any more.
  std::function<absl::StatusOr<bool>(const std::string& relation, const std::string& doing)> hold;
  /// Its error ends the reading.
  std::function<absl::Status(const VersionReader::GoOn& go_on)> may_go_on;
};

/// In the transaction of `connection`, a snapshot's. Both outlive it.
std::unique_ptr<VersionReader> MakePostgresVersionReader(postgres::Connection& connection,
                                                         const PostgresOwnTables& names,
                                                         SnapshotReading snapshot);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_VERSIONS_H_
