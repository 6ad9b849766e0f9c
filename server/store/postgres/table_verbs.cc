#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/db/postgres/failure.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/postgres_mirror.h"
#include "server/store/postgres/rows/parts.h"
#include "server/store/postgres/rows/state_rows.h"
#include "server/store/postgres/rows/write_set.h"
#include "server/store/postgres/tables/alter.h"
#include "server/store/postgres/tables/definitions.h"
#include "server/store/postgres/tables/indexes.h"
#include "server/store/postgres/tables/kept_kinds.h"
#include "server/store/postgres/tables/merge.h"
#include "server/store/postgres/tables/retired.h"
#include "server/store/postgres/tables/shadow.h"
#include "server/store/postgres/tables/versions.h"

namespace mirror {
namespace {

absl::Status NotAgreed(const std::string& table) {
  return absl::FailedPreconditionError(
      absl::StrCat("table '", table, "' is not agreed. Nothing was applied."));
}

absl::Status NoShadow(const std::string& table) {
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", table, "': its shadow table is missing. Nothing was applied. Populate the table again."));
}

/// Returns the columns whose values a rule excludes now.
std::vector<std::string> KeptOutBy(const RefitTable& refit) {
  std::vector<std::string> columns = FindKeptOut(refit.from, refit.to);
  for (const auto& change : refit.alter.changes) {
    const auto* const drop = std::get_if<DropColumn>(&change);
    if (drop != nullptr && absl::c_linear_search(refit.emptied, drop->name)) columns.push_back(drop->name);
  }
  return columns;
}

/// Drops the mirror's own indexes that refused rows of the source, because rows have priority. False: none
/// refused any. Runs in the transaction after the refused one.
absl::StatusOr<bool> DropRefusing(PostgresMirror& mirror, const std::string& table) {
  const auto refused = mirror.refused_rows_of.find(FoldName(table));
  if (refused == mirror.refused_rows_of.end()) return false;
  ASSIGN_OR_RETURN(TableWork work, ChangingTables(mirror));
  ASSIGN_OR_RETURN(const std::size_t dropped, DropIndexesOfAnyLength(work, table));
  mirror.refused_rows_of.erase(refused);
  // Code that caches the source's indexes reads them again, on this server and others.
  if (dropped > 0) {
    mirror.work->view->writes().MoveState();
    ++mirror.version;
  }
  return true;
}

/// Returns the name as the database spells it. A relation that is spelled differently is somebody else's.
absl::StatusOr<std::string> NameThere(WorkView& view, const std::string& table,
                                      const std::map<std::string, PostgresAgreed>& agreed) {
  if (const auto found = agreed.find(FoldName(table)); found != agreed.end()) {
    return found->second.schema.name;
  }
  ASSIGN_OR_RETURN(const auto record, view.FindRecord(table));
  return record ? record->table : table;
}

/// Drops the view of the table's versions, because PostgreSQL drops no table or column that a view needs.
absl::Status DropViewOf(WorkView& view, TableWork& work, const std::string& table) {
  ASSIGN_OR_RETURN(const auto histories, view.Histories());
  const auto kept = histories->find(FoldName(table));
  return kept == histories->end() ? absl::OkStatus() : DropHistoryView(work, kept->second);
}

/// Renames a view whose name is needed for a new table.
absl::Status YieldViewName(WorkView& view, TableWork& work, const std::string& name) {
  ASSIGN_OR_RETURN(const auto histories, view.Histories());
  for (auto& [key, history] : *histories) {
    if (history.view != name) continue;
    RETURN_IF_ERROR(RenameHistoryView(work, &history));
  }
  return absl::OkStatus();
}

class PostgresTableVerbs final : public TableVerbs {
 public:
  explicit PostgresTableVerbs(PostgresMirror& mirror) : mirror_(mirror) {}

  absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) override {
    ASSIGN_OR_RETURN(const auto all, view().Agreed());
    const auto found = all->find(FoldName(table));
    if (found == all->end() || !found->second.is_there) return std::nullopt;
    return found->second.schema;
  }

  absl::Status Create(const CreateTable& create) override {
    ASSIGN_OR_RETURN(TableWork work, ChangingTables(mirror_));
    ASSIGN_OR_RETURN(const auto all, view().Agreed());
    const std::string& name = create.schema.name;
    const auto other = all->find(FoldName(name));
    if (other != all->end() && other->second.is_there && other->second.schema.name != name) {
      return absl::FailedPreconditionError(absl::StrCat("the mirror has a table '", other->second.schema.name,
                                                        "', and names are compared without case. It was left "
                                                        "as it is."));
    }
    RETURN_IF_ERROR(mirror_.Said(YieldViewName(view(), work, name)));
    ASSIGN_OR_RETURN(PostgresAgreed made, mirror_.Said(RunCreateTable(work, create)));
    made.is_there = true;
    (*all)[FoldName(name)] = std::move(made);
    return absl::OkStatus();
  }

