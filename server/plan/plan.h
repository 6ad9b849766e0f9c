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

// What the planners say and every store can do: values, no behaviour.

namespace mirror {

/// What a table's metadata row says about it, beside its position.
enum class TableState : std::uint8_t {
  kMirrored,    ///< The rows are those of `position`, or of nothing when its LSN is -1.
  kPopulating,  ///< A shadow is being filled by the cycle in `cycle`.
  kRepopulate,  ///< The visible rows have an older definition than the agreed one; a population replaces
                ///< them.
  kStopped,     ///< Takes nothing more in the cycle in `cycle`.
};
std::string_view ToString(TableState state);

/// One row of `<contextId>_mirroring`. A DBA may change it at any time: it is planned from as it is read
/// under the tenant's writer lock.
struct TableRecord {
  std::string table;
  std::string schema_hash;
  Position position;
  std::optional<Position> pending;
  std::uint64_t seq = 0;        ///< Last applied `seq` of `cycle`.
  std::int64_t row_count = -1;  ///< Kept by the store; -1: unknown.
  std::int64_t cycle = 0;       ///< The cycle that last wrote it.
  TableState state = TableState::kMirrored;
  friend bool operator==(const TableRecord&, const TableRecord&) = default;
};

/// Through which door the rows of a tenant come.
enum class Door : std::uint8_t { kCycles, kRecords };
std::string_view ToString(Door door);
/// The issuer in the tenant's row where its rows come as records over HTTP: no source has it, so every source
/// is refused as another issuer's is, by older versions too. No issuer of a configuration can be called so.
inline constexpr char kRecordsIssuer[] = ":records";

/// The tenant's own row, in `_mirror_tenant`. Times are unix milliseconds.
struct TenantRecord {
  std::string context_id;
  std::string issuer;
  std::string environment;
  std::string source_id;
  std::int64_t cycle = 0;  ///< The running cycle when `active`; else one that never ran.
  bool active = false;
  std::string holder;
  std::int64_t since_ms = 0;
  std::int64_t progress_ms = 0;
  std::int64_t completed_cycle = 0;  ///< The last that ReplicationCompleted ended.
  std::int64_t completed_ms = 0;
  bool paused = false;
  std::string pause_reason;
  std::int64_t clock_ms = 0;  ///< Highest time ever seen: what nonces are pruned by.
  std::string announced;      ///< Digest of the TableSchema request of the running cycle; empty before it.
  bool touched = false;       ///< A batch was applied in the running cycle.
  /// The last completed cycle whose source did not know what a former one had committed; 0: none.
  std::int64_t missed_cycle = 0;
  std::int64_t missed_ms = 0;
  /// The file holds values that column rules of now keep out: it is rewritten once the new rows are there.
  bool scrub = false;
  /// An operator accepted `source_id` in the place of another source, and no cycle of it has completed since
  /// that left none of its tables unproven (IsUnproven) and stale.
  bool source_accepted = false;
  friend bool operator==(const TenantRecord&, const TenantRecord&) = default;

