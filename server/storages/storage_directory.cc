#include "server/storages/storage_directory.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "server/records/record_mapper.h"
#include "server/storages/source_documents.h"
#include "server/storages/storage_ids.h"
#include "server/tenant/records_calls.h"

namespace mirror {
absl::Status NoStorage(const std::string& id) {
  return absl::NotFoundError(absl::StrCat("there is no storage '", id, "'. Nothing was done."));
}

absl::Status NoTenant(const std::string& context_id) {
  return absl::NotFoundError(absl::StrCat("there is no tenant '", context_id, "'. Nothing was done."));
}

absl::Status NoSource(const std::string& storage, const std::string& source) {
  return absl::NotFoundError(
      absl::StrCat("storage '", storage, "' has no data source '", source, "'. Nothing was done."));
}

bool IsNowhere(const absl::Status& status) { return absl::IsNotFound(status) || absl::IsAborted(status); }

absl::StatusOr<std::shared_ptr<Tenant>> StorageDirectory::Root(const std::string& storage) {
  if (!IsStorageId(storage)) return NoStorage(storage);
  absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(storage);
  if (absl::IsNotFound(tenant.status())) return NoStorage(storage);
  if (!tenant.ok()) return tenant;
  const absl::StatusOr<Known> known = Look(**tenant);
  if (IsNowhere(known.status())) return NoStorage(storage);
  if (!known.ok()) return known.status();
  ASSIGN_OR_RETURN(const bool is_storage, IsStorage((*tenant)->context_id(), *known));
  if (!is_storage) return NoStorage(storage);
  return tenant;
}

std::optional<StorageDirectory::Known> StorageDirectory::FindKnown(const Tenant& tenant) {
  const MutexLock lock(mutex_);
  const auto found = known_.find(FoldName(tenant.context_id()));
  if (found == known_.end() || found->second.version != tenant.documents_version()) return std::nullopt;
  return found->second;
}

void StorageDirectory::Keep(const Tenant& tenant, const Known& known) {
  // With a shared home another server may change the documents.
  if (tenants_.home().IsShared()) return;
  const MutexLock lock(mutex_);
  known_[FoldName(tenant.context_id())] = known;
}

void StorageDirectory::Forget(const std::string& id) {
  const MutexLock lock(mutex_);
  known_.erase(FoldName(id));
}

absl::StatusOr<StorageDirectory::Known> StorageDirectory::Look(Tenant& tenant) {
  if (std::optional<Known> known = FindKnown(tenant)) return *std::move(known);
  const std::uint64_t version = tenant.documents_version();
  ASSIGN_OR_RETURN(const ListedDocuments documents, tenant.ReadListedDocuments());
  Known known = KnownBy(tenant.context_id(), documents);
  known.version = version;
  Keep(tenant, known);
  return known;
}

absl::StatusOr<bool> StorageDirectory::IsStorage(const std::string& context_id, const Known& known) {
  if (!known.may_be_storage || known.member.empty()) return known.may_be_storage;
  // An operator may have deleted or restored the storage that has this tenant as a data source.
  ASSIGN_OR_RETURN(const bool is_member, HasMember(known.member, context_id));
  return !is_member;
}

absl::StatusOr<bool> StorageDirectory::HasMember(const std::string& storage, const std::string& context_id) {
  const absl::StatusOr<std::shared_ptr<Tenant>> root = tenants_.Find(storage);
  if (absl::IsNotFound(root.status())) return false;
  if (!root.ok()) return root.status();
  const absl::StatusOr<std::vector<DataSource>> sources = SourcesOf(**root);
  if (IsNowhere(sources.status())) return false;
  if (!sources.ok()) return sources.status();
  return std::any_of(sources->begin(), sources->end(), [&](const DataSource& source) {
    return !source.is_default && FoldName(source.tenant) == FoldName(context_id);
  });
}

absl::StatusOr<StorageInfo> StorageDirectory::Find(const std::string& id) {
  ASSIGN_OR_RETURN(std::shared_ptr<Tenant> root, Root(id));
  ASSIGN_OR_RETURN(const Known known, Look(*root));
  return StorageInfo{root->context_id(), known.name};
}

std::map<std::string, Tenants::Seen> StorageDirectory::Shown(
    const std::function<bool(const std::string& id)>& shows) {
  std::map<std::string, Tenants::Seen> all;
  for (Tenants::Seen& seen : tenants_.AllSeen(/*at_once=*/true)) {
    if (!IsStorageId(seen.context_id) || !shows(seen.context_id)) continue;
    all.emplace(FoldName(seen.context_id), std::move(seen));
  }
  return all;
}

absl::StatusOr<StorageDirectory::Stretch> StorageDirectory::Walk(
    const std::string& after, std::size_t limit, std::size_t looks_max,
    const std::function<bool(const std::string& id)>& shows) {
  const std::map<std::string, Tenants::Seen> all = Shown(shows);
  Stretch stretch;
  std::size_t looks = 0;
  for (auto at = after.empty() ? all.begin() : all.upper_bound(FoldName(after)); at != all.end(); ++at) {
    if (stretch.storages.size() == limit || looks == looks_max) {
      stretch.next = std::prev(at)->first;
      break;
    }
    ++looks;
    const std::optional<Known> known = KnownOf(at->second);
    if (!known) continue;
    // If the other storage cannot be read, the tenant is listed nevertheless.
    const absl::StatusOr<bool> is_storage = IsStorage(at->second.context_id, *known);
    if (!is_storage.ok() || *is_storage) stretch.storages.push_back({at->second.context_id, known->name});
  }
  return stretch;
}

absl::StatusOr<StorageDirectory::Page> StorageDirectory::List(
    const std::string& after, std::size_t limit, const std::function<bool(const std::string& id)>& shows) {
  Page page;
  const std::string from = FoldName(after);
  for (const auto& [key, seen] : Shown(shows)) {
    const bool is_before = !after.empty() && key <= from;
    const std::optional<Known> known = KnownOf(seen);
    if (!known) continue;
    // If the other storage cannot be read, the tenant is listed nevertheless.
    const absl::StatusOr<bool> is_storage = IsStorage(seen.context_id, *known);
    if (is_storage.ok() && !*is_storage) continue;
    ++page.total;
    if (is_before) continue;
    if (page.storages.size() < limit) {
      page.storages.push_back({seen.context_id, known->name});
    } else {
      page.is_last = false;
    }
  }
  return page;
}

std::optional<StorageDirectory::Known> StorageDirectory::KnownOf(const Tenants::Seen& seen) {
  if (seen.summary->documents) return KnownBy(seen.context_id, *seen.summary->documents);
  const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(seen.context_id);
  const absl::StatusOr<ListedDocuments> documents = tenant.ok()
                                                        ? (*tenant)->KeepListedDocuments(SharedNowMs())
                                                        : absl::StatusOr<ListedDocuments>(tenant.status());
  if (documents.ok()) return KnownBy(seen.context_id, *documents);
  if (IsNowhere(documents.status())) return std::nullopt;
  // A damaged storage is listed nevertheless, and hides no other one.
  return Known{.may_be_storage = true, .member = "", .name = seen.context_id, .sources = {}};
}

StorageDirectory::Known StorageDirectory::KnownBy(const std::string& context_id,
                                                  const ListedDocuments& documents) {
  Known known;
  known.may_be_storage = IsStorageId(context_id);
  known.member = documents.member;
  if (!documents.storage.empty()) known.name = StorageNameOf(documents.storage);
  if (known.name.empty()) known.name = context_id;
  return known;
}

absl::StatusOr<DataSource> StorageDirectory::DefaultOf(Tenant& root) {
  ASSIGN_OR_RETURN(const std::optional<Document> kept, root.FindDocument(kDataSourceKind, kDefaultSource));
  std::optional<DataSource> source = kept ? SourceOf(kept->text) : std::nullopt;
  if (!source) source = DataSource{.id = kDefaultSource, .name = kDefaultSource};
  ASSIGN_OR_RETURN(const TenantRecord tenant, root.ReadTenantRow());
  source->tenant = root.context_id();
  source->is_default = true;
  source->door = tenant.door();
  source->mapper.clear();
  if (source->door == Door::kRecords) {
    ASSIGN_OR_RETURN(const RecordMapper mapper, root.ReadMapper());
    source->mapper = mapper.id();
  }
  return *std::move(source);
}

absl::StatusOr<std::vector<DataSource>> StorageDirectory::ReadSources(Tenant& root) {
  ASSIGN_OR_RETURN(DataSource first, DefaultOf(root));
  std::vector<DataSource> sources = {std::move(first)};
  ASSIGN_OR_RETURN(const auto kept, root.ListDocuments(kDataSourceKind, "", kDataSourcesMax + 1));
  for (DataSource& source : SourcesIn(kept)) sources.push_back(std::move(source));
  return sources;
}

absl::StatusOr<std::vector<DataSource>> StorageDirectory::SourcesOf(Tenant& root) {
  ASSIGN_OR_RETURN(Known known, Look(root));
  if (!known.sources.empty()) return std::move(known.sources);
  absl::StatusOr<std::vector<DataSource>> sources = ReadSources(root);
  if (!sources.ok()) return sources;
  known.sources = *sources;
  Keep(root, known);
  return sources;
}

absl::StatusOr<std::vector<DataSource>> StorageDirectory::ListSources(const std::string& storage) {
  ASSIGN_OR_RETURN(std::shared_ptr<Tenant> root, Root(storage));
  return SourcesOf(*root);
}

absl::StatusOr<DataSource> StorageDirectory::FindSource(const std::string& storage,
                                                        const std::string& id_or_name) {
  ASSIGN_OR_RETURN(const std::vector<DataSource> sources, ListSources(storage));
  if (id_or_name.empty()) return sources.front();
  for (const DataSource& source : sources) {
    if (FoldName(source.id) == FoldName(id_or_name)) return source;
  }
  for (const DataSource& source : sources) {
    if (source.name == id_or_name) return source;
  }
  return NoSource(storage, id_or_name);
}

absl::StatusOr<std::shared_ptr<Tenant>> StorageDirectory::TenantOf(const DataSource& source) {
  absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(source.tenant);
  if (!absl::IsNotFound(tenant.status())) return tenant;
  return absl::NotFoundError(
      absl::StrCat("data source '", source.id,
                   "' has no mirror here, or has lost it. Nothing was done. Make the data "
                   "source again, or have it restored."));
}

}  // namespace mirror
