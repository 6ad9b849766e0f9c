#include "server/store/mirror_records.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace mirror {
namespace {

constexpr ColumnOptions kTextKey = {.key = true, .kind = ColumnKind::kKeyText};
constexpr ColumnOptions kZero = {.default_sql = "0"};
constexpr ColumnOptions kFalse = {.default_sql = "false"};
constexpr ColumnOptions kEmpty = {.default_sql = "''"};
constexpr TableOptions kInFile = {.sqlite_behind = "WITHOUT ROWID", .is_bare_in_sqlite = true};

using OfTenant = ColumnsOf<TenantRecord>;
constexpr std::array kTenantColumns = {
    OfTenant::Member<&TenantRecord::context_id>("context_id", kTextKey),
    OfTenant::Member<&TenantRecord::issuer>("issuer", kEmpty),
    OfTenant::Member<&TenantRecord::environment>("environment", kEmpty),
    OfTenant::Member<&TenantRecord::source_id>("source_id", kEmpty),
    OfTenant::Member<&TenantRecord::cycle>("cycle", kZero),
    OfTenant::Member<&TenantRecord::active>("active", kFalse),
    OfTenant::Member<&TenantRecord::holder>("holder", kEmpty),
    OfTenant::Member<&TenantRecord::since_ms>("since_ms", kZero),
    OfTenant::Member<&TenantRecord::progress_ms>("progress_ms", kZero),
    OfTenant::Member<&TenantRecord::completed_cycle>("completed_cycle", kZero),
    OfTenant::Member<&TenantRecord::completed_ms>("completed_ms", kZero),
    OfTenant::Member<&TenantRecord::paused>("paused", kFalse),
    OfTenant::Member<&TenantRecord::pause_reason>("pause_reason", kEmpty),
    OfTenant::Member<&TenantRecord::clock_ms>("clock_ms", kZero),
    OfTenant::Member<&TenantRecord::announced>("announced", kEmpty),
    OfTenant::Member<&TenantRecord::touched>("touched", kFalse),
    OfTenant::Member<&TenantRecord::missed_cycle>("missed_cycle", kZero),
    OfTenant::Member<&TenantRecord::missed_ms>("missed_ms", kZero),
    OfTenant::Member<&TenantRecord::scrub>("scrub", kFalse),
    OfTenant::Member<&TenantRecord::source_accepted>("source_accepted", kFalse),
};

using OfDocument = ColumnsOf<Document>;
constexpr std::array kDocumentColumns = {
    OfDocument::Member<&Document::kind>("kind", kTextKey),
    OfDocument::Member<&Document::id>("id", kTextKey),
    OfDocument::Member<&Document::text>("text"),
    OfDocument::Member<&Document::at_ms>("at_ms"),
};

using OfHook = ColumnsOf<HookNote>;
constexpr std::array kHookColumns = {
    OfHook::Member<&HookNote::id>("id", {.key = true, .sqlite = "INTEGER PRIMARY KEY AUTOINCREMENT"}),
    OfHook::Member<&HookNote::hook>("hook", {.kind = ColumnKind::kKeyText}),
    OfHook::Member<&HookNote::event>("event"),
    OfHook::Member<&HookNote::cycle>("cycle"),
    OfHook::Member<&HookNote::at_ms>("at_ms"),
    OfHook::Member<&HookNote::json>("json"),
};

using OfNonce = ColumnsOf<Nonce>;
constexpr std::array kNonceColumns = {OfNonce::Member<&Nonce::value>("nonce", {.key = true}),
                                      OfNonce::Member<&Nonce::expires_ms>("expires_ms")};

/// Joins names by NUL, which is in no name.
std::string JoinNames(const std::vector<std::string>& names) {
  return absl::StrJoin(names, std::string(1, '\0'));
}
absl::Status SplitNames(std::string_view joined, std::vector<std::string>* names) {
  if (!joined.empty()) *names = absl::StrSplit(std::string(joined), '\0');
  return absl::OkStatus();
}

/// Returns the options of a column that is at this index of a packed row.
constexpr ColumnOptions At(int place) { return {.packed = place}; }
constexpr ColumnOptions BytesAt(int place) { return {.kind = ColumnKind::kBytes, .packed = place}; }
/// Returns the options of a column with the name of a mirrored table. The column is the key or a part of it.
constexpr ColumnOptions TableNameAt(int place) {
  return {.key = true, .packed = place, .sqlite = "TEXT COLLATE NOCASE"};
}
constexpr ColumnOptions TableKeyAt(int place) {
  return {.key = true, .packed = place, .sqlite = "TEXT PRIMARY KEY COLLATE NOCASE"};
}

using OfAnswer = ColumnsOf<SchemaAnswer>;
constexpr std::array kAnswerColumns = {
    OfAnswer::Member<&SchemaAnswer::table>("table_name", TableKeyAt(1)),
    OfAnswer::Member<&SchemaAnswer::action>("action", At(0)),
    OfAnswer::Member<&SchemaAnswer::reason>("reason", At(2)),
};

using OfNote = ColumnsOf<CycleNoteRow>;
constexpr std::array kCycleNoteColumns = {
    OfNote::Member<&CycleNoteRow::note, &CycleNote::kind>("kind", {.key = true}),
    OfNote::Member<&CycleNoteRow::note, &CycleNote::table>("table_name", TableNameAt(2)),
    OfNote::Member<&CycleNoteRow::cycle>("cycle", At(0)),
    OfNote::Member<&CycleNoteRow::note, &CycleNote::seq>("seq", At(1)),
};

using OfCheck = ColumnsOf<TableCheck>;
constexpr std::array kCheckColumns = {
    OfCheck::Member<&TableCheck::table>("table_name", TableKeyAt(5)),
    OfCheck::Member<&TableCheck::equality>("equality", At(1)),
    OfCheck::Member<&TableCheck::position, &Position::lsn, &Lsn::value>("lsn", At(2)),
    OfCheck::Member<&TableCheck::position, &Position::lineage>("lineage", BytesAt(6)),
    OfCheck::Member<&TableCheck::checked_ms>("checked_ms", At(3)),
    OfCheck::Member<&TableCheck::rows_differ>("rows_differ", At(4)),
    OfCheck::Member<&TableCheck::wanted>("wanted", At(0)),
};

using OfHold = ColumnsOf<Hold>;
constexpr std::array kHoldColumns = {
    OfHold::Member<&Hold::id>("id", {.key = true, .sqlite = "INTEGER PRIMARY KEY AUTOINCREMENT"}),
    OfHold::Member<&Hold::kind>("kind", At(0)),
    OfHold::Member<&Hold::table>("table_name", {.packed = 5, .sqlite = "TEXT COLLATE NOCASE"}),
    OfHold::Member<&Hold::rows>("rows", At(1)),
    OfHold::Member<&Hold::rows_before>("rows_before", At(2)),
    OfHold::AsText<&Hold::tables, JoinNames, SplitNames>("tables", {.kind = ColumnKind::kBytes}),
    OfHold::Member<&Hold::source_id>("source_id", At(6)),
    OfHold::Member<&Hold::since_ms>("since_ms", At(3)),
    OfHold::Member<&Hold::state>("state", At(4)),
    OfHold::Member<&Hold::reason>("reason", At(7)),
};

using OfLoss = ColumnsOf<LossOfTable>;
constexpr std::array kLossColumns = {
    OfLoss::Member<&LossOfTable::table>("table_name", TableNameAt(-1)),
    OfLoss::Member<&LossOfTable::loss, &Loss::cycle>("cycle", {.key = true}),
    OfLoss::Member<&LossOfTable::loss, &Loss::at_ms>("at_ms", At(1)),
    OfLoss::Member<&LossOfTable::loss, &Loss::planned>("planned", At(2)),
    OfLoss::Member<&LossOfTable::loss, &Loss::rows>("rows", At(3)),
    OfLoss::Member<&LossOfTable::loss, &Loss::rows_before>("rows_before", At(4)),
    OfLoss::Member<&LossOfTable::loss, &Loss::committed>("committed", At(0)),
};

using OfOpen = ColumnsOf<OpenReceiptOfTable>;
constexpr std::array kOpenReceiptColumns = {
    OfOpen::Member<&OpenReceiptOfTable::table>("table_name", TableKeyAt(-1)),
    OfOpen::Member<&OpenReceiptOfTable::open, &OpenReceipt::cycle>("cycle"),
    OfOpen::Member<&OpenReceiptOfTable::open, &OpenReceipt::seq>("seq", At(0)),
    OfOpen::Member<&OpenReceiptOfTable::open, &OpenReceipt::content>("content", BytesAt(4)),
    OfOpen::Member<&OpenReceiptOfTable::open, &OpenReceipt::inserts>("inserts", At(1)),
    OfOpen::Member<&OpenReceiptOfTable::open, &OpenReceipt::updates>("updates", At(2)),
    OfOpen::Member<&OpenReceiptOfTable::open, &OpenReceipt::deletes>("deletes", At(3)),
};

using OfLost = ColumnsOf<LostColumn>;
constexpr std::array kLostColumnColumns = {
    OfLost::Member<&LostColumn::table>("table_name", TableNameAt(-1)),
    OfLost::Member<&LostColumn::column>("column_name", TableNameAt(-1)),
    OfLost::Member<&LostColumn::position, &Position::lsn, &Lsn::value>("lsn"),
    OfLost::Member<&LostColumn::position, &Position::lineage>("lineage", BytesAt(-1)),
};

std::string StateText(const TableState& state) { return std::string(ToString(state)); }
absl::Status ReadState(std::string_view text, TableState* state) {
  *state = TableState::kMirrored;
  for (const TableState other : {TableState::kPopulating, TableState::kRepopulate, TableState::kStopped}) {
    if (text == ToString(other)) *state = other;
  }
  return absl::OkStatus();
}

using OfTable = ColumnsOf<TableRecord>;
constexpr std::array kTableColumns = {
    OfTable::Member<&TableRecord::table>("table_name", TableKeyAt(-1)),
    OfTable::Member<&TableRecord::schema_hash>("schema_hash"),
    OfTable::Member<&TableRecord::position, &Position::lsn, &Lsn::value>("lsn"),
    OfTable::Member<&TableRecord::position, &Position::lineage>("lineage", BytesAt(-1)),
    OfTable::Member<&TableRecord::pending, &Position::lsn, &Lsn::value>("pending_lsn"),
    OfTable::Member<&TableRecord::pending, &Position::lineage>("pending_lineage", BytesAt(-1)),
    OfTable::Member<&TableRecord::seq>("seq"),
    OfTable::Member<&TableRecord::row_count>("row_count"),
    OfTable::Member<&TableRecord::cycle>("cycle"),
    OfTable::AsText<&TableRecord::state, StateText, ReadState>("state"),
};

std::string ColumnListText(const std::vector<std::string>& names) {
  return names.empty() ? std::string() : PackColumnList(names);
}
absl::Status ReadColumnList(std::string_view text, std::vector<std::string>* names) {
  if (!text.empty()) *names = UnpackColumnList(text);
  return absl::OkStatus();
}

constexpr ColumnOptions kNumberOrNull = {.sqlite = "INTEGER"};
constexpr ColumnOptions kBytesOrNull = {.empty_is_null = true, .kind = ColumnKind::kBytes};

using OfEntry = ColumnsOf<JournalEntry>;
constexpr std::array kJournalColumns = {
    OfEntry::Member<&JournalEntry::number>("number", {.key = true}),
    OfEntry::Member<&JournalEntry::salt>("salt"),
    OfEntry::Member<&JournalEntry::table>("table_name", {.sqlite = "TEXT NOT NULL COLLATE NOCASE"}),
    OfEntry::Member<&JournalEntry::moment>("moment"),
    OfEntry::Member<&JournalEntry::operation>("operation"),
    OfEntry::AsText<&JournalEntry::columns, ColumnListText, ReadColumnList>("columns",
                                                                            {.empty_is_null = true}),
    OfEntry::Member<&JournalEntry::rows>("row_total", kNumberOrNull),
    OfEntry::Member<&JournalEntry::least>("least", kBytesOrNull),
    OfEntry::Member<&JournalEntry::most>("most", kBytesOrNull),
    OfEntry::Member<&JournalEntry::keys>("keys", kBytesOrNull),
    OfEntry::Member<&JournalEntry::cycle>("cycle", kNumberOrNull),
    OfEntry::Member<&JournalEntry::seq>("seq", kNumberOrNull),
    OfEntry::Member<&JournalEntry::origin>("origin", {.sqlite = "TEXT"}),
    OfEntry::Member<&JournalEntry::commit, &JournalCommit::position, &Position::lsn, &Lsn::value>("lsn"),
    OfEntry::Member<&JournalEntry::commit, &JournalCommit::position, &Position::lineage>("lineage",
                                                                                         BytesAt(-1)),
    OfEntry::Member<&JournalEntry::commit, &JournalCommit::receipt>("receipt"),
    OfEntry::Member<&JournalEntry::commit, &JournalCommit::source_ms>("source_ms"),
    OfEntry::Member<&JournalEntry::commit, &JournalCommit::done_ms>("done_ms"),
    OfEntry::Member<&JournalEntry::commit, &JournalCommit::row_count>("row_count"),
    OfEntry::Member<&JournalEntry::commit, &JournalCommit::digest>("digest", kBytesOrNull),
};

static_assert(ArePacked(kAnswerColumns) && ArePacked(kCycleNoteColumns) && ArePacked(kCheckColumns) &&
              ArePacked(kHoldColumns) && ArePacked(kLossColumns) && ArePacked(kOpenReceiptColumns));

}  // namespace

