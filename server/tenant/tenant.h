#ifndef MIRROR_SERVER_TENANT_TENANT_H_
#define MIRROR_SERVER_TENANT_TENANT_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"
#include "server/hooks/hook_book.h"
#include "server/hooks/hooks.h"
#include "server/plan/announce_plan.h"
#include "server/plan/breaker.h"
#include "server/plan/caller.h"
#include "server/plan/column_rules.h"
#include "server/plan/comparison.h"
#include "server/plan/index_plan.h"
#include "server/plan/index_rules.h"
#include "server/plan/pause.h"
#include "server/plan/plan.h"
#include "server/plan/receipts.h"
#include "server/plan/row_request.h"
#include "server/plan/schema_plan.h"
#include "server/plan/tenant_summary.h"
#include "server/store/store.h"
#include "server/tenant/commit_queue.h"
#include "server/tenant/row_planner.h"
#include "server/watch/counters.h"
#include "server/watch/events.h"
#include "server/watch/freshness.h"

namespace mirror {

struct TenantOptions {
  std::int64_t cycle_idle_ms = 600'000;           ///< A cycle ends after so long without progress.
  std::int64_t drop_grace_ms = 7LL * 86'400'000;  ///< Tables that went are kept aside for so long.
  std::int64_t gap_wait_ms = 5'000;               ///< How long a unary call waits for the batch before it.
  std::size_t nonces_max = 10'000;
  BreakerConfig breaker = {};
  std::int64_t miss_window_ms = 0;  ///< See ServerConfig.
  bool automatic_provisioning = true;
  ColumnRulesConfig columns = {};
  std::optional<std::string> hash_secret = {};  ///< What `columns` hash with.
  const HookBook* hooks = nullptr;              ///< Null: there are none.
  /// For what a call itself took; another one in tests.
  std::chrono::steady_clock::time_point (*steady_now)() = &std::chrono::steady_clock::now;
  ServerCounters* counters = &UnwatchedCounters();  ///< Outlives the tenant.
  FreshnessRules freshness = {};
  ReceiptRules receipts = {};
  IndexRules indexes = {};
};

/// How a tenant gets at its store; `create` makes a new one. Set by Tenants.
using OpenStore = std::function<absl::StatusOr<std::unique_ptr<Store>>(bool create)>;

struct BusyCycle {
  std::int64_t cycle = 0;
  std::string holder;
  std::int64_t since_ms = 0;
};

/// What Authenticate found.
struct Admission {
  bool accepted = false;
  std::optional<BusyCycle> busy;
  bool do_not_replicate = false;
  PausedBy by = PausedBy::kNobody;  ///< With do_not_replicate.
  std::string reason;
  std::int64_t cycle = 0;
};

struct TableAnswer {
  std::string table;
  bool wanted = false;
  Position position;
  std::optional<Position> pending;
  std::string schema_hash;
  bool verify_wanted = false;
  SchemaAction action = SchemaAction::kUnchanged;
  std::string reason;
  std::int64_t row_count = -1;
};

struct TenantInfo {
  TenantRecord record;
  std::uint32_t tables = 0;
  std::uint32_t tables_unpopulated = 0;
  std::uint64_t bytes = 0;
  std::string quarantine;
  std::uint32_t holds = 0;          ///< Without a decision.
  std::string waiting_source = {};  ///< See HoldKind::kSource.
};

/// What TableSchema answers.
struct Announcement {
  std::vector<TableAnswer> tables;
  std::vector<std::string> held_tables = {};  ///< Not announced, and kept until an operator decides.
  std::string held_reason = {};
};

struct TableInfo {
  TableRecord record;
  std::uint32_t columns = 0;
  TableCheck check;
  bool held = false;           ///< An operator has to decide about it.
  std::int64_t source_ms = 0;  ///< As of when it is; 0: not known.
  std::int64_t target_ms = 0;  ///< How old it may become; 0: as it likes.
};

struct IndexesOfTable {
  std::string table;
  std::optional<SourceObjects> objects;  ///< Absent: the source did not tell.
  std::vector<std::string> lines;        ///< See IndexLines().
  std::vector<std::string> followed;     ///< The mirror's own indexes on it.
};

/// A table at a position, to be read beside what goes on. Holds one of the tenant's kReadingsMax places.
struct TableReading {
  std::shared_ptr<void> place;
  std::unique_ptr<Snapshot> snapshot;
  AgreedTable table;
};

/// Readings that a tenant may have open at once.
inline constexpr int kReadingsMax = 4;

/// Puts another file in the mirror's place. What it is given is the tenant as an operator left it, and has to
/// stand in the file before that has the mirror's name: see EndCycleOfCopy().
using MoveFile = std::function<absl::Status(const std::optional<TenantRecord>& before)>;
/// Gives the damaged file another name, which it returns. Whose the mirror is outlives that.
using SetFileAside = std::function<absl::StatusOr<std::string>(const std::optional<TenantRecord>& owner)>;

/// What an operator decided since a copy was made, a pause or another source, stands whatever the copy says.
void CarryOver(const std::optional<TenantRecord>& before, TenantRecord* restored);
/// The same in the copy itself, whose cycle ends: it may be from the middle of the very cycle that runs. All
/// of it is in its own file then. Errors: as Store; kUnavailable when somebody else has it open.
absl::Status EndCycleOfCopy(Store& copy, const std::optional<TenantRecord>& before, std::int64_t now_ms);

/// What the end of a cycle writes beside that end.
struct CycleEnd {
  std::function<void(TenantRecord&)> change = {};  ///< Of the tenant's row. Absent: nothing more.
  std::vector<Step> steps = {};
  std::vector<TableCheck> checks = {};
  std::vector<Hold> holds = {};
  std::vector<std::uint64_t> settled_holds = {};
  std::optional<AllAsOf> as_of = {};
  HookNotes hooks = {};
};

/// One tenant: its writer. Each call takes the tenant's lock, reads what the mirror holds, plans, and lets
/// the store commit; a plan that no longer fits when the transaction begins is made again.
///
/// Errors of the calls of a cycle:
///   kPermissionDenied  the tenant belongs to another issuer or environment
///   kAborted           the cycle is over
///   kUnavailable, kDataLoss, kResourceExhausted  as Store
/// Threads: any.
class Tenant {
 public:
  Tenant(std::string context_id, OpenStore open, const TenantOptions& options, Events& events,
         std::function<void(Tenant&)> make_room);

