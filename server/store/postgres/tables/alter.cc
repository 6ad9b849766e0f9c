#include "server/store/postgres/tables/alter.h"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/batch.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/place/types.h"
#include "server/store/postgres/rows/columns_out.h"
#include "server/store/postgres/rows/state_payload.h"
#include "server/store/postgres/tables/indexes.h"
#include "server/store/postgres/tables/kept_kinds.h"
#include "server/store/postgres/tables/present_table.h"

namespace mirror {
namespace {

constexpr char kAltering[] = "changing a table";

Value ValueOf(const Literal& literal) {
  struct Values {
    Value operator()(Null) const { return {}; }
    Value operator()(std::int64_t integer) const { return {.kind = Kind::kInteger, .integer = integer}; }
    Value operator()(double real) const { return {.kind = Kind::kReal, .real = real}; }
    Value operator()(const std::string& text) const { return {.kind = Kind::kText, .bytes = text}; }
    Value operator()(const Bytes& bytes) const { return {.kind = Kind::kBlob, .bytes = bytes.value}; }
  };
  return std::visit(Values(), literal);
}

/// Returns the value as an SQL literal. PostgreSQL itself formats it, from the form in which a batch sends
/// values.
absl::StatusOr<std::string> LiteralOf(TableWork& work, const Column& column, const Value& value) {
  std::string turned;
  const auto rows =
      work.connection.Query(absl::StrCat("SELECT quote_literal($1::", ElementName(column), "::text)"),
                            {PostgresValue(column, value, &turned)}, kAltering);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  return rows->Text(0, 0);
}

/// Collects changes in their order, as one SQL text.
class Alteration {
 public:
  /// `key`: folded names of the key's columns.
  Alteration(TableWork& work, PostgresAgreed& agreed, std::set<std::string> key)
      : work_(work),
        agreed_(agreed),
        key_(std::move(key)),
        alter_(absl::StrCat("ALTER TABLE ", work.In(agreed.schema.name), " ")) {}

  absl::Status operator()(const AddColumn& add) {
    const Column& column = add.column;
    const bool filled = column.backfill == Backfill::kDefault && column.default_value.has_value();
    const Value value = filled ? ValueOf(*column.default_value) : Value();
    if (column.type == Type::kAny && agreed_.kinds.empty())
      Append("ADD COLUMN IF NOT EXISTS ", std::string(kKindsColumn), " bytea NOT NULL DEFAULT ''");
    AddKind(column, KeptKind(column, value), &agreed_.kinds);
    const std::string name = QuoteName(column.name);
    if (value.kind == Kind::kNull) {
      Append("ADD COLUMN ", name, " ", DeclaredType(column));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const std::string literal, LiteralOf(work_, column, value));
    Append("ADD COLUMN ", name, " ", DeclaredType(column), " DEFAULT ", literal);
    Append("ALTER COLUMN ", name, " DROP DEFAULT");
    return absl::OkStatus();
  }

  absl::Status operator()(const DropColumn& drop) {
    // PostgreSQL would drop the key together with it.
    if (key_.contains(FoldName(drop.name))) {
      return absl::FailedPreconditionError(
          absl::StrCat("column '", drop.name, "' of table '", agreed_.schema.name, "' is part of its key."));
    }
    ASSIGN_OR_RETURN(const auto dependants,
                     FindDependants(work_.connection, work_.names, agreed_.schema.name, drop.name));
    if (!dependants.empty()) {
      return absl::FailedPreconditionError(absl::StrCat("column '", drop.name, "' of table '",
                                                        agreed_.schema.name, "' is used by ",
                                                        ListNames(dependants), "."));
    }
    const bool had_kinds = !agreed_.kinds.empty();
    DropKind(drop.name, &agreed_.kinds);
    if (had_kinds && agreed_.kinds.empty()) Append("DROP COLUMN IF EXISTS ", std::string(kKindsColumn));
    dropped_.push_back(drop.name);
    Append("DROP COLUMN ", QuoteName(drop.name));
    return absl::OkStatus();
  }