const Record<TenantRecord>& TenantTable() {
  static const Record<TenantRecord> record(
      "_mirror_tenant", kTenantColumns,
      {.sqlite_behind = "WITHOUT ROWID", .has_one_row = true, .is_bare_in_sqlite = true});
  return record;
}

const Record<Document>& DocumentTable() {
  static const Record<Document> record("_mirror_documents", kDocumentColumns,
                                       {.sqlite_behind = "WITHOUT ROWID"});
  return record;
}

const Record<HookNote>& HookNoteTable() {
  static const Record<HookNote> record("_mirror_hooks", kHookColumns);
  return record;
}

const Record<Nonce>& NonceTable() {
  static const Record<Nonce> record("_mirror_nonces", kNonceColumns, kInFile);
  return record;
}

const Record<SchemaAnswer>& AnswerTable() {
  static const Record<SchemaAnswer> record("_mirror_answers", kAnswerColumns, kInFile);
  return record;
}

const Record<CycleNoteRow>& CycleNoteTable() {
  static const Record<CycleNoteRow> record("_mirror_cycle_notes", kCycleNoteColumns, kInFile);
  return record;
}

const Record<TableCheck>& CheckTable() {
  static const Record<TableCheck> record("_mirror_checks", kCheckColumns, kInFile);
  return record;
}

const Record<Hold>& HoldTable() {
  static const Record<Hold> record(
      "_mirror_holds", kHoldColumns,
      {.sqlite_constraint = "UNIQUE (kind, table_name)", .is_bare_in_sqlite = true});
  return record;
}

const Record<LossOfTable>& LossTable() {
  static const Record<LossOfTable> record("_mirror_losses", kLossColumns, kInFile);
  return record;
}

const Record<OpenReceiptOfTable>& OpenReceiptTable() {
  static const Record<OpenReceiptOfTable> record("_mirror_receipts_open", kOpenReceiptColumns, kInFile);
  return record;
}

const Record<LostColumn>& LostColumnTable() {
  static const Record<LostColumn> record("_mirror_lost_columns", kLostColumnColumns, kInFile);
  return record;
}

const Record<TableRecord>& TableRecordTable() {
  static const Record<TableRecord> record("_mirroring", kTableColumns, kInFile);
  return record;
}

const Record<JournalEntry>& JournalTable() {
  static const Record<JournalEntry> record("_mirror_journal", kJournalColumns);
  return record;
}

}  // namespace mirror
