#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "server/records/mapper_json.h"
#include "server/storages/mapper_use.h"
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
  absl::StatusOr<std::shared_ptr<Tenant>> root = Root(storage);
  if (!root.ok()) return root.status();
  std::vector<RecordMapper> mappers = {RecordMapper::Default()};
  const auto kept = (*root)->ListDocuments(kMapperKind, "", kMappersMax);
  if (!kept.ok()) return kept.status();
  for (const Document& one : *kept) {
    absl::StatusOr<RecordMapper> mapper = MapperOf(one.text);
    if (mapper.ok()) mappers.push_back(*std::move(mapper));
  }
  return mappers;
}

absl::StatusOr<RecordMapper> Storages::FindMapper(const std::string& storage, const std::string& id) {
  absl::StatusOr<std::shared_ptr<Tenant>> root = Root(storage);
  if (!root.ok()) return root.status();
  if (FoldName(id) == kDefaultMapper) return RecordMapper::Default();
  const absl::StatusOr<std::optional<Document>> kept = (*root)->FindDocument(kMapperKind, FoldName(id));
  if (!kept.ok()) return kept.status();
  if (!*kept) return NoMapper(id);
  return MapperOf((*kept)->text);
}

absl::Status Storages::PutMapper(const std::string& storage, const RecordMapper& mapper, bool is_new,
                                 std::int64_t now_ms) {
  if (absl::Status checked = CheckStorageId(mapper.id(), "a mapper"); !checked.ok()) return checked;
  const MutexLock lock(changes_);
  absl::StatusOr<std::shared_ptr<Tenant>> root = Root(storage);
  if (!root.ok()) return root.status();
  if (FoldName(mapper.id()) == kDefaultMapper) return MapperTaken(mapper.id());
  return (*root)->ChangeDocuments(
      [&](StoreRecords& records) -> absl::StatusOr<std::vector<DocumentChange>> {
        // Another server may have made, changed or begun to use it meanwhile.
        const auto there = records.ReadDocument(kMapperKind, FoldName(mapper.id()));
        if (!there.ok()) return there.status();
        if (*there && is_new) return MapperTaken(mapper.id());
        if (!*there && !is_new) return NoMapper(mapper.id());
        if (absl::Status unused = CheckUnused(records, mapper.id()); !unused.ok()) return unused;
        const auto kept = records.ReadDocuments(kMapperKind, "", kMappersMax);
        if (!kept.ok()) return kept.status();
        if (is_new && kept->size() >= kMappersMax) {
          return absl::FailedPreconditionError(absl::StrCat(
              "the storage has ", kMappersMax, " mappers, and no more can be. Nothing was done."));
        }
        return std::vector<DocumentChange>{{kMapperKind, FoldName(mapper.id()), MapperJson(mapper)}};
      },
      now_ms);
}

absl::Status Storages::DeleteMapper(const std::string& storage, const std::string& id, std::int64_t now_ms) {
  const MutexLock lock(changes_);
  absl::StatusOr<std::shared_ptr<Tenant>> root = Root(storage);
  if (!root.ok()) return root.status();
  if (FoldName(id) == kDefaultMapper) {
    return absl::FailedPreconditionError("the mapper 'default' is always there. Nothing was done.");
  }
  return (*root)->ChangeDocuments(
      [&](StoreRecords& records) -> absl::StatusOr<std::vector<DocumentChange>> {
        const auto there = records.ReadDocument(kMapperKind, FoldName(id));
        if (!there.ok()) return there.status();
        if (!*there) return NoMapper(id);
        if (absl::Status unused = CheckUnused(records, id); !unused.ok()) return unused;
        return std::vector<DocumentChange>{{kMapperKind, FoldName(id), std::nullopt}};
      },
      now_ms);
}

}  // namespace mirror
