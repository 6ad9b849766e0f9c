#include "server/store/sqlite/sqlite_database.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/db/sqlite/file_layout.h"
#include "base/folded_name.h"
#include "server/plan/freshness_plan.h"
#include "server/plan/hold_keys.h"
#include "server/store/sqlite/file/live_rows.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/file/sqlite_files.h"
#include "server/store/sqlite/file/sqlite_quarantine.h"
#include "server/store/sqlite/records/sqlite_cycle_notes.h"
#include "server/store/sqlite/records/sqlite_hooks.h"
#include "server/store/sqlite/records/sqlite_ledger.h"
#include "server/store/sqlite/records/sqlite_metadata.h"
#include "server/store/sqlite/records/sqlite_receipts.h"
#include "server/store/sqlite/records/sqlite_times.h"
#include "server/store/sqlite/rows/sqlite_merge.h"
#include "server/store/sqlite/rows/sqlite_objects.h"
#include "server/store/sqlite/rows/sqlite_partner_table.h"
#include "server/store/sqlite/rows/sqlite_rows.h"
#include "server/store/sqlite/rows/sqlite_schema.h"
#include "server/store/sqlite/rows/sqlite_swap.h"
#include "server/store/sqlite/sqlite_snapshot.h"

namespace mirror {

namespace {

/// How often a running cycle's sign of life is written, at most.
constexpr std::int64_t kProgressIntervalMs = 1'000;

/// Of a mirror, of one that is being built and of its claim. A file of the present layout has all tables that
/// CreateOwnTables() makes: what is missing there was dropped by hand, and is not made again. So who adds one
/// raises the number, as who changes what stands in one.
const KnownLayout kLayout = {"the mirror file", 3};
constexpr std::int64_t kUnnumbered = 1;

bool SameButCount(const std::optional<TableRecord>& a, std::optional<TableRecord> b) {
  if (a.has_value() != b.has_value()) return false;
  if (a) b->row_count = a->row_count;
  return a == b;
}

/// What stands in it is what was agreed now.
bool IsAsAgreed(const TableRecord& record, const std::optional<TableSchema>& schema) {
  return schema && record.state == TableState::kMirrored && record.schema_hash == SchemaHash(*schema);
}

class Database final : public SqliteDatabase {
 public:
  Database(std::unique_ptr<SqliteConnection> connection, std::string context_id, const SqliteOptions& options,
           std::string quarantined)
      : connection_(std::move(connection)),
        context_id_(std::move(context_id)),
        options_(options),
        metadata_(MetadataTable(context_id_)),
        quarantined_(std::move(quarantined)) {}

  absl::Status Prepare() {
    // One transaction: a file that died in the middle of its making has no metadata, and gets it here.
    if (absl::Status status = connection_->Execute("BEGIN IMMEDIATE"); !status.ok()) return status;
    absl::Status status = CheckOwner();
    if (status.ok()) status = CheckWholeLayout();
    if (status.ok()) status = TakeOver(connection_->handle(), kLayout, kUnnumbered, connection_->path());
    if (status.ok()) status = CreateOwnTables(*connection_, context_id_);
    if (status.ok()) status = InsertTenant();
    if (status.ok()) status = connection_->Execute("COMMIT");
    if (!status.ok()) Rollback();
    connection_->KnowLog();
    return status;
  }

  absl::StatusOr<TenantRecord> ReadTenant() override {
    absl::StatusOr<Query> query = connection_->Prepare(
        "SELECT context_id, issuer, environment, source_id, cycle, active, holder, since_ms, progress_ms, "
        "completed_cycle, completed_ms, paused, pause_reason, clock_ms, announced, touched, missed_cycle, "
        "missed_ms, scrub FROM _mirror_tenant");
    if (!query.ok()) return WhyNoTenant(query.status());
    absl::StatusOr<bool> row = query->Step();
    if (!row.ok()) return WhyNoTenant(row.status());
    if (!*row) return absl::DataLossError("its own row in _mirror_tenant is gone");
    TenantRecord tenant;
    tenant.context_id = query->Text(0);
    tenant.issuer = query->Text(1);
    tenant.environment = query->Text(2);
    tenant.source_id = query->Text(3);
    tenant.cycle = query->Int(4);
    tenant.active = query->Int(5) != 0;
    tenant.holder = query->Text(6);
    tenant.since_ms = query->Int(7);
    tenant.progress_ms = query->Int(8);
    tenant.completed_cycle = query->Int(9);
    tenant.completed_ms = query->Int(10);
    tenant.paused = query->Int(11) != 0;
    tenant.pause_reason = query->Text(12);
    tenant.clock_ms = query->Int(13);
    tenant.announced = query->Text(14);
    tenant.touched = query->Int(15) != 0;
    tenant.missed_cycle = query->Int(16);
    tenant.missed_ms = query->Int(17);
    tenant.scrub = query->Int(18) != 0;
    return tenant;
  }

  absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) override {
    return SelectRecord(*connection_, metadata_, table);
  }
  absl::StatusOr<std::vector<TableRecord>> ReadTables() override {
    return SelectRecords(*connection_, metadata_);
  }
  absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) override {
    return SelectSchema(*connection_, table);
  }

