#include "server/storages/source_documents.h"

#include "base/json/json_document.h"
#include "base/json/json_writer.h"

namespace mirror {
namespace {

std::string TextOf(const JsonView& object, std::string_view name) {
  const std::optional<JsonView> found = object.Find(name);
  return found ? std::string(found->text()) : std::string();
}

}  // namespace

std::string StorageText(const std::string& name) {
  return JsonWriter().Begin('{').Member("name", name).End('}').Take();
}

std::string StorageNameOf(const std::string& text) {
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text);
  return document.ok() ? TextOf(document->root(), "name") : std::string();
}

std::string SourceText(const DataSource& source) {
  return JsonWriter()
      .Begin('{')
      .Member("id", source.id)
      .Member("name", source.name)
      .Member("mapper", source.mapper)
      .Member("door", source.door == Door::kRecords ? "records" : "cycles")
      .Member("tenant", source.tenant)
      .End('}')
      .Take();
}

std::optional<DataSource> SourceOf(const std::string& text) {
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text);
  if (!document.ok() || !document->root().Is(JsonKind::kObject)) return std::nullopt;
  const JsonView root = document->root();
  DataSource source;
  source.id = TextOf(root, "id");
  source.name = TextOf(root, "name");
  source.mapper = TextOf(root, "mapper");
  source.door = TextOf(root, "door") == "cycles" ? Door::kCycles : Door::kRecords;
  source.tenant = TextOf(root, "tenant");
  if (source.id.empty() || source.tenant.empty()) return std::nullopt;
  return source;
}

}  // namespace mirror
