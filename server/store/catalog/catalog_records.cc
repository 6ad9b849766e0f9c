#include "server/store/catalog/catalog_records.h"

#include <array>

namespace mirror {
namespace {

constexpr ColumnOptions kTextKey = {.key = true, .kind = ColumnKind::kKeyText};
constexpr ColumnOptions kRawText = {.kind = ColumnKind::kRawText};
constexpr ColumnOptions kBytes = {.kind = ColumnKind::kBytes};

Field SeverityOf(const EventRecord& event) { return event.severity; }
/// Reads a severity. An unknown number counts as kInformation.
absl::Status TakeSeverity(const Field& field, EventRecord& event) {
  const std::int64_t number = field.number();
  event.severity = number >= 1 && number <= 3 ? static_cast<Severity>(number) : Severity::kInformation;
  return absl::OkStatus();
}

using OfEvent = ColumnsOf<EventRecord>;
constexpr std::array kEventColumns = {
    OfEvent::Member<&EventRecord::id>("id", {.key = true, .sqlite = "INTEGER PRIMARY KEY AUTOINCREMENT"}),
    OfEvent::Member<&EventRecord::time_ms>("time_ms"),
    OfEvent::Member<&EventRecord::context_id>("context_id"),
    RecordColumn<EventRecord>{{.name = "severity", .kind = ColumnKind::kNumber}, SeverityOf, TakeSeverity},
    OfEvent::Member<&EventRecord::kind>("kind"),
    OfEvent::Member<&EventRecord::message>("message"),
};

using OfSummary = ColumnsOf<SummaryRow>;
constexpr std::array kSummaryColumns = {OfSummary::Member<&SummaryRow::context_id>("context_id", kTextKey),
                                        OfSummary::Member<&SummaryRow::text>("text")};

/// Columns with text from outside are bytea. Names in certificates need not be UTF-8, and the chain hashes
/// their bytes.
using OfAudit = ColumnsOf<AuditRecord>;
constexpr std::array kAuditColumns = {
    OfAudit::Member<&AuditRecord::id>("id", {.key = true}),
    OfAudit::Member<&AuditRecord::time_ms>("time_ms"),
    OfAudit::Member<&AuditRecord::who>("who", kRawText),
    OfAudit::Member<&AuditRecord::call>("call", kRawText),
    OfAudit::Member<&AuditRecord::outcome>("outcome", kRawText),
    OfAudit::Member<&AuditRecord::seal>("seal", kRawText),
    OfAudit::Member<&AuditRecord::hash>("hash", kBytes),
};

using OfPoint = ColumnsOf<AuditPoint>;
constexpr std::array kChainColumns = {
    OfPoint::One(),
    OfPoint::Member<&AuditPoint::chain>("chain"),
    OfPoint::Member<&AuditPoint::id>("before_id"),
    OfPoint::Member<&AuditPoint::hash>("before_hash", kBytes),
};

constexpr ColumnOptions kLookText = {.kind = ColumnKind::kRawText, .sqlite = "TEXT"};
constexpr std::array kLookColumns = {
    OfAudit::Member<&AuditRecord::id>("id", {.key = true,
                                             .sqlite = "INTEGER PRIMARY KEY AUTOINCREMENT",
                                             .postgres = "bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY"}),
    OfAudit::Member<&AuditRecord::time_ms>("time_ms", {.sqlite = "INTEGER"}),
    OfAudit::Member<&AuditRecord::who>("who", kLookText),
    OfAudit::Member<&AuditRecord::call>("call", kLookText),
    OfAudit::Member<&AuditRecord::outcome>("outcome", kLookText),
};

using OfCursor = ColumnsOf<HookCursorRow>;
constexpr std::array kCursorColumns = {OfCursor::Member<&HookCursorRow::hook>("hook", kTextKey),
                                       OfCursor::Member<&HookCursorRow::event_id>("event_id")};

}  // namespace

const Record<EventRecord>& EventTable() {
  static const Record<EventRecord> record("event", kEventColumns);
  return record;
}

const Record<SummaryRow>& SummaryTable() {
  static const Record<SummaryRow> record("summary", kSummaryColumns, {.sqlite_behind = "WITHOUT ROWID"});
  return record;
}

const Record<AuditRecord>& AuditTable() {
  static const Record<AuditRecord> record("audit", kAuditColumns);
  return record;
}

const Record<AuditPoint>& AuditChainTable() {
  static const Record<AuditPoint> record("audit_chain", absl::MakeConstSpan(kChainColumns).subspan(1));
  return record;
}

const Record<AuditPoint>& OneAuditChainTable() {
  static const Record<AuditPoint> record("audit_chain", kChainColumns);
  return record;
}

const Record<AuditRecord>& LookTable() {
  static const Record<AuditRecord> record("looks", kLookColumns);
  return record;
}

const Record<HookCursorRow>& HookCursorTable() {
  static const Record<HookCursorRow> record("hook_cursor", kCursorColumns);
  return record;
}

}  // namespace mirror
