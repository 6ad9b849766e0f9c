#include "server/store/postgres/tables/definitions.h"
#include "base/status_macros.h"
#include "server/store/new_rule.h"

#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"
#include "server/plan/schema_plan.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/types.h"
#include "server/store/postgres/rows/ledger_rows.h"
#include "server/store/postgres/rows/receipt_rows.h"
#include "server/store/postgres/rows/state_payload.h"
#include "server/store/postgres/rows/tenant_row.h"
#include "server/store/postgres/rows/time_rows.h"
#include "server/store/postgres/tables/alter.h"
#include "server/store/postgres/tables/kept_kinds.h"
#include "server/store/postgres/tables/present_table.h"

namespace mirror {
namespace {

constexpr char kPreparingTable[] = "preparing a population";

absl::Status NotFree(const CreateTable& create, const Relation& there) {
  const std::string& name = create.schema.name;
  if (there.is_table() && create.lost_definition) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the mirror's own record of table '", name,
        "' is missing: somebody removed its row from _mirror_schema. Its rows were not changed, and it "
        "accepts no rows. 'mirrorctl reset' of the table drops it with its rows, and the next cycle makes "
        "and populates it again; rename the table first if somebody still needs its rows."));
  }
  const char* const what = there.is_table()                         ? "a table '"
                           : there.kind == 'v' || there.kind == 'm' ? "a view '"
                           : there.kind == 'i' || there.kind == 'I' ? "an index '"
                                                                    : "an object '";
  return absl::FailedPreconditionError(
      absl::StrCat("the mirror's schema has ", what, name,
                   "' that the mirror did not make. It was left as it is. Rename or drop it; 'mirrorctl "
                   "reset' drops it if it took the place of a mirrored table."));
}

/// Returns whether a table whose definition somebody removed is still as the mirror would make it, without
/// objects of others. Then the next population fills it. False for a table with ANY columns, because only the
/// definition says which kinds their values have.
absl::StatusOr<bool> IsOwnAgain(TableWork& work, const CreateTable& create, const Relation& there) {
  const TableSchema& kept = create.schema;
  if (!create.lost_definition || !there.is_table() || !there.is_ours || KeepsPartner(kept) ||
      HasKinds(kept)) {
    return false;
  }
  ASSIGN_OR_RETURN(const auto present, ReadPresent(work.connection, work.names, {kept.name}));
  const auto table = present.find(kept.name);
  return table != present.end() && WhyNotWritten(kept, table->second).empty() &&
         OtherColumns(kept, table->second).empty();
}