  absl::Status operator()(const RenameColumn& rename) {
    if (key_.erase(FoldName(rename.from)) != 0) key_.insert(FoldName(rename.to));
    RenameKind(rename.from, rename.to, &agreed_.kinds);
    std::string from = QuoteName(rename.from);
    if (rename.from == rename.to) {
      // PostgreSQL refuses a name that exists, even the column's own name.
      Append("RENAME COLUMN ", from, " TO _mirror_renamed");
      from = "_mirror_renamed";
    }
    Append("RENAME COLUMN ", from, " TO ", QuoteName(rename.to));
    return absl::OkStatus();
  }

  absl::Status operator()(const RetypeColumn& retype) {
    const bool any = retype.from.type == Type::kAny || retype.to.type == Type::kAny;
    if (retype.from.type == retype.to.type || (!any && DeclaredType(retype.from) == DeclaredType(retype.to)))
      return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        "column '", retype.to.name, "' of table '", agreed_.schema.name, "' is ", DeclaredType(retype.from),
        ", and PostgreSQL would rewrite all rows to make it ", DeclaredType(retype.to), "."));
  }

  /// Runs the changes. If there are none, takes no lock.
  absl::Status Run() {
    if (sql_.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(LockTable(work_, agreed_.schema.name));
    return RunOnTable(work_, sql_, kAltering);
  }
  const std::vector<std::string>& dropped() const { return dropped_; }

 private:
  template <typename... Words>
  void Append(const Words&... words) {
    absl::StrAppend(&sql_, alter_, words..., "; ");
  }

  TableWork& work_;
  PostgresAgreed& agreed_;
  std::set<std::string> key_;
  const std::string alter_;
  std::string sql_;
  std::vector<std::string> dropped_;
};

void RememberLost(TableWork& work, const std::string& table, const Position& position,
                  const std::vector<std::string>& columns, std::optional<StateRow>* row) {
  if (columns.empty()) return;
  std::set<std::string> lost;
  for (const std::string& column : LostColumns(*row, position)) lost.insert(FoldName(column));
  for (const std::string& column : columns) lost.insert(FoldName(column));
  *row = LostRow(table, {position, {lost.begin(), lost.end()}});
  PutState(work.writes, work.names, StateKind::kLostColumns, **row);
}

absl::Status Change(TableWork& work, const Position& position, const AlterTable& alter,
                    PostgresAgreed* agreed, std::optional<StateRow>* lost) {
  ASSIGN_OR_RETURN(const auto present, ReadPresent(work.connection, work.names, {agreed->schema.name}));
  std::set<std::string> key;
  for (const auto& [name, table] : present) {
    if (!table.is_ours) {
      return absl::FailedPreconditionError(absl::StrCat(
          "table '", name,
          "' was made by another role. It was left as it is and accepts no rows. Rename or drop it; the next "
          "cycle continues."));
    }
    for (const PresentColumn& column : table.columns) {
      if (column.key_position != 0) key.insert(FoldName(column.name));
    }
  }
  Alteration alteration(work, *agreed, std::move(key));
  for (const auto& change : alter.changes) {
    RETURN_IF_ERROR(std::visit(alteration, change));
  }
  RETURN_IF_ERROR(alteration.Run());
  RememberLost(work, agreed->schema.name, position, alteration.dropped(), lost);
  return absl::OkStatus();
}

}  // namespace

absl::Status RunAlterTable(TableWork& work, const Position& position, const AlterTable& alter,
                           PostgresAgreed* agreed, std::optional<StateRow>* lost) {
  CrashPoint("schema.altering");
  RETURN_IF_ERROR(Change(work, position, alter, agreed, lost));
  WriteAgreed(work.writes, work.names, *agreed);
  return absl::OkStatus();
}

PostgresLost LostOf(const StateRow& row) {
  PayloadReader payload(row.bytes());
  PostgresLost lost;
  lost.position.lsn.value = payload.Number();
  std::int64_t count = payload.Number();
  lost.position.lineage = payload.Text();
  for (; count > 0 && payload.is_whole(); --count) lost.columns.push_back(payload.Text());
  return lost;
}

