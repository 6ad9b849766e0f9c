#include "server/store/postgres/tidy_mirror.h"

#include "base/db/postgres/transaction.h"
#include "server/store/postgres/place/place_words.h"
#include "server/store/postgres/records/own_writes.h"
#include "server/store/postgres/records/state_rows.h"
#include "server/store/postgres/tables/definitions.h"
#include "server/store/postgres/tables/garbage.h"

namespace mirror {
namespace {

absl::Status Empty(postgres::Connection& connection, const PostgresOwnTables& names, const StateRow& note) {
  postgres::Transaction transaction(connection);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  OwnWrites writes;
  TableWork work{connection, names, writes};
  absl::Status done = EmptyColumns(work, note).status();
  if (done.ok()) done = writes.Send(connection);
  return done.ok() ? transaction.Commit() : done;
}

}  // namespace

absl::Status TidyMirror(postgres::Connection& connection, const PostgresOwnTables& names) {
  absl::Status tidied = DropGarbage(connection, names).status();
  const auto notes = ReadState(connection, names, StateKind::kEmptied);
  if (!notes.ok()) return notes.status();
  for (const StateRow& note : *notes) {
    tidied.Update(InStoreWords(Empty(connection, names, note), Touched::kOwnTable));
  }
  return tidied;
}

}  // namespace mirror
