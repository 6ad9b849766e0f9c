#include "server/records/mapper_json.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

absl::Status Wrong(std::string_view why) {
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
  if (!IsText(id)) return Wrong("has no text as its 'id'");
  if (!columns || !columns->Is(JsonKind::kArray)) return Wrong("has no list of 'columns'");
  std::vector<RecordMapper::Column> made;
  for (const JsonView& column : columns->Elements()) {
    const std::optional<JsonView> from = column.Find("from"), to = column.Find("to");
    if (!IsText(from) || !IsText(to)) return Wrong("has a column without the texts 'from' and 'to'");
    made.push_back({std::string(from->text()), std::string(to->text())});
  }
  const std::optional<JsonView> unmapped = json.Find("unmapped");
  if (unmapped && (!IsText(unmapped) || (unmapped->text() != "keep" && unmapped->text() != "drop")))
    return Wrong("says neither \"keep\" nor \"drop\" as 'unmapped'");
  return RecordMapper::Make(std::string(id->text()), std::move(made),
                            !unmapped || unmapped->text() == "keep");
}

absl::StatusOr<RecordMapper> MapperOf(std::string_view text) {
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text);
  if (!document.ok()) return Wrong("that is kept cannot be read any more");
  return MapperOf(document->root());
}

}  // namespace mirror
