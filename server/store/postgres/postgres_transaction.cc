#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/db/postgres/failure.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/journal_verbs.h"
#include "server/store/new_rule.h"
#include "server/store/postgres/place/rights.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/postgres_mirror.h"
#include "server/store/postgres/postgres_upkeep.h"
#include "server/store/postgres/rows/document_rows.h"
#include "server/store/postgres/rows/hook_rows.h"
#include "server/store/postgres/rows/ledger_rows.h"
#include "server/store/postgres/rows/receipt_rows.h"
#include "server/store/postgres/rows/state_rows.h"
#include "server/store/postgres/rows/time_rows.h"
#include "server/store/postgres/rows/write_set.h"
#include "server/store/postgres/tables/history_rows.h"
#include "server/store/postgres/tables/journal_rows.h"
#include "server/store/postgres/tables/kept_kinds.h"
#include "server/store/postgres/tables/shadow.h"
#include "server/store/postgres/tables/versions.h"

namespace mirror {
namespace {

/// Base of all verbs. They work in the transaction of `mirror.work`, which must have begun before any call.
/// `mirror` must outlive them.
class InWork {
 public:
  explicit InWork(PostgresMirror& mirror) : mirror_(mirror) {}

 protected:
  WorkView& view() { return *mirror_.work->view; }
  OwnWrites& writes() { return view().writes(); }
  SeenMarks& seen() { return mirror_.work->seen; }
  const PostgresOwnTables& names() const { return mirror_.names; }
  /// Queues rows by a function that takes the writes and the names, and then these arguments.
  template <typename Function, typename... Args>
  absl::Status Queue(const Function& function, const Args&... args) {
    function(writes(), names(), args...);
    return absl::OkStatus();
  }

  PostgresMirror& mirror_;
};

/// Returns all rows of kJournal. The transaction read them together with its lock.
absl::StatusOr<std::vector<StateRow>> JournalState(PostgresMirror& mirror) {
  return mirror.work->view->state().Read(StateKind::kJournal, std::nullopt);
}

bool IsThere(const std::vector<StateRow>& state) {
  for (const StateRow& row : state) {
    if (row.table_key.empty()) return true;
  }
  return false;
}

/// Begins the journal if it has not begun.
absl::Status EnsureJournal(PostgresMirror& mirror) {
  const absl::StatusOr<std::vector<StateRow>> state = JournalState(mirror);
  if (!state.ok() || IsThere(*state)) return state.status();
  ASSIGN_OR_RETURN(TableWork work, ChangingTables(mirror));
  OwnWrites& writes = work.writes;
  PutState(writes, mirror.names, StateKind::kJournal, {"", 0, std::string(8, '\0')});
  RETURN_IF_ERROR(writes.Send(work.connection));
  // A role that may read the tables' positions may also read their history.
  return GiveReading(work.connection, mirror.names.metadata, mirror.names.commits);
}

class PostgresJournalVerbs final : public JournalVerbs, private InWork {
 public:
  using InWork::InWork;

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
    return Queue(InsertEntry, entry);
  }
  absl::Status CloseMoment(std::int64_t moment, const JournalEntry& by) override {
    const absl::StatusOr<std::vector<StateRow>> state = JournalState(mirror_);
    if (!state.ok() || !IsThere(*state)) return state.status();
    return Queue(::mirror::CloseMoment, *state, moment, by);
  }
  absl::Status NoteDigest(const std::string& table, const Position& position, std::int64_t rows,
                          const std::string& digest) override {
    const absl::StatusOr<std::vector<StateRow>> state = JournalState(mirror_);
    if (!state.ok() || !IsThere(*state)) return state.status();
    return Queue(WriteDigest, table, position, rows, digest);
  }
  absl::Status ForgetKeys(const std::string& table) override {
    const absl::StatusOr<std::vector<StateRow>> state = JournalState(mirror_);
    if (!state.ok() || !IsThere(*state)) return state.status();
    return Queue(ForgetJournalKeys, table);
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
};

class PostgresHistoryVerbs final : public HistoryVerbs, private InWork {
 public:
  using InWork::InWork;

