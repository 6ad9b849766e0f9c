#include "server/store/postgres/history_verbs.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/new_rule.h"
#include "server/store/postgres/history/history_rows.h"
#include "server/store/postgres/history/journal_rows.h"
#include "server/store/postgres/history/versions.h"
#include "server/store/postgres/place/rights.h"
#include "server/store/postgres/records/state_rows.h"
#include "server/store/postgres/rows/key_order.h"
#include "server/store/postgres/table_verbs.h"
#include "server/store/postgres/tables/kept_kinds.h"
#include "server/store/postgres/tables/shadow.h"

namespace mirror {
namespace {

/// All of kJournal, which the transaction has read with its lock.
absl::StatusOr<std::vector<StateRow>> JournalState(PostgresMirror& mirror) {
  return mirror.work->view->state().Read(StateKind::kJournal, std::nullopt);
}

bool IsThere(const std::vector<StateRow>& state) {
  for (const StateRow& row : state) {
    if (row.table_key.empty()) return true;
  }
  return false;
}

/// Begins the journal, if it has not begun.
absl::Status EnsureJournal(PostgresMirror& mirror) {
  const absl::StatusOr<std::vector<StateRow>> state = JournalState(mirror);
  if (!state.ok() || IsThere(*state)) return state.status();
  ASSIGN_OR_RETURN(TableWork work, ChangingTables(mirror));
  OwnWrites& writes = work.writes;
  PutState(writes, mirror.names, StateKind::kJournal, {"", 0, std::string(8, '\0')});
  RETURN_IF_ERROR(writes.Send(work.connection));
  // Who reads where tables stand reads when they stood there.
  return GiveReading(work.connection, mirror.names.metadata, mirror.names.commits);
}

class PostgresJournalVerbs final : public JournalVerbs {
 public:
  explicit PostgresJournalVerbs(PostgresMirror& mirror) : mirror_(mirror) {}

  absl::StatusOr<JournalPlace> ReadPlace(const std::string& table) override {
    ASSIGN_OR_RETURN(const std::vector<StateRow> state, JournalState(mirror_));
    return JournalPlaceOf(state, table);
  }
  absl::StatusOr<std::optional<std::string>> ReadSeen(const std::string& table) override {
    return mirror_.work->seen.Find(view(), table);
  }
  absl::StatusOr<std::int64_t> FindLastCommit(const std::string& table) override {
    ASSIGN_OR_RETURN(const std::vector<StateRow> state, JournalState(mirror_));
    if (!IsThere(state)) return 0;
    ASSIGN_OR_RETURN(TableWork work, view().Work());
    return LastCommitOf(work.connection, mirror_.names, table);
  }
  absl::Status AddEntry(const JournalEntry& entry) override {
    RETURN_IF_ERROR(EnsureJournal(mirror_));
    InsertEntry(writes(), mirror_.names, entry);
    return absl::OkStatus();
  }
  absl::Status CloseMoment(std::int64_t moment, const JournalEntry& by) override {
    const absl::StatusOr<std::vector<StateRow>> state = JournalState(mirror_);
    if (!state.ok() || !IsThere(*state)) return state.status();
    ::mirror::CloseMoment(writes(), mirror_.names, *state, moment, by);
    return absl::OkStatus();
  }
  absl::Status NoteDigest(const std::string& table, const Position& position, std::int64_t rows,
                          const std::string& digest) override {
    const absl::StatusOr<std::vector<StateRow>> state = JournalState(mirror_);
    if (!state.ok() || !IsThere(*state)) return state.status();
    WriteDigest(writes(), mirror_.names, table, position, rows, digest);
    return absl::OkStatus();
  }
  absl::Status ForgetKeys(const std::string& table) override {
    const absl::StatusOr<std::vector<StateRow>> state = JournalState(mirror_);
    if (!state.ok() || !IsThere(*state)) return state.status();
    ForgetJournalKeys(writes(), mirror_.names, table);
    return absl::OkStatus();
  }
  absl::StatusOr<std::int64_t> EraseKey(const std::string& table, const Key& key) override {
    ASSIGN_OR_RETURN(const std::vector<StateRow> state, JournalState(mirror_));
    if (!IsThere(state)) return 0;
    ASSIGN_OR_RETURN(TableWork work, view().Work());
    return EraseJournalKey(work.connection, mirror_.names, table, key);
  }
  absl::StatusOr<std::int64_t> Trim(std::int64_t through, std::int64_t count_max) override {
    ASSIGN_OR_RETURN(const std::vector<StateRow> state, JournalState(mirror_));
    if (!IsThere(state)) return 0;
    ASSIGN_OR_RETURN(const auto histories, view().Histories());
    ASSIGN_OR_RETURN(TableWork work, view().Work());
    return TrimJournal(work.connection, mirror_.names, !histories->empty(), through, count_max);
  }

