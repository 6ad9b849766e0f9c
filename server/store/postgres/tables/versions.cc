#include "server/store/postgres/tables/versions.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/db/postgres/name.h"
#include "base/db/postgres/value.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/key_range.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"
#include "proto/wire/table_pack.h"
#include "server/store/exchanged_keys.h"
#include "server/store/live_rows.h"
#include "server/store/new_rule.h"
#include "server/store/postgres/place/rights.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/place/types.h"
#include "server/store/postgres/rows/columns_in.h"
#include "server/store/postgres/rows/columns_out.h"
#include "server/store/postgres/rows/ranges.h"
#include "server/store/postgres/rows/state_payload.h"
#include "server/store/postgres/rows/state_rows.h"
#include "server/store/postgres/rows/tenant_row.h"
#include "server/store/postgres/rows/write_set.h"
#include "server/store/postgres/tables/history_rows.h"
#include "server/store/postgres/tables/journal_rows.h"
#include "server/store/postgres/tables/kept_kinds.h"
#include "server/store/postgres/tables/present_table.h"
#include "server/store/postgres/tables/version_sql.h"
#include "server/store/version_reader.h"

namespace mirror {
namespace {

/// The values of a key, bound from $1 on. `key` and `table` must outlive it.
class BoundKey {
 public:
  /// `alias`: that of the rows to search.
  BoundKey(const TableSchema& table, const Key& key, std::string_view alias);

  /// False: PostgreSQL cannot have a row with this key.
  bool can_be_there() const { return can_be_there_; }
  const std::vector<postgres::Value>& values() const { return values_; }
  /// Returns the condition, as SQL.
  const std::string& same() const { return same_; }

 private:
  std::vector<std::string> turned_;
  std::vector<postgres::Value> values_;
  std::string same_;
  bool can_be_there_ = true;
};

BoundKey::BoundKey(const TableSchema& table, const Key& key, std::string_view alias) {
  const std::vector<std::uint32_t> columns = table.Key();
  turned_.resize(key.size());
  for (std::size_t i = 0; i < key.size() && i < columns.size(); ++i) {
    const KeyPart& part = key[i];
    // No text in PostgreSQL has a NUL.
    can_be_there_ &=
        part.kind != Kind::kNull && !(part.kind == Kind::kText && part.bytes.find('\0') != std::string::npos);
    const Value value = {.kind = part.kind, .integer = part.integer, .real = part.real, .bytes = part.bytes};
    values_.push_back(can_be_there_ ? PostgresValue(table.columns[columns[i]], value, &turned_[i])
                                    : postgres::Value(nullptr));
    absl::StrAppend(&same_, i == 0 ? "" : " AND ", std::string(alias), ".",
                    QuoteName(table.columns[columns[i]].name), " = $", i + 1);
  }
}

constexpr char kKeeping[] = "keeping versions of rows";
constexpr char kCutting[] = "removing the oldest versions of rows";
constexpr char kErasing[] = "removing versions of a row";
/// Prefix of the names of dropped columns. Other columns may use their old names now.
constexpr char kFormer[] = "_mirror_former_";
constexpr char kFollowing[] = "changing the versions of a table's rows";

VersionSql SqlOf(const TableWork& work, const PostgresHistory& history, const TableSchema& kept,
                 const PostgresKinds& kinds) {
  return {work.In(kept.name), work.In(history.versions), kept, kinds};
}

absl::StatusOr<bool> IsTaken(TableWork& work, const std::string& name) {
  ASSIGN_OR_RETURN(const Relation there, FindRelation(work, name));
  return !there.name.empty();
}

/// Returns "orders_history". If a relation has that name already, returns a name with the mirror's own
/// prefix.
absl::StatusOr<std::string> FreeViewName(TableWork& work, const PostgresHistory& history) {
  for (const std::string& name :
       {history.schema.name + "_history", absl::StrCat("_mirror_history_", history.schema.name)}) {
    if (name.size() > postgres::kNameBytesMax) continue;
    ASSIGN_OR_RETURN(const bool taken, IsTaken(work, name));
    if (!taken) return name;
  }
  return history.versions + "_view";
}

/// Returns the rows of a batch that have a value in parts.
std::vector<std::uint32_t> RowsInParts(const ChangeBatch& batch) {
  std::set<std::uint32_t> rows;
  if (batch.operation == Operation::kDelete) return {};
  for (const ColumnView& view : batch.columns) {
    for (const LargeValue& large : view.large) rows.insert(large.row);
  }
  return {rows.begin(), rows.end()};
}

/// Runs statements over rows of one batch.
class OverBatch {
 public:
  OverBatch(TableWork& work, const PostgresHistory& history, const PostgresKinds& kinds,
            const ApplyRows& apply, std::int64_t moment)
      : apply_(apply),
        moment_(moment),
        sql_(SqlOf(work, history, *apply.schema, kinds)),
        target_{work.In(apply.schema->name), work.names.receipts, kinds},
        values_(*apply.schema, *apply.batch),
        set_(work.connection, target_, apply, values_) {}

  absl::Status Keep(const std::vector<std::uint32_t>& rows) {
    return Run(rows, [&](const std::string& from, int first) {
      return sql_.KeepOld(*apply_.batch, {.compares = false}, from, first);
    });
  }
  absl::Status ForgetSame(const std::vector<std::uint32_t>& rows) {
    return Run(rows, [&](const std::string& from, int first) {
      return sql_.ForgetSame(*apply_.batch, from, first);
    });
  }

