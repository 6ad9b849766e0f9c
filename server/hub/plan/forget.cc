#include "server/hub/plan/forget.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/status_macros.h"

namespace mirror {
namespace {

/// Lets this derivation plan the record.
absl::Status Touch(const HubRules& rules, const std::string& golden_id, HubBook& book) {
  ASSIGN_OR_RETURN(std::optional<GoldenRecord> record, book.ReadRecord(golden_id));
  if (!record || record->work.touched || rules.FindEntity(record->entity) == nullptr) {
    return absl::OkStatus();
  }
  record->work.touched = true;
  return book.WriteRecord(*record, record->indexed);
}

/// Returns whether it is a row's own word in the record, or a value in one of its rows.
bool IsSaid(const std::vector<MemberRow>& rows, const std::string& attribute, const Literal& word) {
  return std::any_of(rows.begin(), rows.end(), [&](const MemberRow& row) {
    const auto said = row.says.find(attribute);
    return said != row.says.end() && said->second.value == word;
  });
}

absl::Status ForgetWords(const HubRules& rules, MemberRow row, HubBook& book) {
  if (row.golden_id.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<MemberRow> rows, book.RowsOf(row.golden_id));
  bool changed = false;
  for (auto& [attribute, said] : row.says) {
    if (said.word == said.value || std::holds_alternative<Null>(said.word)) continue;
    if (IsSaid(rows, attribute, said.word)) continue;
    said.word = said.value;
    changed = true;
  }
  if (!changed) return absl::OkStatus();
  absl::Status written = book.WriteRow(row, row.indexed);
  return written.ok() ? Touch(rules, row.golden_id, book) : written;
}

absl::Status ForgetInRow(const HubRules& rules, const HubUpkeep::Glance& glance, HubBook& book) {
  const bool is_member = rules.Find(glance.ref.data_source, glance.ref.table).member != nullptr;
  if (is_member && !glance.has_other_word) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::optional<MemberRow> row, book.ReadRow(glance.ref));
  if (!row) return absl::OkStatus();
  if (is_member) return ForgetWords(rules, *std::move(row), book);
  // The row has no values to offer, and its removal is not a user's deletion, as when its record is planned.
  absl::Status removed = book.RemoveRow(*row);
  return removed.ok() && !row->golden_id.empty() ? Touch(rules, row->golden_id, book) : removed;
}

absl::Status ForgetWhole(const std::string& golden_id, HubBook& book) {
  ASSIGN_OR_RETURN(const std::optional<GoldenRecord> record, book.ReadRecord(golden_id));
  if (!record) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<MemberRow> rows, book.RowsOf(golden_id));
  for (const MemberRow& row : rows) {
    RETURN_IF_ERROR(book.RemoveRow(row));
  }
  ASSIGN_OR_RETURN(const std::vector<HubDelivery> deliveries, book.DeliveriesOf(golden_id));
  for (const HubDelivery& delivery : deliveries) {
    RETURN_IF_ERROR(book.RemoveDelivery(delivery));
  }
  return book.upkeep().ForgetRecord(*record);
}

}  // namespace

absl::Status ForgetErased(const HubRules& rules, HubBook* book) {
  for (std::int64_t behind = 0;;) {
    ASSIGN_OR_RETURN(const std::vector<HubUpkeep::Glance> rows, book->upkeep().RowsAfter(behind));
    if (rows.empty()) break;
    for (const HubUpkeep::Glance& glance : rows) {
      RETURN_IF_ERROR(ForgetInRow(rules, glance, *book));
    }
    behind = rows.back().row_id;
  }
  for (;;) {
    ASSIGN_OR_RETURN(const std::vector<std::string> others, book->upkeep().RecordsOfOthers());
    if (others.empty()) return absl::OkStatus();
    for (const std::string& id : others) {
      RETURN_IF_ERROR(ForgetWhole(id, *book));
    }
  }
}

absl::Status ForgetOld(const HubRules& rules, std::int64_t time, HubBook* book) {
  const std::int64_t before = time - rules.forget_ms;
  ASSIGN_OR_RETURN(const std::vector<std::string> empty, book->upkeep().EmptySince(before, kForgottenMax));
  for (const std::string& id : empty) {
    RETURN_IF_ERROR(ForgetWhole(id, *book));
  }
  return book->upkeep().ForgetIssued(before, time, kForgottenMax);
}

}  // namespace mirror