/// Renames columns whose names differ from the agreed ones only in case.
absl::Status RenameByCase(TableWork& work, const TableSchema& kept, PresentTable* present) {
  std::string sql;
  for (PresentColumn& column : present->columns) {
    const std::optional<std::uint32_t> at = kept.Find(column.name);
    if (!at || present->Find(kept.columns[*at].name) != nullptr) continue;
    const std::string& name = kept.columns[*at].name;
    absl::StrAppend(&sql, "ALTER TABLE ", work.In(kept.name), " RENAME COLUMN ", QuoteName(column.name),
                    " TO ", QuoteName(name), "; ");
    column.name = name;
  }
  if (sql.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(LockTable(work, kept.name));
  return RunOnTable(work, sql, kPreparingTable);
}

/// Returns the columns of `from` with values that a new rule forbids. `key`: only columns of the key;
/// otherwise only the others.
std::vector<std::string> KeptOut(const TableSchema& from, const TableSchema& to, bool key) {
  std::vector<std::string> names;
  const std::vector<int> origin = MatchColumns(from, to);
  for (std::size_t i = 0; i < to.columns.size(); ++i) {
    if (origin[i] < 0) continue;
    const Column& before = from.columns[static_cast<std::size_t>(origin[i])];
    if (HasNewRule(before, to.columns[i]) && (before.key_position != 0) == key) names.push_back(before.name);
  }
  return names;
}

/// Returns the column names in a note of kEmptied, spelled as they were when it was written.
std::vector<std::string> NamesIn(const StateRow& note) {
  PayloadReader payload(note.bytes());
  std::vector<std::string> names;
  for (std::int64_t count = payload.Number(); count > 0 && payload.is_whole(); --count)
    names.push_back(payload.Text());
  return names;
}

/// Returns the columns in a note of kEmptied, spelled as they are now: an agreement may change a name's case.
std::vector<std::string> FindNoted(const StateRow& note, const TableSchema& agreed,
                                   const PresentTable& present) {
  std::vector<std::string> found;
  for (const std::string& name : NamesIn(note)) {
    const PresentColumn* column = present.Find(name);
    const std::optional<std::uint32_t> at = agreed.Find(name);
    if (column == nullptr && at) column = present.Find(agreed.columns[*at].name);
    if (column != nullptr && column->key_position == 0) found.push_back(column->name);
  }
  return found;
}

/// Removes columns that were noted for another table, which happens if somebody changed the note's key. If
/// the table has a position, only columns that it does not mirror, or that have a rule, may be emptied.
absl::Status KeepMirrored(TableWork& work, const TableSchema& agreed, std::vector<std::string>* emptied) {
  if (emptied->empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto records, SelectRecords(work.connection, work.names, {agreed.name}));
  if (records.empty() || records.front().position.lsn == Lsn{}) return absl::OkStatus();
  std::erase_if(*emptied, [&](const std::string& name) {
    const std::optional<std::uint32_t> at = agreed.Find(name);
    return at && agreed.columns[*at].rule == Rule::kPlain;
  });
  return absl::OkStatus();
}

absl::Status Refuse(const std::string& table, const std::string& why, const std::string& what_to_do) {
  return absl::FailedPreconditionError(absl::StrCat("table '", table, "' ", why,
                                                    ". It was left as it is and accepts no rows. ",
                                                    what_to_do, "; the next cycle continues."));
}

/// Prepares a table as RunAgreeSchema() describes. The table already has the new name, and `present` has its
/// columns.
absl::Status Prepare(TableWork& work, const TableSchema& before, const TableSchema& agreed,
                     PresentTable& present) {
  const std::string& table = agreed.name;
  if (!present.deferrable.empty()) {
    return Refuse(table, absl::StrCat("has a constraint '", present.deferrable, "' that is DEFERRABLE"),
                  "Drop it, or declare it NOT DEFERRABLE");
  }
  const TableSchema kept = KeptForm(agreed);
  RETURN_IF_ERROR(RenameByCase(work, kept, &present));
  if (KeepsPartner(kept)) return absl::OkStatus();
  std::string why = WhyNotMerged(kept, present);
  if (why.empty() && !KeptOut(before, agreed, /*key=*/true).empty()) why = "the rule for its key changed";
  if (why.empty()) {
    absl::Status added = AddMissingColumns(work, table, kept, present);
    // If the table is in use now, RunBeginShadow() adds the columns.
    if (!added.ok() && !absl::IsAborted(added)) return added;
    return NoteEmptied(work, table, FindKeptOut(before, agreed));
  }
  ASSIGN_OR_RETURN(const auto dependants, FindDependants(work.connection, work.names, table));
  if (dependants.empty()) return NoteEmptied(work, table, FindKeptOut(before, agreed));
  return Refuse(table,
                absl::StrCat("would have to be made again, because ", why,
                             ", but these objects depend on it: ", ListNames(dependants)),
                "Drop or change what depends on it");
}

}  // namespace

std::string CreateTableSql(const TableWork& work, const std::string& relation, const TableSchema& kept,
                           std::int64_t key_id) {
  std::vector<std::string> parts, key;
  for (const Column& column : kept.columns)
    parts.push_back(absl::StrCat(QuoteName(column.name), " ", DeclaredType(column)));
  for (const auto& [name, declared] : OwnDeclarations(kept))
    parts.push_back(absl::StrCat(QuoteName(name), " ", declared));
  for (const std::uint32_t column : kept.Key()) key.push_back(QuoteName(kept.columns[column].name));
  const std::string table = work.In(relation);
  if (!key.empty()) {
    parts.push_back(
        absl::StrCat("CONSTRAINT ", KeyName(key_id), " PRIMARY KEY (", absl::StrJoin(key, ", "), ")"));
  }
  std::string sql = absl::StrCat("CREATE TABLE ", table, " (", absl::StrJoin(parts, ", "), ")");
  // Otherwise logical replication would refuse updates of a table without a key.
  if (key.empty()) absl::StrAppend(&sql, "; ALTER TABLE ", table, " REPLICA IDENTITY FULL");
  return sql;
}

absl::StatusOr<PostgresAgreed> RunCreateTable(TableWork& work, const CreateTable& create) {
  ASSIGN_OR_RETURN(const Relation there, FindRelation(work, create.schema.name));
  ASSIGN_OR_RETURN(const bool is_found_again, IsOwnAgain(work, create, there));
  if (!there.name.empty() && !is_found_again) return NotFree(create, there);
  ASSIGN_OR_RETURN(const std::int64_t id, TakeId(work.connection, work.names));
  if (!is_found_again) {
    RETURN_IF_ERROR(
        RunOnTable(work, CreateTableSql(work, create.schema.name, create.schema, id), "making a table"));
  }
  PostgresAgreed agreed{.schema = create.schema, .generation = id, .is_there = true};
  AddKinds(create.schema, &agreed.kinds);
  return agreed;
}

