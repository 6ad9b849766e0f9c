#include "server/storages/mapper_use.h"

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/records/record_mapper.h"
#include "server/storages/source_documents.h"
#include "server/storages/storage_ids.h"
#include "server/tenant/records/records_form.h"

namespace mirror {
namespace {

absl::Status InUse(const std::string& mapper, const std::string& source) {
  return absl::FailedPreconditionError(absl::StrCat("mapper '", mapper, "' is that of data source '", source,
                                                    "'. Nothing was done. Make another mapper instead."));
}

}  // namespace

absl::Status NoMapper(const std::string& mapper) {
  return absl::NotFoundError(
      absl::StrCat("there is no mapper '", mapper, "' in the storage. Nothing was done."));
}

absl::Status CheckUnused(StoreRecords& records, const std::string& mapper) {
  // Of the default data source, absent where its rows come by cycles.
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

}  // namespace mirror