  const std::string& context_id() const { return context_id_; }
  /// What an announced table's columns are to be set by.
  const ColumnRules& column_rules() const { return rules_; }
  /// Whether each commit gets a receipt.
  bool keeps_receipts() const { return keeps_receipts_; }

  // --- The source's calls. `now_ms` is unix time. ---

  ///   kUnauthenticated  the nonce was seen before, or cannot be judged any more
  absl::StatusOr<Admission> Authenticate(const Caller& caller, const std::string& holder, bool take_over,
                                         bool probe, std::int64_t now_ms);

  /// `digest` tells a repetition from another request. Errors: kFailedPrecondition for another one after a
  /// batch.
  absl::StatusOr<Announcement> Announce(const Caller& caller, std::int64_t cycle,
                                        const std::string& source_id, const std::string& digest,
                                        const std::vector<AnnouncedTable>& tables, std::int64_t now_ms);

  /// The agreed definition, for decoding. Does not wait for a request that is being applied, but for the
  /// first look at a table. Errors: kFailedPrecondition when there is none.
  absl::StatusOr<AgreedTable> Agreed(const Caller& caller, const std::string& table);

  /// Small requests that come while another is applied are committed together with others that wait; each
  /// has its own answer. `wait_for_gaps`: a batch that came before its predecessor waits for it.
  RowAnswer Apply(const Caller& caller, const RowRequest& request, bool wait_for_gaps, std::int64_t now_ms);
  /// The same for several requests of one source, in their order; none of them waits for a gap. An answer
  /// for each.
  std::vector<RowAnswer> ApplyAll(const Caller& caller, const std::vector<const RowRequest*>& requests,
                                  std::int64_t now_ms);

