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

// The values that planners produce and every store can execute; no behaviour.

namespace mirror {

/// The state of a table in its metadata row, beside its position.
enum class TableState : std::uint8_t {
  kMirrored,    ///< The rows are those of `position`; with LSN -1 they do not count.
  kPopulating,  ///< The cycle `cycle` is filling a shadow.
  kRepopulate,  ///< The visible rows have an older definition than the agreed one; a population replaces
                ///< them.
  kStopped,     ///< The table takes no further batch in the cycle `cycle`.
};
std::string_view ToString(TableState state);

/// One row of `<contextId>_mirroring`. A DBA may change it at any time: plans use the row as it is read under
/// the tenant's writer lock.
struct TableRecord {
  std::string table;
  std::string schema_hash;
  Position position;
  std::optional<Position> pending;
  std::uint64_t seq = 0;        ///< Last applied `seq` of `cycle`.
  std::int64_t row_count = -1;  ///< Maintained by the store; -1: unknown.
  std::int64_t cycle = 0;       ///< The cycle that last wrote it.
  TableState state = TableState::kMirrored;
  friend bool operator==(const TableRecord&, const TableRecord&) = default;
};

/// The door through which a tenant's rows come.
enum class Door : std::uint8_t { kCycles, kRecords };
std::string_view ToString(Door door);
/// The issuer in the tenant's row if its rows come as records over HTTP. No source has this issuer, so every
/// source is refused as one of another issuer, by older versions too. A configuration cannot use this name.
inline constexpr char kRecordsIssuer[] = ":records";

/// The tenant's own row, in `_mirror_tenant`. Times are unix milliseconds.
struct TenantRecord {
  std::string context_id;
  std::string issuer;
  std::string environment;
  std::string source_id;
  std::int64_t cycle = 0;  ///< The running cycle if `active`; else a number that never ran.
  bool active = false;
  std::string
      holder;  ///< Of the running cycle. None runs: of the completed one, see CheckHeartbeat(); or empty.
  std::int64_t since_ms = 0;
  std::int64_t progress_ms = 0;
  std::int64_t completed_cycle = 0;  ///< The last cycle that ReplicationCompleted ended.
  std::int64_t completed_ms = 0;
  bool paused = false;
  std::string pause_reason;
  std::int64_t clock_ms = 0;  ///< Highest time ever seen; expired nonces are removed by it.
  std::string announced;      ///< Digest of the running cycle's TableSchema request; empty before it.
  bool touched = false;       ///< A batch was applied in the running cycle.
  /// The last completed cycle whose source did not know a former cycle's commit; 0: none.
  std::int64_t missed_cycle = 0;
  std::int64_t missed_ms = 0;
  /// The file has values that present column rules exclude: it is rewritten once the new rows are there.
  bool scrub = false;
  /// An operator accepted `source_id` in place of another source. It stays set until a cycle completes that
  /// leaves no table both unproven (IsUnproven) and stale.
  bool source_accepted = false;
  friend bool operator==(const TenantRecord&, const TenantRecord&) = default;