StateRow LostRow(const std::string& table, const PostgresLost& lost) {
  PayloadWriter payload;
  payload.Number(lost.position.lsn.value)
      .Number(static_cast<std::int64_t>(lost.columns.size()))
      .Text(lost.position.lineage);
  for (const std::string& column : lost.columns) payload.Text(column);
  return {FoldName(table), 0, payload.Take()};
}

std::vector<std::string> LostColumns(const std::optional<StateRow>& lost, const Position& position) {
  if (!lost) return {};
  PostgresLost read = LostOf(*lost);
  return read.position == position ? std::move(read.columns) : std::vector<std::string>();
}

absl::Status AddMissingColumns(TableWork& work, const std::string& relation, const TableSchema& kept,
                               const PresentTable& present) {
  std::vector<std::string> adds;
  const auto add = [&](const std::string& name, const std::string& declared) {
    if (present.Find(name) == nullptr)
      adds.push_back(absl::StrCat("ADD COLUMN ", QuoteName(name), " ", declared));
  };
  for (const Column& column : kept.columns) add(column.name, DeclaredType(column));
  for (const auto& [name, declared] : OwnDeclarations(kept)) add(name, declared);
  if (adds.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(LockTable(work, relation));
  return RunOnTable(work, absl::StrCat("ALTER TABLE ", work.In(relation), " ", absl::StrJoin(adds, ", ")),
                    kAltering);
}

namespace {

/// Returns why the table must not be changed, for people.
std::string WhyNotRefitted(const RefitTable& refit, const PresentTable& present) {
  std::string why = WhyNotMerged(refit.from, present);
  for (const Column& column : refit.from.columns) {
    if (why.empty() && present.Find(column.name) == nullptr)
      why = absl::StrCat("it has no column '", column.name, "'");
  }
  return why;
}

/// Returns a column of the partner that has a name which the source uses now.
std::string TakenName(const RefitTable& refit, const PresentTable& present) {
  for (const Column& column : refit.to.columns) {
    if (present.Find(column.name) != nullptr && !refit.from.Find(column.name)) return column.name;
  }
  return "";
}

/// Empties the mirror's values in columns that a rule excludes. The partner's rows keep their values.
absl::Status Empty(TableWork& work, const std::string& relation, const RefitTable& refit) {
  std::vector<std::string> sets;
  for (const std::string& name : refit.emptied) {
    if (const auto column = refit.from.Find(name))
      sets.push_back(absl::StrCat(QuoteName(refit.from.columns[*column].name), " = NULL"));
  }
  if (sets.empty()) return absl::OkStatus();
  const bool whose_is_known = HasOwned(refit.from) || HasOwned(refit.to);
  return RunOnTable(work,
                    absl::StrCat("UPDATE ONLY ", work.In(relation), " SET ", absl::StrJoin(sets, ", "),
                                 whose_is_known ? absl::StrCat(" WHERE ", kOwnedColumn, " IN (0, 1)") : ""),
                    "emptying columns");
}

/// Checks that no snapshot is older than the table's new file will be, because such a snapshot sees no row in
/// that file. The mirror's own snapshots detect that. Errors: kAborted, with the holder of such a snapshot:
/// the caller may try later.
absl::Status CheckNoOlderSnapshot(TableWork& work, const std::string& relation) {
  const auto older = work.connection.Query(
      "SELECT string_agg(format('''%s'' (process %s)', coalesce(nullif(application_name, ''), 'a program'), "
      "pid), ', ' ORDER BY pid) FROM pg_stat_activity WHERE datname = current_database() AND backend_xmin IS "
      "NOT NULL AND pid <> pg_backend_pid() AND NOT (usename = current_user AND application_name = "
      "current_setting('application_name')) AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum)",
      {}, kAltering);
  if (!older.ok()) return ToStoreStatus(older.status(), TableOwner::kMirroredTable);
  if (older->IsNull(0, 0)) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat(
      "table '", relation, "' must be rewritten to change the type of a column, but ", older->Text(0, 0),
      " began to read the database before that and would find the table empty. It was left as it is; the "
      "next cycle tries again."));
}

absl::Status Retype(TableWork& work, const RetypeColumn& change, PostgresAgreed* agreed) {
  if (change.from.type == Type::kAny && change.to.type != Type::kAny)
    DropKind(change.to.name, &agreed->kinds);
  AddKind(change.to, Kind::kText, &agreed->kinds);
  if (DeclaredType(change.from) == DeclaredType(change.to)) return absl::OkStatus();
  RETURN_IF_ERROR(CheckNoOlderSnapshot(work, agreed->schema.name));
  // These indexes may be impossible for the new type, or their values too long. The next comparison with the
  // source's indexes makes them again.
  RETURN_IF_ERROR(DropOwnIndexes(work, agreed->schema.name));
  const std::string name = QuoteName(change.to.name), type = DeclaredType(change.to);
  return RunOnTable(work,
                    absl::StrCat("ALTER TABLE ", work.In(agreed->schema.name), " ALTER COLUMN ", name,
                                 " TYPE ", type, " USING ", name, "::text::", ElementName(change.to)),
                    kAltering);
}

absl::Status RefitLocked(TableWork& work, const Position& position, const RefitTable& refit,
                         const PresentTable& present, PostgresAgreed* agreed, std::optional<StateRow>* lost) {
  const std::string& relation = agreed->schema.name;
  const std::string alter = absl::StrCat("ALTER TABLE ", work.In(relation), " ");
  std::string own;
  const bool takes_all = HasOwned(refit.to) && !HasOwned(refit.from);
  for (const auto& [name, declared] : OwnDeclarations(refit.to)) {
    if (present.Find(name) != nullptr) continue;
    absl::StrAppend(&own, alter, "ADD COLUMN ", QuoteName(name), " ", declared);
    // DEFAULT 1 marks all rows without a rewrite of them, during which readers would wait.
    if (takes_all && name == kOwnedColumn)
      absl::StrAppend(&own, " DEFAULT 1; ", alter, "ALTER COLUMN ", QuoteName(name), " DROP DEFAULT");
    own += "; ";
  }
  if (takes_all && present.Find(kOwnedColumn) != nullptr)
    absl::StrAppend(&own, "UPDATE ONLY ", work.In(relation), " SET ", kOwnedColumn, " = 1");
  absl::Status status = own.empty() ? absl::OkStatus() : RunOnTable(work, own, kAltering);
  // Empties columns before the next changes, while the owner of each row is still known.
  if (status.ok()) status = Empty(work, relation, refit);
  if (status.ok()) status = Change(work, position, refit.alter, agreed, lost);
  for (const RetypeColumn& change : refit.retyped) {
    if (status.ok()) status = Retype(work, change, agreed);
  }
  return status;
}

}  // namespace