  absl::StatusOr<BatchOutcome> Wipe(const Caller& caller, std::int64_t cycle, const std::string& table,
                                    const Position& target, PopulateReason reason, std::int64_t now_ms);

  /// What is committed of `table`, which has to stand at `position`. Errors: kFailedPrecondition,
  /// kResourceExhausted when kReadingsMax are open.
  absl::StatusOr<TableReading> Read(const Caller& caller, std::int64_t cycle, const std::string& table,
                                    const Position& position, std::int64_t now_ms);
  /// A reading of `cycle` goes on, or came to its end: it is no idleness. `began` is when it came.
  void ReadOn(std::int64_t cycle, std::int64_t came_ms, std::chrono::steady_clock::time_point began);
  /// What DigestRanges answered: with it a source may say that nothing differs.
  void NoteDigests(std::int64_t cycle, const std::string& table, const Position& position,
                   const std::vector<KeyRange>& ranges, const std::vector<RangeDigest>& answer);

  absl::StatusOr<std::vector<TableVerdict>> Complete(const Caller& caller, std::int64_t cycle,
                                                     const std::vector<CompletedTable>& tables,
                                                     std::int64_t now_ms,
                                                     std::optional<AllAsOf> as_of = std::nullopt);

  /// The end of the chain, and the texts behind `known`, kReceiptsPerAnswerMax at most; where `known` is not
  /// of this chain, the last ones. Its hash may be empty: then only its number counts.
  struct Receipts {
    ReceiptHead head;
    std::vector<std::string> texts;
  };
  absl::StatusOr<Receipts> ReadReceipts(const ReceiptHead& known, std::int64_t now_ms);
  /// The end of the chain, unless SignedReceipts() was told of it since the start. Absent: nothing is to be
  /// signed.
  absl::StatusOr<std::optional<ReceiptHead>> UnsignedReceipts();
  void SignedReceipts(const ReceiptHead& head);

  // --- The operator's. Each that acts ends the running cycle. Errors: kNotFound when the file is gone. ---

  absl::StatusOr<TenantInfo> Info();
  absl::StatusOr<std::vector<TableInfo>> Tables();
  /// What the source told of indexes and foreign keys. An empty list means all. Errors: kNotFound naming the
  /// table; kFailedPrecondition when it told nothing of any table.
  absl::StatusOr<std::vector<IndexesOfTable>> Indexes(const std::vector<std::string>& tables);
  bool follows_indexes() const;
  /// An empty list means all. Errors: kNotFound naming the table, and then nothing is done.
  absl::StatusOr<std::vector<std::string>> Invalidate(const std::vector<std::string>& tables,
                                                      std::int64_t now_ms);
  absl::StatusOr<std::vector<std::string>> Reset(const std::vector<std::string>& tables, std::int64_t now_ms);
  absl::Status Pause(const std::string& reason, std::int64_t now_ms);
  absl::Status Resume(std::int64_t now_ms);
  /// The source compares them in its next cycle. As Invalidate.
  absl::StatusOr<std::vector<std::string>> AskToVerify(const std::vector<std::string>& tables,
                                                       std::int64_t now_ms);
  absl::Status CheckIntegrity();
  /// What is committed now, for a copy. Errors: as Store::OpenSnapshot.
  absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot();
  /// Closes the store, lets `move` put another file in its place, and ends the cycle that runs in that one.
  /// Errors: kUnavailable while its log cannot be emptied, as when somebody reads an old state or the disk is
  /// full; kFailedPrecondition while the mirror is being made;
  /// those of `move`, which has then changed nothing.
  absl::Status ReplaceFile(const MoveFile& move, std::int64_t now_ms);
  /// Its file is damaged, or is no mirror of this tenant's: it takes nothing.
  bool IsUnusable();
  /// What is there cannot be worked with, as `why` says: it counts as damaged.
  void Distrust(const absl::Status& why);
  /// Lets `set_aside` rename a file that IsUnusable(), and makes a new one of the same owner. Errors:
  /// kFailedPrecondition when it is not.
  absl::Status Rebuild(const SetFileAside& set_aside, std::int64_t now_ms);
  absl::StatusOr<std::vector<Hold>> Holds();
  /// `decision`: kCommit or kRollback. Errors: kNotFound; kFailedPrecondition for a source, see AcceptSource.
  absl::Status DecideHold(std::uint64_t id, HoldState decision, std::int64_t now_ms);
  /// The source that waits is believed from now on. Errors: kFailedPrecondition when none waits.
  absl::StatusOr<std::string> AcceptSource(std::int64_t now_ms);

