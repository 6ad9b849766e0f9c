#ifndef MIRROR_SERVER_PLAN_PLAN_H_
#define MIRROR_SERVER_PLAN_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"
#include "proto/wire/lsn.h"
#include "proto/wire/row_digest.h"
#include "proto/wire/source_objects.h"
#include "proto/wire/table.h"

// Values that planners make and every store can execute. They have no behaviour.

namespace mirror {

/// The state of a table, in its metadata row beside the position.
enum class TableState : std::uint8_t {
  kMirrored,    ///< The table has the rows of `position`. With LSN -1 its rows are not valid.
  kPopulating,  ///< The cycle `cycle` is filling the table's shadow.
  kRepopulate,  ///< The visible rows have an older definition than the agreed one; a population replaces
                ///< them.
  kStopped,     ///< The table takes no further batch in the cycle `cycle`.
};
std::string_view ToString(TableState state);

/// One row of `<contextId>_mirroring`. A DBA may change it at any time. So each plan is made from the row as
/// it is read under the tenant's writer lock.
struct TableRecord {
  std::string table;
  std::string schema_hash;
  Position position;
  std::optional<Position> pending;
  std::uint64_t seq = 0;        ///< Last applied `seq` of `cycle`.
  std::int64_t row_count = -1;  ///< Maintained by the store; -1: unknown.
  std::int64_t cycle = 0;       ///< The last cycle that wrote to the table.
  TableState state = TableState::kMirrored;
  friend bool operator==(const TableRecord&, const TableRecord&) = default;
};

/// The door through which a tenant's rows come.
enum class Door : std::uint8_t { kCycles, kRecords };
std::string_view ToString(Door door);
/// The issuer in the tenant's row if programs write the rows over HTTP. No source can have this issuer. So
/// every version of the program refuses every source of such a tenant. A configuration cannot use this name.
inline constexpr char kRecordsIssuer[] = ":records";

/// The tenant's own row, in `_mirror_tenant`. Times are unix milliseconds.
struct TenantRecord {
  std::string context_id;
  std::string issuer;
  std::string environment;
  std::string source_id;
  std::int64_t cycle = 0;  ///< The running cycle if `active`; else a number that no cycle ever had.
  bool active = false;
  std::string
      holder;  ///< Of the running cycle. None runs: of the completed one, see CheckHeartbeat(); or empty.
  std::int64_t since_ms = 0;
  std::int64_t progress_ms = 0;
  std::int64_t completed_cycle = 0;  ///< The last cycle that the source ended with ReplicationCompleted.
  std::int64_t completed_ms = 0;
  bool paused = false;
  std::string pause_reason;
  std::int64_t clock_ms = 0;  ///< Highest time seen so far; it decides which nonces have expired.
  std::string announced;      ///< Digest of the running cycle's TableSchema request; empty before that call.
  bool touched = false;       ///< A batch was applied in the running cycle.
  /// The last completed cycle whose source did not know a former cycle's commit; 0: none.
  std::int64_t missed_cycle = 0;
  std::int64_t missed_ms = 0;
  /// The file has values that the present column rules exclude. It is rewritten when all tables have their
  /// new rows.
  bool scrub = false;
  /// An operator accepted `source_id` in place of another source. Set until the end of a cycle after which no
  /// table is both unproven (IsUnproven) and stale.
  bool source_accepted = false;
  friend bool operator==(const TenantRecord&, const TenantRecord&) = default;

