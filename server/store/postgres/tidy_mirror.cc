#include "server/store/postgres/tidy_mirror.h"

#include <chrono>
#include <set>
#include <string>

#include "base/status_macros.h"
#include "server/store/postgres/began.h"
#include "server/store/postgres/place/place_words.h"
#include "server/store/postgres/records/own_writes.h"
#include "server/store/postgres/records/state_rows.h"
#include "server/store/postgres/records/tenant_row.h"
#include "server/store/postgres/tables/definitions.h"
#include "server/store/postgres/tables/garbage.h"

namespace mirror {
namespace {

constexpr std::chrono::milliseconds kBehindACommit{200}, kBehindACycle{2'000};
constexpr char kTidying[] = "looking what is to be tidied";

/// What is noted of one table. Under the tenant's lock, since a swap does it, too.
absl::Status Empty(postgres::Connection& connection, const MirrorGuard& own, const PostgresOwnTables& names,
                   std::int64_t epoch, const std::string& key) {
  OwnTransaction transaction(connection, own);
  RETURN_IF_ERROR(transaction.Begin());
  ASSIGN_OR_RETURN(const auto row, LockTenant(connection, names));
  RETURN_IF_ERROR(CheckServed(row, epoch));
  ASSIGN_OR_RETURN(const auto notes, ReadState(connection, names, StateKind::kEmptied, key));
  OwnWrites writes;
  TableWork work{connection, names, writes};
  for (const StateRow& note : notes) {
    RETURN_IF_ERROR(EmptyColumns(work, note).status());
  }
  absl::Status sent = writes.Send(connection);
  return sent.ok() ? transaction.Commit() : sent;
}

absl::Status EmptyEach(postgres::Connection& connection, const MirrorGuard& own,
                       const PostgresOwnTables& names, std::int64_t epoch,
                       const std::set<std::string>& tables) {
  absl::Status emptied;
  for (const std::string& table : tables)
    emptied.Update(InStoreWords(Empty(connection, own, names, epoch, table), Touched::kOwnTable));
  return emptied;
}

}  // namespace

absl::Status TidyMirror(postgres::Connection& connection, const MirrorGuard& own,
                        const PostgresOwnTables& names, std::int64_t epoch) {
  absl::Status tidied = DropGarbage(connection, own, names).status();
  const auto rows = own.Query(connection, StateOfKindSql(names, StateKind::kEmptied), kTidying);
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kOwnTable);
  std::set<std::string> tables;
  for (const StateRow& note : StateOfKind(*rows)) tables.insert(note.table_key);
  tidied.Update(EmptyEach(connection, own, names, epoch, tables));
  return tidied;
}

absl::Status TidyBehind(postgres::Connection& connection, const MirrorGuard& own,
                        const PostgresOwnTables& names, std::int64_t epoch, const StateMemory& state,
                        bool all) {
  absl::Status tidied;
  if (all || state.HasPut(StateKind::kGarbage)) {
    const GarbageTurn turn{state.KeysPut(StateKind::kGarbage), all ? kBehindACycle : kBehindACommit};
    tidied = DropGarbage(connection, own, names, turn).status();
  }
  tidied.Update(EmptyEach(connection, own, names, epoch, state.KeysPut(StateKind::kEmptied)));
  return tidied;
}

}  // namespace mirror
