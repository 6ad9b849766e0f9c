#include "proto/wire/exchange/ledger.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/json_document.h"
#include "base/status_macros.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

Column LedgerColumn(std::string name, Type type, bool nullable, std::uint32_t key_position) {
  return {.name = std::move(name), .type = type, .nullable = nullable, .key_position = key_position};
}

absl::Status NotWrote() { return absl::InvalidArgumentError("a ledger's 'wrote' has an unknown form"); }

}  // namespace

TableSchema LedgerSchema() {
  TableSchema table;
  table.name = kLedgerTable;
  table.columns = {
      LedgerColumn("delivery_id", Type::kText, false, 1), LedgerColumn("number", Type::kInt64, false, 0),
      LedgerColumn("operation", Type::kText, false, 0),   LedgerColumn("table_name", Type::kText, false, 0),
      LedgerColumn("key", Type::kText, true, 0),          LedgerColumn("state", Type::kText, false, 0),
      LedgerColumn("wrote", Type::kText, true, 0),        LedgerColumn("reason", Type::kText, true, 0),
      LedgerColumn("attempts", Type::kInt64, false, 0),   LedgerColumn("next_at", Type::kInt64, false, 0),
      LedgerColumn("at", Type::kInt64, false, 0)};
  return table;
}

std::string WroteJson(const Wrote& wrote) {
  std::string json = "{";
  for (const auto& [name, column] : wrote) {
    if (json.size() > 1) json.push_back(',');
    AppendJsonString(name, &json);
    json.append(":[");
    if (column.version_ms) {
      absl::StrAppend(&json, *column.version_ms, ",");
      AppendValue(column.wish.value_or(Null{}), &json);
      json.push_back(',');
    }
    AppendValue(column.result, &json);
    json.push_back(']');
  }
  return json + "}";
}

absl::StatusOr<Wrote> WroteOf(std::string_view json) {
  Wrote wrote;
  if (json.empty()) return wrote;
  ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::Parse(json));
  if (!document.root().Is(JsonKind::kObject)) return NotWrote();
  for (const auto& [name, parts] : document.root().Members()) {
    const std::vector<JsonView> values = parts.Elements();
    WroteColumn column;
    if (values.size() != 1 && values.size() != 3) return NotWrote();
    ASSIGN_OR_RETURN(column.result, ValueOf(values.back()));
    if (values.size() == 3) {
      std::int64_t version = 0;
      if (!absl::SimpleAtoi(std::string(values[0].text()), &version)) return NotWrote();
      column.version_ms = version;
      ASSIGN_OR_RETURN(column.wish, ValueOf(values[1]));
    }
    wrote.emplace(name, std::move(column));
  }
  return wrote;
}

}  // namespace mirror