  /// What waits longest for this hook, once it is durable. Absent: none.
  absl::StatusOr<std::optional<HookNote>> FirstHook(const std::string& hook);
  /// It was delivered, or given up.
  absl::Status HookDone(std::int64_t id);

  /// Ends a cycle of this process that has made no progress for too long. Never waits for the lock.
  void EndIfIdle(std::int64_t now_ms);
  /// Ends a cycle that this process served: clean shutdown.
  void EndCycle(std::int64_t now_ms);
  /// Closes the store when nobody uses it. False: it is in use or closed already.
  bool CloseIfIdle();
  /// Closes it for good, every later call is refused, and calls `remove` for what is on disk. Again after an
  /// error of it: tries that once more.
  absl::Status Retire(const std::function<absl::Status()>& remove);

  bool is_open() const { return is_open_; }
  /// What is known without its database. Waits for nothing.
  TenantSummary summary() const;
  /// The same, but for the progress of a cycle that runs. Null: there is nothing to be known.
  std::shared_ptr<const TenantSummary> shared_summary() const;
  /// End of the last call of a cycle, unix milliseconds; 0: none since the start.
  std::int64_t seen_progress_ms() const { return seen_progress_ms_.load(std::memory_order_relaxed); }
  /// What the catalog kept, unless better is known.
  void Remember(const TenantSummary& summary);
  /// A cycle failed, or could not begin: until one ends well, summary() says so. Waits for nothing.
  void NoteFailure(std::string_view why);
  /// `cycle` got no tables, since what the source announced was refused before it came here.
  void NoteRefusedAnnouncement(std::int64_t cycle, std::string_view why);
  /// Requests of rows that wait for the one that is being applied.
  std::size_t waiting_requests() { return queue_.size(); }

 private:
  using Planner = std::function<absl::StatusOr<Plan>()>;
  using SteadyTime = std::chrono::steady_clock::time_point;

