#include "server/records/record_mapper.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

bool IsCompared(char c) { return c != ' ' && c != '_'; }

Column Text(std::string name, bool nullable) {
  Column column;
  column.name = std::move(name);
  column.type = Type::kText;
  column.nullable = nullable;
  return column;
}

TableSchema OwnColumns() {
  TableSchema table;
  table.name = kPartnerTable;
  table.columns = {Text(kExternalIdColumn, false), Text("id", false), Text("createdAt", false),
                   Text("modifiedAt", false), Text(kRecordColumn, true)};
  table.columns[0].key_position = 1;
  return table;
}

bool CanBeColumn(std::string_view name) {
  if (name.empty() || name.size() > 63 || !absl::ascii_isalpha(static_cast<unsigned char>(name.front())))
    return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; });
}

absl::Status Wrong(std::string why) {
  return absl::InvalidArgumentError(absl::StrCat("the mapper cannot be used: ", why, ". Nothing was done."));
}

}  // namespace

RecordMapper::RecordMapper(std::string id, std::vector<Column> columns, bool keeps_unmapped)
    : id_(std::move(id)),
      columns_(std::move(columns)),
      keeps_unmapped_(keeps_unmapped),
      table_(OwnColumns()) {
  for (std::size_t place = 0; place < columns_.size(); ++place) {
    by_name_.emplace(columns_[place].from, place);
    const std::string& to = columns_[place].to;
    std::optional<std::uint32_t> there = table_.Find(to);
    if (!there) {
      there = static_cast<std::uint32_t>(table_.columns.size());
      table_.columns.push_back(Text(to, true));
    }
    places_.push_back(*there);
  }
}

RecordMapper RecordMapper::Default() {
  std::vector<Column> columns = {{"BP_EXTERNAL_ID", kExternalIdColumn},
                                 {"EXTERNAL ID", kExternalIdColumn},
                                 {"CUSTOMER NUMBER", kExternalIdColumn},
                                 {"VENDOR NUMBER", kExternalIdColumn},
                                 {"COMPANY_NAME", "name"},
                                 {"NAME", "name"},
                                 {"COUNTRY_CODE", "country"},
                                 {"COUNTRY", "country"},
                                 {"CITY", "city"},
                                 {"STREET", "street"},
                                 {"POSTAL_CODE", "postalCode"}};
  for (const char n : {'1', '2', '3', '4'}) {
    const std::string number(1, n);
    columns.push_back({absl::StrCat("TAX NUMBER ", number), absl::StrCat("taxNumber", number)});
    columns.push_back(
        {absl::StrCat("TAX NUMBER ", number, " TYPE"), absl::StrCat("taxNumber", number, "Type")});
  }
  return RecordMapper(kDefaultMapper, std::move(columns), /*keeps_unmapped=*/true);
}

absl::StatusOr<RecordMapper> RecordMapper::Make(std::string id, std::vector<Column> columns,
                                                bool keeps_unmapped) {
  if (columns.size() > kMapperColumnsMax)
    return Wrong(
        absl::StrCat("it has ", columns.size(), " columns, and ", kMapperColumnsMax, " are allowed"));
  const TableSchema own = OwnColumns();
  decltype(by_name_) names;
  bool has_id = false;
  for (const Column& column : columns) {
    RETURN_IF_ERROR(CheckName(column.from, "an attribute of the mapper"));
    if (!names.emplace(column.from, 0).second)
      return Wrong(absl::StrCat("two of its columns are made from '", column.from, "'"));
    if (!CanBeColumn(column.to)) {
      return Wrong(absl::StrCat(
          "'", column.to, "' cannot be a column: a letter first, then letters, digits and '_', 63 in all"));
    }
    if (column.to == kExternalIdColumn) {
      has_id = true;
    } else if (own.Find(column.to)) {
      return Wrong(absl::StrCat("column '", column.to, "' is the mirror's own"));
    }
  }
  if (!has_id) return Wrong(absl::StrCat("none of its columns is '", kExternalIdColumn, "'"));
  // One column in two spellings would be two members in the answers.
  std::map<std::string, std::string> spelled;
  for (const Column& column : columns) {
    const std::string& first = spelled.emplace(FoldName(column.to), column.to).first->second;
    if (first != column.to)
      return Wrong(absl::StrCat("'", first, "' and '", column.to, "' are the same column"));
  }
  return RecordMapper(std::move(id), std::move(columns), keeps_unmapped);
}