  absl::StatusOr<std::vector<std::string>> ReadLostColumns(const std::string& table) override {
    const absl::StatusOr<std::optional<TableRecord>> record = ReadTable(table);
    if (!record.ok()) return record.status();
    if (!*record) return std::vector<std::string>{};
    return LostColumns(*connection_, table, (*record)->position);
  }

  absl::StatusOr<std::vector<TouchedTable>> ReadTouchedTables() override {
    absl::StatusOr<Query> version = connection_->Prepare("PRAGMA schema_version");
    if (!version.ok()) return version.status();
    const absl::StatusOr<bool> row = version->Step();
    if (!row.ok()) return row.status();
    const std::int64_t now = version->Int(0);
    if (now == looked_schema_) return touched_;
    absl::StatusOr<std::vector<TableRecord>> records = ReadTables();
    if (!records.ok()) return records.status();
    std::vector<TouchedTable> found;
    for (const TableRecord& record : *records) {
      const absl::StatusOr<std::optional<TableSchema>> schema = ReadSchema(record.table);
      if (!schema.ok()) return schema.status();
      if (!IsAsAgreed(record, *schema)) continue;
      absl::StatusOr<TouchedTable> touched = LookForTouch(*connection_, record.table, KeptForm(**schema));
      if (!touched.ok()) return touched.status();
      if (!touched->columns.empty() || !touched->lacks.empty()) found.push_back(*std::move(touched));
    }
    if (absl::Status own = CheckOwnTables(); !own.ok()) return own;
    looked_schema_ = now;
    touched_ = found;
    return found;
  }

  absl::StatusOr<std::int64_t> CountPartnerRows(const std::string& table) override {
    const absl::StatusOr<std::optional<TableRecord>> record = ReadTable(table);
    if (!record.ok()) return record.status();
    const absl::StatusOr<std::optional<TableSchema>> schema = ReadSchema(table);
    if (!schema.ok()) return schema.status();
    if (!*record || (*record)->row_count < 0 || !IsAsAgreed(**record, *schema) || KeepsPartner(**schema)) {
      return 0;
    }
    absl::StatusOr<Query> query =
        connection_->Prepare(absl::StrCat("SELECT count(*) FROM main.", QuoteName((*record)->table)));
    if (!query.ok()) return query.status();
    const absl::StatusOr<bool> row = query->Step();
    if (!row.ok()) return row.status();
    return std::max<std::int64_t>(0, query->Int(0) - (*record)->row_count);
  }

  absl::StatusOr<std::vector<std::string>> AgreedTables() override {
    absl::StatusOr<Query> query = connection_->Prepare(
        "SELECT table_name FROM _mirror_schema WHERE table_name COLLATE NOCASE IN "
        "(SELECT name FROM sqlite_schema WHERE type = 'table')");
    if (!query.ok()) return query.status();
    return query->Texts();
  }

  absl::StatusOr<std::vector<std::string>> SetAside(const std::string& table) override {
    return ::mirror::SetAside(*connection_, table);
  }

  absl::StatusOr<std::vector<SchemaAnswer>> ReadAnswers() override {
    absl::StatusOr<Query> query =
        connection_->Prepare("SELECT table_name, action, reason FROM _mirror_answers");
    if (!query.ok()) return query.status();
    std::vector<SchemaAnswer> answers;
    absl::StatusOr<bool> row = query->Step();
    for (; row.ok() && *row; row = query->Step()) {
      answers.push_back({query->Text(0), static_cast<std::int32_t>(query->Int(1)), query->Text(2)});
    }
    if (!row.ok()) return row.status();
    return answers;
  }