  Door door() const { return issuer == kRecordsIssuer ? Door::kRecords : Door::kCycles; }
};

/// Whether a table is known to equal its source. The numbers of Equality in mirror_admin.proto.
enum class Equality : std::uint8_t { kUnknown = 1, kEqual = 2, kCountEqual = 3, kDiffers = 4 };

/// The last comparison of a table with its source; a row of `_mirror_checks`. A population forgets it.
struct TableCheck {
  std::string table;
  Equality equality = Equality::kUnknown;
  Position position;  ///< As of which. With kUnknown: see IsUnproven().
  std::int64_t checked_ms = 0;
  std::uint64_t rows_differ = 0;
  bool wanted = false;  ///< An operator asked for another one.
  /// Rows that were counted at `position`, where the table still stands: replaces the number that is kept
  /// with it, which is wrong once rows were written by hand. Never read back.
  std::optional<std::uint64_t> row_count = {};
  /// With kEqual: of all rows, by the plain columns, at `position`; for the journal. Never read back.
  std::optional<RangeDigest> digest = {};
  friend bool operator==(const TableCheck&, const TableCheck&) = default;
};

/// What an operator has to decide. The names are those of Hold.kind and Hold.state in mirror_admin.proto.
enum class HoldKind : std::uint8_t { kDeletes = 1, kPopulation = 2, kTables = 3, kSource = 4 };
enum class HoldState : std::uint8_t { kWaiting = 1, kCommit = 2, kRollback = 3 };
std::string_view ToString(HoldKind kind);
std::string_view ToString(HoldState state);

/// A row of `_mirror_holds`; there is one at most for each kind and table.
struct Hold {
  std::uint64_t id = 0;  ///< 0: a new one, which the store numbers.
  HoldKind kind = HoldKind::kDeletes;
  std::string table;       ///< Empty for kTables and kSource.
  std::uint64_t rows = 0;  ///< That would vanish.
  std::uint64_t rows_before = 0;
  std::vector<std::string> tables = {};  ///< kTables: those that would go.
  std::string source_id = {};            ///< kSource: the one that waits.
  std::int64_t since_ms = 0;
  HoldState state = HoldState::kWaiting;
  std::string reason = {};
  /// kDeletes, kPopulation: of some of those rows, see hold_keys.h; empty: they are not known.
  std::vector<std::string> keys = {};
  friend bool operator==(const Hold&, const Hold&) = default;
};

/// Rows that vanished from a table in one cycle; a row of `_mirror_losses`.
struct Loss {
  std::int64_t cycle = 0;
  std::int64_t at_ms = 0;
  std::int64_t planned = -1;  ///< What the source said that it would delete; -1: it did not say.
  std::int64_t rows = 0;      ///< That did go.
  std::int64_t rows_before = 0;
  bool committed = false;  ///< The table was committed since.
  friend bool operator==(const Loss&, const Loss&) = default;
};

/// How old tables may become, milliseconds; 0: as old as they like.
struct FreshnessTargets {
  std::int64_t all_ms = 0;                     ///< Of every table that `tables` does not name.
  std::map<std::string, std::int64_t> tables;  ///< By folded name.
  friend bool operator==(const FreshnessTargets&, const FreshnessTargets&) = default;
};

/// As of when tables are: all that was committed at the source before is in the mirror. Unix milliseconds;
/// absent: not known.
struct Freshness {
  std::optional<std::int64_t> all_ms;                         ///< Of every table that `tables` does not name.
  std::map<std::string, std::optional<std::int64_t>> tables;  ///< By folded name.
  FreshnessTargets targets;
  friend bool operator==(const Freshness&, const Freshness&) = default;
};

/// A source's statement that all its tables, except those in `stale`, are as of one moment.
struct AllAsOf {
  std::int64_t source_ms = 0;
  std::vector<std::string> stale = {};
};

/// A table as the store holds it.
struct StoredTable {
  TableRecord record;
  TableSchema schema;  ///< As agreed; the visible table may be older, see TableState::kRepopulate.
};

// --- What a plan can ask for -------------------------------------------------

/// Makes the table with its key and nothing else declared. One that stands there and is not the mirror's
/// makes it fail; with preserve_target it is taken in when its key is the same, and all of its rows are the
/// partner's.
struct CreateTable {
  TableSchema schema;
  /// The mirror has a metadata row of it and no definition: what stands under its name may be its own table.
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
/// Another declaration, under the name that the column has by then. In AlterTable every value of `from` is
/// one of `to` as it is stored; in RefitTable values are converted as SQLite's affinities do.
struct RetypeColumn {
  Column from, to;
};
struct AlterTable {
  std::vector<std::variant<AddColumn, DropColumn, RenameColumn, RetypeColumn>> changes;
};
/// Changes a table that keeps the partner's rows and columns to another definition, in place. When `to` keeps
/// them and `from` did not, the present rows become the mirror's own. Fails, with a reason for people, when
/// the table differs from `from`, when the source now uses the name of a partner's column, and when an object
/// of the partner's prevents the change.
struct RefitTable {
  TableSchema from, to;
  AlterTable alter;
  std::vector<RetypeColumn> retyped;
  /// Columns, by their names in `from`, that lose what stands in the rows that the mirror wrote, before
  /// anything else is done.
  std::vector<std::string> emptied;
};
/// Records the agreed definition; the table itself is made to fit by other actions of the step.
struct AgreeSchema {
  TableSchema schema;
};
/// Renames the table aside, to be removed after the grace period.
struct RetireTable {
  std::int64_t now_ms = 0;
};
/// Removes the table, its shadow and all records of it.
struct DropTable {};
/// Makes a new, empty shadow bound to `cycle`, after dropping an older one.
struct BeginShadow {
  TableSchema schema;
  std::int64_t cycle = 0;
};
/// Writes the rows of a batch, into the shadow or into the visible table. In a visible table that keeps the
/// partner's rows, UPDATE and DELETE act on live rows alone: rows that the mirror wrote and the source did
/// not delete.
struct ApplyRows {
  const TableSchema* schema = nullptr;
  const ChangeBatch* batch = nullptr;
  bool into_shadow = false;
  std::int64_t cycle = 0;
};
/// Makes the shadow the visible table, in one moment for readers. Indexes, views and triggers of the partner
/// stay; an index that the new rows break is left out and named in StepResult.left_out.
/// A table that keeps the partner's rows (KeepsPartner) is not swapped; the shadow's rows are merged into it.
/// Live rows that the shadow lacks go as `deletes` says, and an index that the new rows break makes the step
/// fail.
struct SwapShadow {
  /// Rows that may vanish by it; more: the step fails with StepResult.would_lose. Absent: any number.
  std::optional<std::int64_t> may_lose = std::nullopt;
};
/// Keeps a piece of a large value until its batch, or until `cycle` is over.
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

/// What a batch adds to the tenant's chain of receipts, see proto/wire/receipt.h.
struct ReceiptStep {
  std::int64_t cycle = 0;
  std::uint64_t seq = 0;
  Operation operation = Operation::kUnspecified;
  std::uint64_t rows = 0;
  bool commit = false;
  bool populated = false;
  std::string digest;                 ///< Of the batch, without large values.
  std::vector<std::uint64_t> values;  ///< Ids of the large values, in order.
  std::int64_t at_ms = 0;
};

/// What happens to one table: all of its actions and its new metadata row, or nothing (a savepoint of its
/// own).
struct Step {
  std::string table;
  /// The metadata row that it was planned on (row_count aside): as it was read, or as a step before it leaves
  /// it. Absent: there is none.
  std::optional<TableRecord> expected;
  /// What it becomes (row_count aside, which follows the rows). Absent: it is removed.
  std::optional<TableRecord> record;
  std::vector<Action> actions;
  /// Tried in place of a failed step, after its savepoint was rolled back.
  std::vector<Step> otherwise;
  /// Notes what vanishes: the rows that go are added to `rows` of this cycle's Loss, which is made when there
  /// is something to note; `committed` marks all of the table. Absent: nothing is noted.
  std::optional<Loss> loss = std::nullopt;
  /// With `loss`: how many rows may have gone in its cycle in all; more, and the step fails with
  /// StepResult.would_delete. Asked when the steps before it are done, with the rows that the table has by
  /// then and its losses: what those before it change is not known when a plan is made. Null: any number.
  std::function<DeleteBound(std::int64_t rows, const std::vector<Loss>& losses)> may_delete = nullptr;
  /// Holds on the table are over when the step is done; with `accepted` an operator let it happen, and what
  /// vanished until then counts no more.
  bool settles_holds = false;
  bool accepted = false;
  /// As of when the table is with this step, unix milliseconds. Absent: as it was.
  std::optional<std::int64_t> source_ms = std::nullopt;
  /// Absent: nothing is noted of it.
  std::optional<ReceiptStep> receipt = std::nullopt;
  /// With it the table is at a state that its source confirmed: that of the record's position.
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

/// A mirrored table whose definition is not as the mirror left it.
struct TouchedTable {
  std::string table;
  std::vector<std::string> columns =
      {};                  ///< Others than the source's, where it keeps nothing of the partner's.
  std::string lacks = {};  ///< Why no row can be written to it, for people; empty: they can.
  bool is_ours = true;     ///< False: somebody dropped the mirror's and made another one.
  friend bool operator==(const TouchedTable&, const TouchedTable&) = default;
};

/// An answer of TableSchema that a repetition in the same cycle gives again.
struct SchemaAnswer {
  std::string table;
  std::int32_t action = 0;
  std::string reason;
  friend bool operator==(const SchemaAnswer&, const SchemaAnswer&) = default;
};

/// What the protocol has to remember of the running cycle beside its tables. The numbers stand in the file.
enum class CycleNoteKind : std::uint8_t {
  kRefused = 1,      ///< Batch `seq` of `table` was refused or too early, and did not come again yet.
  kUnannounced = 2,  ///< `table` is there, and the source does not announce it.
  kOtherSource = 3,  ///< The source that announced itself is not the one that is believed.
  kMiss = 4,         ///< The source did not know what a former cycle had committed.
  kExchange = 5,     ///< The source keeps notes of its cycles: see server/tenant/mirror/mirror_feed.h.
  kRestored = 6,     ///< The source did not know what the mirror has of a table, and sent all of it anew.
};

/// A row of `_mirror_cycle_notes`; it ends with its cycle.
struct CycleNote {
  CycleNoteKind kind = CycleNoteKind::kRefused;
  std::string table = {};  ///< As stored or as the source spells it; compared without case.
  std::uint64_t seq = 0;
  friend bool operator==(const CycleNote&, const CycleNote&) = default;
};

/// What a plan does to the notes of the running cycle.
struct CycleNoteChanges {
  bool forget_all = false;                ///< First of all.
  std::vector<CycleNote> forgotten = {};  ///< By kind and table.
  std::vector<CycleNote> written = {};    ///< In place of those of the same kind and table.
  friend bool operator==(const CycleNoteChanges&, const CycleNoteChanges&) = default;
};

/// Batches that were refused, or came too early, and were not sent again, by folded table: the numbers they
/// had.
using RefusedBatches = std::map<std::string, std::uint64_t>;

/// A batch of a plan, as far as the cycle may have to remember what becomes of it.
struct NotedBatch {
  std::string table;
  std::uint64_t seq = 0;            ///< 0: no batch, but what hangs on those of its table.
  std::optional<std::size_t> step;  ///< Of the plan, which says what becomes of it. Absent: `status` does.
  absl::Status status = {};
  bool by_record = false;  ///< It hangs on the table's record.
  bool is_there = false;   ///< The table has one.
  bool is_miss = false;    ///< When it is done: see CycleNoteKind::kMiss, kRestored.
  bool restores = false;
};
struct NotedBatches {
  RefusedBatches refused_before;
  std::vector<NotedBatch> all;  ///< In the order of the plan.
};

/// What a plan does to the notes of the running cycle: see CycleNotesOf() in cycle_notes.h.
struct CycleNotePlan {
  CycleNoteChanges changes = {};                                  ///< Whatever becomes of its steps.
  std::vector<std::pair<std::size_t, CycleNote>> if_failed = {};  ///< Written where that step fails.
  NotedBatches batches = {};
};

struct StepResult {
  absl::Status status;
  bool otherwise = false;  ///< The alternative was taken; `reason` says why.
  std::string reason;
  std::vector<std::uint32_t> missing_rows;  ///< UPDATE of rows that are not there; at most kMissingKeysMax.
  bool more_missing = false;
  std::vector<std::string> left_out;  ///< Indexes that a swap could not keep.
  /// Rows that a refused swap would have lost: those of the visible table whose keys the new rows lack, or
  /// how many fewer there are.
  std::int64_t would_lose = 0;
  /// Rows that would be gone in this cycle with a batch that Step::may_delete refused, and how many its
  /// source had planned; -1: it had not said.
  std::int64_t would_delete = 0, planned_deletes = -1;
  std::vector<std::string> lost_keys;  ///< With one of those two: see Hold::keys.
  std::string receipt;                 ///< Of a commit, its text; empty: there is none.
};

/// What waits to be told to a hook; a row of `_mirror_hooks`.
struct HookNote {
  std::int64_t id = 0;  ///< 0: a new one, which the store numbers.
  std::string hook;     ///< HookSpec::key.
  std::string event;    ///< "completed", "table", "wiped".
  std::int64_t cycle = 0;
  std::int64_t at_ms = 0;  ///< When it was committed.
  std::string json;        ///< The hook's input.
  friend bool operator==(const HookNote&, const HookNote&) = default;
};
/// Made of the outcomes of a plan's steps, before the commit.
using HookNotes = std::function<std::vector<HookNote>(const std::vector<StepResult>& steps)>;
/// So many may wait for the hooks of a tenant; beyond that the oldest are dropped.
inline constexpr std::int64_t kHooksWaitingMax = 1'000;
/// What waits for a hook that is not configured, waits for so long, as what cannot be delivered does. Of
/// servers that have the same mirrors one is configured before the other.
inline constexpr std::int64_t kUnknownHookKeptMs = 24 * 3'600'000;

/// A row of `_mirror_source_objects` that becomes this; absent: it is removed.
struct ObjectsChange {
  std::string table;
  std::optional<SourceObjects> objects;
  friend bool operator==(const ObjectsChange&, const ObjectsChange&) = default;
};

/// What begins so is no partner's: the mirror makes and drops it.
inline constexpr char kOwnIndexPrefix[] = "_mirror_index_";
/// Of those that are the configuration's. No index of the source's begins so: what follows there is a hash.
inline constexpr char kSetIndexPrefix[] = "_mirror_index_set_";
/// An index that the mirror made itself, and the table that it is on now.
struct OwnIndex {
  std::string name, table;
  /// It is to be there and is not, since a value of the table is too long for it. While this is known it is
  /// not made again; who has it dropped makes it unknown, and so does a population.
  bool is_too_long = false;
  friend bool operator==(const OwnIndex&, const OwnIndex&) = default;
};
/// Makes it over `columns`; none: drops it, when it is there.
struct IndexChange {
  OwnIndex index;
  std::vector<IndexColumn> columns;
  friend bool operator==(const IndexChange&, const IndexChange&) = default;
};
/// Columns of an index as SQLite's SQL, between its parentheses.
std::string IndexTerms(const std::vector<IndexColumn>& columns);

/// What a door keeps beside the rows, in the mirror itself: a row of `_mirror_documents`.
struct Document {
  std::string kind;  ///< "datasource", "mapper", "job", "answer", ...
  std::string id;    ///< Unique among those of its kind.
  std::string text;
  std::int64_t at_ms = 0;  ///< When it was written.
  friend bool operator==(const Document&, const Document&) = default;
};
// Kinds that lists of storages and import jobs are made of.
inline constexpr char kStorageKind[] = "storage";  ///< One, without an id: the name.
inline constexpr char kMemberKind[] = "member";    ///< Of a tenant of another storage: which one.
inline constexpr char kJobKind[] = "job";          ///< By id.
inline bool IsListed(std::string_view kind) {
  return kind == kStorageKind || kind == kMemberKind || kind == kJobKind;
}
/// What such a list says of a mirror without its documents: a part of its summary.
struct ListedDocuments {
  std::string storage;     ///< The text of that document; empty: there is none.
  std::string member;      ///< The same.
  std::uint64_t jobs = 0;  ///< How many there are.
  friend bool operator==(const ListedDocuments&, const ListedDocuments&) = default;
};
/// A document that becomes this; absent: it is removed.
struct DocumentChange {
  std::string kind, id;
  std::optional<std::string> text;
};
/// Which documents of a kind are forgotten: those written before this, and then the oldest over a count.
struct DocumentBound {
  std::string kind;
  std::int64_t before_ms = 0;
  std::int64_t count_max = 0;
};

/// From which moment on a table can be read as of then.
struct HistoryCut {
  std::string table;
  std::int64_t known_from = 0;
};

/// A row of which nothing is to be kept beside the rows.
struct ErasedRow {
  std::string table;
  Key key;
};

/// When a commit is on disk.
enum class Kept : std::uint8_t {
  kNow,  ///< Once it is answered.
  /// With the tenant's next one of kNow: a loss of power before may take it, and what passes with its cycle
  /// (the tenant's cycle and times, nonces, answers, notes, AllAsOf) the end of the process, too. A store
  /// need not let it wait. The end of a cycle that was begun on disk does not wait.
  kWithNext,
};

/// One transaction.
struct Plan {
  /// The cycle that must be running. Absent: any state of the tenant (an operator's act, Authenticate).
  std::optional<std::int64_t> cycle;
  /// What the tenant's row becomes. Absent: only `progress_ms` is moved.
  std::optional<TenantRecord> tenant;
  std::int64_t now_ms = 0;
  Kept kept = Kept::kNow;
  std::optional<Nonce> nonce;
  std::vector<Step> steps;
  /// TableSchema: the answers to keep, made from the outcomes of `steps` before the commit, so that a
  /// repetition after a crash gets the same answers. Absent: the kept answers stay.
  std::function<std::vector<SchemaAnswer>(const std::vector<StepResult>& steps)> answers;
  /// What comes of it hangs on the outcomes of `steps`, and is written with them: a refusal that was answered
  /// must not be forgotten. Absent: the notes stay.
  std::optional<CycleNotePlan> cycle_notes = {};
  /// Written as they are.
  std::vector<TableCheck> checks = {};
  /// Written in place of those of the same kind and table.
  std::vector<Hold> holds = {};
  std::vector<std::uint64_t> settled_holds = {};  ///< By id: removed.
  /// Makes the notes for hooks; called after `answers`. Absent: no notes.
  HookNotes hooks = {};
  /// With `hooks`: notes that wait for other hooks than these, since before `now_ms` less kUnknownHookKeptMs,
  /// are dropped, since nobody would deliver them.
  std::vector<std::string> known_hooks = {};
  std::vector<std::int64_t> delivered_hooks = {};  ///< By id: removed.
  /// What is noted of the steps beside their rows. Null: nothing. Set by Store.
  std::shared_ptr<const JournalRules> journal = nullptr;
  /// Entries of the journal up to this number go, kJournalTrimMax at most. 0: none.
  std::int64_t trim_journal_through = 0;
  /// See HistoryVerbs::Cut(); kJournalTrimMax versions at most, of all tables.
  std::vector<HistoryCut> history_cuts = {};
  /// Tables whose versions of rows are kept no more.
  std::vector<std::string> ended_histories = {};
  /// Tables of which rows may have changed that no entry names, as in a copy from a backup.
  std::vector<std::string> compared_tables = {};
  /// Their versions go, and their keys from the journal. Whoever reads that compares the table.
  std::vector<ErasedRow> erased_rows = {};
  /// Losses that are committed and older are forgotten. 0: none.
  std::int64_t forget_losses_before_ms = 0;
  /// Shadows, parts and notes of other cycles than the tenant's are dropped.
  bool forget_old_cycles = false;
  /// Tables that were renamed aside before this moment are dropped. 0: none.
  std::int64_t drop_retired_before_ms = 0;
  /// See WithAllAsOf(); after the steps.
  std::optional<AllAsOf> all_as_of = std::nullopt;
  /// In place of those that are kept. Absent: they stay.
  std::optional<FreshnessTargets> targets = std::nullopt;
  /// After the steps.
  std::vector<ObjectsChange> source_objects = {};
  /// After the steps. One that fails makes the plan fail, with the steps' own kinds of errors.
  std::vector<IndexChange> index_changes = {};
  /// After the steps, with `now_ms`; then the bounds.
  std::vector<DocumentChange> documents = {};
  std::vector<DocumentBound> document_bounds = {};
};

/// Rows of the largest batch.
std::uint32_t LargestBatch(const Plan& plan);

/// Entries of a journal that go in one transaction, at most.
inline constexpr std::int64_t kJournalTrimMax = 5'000;

struct CommitResult {
  /// A step failed that only a savepoint takes back alone, or two were in each other's way. Nothing was done:
  /// begin again, plan again, and commit with Savepoints::kAlways.
  bool again = false;
  bool followed = false;             ///< A plan behind it is done, too: see StoreWork::RunFirst().
  std::vector<StepResult> steps;     ///< One for each step of the plan.
  std::uint64_t hooks_dropped = 0;   ///< See kHooksWaitingMax.
  std::int64_t journal_trimmed = 0;  ///< Entries that went, see Plan::trim_journal_through.
  std::int64_t versions_cut = 0;     ///< Versions of rows that went.
  std::int64_t versions_erased = 0;  ///< Of Plan::erased_rows.
  std::int64_t entries_erased = 0;   ///< Entries that named one of those.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_PLAN_H_
