#include "server/tenant/mirror/own_document.h"

#include <utility>

#include "absl/strings/numbers.h"

#include "base/status_macros.h"

namespace mirror {

absl::StatusOr<OwnDocument> ReadOwnDocument(StoreRecords& records, const std::string& kind) {
  ASSIGN_OR_RETURN(const std::optional<Document> document, records.ReadDocument(kind, ""));
  OwnDocument own;
  if (!document) return own;
  absl::StatusOr<JsonDocument> json = JsonDocument::Parse(document->text);
  own.is_spoiled = !json.ok() || !json->root().Is(JsonKind::kObject);
  if (!own.is_spoiled) own.json = *std::move(json);
  return own;
}

std::optional<std::int64_t> WholeNumber(const JsonView& json) {
  std::int64_t number = 0;
  if (!absl::SimpleAtoi(std::string(json.text()), &number) || number < 0) return std::nullopt;
  return number;
}

std::int64_t NumberIn(const JsonView& json, std::string_view name) {
  const std::optional<JsonView> member = json.Find(name);
  return member ? WholeNumber(*member).value_or(0) : 0;
}

std::set<std::string> TextsIn(const JsonView& json, std::string_view name) {
  std::set<std::string> texts;
  const std::optional<JsonView> member = json.Find(name);
  if (!member) return texts;
  for (const JsonView& text : member->Elements()) texts.emplace(text.text());
  return texts;
}

void PutTexts(const std::set<std::string>& texts, JsonWriter* json) {
  json->Begin('[');
  for (const std::string& text : texts) json->String(text);
  json->End(']');
}

}  // namespace mirror