  absl::StatusOr<bool> IsKept(const std::string& table) override {
    ASSIGN_OR_RETURN(const auto found, Find(table));
    return found != nullptr;
  }

  absl::StatusOr<bool> IsAsKept(const std::string& table) override {
    ASSIGN_OR_RETURN(const auto found, Find(table));
    if (found == nullptr) return true;
    ASSIGN_OR_RETURN(TableWork work, view().Work());
    return mirror_.Said(ShowsTable(work, *found));
  }

  absl::Status Begin(const TableSchema& kept, std::int64_t known_from) override {
    // The view of all versions reads the journal.
    RETURN_IF_ERROR(EnsureJournal(mirror_));
    ASSIGN_OR_RETURN(const auto histories, view().Histories());
    ASSIGN_OR_RETURN(TableWork work, ChangingTables(mirror_));
    ASSIGN_OR_RETURN((*histories)[FoldName(kept.name)], mirror_.Said(BeginVersions(work, kept, known_from)));
    return absl::OkStatus();
  }

  absl::Status KeepOld(const ApplyRows& apply, std::int64_t moment) override {
    ASSIGN_OR_RETURN(const Kept kept, KeptOf(*apply.schema));
    is_uncompared_ = false;
    if (kept.history == nullptr) return absl::OkStatus();
    ASSIGN_OR_RETURN(TableWork work, view().Work());
    ASSIGN_OR_RETURN(const bool is_first, NoteKeys(apply, moment));
    ASSIGN_OR_RETURN(is_uncompared_,
                     mirror_.Said(KeepRowsInParts(work, *kept.history, kept.kinds, apply, moment)));
    mirror_.work->keeping = KeepingVersions(work, *kept.history, kept.kinds, apply, moment, is_first);
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
    // While rows are streamed, the connection accepts no other query. So the journal is begun before.
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
    return mirror_.Said(CutVersions(work, found, known_from, count_max));
  }

  absl::StatusOr<std::int64_t> EraseRow(const std::string& table, const Key& key) override {
    ASSIGN_OR_RETURN(const auto found, Find(table));
    if (found == nullptr) return 0;
    ASSIGN_OR_RETURN(TableWork work, view().Work());
    return mirror_.Said(EraseVersions(work, *found, key));
  }

  absl::Status SetAside(const std::string& table, std::int64_t now_ms) override {
    const auto found = Find(table);
    if (!found.ok() || *found == nullptr) return found.status();
    ASSIGN_OR_RETURN(TableWork work, ChangingTables(mirror_));
    RETURN_IF_ERROR(mirror_.Said(SetVersionsAside(work, **found, now_ms)));
    ASSIGN_OR_RETURN(const auto histories, view().Histories());
    histories->erase(FoldName(table));
    return absl::OkStatus();
  }

 private:
  struct Kept {
    const PostgresHistory* history = nullptr;  ///< Null: no versions are kept.
    PostgresKinds kinds;                       ///< The kinds of the table's rows.
  };

  /// Returns null if no versions are kept.
  absl::StatusOr<PostgresHistory*> Find(const std::string& table) {
    ASSIGN_OR_RETURN(const auto histories, view().Histories());
    const auto found = histories->find(FoldName(table));
    return found == histories->end() ? nullptr : &found->second;
  }
  /// Returns whether no key of the batch has a version of this moment. This is so if it is the first batch of
  /// the moment, or if each batch so far had greater keys than the one before it.
  absl::StatusOr<bool> NoteKeys(const ApplyRows& apply, std::int64_t moment) {
    const TableSchema& schema = *apply.schema;
    const std::string table = FoldName(schema.name);
    ASSIGN_OR_RETURN(const std::vector<StateRow> state, JournalState(mirror_));
    if (JournalPlaceOf(state, table).open == 0) mirror_.kept_through[table] = {moment, {}};
    const auto through = mirror_.kept_through.find(table);
    if (through == mirror_.kept_through.end() || apply.batch->row_count == 0) return false;
    auto& [of, greatest] = through->second;
    // Two different ANY values may be the same key in the table.
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

  bool is_uncompared_ = false;  ///< KeepOld() kept versions without comparing them.
};

class PostgresTenantVerbs final : public TenantVerbs, private InWork {
 public:
  using InWork::InWork;

