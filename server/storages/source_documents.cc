#include "server/storages/source_documents.h"

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/json_document.h"
#include "base/json_writer.h"
#include "base/status_macros.h"
#include "server/records/record_mapper.h"
#include "server/storages/storage_ids.h"
#include "server/tenant/records_form.h"

namespace mirror {
namespace {

absl::Status InUse(const std::string& mapper, const std::string& source) {
  return absl::FailedPreconditionError(absl::StrCat("mapper '", mapper, "' is used by data source '", source,
                                                    "'. Nothing was done. Make another mapper instead."));
}

}  // namespace

absl::Status NoMapper(const std::string& mapper) {
  return absl::NotFoundError(
      absl::StrCat("there is no mapper '", mapper, "' in the storage. Nothing was done."));
}

absl::Status CheckUnused(StoreRecords& records, const std::string& mapper) {
  // Mapper of the default data source; absent if its rows come from cycles.
  ASSIGN_OR_RETURN(const std::optional<Document> own, records.ReadDocument(kSourceKind, ""));
  if (own) {
    ASSIGN_OR_RETURN(const RecordMapper used, MapperOf(own->text));
    if (FoldName(used.id()) == FoldName(mapper)) return InUse(mapper, kDefaultSource);
  }
  ASSIGN_OR_RETURN(const std::vector<Document> listed,
                   records.ReadDocuments(kDataSourceKind, "", kDataSourcesMax + 1));
  for (const DataSource& source : SourcesIn(listed)) {
    if (FoldName(source.mapper) == FoldName(mapper)) return InUse(mapper, source.id);
  }
  return absl::OkStatus();
}

absl::Status CheckStays(StoreRecords& records, const RecordMapper& mapper) {
  if (FoldName(mapper.id()) == kDefaultMapper) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::optional<Document> kept,
                   records.ReadDocument(kMapperKind, FoldName(mapper.id())));
  if (!kept) return NoMapper(mapper.id());
  ASSIGN_OR_RETURN(const RecordMapper now, MapperOf(kept->text));
  if (MapperJson(now) == MapperJson(mapper)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "mapper '", mapper.id(), "' was replaced by somebody else meanwhile. Nothing was done; try again."));
}

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