  Door door() const { return issuer == kRecordsIssuer ? Door::kRecords : Door::kCycles; }
};

/// Whether a table is known to equal its source. The numbers are those of Equality in mirror_admin.proto.
enum class Equality : std::uint8_t { kUnknown = 1, kEqual = 2, kCountEqual = 3, kDiffers = 4 };

/// The last comparison of a table with its source; a row of `_mirror_checks`. A population removes it.
struct TableCheck {
  std::string table;
  Equality equality = Equality::kUnknown;
  Position position;  ///< The position compared. With kUnknown: see IsUnproven().
  std::int64_t checked_ms = 0;
  std::uint64_t rows_differ = 0;
  bool wanted = false;  ///< An operator asked for another comparison.
  /// Rows counted at `position`, which is still the table's. It replaces the stored number, which is wrong
  /// after a manual write of rows. Never read back.
  std::optional<std::uint64_t> row_count = {};
  /// With kEqual: over all rows, by the plain columns, at `position`; for the journal. Never read back.
  std::optional<RangeDigest> digest = {};
  friend bool operator==(const TableCheck&, const TableCheck&) = default;
};

/// The decisions of an operator. The names are those of Hold.kind and Hold.state in mirror_admin.proto.
enum class HoldKind : std::uint8_t { kDeletes = 1, kPopulation = 2, kTables = 3, kSource = 4 };
enum class HoldState : std::uint8_t { kWaiting = 1, kCommit = 2, kRollback = 3 };
std::string_view ToString(HoldKind kind);
std::string_view ToString(HoldState state);

/// A row of `_mirror_holds`; at most one for each kind and table.
struct Hold {
  std::uint64_t id = 0;  ///< 0: a new one, which the store numbers.
  HoldKind kind = HoldKind::kDeletes;
  std::string table;       ///< Empty for kTables and kSource.
  std::uint64_t rows = 0;  ///< Rows that would be lost.
  std::uint64_t rows_before = 0;
  std::vector<std::string> tables = {};  ///< kTables: the tables that would go.
  std::string source_id = {};            ///< kSource: the source that waits.
  std::int64_t since_ms = 0;
  HoldState state = HoldState::kWaiting;
  std::string reason = {};
  /// kDeletes, kPopulation: keys of some of those rows, see hold_keys.h; empty: not known.
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
  bool committed = false;  ///< The table was committed since.
  friend bool operator==(const Loss&, const Loss&) = default;
};

/// Maximum ages of tables, milliseconds; 0: no maximum.
struct FreshnessTargets {
  std::int64_t all_ms = 0;                     ///< For every table that `tables` does not name.
  std::map<std::string, std::int64_t> tables;  ///< By folded name.
  friend bool operator==(const FreshnessTargets&, const FreshnessTargets&) = default;
};

/// Times as of which tables are current: the mirror has everything committed at the source before. Unix
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

/// Makes the table with its key and no other constraint. Fails if a table exists that is not the
/// mirror's. With preserve_target it adopts such a table if the key is the same; all its rows are
/// the partner's.
struct CreateTable {
  TableSchema schema;
  /// The mirror has its metadata row but no definition: an existing table may be its own.
  bool lost_definition = false;
};
/// One change in place.
struct AddColumn {
  Column column;  ///< Existing rows get its default when `backfill` is kDefault, else NULL.
};
struct DropColumn {
  std::string name;
};
struct RenameColumn {
  std::string from, to;
};
/// A new declaration, under the column's name at that point. In AlterTable every stored value of `from` is
/// also one of `to`; in RefitTable values are converted by SQLite's affinities.
struct RetypeColumn {
  Column from, to;
};
struct AlterTable {
  std::vector<std::variant<AddColumn, DropColumn, RenameColumn, RetypeColumn>> changes;
};
/// Changes a table that keeps the partner's rows and columns to another definition, in place. If `to` keeps
/// them and `from` did not, the present rows become the mirror's own. Fails, with a reason for people, if the
/// table differs from `from`, if the source now uses the name of a partner's column, or if an object of the
/// partner's prevents the change.
struct RefitTable {
  TableSchema from, to;
  AlterTable alter;
  std::vector<RetypeColumn> retyped;
  /// Columns, by their names in `from`, whose values are first removed from the rows that the
  /// mirror wrote.
  std::vector<std::string> emptied;
};
/// Stores the agreed definition; other actions of the step change the table itself.
struct AgreeSchema {
  TableSchema schema;
};
/// Renames the table aside, to be removed after the grace period.
struct RetireTable {
  std::int64_t now_ms = 0;
};
/// Removes the table, its shadow and all records of it.
struct DropTable {};
/// Drops an older shadow and makes a new, empty one bound to `cycle`.
struct BeginShadow {
  TableSchema schema;
  std::int64_t cycle = 0;
};
/// Writes the rows of a batch, into the shadow or into the visible table. In a visible table that keeps
/// the partner's rows, UPDATE and DELETE affect only live rows: those that the mirror wrote and the source
/// did not delete.
struct ApplyRows {
  const TableSchema* schema = nullptr;
  const ChangeBatch* batch = nullptr;
  bool into_shadow = false;
  std::int64_t cycle = 0;
};
/// Makes the shadow the visible table, atomically for readers. Indexes, views and triggers of the partner
/// stay; an index that the new rows violate is left out and named in StepResult.left_out.
/// For a table that keeps the partner's rows (KeepsPartner) the shadow's rows are merged into it instead.
/// Live rows that the shadow lacks are treated as `deletes` says, and an index that the new rows violate
/// makes the step fail.
struct SwapShadow {
  /// Rows that it may lose; with more the step fails with StepResult.would_lose. Absent: any number.
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
  std::optional<std::int64_t> most = std::nullopt;  ///< Absent: any number.
  std::int64_t planned = -1;                        ///< Loss::planned.
};

/// The data that a batch adds to the tenant's chain of receipts, see proto/wire/receipt.h.
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

/// The change of one table: all of its actions and its new metadata row, or nothing (in its
/// own savepoint).
struct Step {
  std::string table;
  /// The metadata row that it was planned on (row_count aside): as read, or as an earlier step leaves it.
  /// Absent: there is none.
  std::optional<TableRecord> expected;
  /// The new row (row_count aside, which follows the rows). Absent: the row is removed.
  std::optional<TableRecord> record;
  std::vector<Action> actions;
  /// Tried in place of a failed step, after its savepoint was rolled back.
  std::vector<Step> otherwise;
  /// Records losses: adds the lost rows to `rows` of this cycle's Loss, which is created on the first loss.
  /// `committed` marks all losses of the table. Absent: records nothing.
  std::optional<Loss> loss = std::nullopt;
  /// With `loss`: returns how many rows its cycle may have lost in all; with more, the step fails with
  /// StepResult.would_delete. Called after the earlier steps, with the table's rows and losses at that time,
  /// since the planner does not know what those steps change. Null: any number.
  std::function<DeleteBound(std::int64_t rows, const std::vector<Loss>& losses)> may_delete = nullptr;
  /// The table's holds end when the step is done. With `accepted` an operator allowed it, and earlier losses
  /// no longer count.
  bool settles_holds = false;
  bool accepted = false;
  /// The time as of which the step makes the table current, unix milliseconds. Absent: unchanged.
  std::optional<std::int64_t> source_ms = std::nullopt;
  /// Absent: no receipt is written.
  std::optional<ReceiptStep> receipt = std::nullopt;
  /// The step brings the table to a state that its source confirmed: that of the record's position.
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

/// A mirrored table whose definition somebody changed.
struct TouchedTable {
  std::string table;
  std::vector<std::string> columns =
      {};                  ///< Columns besides the source's, if it keeps nothing of the partner's.
  std::string lacks = {};  ///< Why no row can be written, for people; empty: rows can.
  bool is_ours = true;     ///< False: somebody replaced the mirror's table by another one.
  friend bool operator==(const TouchedTable&, const TouchedTable&) = default;
};

/// An answer of TableSchema, which a repetition in the same cycle gets again.
struct SchemaAnswer {
  std::string table;
  std::int32_t action = 0;
  std::string reason;
  friend bool operator==(const SchemaAnswer&, const SchemaAnswer&) = default;
};

/// A fact that the running cycle has to remember beside its tables. The numbers are stored in the file.
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
  std::string table = {};  ///< As stored or as the source spells it; compared without case.
  std::uint64_t seq = 0;
  friend bool operator==(const CycleNote&, const CycleNote&) = default;
};

/// The changes of a plan to the notes of the running cycle.
struct CycleNoteChanges {
  bool forget_all = false;                ///< Done first.
  std::vector<CycleNote> forgotten = {};  ///< By kind and table.
  std::vector<CycleNote> written = {};    ///< Each replaces the note of its kind and table.
  friend bool operator==(const CycleNoteChanges&, const CycleNoteChanges&) = default;
};

/// The seq of batches that were refused, or came too early, and were not sent again, by folded table
/// name.
using RefusedBatches = std::map<std::string, std::uint64_t>;

/// A batch of a plan, with the data by which the cycle may have to remember its result.
struct NotedBatch {
  std::string table;
  std::uint64_t seq = 0;            ///< 0: no batch, but a change that depends on the table's batches.
  std::optional<std::size_t> step;  ///< The plan's step with its result. Absent: `status` has the result.
  absl::Status status = {};
  bool by_record = false;  ///< It depends on the table's record.
  bool is_there = false;   ///< The table has a record.
  bool is_miss = false;    ///< Notes to write if it succeeds: see CycleNoteKind::kMiss, kRestored.
  bool restores = false;
};
struct NotedBatches {
  RefusedBatches refused_before;
  std::vector<NotedBatch> all;  ///< In the order of the plan.
};

/// The changes of a plan to the notes of the running cycle: see CycleNotesOf() in cycle_notes.h.
struct CycleNotePlan {
  CycleNoteChanges changes = {};                                  ///< Made whether or not steps fail.
  std::vector<std::pair<std::size_t, CycleNote>> if_failed = {};  ///< Written if that step fails.
  NotedBatches batches = {};
};

struct StepResult {
  absl::Status status;
  bool otherwise = false;  ///< The alternative was taken; `reason` says why.
  std::string reason;
  std::vector<std::uint32_t> missing_rows;  ///< UPDATE of rows that do not exist; at most kMissingKeysMax.
  bool more_missing = false;
  std::vector<std::string> left_out;  ///< Indexes that a swap could not keep.
  /// Rows that a refused swap would have lost: those of the visible table whose keys the new rows lack, or
  /// the decrease of the number of rows.
  std::int64_t would_lose = 0;
  /// Deletes in this cycle, including a batch that Step::may_delete refused, and the number that the source
  /// had announced; -1: it had not.
  std::int64_t would_delete = 0, planned_deletes = -1;
  std::vector<std::string> lost_keys;  ///< With one of those two: see Hold::keys.
  std::string receipt;                 ///< The text of a commit's receipt; empty: there is none.
};

/// A note that waits for a hook; a row of `_mirror_hooks`.
struct HookNote {
  std::int64_t id = 0;  ///< 0: a new one, which the store numbers.
  std::string hook;     ///< HookSpec::key.
  std::string event;    ///< "completed", "table", "wiped".
  std::int64_t cycle = 0;
  std::int64_t at_ms = 0;  ///< Time of the commit.
  std::string json;        ///< The hook's input.
  friend bool operator==(const HookNote&, const HookNote&) = default;
};
/// Made from the results of a plan's steps, before the commit.
using HookNotes = std::function<std::vector<HookNote>(const std::vector<StepResult>& steps)>;
/// Maximum of notes that wait for the hooks of a tenant; above that the oldest are dropped.
inline constexpr std::int64_t kHooksWaitingMax = 1'000;
/// How long a note waits for a hook that is not configured; a note that cannot be delivered waits as long.
/// Servers that share mirrors may be configured one after the other.
inline constexpr std::int64_t kUnknownHookKeptMs = 24 * 3'600'000;

/// The new row of `_mirror_source_objects`; absent: it is removed.
struct ObjectsChange {
  std::string table;
  std::optional<SourceObjects> objects;
  friend bool operator==(const ObjectsChange&, const ObjectsChange&) = default;
};

/// Prefix of the indexes that the mirror makes and drops itself; an index with it is never the partner's.
inline constexpr char kOwnIndexPrefix[] = "_mirror_index_";
/// Prefix of configured indexes. No index made for the source has it: there a hash follows the first prefix.
inline constexpr char kSetIndexPrefix[] = "_mirror_index_set_";
/// An index that the mirror made itself, and its present table.
struct OwnIndex {
  std::string name, table;
  /// The index is wanted but missing, since a value of the table is too long for it. While this is set, the
  /// index is not made again. A drop of the index, or a population, resets it.
  bool is_too_long = false;
  friend bool operator==(const OwnIndex&, const OwnIndex&) = default;
};
/// Makes the index over `columns`; none: drops it, if it exists.
struct IndexChange {
  OwnIndex index;
  std::vector<IndexColumn> columns;
  friend bool operator==(const IndexChange&, const IndexChange&) = default;
};
/// Returns the columns of an index as SQLite's SQL, between its parentheses.
std::string IndexTerms(const std::vector<IndexColumn>& columns);

/// A document that a door keeps beside the rows, in the mirror itself: a row of `_mirror_documents`.
struct Document {
  std::string kind;  ///< "datasource", "mapper", "job", "answer", ...
  std::string id;    ///< Unique within its kind.
  std::string text;
  std::int64_t at_ms = 0;  ///< Time of its last write.
  friend bool operator==(const Document&, const Document&) = default;
};
// Kinds that appear in lists of storages and import jobs.
inline constexpr char kStorageKind[] = "storage";  ///< One, without an id: the name.
inline constexpr char kMemberKind[] = "member";    ///< Storage of a tenant that is a member of one.
inline constexpr char kJobKind[] = "job";          ///< By id.
inline bool IsListed(std::string_view kind) {
  return kind == kStorageKind || kind == kMemberKind || kind == kJobKind;
}
/// The entry for a mirror in such lists, without its documents: a part of its summary.
struct ListedDocuments {
  std::string storage;     ///< The text of that document; empty: there is none.
  std::string member;      ///< Likewise.
  std::uint64_t jobs = 0;  ///< The number of jobs.
  friend bool operator==(const ListedDocuments&, const ListedDocuments&) = default;
};
/// The new text of a document; absent: it is removed.
struct DocumentChange {
  std::string kind, id;
  std::optional<std::string> text;
};
/// Removes documents of a kind: those written before `before_ms`, then the oldest above a count.
struct DocumentBound {
  std::string kind;
  std::int64_t before_ms = 0;
  std::int64_t count_max = 0;
};

/// The first moment as of which a table can be read.
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
  /// With the tenant's next kNow commit. A loss of power before that may take it. The end of the process may
  /// take data of the cycle, too (the tenant's cycle and times, nonces, answers, notes, AllAsOf). A store may
  /// write it at once. The end of a cycle that began on disk does not wait.
  kWithNext,
};