  absl::StatusOr<TenantRecord> ReadTenant() override { return view().row().tenant; }
  absl::Status WriteTenant(const TenantRecord& tenant) override {
    view().PutTenant(tenant);
    return absl::OkStatus();
  }

  absl::Status ForgetNonces(std::int64_t before_ms) override {
    return Queue(::mirror::ForgetNonces, before_ms);
  }
  absl::StatusOr<NonceCount> CountNonces(const std::string& value) override {
    RETURN_IF_ERROR(writes().Send(view().connection()));
    return ::mirror::CountNonces(view().connection(), names(), value);
  }
  absl::Status AddNonce(const Nonce& nonce) override { return Queue(InsertNonce, nonce); }

  absl::Status WriteAnswers(const std::vector<SchemaAnswer>& answers) override {
    return Queue(::mirror::WriteAnswers, answers);
  }
  absl::Status WriteCycleNotes(std::int64_t cycle, const CycleNoteChanges& changes) override {
    return Queue(::mirror::WriteCycleNotes, cycle, changes);
  }
  absl::Status ForgetCycleNotes(std::int64_t cycle) override {
    return Queue(::mirror::ForgetCycleNotes, cycle);
  }

  absl::Status AddHookNotes(const std::vector<HookNote>& notes, const std::vector<std::string>& known,
                            std::int64_t unknown_before_ms) override {
    return Queue(AddHooks, notes, known, unknown_before_ms);
  }
  absl::StatusOr<std::uint64_t> TrimHookNotes(std::int64_t count_max) override {
    RETURN_IF_ERROR(writes().Send(view().connection()));
    return TrimHooks(view().connection(), names(), count_max);
  }
  absl::Status RemoveHookNotes(const std::vector<std::int64_t>& ids) override {
    return Queue(RemoveHooks, ids);
  }

  absl::Status WriteDocuments(const std::vector<DocumentChange>& changes, std::int64_t now_ms) override {
    ::mirror::WriteDocuments(writes(), names(), changes, now_ms);
    seen().Put(changes);
    return absl::OkStatus();
  }
  absl::Status BoundDocuments(const DocumentBound& bound) override {
    return Queue(::mirror::BoundDocuments, bound);
  }

  absl::StatusOr<ReceiptHead> ReadReceiptHead() override { return view().receipt_head(); }
  absl::Status AddReceipt(std::uint64_t number, const std::string& text) override {
    view().AddReceipt(number, text);
    return absl::OkStatus();
  }
  absl::Status RemoveReceipts(std::uint64_t through) override {
    return Queue(::mirror::RemoveReceipts, through);
  }
  absl::StatusOr<std::optional<OpenReceipt>> ReadOpenReceipt(const std::string& table) override {
    return view().FindOpenReceipt(table);
  }
  absl::Status WriteOpenReceipt(const std::string& table, const OpenReceipt& open) override {
    view().PutOpenReceipt(table, open);
    return absl::OkStatus();
  }
};

class PostgresRecordVerbs final : public RecordVerbs, private InWork {
 public:
  using InWork::InWork;

