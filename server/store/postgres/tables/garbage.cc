#include "server/store/postgres/tables/garbage.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/transaction.h"
#include "server/store/postgres/place/place_words.h"
#include "server/store/postgres/records/own_writes.h"
#include "server/store/postgres/records/state_rows.h"

namespace mirror {
namespace {

constexpr char kDropping[] = "dropping a table that is not needed any more";

absl::Status DropOne(postgres::Connection& connection, const PostgresOwnTables& names,
                     const std::string& relation) {
  OwnWrites writes;
  RemoveState(writes, names, StateKind::kGarbage, relation);
  postgres::Transaction transaction(connection);
  if (absl::Status begun = transaction.Begin({}, kDropping); !begun.ok()) return begun;
  absl::Status dropped =
      connection.Execute(absl::StrCat("SET LOCAL lock_timeout = '100ms'; DROP TABLE IF EXISTS ",
                                      Qualified(names.schema_name, relation)),
                         kDropping);
  if (!dropped.ok()) return dropped;
  if (absl::Status removed = writes.Send(connection); !removed.ok()) return removed;
  return transaction.Commit(kDropping);
}

bool MayBeDroppedLater(const absl::Status& status) {
  const postgres::Trouble trouble = postgres::TroubleOf(status);
  return trouble == postgres::Trouble::kLockTimeout || trouble == postgres::Trouble::kDependent ||
         MayTryAgain(status);
}

}  // namespace

absl::StatusOr<std::size_t> DropGarbage(postgres::Connection& connection, const PostgresOwnTables& names) {
  const absl::StatusOr<std::vector<StateRow>> garbage = ReadState(connection, names, StateKind::kGarbage);
  if (!garbage.ok()) return garbage.status();
  std::size_t left = 0;
  for (const StateRow& row : *garbage) {
    const absl::Status dropped = DropOne(connection, names, row.table_key);
    if (!dropped.ok() && !MayBeDroppedLater(dropped)) return InStoreWords(dropped, Touched::kMirroredTable);
    left += dropped.ok() ? 0 : 1;
  }
  return left;
}

}  // namespace mirror