  /// What is quarantined is not opened, unless it is to be looked at.
  enum class Trust : std::uint8_t { kNeeded, kLook };
  absl::Status Open(bool create, std::int64_t now_ms, Trust trust = Trust::kNeeded) MIRROR_REQUIRES(mutex_);
  absl::Status OpenForOperator(std::int64_t now_ms, Trust trust = Trust::kNeeded) MIRROR_REQUIRES(mutex_);
  /// Opens it; what was `damaged` is believed again when its check finds nothing.
  absl::Status LookOnceMore(const std::string& damaged, std::int64_t now_ms) MIRROR_REQUIRES(mutex_);
  absl::Status EndCycleInNewFile(std::int64_t now_ms) MIRROR_REQUIRES(mutex_);
  absl::Status CheckOwner(const Caller& caller, const TenantRecord& tenant) const;
  /// The tenant's row, when `cycle` runs.
  absl::StatusOr<TenantRecord> Running(const Caller& caller, std::int64_t cycle, std::int64_t now_ms)
      MIRROR_REQUIRES(mutex_);
  absl::Status CheckRunning(const Caller& caller, std::int64_t cycle, std::int64_t now_ms,
                            const TenantRecord& tenant) MIRROR_REQUIRES(mutex_);
  /// Plans and commits, again while the plan is stale.
  absl::StatusOr<CommitResult> CommitPlanned(const Planner& planner) MIRROR_REQUIRES(mutex_);
  absl::StatusOr<CommitResult> Committed(absl::StatusOr<CommitResult> result);
  absl::Status Noticed(absl::Status status) MIRROR_REQUIRES(mutex_);
  absl::Status EndCycleLocked(std::int64_t now_ms, const CycleEnd& end = {}) MIRROR_REQUIRES(mutex_);
  /// When a call that came at `now_ms` ends well: what it took was no idleness.
  void Progressed(std::int64_t cycle, std::int64_t now_ms, SteadyTime began) MIRROR_REQUIRES(mutex_);
  bool IsIdle(const TenantRecord& tenant, std::int64_t now_ms) const MIRROR_REQUIRES(mutex_);
  absl::Status LoadRefused() MIRROR_REQUIRES(mutex_);
  absl::Status LoadNotes() MIRROR_REQUIRES(mutex_);
  bool IsNoted(CycleNoteKind kind) const MIRROR_REQUIRES(mutex_);
  absl::Status NoteChecks(const std::vector<TableCheck>& checks, std::vector<TableCheck>* written)
      MIRROR_REQUIRES(mutex_);
  absl::Status CompareLater(const std::vector<CompletedTable>& tables, std::int64_t now_ms,
                            std::vector<TableVerdict>* verdicts) MIRROR_EXCLUDES(mutex_);
  void AddCheckEvent(const TableVerdict& verdict);
  void ScrubFile(std::int64_t now_ms) MIRROR_REQUIRES(mutex_);
  /// What an announcement is planned from, read in this order: who is another source's sees no table.
  absl::StatusOr<AnnounceView> ViewFor(const AnnounceRequest& request) MIRROR_REQUIRES(mutex_);
  absl::Status ReadMirrored(const AnnounceRequest& request, AnnounceView* view) MIRROR_REQUIRES(mutex_);
  /// Events of what became of it.
  void TellAnnounced(const AnnouncePlan& planned, const std::vector<SchemaAnswer>& answers,
                     const std::vector<SchemaAnswer>& before) MIRROR_REQUIRES(mutex_);
  absl::StatusOr<Announcement> Answers(const std::vector<AnnouncedTable>& tables) MIRROR_REQUIRES(mutex_);
  absl::StatusOr<Hold> FindHoldById(std::uint64_t id) MIRROR_REQUIRES(mutex_);
  void CountMiss(std::int64_t cycle, std::int64_t now_ms, TenantRecord& tenant) MIRROR_REQUIRES(mutex_);
  absl::StatusOr<std::vector<std::string>> Existing(const std::vector<std::string>& tables)
      MIRROR_REQUIRES(mutex_);
  /// Waits for the turn of `requests`, and answers whatever this thread has to.
  void Queue(const std::vector<WaitingRows*>& requests) MIRROR_EXCLUDES(mutex_);
  /// Answers all of `group`.
  void ApplyGroup(const std::vector<WaitingRows*>& group) MIRROR_REQUIRES(mutex_);
  absl::Status CommitGroup(const TenantRecord& tenant, const std::vector<WaitingRows*>& group)
      MIRROR_REQUIRES(mutex_);
  absl::StatusOr<std::vector<BatchOutcome>> AnswerOf(const WaitingRows& waiting, std::size_t number,
                                                     RowPlanner& planner) MIRROR_REQUIRES(mutex_);
  absl::Status LoadHolds() MIRROR_REQUIRES(mutex_);
  absl::Status KeepLateHolds(std::int64_t now_ms, const std::vector<Hold>& holds) MIRROR_REQUIRES(mutex_);
  /// What is known of holds may have changed; `written` are new ones.
  void HoldsChanged(const std::vector<Hold>& written) MIRROR_REQUIRES(mutex_);
  void ForgetAgreed() MIRROR_REQUIRES(mutex_);
  // See tenant_hooks.cc.
  std::vector<HookNote> NotesFor(const char* event, std::int64_t cycle, std::int64_t now_ms,
                                 const std::function<std::string(const HookCycle&)>& text) const;
  HookNotes CompletedNotes(std::int64_t cycle, std::int64_t now_ms,
                           const std::vector<CompletedTable>& tables) const;
  void NoteTables(AnnouncePlan* planned) const;
  void NoteWiped(Plan* plan) const;
  void SetHooks(HookNotes notes, Plan* plan) const;
  void HooksKept(const Plan& plan, const CommitResult& result);
  // See tenant_failures.cc.
  void NoteRefusal(std::int64_t cycle, const BatchOutcome& outcome) MIRROR_REQUIRES(mutex_);
  std::string RefusalsOf(std::int64_t cycle) MIRROR_REQUIRES(mutex_);
  void TellCycleFailed(std::int64_t cycle, const std::string& why, const std::string& next);
  /// Whether there was one.
  bool ForgetFailure();
  void TellTimedOut(std::int64_t cycle);
  void TellInterrupted(std::int64_t cycle);
  void TellUnavailable(const absl::Status& status) MIRROR_REQUIRES(mutex_);
  void TellRefusedTable(const SchemaAnswer& answer) MIRROR_REQUIRES(mutex_);
  void TellIdleRules(const std::vector<AnnouncedTable>& tables) MIRROR_REQUIRES(mutex_);
  // See tenant_indexes.cc.
  void TellWrongObjects(const std::vector<AnnouncedTable>& tables) MIRROR_REQUIRES(mutex_);
  absl::StatusOr<std::vector<FollowedTable>> TablesToFollow() MIRROR_REQUIRES(mutex_);
  void FollowIndexes(std::int64_t now_ms) MIRROR_REQUIRES(mutex_);
  // See tenant_partner.cc.
  void TellPartnerColumns() MIRROR_REQUIRES(mutex_);
  void TellPartnerRows(std::int64_t cycle, const std::string& table, const char* what_comes)
      MIRROR_REQUIRES(mutex_);
  void AddPopulateEvent(const std::string& table, PopulateReason reason);
  /// Counts what became of it, and its rows when they were applied.
  void CountBatch(const RowRequest& request, std::size_t batch, const BatchOutcome& outcome);
  enum class Look : std::uint8_t { kTenant, kHolds, kAll };
  /// Renews summary(), as far as `look` says. Called where it may have changed.
  void Summarize(Look look) MIRROR_REQUIRES(mutex_);
  /// As of when tables are by steps that were done.
  void NoteTimes(const std::vector<Step>& steps, const std::vector<StepResult>& results);
  /// Adds the tables that this cycle's source cannot have brought up to date, whatever it says.
  absl::Status AddStale(AllAsOf* as_of) MIRROR_REQUIRES(mutex_);
  /// The file's targets are those of the configuration from now on.
  void KeepTargets() MIRROR_REQUIRES(mutex_);