  Door door() const { return issuer == kRecordsIssuer ? Door::kRecords : Door::kCycles; }
};

/// Known relation of a table and its source: equal or not. The numbers are those of Equality in
/// mirror_admin.proto.
enum class Equality : std::uint8_t { kUnknown = 1, kEqual = 2, kCountEqual = 3, kDiffers = 4 };

/// The last comparison of a table with its source; a row of `_mirror_checks`. A population removes it.
struct TableCheck {
  std::string table;
  Equality equality = Equality::kUnknown;
  Position position;  ///< The position at which they were compared. With kUnknown: see IsUnproven().
  std::int64_t checked_ms = 0;
  std::uint64_t rows_differ = 0;
  bool wanted = false;  ///< An operator asked for another comparison.
  /// Number of rows counted at `position`, which is still the table's position. Replaces the stored number,
  /// which is wrong after somebody wrote rows by hand. Write only: reads leave it empty.
  std::optional<std::uint64_t> row_count = {};
  /// With kEqual: the digest of all rows, over the plain columns, at `position`. The journal uses it. Write
  /// only: reads leave it empty.
  std::optional<RangeDigest> digest = {};
  friend bool operator==(const TableCheck&, const TableCheck&) = default;
};

/// A question that an operator has to decide, and the decision. The names are those of Hold.kind and
/// Hold.state in mirror_admin.proto.
enum class HoldKind : std::uint8_t { kDeletes = 1, kPopulation = 2, kTables = 3, kSource = 4 };
enum class HoldState : std::uint8_t { kWaiting = 1, kCommit = 2, kRollback = 3 };
std::string_view ToString(HoldKind kind);
std::string_view ToString(HoldState state);

/// A row of `_mirror_holds`; at most one for each kind and table.
struct Hold {
  std::uint64_t id = 0;  ///< 0: a new hold; the store gives it a number.
  HoldKind kind = HoldKind::kDeletes;
  std::string table;       ///< Empty for kTables and kSource.
  std::uint64_t rows = 0;  ///< Number of rows that would be lost.
  std::uint64_t rows_before = 0;
  std::vector<std::string> tables = {};  ///< With kTables: the tables that would be dropped.
  std::string source_id = {};            ///< With kSource: the source that waits.
  std::int64_t since_ms = 0;
  HoldState state = HoldState::kWaiting;
  std::string reason = {};
  /// With kDeletes and kPopulation: keys of some rows that would be lost, see hold_keys.h; empty: not known.
  std::vector<std::string> keys = {};
  friend bool operator==(const Hold&, const Hold&) = default;
};

/// Rows that a table lost in one cycle; a row of `_mirror_losses`.
struct Loss {
  std::int64_t cycle = 0;
  std::int64_t at_ms = 0;
  std::int64_t planned = -1;  ///< Deletes that the source announced; -1: it did not say.
  std::int64_t rows = 0;      ///< Rows that were lost.
  std::int64_t rows_before = 0;
  bool committed = false;  ///< The table was committed after this loss.
  friend bool operator==(const Loss&, const Loss&) = default;
};

/// Maximum ages of tables, milliseconds; 0: no maximum.
struct FreshnessTargets {
  std::int64_t all_ms = 0;                     ///< For every table that `tables` does not name.
  std::map<std::string, std::int64_t> tables;  ///< By folded name.
  friend bool operator==(const FreshnessTargets&, const FreshnessTargets&) = default;
};

/// Times whose state tables show: the mirror has everything that was committed at the source before. Unix
/// milliseconds; absent: not known.
struct Freshness {
  std::optional<std::int64_t> all_ms;                         ///< For tables that `tables` does not name.
  std::map<std::string, std::optional<std::int64_t>> tables;  ///< By folded name.
  FreshnessTargets targets;
  friend bool operator==(const Freshness&, const Freshness&) = default;
};

/// A source's statement that all its tables, except those in `stale`, are current as of one moment.
struct AllAsOf {
  std::int64_t source_ms = 0;
  std::vector<std::string> stale = {};
};

// --- Actions of a plan -------------------------------------------------------

/// Creates the table with its key and no other constraint. Fails if a table with this name exists that is not
/// the mirror's. With preserve_target it adopts such a table if the key is the same; all its rows are then
/// the partner's.
struct CreateTable {
  TableSchema schema;
  /// The mirror has the table's metadata row but no definition. So an existing table may be the mirror's own.
  bool lost_definition = false;
};
/// One change in place.
struct AddColumn {
  Column column;  ///< Existing rows get the column's default if `backfill` is kDefault, else NULL.
};
struct DropColumn {
  std::string name;
};
struct RenameColumn {
  std::string from, to;
};
/// A new declaration of a column, under the name that it has after the earlier changes. In AlterTable every
/// stored value of `from` is also valid for `to`. In RefitTable SQLite's affinities convert the values.
struct RetypeColumn {
  Column from, to;
};
struct AlterTable {
  std::vector<std::variant<AddColumn, DropColumn, RenameColumn, RetypeColumn>> changes;
};
/// Changes, in place, the definition of a table that keeps the partner's rows and columns. If only `to` keeps
/// the partner's, the present rows become the mirror's own. Fails, with a reason for people: the table
/// differs from `from`; the source now uses the name of a partner's column; or an object of the partner's
/// prevents the change.
struct RefitTable {
  TableSchema from, to;
  AlterTable alter;
  std::vector<RetypeColumn> retyped;
  /// Columns, by their names in `from`. Their values are removed first, from the rows that the mirror wrote.
  std::vector<std::string> emptied;
};
/// Stores the agreed definition. Other actions of the step change the table itself.
struct AgreeSchema {
  TableSchema schema;
};
/// Renames the table to set it aside. It is dropped after the grace period.
struct RetireTable {
  std::int64_t now_ms = 0;
};
/// Removes the table, its shadow and all records of it.
struct DropTable {};
/// Drops an older shadow, and creates a new, empty one for the cycle `cycle`.
struct BeginShadow {
  TableSchema schema;
  std::int64_t cycle = 0;
};
/// Writes the rows of a batch into the shadow or the visible table. In a visible table that keeps the
/// partner's rows, UPDATE and DELETE change only live rows: rows that the mirror wrote and the source did not
/// delete.
struct ApplyRows {
  const TableSchema* schema = nullptr;
  const ChangeBatch* batch = nullptr;
  bool into_shadow = false;
  std::int64_t cycle = 0;
};
/// Replaces the visible table by the shadow, atomically for readers. The partner's indexes, views and
/// triggers stay. An index that the new rows violate is left out, and StepResult.left_out names it.
/// A table that keeps the partner's rows (KeepsPartner) stays, and the shadow's rows are merged into it. Live
/// rows that the shadow lacks are treated as `deletes` says. An index that the new rows violate makes the
/// step fail.
struct SwapShadow {
  /// Maximum number of rows that the table may lose. With more the step fails with StepResult.would_lose.
  /// Absent: any number.
  std::optional<std::int64_t> may_lose = std::nullopt;
};
/// Stores a piece of a large value until its batch is applied, or until `cycle` is over.
struct KeepPart {
  std::int64_t cycle = 0;
  std::uint64_t value_id = 0;
  std::uint64_t offset = 0;
  std::string_view data;
};
using Action = std::variant<CreateTable, AlterTable, RefitTable, AgreeSchema, RetireTable, DropTable,
                            BeginShadow, ApplyRows, SwapShadow, KeepPart>;

/// See Step::may_delete.
struct DeleteBound {
  std::optional<std::int64_t> most = std::nullopt;  ///< Maximum number of deletes; absent: any number.
  std::int64_t planned = -1;                        ///< Loss::planned.
};

/// Values that a batch adds to the tenant's chain of receipts, see proto/wire/receipt.h.
struct ReceiptStep {
  std::int64_t cycle = 0;
  std::uint64_t seq = 0;
  Operation operation = Operation::kUnspecified;
  std::uint64_t rows = 0;
  bool commit = false;
  bool populated = false;
  std::string digest;                 ///< Digest of the batch, without large values.
  std::vector<std::uint64_t> values;  ///< Ids of the large values, in order.
  std::int64_t at_ms = 0;
};

/// The change of one table, in a savepoint of its own: either all actions and the new metadata row, or
/// nothing.
struct Step {
  std::string table;
  /// The metadata row for which the step was planned: as it was read, or as an earlier step leaves it.
  /// `row_count` is not compared. Absent: there is no row.
  std::optional<TableRecord> expected;
  /// The new metadata row. The store sets its `row_count`. Absent: the row is removed.
  std::optional<TableRecord> record;
  std::vector<Action> actions;
  /// Alternatives. The store tries them if the step fails, after it rolled back the step's savepoint.
  std::vector<Step> otherwise;
  /// Records losses: adds the lost rows to `rows` of this cycle's Loss. The first loss creates it.
  /// `committed` marks all losses of the table as committed. Absent: records nothing.
  std::optional<Loss> loss = std::nullopt;
  /// With `loss`: returns how many rows the cycle may have lost in all. With more lost rows the step fails
  /// with StepResult.would_delete. The store calls it after the earlier steps, with the table's number of
  /// rows and losses at that time, which the planner cannot know. Null: any number.
  std::function<DeleteBound(std::int64_t rows, const std::vector<Loss>& losses)> may_delete = nullptr;
  /// The table's holds are removed when the step is done. `accepted`: an operator allowed the loss, and
  /// earlier losses no longer count.
  bool settles_holds = false;
  bool accepted = false;
  /// The time whose state the table shows after the step, unix milliseconds. Absent: unchanged.
  std::optional<std::int64_t> source_ms = std::nullopt;
  /// Absent: no receipt is written.
  std::optional<ReceiptStep> receipt = std::nullopt;
  /// After the step the table has a state that its source confirmed: that of the record's position.
  bool commits = false;
};

/// See server/journal/journal_rules.h.
class JournalRules;

struct Nonce {
  std::string value;
  std::int64_t expires_ms = 0;
  std::size_t remembered_max = 10'000;
  friend bool operator==(const Nonce&, const Nonce&) = default;
};

/// A mirrored table whose definition somebody changed by hand.
struct TouchedTable {
  std::string table;
  std::vector<std::string> columns =
      {};                  ///< Columns besides the source's, if it keeps nothing of the partner's.
  std::string lacks = {};  ///< Why no row can be written to the table, for people; empty: rows can be
                           ///< written.
  bool is_ours = true;     ///< False: somebody replaced the mirror's table by another one.
  friend bool operator==(const TouchedTable&, const TouchedTable&) = default;
};

/// The answer for one table in TableSchema. A repetition of the call in the same cycle gets the same answer.
struct SchemaAnswer {
  std::string table;
  std::int32_t action = 0;
  std::string reason;
  friend bool operator==(const SchemaAnswer&, const SchemaAnswer&) = default;
};

/// The kinds of facts that the running cycle has to remember beside its tables. The numbers are stored in the
/// file.
enum class CycleNoteKind : std::uint8_t {
  kRefused = 1,      ///< Batch `seq` of `table` was refused or too early, and was not sent again yet.
  kUnannounced = 2,  ///< The mirror has `table`, and the source does not announce it.
  kOtherSource = 3,  ///< The announcing source is not the accepted one.
  kMiss = 4,         ///< The source did not know what a former cycle had committed.
  kExchange = 5,     ///< The source keeps notes of its cycles: see server/tenant/mirror/mirror_feed.h.
  kRestored = 6,     ///< The source did not know the mirror's state of a table, and sent all of it again.
};

/// A row of `_mirror_cycle_notes`; removed with its cycle.
struct CycleNote {
  CycleNoteKind kind = CycleNoteKind::kRefused;
  std::string table = {};  ///< As the store or the source spells it; compared without case.
  std::uint64_t seq = 0;
  friend bool operator==(const CycleNote&, const CycleNote&) = default;
};

/// The changes that a plan makes to the notes of the running cycle.
struct CycleNoteChanges {
  bool forget_all = false;                ///< Removes all notes, before the other changes.
  std::vector<CycleNote> forgotten = {};  ///< By kind and table.
  std::vector<CycleNote> written = {};    ///< Each replaces the note of its kind and table.
  friend bool operator==(const CycleNoteChanges&, const CycleNoteChanges&) = default;
};

/// For each table, by folded name: the `seq` of a batch that was refused or came too early, and was not sent
/// again.
using RefusedBatches = std::map<std::string, std::uint64_t>;

/// A batch of a plan, with the facts that decide what the cycle has to remember about its result.
struct NotedBatch {
  std::string table;
  std::uint64_t seq = 0;            ///< 0: not a batch, but a change that depends on the table's batches.
  std::optional<std::size_t> step;  ///< The step whose result is the batch's. Absent: `status` is the result.
  absl::Status status = {};
  bool by_record = false;  ///< The result depends on the table's metadata row.
  bool is_there = false;   ///< The table has a metadata row.
  bool is_miss = false;    ///< If the batch succeeds, a note is written: kMiss if `is_miss`, kRestored if
                           ///< `restores`.
  bool restores = false;
};
struct NotedBatches {
  RefusedBatches refused_before;
  std::vector<NotedBatch> all;  ///< In the order of the plan.
};

/// The changes of a plan to the notes of the running cycle: see CycleNotesOf() in cycle_notes.h.
struct CycleNotePlan {
  CycleNoteChanges changes = {};                                  ///< Made even if steps fail.
  std::vector<std::pair<std::size_t, CycleNote>> if_failed = {};  ///< Notes to write if that step fails.
  NotedBatches batches = {};
};

struct StepResult {
  absl::Status status;
  bool otherwise = false;  ///< An alternative of the step was executed; `reason` says why.
  std::string reason;
  std::vector<std::uint32_t> missing_rows;  ///< UPDATE of rows that do not exist; at most kMissingKeysMax.
  bool more_missing = false;
  std::vector<std::string> left_out;  ///< Indexes that a swap could not keep.
  /// Number of rows that a refused swap would have lost: rows of the visible table whose keys the shadow
  /// lacks, or the decrease of the number of rows.
  std::int64_t would_lose = 0;
  /// Number of deletes in this cycle, with those of a batch that Step::may_delete refused. `planned_deletes`:
  /// the number that the source had announced; -1: it announced none.
  std::int64_t would_delete = 0, planned_deletes = -1;
  std::vector<std::string> lost_keys;  ///< Set with would_lose or would_delete: see Hold::keys.
  std::string receipt;                 ///< Text of the commit's receipt; empty: there is none.
};

/// A note to be delivered to a hook; a row of `_mirror_hooks`.
struct HookNote {
  std::int64_t id = 0;  ///< 0: a new note; the store gives it a number.
  std::string hook;     ///< HookSpec::key.
  std::string event;    ///< "completed", "table", "wiped".
  std::int64_t cycle = 0;
  std::int64_t at_ms = 0;  ///< Time of the commit.
  std::string json;        ///< The hook's input.
  friend bool operator==(const HookNote&, const HookNote&) = default;
};
/// Makes the notes for hooks from the results of a plan's steps, before the commit.
using HookNotes = std::function<std::vector<HookNote>(const std::vector<StepResult>& steps)>;
/// Maximum number of waiting notes for the hooks of one tenant; above it the oldest are dropped.
inline constexpr std::int64_t kHooksWaitingMax = 1'000;
/// How long, in milliseconds, a note is kept for a hook that is not configured, and a note that cannot be
/// delivered. It is long because servers that share mirrors may be configured one after the other.
inline constexpr std::int64_t kUnknownHookKeptMs = 24 * 3'600'000;

/// The new row of `_mirror_source_objects`; absent: it is removed.
struct ObjectsChange {
  std::string table;
  std::optional<SourceObjects> objects;
  friend bool operator==(const ObjectsChange&, const ObjectsChange&) = default;
};

/// Name prefix of the indexes that the mirror makes and drops itself. No index of the partner's has it.
inline constexpr char kOwnIndexPrefix[] = "_mirror_index_";
/// Name prefix of configured indexes. The name of an index that follows the source cannot begin with it:
/// there a hash follows kOwnIndexPrefix.
inline constexpr char kSetIndexPrefix[] = "_mirror_index_set_";
/// An index that the mirror made, and the table that has it now.
struct OwnIndex {
  std::string name, table;
  /// The index is wanted but does not exist, because a value of the table is too long for it. While this is
  /// set, the mirror does not try again. A drop of the index, or a population, resets it.
  bool is_too_long = false;
  friend bool operator==(const OwnIndex&, const OwnIndex&) = default;
};
/// Creates the index over `columns`. If `columns` is empty: drops the index if it exists.
struct IndexChange {
  OwnIndex index;
  std::vector<IndexColumn> columns;
  friend bool operator==(const IndexChange&, const IndexChange&) = default;
};
/// Returns the columns of an index as SQL for SQLite, to be put between the parentheses.
std::string IndexTerms(const std::vector<IndexColumn>& columns);

/// A document that a door keeps in the mirror, beside the rows: a row of `_mirror_documents`.
struct Document {
  std::string kind;  ///< "datasource", "mapper", "job", "answer", ...
  std::string id;    ///< Unique within its kind.
  std::string text;
  std::int64_t at_ms = 0;  ///< Time of its last write.
  friend bool operator==(const Document&, const Document&) = default;
};
// Kinds of documents that lists of storages and import jobs show.
inline constexpr char kStorageKind[] = "storage";  ///< One document, without an id; its text is the storage's
                                                   ///< name.
inline constexpr char kMemberKind[] = "member";    ///< One document: the storage of which the tenant is a
                                                   ///< member.
inline constexpr char kJobKind[] = "job";          ///< One document for each job, by its id.
inline bool IsListed(std::string_view kind) {
  return kind == kStorageKind || kind == kMemberKind || kind == kJobKind;
}
/// Values of a mirror that such lists show; part of its summary.
struct ListedDocuments {
  std::string storage;     ///< The text of the document of kStorageKind; empty: there is none.
  std::string member;      ///< The text of the document of kMemberKind; empty: there is none.
  std::uint64_t jobs = 0;  ///< The number of jobs.
  friend bool operator==(const ListedDocuments&, const ListedDocuments&) = default;
};
/// The new text of a document; absent: it is removed.
struct DocumentChange {
  std::string kind, id;
  std::optional<std::string> text;
};
/// Removes documents of a kind: first those written before `before_ms`, then the oldest ones above
/// `count_max`.
struct DocumentBound {
  std::string kind;
  std::int64_t before_ms = 0;
  std::int64_t count_max = 0;
};

/// The new first moment of a table: older states can no longer be read.
struct HistoryCut {
  std::string table;
  std::int64_t known_from = 0;
};

/// A row whose versions and journal keys are to be removed.
struct ErasedRow {
  std::string table;
  Key key;
};

/// When a commit must be on disk.
enum class Kept : std::uint8_t {
  kNow,  ///< Before it is acknowledged.
  /// With the tenant's next kNow commit. A loss of power before that may lose it. If the process ends before
  /// that, the cycle's own data may be lost, too: the tenant's cycle and times, nonces, answers, notes,
  /// AllAsOf. A store may write it at once. A cycle that began on disk also ends on disk at once.
  kWithNext,
};

/// The changes of one transaction.
struct Plan {
  /// The cycle that must be running. Absent: any state is allowed, as for an operator's act or Authenticate.
  std::optional<std::int64_t> cycle;
  /// The tenant's new row. Absent: only `progress_ms` changes.
  std::optional<TenantRecord> tenant;
  std::int64_t now_ms = 0;
  Kept kept = Kept::kNow;
  std::optional<Nonce> nonce;
  std::vector<Step> steps;
  /// With TableSchema: makes the answers to store, from the results of `steps`, before the commit. So a
  /// repetition of the call after a crash gets the same answers. Absent: the stored answers stay.
  std::function<std::vector<SchemaAnswer>(const std::vector<StepResult>& steps)> answers;
  /// Changes of the cycle's notes that depend on the results of `steps`. They are committed together, because
  /// a refusal that was sent to the source must not be lost. Absent: the notes stay.
  std::optional<CycleNotePlan> cycle_notes = {};
  /// Checks to write, unchanged.
  std::vector<TableCheck> checks = {};
  /// Holds to write. Each replaces the hold of its kind and table.
  std::vector<Hold> holds = {};
  std::vector<std::uint64_t> settled_holds = {};  ///< Ids of holds to remove.
  /// Makes the notes for hooks; called after `answers`. Absent: no notes.
  HookNotes hooks = {};
  /// With `hooks`: the configured hooks. Drops notes for other hooks that are older than `now_ms` -
  /// kUnknownHookKeptMs, since no hook will take them.
  std::vector<std::string> known_hooks = {};
  std::vector<std::int64_t> delivered_hooks = {};  ///< Ids of notes to remove.
  /// Rules about what the journal and the history record beside the rows. Null: nothing. Set by Store.
  std::shared_ptr<const JournalRules> journal = nullptr;
  /// Removes journal entries up to this number, at most kJournalTrimMax of them. 0: none.
  std::int64_t trim_journal_through = 0;
  /// See HistoryVerbs::Cut(). Removes at most kJournalTrimMax versions, over all tables.
  std::vector<HistoryCut> history_cuts = {};
  /// Tables whose rows no longer get versions.
  std::vector<std::string> ended_histories = {};
  /// Tables whose rows may have changed without a journal entry, as in a copy from a backup.
  std::vector<std::string> compared_tables = {};
  /// Rows whose versions and journal keys are removed. Readers of the journal then compare the table.
  std::vector<ErasedRow> erased_rows = {};
  /// Removes committed losses from before this time. 0: none.
  std::int64_t forget_losses_before_ms = 0;
  /// Drops shadows, parts and notes of all cycles except the tenant's.
  bool forget_old_cycles = false;
  /// Drops tables that were set aside before this time. 0: none.
  std::int64_t drop_retired_before_ms = 0;
  /// See WithAllAsOf(); applied after the steps.
  std::optional<AllAsOf> all_as_of = std::nullopt;
  /// Replaces the stored targets. Absent: they stay.
  std::optional<FreshnessTargets> targets = std::nullopt;
  /// Applied after the steps.
  std::vector<ObjectsChange> source_objects = {};
  /// Applied after the steps. If one fails, the plan fails, with the same kinds of errors as the steps.
  std::vector<IndexChange> index_changes = {};
  /// Applied after the steps, with the time `now_ms`; then `document_bounds` are applied.
  std::vector<DocumentChange> documents = {};
  std::vector<DocumentBound> document_bounds = {};
};

/// Returns the number of rows of the plan's largest batch.
std::uint32_t LargestBatch(const Plan& plan);

/// Maximum number of journal entries that one transaction removes.
inline constexpr std::int64_t kJournalTrimMax = 5'000;

struct CommitResult {
  /// The plan needs another attempt: a step failed that only a savepoint can roll back alone, or two
  /// transactions conflicted. Nothing was written. The caller begins again, plans again, and commits with
  /// Savepoints::kAlways.
  bool again = false;
  bool followed = false;             ///< The plan that follows this one was executed, too: see
                                     ///< StoreWork::RunFirst().
  std::vector<StepResult> steps;     ///< One for each step of the plan.
  std::uint64_t hooks_dropped = 0;   ///< See kHooksWaitingMax.
  std::int64_t journal_trimmed = 0;  ///< Removed entries, see Plan::trim_journal_through.
  std::int64_t versions_cut = 0;     ///< Versions of rows that were removed.
  std::int64_t versions_erased = 0;  ///< Removed by Plan::erased_rows.
  std::int64_t entries_erased = 0;   ///< Entries that named one of those rows.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_PLAN_H_