  absl::Status Alter(const std::string& table, const Position& position, const AlterTable& alter) override {
    return InPlace(table, [&](TableWork& work, PostgresAgreed* agreed, std::optional<StateRow>* lost) {
      return RunAlterTable(work, position, alter, agreed, lost);
    });
  }
  absl::Status Refit(const std::string& table, const Position& position, const RefitTable& refit) override {
    return InPlace(table, [&](TableWork& work, PostgresAgreed* agreed, std::optional<StateRow>* lost) {
      absl::Status done = RunRefitTable(work, position, refit, agreed, lost);
      if (done.ok()) return done;
      view().EmptyAnyway(table, KeptOutBy(refit));
      return done;
    });
  }

  absl::Status Agree(const AgreeSchema& agree) override {
    ASSIGN_OR_RETURN(TableWork work, ChangingTables(mirror_));
    ASSIGN_OR_RETURN(const auto all, view().Agreed());
    PostgresAgreed& agreed = (*all)[FoldName(agree.schema.name)];
    const std::vector<std::string> kept_out = FindKeptOut(agreed.schema, agree.schema);
    absl::Status done = mirror_.Said(RunAgreeSchema(work, agree, &agreed));
    if (!done.ok()) view().EmptyAnyway(agree.schema.name, kept_out);
    return done;
  }

  absl::Status Retire(const std::string& table, const RetireTable& retire) override {
    return Forget(table, [&](TableWork& work, const std::string& name, const std::string& shadow) {
      return RunRetireTable(work, name, shadow, retire.now_ms).status();
    });
  }
  absl::Status Drop(const std::string& table) override {
    return Forget(table, [&](TableWork& work, const std::string& name, const std::string& shadow) {
      return RunDropTable(work, name, shadow);
    });
  }

  absl::Status DropRetired(std::int64_t before_ms) override {
    ASSIGN_OR_RETURN(const auto dropped, view().state().Read(StateKind::kDropped, std::nullopt));
    if (dropped.empty()) return absl::OkStatus();
    absl::StatusOr<TableWork> work = view().Work();
    return work.ok() ? mirror_.Said(::mirror::DropRetired(*work, dropped, before_ms)) : work.status();
  }

  absl::Status ChangeIndexes(const std::vector<IndexChange>& changes) override {
    for (const IndexChange& change : changes) {
      ASSIGN_OR_RETURN(PostgresAgreed* const agreed, view().FindAgreed(change.index.table));
      ASSIGN_OR_RETURN(TableWork work, ChangingTables(mirror_));
      // Other servers cache the indexes.
      view().writes().MoveState();
      const TableSchema* const schema = agreed == nullptr ? nullptr : &agreed->schema;
      RETURN_IF_ERROR(mirror_.Said(ChangeIndex(work, change, schema)));
    }
    return absl::OkStatus();
  }
  absl::Status WriteObjects(const std::vector<ObjectsChange>& changes) override {
    ASSIGN_OR_RETURN(TableWork work, view().Work());
    for (const ObjectsChange& change : changes) ::mirror::WriteObjects(work, change);
    return absl::OkStatus();
  }

  absl::Status BeginShadow(const std::string& table, const mirror::BeginShadow& begin) override {
    ASSIGN_OR_RETURN(const auto older, Find(table));
    ASSIGN_OR_RETURN(PostgresAgreed* const agreed, view().FindAgreed(table));
    if (agreed == nullptr) return NotAgreed(table);
    ASSIGN_OR_RETURN(TableWork work, ChangingTables(mirror_));
    if (older) DropShadow(work, *older);
    return mirror_.Said(RunBeginShadow(work, *agreed, begin).status());
  }
  absl::StatusOr<std::optional<Shadow>> FindShadow(const std::string& table) override {
    ASSIGN_OR_RETURN(const auto found, Find(table));
    if (!found) return std::nullopt;
    return Shadow{found->name, found->rows};
  }
  absl::Status WriteShadowRows(const std::string& table, std::int64_t rows) override {
    ASSIGN_OR_RETURN(auto shadow, Find(table));
    if (!shadow || shadow->rows == rows) return absl::OkStatus();
    shadow->rows = rows;
    TableWork work{view().connection(), view().names(), view().writes()};
    WriteShadow(work, *shadow);
    return absl::OkStatus();
  }