absl::Status RunAgreeSchema(TableWork& work, const AgreeSchema& agree, PostgresAgreed* agreed) {
  const std::string &name = agree.schema.name,
                    before = agreed->schema.name.empty() ? name : agreed->schema.name;
  ASSIGN_OR_RETURN(const auto present, ReadPresent(work.connection, work.names, {before}));
  const auto found = present.find(before);
  // A table of another role stays unchanged, whatever its name is.
  agreed->is_there = found != present.end() && found->second.is_ours;
  if (agreed->is_there && before != name) {
    absl::Status renamed = LockTable(work, before);
    if (renamed.ok()) {
      renamed =
          RunOnTable(work, absl::StrCat("ALTER TABLE ", work.In(before), " RENAME TO ", QuoteName(name)),
                     "renaming a table");
    }
    if (!renamed.ok()) return renamed;
  }
  if (agreed->is_there) {
    PresentTable table = found->second;
    RETURN_IF_ERROR(Prepare(work, agreed->schema, agree.schema, table));
  }
  AddKinds(KeptForm(agree.schema), &agreed->kinds);
  agreed->schema = agree.schema;
  WriteAgreed(work.writes, work.names, *agreed);
  return absl::OkStatus();
}

void ForgetTable(TableWork& work, const std::string& table, const std::string& shadow) {
  const std::string key = FoldName(table);
  if (!shadow.empty() && FoldName(shadow) != key) MakeGarbage(work, shadow);
  for (const StateKind kind : {StateKind::kShadow, StateKind::kLostColumns, StateKind::kObjects,
                               StateKind::kEmptied, StateKind::kTooLong}) {
    RemoveState(work.writes, work.names, kind, key);
  }
  ForgetLedger(work.writes, work.names, table);
  ForgetTime(work.writes, work.names, table);
  ForgetOpenReceipt(work.writes, work.names, table);
  work.writes.Add(absl::StrCat("DELETE FROM ", work.names.receipts, " WHERE kind = $1 AND table_key = $2"),
                  {static_cast<std::int64_t>(ReceiptKind::kPart), work.writes.Keep(key)});
  RemoveAgreed(work.writes, work.names, table);
}

std::vector<std::string> FindKeptOut(const TableSchema& before, const TableSchema& announced) {
  return KeptOut(before, announced, /*key=*/false);
}

absl::Status NoteEmptied(TableWork& work, const std::string& table, const std::vector<std::string>& columns) {
  if (columns.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::int64_t id, TakeId(work.connection, work.names));
  PayloadWriter payload;
  payload.Number(static_cast<std::int64_t>(columns.size()));
  for (const std::string& column : columns) payload.Text(column);
  // Each note is a row of its own, because a new note must not replace one that waits.
  PutState(work.writes, work.names, StateKind::kEmptied, {FoldName(table), id, payload.Take()});
  return absl::OkStatus();
}

std::set<std::string> EmptiedBy(const StateRow& note) {
  std::set<std::string> named;
  for (const std::string& name : NamesIn(note)) named.insert(FoldName(name));
  return named;
}

absl::StatusOr<std::vector<std::string>> EmptyColumns(TableWork& work, const StateRow& note) {
  std::vector<std::string> emptied;
  // A partner's table may have the same name in another case.
  ASSIGN_OR_RETURN(const auto agreed, SelectDefinitions(work.connection, work.names, {note.table_key}));
  if (!agreed.empty()) {
    const TableSchema& table = agreed.front().schema;
    ASSIGN_OR_RETURN(const auto present, ReadPresent(work.connection, work.names, {table.name}));
    const auto there = present.find(table.name);
    if (there != present.end() && there->second.is_ours) emptied = FindNoted(note, table, there->second);
    RETURN_IF_ERROR(KeepMirrored(work, table, &emptied));
    std::vector<std::string> sets, filled;
    for (const std::string& column : emptied) {
      sets.push_back(absl::StrCat(QuoteName(column), " = NULL"));
      filled.push_back(absl::StrCat(QuoteName(column), " IS NOT NULL"));
    }
    if (!emptied.empty()) {
      RETURN_IF_ERROR(RunOnTable(
          work,
          absl::StrCat("SET LOCAL statement_timeout = 0; UPDATE ONLY ", work.In(table.name), " SET ",
                       absl::StrJoin(sets, ", "), " WHERE (", absl::StrJoin(filled, " OR "), ")",
                       HasOwned(table) ? absl::StrCat(" AND ", kOwnedColumn, " IN (0, 1)") : ""),
          "emptying columns"));
    }
  }
  work.writes.Add(
      absl::StrCat("DELETE FROM ", work.names.state, " WHERE kind = $1 AND table_key = $2 AND number = $3"),
      {static_cast<std::int64_t>(StateKind::kEmptied), work.writes.Keep(note.table_key), note.number});
  return emptied;
}

}  // namespace mirror