 private:
  absl::Status Run(const std::vector<std::uint32_t>& rows, const PostgresSqlOver& sql) {
    const std::vector<postgres::Value> values = {moment_};
    const absl::Status ran = set_.RunOver(rows, /*keys_alone=*/true, sql, values).status();
    if (ran.ok()) return ran;
    return ToStoreStatus(RefusedRows(ran, *apply_.schema, std::nullopt), TableOwner::kMirroredTable);
  }

  const ApplyRows& apply_;
  const std::int64_t moment_;
  const VersionSql sql_;
  const PostgresTarget target_;
  PostgresBatchValues values_;
  PostgresSetWriter set_;
};

bool SameType(const Column& before, const Column& now) {
  if (DeclaredType(before) != DeclaredType(now) || PostgresFormOf(before) != PostgresFormOf(now))
    return false;
  // Integers and reals become wider without a conversion.
  return before.type == now.type || (PostgresFormOf(now) == PostgresForm::kInt && before.type < now.type) ||
         (PostgresFormOf(now) == PostgresForm::kReal && before.type < now.type);
}

/// Deletes the digests of states before number `before`.
absl::StatusOr<std::int64_t> ForgetProofs(TableWork& work, const std::string& table, std::int64_t before) {
  absl::StatusOr<std::int64_t> forgotten = work.connection.Run(
      absl::StrCat("UPDATE ", work.names.journal,
                   " SET digest = NULL WHERE table_key = $1 AND number < $2 AND digest IS NOT NULL"),
      {FoldName(table), before}, "removing digests of earlier states of a table");
  if (!forgotten.ok()) return ToStoreStatus(forgotten.status(), TableOwner::kOwnTable);
  return forgotten;
}

/// Marks the column as a former one, because another column gets its name.
void Displace(const std::string& name, TableSchema* was) {
  if (const auto column = was->Find(name)) was->columns[*column].name = kFormer;
}

/// Returns the old definition with the new names.
TableSchema Renamed(TableSchema before, const MovedColumns& moved) {
  for (const std::string& name : moved.replaced) Displace(name, &before);
  for (const auto& [from, to] : moved.renamed) {
    if (!SameName(from, to)) Displace(to, &before);
    if (const auto column = before.Find(from)) before.columns[*column].name = to;
  }
  return before;
}

/// Builds statements that give a relation of versions the columns of another definition.
class Widening {
 public:
  Widening(TableWork& work, const PostgresHistory& history)
      : work_(work), alter_(absl::StrCat("ALTER TABLE ", work.In(history.versions), " ")) {}

  absl::Status Read(const std::string& versions) {
    ASSIGN_OR_RETURN(const auto present, ReadPresent(work_.connection, work_.names, {versions}));
    const auto table = present.find(versions);
    if (table == present.end()) {
      return absl::DataLossError(absl::StrCat("somebody dropped or renamed ", work_.In(versions),
                                              ", which holds versions of rows: restore the mirror from a "
                                              "backup, or end the table's history"));
    }
    for (const PresentColumn& column : table->second.columns) there_.insert(column.name);
    return absl::OkStatus();
  }
  absl::Status Rename(const std::string& from, const std::string& to) {
    if (from == to || !there_.contains(from)) return absl::OkStatus();
    RETURN_IF_ERROR(Free(to));
    Append("RENAME COLUMN ", absl::StrCat(QuoteName(from), " TO ", QuoteName(to)));
    there_.erase(from);
    there_.insert(to);
    return absl::OkStatus();
  }
  absl::Status Add(const Column& column) {
    RETURN_IF_ERROR(Free(column.name));
    Append("ADD COLUMN ", absl::StrCat(QuoteName(column.name), " ", DeclaredType(column)));
    there_.insert(column.name);
    return absl::OkStatus();
  }
  void AddKinds() {
    if (!there_.contains(kKindsColumn)) {
      Append("ADD COLUMN ", absl::StrCat(kKindsColumn, " bytea NOT NULL DEFAULT ''"));
    }
  }
  bool Has(const std::string& column) const { return there_.contains(column); }
  /// Returns "a = NULL, b = NULL", with the new names. Includes all former columns, because their origin is
  /// unknown.
  std::string Emptied(const TableSchema& was, const NewRules& rules) const {
    std::vector<std::string> columns = rules.returned;
    for (const std::string& name : rules.changed) columns.push_back(was.columns[*was.Find(name)].name);
    for (const std::string& name : there_) {
      if (absl::StartsWith(name, kFormer)) columns.push_back(name);
    }
    std::string set;
    for (const std::string& name : columns) {
      if (!there_.contains(name)) continue;
      absl::StrAppend(&set, set.empty() ? "" : ", ", QuoteName(name), " = NULL");
    }
    return set;
  }
  const std::string& sql() const { return sql_; }

 private:
  /// Renames what is left of a dropped column, so that its name is free. It may have another type.
  absl::Status Free(const std::string& name) {
    if (!there_.contains(name)) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::int64_t id, TakeId(work_.connection, work_.names));
    const std::string former = absl::StrCat(kFormer, id);
    Append("RENAME COLUMN ", absl::StrCat(QuoteName(name), " TO ", former));
    there_.erase(name);
    there_.insert(former);
    return absl::OkStatus();
  }
  void Append(const char* verb, const std::string& what) {
    absl::StrAppend(&sql_, sql_.empty() ? "" : "; ", alter_, verb, what);
  }

