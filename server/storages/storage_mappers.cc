#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/records/record_mapper.h"
#include "server/storages/source_documents.h"
#include "server/storages/storage_ids.h"
#include "server/storages/storages.h"

namespace mirror {
namespace {

absl::Status MapperTaken(const std::string& id) {
  return absl::AlreadyExistsError(
      absl::StrCat("mapper '", id,
                   "' exists already. Nothing was done. Choose another id, or replace it by "
                   "PUT."));
}

}  // namespace

absl::StatusOr<std::vector<RecordMapper>> Storages::ListMappers(const std::string& storage) {
  ASSIGN_OR_RETURN(std::shared_ptr<Tenant> root, Root(storage));
  std::vector<RecordMapper> mappers = {RecordMapper::Default()};
  ASSIGN_OR_RETURN(const auto kept, root->ListDocuments(kMapperKind, "", kMappersMax));
  for (const Document& one : kept) {
    absl::StatusOr<RecordMapper> mapper = MapperOf(one.text);
    if (mapper.ok()) mappers.push_back(*std::move(mapper));
  }
  return mappers;
}

absl::StatusOr<RecordMapper> Storages::FindMapper(const std::string& storage, const std::string& id) {
  ASSIGN_OR_RETURN(std::shared_ptr<Tenant> root, Root(storage));
  if (FoldName(id) == kDefaultMapper) return RecordMapper::Default();
  ASSIGN_OR_RETURN(const std::optional<Document> kept, root->FindDocument(kMapperKind, FoldName(id)));
  if (!kept) return NoMapper(id);
  return MapperOf(kept->text);
}

absl::Status Storages::PutMapper(const std::string& storage, const RecordMapper& mapper, bool is_new,
                                 std::int64_t now_ms) {
  RETURN_IF_ERROR(CheckStorageId(mapper.id(), "a mapper"));
  const MutexLock lock(changes_);
  ASSIGN_OR_RETURN(std::shared_ptr<Tenant> root, Root(storage));
  if (FoldName(mapper.id()) == kDefaultMapper) return MapperTaken(mapper.id());
  return (root)->ChangeDocuments(
      [&](StoreRecords& records) -> absl::StatusOr<std::vector<DocumentChange>> {
        // Another server may have created, changed or started to use the mapper since.
        ASSIGN_OR_RETURN(const auto there, records.ReadDocument(kMapperKind, FoldName(mapper.id())));
        if (there && is_new) return MapperTaken(mapper.id());
        if (!there && !is_new) return NoMapper(mapper.id());
        RETURN_IF_ERROR(CheckUnused(records, mapper.id()));
        ASSIGN_OR_RETURN(const auto kept, records.ReadDocuments(kMapperKind, "", kMappersMax));
        if (is_new && kept.size() >= kMappersMax) {
          return absl::FailedPreconditionError(absl::StrCat(
              "the storage has ", kMappersMax, " mappers, and cannot have more. Nothing was done."));
        }
        return std::vector<DocumentChange>{{kMapperKind, FoldName(mapper.id()), MapperJson(mapper)}};
      },
      now_ms);
}

absl::Status Storages::DeleteMapper(const std::string& storage, const std::string& id, std::int64_t now_ms) {
  const MutexLock lock(changes_);
  ASSIGN_OR_RETURN(std::shared_ptr<Tenant> root, Root(storage));
  if (FoldName(id) == kDefaultMapper) {
    return absl::FailedPreconditionError("the mapper 'default' is always there. Nothing was done.");
  }
  return (root)->ChangeDocuments(
      [&](StoreRecords& records) -> absl::StatusOr<std::vector<DocumentChange>> {
        ASSIGN_OR_RETURN(const auto there, records.ReadDocument(kMapperKind, FoldName(id)));
        if (!there) return NoMapper(id);
        RETURN_IF_ERROR(CheckUnused(records, id));
        return std::vector<DocumentChange>{{kMapperKind, FoldName(id), std::nullopt}};
      },
      now_ms);
}

}  // namespace mirror