absl::Status RunRefitTable(TableWork& work, const Position& position, const RefitTable& refit,
                           PostgresAgreed* agreed, std::optional<StateRow>* lost) {
  const std::string& table = agreed->schema.name;
  RETURN_IF_ERROR(LockTable(work, table));
  ASSIGN_OR_RETURN(const auto present, ReadPresent(work.connection, work.names, {table}));
  const auto found = present.find(table);
  const std::string why =
      found == present.end() ? "it is no table any more" : WhyNotRefitted(refit, found->second);
  if (!why.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", table, "' keeps the partner's rows and columns, but somebody changed it: ", why,
        ". It was left as it is. Undo that change and let 'mirrorctl invalidate' populate it; if it still "
        "waits for a population, announce it once with deletes = APPLY; or let 'mirrorctl reset' drop it, "
        "with the partner's rows: the next cycle makes it again."));
  }
  if (const std::string taken = TakenName(refit, found->second); !taken.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", table, "': the source has a column '", taken,
        "' now, and the partner has a column of the same name there. The table was left as it is and accepts "
        "no rows. Rename or drop the partner's column; the next cycle continues."));
  }
  const absl::Status status = RefitLocked(work, position, refit, found->second, agreed, lost);
  if (status.ok()) WriteAgreed(work.writes, work.names, *agreed);
  if (!absl::IsFailedPrecondition(status)) return status;
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", table, "' keeps the partner's rows and columns, and could not be changed in place: ",
      std::string(status.message()),
      " It was left as it is. Change or drop what prevents it; the next cycle continues."));
}

}  // namespace mirror