  const std::string context_id_;
  const bool keeps_receipts_;
  const OpenStore open_;
  const TenantOptions options_;
  const ColumnRules rules_;
  Events& events_;
  const std::function<void(Tenant&)> make_room_;

  CommitQueue queue_;
  /// A tenant's calls wait for it while a file is touched; the others are held for a moment, behind it.
  Mutex mutex_ MIRROR_ACQUIRED_BEFORE(applied_mutex_, summary_mutex_, agreed_mutex_);
  Mutex applied_mutex_;
  CondVar applied_;  ///< A group was committed: who has a gap looks again.
  std::uint64_t applied_groups_ MIRROR_GUARDED_BY(applied_mutex_) = 0;
  std::unique_ptr<Store> store_ MIRROR_GUARDED_BY(mutex_);
  std::atomic<bool> is_open_{false};
  mutable Mutex summary_mutex_;
  mutable std::shared_ptr<const TenantSummary> summary_ MIRROR_GUARDED_BY(summary_mutex_);
  /// What commits said since `summary_` was made: who reads it pays for a new one, not every commit.
  mutable std::map<std::string, std::int64_t> summary_times_ MIRROR_GUARDED_BY(summary_mutex_);
  std::atomic<std::int64_t> seen_progress_ms_{0};
  ReceiptHead signed_receipts_ MIRROR_GUARDED_BY(mutex_);
  std::string told_idle_rules_ MIRROR_GUARDED_BY(mutex_);
  std::string told_wrong_objects_ MIRROR_GUARDED_BY(mutex_);
  std::string told_index_trouble_ MIRROR_GUARDED_BY(mutex_);
  /// The mirror's own indexes may be others than the source's.
  bool indexes_due_ MIRROR_GUARDED_BY(mutex_) = true;
  bool retired_ MIRROR_GUARDED_BY(mutex_) = false;
  bool removed_ MIRROR_GUARDED_BY(mutex_) = false;
  /// Another file was found, and the cycle in it has not been ended yet.
  bool replaced_ MIRROR_GUARDED_BY(mutex_) = false;
  /// That the file waits for tables to be rewritten.
  bool told_unscrubbed_ MIRROR_GUARDED_BY(mutex_) = false;
  /// A cycle may be running that this process has served.
  bool served_cycle_ MIRROR_GUARDED_BY(mutex_) = false;
  std::int64_t progressed_cycle_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< The cycle that the next is about.
  /// End of the last call of that cycle, 0: none yet.
  std::int64_t progressed_ms_ MIRROR_GUARDED_BY(mutex_) = 0;
  /// As it was last read: outlives a file that is damaged.
  std::optional<TenantRecord> owner_ MIRROR_GUARDED_BY(mutex_);
  std::string quarantine_ MIRROR_GUARDED_BY(mutex_);  ///< Why nothing is taken; empty: all is well.
  /// Of its own, so that the next request is decoded while one is applied. `agreed_` changes under both.
  Mutex agreed_mutex_;
  std::map<std::string, AgreedTable> agreed_ MIRROR_GUARDED_BY(agreed_mutex_);  ///< By folded name.
  /// Of the running cycle, folded; absent: not read yet.
  std::optional<std::set<std::string>> refused_tables_ MIRROR_GUARDED_BY(mutex_);
  /// Of the running cycle; absent: not read yet.
  std::optional<std::vector<CycleNote>> notes_ MIRROR_GUARDED_BY(mutex_);
  std::int64_t refusals_cycle_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< That of `refusals_`.
  /// Tables whose last batch was refused, by folded name: their names and why.
  std::map<std::string, std::pair<std::string, std::string>> refusals_ MIRROR_GUARDED_BY(mutex_);
  std::int64_t unannounced_cycle_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< That of `unannounced_why_`.
  std::string unannounced_why_ MIRROR_GUARDED_BY(mutex_);
  /// What was told of partners' columns and rows.
  std::set<std::string> told_partner_ MIRROR_GUARDED_BY(mutex_);
  std::int64_t counted_cycle_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< That of `counted_`.
  /// Folded tables whose rows were counted for TellPartnerRows().
  std::set<std::string> counted_ MIRROR_GUARDED_BY(mutex_);
  /// What the last event about it said; empty: something was written since.
  std::string told_unavailable_ MIRROR_GUARDED_BY(mutex_);
  std::optional<std::vector<Hold>> holds_ MIRROR_GUARDED_BY(mutex_);  ///< Absent: not read yet.
  std::int64_t digested_cycle_ MIRROR_GUARDED_BY(mutex_) = 0;         ///< That of `digested_`.
  /// By folded table. Spares a second look at the rows: without it CompareLater() takes that look.
  std::map<std::string, DigestCoverage> digested_ MIRROR_GUARDED_BY(mutex_);
  std::shared_ptr<std::atomic<int>> readings_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_TENANT_H_
