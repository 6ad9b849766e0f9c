#include "server/records/record_merge.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

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

namespace {

using Mapped = std::vector<std::optional<std::size_t>>;

/// Returns the index of each attribute of an item in the mapper; absent: the mapper does not list it.
/// Errors: an attribute is not valid by itself, or together with the others.
absl::StatusOr<Mapped> MapItem(const RecordMapper& mapper, const RecordItem& item) {
  if (item.attributes.size() > kRecordAttributesMax) {
    return absl::InvalidArgumentError(absl::StrCat("the record has ", item.attributes.size(),
                                                   " attributes; at most ", kRecordAttributesMax,
                                                   " are taken"));
  }
  Mapped mapped;
  mapped.reserve(item.attributes.size());
  std::vector<bool> is_taken(mapper.columns().size());
  std::set<std::string_view> unmapped;
  const RecordAttribute* id = nullptr;
  std::size_t id_place = 0;
  for (const RecordAttribute& attribute : item.attributes) {
    const std::optional<std::size_t> place = mapped.emplace_back(mapper.Find(attribute.name));
    if (!place) {
      if (!unmapped.insert(attribute.name).second)
        return absl::InvalidArgumentError(absl::StrCat("attribute '", attribute.name, "' is there twice"));
      continue;
    }
    if (is_taken[*place]) {
      return absl::InvalidArgumentError(
          absl::StrCat("two attributes mean the same as '", mapper.columns()[*place].from, "'"));
    }
    is_taken[*place] = true;
    if (mapper.IsExternalId(*place) && (id == nullptr || *place < id_place)) {
      id = &attribute;
      id_place = *place;
    }
  }
  if (id != nullptr && (!id->json || id->text != item.external_id))
    return absl::InvalidArgumentError("the external id within the record is another one");
  return mapped;
}

/// Returns the number of bytes that AppendJsonString() appends.
std::size_t JsonStringBytes(std::string_view text) {
  std::size_t bytes = 2;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool has_letter = byte == '"' || byte == '\\' || byte == '\n' || byte == '\r' || byte == '\t';
    bytes += has_letter ? 2 : byte < 0x20 ? 6 : 1;
  }
  return bytes;
}

std::size_t BytesOf(const RecordAttribute& attribute) {
  return attribute.json ? JsonStringBytes(attribute.name) + attribute.json->size() + 2 : 0;
}
std::size_t ValuesOf(const RecordAttribute& attribute) { return attribute.json ? attribute.values + 1 : 0; }

/// Chooses the attribute for each column: if several map to it, the one that the mapper lists first.
class ByColumn {
 public:
  explicit ByColumn(const RecordMapper& mapper)
      : mapper_(mapper),
        best_(mapper.table().columns.size() - kOwnPartnerColumns, mapper.columns().size()),
        attributes_(best_.size(), nullptr) {}

  void Add(const RecordAttribute& attribute, std::optional<std::size_t> place) {
    if (!place || mapper_.IsExternalId(*place)) return;
    const std::size_t column = mapper_.ColumnOf(*place) - kOwnPartnerColumns;
    if (*place >= best_[column]) return;
    best_[column] = *place;
    attributes_[column] = &attribute;
  }
  /// Null: no attribute maps to the column.
  const std::vector<const RecordAttribute*>& attributes() const { return attributes_; }

 private:
  const RecordMapper& mapper_;
  std::vector<std::size_t> best_;
  std::vector<const RecordAttribute*> attributes_;
};

/// `size`: text with the size that the record would have.
absl::Status TooLarge(const std::string& size) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the record would have ", size, "; at most ", kRecordBytesMax, " bytes, ", kRecordAttributesMax,
      " attributes and ", kRecordValuesMax, " values are kept. The stored record is unchanged"));
}

}  // namespace

void MergedPartner::Size::Add(const RecordAttribute& attribute) {
  bytes += BytesOf(attribute);
  values += ValuesOf(attribute);
  attributes += attribute.json ? 1 : 0;
}

void MergedPartner::Size::Remove(const RecordAttribute& attribute) {
  bytes -= BytesOf(attribute);
  values -= ValuesOf(attribute);
  attributes -= attribute.json ? 1 : 0;
}

bool MergedPartner::Size::IsOver(const Size& before) const {
  // A record that is already too large, from an older server, may change, but not grow.
  return (bytes > kRecordBytesMax && bytes > before.bytes) ||
         (attributes > kRecordAttributesMax && attributes > before.attributes) ||
         (values > kRecordValuesMax && values > before.values);
}

absl::StatusOr<bool> MergedPartner::Merge(const RecordItem& item) {
  ASSIGN_OR_RETURN(const Mapped mapped, MapItem(mapper_, item));
  if (!keeps_record_) return MergeColumns(item, mapped);
  RETURN_IF_ERROR(TakeApart());
  if (!attributes_.empty()) NotePlaces();
  Places places(item.attributes.size());
  Size size = size_;
  bool changes = false;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const RecordAttribute& attribute = item.attributes[i];
    if (!IsKept(mapped[i])) continue;
    places[i] = Find(attribute.name, mapped[i]);
    if (places[i]) {
      const RecordAttribute& before = attributes_[*places[i]].attribute;
      size.Remove(before);
      changes = changes || before.json != attribute.json || (attribute.json && before.name != attribute.name);
    } else {
      changes = changes || attribute.json;
    }
    size.Add(attribute);
  }
  if (size.IsOver(size_)) {
    return TooLarge(
        absl::StrCat(size.bytes, " bytes, ", size.attributes, " attributes and ", size.values, " values"));
  }
  if (!changes) return !IsAsWritten();
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (IsKept(mapped[i])) Put(item.attributes[i], mapped[i], places[i]);
  }
  size_ = size;
  is_changed_ = true;
  return true;
}