  absl::StatusOr<std::optional<TableRecord>> ReadRecord(const std::string& table) override {
    return view().FindRecord(table);
  }
  absl::StatusOr<std::vector<TableRecord>> ReadRecords() override { return view().Records(); }
  absl::Status WriteRecord(const TableRecord& record) override {
    view().PutRecord(record);
    return absl::OkStatus();
  }
  absl::Status RemoveRecord(const std::string& table) override {
    view().RemoveRecord(table);
    return absl::OkStatus();
  }
  absl::Status WriteRowCount(const std::string& table, std::uint64_t rows) override {
    ASSIGN_OR_RETURN(std::optional<TableRecord> record, view().FindRecord(table));
    if (!record || record->row_count == static_cast<std::int64_t>(rows)) return absl::OkStatus();
    record->row_count = static_cast<std::int64_t>(rows);
    return WriteRecord(*record);
  }

  absl::Status WriteChecks(const std::vector<TableCheck>& checks) override {
    for (const TableCheck& check : checks) WriteCheck(writes(), names(), check);
    return absl::OkStatus();
  }
  absl::Status ForgetCheck(const std::string& table) override { return Queue(::mirror::ForgetCheck, table); }

  absl::Status WriteHolds(const std::vector<Hold>& holds) override {
    for (const Hold& hold : holds) WriteHold(writes(), names(), hold);
    return absl::OkStatus();
  }
  absl::Status RemoveHolds(const std::vector<std::uint64_t>& ids) override {
    for (const std::uint64_t id : ids) RemoveHold(writes(), names(), id);
    return absl::OkStatus();
  }
  absl::Status RemoveHoldsOn(const std::string& table) override { return Queue(SettleHolds, table); }

  absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) override {
    return SelectLosses(view().state(), names(), table);
  }
  absl::Status AddLoss(const std::string& table, const Loss& loss, std::int64_t rows) override {
    return Queue(::mirror::AddLoss, table, loss, rows);
  }
  absl::Status MarkLossesCommitted(const std::string& table) override {
    return Queue(::mirror::MarkLossesCommitted, table);
  }
  absl::Status RemoveLosses(const std::string& table) override {
    return Queue(RemoveState, StateKind::kLoss, FoldName(table));
  }
  absl::Status RemoveLossesBefore(std::int64_t before_ms) override { return Queue(ForgetLosses, before_ms); }

  absl::StatusOr<Freshness> ReadFreshness() override { return SelectFreshness(view().state(), names()); }
  absl::Status WriteTimes(const Freshness& now, const Freshness& next) override {
    return Queue(::mirror::WriteTimes, now, next);
  }
  absl::Status WriteTime(const std::string& table, std::optional<std::int64_t> source_ms) override {
    return Queue(::mirror::WriteTime, table, source_ms);
  }
  absl::Status WriteTargets(const FreshnessTargets& targets) override {
    return Queue(::mirror::WriteTargets, targets);
  }
};

class PostgresTransaction final : public StoreTransaction {
 public:
  explicit PostgresTransaction(PostgresMirror& mirror)
      : mirror_(mirror),
        tenant_(mirror),
        records_(mirror),
        tables_(MakePostgresTableVerbs(mirror)),
        journal_(mirror),
        history_(mirror) {}

  TenantVerbs& tenant() override { return tenant_; }
  RecordVerbs& records() override { return records_; }
  TableVerbs& tables() override { return *tables_; }
  JournalVerbs& journal() override { return journal_; }
  HistoryVerbs& history() override { return history_; }

  absl::Status Begin(const Intent& intent) override {
    if (mirror_.work) return absl::InternalError("a transaction has begun already. Nothing was done.");
    mirror_.may_try_again = false;
    if (mirror_.stale == Stale::kWentBack) return WentBack();
    bool is_elsewhere = false;
    absl::Status begun = TakeAndBegin(intent, &is_elsewhere);
    if (!is_elsewhere) return begun;
    mirror_.place.ForgetNode(mirror_.names.tenant);
    mirror_.may_try_again = false;
    return TakeAndBegin(intent, &is_elsewhere);
  }