  TableWork& work_;
  const std::string alter_;
  std::set<std::string> there_;
  std::string sql_;
};

}  // namespace

absl::StatusOr<PostgresVisible> FindVisible(postgres::Connection& connection, const PostgresOwnTables& names,
                                            const TableSchema& kept) {
  ASSIGN_OR_RETURN(const auto present, ReadPresent(connection, names, {kept.name}));
  PostgresVisible visible;
  const auto there = present.find(kept.name);
  if (there == present.end() || !there->second.is_ours) return visible;
  const PresentTable& table = there->second;
  const bool has_kinds = table.Find(kKindsColumn) != nullptr;
  for (const Column& column : kept.columns) {
    const PresentColumn* const found = table.Find(column.name);
    if (found == nullptr || found->type != DeclaredType(column)) continue;
    if (column.type == Type::kAny && !has_kinds) continue;
    visible.columns.insert(FoldName(column.name));
  }
  visible.live = LiveRowsByMarks(kept, table.Find(kOwnedColumn) != nullptr,
                                 table.Find(kDeletedAtColumn) != nullptr, "t");
  visible.is_whole = visible.columns.size() == kept.columns.size() && visible.live == LiveRows(kept, "t");
  return visible;
}

absl::StatusOr<PostgresHistory> BeginVersions(TableWork& work, const TableSchema& kept,
                                              std::int64_t known_from) {
  ASSIGN_OR_RETURN(const std::int64_t id, TakeId(work.connection, work.names));
  PostgresHistory history{.versions = VersionsName(id), .view = "", .schema = kept, .known_from = known_from};
  const PostgresKinds none;
  const std::string versions = work.In(history.versions);
  RETURN_IF_ERROR(RunOnTable(work, SqlOf(work, history, kept, none).Create(history.versions),
                             "making a table of versions"));
  RETURN_IF_ERROR(GiveReading(work.connection, work.In(kept.name), versions));
  RETURN_IF_ERROR(MakeHistoryView(work, &history));
  WriteHistory(work.writes, work.names, history);
  return history;
}

PostgresKeeping KeepingVersions(const TableWork& work, const PostgresHistory& history,
                                const PostgresKinds& kinds, const ApplyRows& apply, std::int64_t moment,
                                bool is_first) {
  const KeepAs as{.compares = apply.batch->operation != Operation::kDelete, .is_first = is_first};
  return {[table = work.In(apply.schema->name), versions = work.In(history.versions), schema = apply.schema,
           batch = &*apply.batch, kinds, as](const std::string& from, int first) {
            return VersionSql(table, versions, *schema, kinds).KeepOld(*batch, as, from, first);
          },
          moment};
}

absl::StatusOr<bool> KeepRowsInParts(TableWork& work, const PostgresHistory& history,
                                     const PostgresKinds& kinds, const ApplyRows& apply,
                                     std::int64_t moment) {
  const std::vector<std::uint32_t> rows = RowsInParts(*apply.batch);
  if (rows.empty()) return false;
  RETURN_IF_ERROR(OverBatch(work, history, kinds, apply, moment).Keep(rows));
  return true;
}

absl::Status ForgetSameVersions(TableWork& work, const PostgresHistory& history, const PostgresKinds& kinds,
                                const ApplyRows& apply, std::int64_t moment) {
  return OverBatch(work, history, kinds, apply, moment).ForgetSame(RowsInParts(*apply.batch));
}

absl::Status KeepDifferentVersions(TableWork& work, const PostgresHistory& history, const TableSchema& kept,
                                   const PostgresKinds& kinds, const PostgresShadow& shadow,
                                   std::int64_t moment, const TakeKeys& take) {
  ASSIGN_OR_RETURN(const PostgresVisible visible, FindVisible(work.connection, work.names, kept));
  for (const std::uint32_t column : kept.Key()) {
    if (visible.columns.contains(FoldName(kept.columns[column].name))) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", kept.name,
        "': its key is no longer the agreed one, so its rows cannot be compared with the new ones for its "
        "history. The new rows were not applied. 'mirrorctl reset' drops the table; the next cycle makes "
        "it."));
  }
  // The table is locked, so that the later merge or swap finds the rows that were compared.
  absl::Status status = LockTable(work, kept.name, "SHARE ROW EXCLUSIVE");
  if (status.ok()) status = RunOnTable(work, "SET LOCAL work_mem = '64MB'", kKeeping);
  if (!status.ok()) return status;
  const VersionSql sql = SqlOf(work, history, kept, kinds);
  const std::string coming = work.In(shadow.name);
  const postgres::AnswersWithin waits(work.connection, kLongStatement);
  for (const std::string& keep : {sql.KeepDifference(visible, coming, ::mirror::KindsOf(kept, shadow.kinds)),
                                  sql.KeepNew(visible, coming)}) {
    const absl::Status ran = work.connection.Change(keep, {moment}, kKeeping);
    if (!ran.ok()) return ToStoreStatus(ran, TableOwner::kMirroredTable);
  }
  const PostgresKinds none;
  PostgresStoredRows stored(kept, none, kept.Key());
  absl::StatusOr<postgres::RowStream> stream =
      work.connection.Stream(sql.Kept(stored.SelectList("v"), coming), {moment}, kKeeping);
  if (!stream.ok()) return ToStoreStatus(stream.status(), TableOwner::kMirroredTable);
  KeysByOperation blocks(kept, take);
  absl::StatusOr<bool> row = stream->Step();
  for (; row.ok() && *row; row = stream->Step()) {
    const auto operation =
        static_cast<JournalOperation>(stream->row().Int(0, static_cast<int>(kept.Key().size())));
    status = stored.Append(stream->row(), 0, &blocks.Of(operation));
    if (status.ok()) status = blocks.Added(operation);
    if (!status.ok()) return status;
  }
  if (!row.ok()) return ToStoreStatus(row.status(), TableOwner::kMirroredTable);
  return blocks.End();
}

