#include "client/exchange/server_writer.h"

#include <deque>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

ImportResult Refused(std::string reason) { return {v1::DELIVERY_OUTCOME_REFUSED, std::move(reason)}; }

/// A row whose references are still to be searched.
struct Step {
  const ServerMember* member = nullptr;
  RowOf key;
  bool deletes = false;
};

/// Returns the rows that change, or may, when this row is deleted or else updated;
/// without the row itself. Rows of tables without a key, and rows that only these reach,
/// are left out. Errors: those of `database`; kOutOfRange: more than kReachedRowsMax.
absl::StatusOr<std::vector<ReachedRow>> ReachRows(DeliveryDatabase& database, const ServerMember& member,
                                                  const RowOf& key, bool deletes) {
  std::vector<ReachedRow> rows;
  std::set<std::pair<std::int64_t, std::string>> seen = {{member.table.log, KeyText(key)}};
  std::deque<Step> steps = {{&member, key, deletes}};
  const auto take = [&](ReachedRow row, bool goes) {
    if (!seen.emplace(row.member->table.log, KeyText(row.key)).second) return absl::OkStatus();
    if (rows.size() == kReachedRowsMax) {
      return absl::OutOfRangeError(absl::StrCat("the delivery would change more than ", kReachedRowsMax,
                                                " rows that refer to its row"));
    }
    steps.push_back({row.member, row.key, goes});
    rows.push_back(std::move(row));
    return absl::OkStatus();
  };
  for (; !steps.empty(); steps.pop_front()) {
    const Step& step = steps.front();
    RETURN_IF_ERROR(database.ReadReferring(*step.member, step.key, step.deletes, take));
  }
  return rows;
}

}  // namespace

absl::StatusOr<ImportResult> ServerWriter::Write(const RowOf& before) {
  const v1::Operation operation = task_.delivery->operation();
  std::vector<ReachedRow> reached;
  if (operation != v1::OPERATION_INSERT) {
    ASSIGN_OR_RETURN(reached, ReachRows(database_, member_, task_.key, operation == v1::OPERATION_DELETE));
  }
  RowOf key = task_.key;
  RETURN_IF_ERROR(database_.BeginTriggered());
  ASSIGN_OR_RETURN(const bool done, database_.Write(task_, member_, &key));
  if (!done) return Refused("a trigger of the source prevented the change");
  CrashPoint("agent.row_written");
  absl::StatusOr<ImportResult> noted = NoteApplied(key, before);
  if (!noted.ok() || noted->outcome != v1::DELIVERY_OUTCOME_APPLIED) return noted;
  known_.emplace(member_.table.log, KeyText(key));
  if (operation != v1::OPERATION_INSERT) RETURN_IF_ERROR(NoteReached(key, reached));
  RETURN_IF_ERROR(NoteTriggered());
  return noted;
}

absl::StatusOr<ImportResult> ServerWriter::NoteApplied(const RowOf& key, const RowOf& before) {
  LedgerRow row;
  row.delivery_id = task_.delivery->delivery_id();
  row.operation = OperationName(task_.delivery->operation());
  row.table_name = member_.table.sent_name;
  row.key = member_.table.TravellingKey(key);
  row.at = now_ms_;
  if (task_.delivery->operation() != v1::OPERATION_DELETE) {
    ASSIGN_OR_RETURN(const std::optional<RowOf> behind,
                     database_.ReadRow(member_, key, task_.mapped, /*locks=*/false));
    if (!behind) return Refused("a trigger of the source gives the row another key");
    row.wrote = WroteJson(WroteOf(task_, before, *behind));
  }
  RETURN_IF_ERROR(database_.inbox().WriteLedger(row));
  return ImportResult{v1::DELIVERY_OUTCOME_APPLIED};
}

absl::Status ServerWriter::NoteReached(const RowOf& key, const std::vector<ReachedRow>& before) {
  RowNames looked_at;
  for (const ReachedRow& row : before) {
    looked_at.emplace(row.member->table.log, KeyText(row.key));
    ASSIGN_OR_RETURN(
        const std::optional<RowOf> now,
        database_.ReadRow(*row.member, row.key, row.member->table.PlainColumns(), /*locks=*/false));
    if (!now) {
      RETURN_IF_ERROR(NoteOther("DELETE", row, nullptr));
    } else if (KeyText(*now) != KeyText(row.values)) {
      RETURN_IF_ERROR(NoteOther("UPDATE", row, &*now));
    }
  }
  if (task_.delivery->operation() == v1::OPERATION_DELETE) return absl::OkStatus();
  // A reached row may have another key now, if its key includes columns of the foreign key.
  ASSIGN_OR_RETURN(const std::vector<ReachedRow> behind,
                   ReachRows(database_, member_, key, /*deletes=*/false));
  for (const ReachedRow& row : behind) {
    if (looked_at.contains({row.member->table.log, KeyText(row.key)})) continue;
    RETURN_IF_ERROR(NoteOther("INSERT", row, &row.values));
  }
  return absl::OkStatus();
}

absl::Status ServerWriter::NoteTriggered() {
  ASSIGN_OR_RETURN(std::vector<TriggeredRow> rows, database_.FindTriggered(known_));
  // `rows` includes rows of the other tasks, and it is unknown whose trigger changed which.
  if (!is_alone_ && !rows.empty()) return absl::OutOfRangeError("triggers of the source change other rows");
  for (TriggeredRow& changed : rows) {
    ReachedRow row{changed.member, std::move(changed.key), {}};
    if (!changed.now) {
      RETURN_IF_ERROR(NoteOther("DELETE", row, nullptr));
    } else if (!changed.before) {
      row.values = *std::move(changed.now);
      RETURN_IF_ERROR(NoteOther("INSERT", row, &row.values));
    } else {
      row.values = *std::move(changed.before);
      RETURN_IF_ERROR(NoteOther("UPDATE", row, &*changed.now));
    }
  }
  return absl::OkStatus();
}

/// Writes another changed row to the ledger. `values`: its new values, of which it writes those that differ
/// from `row`; the address of row.values: it writes all of them; null: the row was deleted.
absl::Status ServerWriter::NoteOther(const char* operation, const ReachedRow& row, const RowOf* values) {
  known_.emplace(row.member->table.log, KeyText(row.key));
  // Changes of tables that are not mirrored are not reported.
  if (!row.member->is_sent) return absl::OkStatus();
  const MemberTable& table = row.member->table;
  LedgerRow noted;
  noted.delivery_id = absl::StrCat(task_.delivery->delivery_id(), "/", ++others_);
  noted.operation = operation;
  noted.table_name = table.sent_name;
  noted.key = table.TravellingKey(row.key);
  noted.at = now_ms_;
  const std::vector<std::uint32_t> columns = table.PlainColumns();
  Wrote wrote;
  for (std::size_t i = 0; values != nullptr && i < columns.size(); ++i) {
    // Unchanged columns may have changes of other writers, which the hub has not received yet.
    if (values != &row.values && ToLiteral((*values)[i]) == ToLiteral(row.values[i])) continue;
    wrote[table.SentColumn(columns[i])].result = ToLiteral((*values)[i]);
  }
  if (values != nullptr) noted.wrote = WroteJson(wrote);
  return database_.inbox().WriteLedger(noted);
}

}  // namespace mirror