 private:
  WorkView& view() { return *mirror_.work->view; }
  OwnWrites& writes() { return view().writes(); }

  PostgresMirror& mirror_;
};

class PostgresHistoryVerbs final : public HistoryVerbs {
 public:
  explicit PostgresHistoryVerbs(PostgresMirror& mirror) : mirror_(mirror) {}

  absl::StatusOr<bool> IsKept(const std::string& table) override {
    ASSIGN_OR_RETURN(const auto found, Find(table));
    return found != nullptr;
  }

  absl::StatusOr<bool> IsAsKept(const std::string& table) override {
    ASSIGN_OR_RETURN(const auto found, Find(table));
    if (found == nullptr) return true;
    ASSIGN_OR_RETURN(TableWork work, view().Work());
    absl::StatusOr<bool> as_kept = ShowsTable(work, *found);
    if (!as_kept.ok()) return mirror_.Said(as_kept.status());
    return as_kept;
  }

  absl::Status Begin(const TableSchema& kept, std::int64_t known_from) override {
    // The view of all versions reads it.
    RETURN_IF_ERROR(EnsureJournal(mirror_));
    ASSIGN_OR_RETURN(const auto histories, view().Histories());
    ASSIGN_OR_RETURN(TableWork work, ChangingTables(mirror_));
    absl::StatusOr<PostgresHistory> begun = BeginVersions(work, kept, known_from);
    if (!begun.ok()) return mirror_.Said(begun.status());
    (*histories)[FoldName(kept.name)] = *std::move(begun);
    return absl::OkStatus();
  }

  absl::Status KeepOld(const ApplyRows& apply, std::int64_t moment) override {
    const absl::StatusOr<Kept> kept = KeptOf(*apply.schema);
    if (!kept.ok()) return kept.status();
    is_uncompared_ = false;
    if (kept->history == nullptr) return absl::OkStatus();
    ASSIGN_OR_RETURN(TableWork work, view().Work());
    ASSIGN_OR_RETURN(const bool is_first, NoteKeys(apply, moment));
    const absl::StatusOr<bool> uncompared = KeepRowsInParts(work, *kept->history, kept->kinds, apply, moment);
    if (!uncompared.ok()) return mirror_.Said(uncompared.status());
    is_uncompared_ = *uncompared;
    mirror_.work->keeping = KeepingVersions(work, *kept->history, kept->kinds, apply, moment, is_first);
    return absl::OkStatus();
  }

  absl::Status ForgetSame(const ApplyRows& apply, std::int64_t moment) override {
    if (!std::exchange(is_uncompared_, false)) return absl::OkStatus();
    const absl::StatusOr<Kept> kept = KeptOf(*apply.schema);
    if (!kept.ok() || kept->history == nullptr) return kept.status();
    ASSIGN_OR_RETURN(TableWork work, view().Work());
    return mirror_.Said(ForgetSameVersions(work, *kept->history, kept->kinds, apply, moment));
  }

  absl::Status KeepDifference(const TableSchema& kept, const Shadow&, std::int64_t moment,
                              const TakeKeys& take) override {
    const absl::StatusOr<PostgresHistory*> history = Find(kept.name);
    if (!history.ok() || *history == nullptr) return history.status();
    const TableSchema compared = WithoutColumns(kept, (*history)->hidden);
    const absl::StatusOr<Kept> of = KeptOf(compared);
    if (!of.ok() || of->history == nullptr) return of.status();
    const auto rows = view().state().Read(StateKind::kShadow, FoldName(kept.name));
    if (!rows.ok() || rows->empty()) return rows.status();
    ASSIGN_OR_RETURN(const PostgresShadow shadow, ParseShadow(mirror_.names, rows->front()));
    mirror_.kept_through.erase(FoldName(kept.name));
    // While rows are read nothing else can be asked.
    RETURN_IF_ERROR(EnsureJournal(mirror_));
    ASSIGN_OR_RETURN(TableWork work, ChangingTables(mirror_));
    absl::Status done =
        mirror_.Said(KeepDifferentVersions(work, **history, compared, of->kinds, shadow, moment, take));
    if (!done.ok() || (*history)->hidden.empty()) return done;
    (*history)->hidden.clear();
    WriteHistory(work.writes, mirror_.names, **history);
    return done;
  }