bool MustBeginAnew(const TableSchema& before, const TableSchema& kept, const MovedColumns& moved) {
  const TableSchema was = Renamed(before, moved);
  const std::vector<std::uint32_t> a = was.Key(), b = kept.Key();
  if (a.size() != b.size()) return true;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const Column &had = was.columns[a[i]], &has = kept.columns[b[i]];
    if (!SameName(had.name, has.name) || had.rule != has.rule || had.rule_detail != has.rule_detail)
      return true;
  }
  return std::any_of(kept.columns.begin(), kept.columns.end(), [&](const Column& column) {
    const std::optional<std::uint32_t> at = was.Find(column.name);
    // A new rule empties a column, and may change its type.
    return at && !SameType(was.columns[*at], column) && !HasNewRule(was.columns[*at], column);
  });
}

absl::Status FollowDefinition(TableWork& work, const TableSchema& agreed, const MovedColumns& moved,
                              PostgresHistory* history) {
  const TableSchema kept = KeptForm(agreed);
  RETURN_IF_ERROR(DropHistoryView(work, *history));
  RETURN_IF_ERROR(LockTable(work, history->versions));
  std::optional<Widening> widening(std::in_place, work, *history);
  RETURN_IF_ERROR(widening->Read(history->versions));
  TableSchema was = history->schema;
  for (const std::string& name : moved.replaced) Displace(name, &was);
  for (const auto& [from, to] : moved.renamed) {
    if (!SameName(from, to)) Displace(to, &was);
    const std::optional<std::uint32_t> column = was.Find(from);
    if (!column) continue;
    RETURN_IF_ERROR(widening->Rename(was.columns[*column].name, to));
    was.columns[*column].name = to;
  }
  // Values of other dropped columns stay in the versions.
  const NewRules rules =
      FindNewRules(was, agreed, [&](const std::string& column) { return widening->Has(column); });
  const std::string emptied = rules.empty() ? "" : widening->Emptied(was, rules);
  if (!emptied.empty()) {
    // Empties the column before it is renamed, which happens if its type changes.
    const std::string empty = absl::StrCat("UPDATE ", work.In(history->versions), " SET ", emptied);
    RETURN_IF_ERROR(RunOnTable(
        work, absl::StrCat(widening->sql(), widening->sql().empty() ? "" : "; ", empty), kFollowing));
    widening.emplace(work, *history);
    RETURN_IF_ERROR(widening->Read(history->versions));
  }
  for (const Column& column : kept.columns) {
    const std::optional<std::uint32_t> at = was.Find(column.name);
    const bool stays = at && widening->Has(was.columns[*at].name) && SameType(was.columns[*at], column);
    RETURN_IF_ERROR(stays ? widening->Rename(was.columns[*at].name, column.name) : widening->Add(column));
  }
  if (HasKinds(kept)) widening->AddKinds();
  if (!widening->sql().empty()) RETURN_IF_ERROR(RunOnTable(work, widening->sql(), kFollowing));
  if (PackTable(history->schema) != PackTable(kept)) {
    // A digest is valid only for the columns that it covered.
    RETURN_IF_ERROR(ForgetProofs(work, kept.name, INT64_MAX).status());
  }
  history->schema = kept;
  history->hidden.insert(history->hidden.end(), rules.changed.begin(), rules.changed.end());
  absl::Status made = GiveReading(work.connection, work.In(kept.name), work.In(history->versions));
  if (made.ok()) made = MakeHistoryView(work, history);
  if (made.ok()) WriteHistory(work.writes, work.names, *history);
  return made;
}

absl::StatusOr<std::int64_t> CutVersions(TableWork& work, PostgresHistory* history, std::int64_t known_from,
                                         std::int64_t count_max) {
  if (history->known_from < known_from) {
    history->known_from = known_from;
    WriteHistory(work.writes, work.names, *history);
  }
  // Deletes heads of moments that no reader can request any more.
  absl::StatusOr<std::int64_t> gone = work.connection.Run(
      absl::StrCat(
          "DELETE FROM ", work.names.journal,
          " WHERE table_key = $1 AND number < $2 AND number = moment AND done_ms IS NOT NULL AND number "
          "<= (SELECT number FROM ",
          work.names.floor, ")"),
      {FoldName(history->schema.name), known_from}, kCutting);
  const std::string versions = work.In(history->versions);
  if (gone.ok()) {
    gone = work.connection.Run(absl::StrCat("DELETE FROM ", versions, " WHERE ctid IN (SELECT ctid FROM ",
                                            versions, " WHERE ", kVersionUntil, " <= $1 LIMIT $2)"),
                               {known_from, count_max}, kCutting);
  }
  if (!gone.ok()) return ToStoreStatus(gone.status(), TableOwner::kMirroredTable);
  return gone;
}