  absl::Status StartPlan(const Plan& plan) override {
    passes_ = plan.kept == Kept::kWithNext && plan.all_as_of && !plan.tenant && plan.steps.empty();
    return absl::OkStatus();
  }

  absl::Status Commit(Kept kept) override {
    CrashPoint("commit.before");
    PostgresWork& work = *mirror_.work;
    WorkView& view = *work.view;
    if (absl::Status noted = view.NoteEmptiedAnyway(); !noted.ok()) return Failed(noted);
    if (absl::Status moved = view.MoveRevisions(); !moved.ok()) {
      mirror_.may_try_again = true;
      Rollback();
      return moved;
    }
    postgres::Pipeline pipeline(view.connection());
    if (passes_ && kept == Kept::kWithNext) {
      pipeline.Queue("SELECT set_config('synchronous_commit', 'off', true)");
    }
    view.writes().QueueIn(pipeline);
    bool has_standby = true;
    bool* const asked = mirror_.options.replicated ? &has_standby : nullptr;
    const absl::Status committed = work.transaction.Commit(pipeline, "", asked).status();
    if (!committed.ok()) return Failed(committed);
    mirror_.has_standby = mirror_.has_standby && has_standby;
    CrashPoint("commit.after");
    mirror_.seen.rev = view.row().rev;
    mirror_.NoteStateRev(view.row().state_rev, /*written=*/true);
    Tidy(work);
    mirror_.work.reset();
    return absl::OkStatus();
  }

  void Rollback() override {
    if (!mirror_.work) return;
    if (mirror_.work->view) {
      mirror_.Said(mirror_.work->view->writes().failed()).IgnoreError();
      mirror_.work->view->ForgetDefinitions();
    }
    mirror_.work.reset();
  }
  bool IsOver() const override {
    return !mirror_.work || !mirror_.work->view->writes().failed().ok() ||
           !mirror_.work->lease->InTransaction();
  }
  /// Returns false, because writes are queued until the commit.
  bool ReadsItsWrites() const override { return false; }
  bool MayTryAgain() const override {
    return mirror_.may_try_again ||
           (mirror_.work && ::mirror::MayTryAgain(mirror_.work->view->writes().failed()));
  }

  absl::Status SetSavepoint() override {
    mirror_.work->view->SetSavepoint();
    return absl::OkStatus();
  }
  absl::Status ReleaseSavepoint() override {
    mirror_.work->view->ReleaseSavepoint();
    return absl::OkStatus();
  }
  absl::Status RollBackToSavepoint() override {
    mirror_.work->view->RollBackToSavepoint();
    mirror_.work->keeping.reset();
    return absl::OkStatus();
  }

 private:
  absl::Status TakeAndBegin(const Intent& intent, bool* is_elsewhere) {
    // Takes the room before the connection. Otherwise other mirrors of the place could not use that
    // connection during the wait.
    ValueRoom::Share room = mirror_.place.value_room().Take(intent.large_bytes);
    ASSIGN_OR_RETURN(NodeLease lease, mirror_.TakeAt(PlaceUse::kWrite, NodeFor(intent)));
    mirror_.work = std::make_unique<PostgresWork>(std::move(room), std::move(lease));
    absl::Status begun = BeginWith(intent, is_elsewhere);
    if (!begun.ok()) mirror_.work.reset();
    return begun;
  }

  /// Returns the intent's tables, spelled as they were read last.
  std::vector<std::string> ExactNames(const Intent& intent) const {
    std::vector<std::string> names;
    for (const std::string& table : intent.tables) {
      const auto known = mirror_.definitions.tables.find(FoldName(table));
      names.push_back(known == mirror_.definitions.tables.end() ? table : known->second.schema.name);
    }
    return names;
  }