PartnerRow MergedPartner::Take() {
  if (keeps_record_ && (is_changed_ || !was_there_ || !is_as_written_.value_or(true))) {
    row_.record.reset();
    Write(&row_);
  }
  return std::move(row_);
}

absl::Status MergedPartner::TakeApart() {
  if (is_apart_) return apart_;
  is_apart_ = true;
  if (!row_.record) return apart_;
  absl::StatusOr<std::vector<RecordAttribute>> stored = ParseRecord(*row_.record);
  // The caller gets an error for a record that was damaged by hand; the stored row stays.
  if (!stored.ok())
    return apart_ = absl::InvalidArgumentError("the stored record is not a JSON object any more");
  for (RecordAttribute& attribute : *stored) {
    size_.Add(attribute);
    const std::optional<std::size_t> mapped = mapper_.Find(attribute.name);
    attributes_.push_back({std::move(attribute), mapped});
  }
  return apart_;
}

bool MergedPartner::IsKept(std::optional<std::size_t> mapped) const {
  return mapped || mapper_.keeps_unmapped();
}

std::optional<std::size_t> MergedPartner::Find(std::string_view name,
                                               std::optional<std::size_t> mapped) const {
  if (!has_places_) return std::nullopt;
  if (mapped) return mapped_[*mapped];
  const auto found = unmapped_.find(name);
  return found == unmapped_.end() ? std::nullopt : std::optional(found->second);
}

void MergedPartner::NotePlaces() {
  if (has_places_) return;
  has_places_ = true;
  mapped_.resize(mapper_.columns().size());
  unmapped_.reserve(attributes_.size());
  for (std::size_t i = 0; i < attributes_.size(); ++i) {
    if (const std::optional<std::size_t> mapped = attributes_[i].mapped) {
      if (!mapped_[*mapped]) mapped_[*mapped] = i;
    } else {
      unmapped_.emplace(attributes_[i].attribute.name, i);
    }
  }
}

void MergedPartner::Put(const RecordAttribute& attribute, std::optional<std::size_t> mapped,
                        std::optional<std::size_t> place) {
  if (place) {
    RecordAttribute& there = attributes_[*place].attribute;
    if (!attribute.json) {
      // If the attribute comes again, it is appended at the end.
      if (mapped) {
        mapped_[*mapped].reset();
      } else {
        unmapped_.erase(there.name);
      }
      there = {};
    } else {
      if (mapped) there.name = attribute.name;  // Else it already has that name, and unmapped_ points to it.
      there.json = attribute.json;
      there.text = attribute.text;
      there.values = attribute.values;
    }
    return;
  }
  if (!attribute.json) return;
  attributes_.push_back({attribute, mapped});
  if (!has_places_) return;
  if (mapped) {
    mapped_[*mapped] = attributes_.size() - 1;
  } else {
    unmapped_.emplace(attributes_.back().attribute.name, attributes_.size() - 1);
  }
}

absl::StatusOr<bool> MergedPartner::MergeColumns(const RecordItem& item, const Mapped& mapped) {
  ByColumn taken(mapper_);
  for (std::size_t i = 0; i < mapped.size(); ++i) taken.Add(item.attributes[i], mapped[i]);
  const std::size_t columns = taken.attributes().size();
  row_.columns.resize(columns);
  Size before, size;
  for (std::size_t i = 0; i < columns; ++i) {
    const RecordAttribute* const attribute = taken.attributes()[i];
    const std::size_t bytes = row_.columns[i].value_or("").size();
    before.bytes += bytes;
    size.bytes += attribute == nullptr ? bytes : attribute->json ? attribute->text.size() : 0;
  }
  if (size.IsOver(before)) return TooLarge(absl::StrCat(size.bytes, " bytes in its columns"));
  row_.record.reset();
  for (std::size_t i = 0; i < columns; ++i) {
    const RecordAttribute* const attribute = taken.attributes()[i];
    if (attribute == nullptr) continue;
    row_.columns[i] = attribute->json ? std::optional(attribute->text) : std::nullopt;
  }
  return true;
}

/// Returns whether the stored row is what Write() would produce: it may have been changed by hand.
bool MergedPartner::IsAsWritten() {
  if (!was_there_ || is_changed_) return true;
  if (!is_as_written_) {
    PartnerRow written;
    Write(&written);
    is_as_written_ = written.record == row_.record && written.columns == row_.columns;
  }
  return *is_as_written_;
}

void MergedPartner::Write(PartnerRow* row) const {
  std::string& json = row->record.emplace();
  json.reserve(size_.bytes + 1);
  json = "{";
  ByColumn taken(mapper_);
  for (const auto& [attribute, mapped] : attributes_) {
    if (!attribute.json) continue;
    if (json.size() > 1) json.push_back(',');
    AppendJsonString(attribute.name, &json);
    json.push_back(':');
    json.append(*attribute.json);
    taken.Add(attribute, mapped);
  }
  json.push_back('}');
  row->columns.assign(taken.attributes().size(), std::nullopt);
  for (std::size_t i = 0; i < taken.attributes().size(); ++i) {
    if (const RecordAttribute* const attribute = taken.attributes()[i]) row->columns[i] = attribute->text;
  }
}

}  // namespace mirror