absl::StatusOr<std::int64_t> EraseVersions(TableWork& work, const PostgresHistory& history, const Key& key) {
  const BoundKey bound(history.schema, key, "v");
  if (!bound.can_be_there()) return 0;
  const std::string of_row = absl::StrCat(" FROM ", work.In(history.versions), " AS v WHERE ", bound.same());
  const auto stood = work.connection.Query(
      absl::StrCat("SELECT coalesce(max(", kVersionUntil, "), 0)::bigint, count(*) FILTER (WHERE ",
                   kVersionWas, " = 1)", of_row),
      bound.values(), kErasing);
  if (!stood.ok()) return ToStoreStatus(stood.status(), TableOwner::kMirroredTable);
  absl::StatusOr<std::int64_t> gone =
      work.connection.Run(absl::StrCat("DELETE", of_row), bound.values(), kErasing);
  if (!gone.ok()) return ToStoreStatus(gone.status(), TableOwner::kMirroredTable);
  gone = ForgetProofs(work, history.schema.name, stood->Int(0, 0));
  if (!gone.ok()) return gone;
  return stood->Int(0, 1);
}

absl::Status SetVersionsAside(TableWork& work, const PostgresHistory& history, std::int64_t now_ms) {
  RETURN_IF_ERROR(DropHistoryView(work, history));
  RemoveHistory(work.writes, work.names, history.schema.name);
  const absl::StatusOr<bool> there = IsTaken(work, history.versions);
  if (!there.ok() || !*there) return there.status();
  RETURN_IF_ERROR(LockTable(work, history.versions));
  ASSIGN_OR_RETURN(const std::int64_t id, TakeId(work.connection, work.names));
  const std::string aside = DroppedName(id);
  RETURN_IF_ERROR(RunOnTable(
      work, absl::StrCat("ALTER TABLE ", work.In(history.versions), " RENAME TO ", QuoteName(aside)),
      "setting versions of rows aside"));
  PutState(work.writes, work.names, StateKind::kDropped,
           {aside, now_ms, PayloadWriter().Text(absl::StrCat(history.schema.name, " (history)")).Take()});
  return absl::OkStatus();
}

absl::Status DropHistoryView(TableWork& work, const PostgresHistory& history) {
  ASSIGN_OR_RETURN(const Relation there, FindRelation(work, history.view));
  // Somebody may have put something else in its place.
  if (there.kind != 'v' || !there.is_ours) return absl::OkStatus();
  return RunWhereFree(work, history.view, absl::StrCat("DROP VIEW ", work.In(history.view)),
                      "dropping the view of a table's versions");
}

absl::Status MakeHistoryView(TableWork& work, PostgresHistory* history) {
  const TableSchema& kept = history->schema;
  ASSIGN_OR_RETURN(const std::string name, FreeViewName(work, *history));
  ASSIGN_OR_RETURN(const PostgresVisible visible, FindVisible(work.connection, work.names, kept));
  history->view = name;
  history->is_view_whole = visible.is_whole;
  // The view needs the table's key. If a column of it is missing, the next population makes the view.
  for (const std::uint32_t column : kept.Key()) {
    if (!visible.columns.contains(FoldName(kept.columns[column].name))) return absl::OkStatus();
  }
  const PostgresKinds none;
  const std::string view = work.In(name);
  absl::Status made =
      RunOnTable(work, SqlOf(work, *history, kept, none).CreateView(view, visible, work.names.journal),
                 "making the view of a table's versions");
  return made.ok() ? GiveReading(work.connection, work.In(kept.name), view) : made;
}

absl::StatusOr<bool> ShowsTable(TableWork& work, const PostgresHistory& history) {
  const TableSchema& kept = history.schema;
  ASSIGN_OR_RETURN(const Relation view, FindRelation(work, history.view));
  if (view.kind != 'v' || !view.is_ours) {
    ASSIGN_OR_RETURN(const PostgresVisible visible, FindVisible(work.connection, work.names, kept));
    return visible.is_whole || !history.is_view_whole;
  }
  // A view refers to its table and columns by number, whatever names they have now.
  const auto rows = work.connection.Query(
      "SELECT DISTINCT a.attname::text FROM pg_catalog.pg_rewrite AS r JOIN pg_catalog.pg_depend AS d ON "
      "d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = "
      "'pg_catalog.pg_class'::regclass JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND "
      "a.attnum = d.refobjsubid WHERE r.ev_class = $1::text::regclass AND d.refobjid = $2::text::regclass",
      {work.In(history.view), work.In(kept.name)}, "reading what the view of a table's versions shows");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  std::set<std::string> shown;
  for (int row = 0; row < rows->rows(); ++row) {
    if (std::string name = rows->Text(row, 0); !absl::StartsWith(name, "_mirror_")) shown.insert(name);
  }
  if (shown.empty()) return false;
  bool shows_all = true;
  for (const Column& column : kept.columns) shows_all = shown.erase(column.name) > 0 && shows_all;
  return shown.empty() && (shows_all || !history.is_view_whole);
}