  /// `is_elsewhere`: another node has the mirror's rows, or this node does not know them.
  absl::Status BeginWith(const Intent& intent, bool* is_elsewhere) {
    PostgresWork& work = *mirror_.work;
    absl::StatusOr<Began> began =
        BeginUnderLock(*work.lease, work.transaction, work.role, *mirror_.own, mirror_.names, intent,
                       ExactNames(intent), mirror_.place.options().hung_after);
    *is_elsewhere = began.ok() ? began->is_elsewhere
                               : work.role.group > 0 &&
                                     postgres::TroubleOf(began.status()) == postgres::Trouble::kUndefined;
    if (!began.ok()) return mirror_.Said(began.status());
    if (began->is_elsewhere) {
      return absl::UnavailableError(
          "the mirror's rows were moved to another node. Nothing was applied; the same call again is safe.");
    }
    if (began->row.IsAtAnotherNode()) {
      if (absl::Status noted = WriteWhereItIs(*work.lease, mirror_.names, &began->row); !noted.ok())
        return mirror_.Said(noted);
      mirror_.seen.timeline = began->row.timeline;
      mirror_.seen.self_oid = began->row.self_oid;
    }
    if (absl::Status checked = CheckBegan(began->row, mirror_.seen, &mirror_.stale); !checked.ok()) {
      // If this fails, the next server that opens the mirror does it.
      if (mirror_.stale == Stale::kWentBack &&
          EndRestoredCycle(*work.lease, mirror_.names, &began->row).ok()) {
        work.transaction.Commit().IgnoreError();
      }
      return checked;
    }
    CrashPoint("commit.begun");
    if (began->row.rev != mirror_.seen.rev) mirror_.kept_through.clear();
    mirror_.NoteSeen(began->row);
    // Each node has its own standbys. Only those of the node with the rows matter.
    mirror_.has_standby = began->has_standby && (work.role.has_rows || mirror_.has_standby);
    mirror_.NoteStateRev(began->row.state_rev);
    work.seen.Know(began->tables, began->seen);
    work.view.emplace(*work.lease, mirror_.names, mirror_.definitions, *std::move(began));
    return absl::OkStatus();
  }

  /// Does the work that the transaction left. Work that is blocked now stays for the next time.
  void Tidy(PostgresWork& work) {
    const WorkView& view = *work.view;
    const auto tidy = [&](postgres::Connection& connection) {
      TidyBehind(connection, *mirror_.own, mirror_.names, mirror_.seen.epoch, work.view->state(),
                 view.ends_cycle())
          .IgnoreError();
    };
    if (work.role.may_change_tables()) return tidy(*work.lease);
    if (!view.ends_cycle() && !work.view->state().HasPut(StateKind::kGarbage) &&
        !work.view->state().HasPut(StateKind::kEmptied)) {
      return;
    }
    const absl::StatusOr<NodeLease> at = mirror_.TakeAt(PlaceUse::kWrite, PlaceNode::kCoordinator);
    if (at.ok()) tidy(*at->lease);
  }

  /// Handles an error of COMMIT, or of the statements that were queued for it.
  absl::Status Failed(const absl::Status& status) {
    const absl::Status said = mirror_.Said(ToStoreStatus(status, TableOwner::kOwnTable));
    const postgres::Trouble trouble = postgres::TroubleOf(status);
    // It is unknown whether the commit took effect. So cached definitions have to be read again.
    if (trouble == postgres::Trouble::kCommitUnknown || trouble == postgres::Trouble::kNotReplicated)
      mirror_.definitions = {};
    Rollback();
    return said;
  }

  PostgresMirror& mirror_;
  bool passes_ = false;  ///< The plan changes the times of tables alone, and a loss of power may take them.
  PostgresTenantVerbs tenant_;
  PostgresRecordVerbs records_;
  const std::unique_ptr<TableVerbs> tables_;
  PostgresJournalVerbs journal_;
  PostgresHistoryVerbs history_;
};

}  // namespace

std::unique_ptr<StoreTransaction> MakePostgresTransaction(PostgresMirror& mirror) {
  return std::make_unique<PostgresTransaction>(mirror);
}

}  // namespace mirror