std::size_t RecordMapper::Hash::operator()(std::string_view name) const {
  std::uint64_t hash = 14'695'981'039'346'656'037U;  // FNV-1a.
  for (const char c : name) {
    if (!IsCompared(c)) continue;
    hash = (hash ^ static_cast<unsigned char>(absl::ascii_toupper(static_cast<unsigned char>(c)))) *
           1'099'511'628'211U;
  }
  return hash;
}

bool RecordMapper::Equal::operator()(std::string_view a, std::string_view b) const {
  std::size_t i = 0, j = 0;
  while (true) {
    while (i < a.size() && !IsCompared(a[i])) ++i;
    while (j < b.size() && !IsCompared(b[j])) ++j;
    if (i == a.size() || j == b.size()) return i == a.size() && j == b.size();
    if (absl::ascii_toupper(static_cast<unsigned char>(a[i++])) !=
        absl::ascii_toupper(static_cast<unsigned char>(b[j++])))
      return false;
  }
}

std::optional<std::size_t> RecordMapper::Find(std::string_view attribute) const {
  const auto found = by_name_.find(attribute);
  return found == by_name_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::size_t> RecordMapper::FindExternalId(const std::vector<std::string>& attributes) const {
  std::optional<std::size_t> best, best_place;
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    const std::optional<std::size_t> place = Find(attributes[i]);
    if (place && IsExternalId(*place) && (!best_place || *place < *best_place)) {
      best = i;
      best_place = place;
    }
  }
  return best;
}

namespace {

absl::Status WrongJson(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("the mapper ", std::string(why), ". Nothing was done."));
}

bool IsText(const std::optional<JsonView>& value) { return value && value->Is(JsonKind::kString); }

}  // namespace

std::string MapperJson(const RecordMapper& mapper) {
  std::string json = "{\"id\":";
  AppendJsonString(mapper.id(), &json);
  json.append(",\"columns\":[");
  const char* between = "";
  for (const RecordMapper::Column& column : mapper.columns()) {
    absl::StrAppend(&json, std::exchange(between, ","), "{\"from\":");
    AppendJsonString(column.from, &json);
    json.append(",\"to\":");
    AppendJsonString(column.to, &json);
    json.push_back('}');
  }
  absl::StrAppend(&json, "],\"unmapped\":\"", mapper.keeps_unmapped() ? "keep" : "drop", "\"}");
  return json;
}

absl::StatusOr<RecordMapper> MapperOf(const JsonView& json) {
  const std::optional<JsonView> id = json.Find("id"), columns = json.Find("columns");
  if (!IsText(id)) return WrongJson("has no text as its 'id'");
  if (!columns || !columns->Is(JsonKind::kArray)) return WrongJson("has no list of 'columns'");
  std::vector<RecordMapper::Column> made;
  for (const JsonView& column : columns->Elements()) {
    const std::optional<JsonView> from = column.Find("from"), to = column.Find("to");
    if (!IsText(from) || !IsText(to)) return WrongJson("has a column without the texts 'from' and 'to'");
    made.push_back({std::string(from->text()), std::string(to->text())});
  }
  const std::optional<JsonView> unmapped = json.Find("unmapped");
  if (unmapped && (!IsText(unmapped) || (unmapped->text() != "keep" && unmapped->text() != "drop")))
    return WrongJson("says neither \"keep\" nor \"drop\" as 'unmapped'");
  return RecordMapper::Make(std::string(id->text()), std::move(made),
                            !unmapped || unmapped->text() == "keep");
}

absl::StatusOr<RecordMapper> MapperOf(std::string_view text) {
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text);
  if (!document.ok()) return WrongJson("that is kept cannot be read any more");
  return MapperOf(document->root());
}

}  // namespace mirror