absl::Status RenameHistoryView(TableWork& work, PostgresHistory* history) {
  ASSIGN_OR_RETURN(const Relation there, FindRelation(work, history->view));
  if (there.kind != 'v' || !there.is_ours) return absl::OkStatus();
  const std::string name = history->versions + "_view";
  absl::Status renamed =
      RunWhereFree(work, history->view,
                   absl::StrCat("ALTER VIEW ", work.In(history->view), " RENAME TO ", QuoteName(name)),
                   "renaming the view of a table's versions");
  if (!renamed.ok()) return renamed;
  history->view = name;
  WriteHistory(work.writes, work.names, *history);
  return renamed;
}

absl::StatusOr<bool> MendHistoryView(TableWork& work, PostgresHistory* history) {
  ASSIGN_OR_RETURN(const Relation there, FindRelation(work, history->view));
  if (there.kind == 'v' && there.is_ours && history->is_view_whole) return false;
  RETURN_IF_ERROR(DropHistoryView(work, *history));
  RETURN_IF_ERROR(MakeHistoryView(work, history));
  WriteHistory(work.writes, work.names, *history);
  return true;
}

namespace {

/// Number of rows, in no particular order, from which the size of a version is estimated.
constexpr int kSampledRows = 1'000;
/// Bytes of a version in addition to its row: its index entry.
constexpr int kVersionBytes = 24;

constexpr int kKeyBlockRows = 10'000;
constexpr int kVersionsAtOnce = 100;

class PostgresVersionReader final : public VersionReader {
 public:
  PostgresVersionReader(postgres::Connection& connection, const PostgresOwnTables& names,
                        SnapshotReading snapshot)
      : connection_(connection), names_(names), snapshot_(std::move(snapshot)) {}

  absl::StatusOr<std::optional<TableHistory>> ReadHistory(const std::string& table) override {
    ASSIGN_OR_RETURN(const std::optional<PostgresHistory> kept, Find(table));
    std::optional<TableHistory> history;
    if (kept) history = TableHistory{OfFormerRows(kept->schema), kept->known_from};
    return history;
  }

  absl::StatusOr<std::int64_t> FindCut(const TableHistory& history, const OldCommits& old,
                                       std::uint64_t bytes_max) override {
    ASSIGN_OR_RETURN(const Opened opened, Open(history.schema));
    const auto last_old =
        connection_.Number(LastOldSql(names_, "table_key = $3"),
                           {old.before_ms, old.now_ms, FoldName(history.schema.name)}, Doing(history.schema));
    if (!last_old.ok()) return ToStoreStatus(last_old.status(), TableOwner::kOwnTable);
    ASSIGN_OR_RETURN(const std::int64_t over, FindOver(history.schema, opened.versions(names_), bytes_max));
    // The last committed state stays, whatever amount the running cycle has written.
    ASSIGN_OR_RETURN(const auto last, LastCommitOf(connection_, names_, history.schema.name));
    const std::int64_t cut = std::max(*last_old, std::min(over, last));
    if (cut > history.known_from) return cut;
    // Continues a cut that was interrupted.
    const auto left =
        connection_.Number(absl::StrCat("SELECT count(*) FROM (SELECT 1 FROM ", opened.versions(names_),
                                        " WHERE ", kVersionUntil, " <= $1 LIMIT 1) AS one"),
                           {history.known_from}, Doing(history.schema));
    if (!left.ok()) return ToStoreStatus(left.status(), TableOwner::kMirroredTable);
    return *left != 0 ? history.known_from : 0;
  }

  absl::StatusOr<std::int64_t> CountVersions(const TableHistory& history) override {
    ASSIGN_OR_RETURN(const Opened opened, Open(history.schema));
    const auto count = connection_.Number(
        absl::StrCat("SELECT count(*) FROM ", opened.versions(names_), " WHERE ", kVersionWas, " = 1"), {},
        Doing(history.schema));
    if (!count.ok()) return ToStoreStatus(count.status(), TableOwner::kMirroredTable);
    return *count;
  }

  absl::Status ReadRowsAsOf(const TableHistory& history, std::int64_t moment,
                            const std::vector<std::uint32_t>& columns, const std::vector<KeyRange>& ranges,
                            std::size_t block_bytes, const GoOn& go_on, const TakeRows& take) override {
    const TableSchema& table = history.schema;
    RowBlock block = RowBlock::For(table, columns);
    RETURN_IF_ERROR(ReadAsOf(history, moment, columns, ranges, /*in_key_order=*/true, go_on,
                             [&](PostgresStoredRows& stored, const postgres::RowView& row) {
                               absl::Status added = stored.Append(row, &block);
                               if (!added.ok() || block.bytes() < block_bytes) return added;
                               absl::Status taken = take(&block);
                               block = RowBlock::For(table, columns);
                               return taken;
                             }));
    return block.rows() == 0 ? absl::OkStatus() : take(&block);
  }

