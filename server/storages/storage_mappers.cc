#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "server/records/mapper_json.h"
#include "server/storages/storage_ids.h"
#include "server/storages/storages.h"

namespace mirror {
namespace {

absl::Status NoMapper(const std::string& mapper) {
  return absl::NotFoundError(
      absl::StrCat("there is no mapper '", mapper, "' in the storage. Nothing was done."));
}

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

absl::Status Storages::CheckUnused(const std::string& storage, const std::string& mapper) {
  const absl::StatusOr<std::vector<DataSource>> sources = ListSources(storage);
  if (!sources.ok()) return sources.status();
  for (const DataSource& source : *sources) {
    if (FoldName(source.mapper) != FoldName(mapper)) continue;
    return absl::FailedPreconditionError(absl::StrCat("mapper '", mapper, "' is that of data source '",
                                                      source.id,
                                                      "'. Nothing was done. Make another mapper instead."));
  }
  return absl::OkStatus();
}

absl::Status Storages::PutMapper(const std::string& storage, const RecordMapper& mapper, bool is_new,
                                 std::int64_t now_ms) {
  if (absl::Status checked = CheckStorageId(mapper.id(), "a mapper"); !checked.ok()) return checked;
  const MutexLock lock(changes_);
  const absl::StatusOr<RecordMapper> there = FindMapper(storage, mapper.id());
  if (!there.ok() && (!is_new || !absl::IsNotFound(there.status()) || !Find(storage).ok()))
    return there.status();
  if (there.ok() && (is_new || FoldName(mapper.id()) == kDefaultMapper)) return MapperTaken(mapper.id());
  if (absl::Status unused = CheckUnused(storage, mapper.id()); !unused.ok()) return unused;
  absl::StatusOr<std::shared_ptr<Tenant>> root = Root(storage);
  if (!root.ok()) return root.status();
  return (*root)->ChangeDocuments(
      [&](StoreRecords& records) -> absl::StatusOr<std::vector<DocumentChange>> {
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
  if (absl::Status there = FindMapper(storage, id).status(); !there.ok()) return there;
  if (FoldName(id) == kDefaultMapper) {
    return absl::FailedPreconditionError("the mapper 'default' is always there. Nothing was done.");
  }
  if (absl::Status unused = CheckUnused(storage, id); !unused.ok()) return unused;
  absl::StatusOr<std::shared_ptr<Tenant>> root = Root(storage);
  if (!root.ok()) return root.status();
  return (*root)->ChangeDocuments(
      [&](StoreRecords&) -> absl::StatusOr<std::vector<DocumentChange>> {
        return std::vector<DocumentChange>{{kMapperKind, FoldName(id), std::nullopt}};
      },
      now_ms);
}

}  // namespace mirror
