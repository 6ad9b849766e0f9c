#include "server/storages/storages.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "server/records/mapper_json.h"
#include "server/storages/source_documents.h"
#include "server/storages/storage_ids.h"
#include "server/tenant/records/records_calls.h"

namespace mirror {
namespace {

absl::Status NoSource(const std::string& storage, const std::string& source) {
  return absl::NotFoundError(
      absl::StrCat("storage '", storage, "' has no data source '", source, "'. Nothing was done."));
}

absl::Status NoMapper(const std::string& mapper) {
  return absl::NotFoundError(
      absl::StrCat("there is no mapper '", mapper, "' in the storage. Nothing was done."));
}

absl::Status Taken(std::string_view what, const std::string& name) {
  return absl::AlreadyExistsError(
      absl::StrCat(std::string(what), " '", name, "' is taken. Nothing was done. Choose another one."));
}

/// Whether `made` can be listed beside `there`.
absl::Status CheckFree(const std::string& storage, const DataSource& made,
                       const std::vector<DataSource>& there) {
  if (there.size() >= kDataSourcesMax) {
    return absl::FailedPreconditionError(
        absl::StrCat("storage '", storage, "' has ", kDataSourcesMax,
                     " data sources, and no more can be. Nothing was done."));
  }
  for (const DataSource& other : there) {
    if (FoldName(other.id) == FoldName(made.id)) return Taken("the id of a data source", made.id);
    if (other.name == made.name || FoldName(other.id) == FoldName(made.name) ||
        FoldName(other.name) == FoldName(made.id))
      return Taken("the name of a data source", made.name);
  }
  return absl::OkStatus();
}

std::string NameOf(const std::string& storage, const std::string& source) {
  return absl::StrCat("data source '", source, "' of storage '", storage, "'");
}

void TellMade(Events& events, const std::string& context_id, const std::string& what) {
  events.Add(context_id, Severity::kInformation, "tenant.created",
             absl::StrCat(what, " was made over HTTP; its rows come as records"));
}

/// It is gone, or is a tenant whose mirror is not there yet: nothing that has documents.
bool IsNowhere(const absl::Status& status) { return absl::IsNotFound(status) || absl::IsAborted(status); }

}  // namespace

absl::Status NoStorage(const std::string& id) {
  return absl::NotFoundError(absl::StrCat("there is no storage '", id, "'. Nothing was done."));
}

absl::Status NoTenant(const std::string& context_id) {
  return absl::NotFoundError(absl::StrCat("there is no tenant '", context_id, "'. Nothing was done."));
}

absl::StatusOr<std::shared_ptr<Tenant>> Storages::Root(const std::string& storage) {
  if (!IsStorageId(storage)) return NoStorage(storage);
  absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(storage);
  if (absl::IsNotFound(tenant.status())) return NoStorage(storage);
  if (!tenant.ok()) return tenant;
  const absl::StatusOr<Known> known = Look(**tenant);
  if (IsNowhere(known.status())) return NoStorage(storage);
  if (!known.ok()) return known.status();
  const absl::StatusOr<bool> is_storage = IsStorage((*tenant)->context_id(), *known);
  if (!is_storage.ok()) return is_storage.status();
  if (!*is_storage) return NoStorage(storage);
  return tenant;
}

std::optional<Storages::Known> Storages::FindKnown(const Tenant& tenant) {
  const MutexLock lock(mutex_);
  const auto found = known_.find(FoldName(tenant.context_id()));
  if (found == known_.end() || found->second.version != tenant.documents_version()) return std::nullopt;
  return found->second;
}

void Storages::Keep(const Tenant& tenant, const Known& known) {
  // Another server may change it.
  if (tenants_.home().IsShared()) return;
  const MutexLock lock(mutex_);
  known_[FoldName(tenant.context_id())] = known;
}

void Storages::Forget(const std::string& id) {
  const MutexLock lock(mutex_);
  known_.erase(FoldName(id));
}

absl::StatusOr<Storages::Known> Storages::Look(Tenant& tenant) {
  if (std::optional<Known> known = FindKnown(tenant)) return *std::move(known);
  const std::uint64_t version = tenant.documents_version();
  const absl::StatusOr<ListedDocuments> documents = tenant.ReadListedDocuments();
  if (!documents.ok()) return documents.status();
  Known known = KnownBy(tenant.context_id(), *documents);
  known.version = version;
  Keep(tenant, known);
  return known;
}

absl::StatusOr<bool> Storages::IsStorage(const std::string& context_id, const Known& known) {
  if (!known.may_be_storage || known.member.empty()) return known.may_be_storage;
  // An operator may have deleted or restored the storage that it was a data source of.
  const absl::StatusOr<bool> is_member = HasMember(known.member, context_id);
  if (!is_member.ok()) return is_member.status();
  return !*is_member;
}

absl::StatusOr<bool> Storages::HasMember(const std::string& storage, const std::string& context_id) {
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

absl::Status Storages::MakeTenant(const std::string& context_id, const RecordMapper& mapper,
                                  std::vector<Document> documents, std::int64_t now_ms) {
  absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.FindOrMake(context_id);
  if (!tenant.ok()) return tenant.status();
  absl::StatusOr<MirrorContents> contents =
      NewRecordsMirror((*tenant)->context_id(), mapper, (*tenant)->column_rules(), now_ms);
  if (!contents.ok()) return contents.status();
  for (Document& document : documents) contents->documents.push_back(std::move(document));
  const absl::Status taken_in = (*tenant)->TakeIn(
      [&](bool replaces) -> absl::Status {
        if (replaces) return Taken("the id", context_id);
        absl::StatusOr<std::unique_ptr<MirrorImport>> made = tenants_.home().NewImport(context_id);
        if (!made.ok()) return made.status();
        if (absl::Status begun = (*made)->Begin(*contents); !begun.ok()) return begun;
        return (*made)->Finish();
      },
      now_ms);
  if (!taken_in.ok()) tenants_.ForgetUnlessThere(context_id);
  // What could not be kept is read from the mirror by the next list.
  if (taken_in.ok()) (*tenant)->KeepListedDocuments(now_ms).status().IgnoreError();
  return taken_in;
}

absl::StatusOr<StorageInfo> Storages::Create(const std::string& name, const std::string& id,
                                             std::int64_t now_ms) {
  if (absl::Status named = CheckStorageName(name, "a storage"); !named.ok()) return named;
  const std::string used = id.empty() ? IdFromName(name) : id;
  if (absl::Status checked = CheckStorageId(used, "a storage"); !checked.ok()) return checked;
  const MutexLock lock(changes_);
  if (tenants_.Find(used).ok()) return Taken("the id of a storage or tenant", used);
  const absl::StatusOr<std::vector<std::string>> deleted = tenants_.Deleted();
  if (!deleted.ok()) return deleted.status();
  if (std::any_of(deleted->begin(), deleted->end(),
                  [&](const std::string& one) { return FoldName(one) == FoldName(used); })) {
    return absl::FailedPreconditionError(absl::StrCat("an operator deleted tenant '", used,
                                                      "'. Nothing was done. 'mirrorctl allow ", used,
                                                      "' lets it be made again."));
  }
  absl::Status made =
      MakeTenant(used, RecordMapper::Default(), {{kStorageKind, "", StorageText(name), now_ms}}, now_ms);
  if (absl::IsFailedPrecondition(made) && tenants_.Find(used).ok()) return Taken("the id", used);
  if (!made.ok()) return made;
  TellMade(events_, used, absl::StrCat("storage '", used, "'"));
  CrashPoint("storage.made");
  return StorageInfo{used, name};
}

absl::StatusOr<StorageInfo> Storages::Find(const std::string& id) {
  absl::StatusOr<std::shared_ptr<Tenant>> root = Root(id);
  if (!root.ok()) return root.status();
  const absl::StatusOr<Known> known = Look(**root);
  if (!known.ok()) return known.status();
  return StorageInfo{(*root)->context_id(), known->name};
}

std::map<std::string, Tenants::Seen> Storages::Shown(
    const std::function<bool(const std::string& id)>& shows) {
  std::map<std::string, Tenants::Seen> all;
  for (Tenants::Seen& seen : tenants_.AllSeen(/*at_once=*/true)) {
    if (!IsStorageId(seen.context_id) || !shows(seen.context_id)) continue;
    all.emplace(FoldName(seen.context_id), std::move(seen));
  }
  return all;
}

absl::StatusOr<Storages::Stretch> Storages::Walk(const std::string& after, std::size_t limit,
                                                 std::size_t looks_max,
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
    // One whose storage cannot be asked is there all the same.
    const absl::StatusOr<bool> is_storage = IsStorage(at->second.context_id, *known);
    if (!is_storage.ok() || *is_storage) stretch.storages.push_back({at->second.context_id, known->name});
  }
  return stretch;
}

absl::StatusOr<Storages::Page> Storages::List(const std::string& after, std::size_t limit,
                                              const std::function<bool(const std::string& id)>& shows) {
  Page page;
  const std::string from = FoldName(after);
  for (const auto& [key, seen] : Shown(shows)) {
    const bool is_before = !after.empty() && key <= from;
    const std::optional<Known> known = KnownOf(seen);
    if (!known) continue;
    // One whose storage cannot be asked is there all the same.
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

/// Absent: it is nowhere.
std::optional<Storages::Known> Storages::KnownOf(const Tenants::Seen& seen) {
  if (seen.summary->documents) return KnownBy(seen.context_id, *seen.summary->documents);
  const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(seen.context_id);
  const absl::StatusOr<ListedDocuments> documents = tenant.ok()
                                                        ? (*tenant)->KeepListedDocuments(NowMs())
                                                        : absl::StatusOr<ListedDocuments>(tenant.status());
  if (documents.ok()) return KnownBy(seen.context_id, *documents);
  if (IsNowhere(documents.status())) return std::nullopt;
  // One that is damaged is there all the same, and hides no other.
  return Known{.may_be_storage = true, .member = "", .name = seen.context_id, .sources = {}};
}

Storages::Known Storages::KnownBy(const std::string& context_id, const ListedDocuments& documents) {
  Known known;
  known.may_be_storage = IsStorageId(context_id);
  known.member = documents.member;
  if (!documents.storage.empty()) known.name = StorageNameOf(documents.storage);
  if (known.name.empty()) known.name = context_id;
  return known;
}

absl::StatusOr<DataSource> Storages::DefaultOf(Tenant& root) {
  const absl::StatusOr<std::optional<Document>> kept = root.FindDocument(kDataSourceKind, kDefaultSource);
  if (!kept.ok()) return kept.status();
  std::optional<DataSource> source = *kept ? SourceOf((*kept)->text) : std::nullopt;
  if (!source) source = DataSource{.id = kDefaultSource, .name = kDefaultSource};
  const absl::StatusOr<TenantRecord> tenant = root.ReadTenantRow();
  if (!tenant.ok()) return tenant.status();
  source->tenant = root.context_id();
  source->is_default = true;
  source->door = tenant->door();
  source->mapper.clear();
  if (source->door == Door::kRecords) {
    const absl::StatusOr<RecordMapper> mapper = root.ReadMapper();
    if (!mapper.ok()) return mapper.status();
    source->mapper = mapper->id();
  }
  return *std::move(source);
}

absl::StatusOr<std::vector<DataSource>> Storages::ReadSources(Tenant& root) {
  absl::StatusOr<DataSource> first = DefaultOf(root);
  if (!first.ok()) return first.status();
  std::vector<DataSource> sources = {*std::move(first)};
  const auto kept = root.ListDocuments(kDataSourceKind, "", kDataSourcesMax + 1);
  if (!kept.ok()) return kept.status();
  for (const Document& one : *kept) {
    if (one.id == kDefaultSource) continue;
    if (std::optional<DataSource> source = SourceOf(one.text)) sources.push_back(*std::move(source));
  }
  return sources;
}

absl::StatusOr<std::vector<DataSource>> Storages::SourcesOf(Tenant& root) {
  absl::StatusOr<Known> known = Look(root);
  if (!known.ok()) return known.status();
  if (!known->sources.empty()) return std::move(known->sources);
  absl::StatusOr<std::vector<DataSource>> sources = ReadSources(root);
  if (!sources.ok()) return sources;
  known->sources = *sources;
  Keep(root, *known);
  return sources;
}

absl::StatusOr<std::vector<DataSource>> Storages::ListSources(const std::string& storage) {
  absl::StatusOr<std::shared_ptr<Tenant>> root = Root(storage);
  if (!root.ok()) return root.status();
  return SourcesOf(**root);
}

absl::StatusOr<DataSource> Storages::FindSource(const std::string& storage, const std::string& id_or_name) {
  const absl::StatusOr<std::vector<DataSource>> sources = ListSources(storage);
  if (!sources.ok()) return sources.status();
  if (id_or_name.empty()) return sources->front();
  for (const DataSource& source : *sources) {
    if (FoldName(source.id) == FoldName(id_or_name)) return source;
  }
  for (const DataSource& source : *sources) {
    if (source.name == id_or_name) return source;
  }
  return NoSource(storage, id_or_name);
}

absl::StatusOr<std::shared_ptr<Tenant>> Storages::TenantOf(const DataSource& source) {
  absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(source.tenant);
  if (!absl::IsNotFound(tenant.status())) return tenant;
  return absl::NotFoundError(
      absl::StrCat("data source '", source.id,
                   "' has no mirror here, or none any more. Nothing was done. Make the "
                   "data source again, or have it restored."));
}

absl::Status Storages::Attach(const std::string& storage, Tenant& tenant, std::int64_t now_ms) {
  const absl::StatusOr<TenantRecord> record = tenant.ReadTenantRow();
  if (!record.ok()) return record.status();
  if (record->door() != Door::kCycles) {
    return absl::AlreadyExistsError(
        absl::StrCat("tenant '", tenant.context_id(), "' is a data source of records. Nothing was done."));
  }
  const auto its_own = tenant.ListDocuments(kDataSourceKind, "", 1);
  if (!its_own.ok()) return its_own.status();
  if (!its_own->empty()) {
    return absl::AlreadyExistsError(absl::StrCat(
        "tenant '", tenant.context_id(), "' is a storage with data sources of its own. Nothing was done."));
  }
  const absl::StatusOr<Known> known = Look(tenant);
  if (!known.ok()) return known.status();
  if (!known->member.empty() && FoldName(known->member) != FoldName(storage)) {
    const absl::StatusOr<bool> is_member = HasMember(known->member, tenant.context_id());
    if (!is_member.ok()) return is_member.status();
    if (*is_member) {
      return absl::AlreadyExistsError(absl::StrCat("tenant '", tenant.context_id(), "' belongs to storage '",
                                                   known->member, "'. Nothing was done."));
    }
  }
  return tenant.ChangeDocuments(
      [&](StoreRecords& records) -> absl::StatusOr<std::vector<DocumentChange>> {
        const absl::StatusOr<std::optional<Document>> member = records.ReadDocument(kMemberKind, "");
        if (!member.ok()) return member.status();
        if (*member && (*member)->text != known->member) {
          return absl::AbortedError(absl::StrCat("tenant '", tenant.context_id(),
                                                 "' was made a data source by somebody else meanwhile. "
                                                 "Nothing was done; try again."));
        }
        return std::vector<DocumentChange>{{kMemberKind, "", storage}};
      },
      now_ms);
}

absl::Status Storages::Detach(const DataSource& source, std::int64_t now_ms) {
  absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(source.tenant);
  if (absl::IsNotFound(tenant.status())) return absl::OkStatus();
  if (!tenant.ok()) return tenant.status();
  absl::Status left = (*tenant)->ChangeDocuments(
      [](StoreRecords&) -> absl::StatusOr<std::vector<DocumentChange>> {
        return std::vector<DocumentChange>{{kMemberKind, "", std::nullopt}};
      },
      now_ms);
  return IsNowhere(left) ? absl::OkStatus() : left;
}

absl::StatusOr<DataSource> Storages::AddSource(const std::string& storage, const DataSource& source,
                                               std::int64_t now_ms) {
  if (absl::Status checked = CheckStorageId(source.id, "a data source"); !checked.ok()) return checked;
  DataSource made = source;
  if (made.name.empty()) made.name = made.id;
  if (absl::Status named = CheckStorageName(made.name, "a data source"); !named.ok()) return named;
  const MutexLock lock(changes_);
  absl::StatusOr<std::shared_ptr<Tenant>> root = Root(storage);
  if (!root.ok()) return root.status();
  const std::string root_id = (*root)->context_id();
  std::optional<RecordMapper> mapper;
  if (made.door == Door::kRecords) {
    const absl::StatusOr<RecordMapper> found =
        FindMapper(storage, made.mapper.empty() ? kDefaultMapper : made.mapper);
    if (!found.ok()) return found.status();
    mapper = *found;
    made.mapper = mapper->id();
    made.tenant = TenantOfSource(root_id, made.id);
    if (absl::Status fits = CheckContextId(made.tenant); !fits.ok()) return fits;
  } else {
    absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(made.tenant);
    if (absl::IsNotFound(tenant.status())) return NoTenant(made.tenant);
    if (!tenant.ok()) return tenant.status();
    made.tenant = (*tenant)->context_id();
    made.mapper.clear();
    if (FoldName(made.tenant) == FoldName(root_id)) return Taken("the tenant", made.tenant);
  }
  const absl::StatusOr<std::vector<DataSource>> there = SourcesOf(**root);
  if (!there.ok()) return there.status();
  if (absl::Status free = CheckFree(storage, made, *there); !free.ok()) return free;
  absl::StatusOr<bool> is_there = false;
  if (made.door == Door::kRecords) is_there = TakeBack(made, root_id);
  if (!is_there.ok()) return is_there.status();
  absl::Status done;
  if (made.door == Door::kCycles) {
    const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(made.tenant);
    done = tenant.ok() ? Attach(root_id, **tenant, now_ms) : tenant.status();
  } else if (!*is_there) {
    done = MakeTenant(made.tenant, *mapper, {{kMemberKind, "", root_id, now_ms}}, now_ms);
  }
  if (!done.ok()) return done;
  CrashPoint("datasource.made");
  absl::Status listed = (*root)->ChangeDocuments(
      [&](StoreRecords& records) -> absl::StatusOr<std::vector<DocumentChange>> {
        // Another server may have listed one meanwhile.
        const auto kept = records.ReadDocuments(kDataSourceKind, "", kDataSourcesMax + 1);
        if (!kept.ok()) return kept.status();
        std::vector<DataSource> by_now = {there->front()};
        for (const Document& one : *kept) {
          if (std::optional<DataSource> other = SourceOf(one.text); other && one.id != kDefaultSource)
            by_now.push_back(*std::move(other));
        }
        if (absl::Status free = CheckFree(storage, made, by_now); !free.ok()) return free;
        return std::vector<DocumentChange>{{kDataSourceKind, FoldName(made.id), SourceText(made)}};
      },
      now_ms);
  if (!listed.ok()) return listed;
  if (made.door == Door::kRecords) TellMade(events_, made.tenant, NameOf(root_id, made.id));
  CrashPoint("datasource.listed");
  return made;
}

absl::StatusOr<bool> Storages::TakeBack(const DataSource& source, const std::string& root_id) {
  absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(source.tenant);
  if (absl::IsNotFound(tenant.status())) return false;
  if (!tenant.ok()) return tenant.status();
  const absl::StatusOr<TenantRecord> record = (*tenant)->ReadTenantRow();
  if (!record.ok()) return record.status();
  const absl::StatusOr<Known> known = Look(**tenant);
  if (!known.ok()) return known.status();
  if (record->door() != Door::kRecords || FoldName(known->member) != FoldName(root_id)) {
    return absl::AlreadyExistsError(
        absl::StrCat("the data source would be tenant '", source.tenant,
                     "', and there is a tenant of this id that is none of the storage's. Nothing was done. "
                     "Choose another id."));
  }
  const absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = (*tenant)->OpenRecords();
  if (!snapshot.ok()) return snapshot.status();
  const absl::StatusOr<std::optional<TableRecord>> table = (*snapshot)->ReadTable(kPartnerTable);
  if (!table.ok()) return table.status();
  const absl::StatusOr<RecordMapper> mapper = (*tenant)->ReadMapper();
  if (!mapper.ok()) return mapper.status();
  if (FoldName(mapper->id()) == FoldName(source.mapper)) return true;
  if (*table && (*table)->row_count != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("data source '", source.id,
                     "' is there with its rows, but in no list, as after a restore of "
                     "the storage, and its mapper is '",
                     mapper->id(),
                     "'. Nothing was done. Name that mapper, and the data "
                     "source is listed again."));
  }
  // A kill left it of an attempt before this one.
  if (absl::Status removed = DeleteTenant(source.tenant, "").status(); !removed.ok()) return removed;
  return false;
}

absl::StatusOr<DataSource> Storages::ChangeSource(const std::string& storage, const std::string& id,
                                                  const std::string& name, const std::string& mapper,
                                                  std::int64_t now_ms) {
  const MutexLock lock(changes_);
  const absl::StatusOr<std::vector<DataSource>> there = ListSources(storage);
  if (!there.ok()) return there.status();
  const auto found = std::find_if(there->begin(), there->end(), [&](const DataSource& one) {
    return FoldName(one.id) == FoldName(id) || one.name == id;
  });
  if (found == there->end()) return NoSource(storage, id);
  DataSource changed = *found;
  if (!name.empty()) {
    if (absl::Status named = CheckStorageName(name, "a data source"); !named.ok()) return named;
    for (const DataSource& other : *there) {
      if (other.id != found->id && (other.name == name || FoldName(other.id) == FoldName(name)))
        return Taken("the name of a data source", name);
    }
    changed.name = name;
  }
  if (!mapper.empty() && FoldName(mapper) != FoldName(found->mapper)) {
    if (found->door != Door::kRecords) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the rows of data source '", found->id, "' come by cycles, without a mapper. Nothing was done."));
    }
    const absl::StatusOr<RecordMapper> other = FindMapper(storage, mapper);
    if (!other.ok()) return other.status();
    absl::StatusOr<std::shared_ptr<Tenant>> tenant = TenantOf(*found);
    if (!tenant.ok()) return tenant.status();
    if (absl::Status set = (*tenant)->SetMapper(*other, now_ms); !set.ok()) return set;
    changed.mapper = other->id();
  }
  absl::StatusOr<std::shared_ptr<Tenant>> root = tenants_.Find(there->front().tenant);
  if (!root.ok()) return root.status();
  absl::Status kept = (*root)->ChangeDocuments(
      [&](StoreRecords&) -> absl::StatusOr<std::vector<DocumentChange>> {
        return std::vector<DocumentChange>{{kDataSourceKind, FoldName(changed.id), SourceText(changed)}};
      },
      now_ms);
  if (!kept.ok()) return kept;
  return changed;
}

absl::StatusOr<std::uint64_t> Storages::DeleteTenant(const std::string& context_id, const std::string& what) {
  std::uint64_t rows = 0;
  absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(context_id);
  if (absl::IsNotFound(tenant.status())) {
    // A kill may have left it deleted, and not let in again.
    absl::Status allowed = tenants_.Allow(context_id).status();
    if (!allowed.ok() && !absl::IsNotFound(allowed)) return allowed;
    return rows;
  }
  if (!tenant.ok()) return tenant.status();
  if (const absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = (*tenant)->OpenRecords(); snapshot.ok()) {
    const absl::StatusOr<std::optional<TableRecord>> table = (*snapshot)->ReadTable(kPartnerTable);
    if (table.ok() && *table)
      rows = static_cast<std::uint64_t>(std::max<std::int64_t>(0, (*table)->row_count));
  }
  tenant->reset();
  // It is not a customer's who must not come again.
  if (absl::Status deleted = tenants_.Delete(context_id, Deleted::kForgotten); !deleted.ok()) return deleted;
  Forget(context_id);
  if (!what.empty()) {
    events_.Add(context_id, Severity::kWarning, "mirror.deleted",
                absl::StrCat(what, " was deleted over HTTP, with ", Counted(rows, "row")));
  }
  return rows;
}

absl::StatusOr<std::uint64_t> Storages::DeleteSource(const std::string& storage, const std::string& id,
                                                     std::int64_t now_ms) {
  const MutexLock lock(changes_);
  return DeleteSourceOf(storage, id, now_ms);
}

absl::StatusOr<std::uint64_t> Storages::DeleteSourceOf(const std::string& storage, const std::string& id,
                                                       std::int64_t now_ms) {
  const absl::StatusOr<DataSource> source = FindSource(storage, id);
  if (!source.ok()) return source.status();
  if (source->is_default) {
    return absl::FailedPreconditionError(
        absl::StrCat("the default data source of storage '", storage,
                     "' goes with the storage alone. Nothing was done. To remove its rows, clear it."));
  }
  const absl::StatusOr<StorageInfo> found = Find(storage);
  if (!found.ok()) return found.status();
  absl::StatusOr<std::uint64_t> rows = std::uint64_t{0};
  if (source->door == Door::kRecords) {
    rows = DeleteTenant(source->tenant, NameOf(found->id, source->id));
    if (!rows.ok()) return rows;
  } else if (absl::Status left = Detach(*source, now_ms); !left.ok()) {
    return left;
  }
  CrashPoint("datasource.removed");
  absl::StatusOr<std::shared_ptr<Tenant>> root = tenants_.Find(found->id);
  if (!root.ok()) return root.status();
  absl::Status unlisted = (*root)->ChangeDocuments(
      [&](StoreRecords&) -> absl::StatusOr<std::vector<DocumentChange>> {
        return std::vector<DocumentChange>{{kDataSourceKind, FoldName(source->id), std::nullopt}};
      },
      now_ms);
  if (!unlisted.ok()) return unlisted;
  return rows;
}

absl::Status Storages::RemoveUnlisted(const std::string& root_id) {
  const std::string begins = absl::StrCat(FoldName(root_id), "--");
  std::vector<std::string> left;
  for (const std::shared_ptr<Tenant>& tenant : tenants_.All()) {
    if (!absl::StartsWith(FoldName(tenant->context_id()), begins)) continue;
    const absl::StatusOr<std::optional<Document>> member = tenant->FindDocument(kMemberKind, "");
    if (!member.ok() || !*member || FoldName((*member)->text) != FoldName(root_id)) continue;
    const absl::StatusOr<TenantRecord> record = tenant->ReadTenantRow();
    if (record.ok() && record->door() == Door::kRecords) left.push_back(tenant->context_id());
  }
  for (const std::string& context_id : left) {
    if (absl::Status removed = DeleteTenant(context_id, "").status(); !removed.ok()) return removed;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> Storages::Delete(const std::string& id, std::int64_t now_ms) {
  const MutexLock lock(changes_);
  const absl::StatusOr<std::vector<DataSource>> sources = ListSources(id);
  if (!sources.ok()) return sources.status();
  for (const DataSource& source : *sources) {
    if (source.door == Door::kRecords) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "data source '", source.id, "' of storage '", id,
        "' gets its rows by cycles. Nothing was done. Delete that data source first; a tenant of "
        "cycles itself is deleted by 'mirrorctl delete'."));
  }
  std::uint64_t rows = 0;
  // The root goes last: until then the rest can be found.
  for (auto source = sources->rbegin(); source != sources->rend(); ++source) {
    if (source->is_default) continue;
    const absl::StatusOr<std::uint64_t> gone = DeleteSourceOf(id, source->id, now_ms);
    if (!gone.ok()) return gone;
    rows += *gone;
  }
  if (absl::Status removed = RemoveUnlisted(sources->front().tenant); !removed.ok()) return removed;
  CrashPoint("storage.emptied");
  const absl::StatusOr<std::uint64_t> gone =
      DeleteTenant(sources->front().tenant, absl::StrCat("storage '", sources->front().tenant, "'"));
  if (!gone.ok()) return gone;
  return rows + *gone;
}

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
  if (there.ok() && (is_new || FoldName(mapper.id()) == kDefaultMapper))
    return Taken("the id of a mapper", mapper.id());
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