  absl::StatusOr<RangeDigest> DigestAsOf(const TableHistory& history, std::int64_t moment,
                                         const std::vector<std::uint32_t>& columns,
                                         const GoOn& go_on) override {
    RangeDigest sum;
    RowDigest digest;
    RETURN_IF_ERROR(ReadAsOf(history, moment, columns, {}, /*in_key_order=*/false, go_on,
                             [&](PostgresStoredRows& stored, const postgres::RowView& row) {
                               absl::Status added = stored.Digest(row, &digest);
                               if (added.ok()) sum.Add(digest.Finish());
                               return added;
                             }));
    return sum;
  }

  absl::Status ReadVersions(const TableHistory& history, const Key& key, const TakeVersion& take) override {
    const TableSchema& table = history.schema;
    ASSIGN_OR_RETURN(const Opened opened, Open(table));
    const BoundKey bound(table, key, "m");
    if (!bound.can_be_there()) return absl::OkStatus();
    PostgresStoredRows stored(table, opened.kinds, table.AllColumns());
    VersionGiver giver(take);
    const VersionSql sql = SqlOf(opened);
    const std::string stands =
        absl::StrCat("SELECT ", stored.SelectList("m"), " FROM (SELECT ", sql.LiveColumns(opened.visible),
                     " FROM ONLY ", Qualified(names_.schema_name, table.name), " AS t WHERE true",
                     opened.visible.and_live(), ") AS m WHERE ", bound.same());
    const auto present = connection_.Query(stands, bound.values(), Doing(table));
    if (!present.ok()) return ToStoreStatus(present.status(), TableOwner::kMirroredTable);
    if (present->rows() != 0) {
      RowBlock row = RowBlock::ForAll(table);
      RETURN_IF_ERROR(stored.Append(*present, 0, &row));
      RETURN_IF_ERROR(giver.Add(INT64_MAX, &row));
    }
    return ReadClosed(opened, table, bound, stored, giver);
  }

  absl::Status ReadTouchedKeys(const TableHistory& history, std::int64_t from, std::int64_t to,
                               const GoOn& go_on, const TakeRows& take) override {
    const TableSchema& table = history.schema;
    ASSIGN_OR_RETURN(const Opened opened, Open(table));
    const std::vector<std::uint32_t> key = table.Key();
    PostgresStoredRows stored(table, opened.kinds, key);
    const std::string list = stored.SelectList("v");
    // Uses a cursor, because `take` may read rows of these keys before the next fetch.
    const std::string cursor = absl::StrCat("_mirror_touched_", ++cursors_);
    absl::Status status = connection_.Execute(
        absl::StrCat("DECLARE ", cursor, " NO SCROLL CURSOR FOR SELECT DISTINCT ", list, " FROM ",
                     opened.versions(names_), " AS v WHERE v.", kVersionUntil, " > ", from, " AND v.",
                     kVersionUntil, " <= ", to, " ORDER BY ", list),
        Doing(table));
    if (!status.ok()) return ToStoreStatus(status, TableOwner::kMirroredTable);
    for (bool more = true; more;) {
      RETURN_IF_ERROR(snapshot_.may_go_on(go_on));
      const auto rows =
          connection_.Query(absl::StrCat("FETCH ", kKeyBlockRows, " FROM ", cursor), {}, Doing(table));
      if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
      more = rows->rows() == kKeyBlockRows;
      RowBlock block = RowBlock::For(table, key);
      for (int row = 0; status.ok() && row < rows->rows(); ++row) status = stored.Append(*rows, row, &block);
      if (status.ok() && block.rows() != 0) status = take(&block);
      if (!status.ok()) return status;
    }
    return ToStoreStatus(connection_.Execute("CLOSE " + cursor, Doing(table)), TableOwner::kMirroredTable);
  }

 private:
  struct Opened {
    PostgresHistory history;
    PostgresKinds kinds;  ///< The kinds of the table's rows and of their versions.
    PostgresVisible visible;

    std::string versions(const PostgresOwnTables& names) const {
      return Qualified(names.schema_name, history.versions);
    }
  };
  using Take = std::function<absl::Status(PostgresStoredRows&, const postgres::RowView&)>;

  static std::string Doing(const TableSchema& table) {
    return absl::StrCat("reading former rows of table '", table.name, "'");
  }

  absl::StatusOr<std::optional<PostgresHistory>> Find(const std::string& table) {
    if (!histories_) {
      ASSIGN_OR_RETURN(histories_, SelectHistories(connection_, names_));
    }
    const auto found = histories_->find(FoldName(table));
    std::optional<PostgresHistory> history;
    if (found != histories_->end()) history = found->second;
    return history;
  }

  /// Returns the moment that ended the last of the excess versions; 0: there are none. Counts rows, because a
  /// relation does not shrink at once when rows are deleted.
  absl::StatusOr<std::int64_t> FindOver(const TableSchema& table, const std::string& versions,
                                        std::uint64_t bytes_max) {
    const auto size =
        connection_.Number("SELECT pg_total_relation_size(to_regclass($1))", {versions}, Doing(table));
    if (!size.ok()) return ToStoreStatus(size.status(), TableOwner::kMirroredTable);
    if (static_cast<std::uint64_t>(*size) <= bytes_max) return 0;
    const auto each = connection_.Number(
        absl::StrCat("SELECT (coalesce(avg(pg_column_size(m.*)), 0) + ", kVersionBytes,
                     ")::bigint FROM (SELECT * FROM ", versions, " LIMIT ", kSampledRows, ") AS m"),
        {}, Doing(table));
    if (!each.ok()) return ToStoreStatus(each.status(), TableOwner::kMirroredTable);
    const std::uint64_t stay =
        std::min<std::uint64_t>(bytes_max / static_cast<std::uint64_t>(*each), INT64_MAX);
    // Counts by moment, because to sort the rows themselves may need too much memory and disk.
    const auto until = connection_.Number(
        absl::StrCat(
            "SELECT coalesce(max(until), 0) FROM (SELECT until, sum(rows) OVER (ORDER BY until DESC) ",
            "AS newest FROM (SELECT ", kVersionUntil, " AS until, count(*) AS rows FROM ", versions,
            " GROUP BY 1) AS each_moment) AS so_far WHERE newest > $1"),
        {static_cast<std::int64_t>(stay)}, Doing(table));
    if (!until.ok()) return ToStoreStatus(until.status(), TableOwner::kMirroredTable);
    return *until;
  }

