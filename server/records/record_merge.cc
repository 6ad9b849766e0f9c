#include "server/records/record_merge.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

constexpr std::size_t kExternalIdMax = 256;

}  // namespace

absl::StatusOr<std::vector<RecordAttribute>> AttributesOf(const JsonView& object,
                                                          const std::vector<std::string_view>& leave_out) {
  if (!object.Is(JsonKind::kObject)) return absl::InvalidArgumentError("the record is not a JSON object");
  if (object.HasNul()) return absl::InvalidArgumentError("the record has a NUL character, which is not kept");
  std::vector<RecordAttribute> attributes;
  for (const auto& [name, value] : object.Members()) {
    if (std::find(leave_out.begin(), leave_out.end(), name) != leave_out.end()) continue;
    RecordAttribute& attribute = attributes.emplace_back();
    attribute.name = name;
    if (value.Is(JsonKind::kNull)) continue;
    value.AppendTo(&attribute.json.emplace());
    attribute.values = value.CountValues();
    const bool is_plain = value.Is(JsonKind::kString) || value.Is(JsonKind::kNumber);
    attribute.text = is_plain ? std::string(value.text()) : *attribute.json;
  }
  return attributes;
}

absl::StatusOr<std::vector<RecordAttribute>> ParseRecord(std::string_view text) {
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text);
  if (document.ok()) return AttributesOf(document->root());
  if (absl::IsInvalidArgument(document.status())) return absl::InvalidArgumentError(kWrongQuotes);
  return absl::InvalidArgumentError(
      absl::StrCat("the record cannot be taken: ", std::string(document.status().message())));
}

absl::Status CheckExternalId(std::string_view external_id) {
  if (external_id.empty()) return absl::InvalidArgumentError("there is no external id");
  const bool has_control = std::any_of(external_id.begin(), external_id.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
  if (has_control) return absl::InvalidArgumentError("the external id has a control character");
  const auto characters = std::count_if(external_id.begin(), external_id.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
  });
  if (characters <= static_cast<std::ptrdiff_t>(kExternalIdMax)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the external id has more than ", kExternalIdMax, " characters"));
}

}  // namespace mirror
