#include "server/storages/source_documents.h"

#include "base/json/json_document.h"
#include "base/json/json_writer.h"
#include "server/storages/storage_ids.h"

namespace mirror {
std::string StorageText(const std::string& name) {
  return JsonWriter().Begin('{').Member("name", name).End('}').Take();
}

std::string StorageNameOf(const std::string& text) {
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text);
  return document.ok() ? document->root().TextOf("name") : std::string();
}

std::string SourceText(const DataSource& source) {
  return JsonWriter()
      .Begin('{')
      .Member("id", source.id)
      .Member("name", source.name)
      .Member("mapper", source.mapper)
      .Member("door", ToString(source.door))
      .Member("tenant", source.tenant)
      .End('}')
      .Take();
}

std::optional<DataSource> SourceOf(const std::string& text) {
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text);
  if (!document.ok() || !document->root().Is(JsonKind::kObject)) return std::nullopt;
  const JsonView root = document->root();
  DataSource source;
  source.id = root.TextOf("id");
  source.name = root.TextOf("name");
  source.mapper = root.TextOf("mapper");
  source.door = root.TextOf("door") == "cycles" ? Door::kCycles : Door::kRecords;
  source.tenant = root.TextOf("tenant");
  if (source.id.empty() || source.tenant.empty()) return std::nullopt;
  return source;
}

std::vector<DataSource> SourcesIn(const std::vector<Document>& documents) {
  std::vector<DataSource> sources;
  for (const Document& one : documents) {
    if (one.id == kDefaultSource) continue;
    if (std::optional<DataSource> source = SourceOf(one.text)) sources.push_back(*std::move(source));
  }
  return sources;
}

}  // namespace mirror