  /// Reads the table's history. From then on no one can replace the table or its versions.
  absl::StatusOr<Opened> Open(const TableSchema& table) {
    ASSIGN_OR_RETURN(std::optional<PostgresHistory> kept, Find(table.name));
    if (!kept) return absl::NotFoundError(absl::StrCat("table '", table.name, "' has no history"));
    Opened opened{.history = *std::move(kept), .kinds = {}, .visible = {}};
    const std::string versions = opened.versions(names_);
    const auto there = connection_.Query("SELECT to_regclass($1) IS NOT NULL", {versions}, Doing(table));
    if (!there.ok()) return ToStoreStatus(there.status(), TableOwner::kMirroredTable);
    absl::StatusOr<bool> held = there->Bool(0, 0);
    if (*held) held = snapshot_.hold(opened.history.versions, Doing(table));
    if (!held.ok()) return held.status();
    if (!*held) {
      return absl::UnavailableError(
          absl::StrCat("the versions of rows of table '", table.name,
                       "' were set aside when the read began. Nothing was read; the same call again is "
                       "safe."));
    }
    ASSIGN_OR_RETURN(PostgresKinds kinds, snapshot_.touch(table));
    opened.kinds = std::move(kinds);
    ASSIGN_OR_RETURN(PostgresVisible visible, FindVisible(connection_, names_, opened.history.schema));
    opened.visible = std::move(visible);
    return opened;
  }

  VersionSql SqlOf(const Opened& opened) const {
    return {Qualified(names_.schema_name, opened.history.schema.name), opened.versions(names_),
            opened.history.schema, opened.kinds};
  }

  absl::Status ReadAsOf(const TableHistory& history, std::int64_t moment,
                        const std::vector<std::uint32_t>& columns, const std::vector<KeyRange>& ranges,
                        bool in_key_order, const GoOn& go_on, const Take& take) {
    ASSIGN_OR_RETURN(const Opened opened, Open(history.schema));
    PostgresStoredRows stored(history.schema, opened.kinds, columns);
    const PostgresReading reading = {.name = Qualified(names_.schema_name, history.schema.name),
                                     .kept = history.schema,
                                     .select = stored.SelectList("m"),
                                     .in_key_order = in_key_order,
                                     .rows = SqlOf(opened).AsOf(opened.visible, absl::StrCat(moment))};
    return ReadRanges(
        connection_, reading, ranges, [&] { return snapshot_.may_go_on(go_on); },
        [&](const postgres::RowView& row, std::size_t) { return take(stored, row); });
  }

  absl::Status ReadClosed(const Opened& opened, const TableSchema& table, const BoundKey& bound,
                          PostgresStoredRows& stored, VersionGiver& giver) {
    std::vector<postgres::Value> values = bound.values();
    values.emplace_back(INT64_MAX);
    const std::string sql = absl::StrCat(
        "SELECT ", stored.SelectList("m"), ", m.", kVersionWas, "::bigint, m.", kVersionUntil, " FROM ",
        opened.versions(names_), " AS m WHERE ", bound.same(), " AND m.", kVersionUntil, " < $",
        values.size(), " ORDER BY m.", kVersionUntil, " DESC LIMIT ", kVersionsAtOnce);
    while (giver.goes_on()) {
      const auto rows = connection_.Query(sql, values, Doing(table));
      if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
      for (int row = 0; giver.goes_on() && row < rows->rows(); ++row) {
        const std::int64_t until = rows->Int(row, rows->columns() - 1);
        const bool stood = rows->Bool(row, rows->columns() - 2);
        RowBlock block = RowBlock::ForAll(table);
        RETURN_IF_ERROR(stood ? stored.Append(*rows, row, &block) : absl::OkStatus());
        RETURN_IF_ERROR(giver.Add(until, stood ? &block : nullptr));
        values.back() = until;
      }
      if (rows->rows() < kVersionsAtOnce) break;
    }
    return giver.End();
  }

  postgres::Connection& connection_;
  const PostgresOwnTables& names_;
  const SnapshotReading snapshot_;
  std::optional<std::map<std::string, PostgresHistory>> histories_;
  int cursors_ = 0;
};

}  // namespace

std::unique_ptr<VersionReader> MakePostgresVersionReader(postgres::Connection& connection,
                                                         const PostgresOwnTables& names,
                                                         SnapshotReading snapshot) {
  return std::make_unique<PostgresVersionReader>(connection, names, std::move(snapshot));
}

}  // namespace mirror