  absl::StatusOr<std::vector<KeptObjects>> ReadSourceObjects() override {
    return SelectObjects(*connection_);
  }
  absl::StatusOr<std::vector<OwnIndex>> ReadOwnIndexes() override { return SelectOwnIndexes(*connection_); }
  absl::StatusOr<std::vector<CycleNote>> ReadCycleNotes() override { return SelectCycleNotes(*connection_); }
  absl::StatusOr<std::vector<TableCheck>> ReadChecks() override { return SelectChecks(*connection_); }
  absl::StatusOr<std::vector<Hold>> ReadHolds() override { return SelectHolds(*connection_); }
  absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) override {
    return SelectLosses(*connection_, table);
  }
  absl::StatusOr<Freshness> ReadFreshness() override { return SelectFreshness(*connection_); }
  absl::StatusOr<ReceiptHead> ReadReceiptHead() override { return SelectReceiptHead(*connection_); }
  absl::StatusOr<std::vector<std::string>> ReadReceipts(std::uint64_t after, std::size_t count_max) override {
    return SelectReceipts(*connection_, after, count_max);
  }

  absl::StatusOr<std::optional<HookNote>> ReadHook(const std::string& hook) override {
    return SelectHook(*connection_, hook);
  }

  absl::StatusOr<std::vector<Nonce>> ReadNonces() override {
    absl::StatusOr<Query> query = connection_->Prepare("SELECT nonce, expires_ms FROM _mirror_nonces");
    if (!query.ok()) return query.status();
    std::vector<Nonce> nonces;
    absl::StatusOr<bool> row = query->Step();
    for (; row.ok() && *row; row = query->Step()) nonces.push_back({query->Text(0), query->Int(1)});
    if (!row.ok()) return row.status();
    return nonces;
  }

  absl::Status EndBuilding() override {
    if (absl::Status status = connection_->Execute("BEGIN IMMEDIATE"); !status.ok()) return status;
    absl::Status status = EmptyUnfinished(*connection_);
    CrashPoint("building.emptied");
    if (status.ok()) status = connection_->Execute("COMMIT");
    if (!status.ok()) Rollback();
    return status;
  }

  absl::Status CheckTableName(const std::string& table) override {
    return CheckSqliteTableName(table, context_id_);
  }

  absl::StatusOr<CommitResult> Commit(const Plan& plan) override {
    if (absl::Status status = CheckFiles(*connection_); !status.ok()) return status;
    connection_->TrimStatements();
    if (absl::Status status = CheckLog(); !status.ok()) return status;
    if (absl::Status status = connection_->Execute("BEGIN IMMEDIATE"); !status.ok()) return status;
    CrashPoint("commit.begun");
    // Behind a savepoint SQLite keeps the former content of every page that changes. A step that is alone
    // runs without; if it fails, all is taken back and run with one, so that the rest of the plan is done.
    savepoints_ = plan.steps.size() != 1;
    needs_savepoint_ = savepoint_failed_ = false;
    absl::StatusOr<CommitResult> result = RunPlan(plan);
    if (needs_savepoint_) {
      Rollback();
      savepoints_ = true;
      if (absl::Status status = connection_->Execute("BEGIN IMMEDIATE"); !status.ok()) return status;
      result = RunPlan(plan);
    }
    if (!result.ok() || result->stale) {
      Rollback();
      return result;
    }
    CrashPoint("commit.before");
    // Looked at once more, as late as can be: a file put there meanwhile must not lose what we acknowledge.
    if (!connection_->SameFile() || !connection_->SameLog()) {
      Rollback();
      absl::Status status = CheckFiles(*connection_);
      return status.ok() ? FileReplaced(*connection_) : status;
    }
    absl::Status status = connection_->Execute("COMMIT");
    if (!status.ok()) {
      Rollback();
      return status;
    }
    CrashPoint("commit.after");
    if (!connection_->SameLog() && !connection_->EmptyLog(SqliteConnection::kBusyTimeoutMs)) {
      return NotKept(*connection_);
    }
    connection_->Committed();
    return result;
  }

  absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot() override {
    if (absl::Status status = CheckFiles(*connection_); !status.ok()) return status;
    absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = OpenSqliteSnapshot(connection_->path(), context_id_);
    if (!snapshot.ok()) return snapshot;
    // Looked at once more: a file put there meanwhile is another mirror, and without our log it is an older
    // one.
    if (absl::Status status = CheckFiles(*connection_); !status.ok()) return status;
    return snapshot;
  }

  bool IsDurable() override { return true; }

  absl::Status CheckWhole() override { return ::mirror::CheckWhole(*connection_); }

  bool Replaced() override {
    // Only once nothing of a log that nothing leads to can be lost.
    return !connection_->SameFile() || (!connection_->SameLog() && connection_->EmptyLog(0)) ||
           HasOtherLayout();
  }

  absl::Status Scrub() override { return connection_->Rewrite(); }

  void Rest() override {
    // Measured with small tables: statements are 77 KB of an open tenant, its page cache 83 KB, the rest 77
    // KB.
    connection_->StandAlone();
    connection_->ForgetStatements();
    sqlite3_db_release_memory(connection_->handle());
  }

  absl::Status Quarantine(const std::string& why) override {
    quarantined_ = why;
    return WriteQuarantine(connection_->path(), why);
  }
  std::string Quarantined() override { return quarantined_; }
  absl::Status Release() override {
    if (absl::Status status = RemoveQuarantine(connection_->path()); !status.ok()) return status;
    quarantined_.clear();
    connection_->KeepLog(false);
    return absl::OkStatus();
  }

  absl::Status CheckIntegrity() override {
    absl::StatusOr<Query> query = connection_->Prepare("PRAGMA integrity_check(10)");
    if (!query.ok()) return query.status();
    absl::StatusOr<bool> row = query->Step();
    if (!row.ok()) return row.status();
    const std::string said = *row ? query->Text(0) : "no answer";
    if (said != "ok") return absl::DataLossError(said);
    return ReadTenant().status();
  }

  absl::Status CheckOwnTables() override {
    const absl::StatusOr<std::string> dropped = FindDroppedOwnTable(*connection_, context_id_);
    if (!dropped.ok()) return dropped.status();
    if (dropped->empty()) return absl::OkStatus();
    if (IsEmpty()) return Emptied();
    return absl::DataLossError(
        absl::StrCat("its own table '", *dropped, "' was dropped by hand, and what stood in it is lost"));
  }

  std::uint64_t BytesOnDisk() override {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(connection_->path(), error);
    return (error ? 0 : size) + connection_->WalBytes();
  }

 private:
  /// What has no such table any more is no mirror.
  absl::Status WhyNoTenant(absl::Status status) {
    // What its log has is of no use, whatever SQLite says of that.
    if (IsEmpty()) return Emptied();
    if (!absl::IsFailedPrecondition(status)) return status;
    if (absl::Status own = CheckOwnTables(); !own.ok()) return own;
    return absl::DataLossError(status.message());
  }

  absl::Status CheckWholeLayout() {
    const absl::StatusOr<std::optional<FileLayout>> layout = ReadLayout(connection_->handle());
    if (!layout.ok()) return layout.status();
    const bool present = *layout && (*layout)->number == kLayout.present;
    return present ? CheckOwnTables() : absl::OkStatus();
  }

  absl::Status CheckOwner() {
    absl::StatusOr<Query> there =
        connection_->Prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_mirror_tenant'");
    if (!there.ok()) return there.status();
    absl::StatusOr<bool> row = there->Step();
    if (!row.ok() || !*row) return row.status();
    absl::StatusOr<Query> query =
        connection_->Prepare("SELECT context_id FROM _mirror_tenant WHERE context_id <> ?1");
    if (!query.ok()) return query.status();
    absl::StatusOr<bool> other = query->Bind(1, context_id_).Step();
    if (!other.ok()) return other.status();
    if (!*other) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        "the file '", connection_->path(), "' is the mirror of '", query->Text(0), "', not of '", context_id_,
        "'. It was left as it is. Put the right file there, or move this one away."));
  }

  absl::Status InsertTenant() {
    absl::StatusOr<Query> query = connection_->Prepare(
        "INSERT INTO _mirror_tenant (context_id, issuer, environment, source_id, cycle, active, holder, "
        "since_ms, "
        "progress_ms, completed_cycle, completed_ms, paused, pause_reason, clock_ms, announced, touched, "
        "missed_cycle, missed_ms, scrub) "
        "VALUES (?1, '', '', '', 0, 0, '', 0, 0, 0, 0, 0, '', 0, '', 0, 0, 0, 0) ON CONFLICT (context_id) DO "
        "NOTHING");
    if (!query.ok()) return query.status();
    return query->Bind(1, context_id_).Run();
  }

  void Rollback() {
    if (sqlite3_get_autocommit(connection_->handle()) == 0) connection_->Execute("ROLLBACK").IgnoreError();
  }

  /// Whether somebody put back, into the file that is open here, what another version wrote: SQLite's own
  /// restore does. It is taken over, or refused, when it is opened anew.
  bool HasOtherLayout() {
    absl::StatusOr<Query> query = connection_->Prepare("SELECT layout FROM _mirror_layout");
    // That the table is gone is told by no other code than a mistake in the statement would be. What has lost
    // all its tables was put there by nobody: it was cut off.
    if (!query.ok()) return absl::IsFailedPrecondition(query.status()) && !IsEmpty();
    const absl::StatusOr<bool> row = query->Step();
    if (!row.ok()) return absl::IsFailedPrecondition(row.status()) && !IsEmpty();
    return !*row || query->Int(0) != kLayout.present;
  }

  static absl::Status Emptied() {
    return absl::DataLossError("it is empty: it was cut off, or emptied by hand");
  }

  bool IsEmpty() {
    std::error_code error;
    const bool has_no_bytes = std::filesystem::file_size(connection_->path(), error) == 0 && !error;
    // What is being built may be in memory.
    if (has_no_bytes && !connection_->building()) return true;
    absl::StatusOr<Query> query = connection_->Prepare("SELECT 1 FROM sqlite_schema LIMIT 1");
    if (!query.ok()) return false;
    const absl::StatusOr<bool> row = query->Step();
    return row.ok() && !*row;
  }

  absl::Status CheckLog() {
    if (connection_->WalBytes() <= options_.wal_bytes_max) return absl::OkStatus();
    if (connection_->EmptyLog(SqliteConnection::kBusyTimeoutMs)) return absl::OkStatus();
    if (connection_->WalBytes() <= options_.wal_bytes_max) return absl::OkStatus();
    if (connection_->LostPages()) return LostPages(*connection_);
    const LogStays stays = WhyLogStays(*connection_);
    return absl::UnavailableError(absl::StrCat("the log of '", connection_->path(), "' is over its limit of ",
                                               options_.wal_bytes_max, " bytes, since ", stays.why,
                                               ". Nothing was applied. ", stays.remedy,
                                               "; the same call again is safe."));
  }

  absl::StatusOr<CommitResult> RunPlan(const Plan& plan) {
    CommitResult result;
    if (HasOtherLayout()) return FileReplaced(*connection_);
    now_ms_ = plan.now_ms;
    absl::StatusOr<TenantRecord> tenant = ReadTenant();
    if (!tenant.ok()) return tenant.status();
    if (plan.cycle && (!tenant->active || tenant->cycle != *plan.cycle))
      return CycleOver(*plan.cycle, *tenant);
    if (plan.tenant_expected && *tenant != *plan.tenant_expected) {
      result.stale = true;
      return result;
    }
    if (plan.nonce) {
      if (absl::Status status = UseNonce(*plan.nonce, std::max(tenant->clock_ms, plan.now_ms));
          !status.ok()) {
        return status;
      }
    }
    if (plan.forget_old_cycles) {
      const std::int64_t cycle = plan.tenant ? plan.tenant->cycle : tenant->cycle;
      if (absl::Status status = DropOldShadows(*connection_, cycle); !status.ok()) return status;
      if (absl::Status status = ForgetCycleNotes(*connection_, cycle); !status.ok()) return status;
    }
    if (plan.drop_retired_before_ms != 0) {
      if (absl::Status status = DropRetired(*connection_, plan.drop_retired_before_ms); !status.ok())
        return status;
    }
    std::set<std::string> failed;
    bool touched = tenant->touched;
    for (const Step& step : plan.steps) {
      StepResult step_result;
      absl::Status status = RunStep(step, failed, &result.stale, &step_result);
      if (!status.ok()) return status;
      if (result.stale) return result;
      if (!step_result.status.ok()) failed.insert(FoldName(step.table));
      // A step that only restates its record, as one of a part does, changes nothing.
      touched = touched ||
                (step_result.status.ok() && step.expected && step.record && *step.record != *step.expected);
      result.steps.push_back(std::move(step_result));
    }
    if (absl::Status status = KeepLedger(plan); !status.ok()) return status;
    if (absl::Status status = KeepTimes(plan); !status.ok()) return status;
    if (plan.answers) {
      if (absl::Status status = KeepAnswers(plan.answers(result.steps)); !status.ok()) return status;
    }
    if (plan.cycle_notes) {
      absl::Status status = WriteCycleNotes(*connection_, plan.tenant ? plan.tenant->cycle : tenant->cycle,
                                            plan.cycle_notes(result.steps));
      if (!status.ok()) return status;
    }
    if (plan.hooks) {
      absl::StatusOr<std::uint64_t> dropped =
          KeepHooks(*connection_, plan.hooks(result.steps), plan.known_hooks);
      if (!dropped.ok()) return dropped.status();
      result.hooks_dropped = *dropped;
    }
    if (absl::Status status = RemoveHooks(*connection_, plan.delivered_hooks); !status.ok()) return status;
    for (const ObjectsChange& change : plan.source_objects) {
      if (absl::Status status = WriteObjects(*connection_, change); !status.ok()) return status;
    }
    for (const IndexChange& change : plan.index_changes) {
      if (absl::Status status = ChangeIndex(*connection_, change); !status.ok()) return status;
    }
    TenantRecord next = plan.tenant ? *plan.tenant : *tenant;
    if (plan.cycle && !plan.tenant) {
      next.touched = touched;
      if (next.touched != tenant->touched || plan.now_ms - next.progress_ms >= kProgressIntervalMs) {
        next.progress_ms = plan.now_ms;
      }
    }
    next.clock_ms = std::max(next.clock_ms, next == *tenant ? 0 : plan.now_ms);
    if (next != *tenant) {
      if (absl::Status status = WriteTenant(next); !status.ok()) return status;
    }
    return result;
  }

  static absl::Status CycleOver(std::int64_t cycle, const TenantRecord& tenant) {
    return absl::AbortedError(absl::StrCat(
        "cycle ", cycle, " is over",
        tenant.active ? absl::StrCat(": cycle ", tenant.cycle, " took its place") : std::string(),
        ". Nothing of this call was applied; what was committed before stays. Begin a new cycle with "
        "Authenticate."));
  }

  /// Status: what ends the whole plan. The step's own outcome is in `result`.
  absl::Status RunStep(const Step& step, const std::set<std::string>& failed, bool* stale,
                       StepResult* result) {
    absl::StatusOr<std::optional<TableRecord>> stored = ReadTable(step.table);
    if (!stored.ok()) return stored.status();
    if (!SameButCount(*stored, step.expected)) {
      if (!failed.contains(FoldName(step.table))) {
        *stale = true;
        return absl::OkStatus();
      }
      result->status = absl::AbortedError(
          absl::StrCat("table '", step.table,
                       "': a batch before this one was refused. Nothing of this one was applied. "
                       "Send again from the refused batch on."));
      return absl::OkStatus();
    }
    absl::Status status = RunGuarded(step, *stored, result);
    if (status.ok()) return status;
    if (Ends(status)) return status;
    if (!savepoints_) {
      needs_savepoint_ = true;
      return status;
    }
    if (step.otherwise.empty()) {
      result->status = std::move(status);
      return absl::OkStatus();
    }
    result->otherwise = true;
    result->reason = std::string(status.message());
    status = RunGuarded(step.otherwise.front(), *stored, result);
    if (Ends(status)) return status;
    result->status = std::move(status);
    return absl::OkStatus();
  }

  /// Whether the whole transaction is lost, or must be.
  bool Ends(const absl::Status& status) const {
    return savepoint_failed_ || sqlite3_get_autocommit(connection_->handle()) != 0 ||
           status.code() == absl::StatusCode::kUnavailable || status.code() == absl::StatusCode::kDataLoss;
  }

  absl::Status RunGuarded(const Step& step, const std::optional<TableRecord>& stored, StepResult* result) {
    if (!savepoints_) return RunActions(step, stored, result);
    if (absl::Status status = AtSavepoint("SAVEPOINT step"); !status.ok()) return status;
    absl::Status status = RunActions(step, stored, result);
    if (status.ok()) return AtSavepoint("RELEASE step");
    if (sqlite3_get_autocommit(connection_->handle()) != 0) return status;
    if (absl::Status undone = AtSavepoint("ROLLBACK TO step; RELEASE step"); !undone.ok()) return undone;
    return status;
  }

  /// A step that cannot be taken back, as without memory, takes the plan with it.
  absl::Status AtSavepoint(const char* sql) {
    absl::Status status = connection_->Execute(sql);
    savepoint_failed_ = !status.ok();
    return status;
  }

  absl::Status RunActions(const Step& step, const std::optional<TableRecord>& stored, StepResult* result) {
    std::int64_t rows = stored ? stored->row_count : -1;
    const std::int64_t before = rows;
    std::vector<std::string> values;
    if (step.receipt) {
      for (const std::uint64_t id : step.receipt->values) {
        absl::StatusOr<std::string> hash = HashParts(*connection_, step.table, step.receipt->cycle, id);
        if (!hash.ok()) return hash.status();
        values.push_back(*std::move(hash));
      }
    }
    for (const Action& action : step.actions) {
      if (absl::Status status = Run(step, action, &rows, result); !status.ok()) return status;
    }
    if (step.settles_holds) {
      if (absl::Status status = SettleHolds(*connection_, step.table); !status.ok()) return status;
    }
    if (step.loss) {
      const std::int64_t lost = before < 0 || rows < 0 ? 0 : std::max<std::int64_t>(0, before - rows);
      absl::Status status = NoteLoss(*connection_, step.table, *step.loss, lost);
      if (status.ok() && step.may_lose) status = CheckDeletes(step, result);
      if (status.ok() && step.accepted) status = ForgetLosses(*connection_, step.table);
      if (!status.ok()) return status;
    }
    if (step.source_ms) {
      if (absl::Status status = SetTime(*connection_, step.table, step.source_ms); !status.ok())
        return status;
    }
    if (step.receipt) {
      absl::Status status = KeepReceipt(*connection_, context_id_, step.table, step.record->position,
                                        *step.receipt, values, &result->receipt);
      if (!status.ok()) return status;
    }
    return WriteRecord(step, stored, rows);
  }

  absl::Status Run(const Step& step, const Action& action, std::int64_t* rows, StepResult* result) {
    if (const auto* apply = std::get_if<ApplyRows>(&action)) return RunApply(step, *apply, rows, result);
    if (const auto* part = std::get_if<KeepPart>(&action)) {
      return WritePart(*connection_, step.table, part->cycle, *part, options_.value_bytes_max);
    }
    if (const auto* create = std::get_if<CreateTable>(&action)) {
      *rows = 0;
      absl::Status status = RunCreateTable(*connection_, *create);
      // What is said of all tables does not mean one that has no rows yet.
      return status.ok() ? SetTime(*connection_, step.table, std::nullopt) : status;
    }
    if (const auto* alter = std::get_if<AlterTable>(&action))
      return RunAlterTable(*connection_, step.table, step.record->position, *alter);
    if (const auto* refit = std::get_if<RefitTable>(&action))
      return RunRefitTable(*connection_, step.table, step.record->position, *refit);
    if (const auto* agree = std::get_if<AgreeSchema>(&action)) return RunAgreeSchema(*connection_, *agree);
    if (const auto* retire = std::get_if<RetireTable>(&action))
      return RunRetireTable(*connection_, step.table, *retire);
    if (std::holds_alternative<DropTable>(action)) return RunDropTable(*connection_, step.table);
    if (const auto* begin = std::get_if<BeginShadow>(&action))
      return RunBeginShadow(*connection_, step.table, *begin);
    absl::StatusOr<std::optional<Shadow>> shadow = FindShadow(*connection_, step.table);
    if (!shadow.ok()) return shadow.status();
    const auto& swap = std::get<SwapShadow>(action);
    if (*shadow && (*shadow)->is_table) {
      *rows = (*shadow)->rows;
      absl::Status status = ForgetCheck(*connection_, step.table);
      return status.ok() ? ForgetShadow(*connection_, step.table) : status;
    }
    if (*shadow && swap.may_lose) {
      if (absl::Status status = CheckLoss(step.table, **shadow, *rows, *swap.may_lose, result);
          !status.ok()) {
        return status;
      }
    }
    if (*shadow) *rows = (*shadow)->rows;
    if (absl::Status status = ForgetCheck(*connection_, step.table); !status.ok()) return status;
    const absl::StatusOr<std::optional<TableSchema>> schema = ReadSchema(step.table);
    if (!schema.ok()) return schema.status();
    if (*shadow && *schema && KeepsPartner(**schema)) {
      return RunMerge(*connection_, KeptForm(**schema), (*shadow)->name, now_ms_);
    }
    return RunSwap(*connection_, step.table, &result->left_out);
  }

  absl::Status CheckDeletes(const Step& step, StepResult* result) {
    const absl::StatusOr<std::vector<Loss>> losses = SelectLosses(*connection_, step.table);
    if (!losses.ok()) return losses.status();
    for (const Loss& loss : *losses) {
      if (loss.cycle != step.loss->cycle || loss.rows <= *step.may_lose) continue;
      result->would_delete = loss.rows;
      for (const Action& action : step.actions) {
        const auto* const apply = std::get_if<ApplyRows>(&action);
        if (apply != nullptr) result->lost_keys = DeletedKeys(*apply->schema, *apply->batch);
      }
      return absl::FailedPreconditionError(
          absl::StrCat("table '", step.table, "': ", loss.rows, " rows would be deleted"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckLoss(const std::string& table, const Shadow& shadow, std::int64_t rows,
                         std::int64_t may_lose, StepResult* result) {
    std::int64_t lost = std::max<std::int64_t>(0, rows - shadow.rows);
    const absl::StatusOr<std::optional<TableSchema>> schema = ReadSchema(table);
    if (!schema.ok()) return schema.status();
    // Keys that are hashed now, or under another key, are no longer those of the visible table.
    const bool same_keys = *schema && !HasHashedKey(**schema);
    if (lost <= may_lose && same_keys) {
      const absl::StatusOr<std::int64_t> absent =
          CountAbsent(*connection_, KeptForm(**schema), shadow.name, may_lose);
      if (!absent.ok()) return absent.status();
      lost = std::max(lost, *absent);
    }
    if (lost <= may_lose) return absl::OkStatus();
    result->would_lose = lost;
    if (same_keys) {
      absl::StatusOr<std::vector<std::string>> keys =
          AbsentKeys(*connection_, KeptForm(**schema), shadow.name);
      if (!keys.ok()) return keys.status();
      result->lost_keys = *std::move(keys);
    }
    return absl::FailedPreconditionError(absl::StrCat("table '", table, "': ", lost, " rows would vanish"));
  }

  absl::Status RunApply(const Step& step, const ApplyRows& apply, std::int64_t* rows, StepResult* result) {
    std::string target = step.table;
    std::optional<Shadow> shadow;
    ApplyRows into = apply;
    TableSchema of_shadow;
    if (apply.into_shadow) {
      absl::StatusOr<std::optional<Shadow>> found = FindShadow(*connection_, step.table);
      if (!found.ok()) return found.status();
      if (!*found) {
        return absl::FailedPreconditionError(absl::StrCat("table '", step.table,
                                                          "': the shadow of this population is "
                                                          "gone. Nothing was applied. Populate again."));
      }
      shadow = **found;
      target = shadow->name;
    }
    if (shadow && KeepsPartner(*apply.schema)) {
      // Nothing in a shadow is anybody else's.
      of_shadow = *apply.schema;
      of_shadow.preserve_target = shadow->is_table && HasOwned(*apply.schema);
      of_shadow.deletes = Deletes::kApply;
      into.schema = &of_shadow;
    }
    RowsWritten written;
    absl::Status status = WriteRows(*connection_, target, into, options_.apply, now_ms_, &written);
    result->missing_rows = std::move(written.missing_rows);
    result->more_missing = written.more_missing;
    if (!status.ok()) return status;
    CrashPoint("rows.written");
    if (shadow) return SetShadowRows(*connection_, step.table, shadow->rows + written.added);
    if (*rows >= 0) *rows += written.added;
    return absl::OkStatus();
  }

  absl::Status WriteRecord(const Step& step, const std::optional<TableRecord>& stored, std::int64_t rows) {
    if (!step.record) {
      absl::StatusOr<Query> query =
          connection_->Prepare(absl::StrCat("DELETE FROM ", metadata_, " WHERE table_name = ?1"));
      if (!query.ok()) return query.status();
      return query->Bind(1, step.table).Run();
    }
    TableRecord next = *step.record;
    next.row_count = rows;
    if (stored == next) return absl::OkStatus();
    absl::StatusOr<Query> query = connection_->Prepare(absl::StrCat(
        "INSERT INTO ", metadata_,
        " (table_name, schema_hash, lsn, lineage, pending_lsn, pending_lineage, seq, row_count, cycle, "
        "state) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (table_name) DO UPDATE SET "
        "table_name = excluded.table_name, schema_hash = excluded.schema_hash, lsn = excluded.lsn, "
        "lineage = excluded.lineage, pending_lsn = excluded.pending_lsn, pending_lineage = "
        "excluded.pending_lineage, "
        "seq = excluded.seq, row_count = excluded.row_count, cycle = excluded.cycle, state = "
        "excluded.state"));
    if (!query.ok()) return query.status();
    query->Bind(1, next.table)
        .Bind(2, next.schema_hash)
        .Bind(3, next.position.lsn.value)
        .BindBlob(4, next.position.lineage);
    if (next.pending) {
      query->Bind(5, next.pending->lsn.value).BindBlob(6, next.pending->lineage);
    } else {
      query->BindNull(5).BindNull(6);
    }
    const std::string state(ToString(next.state));
    return query->Bind(7, static_cast<std::int64_t>(next.seq))
        .Bind(8, next.row_count)
        .Bind(9, next.cycle)
        .Bind(10, state)
        .Run();
  }

  absl::Status UseNonce(const Nonce& nonce, std::int64_t clock_ms) {
    absl::StatusOr<Query> prune = connection_->Prepare("DELETE FROM _mirror_nonces WHERE expires_ms < ?1");
    if (!prune.ok()) return prune.status();
    if (absl::Status status = prune->Bind(1, clock_ms).Run(); !status.ok()) return status;
    absl::StatusOr<Query> count =
        connection_->Prepare("SELECT count(*), coalesce(sum(nonce = ?1), 0) FROM _mirror_nonces");
    if (!count.ok()) return count.status();
    if (absl::StatusOr<bool> row = count->Bind(1, nonce.value).Step(); !row.ok()) return row.status();
    if (count->Int(1) != 0) {
      return absl::AlreadyExistsError(
          "the token's nonce was used before. No cycle began. Make a new token for each Authenticate.");
    }
    if (count->Int(0) >= static_cast<std::int64_t>(nonce.remembered_max)) {
      return absl::ResourceExhaustedError(
          absl::StrCat("this tenant used ", nonce.remembered_max,
                       " tokens that have not expired yet. No cycle began. "
                       "Wait until some expire, and make their lifetime shorter."));
    }
    absl::StatusOr<Query> insert =
        connection_->Prepare("INSERT INTO _mirror_nonces (nonce, expires_ms) VALUES (?1, ?2)");
    if (!insert.ok()) return insert.status();
    return insert->Bind(1, nonce.value).Bind(2, nonce.expires_ms).Run();
  }

  absl::Status KeepLedger(const Plan& plan) {
    for (const TableCheck& check : plan.checks) {
      if (absl::Status status = WriteCheck(*connection_, check); !status.ok()) return status;
      if (!check.row_count) continue;
      absl::Status counted = UpdateRowCount(*connection_, metadata_, check.table, *check.row_count);
      if (!counted.ok()) return counted;
    }
    for (const std::uint64_t id : plan.settled_holds) {
      if (absl::Status status = RemoveHold(*connection_, id); !status.ok()) return status;
    }
    for (const Hold& hold : plan.holds) {
      if (absl::Status status = WriteHold(*connection_, hold); !status.ok()) return status;
    }
    if (plan.forget_losses_before_ms == 0) return absl::OkStatus();
    return ForgetLosses(*connection_, plan.forget_losses_before_ms);
  }

  absl::Status KeepTimes(const Plan& plan) {
    if (plan.targets) {
      if (absl::Status status = WriteTargets(*connection_, *plan.targets); !status.ok()) return status;
    }
    if (!plan.all_as_of) return absl::OkStatus();
    const absl::StatusOr<Freshness> now = ReadFreshness();
    if (!now.ok()) return now.status();
    const absl::StatusOr<std::vector<TableRecord>> records = ReadTables();
    if (!records.ok()) return records.status();
    return WriteTimes(*connection_, *now, WithAllAsOf(*now, *records, *plan.all_as_of));
  }

  absl::Status KeepAnswers(const std::vector<SchemaAnswer>& answers) {
    if (absl::Status status = connection_->Execute("DELETE FROM _mirror_answers"); !status.ok())
      return status;
    for (const SchemaAnswer& answer : answers) {
      absl::StatusOr<Query> query = connection_->Prepare(
          "INSERT OR REPLACE INTO _mirror_answers (table_name, action, reason) VALUES (?1, ?2, ?3)");
      if (!query.ok()) return query.status();
      if (absl::Status status =
              query->Bind(1, answer.table).Bind(2, std::int64_t{answer.action}).Bind(3, answer.reason).Run();
          !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

  absl::Status WriteTenant(const TenantRecord& tenant) {
    absl::StatusOr<Query> query = connection_->Prepare(
        "UPDATE _mirror_tenant SET issuer = ?1, environment = ?2, source_id = ?3, cycle = ?4, active = ?5, "
        "holder = ?6, "
        "since_ms = ?7, progress_ms = ?8, completed_cycle = ?9, completed_ms = ?10, paused = ?11, "
        "pause_reason = ?12, "
        "clock_ms = ?13, announced = ?14, touched = ?15, missed_cycle = ?16, missed_ms = ?17, "
        "scrub = ?18");
    if (!query.ok()) return query.status();
    return query->Bind(1, tenant.issuer)
        .Bind(2, tenant.environment)
        .Bind(3, tenant.source_id)
        .Bind(4, tenant.cycle)
        .Bind(5, std::int64_t{tenant.active})
        .Bind(6, tenant.holder)
        .Bind(7, tenant.since_ms)
        .Bind(8, tenant.progress_ms)
        .Bind(9, tenant.completed_cycle)
        .Bind(10, tenant.completed_ms)
        .Bind(11, std::int64_t{tenant.paused})
        .Bind(12, tenant.pause_reason)
        .Bind(13, tenant.clock_ms)
        .Bind(14, tenant.announced)
        .Bind(15, std::int64_t{tenant.touched})
        .Bind(16, tenant.missed_cycle)
        .Bind(17, tenant.missed_ms)
        .Bind(18, std::int64_t{tenant.scrub})
        .Run();
  }

  std::unique_ptr<SqliteConnection> connection_;
  std::string context_id_;
  SqliteOptions options_;
  std::string metadata_;
  std::int64_t looked_schema_ = -1;    ///< `schema_version` at the last look for touched tables.
  std::vector<TouchedTable> touched_;  ///< What that found.
  std::string quarantined_;            ///< Why; empty: it is not.
  std::int64_t now_ms_ = 0;            ///< Of the plan that runs.
  bool savepoints_ = true;             ///< What fails in a step is taken back by itself.
  bool needs_savepoint_ = false;       ///< It failed without.
  bool savepoint_failed_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteDatabase>> OpenSqliteDatabase(const std::string& path,
                                                                   const std::string& context_id, bool create,
                                                                   FileUse use,
                                                                   const SqliteOptions& options) {
  absl::StatusOr<std::unique_ptr<SqliteConnection>> connection =
      SqliteConnection::Open(path, create, use, options.checkpointer);
  if (!connection.ok()) return connection.status();
  std::string quarantined = ReadQuarantine(path);
  (*connection)->KeepLog(!quarantined.empty());
  auto database =
      std::make_unique<Database>(*std::move(connection), context_id, options, std::move(quarantined));
  if (absl::Status status = database->Prepare(); !status.ok()) return status;
  return database;
}

}  // namespace mirror