/// The changes of one transaction.
struct Plan {
  /// The cycle that must be running. Absent: any state of the tenant (an operator's act, Authenticate).
  std::optional<std::int64_t> cycle;
  /// The tenant's new row. Absent: only `progress_ms` changes.
  std::optional<TenantRecord> tenant;
  std::int64_t now_ms = 0;
  Kept kept = Kept::kNow;
  std::optional<Nonce> nonce;
  std::vector<Step> steps;
  /// TableSchema: makes the answers to keep from the results of `steps`, before the commit, so that a
  /// repetition after a crash gets the same answers. Absent: the kept answers stay.
  std::function<std::vector<SchemaAnswer>(const std::vector<StepResult>& steps)> answers;
  /// Its notes depend on the results of `steps`, and are written with them, because a refusal that the source
  /// got must not be lost. Absent: the notes stay.
  std::optional<CycleNotePlan> cycle_notes = {};
  /// Written unchanged.
  std::vector<TableCheck> checks = {};
  /// Each replaces the hold of its kind and table.
  std::vector<Hold> holds = {};
  std::vector<std::uint64_t> settled_holds = {};  ///< Ids of holds to remove.
  /// Makes the notes for hooks; called after `answers`. Absent: no notes.
  HookNotes hooks = {};
  /// With `hooks`: drops notes for other hooks than these, older than `now_ms` less kUnknownHookKeptMs, since
  /// they would never be delivered.
  std::vector<std::string> known_hooks = {};
  std::vector<std::int64_t> delivered_hooks = {};  ///< Ids of notes to remove.
  /// Rules for what is noted beside the rows. Null: nothing. Set by Store.
  std::shared_ptr<const JournalRules> journal = nullptr;
  /// Removes entries of the journal up to this number, kJournalTrimMax at most. 0: none.
  std::int64_t trim_journal_through = 0;
  /// See HistoryVerbs::Cut(); kJournalTrimMax versions at most, of all tables.
  std::vector<HistoryCut> history_cuts = {};
  /// Tables whose rows no longer get versions.
  std::vector<std::string> ended_histories = {};
  /// Tables with possible changes of rows that no entry names, as in a copy from a backup.
  std::vector<std::string> compared_tables = {};
  /// Rows whose versions and journal keys are removed. Readers of the journal then compare the table.
  std::vector<ErasedRow> erased_rows = {};
  /// Removes committed losses that are older. 0: none.
  std::int64_t forget_losses_before_ms = 0;
  /// Drops shadows, parts and notes of other cycles than the tenant's.
  bool forget_old_cycles = false;
  /// Drops tables that were renamed aside before this moment. 0: none.
  std::int64_t drop_retired_before_ms = 0;
  /// See WithAllAsOf(); applied after the steps.
  std::optional<AllAsOf> all_as_of = std::nullopt;
  /// Replaces the stored targets. Absent: they stay.
  std::optional<FreshnessTargets> targets = std::nullopt;
  /// Applied after the steps.
  std::vector<ObjectsChange> source_objects = {};
  /// Applied after the steps. A failure makes the plan fail, with the steps' kinds of errors.
  std::vector<IndexChange> index_changes = {};
  /// Applied after the steps, with `now_ms`; then the bounds.
  std::vector<DocumentChange> documents = {};
  std::vector<DocumentBound> document_bounds = {};
};

/// Returns the number of rows of the largest batch.
std::uint32_t LargestBatch(const Plan& plan);

/// Maximum of journal entries that one transaction removes.
inline constexpr std::int64_t kJournalTrimMax = 5'000;

struct CommitResult {
  /// A step failed that only a savepoint can roll back alone, or two transactions conflicted. Nothing was
  /// done: begin again, plan again, and commit with Savepoints::kAlways.
  bool again = false;
  bool followed = false;             ///< The plan after it is done, too: see StoreWork::RunFirst().
  std::vector<StepResult> steps;     ///< One for each step of the plan.
  std::uint64_t hooks_dropped = 0;   ///< See kHooksWaitingMax.
  std::int64_t journal_trimmed = 0;  ///< Removed entries, see Plan::trim_journal_through.
  std::int64_t versions_cut = 0;     ///< Versions of rows that were removed.
  std::int64_t versions_erased = 0;  ///< Removed by Plan::erased_rows.
  std::int64_t entries_erased = 0;   ///< Entries that named one of those rows.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_PLAN_H_