  absl::StatusOr<std::int64_t> CountAbsent(const TableSchema& kept, const Shadow&, std::int64_t) override {
    RETURN_IF_ERROR(ChangingTables(mirror_).status());
    ASSIGN_OR_RETURN(InShadow in, Of(kept.name));
    return mirror_.Said(::mirror::CountAbsent(in.work, kept, in.shadow));
  }
  absl::StatusOr<std::vector<std::string>> ReadAbsentKeys(const TableSchema& kept, const Shadow&) override {
    ASSIGN_OR_RETURN(InShadow in, Of(kept.name));
    return ::mirror::ReadAbsentKeys(in.work, kept, in.shadow);
  }
  absl::Status Swap(const std::string& table, std::vector<std::string>* left_out) override {
    return Take(table, [&](InShadow& in, PostgresAgreed* agreed) {
      return RunSwap(in.work, in.shadow, mirror_.options.merge_rows_max, agreed, left_out);
    });
  }
  absl::Status Merge(const TableSchema& kept, const Shadow&, std::int64_t) override {
    return Take(kept.name, [&](InShadow& in, PostgresAgreed* agreed) {
      return MergeIgnoring(in.work, in.shadow, mirror_.options.merge_rows_max, agreed);
    });
  }
  /// Does nothing: no table is its own shadow here, see FindShadow().
  absl::Status EndOwnShadow(const std::string&) override { return absl::OkStatus(); }

  absl::Status DropOldShadows(std::int64_t cycle) override {
    ASSIGN_OR_RETURN(const auto rows, view().state().Read(StateKind::kShadow, std::nullopt));
    std::vector<PostgresShadow> shadows;
    for (const StateRow& row : rows) {
      ASSIGN_OR_RETURN(PostgresShadow shadow, ParseShadow(mirror_.names, row));
      shadows.push_back(std::move(shadow));
    }
    TableWork work{view().connection(), view().names(), view().writes()};
    ::mirror::DropOldShadows(work, shadows, cycle);
    return absl::OkStatus();
  }

  absl::Status Write(const std::string& table, const Shadow* shadow, const ApplyRows& apply, std::int64_t,
                     RowsWritten* written) override {
    absl::Status status =
        shadow == nullptr ? WriteVisible(table, apply, written) : WriteToShadow(table, apply, written);
    if (status.ok()) CrashPoint("rows.written");
    return mirror_.Said(ToStoreStatus(status, TableOwner::kMirroredTable));
  }
  absl::Status WritePart(const std::string& table, const KeepPart& part) override {
    ASSIGN_OR_RETURN(TableWork work, view().Work());
    const PostgresParts of{mirror_.names.receipts, table, part.cycle};
    return ToStoreStatus(::mirror::WritePart(work.connection, of, part, mirror_.options.value_bytes_max),
                         TableOwner::kOwnTable);
  }
  absl::StatusOr<std::string> HashParts(const std::string& table, std::int64_t cycle,
                                        std::uint64_t value_id) override {
    ASSIGN_OR_RETURN(TableWork work, view().Work());
    const PostgresParts of{mirror_.names.receipts, table, cycle};
    return ToStoreStatus(::mirror::HashParts(work.connection, of, value_id), TableOwner::kOwnTable);
  }

 private:
  /// An existing shadow, and the context for working on it.
  struct InShadow {
    TableWork work;
    PostgresShadow shadow;
  };

  WorkView& view() { return *mirror_.work->view; }

  absl::StatusOr<std::optional<PostgresShadow>> Find(const std::string& table) {
    ASSIGN_OR_RETURN(const auto rows, view().state().Read(StateKind::kShadow, FoldName(table)));
    if (rows.empty()) return std::nullopt;
    ASSIGN_OR_RETURN(PostgresShadow shadow, ParseShadow(mirror_.names, rows.front()));
    return shadow;
  }
  absl::StatusOr<InShadow> Of(const std::string& table) {
    ASSIGN_OR_RETURN(auto shadow, Find(table));
    if (!shadow) return NoShadow(table);
    ASSIGN_OR_RETURN(TableWork work, view().Work());
    return InShadow{work, *std::move(shadow)};
  }

