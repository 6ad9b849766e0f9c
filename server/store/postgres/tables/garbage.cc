#include "server/store/postgres/tables/garbage.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/rows/own_writes.h"
#include "server/store/postgres/rows/state_rows.h"
#include "server/store/postgres/tables/table_work.h"

namespace mirror {
namespace {

constexpr std::chrono::milliseconds kPatience(100);
constexpr char kDropping[] = "dropping a table that is not needed any more";

/// Returns whether the mirror needs the relation now. Somebody may have changed the note.
absl::StatusOr<bool> IsInUse(postgres::Connection& connection, const PostgresOwnTables& names,
                             const std::string& relation) {
  const std::string named = Qualified(names.schema_name, relation);
  for (const std::string* own :
       {&names.metadata, &names.tenant, &names.definitions, &names.state, &names.receipts, &names.hooks,
        &names.documents, &names.journal, &names.floor, &names.history}) {
    if (named == *own) return true;
  }
  ASSIGN_OR_RETURN(const auto used,
                   connection.Query(absl::StrCat("SELECT EXISTS (SELECT FROM ", names.metadata,
                                                 " WHERE table_name = $1) OR EXISTS (SELECT FROM ",
                                                 names.history, " WHERE versions = $1)"),
                                    {relation}, kDropping));
  return used.Bool(0, 0);
}

absl::Status DropOne(postgres::Connection& connection, const MirrorGuard& own, const PostgresOwnTables& names,
                     const std::string& relation, std::chrono::milliseconds patience) {
  OwnWrites writes;
  RemoveState(writes, names, StateKind::kGarbage, relation);
  OwnTransaction transaction(connection, own);
  RETURN_IF_ERROR(transaction.Begin());
  TableWork work{connection, names, writes};
  ASSIGN_OR_RETURN(const Relation there, FindRelation(work, relation));
  ASSIGN_OR_RETURN(const bool is_in_use, IsInUse(connection, names, relation));
  // A relation of another role with that name stays.
  if (there.is_table() && there.is_ours && !is_in_use) {
    RETURN_IF_ERROR(connection.Execute(
        absl::StrCat("SET LOCAL lock_timeout = ", patience.count(), "; DROP TABLE ", work.In(relation)),
        kDropping));
  }
  RETURN_IF_ERROR(writes.Send(connection));
  return transaction.Commit();
}

bool MayBeDroppedLater(const absl::Status& status) {
  const postgres::Trouble trouble = postgres::TroubleOf(status);
  return trouble == postgres::Trouble::kLockTimeout || trouble == postgres::Trouble::kDependent ||
         MayTryAgain(status);
}

}  // namespace

absl::StatusOr<std::size_t> DropGarbage(postgres::Connection& connection, const MirrorGuard& own,
                                        const PostgresOwnTables& names, const GarbageTurn& turn) {
  using std::chrono::milliseconds;
  using std::chrono::steady_clock;
  const steady_clock::time_point begun = steady_clock::now();
  const auto rows = own.Query(connection, StateOfKindSql(names, StateKind::kGarbage), kDropping);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  std::vector<StateRow> garbage = StateOfKind(*rows);
  std::stable_partition(garbage.begin(), garbage.end(),
                        [&](const StateRow& row) { return turn.first.contains(row.table_key); });
  std::size_t left = garbage.size();
  absl::Status failed;
  for (const StateRow& row : garbage) {
    milliseconds patience = kPatience;
    if (turn.within) {
      const auto spent = std::chrono::duration_cast<milliseconds>(steady_clock::now() - begun);
      patience = std::min(patience, *turn.within - spent);
    }
    if (patience <= milliseconds::zero() || !connection.IsOpen()) break;
    const absl::Status dropped = DropOne(connection, own, names, row.table_key, patience);
    if (dropped.ok()) --left;
    if (!dropped.ok() && !MayBeDroppedLater(dropped))
      failed.Update(ToStoreStatus(dropped, TableOwner::kMirroredTable));
  }
  if (!failed.ok()) return failed;
  return left;
}

}  // namespace mirror