  absl::Status Follow(const TableSchema& agreed, const MovedColumns& moved, std::int64_t now_ms) override {
    const auto found = Find(agreed.name);
    if (!found.ok() || *found == nullptr) return found.status();
    if (MustBeginAnew((*found)->schema, KeptForm(agreed), moved)) return SetAside(agreed.name, now_ms);
    ASSIGN_OR_RETURN(TableWork work, ChangingTables(mirror_));
    return mirror_.Said(FollowDefinition(work, agreed, moved, *found));
  }

  absl::StatusOr<std::int64_t> Cut(const std::string& table, std::int64_t known_from,
                                   std::int64_t count_max) override {
    ASSIGN_OR_RETURN(const auto found, Find(table));
    if (found == nullptr) return 0;
    ASSIGN_OR_RETURN(TableWork work, view().Work());
    absl::StatusOr<std::int64_t> gone = CutVersions(work, found, known_from, count_max);
    if (!gone.ok()) return mirror_.Said(gone.status());
    return gone;
  }

  absl::StatusOr<std::int64_t> EraseRow(const std::string& table, const Key& key) override {
    ASSIGN_OR_RETURN(const auto found, Find(table));
    if (found == nullptr) return 0;
    ASSIGN_OR_RETURN(TableWork work, view().Work());
    absl::StatusOr<std::int64_t> gone = EraseVersions(work, *found, key);
    if (!gone.ok()) return mirror_.Said(gone.status());
    return gone;
  }

  absl::Status SetAside(const std::string& table, std::int64_t now_ms) override {
    const auto found = Find(table);
    if (!found.ok() || *found == nullptr) return found.status();
    ASSIGN_OR_RETURN(TableWork work, ChangingTables(mirror_));
    absl::Status aside = mirror_.Said(SetVersionsAside(work, **found, now_ms));
    if (!aside.ok()) return aside;
    ASSIGN_OR_RETURN(const auto histories, view().Histories());
    histories->erase(FoldName(table));
    return aside;
  }

 private:
  struct Kept {
    const PostgresHistory* history = nullptr;  ///< Null: none is kept.
    PostgresKinds kinds;                       ///< Of the table's rows.
  };

  WorkView& view() { return *mirror_.work->view; }

  /// Null: none are kept.
  absl::StatusOr<PostgresHistory*> Find(const std::string& table) {
    ASSIGN_OR_RETURN(const auto histories, view().Histories());
    const auto found = histories->find(FoldName(table));
    return found == histories->end() ? nullptr : &found->second;
  }
  /// Whether none of the batch's keys has a version of the moment: it is the moment's first batch, or each
  /// one so far came behind those before it.
  absl::StatusOr<bool> NoteKeys(const ApplyRows& apply, std::int64_t moment) {
    const TableSchema& schema = *apply.schema;
    const std::string table = FoldName(schema.name);
    ASSIGN_OR_RETURN(const std::vector<StateRow> state, JournalState(mirror_));
    if (JournalPlaceOf(state, table).open == 0) mirror_.kept_through[table] = {moment, {}};
    const auto through = mirror_.kept_through.find(table);
    if (through == mirror_.kept_through.end() || apply.batch->row_count == 0) return false;
    auto& [of, greatest] = through->second;
    // Of type ANY, what differs here may be the same key in the table.
    const std::vector<std::uint32_t> key = schema.Key();
    const bool has_any = absl::c_any_of(key, [&](auto at) { return schema.columns[at].type == Type::kAny; });
    const bool is_first =
        of == moment && !has_any && (greatest.empty() || LeastKey(schema, *apply.batch) > greatest);
    if (is_first) {
      greatest = GreatestKey(schema, *apply.batch);
    } else {
      mirror_.kept_through.erase(through);
    }
    return is_first;
  }
  absl::StatusOr<Kept> KeptOf(const TableSchema& table) {
    ASSIGN_OR_RETURN(const auto found, Find(table.name));
    ASSIGN_OR_RETURN(PostgresAgreed* const agreed, view().FindAgreed(table.name));
    if (found == nullptr || agreed == nullptr) return Kept{};
    return Kept{found, KindsOf(table, agreed->kinds)};
  }

  PostgresMirror& mirror_;
  bool is_uncompared_ = false;  ///< KeepOld() kept rows that it could not compare.
};

}  // namespace

std::unique_ptr<JournalVerbs> MakePostgresJournalVerbs(PostgresMirror& mirror) {
  return std::make_unique<PostgresJournalVerbs>(mirror);
}

std::unique_ptr<HistoryVerbs> MakePostgresHistoryVerbs(PostgresMirror& mirror) {
  return std::make_unique<PostgresHistoryVerbs>(mirror);
}

}  // namespace mirror