  template <typename Do>
  absl::Status InPlace(const std::string& table, const Do& what) {
    ASSIGN_OR_RETURN(PostgresAgreed* const agreed, view().FindAgreed(table));
    if (agreed == nullptr) return NotAgreed(table);
    ASSIGN_OR_RETURN(auto rows, view().state().Read(StateKind::kLostColumns, FoldName(table)));
    std::optional<StateRow> lost;
    if (!rows.empty()) lost = std::move(rows.front());
    ASSIGN_OR_RETURN(TableWork work, ChangingTables(mirror_));
    // HistoryVerbs::Follow() makes the view again.
    absl::Status free = DropViewOf(view(), work, table);
    return mirror_.Said(free.ok() ? what(work, agreed, &lost) : free);
  }

  template <typename Do>
  absl::Status Take(const std::string& table, const Do& what) {
    RETURN_IF_ERROR(ChangingTables(mirror_).status());
    ASSIGN_OR_RETURN(InShadow in, Of(table));
    ASSIGN_OR_RETURN(PostgresAgreed* const agreed, view().FindAgreed(table));
    if (agreed == nullptr) return NotAgreed(table);
    ASSIGN_OR_RETURN(const auto histories, view().Histories());
    RETURN_IF_ERROR(mirror_.Said(what(in, agreed)));
    const auto kept = histories->find(FoldName(table));
    if (kept == histories->end()) return absl::OkStatus();
    return mirror_.Said(MendHistoryView(in.work, &kept->second).status());
  }

  template <typename Do>
  absl::Status Forget(const std::string& table, const Do& what) {
    ASSIGN_OR_RETURN(const auto shadow, Find(table));
    ASSIGN_OR_RETURN(const auto all, view().Agreed());
    ASSIGN_OR_RETURN(const std::string name, NameThere(view(), table, *all));
    ASSIGN_OR_RETURN(TableWork work, ChangingTables(mirror_));
    absl::Status done = DropViewOf(view(), work, table);
    if (done.ok()) done = what(work, name, shadow ? shadow->name : "");
    mirror_.Said(done).IgnoreError();
    if (done.ok()) (all)->erase(FoldName(table));
    return done;
  }

  absl::Status WriteVisible(const std::string& table, const ApplyRows& apply, RowsWritten* written) {
    const std::optional<PostgresKeeping> keeping = std::exchange(mirror_.work->keeping, std::nullopt);
    ASSIGN_OR_RETURN(PostgresAgreed* const agreed, view().FindAgreed(table));
    if (agreed == nullptr) return NotAgreed(table);
    RETURN_IF_ERROR(view().CheckOurs(agreed->schema.name));
    ASSIGN_OR_RETURN(const bool was_refused, DropRefusing(mirror_, agreed->schema.name));
    ASSIGN_OR_RETURN(TableWork work, view().Work());
    const PostgresTarget target{.name = work.In(agreed->schema.name),
                                .receipts = mirror_.names.receipts,
                                .kinds = KindsOf(*apply.schema, agreed->kinds),
                                .keeping = keeping ? &*keeping : nullptr};
    absl::Status done = WriteRows(work.connection, target, apply, written);
    if (was_refused || !MayBeOwnIndex(postgres::FailureOf(done))) return done;
    mirror_.refused_rows_of.insert(FoldName(table));
    return absl::AbortedError(
        absl::StrCat("table '", table,
                     "': a value may be too long for an index that the mirror made itself. Nothing of this "
                     "batch was applied. The same batch again is safe: the mirror drops that index first."));
  }

  absl::Status WriteToShadow(const std::string& table, const ApplyRows& apply, RowsWritten* written) {
    ASSIGN_OR_RETURN(InShadow in, Of(table));
    // A shadow has only the mirror's rows.
    const TableSchema form = ShadowForm(*apply.schema);
    ApplyRows into = apply;
    into.schema = &form;
    const PostgresTarget target = ShadowTarget(in.work, in.shadow, *apply.schema, *apply.batch);
    RETURN_IF_ERROR(WriteRows(in.work.connection, target, into, written));
    NoteKeys(*apply.schema, *apply.batch, &in.shadow);
    in.shadow.rows += written->added;
    WriteShadow(in.work, in.shadow);
    return absl::OkStatus();
  }

  PostgresMirror& mirror_;
};

}  // namespace

absl::StatusOr<TableWork> ChangingTables(PostgresMirror& mirror) {
  if (mirror.work->role.may_change_tables()) return mirror.work->view->Work();
  mirror.may_try_again = true;
  return absl::UnavailableError(
      "tables can be changed only at the coordinator. Nothing was applied; the same call again is safe.");
}

std::unique_ptr<TableVerbs> MakePostgresTableVerbs(PostgresMirror& mirror) {
  return std::make_unique<PostgresTableVerbs>(mirror);
}

}  // namespace mirror
