#include "server/store/postgres/rows/state_rows.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/mirror_records.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/rows/state_memory.h"
#include "server/store/postgres/rows/state_payload.h"

namespace mirror {
namespace {

constexpr char kReading[] = "reading the mirror's own tables";

postgres::Value NumberOf(StateKind kind) { return static_cast<std::int64_t>(kind); }

/// Returns whether other servers cache the kind under the tenant's `state_rev`.
bool IsKeptElsewhere(StateKind kind) {
  return kind == StateKind::kAnswer || kind == StateKind::kCycleNote || kind == StateKind::kHold ||
         kind == StateKind::kObjects;
}

/// Returns SQL for the state of the journal. If somebody removed a row or changed its key, the SQL computes
/// the row from the journal's own data. So no number is used for a second entry, and an open moment belongs
/// to the table of its entry.
std::string JournalStateSql(const PostgresOwnTables& names, const std::string& of_kind) {
  const std::string of_journal = absl::StrCat(of_kind, " AND s.table_key = ''");
  return absl::StrCat("SELECT s.table_key, s.number, s.payload", of_journal,
                      " UNION ALL SELECT '', 0, int8send(j.last) FROM (SELECT max(number) AS last FROM ",
                      names.journal, ") AS j WHERE j.last IS NOT NULL AND NOT EXISTS (SELECT", of_journal,
                      ") UNION ALL SELECT j.table_key, s.number, s.payload FROM (SELECT s.number, s.payload",
                      of_kind, " AND s.table_key <> '') AS s JOIN ", names.journal,
                      " AS j ON j.number = s.number AND j.done_ms IS NULL");
}

}  // namespace

bool IsUnderKeyOf(const StateRow& row, const std::string& table) { return row.table_key == FoldName(table); }

absl::StatusOr<std::vector<StateRow>> ReadState(const StateSource& from, const PostgresOwnTables& names,
                                                StateKind kind, const std::optional<std::string>& table_key) {
  if (from.memory_ != nullptr) return from.memory_->Read(kind, table_key);
  const auto rows = from.connection_->Query(
      absl::StrCat("SELECT table_key, number, payload FROM ", names.state,
                   " WHERE kind = $1 AND ($2::text IS NULL OR table_key = $2) ORDER BY table_key, number"),
      {NumberOf(kind),
       table_key ? postgres::Value(*table_key) : postgres::Value::Null(postgres::Type::kText)},
      kReading);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  return StateOfKind(*rows);
}

std::string StateOfKindSql(const PostgresOwnTables& names, StateKind kind) {
  const std::string of_kind =
      absl::StrCat(" FROM ", names.state, " AS s WHERE s.kind = ", static_cast<int>(kind));
  if (kind == StateKind::kJournal) return JournalStateSql(names, of_kind);
  return absl::StrCat("SELECT s.table_key, s.number, s.payload", of_kind);
}

std::vector<StateRow> StateOfKind(const postgres::Rows& rows) {
  std::vector<StateRow> state;
  for (int row = 0; row < rows.rows(); ++row) {
    StateRow& one = state.emplace_back();
    one.table_key = rows.Text(row, 0);
    one.number = rows.Int(row, 1);
    if (!rows.IsNull(row, 2)) one.payload = rows.Text(row, 2);
  }
  return state;
}

void WroteState(OwnWrites& writes, StateKind kind) {
  if (IsKeptElsewhere(kind)) writes.MoveState();
  if (writes.memory() != nullptr) writes.memory()->Forget(kind);
}

void PutState(OwnWrites& writes, const PostgresOwnTables& names, StateKind kind, StateRow row) {
  if (IsKeptElsewhere(kind)) writes.MoveState();
  if (writes.memory() != nullptr) writes.memory()->Put(kind, row);
  writes.Add(absl::StrCat("INSERT INTO ", names.state,
                          " (kind, table_key, number, payload) VALUES ($1, $2, $3, $4) ON CONFLICT (kind, "
                          "table_key, number) DO UPDATE SET payload = EXCLUDED.payload"),
             {NumberOf(kind), writes.Keep(std::move(row.table_key)), row.number,
              row.payload ? postgres::Value::Bytes(writes.Keep(*std::move(row.payload)))
                          : postgres::Value::Null(postgres::Type::kBytea)});
}

void RemoveState(OwnWrites& writes, const PostgresOwnTables& names, StateKind kind,
                 const std::optional<std::string>& table_key) {
  if (IsKeptElsewhere(kind)) writes.MoveState();
  if (writes.memory() != nullptr) writes.memory()->Remove(kind, table_key);
  if (table_key) {
    writes.Add(absl::StrCat("DELETE FROM ", names.state, " WHERE kind = $1 AND table_key = $2"),
               {NumberOf(kind), writes.Keep(*table_key)});
  } else {
    writes.Add(absl::StrCat("DELETE FROM ", names.state, " WHERE kind = $1"), {NumberOf(kind)});
  }
}

absl::Status DamagedState(const PostgresOwnTables& names, StateKind kind) {
  return absl::DataLossError(absl::StrCat("a row of ", names.state, " of kind ", static_cast<int>(kind),
                                          " is not as the mirror wrote it: restore the mirror from a backup, "
                                          "or reset it with 'mirrorctl reset'"));
}

absl::StatusOr<std::vector<SchemaAnswer>> SelectAnswers(const StateSource& from,
                                                        const PostgresOwnTables& names) {
  ASSIGN_OR_RETURN(const auto rows, ReadState(from, names, StateKind::kAnswer));
  std::vector<SchemaAnswer> answers;
  for (const StateRow& row : rows) {
    PayloadReader payload(row.bytes());
    SchemaAnswer& answer = answers.emplace_back();
    RETURN_IF_ERROR(payload.Packed(AnswerTable(), answer));
    if (!payload.is_whole()) return DamagedState(names, StateKind::kAnswer);
  }
  std::stable_sort(answers.begin(), answers.end(), [](const SchemaAnswer& a, const SchemaAnswer& b) {
    return FoldName(a.table) < FoldName(b.table);
  });
  return answers;
}

void WriteAnswers(OwnWrites& writes, const PostgresOwnTables& names,
                  const std::vector<SchemaAnswer>& answers) {
  RemoveState(writes, names, StateKind::kAnswer);
  std::int64_t number = 0;
  for (const SchemaAnswer& answer : answers) {
    PutState(writes, names, StateKind::kAnswer,
             {"", number++, PayloadWriter().Packed(AnswerTable(), answer).Take()});
  }
}

absl::StatusOr<std::vector<CycleNote>> SelectCycleNotes(const StateSource& from,
                                                        const PostgresOwnTables& names, std::int64_t cycle) {
  ASSIGN_OR_RETURN(const auto rows, ReadState(from, names, StateKind::kCycleNote));
  std::vector<CycleNote> notes;
  for (const StateRow& row : rows) {
    PayloadReader payload(row.bytes());
    CycleNoteRow note;
    note.note.kind = static_cast<CycleNoteKind>(row.number);
    RETURN_IF_ERROR(payload.Packed(CycleNoteTable(), note));
    if (!payload.is_whole()) return DamagedState(names, StateKind::kCycleNote);
    if (note.cycle == cycle) notes.push_back(std::move(note.note));
  }
  return notes;
}

void WriteCycleNotes(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t cycle,
                     const CycleNoteChanges& changes) {
  if (changes.forget_all) RemoveState(writes, names, StateKind::kCycleNote);
  for (const CycleNote& note : changes.forgotten) {
    writes.Add(
        absl::StrCat("DELETE FROM ", names.state, " WHERE kind = $1 AND table_key = $2 AND number = $3"),
        {NumberOf(StateKind::kCycleNote), writes.Keep(FoldName(note.table)),
         static_cast<std::int64_t>(note.kind)});
    WroteState(writes, StateKind::kCycleNote);
  }
  for (const CycleNote& note : changes.written) {
    PutState(writes, names, StateKind::kCycleNote,
             {FoldName(note.table), static_cast<std::int64_t>(note.kind),
              PayloadWriter().Packed(CycleNoteTable(), {note, cycle}).Take()});
  }
}

void ForgetCycleNotes(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t cycle) {
  writes.Add(absl::StrCat("DELETE FROM ", names.state, " WHERE kind = $1 AND substr(payload, ", NumberAt(0),
                          ", 8) <> int8send($2)"),
             {NumberOf(StateKind::kCycleNote), cycle});
  WroteState(writes, StateKind::kCycleNote);
}

absl::StatusOr<TenantVerbs::NonceCount> CountNonces(postgres::Connection& connection,
                                                    const PostgresOwnTables& names,
                                                    const std::string& value) {
  const auto rows =
      connection.Query(absl::StrCat("SELECT count(*), count(*) FILTER (WHERE table_key = $2) FROM ",
                                    names.state, " WHERE kind = $1"),
                       {NumberOf(StateKind::kNonce), value}, kReading);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  return TenantVerbs::NonceCount{static_cast<std::size_t>(rows->Int(0, 0)), rows->Int(0, 1) != 0};
}

absl::StatusOr<std::vector<Nonce>> SelectNonces(const StateSource& from, const PostgresOwnTables& names) {
  ASSIGN_OR_RETURN(const auto rows, ReadState(from, names, StateKind::kNonce));
  std::vector<Nonce> nonces;
  for (const StateRow& row : rows) nonces.push_back({row.table_key, row.number});
  return nonces;
}

void InsertNonce(OwnWrites& writes, const PostgresOwnTables& names, const Nonce& nonce) {
  PutState(writes, names, StateKind::kNonce, {nonce.value, nonce.expires_ms, std::nullopt});
}

void ForgetNonces(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t before_ms) {
  writes.Add(absl::StrCat("DELETE FROM ", names.state, " WHERE kind = $1 AND number < $2"),
             {NumberOf(StateKind::kNonce), before_ms});
}

}  // namespace mirror
