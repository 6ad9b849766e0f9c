#include "server/records/record_merge.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

constexpr std::size_t kExternalIdMax = 256;

bool HasNul(const JsonView& value) {
  if (value.text().find('\0') != std::string_view::npos) return true;
  for (const JsonView& element : value.Elements()) {
    if (HasNul(element)) return true;
  }
  for (const auto& [name, member] : value.Members()) {
    if (name.find('\0') != std::string_view::npos || HasNul(member)) return true;
  }
  return false;
}

std::string Quoted(std::string_view name) { return absl::StrCat("'", std::string(name), "'"); }

/// Checks the attributes by themselves and against each other.
absl::Status CheckItem(const RecordMapper& mapper, const RecordItem& item) {
  std::set<std::size_t> places;
  std::set<std::string_view> unmapped;
  const RecordAttribute* id = nullptr;
  std::size_t id_place = 0;
  for (const RecordAttribute& attribute : item.attributes) {
    const std::optional<std::size_t> place = mapper.Find(attribute.name);
    if (!place) {
      if (!unmapped.insert(attribute.name).second)
        return absl::InvalidArgumentError(
            absl::StrCat("attribute ", Quoted(attribute.name), " is there twice"));
      continue;
    }
    if (!places.insert(*place).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("two attributes mean the same as ", Quoted(mapper.columns()[*place].from)));
    }
    if (mapper.IsExternalId(*place) && (id == nullptr || *place < id_place)) {
      id = &attribute;
      id_place = *place;
    }
  }
  if (id != nullptr && (!id->json || id->text != item.external_id))
    return absl::InvalidArgumentError("the external id within the record is another one");
  return absl::OkStatus();
}

/// What makes two attributes the same one: the place of a mapped one, else its name.
using SameAttribute = std::pair<std::size_t, std::string>;

/// Absent: the attribute is not kept.
std::optional<SameAttribute> SameAs(const RecordMapper& mapper, const std::string& name) {
  if (const std::optional<std::size_t> place = mapper.Find(name)) return SameAttribute(*place, "");
  if (!mapper.keeps_unmapped()) return std::nullopt;
  return SameAttribute(mapper.columns().size(), name);
}

/// `taken` into what is stored: each in the place of the same one, new ones behind. A record has as many
/// attributes as a body holds, so that none is looked for among all of them.
void TakeIn(const RecordMapper& mapper, const std::vector<RecordAttribute>& taken,
            std::vector<RecordAttribute>* attributes) {
  if (attributes->empty()) {
    for (const RecordAttribute& attribute : taken) {
      if (attribute.json && (mapper.keeps_unmapped() || mapper.Find(attribute.name)))
        attributes->push_back(attribute);
    }
    return;
  }
  std::map<SameAttribute, std::size_t> places;
  for (std::size_t i = 0; i < attributes->size(); ++i) {
    if (std::optional<SameAttribute> same = SameAs(mapper, (*attributes)[i].name))
      places.emplace(*std::move(same), i);
  }
  for (const RecordAttribute& attribute : taken) {
    std::optional<SameAttribute> same = SameAs(mapper, attribute.name);
    if (!same) continue;
    const auto [found, is_new] = places.emplace(*std::move(same), attributes->size());
    if (is_new) {
      attributes->push_back(attribute);
    } else {
      (*attributes)[found->second] = attribute;
    }
  }
  std::erase_if(*attributes, [](const RecordAttribute& attribute) { return !attribute.json; });
}

std::string JsonOf(const std::vector<RecordAttribute>& attributes) {
  std::string json = "{";
  for (const RecordAttribute& attribute : attributes) {
    if (json.size() > 1) json.push_back(',');
    AppendJsonString(attribute.name, &json);
    json.push_back(':');
    json.append(*attribute.json);
  }
  json.push_back('}');
  return json;
}

void WriteColumns(const RecordMapper& mapper, const std::vector<RecordAttribute>& attributes,
                  std::vector<std::optional<std::string>>* columns) {
  std::vector<std::size_t> best(columns->size(), mapper.columns().size());
  for (const RecordAttribute& attribute : attributes) {
    const std::optional<std::size_t> place = mapper.Find(attribute.name);
    if (!place || mapper.IsExternalId(*place)) continue;
    const std::size_t column = mapper.ColumnOf(*place) - kOwnPartnerColumns;
    if (*place >= best[column]) continue;
    best[column] = *place;
    (*columns)[column] = attribute.json ? std::optional(attribute.text) : std::nullopt;
  }
}

}  // namespace

absl::StatusOr<std::vector<RecordAttribute>> AttributesOf(const JsonView& object,
                                                          const std::vector<std::string_view>& leave_out) {
  if (!object.Is(JsonKind::kObject)) return absl::InvalidArgumentError("the record is not a JSON object");
  if (HasNul(object)) return absl::InvalidArgumentError("the record has a NUL character, which is not kept");
  std::vector<RecordAttribute> attributes;
  for (const auto& [name, value] : object.Members()) {
    if (std::find(leave_out.begin(), leave_out.end(), name) != leave_out.end()) continue;
    RecordAttribute& attribute = attributes.emplace_back();
    attribute.name = name;
    if (value.Is(JsonKind::kNull)) continue;
    value.AppendTo(&attribute.json.emplace());
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

absl::Status MergeRecord(const RecordMapper& mapper, const RecordItem& item, bool keeps_record,
                         PartnerRow* row) {
  if (absl::Status checked = CheckItem(mapper, item); !checked.ok()) return checked;
  const std::size_t columns = mapper.table().columns.size() - kOwnPartnerColumns;
  if (!keeps_record) {
    row->columns.resize(columns);
    row->record.reset();
    WriteColumns(mapper, item.attributes, &row->columns);
    return absl::OkStatus();
  }
  std::vector<RecordAttribute> attributes;
  if (row->record) {
    absl::StatusOr<std::vector<RecordAttribute>> stored = ParseRecord(*row->record);
    // Who wrote it by hand is told; the rows stay.
    if (!stored.ok())
      return absl::InvalidArgumentError("the record that is stored is no JSON object any more");
    attributes = *std::move(stored);
  }
  TakeIn(mapper, item.attributes, &attributes);
  row->record = JsonOf(attributes);
  row->columns.assign(columns, std::nullopt);
  WriteColumns(mapper, attributes, &row->columns);
  return absl::OkStatus();
}

}  // namespace mirror
