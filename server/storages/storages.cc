#include "server/storages/storages.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "server/records/record_mapper.h"
#include "server/storages/source_documents.h"
#include "server/storages/storage_ids.h"
#include "server/tenant/records_calls.h"
#include "server/tenant/records_form.h"

namespace mirror {
namespace {

absl::Status Taken(std::string_view what, const std::string& name) {
  return absl::AlreadyExistsError(
      absl::StrCat(std::string(what), " '", name, "' exists already. Nothing was done. Choose another ",
                   what.find("name") != std::string_view::npos ? "name" : "id", "."));
}

/// Checks whether a data source may have this name; `there` may contain the data source itself.
absl::Status CheckNameFree(const std::string& id, const std::string& name,
                           const std::vector<DataSource>& there) {
  for (const DataSource& other : there) {
    if (FoldName(other.id) == FoldName(id)) continue;
    if (other.name == name || FoldName(other.id) == FoldName(name))
      return Taken("a data source of the name", name);
  }
  return absl::OkStatus();
}

absl::Status BeingDeleted(const std::string& id) {
  return absl::UnavailableError(
      absl::StrCat("'", id, "' is being deleted. Nothing was done; try again when it is gone."));
}

/// Checks whether `made` can be listed in addition to `there`.
absl::Status CheckFree(const std::string& storage, const DataSource& made,
                       const std::vector<DataSource>& there) {
  if (there.size() >= kDataSourcesMax) {
    return absl::FailedPreconditionError(
        absl::StrCat("storage '", storage, "' has ", kDataSourcesMax,
                     " data sources, and cannot have more. Nothing was done."));
  }
  for (const DataSource& other : there) {
    if (FoldName(other.id) == FoldName(made.id)) return Taken("data source", made.id);
    if (FoldName(other.name) == FoldName(made.id)) return Taken("a data source of the name", made.id);
  }
  return CheckNameFree(made.id, made.name, there);
}

/// Reads the current data sources, as another server may have
/// changed them since. `first`: what is known of the default one.
absl::StatusOr<std::vector<DataSource>> ReadByNow(StoreRecords& records, const DataSource& first) {
  ASSIGN_OR_RETURN(const auto documents, records.ReadDocuments(kDataSourceKind, "", kDataSourcesMax + 1));
  ASSIGN_OR_RETURN(const std::optional<Document> own, records.ReadDocument(kDataSourceKind, kDefaultSource));
  const std::optional<DataSource> kept = own ? SourceOf(own->text) : std::nullopt;
  std::vector<DataSource> by_now = SourcesIn(documents);
  by_now.insert(by_now.begin(), first);
  if (kept) by_now.front().name = kept->name;
  return by_now;
}

bool HasTenant(const std::vector<DataSource>& sources, const std::string& context_id) {
  return std::any_of(sources.begin(), sources.end(),
                     [&](const DataSource& one) { return FoldName(one.tenant) == FoldName(context_id); });
}

std::string NameOf(const std::string& storage, const std::string& source) {
  return absl::StrCat("data source '", source, "' of storage '", storage, "'");
}

void TellMade(Events& events, const std::string& context_id, const std::string& what) {
  events.Add(context_id, Severity::kInformation, "tenant.created",
             absl::StrCat(what, " was made over HTTP; its rows come as records"));
}

/// Finds tenants of records data sources that a kill left half created and that the storage does not list.
std::vector<std::string> FindUnlisted(Tenants& tenants, const std::string& root_id) {
  const std::string begins = absl::StrCat(FoldName(root_id), "--");
  std::vector<std::string> left;
  for (const std::shared_ptr<Tenant>& tenant : tenants.All()) {
    if (!absl::StartsWith(FoldName(tenant->context_id()), begins)) continue;
    const absl::StatusOr<std::optional<Document>> member = tenant->FindDocument(kMemberKind, "");
    if (!member.ok() || !*member || FoldName((*member)->text) != FoldName(root_id)) continue;
    const absl::StatusOr<TenantRecord> record = tenant->ReadTenantRow();
    if (record.ok() && record->door() == Door::kRecords) left.push_back(tenant->context_id());
  }
  return left;
}

}  // namespace

absl::Status Storages::MakeTenant(const std::string& context_id, const RecordMapper& mapper,
                                  std::vector<Document> documents, std::int64_t now_ms) {
  ASSIGN_OR_RETURN(std::shared_ptr<Tenant> tenant, tenants_.FindOrMake(context_id));
  ASSIGN_OR_RETURN(MirrorContents contents,
                   NewRecordsMirror(tenant->context_id(), mapper, tenant->column_rules(), now_ms));
  for (Document& document : documents) contents.documents.push_back(std::move(document));
  const absl::Status taken_in = tenant->TakeIn(
      [&](bool replaces) -> absl::Status {
        if (replaces) return Taken("tenant", context_id);
        ASSIGN_OR_RETURN(std::unique_ptr<MirrorImport> made, tenants_.home().NewImport(context_id));
        RETURN_IF_ERROR(made->Begin(contents));
        return (made)->Finish();
      },
      now_ms);
  if (!taken_in.ok()) {
    // A tenant that is still referenced is not forgotten, and its id would stay taken for ever.
    tenant.reset();
    tenants_.ForgetUnlessThere(context_id);
    // The tenant existed, and another server is already deleting it.
    return IsNowhere(taken_in) ? BeingDeleted(context_id) : taken_in;
  }
  // A list that could not be kept is read from the mirror by the next List().
  tenant->KeepListedDocuments(now_ms).status().IgnoreError();
  return absl::OkStatus();
}

absl::StatusOr<StorageInfo> Storages::Create(const std::string& name, const std::string& id,
                                             std::int64_t now_ms) {
  RETURN_IF_ERROR(CheckStorageName(name, "a storage"));
  const std::string used = id.empty() ? IdFromName(name) : id;
  RETURN_IF_ERROR(CheckStorageId(used, "a storage"));
  const MutexLock lock(changes_);
  if (tenants_.Find(used).ok()) {
    ASSIGN_OR_RETURN(const bool is_going, tenants_.home().IsDeleted(used));
    return is_going ? BeingDeleted(used) : Taken("a storage or tenant of the id", used);
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> deleted, tenants_.Deleted());
  if (std::any_of(deleted.begin(), deleted.end(),
                  [&](const std::string& one) { return FoldName(one) == FoldName(used); })) {
    return absl::FailedPreconditionError(absl::StrCat("an operator deleted tenant '", used,
                                                      "'. Nothing was done. 'mirrorctl allow ", used,
                                                      "' allows it again."));
  }
  absl::Status made =
      MakeTenant(used, RecordMapper::Default(), {{kStorageKind, "", StorageText(name), now_ms}}, now_ms);
  if (absl::IsFailedPrecondition(made) && tenants_.Find(used).ok())
    return Taken("a storage or tenant of the id", used);
  if (!made.ok()) return made;
  TellMade(events_, used, absl::StrCat("storage '", used, "'"));
  CrashPoint("storage.made");
  return StorageInfo{used, name};
}

/// Records in the tenant of a source of cycles that it is a data source of `storage`.
absl::Status Storages::Attach(const std::string& storage, Tenant& tenant, std::int64_t now_ms) {
  ASSIGN_OR_RETURN(const TenantRecord record, tenant.ReadTenantRow());
  if (record.door() != Door::kCycles) {
    return absl::AlreadyExistsError(
        absl::StrCat("tenant '", tenant.context_id(), "' is a data source of records. Nothing was done."));
  }
  ASSIGN_OR_RETURN(const auto its_own, tenant.ListDocuments(kDataSourceKind, "", 1));
  if (!its_own.empty()) {
    return absl::AlreadyExistsError(absl::StrCat(
        "tenant '", tenant.context_id(), "' is a storage with data sources of its own. Nothing was done."));
  }
  ASSIGN_OR_RETURN(const Known known, Look(tenant));
  if (!known.member.empty()) {
    ASSIGN_OR_RETURN(const bool is_member, HasMember(known.member, tenant.context_id()));
    if (is_member) {
      const bool is_here = FoldName(known.member) == FoldName(storage);
      // The owner of this storage may not be allowed to see the other one.
      return absl::AlreadyExistsError(absl::StrCat("tenant '", tenant.context_id(), "' is a data source of ",
                                                   is_here ? "this" : "another",
                                                   " storage already. Nothing was done. Delete that data "
                                                   "source first: its tenant stays."));
    }
  }
  return tenant.ChangeDocuments(
      [&](StoreRecords& records) -> absl::StatusOr<std::vector<DocumentChange>> {
        ASSIGN_OR_RETURN(const std::optional<Document> member, records.ReadDocument(kMemberKind, ""));
        if (member && member->text != known.member) {
          return absl::AbortedError(absl::StrCat("tenant '", tenant.context_id(),
                                                 "' was made a data source by somebody else meanwhile. "
                                                 "Nothing was done; try again."));
        }
        return std::vector<DocumentChange>{{kMemberKind, "", storage}};
      },
      now_ms);
}

absl::Status Storages::Detach(const DataSource& source, const std::string& root_id, std::int64_t now_ms) {
  absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(source.tenant);
  if (absl::IsNotFound(tenant.status())) return absl::OkStatus();
  if (!tenant.ok()) return tenant.status();
  absl::Status left = (*tenant)->ChangeDocuments(
      [&](StoreRecords& records) -> absl::StatusOr<std::vector<DocumentChange>> {
        ASSIGN_OR_RETURN(const std::optional<Document> member, records.ReadDocument(kMemberKind, ""));
        if (!member || FoldName(member->text) != FoldName(root_id)) return std::vector<DocumentChange>();
        return std::vector<DocumentChange>{{kMemberKind, "", std::nullopt}};
      },
      now_ms);
  return IsNowhere(left) ? absl::OkStatus() : left;
}

absl::StatusOr<std::int64_t> Storages::MakeListable(const DataSource& source, const RecordMapper& mapper,
                                                    const std::string& root_id, std::int64_t now_ms) {
  const absl::Status done = MakeTenant(source.tenant, mapper, {{kMemberKind, "", root_id, now_ms}}, now_ms);
  // Another server created it first.
  if (absl::IsFailedPrecondition(done) && tenants_.Find(source.tenant).ok())
    return Taken("a data source of the id", source.id);
  if (!done.ok()) return done;
  return tenants_.home().FindEpoch(source.tenant).value_or(0);
}

void Storages::Undo(const DataSource& source, std::int64_t epoch, const std::string& root_id,
                    std::int64_t now_ms) {
  // A rest that cannot be removed is deleted together with the storage.
  if (source.door == Door::kCycles) {
    Detach(source, root_id, now_ms).IgnoreError();
  } else if (epoch != 0 || !tenants_.home().IsShared()) {
    if (tenants_.Delete(source.tenant, Deleted::kForgotten, epoch).ok()) Forget(source.tenant);
  }
}

absl::StatusOr<DataSource> Storages::AddSource(const std::string& storage, const DataSource& source,
                                               std::int64_t now_ms, std::uint64_t* rows_there) {
  RETURN_IF_ERROR(CheckStorageId(source.id, "a data source"));
  DataSource made = source;
  if (made.name.empty()) made.name = made.id;
  RETURN_IF_ERROR(CheckStorageName(made.name, "a data source"));
  const MutexLock lock(changes_);
  ASSIGN_OR_RETURN(std::shared_ptr<Tenant> root, Root(storage));
  const std::string root_id = root->context_id();
  std::optional<RecordMapper> mapper;
  ASSIGN_OR_RETURN(made, Completed(made, root_id, &mapper));
  ASSIGN_OR_RETURN(const std::vector<DataSource> there, SourcesOf(*root));
  RETURN_IF_ERROR(CheckFree(storage, made, there));
  absl::StatusOr<std::optional<std::uint64_t>> taken_back = std::optional<std::uint64_t>();
  if (made.door == Door::kRecords) taken_back = TakeBack(made, *mapper, root_id);
  if (!taken_back.ok()) return taken_back.status();
  const std::uint64_t rows = taken_back->value_or(0);
  absl::StatusOr<std::int64_t> epoch = std::int64_t{0};
  if (made.door == Door::kCycles) {
    const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(made.tenant);
    absl::Status attached = tenant.ok() ? Attach(root_id, **tenant, now_ms) : tenant.status();
    if (!attached.ok()) return attached;
  } else if (!*taken_back) {
    epoch = MakeListable(made, *mapper, root_id, now_ms);
  }
  if (!epoch.ok()) return epoch.status();
  CrashPoint("datasource.made");
  bool is_left = false;
  absl::Status listed = root->ChangeDocuments(
      [&](StoreRecords& records) -> absl::StatusOr<std::vector<DocumentChange>> {
        ASSIGN_OR_RETURN(const auto by_now, ReadByNow(records, there.front()));
        absl::Status can = CheckFree(storage, made, by_now);
        if (can.ok() && mapper) can = CheckStays(records, *mapper);
        // Another server may have taken the tenant back and listed it.
        is_left = !can.ok() && !*taken_back && !HasTenant(by_now, made.tenant);
        if (!can.ok()) return can;
        return std::vector<DocumentChange>{{kDataSourceKind, FoldName(made.id), SourceText(made)}};
      },
      now_ms);
  if (is_left) Undo(made, *epoch, root_id, now_ms);
  if (!listed.ok()) return listed;
  if (rows > 0) {
    events_.Add(made.tenant, Severity::kInformation, "tenant.created",
                absl::StrCat(NameOf(root_id, made.id), " was taken back over HTTP, with ",
                             Counted(rows, "row"), " that ", rows == 1 ? "was" : "were", " there"));
  } else if (made.door == Door::kRecords) {
    TellMade(events_, made.tenant, NameOf(root_id, made.id));
  }
  if (rows_there != nullptr) *rows_there = rows;
  CrashPoint("datasource.listed");
  return made;
}

absl::StatusOr<DataSource> Storages::Completed(const DataSource& source, const std::string& root_id,
                                               std::optional<RecordMapper>* mapper) {
  DataSource made = source;
  if (made.door == Door::kRecords) {
    ASSIGN_OR_RETURN(const RecordMapper found,
                     FindMapper(root_id, made.mapper.empty() ? kDefaultMapper : made.mapper));
    *mapper = found;
    made.mapper = found.id();
    made.tenant = TenantOfSource(root_id, made.id);
    RETURN_IF_ERROR(CheckContextId(made.tenant));
  } else {
    absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(made.tenant);
    if (absl::IsNotFound(tenant.status())) return NoTenant(made.tenant);
    if (!tenant.ok()) return tenant.status();
    made.tenant = (*tenant)->context_id();
    made.mapper.clear();
    if (FoldName(made.tenant) == FoldName(root_id)) {
      return absl::AlreadyExistsError(absl::StrCat("tenant '", made.tenant,
                                                   "' is the default data source of this storage already. "
                                                   "Nothing was done."));
    }
  }
  return made;
}

absl::StatusOr<std::optional<std::uint64_t>> Storages::TakeBack(const DataSource& source,
                                                                const RecordMapper& made_by,
                                                                const std::string& root_id) {
  ASSIGN_OR_RETURN(const std::int64_t epoch, tenants_.home().FindEpoch(source.tenant));
  absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(source.tenant);
  if (absl::IsNotFound(tenant.status())) return std::nullopt;
  if (!tenant.ok()) return tenant.status();
  const absl::StatusOr<TenantRecord> record = (*tenant)->ReadTenantRow();
  if (IsNowhere(record.status())) return BeingDeleted(source.tenant);
  if (!record.ok()) return record.status();
  ASSIGN_OR_RETURN(const Known known, Look(**tenant));
  if (record->door() != Door::kRecords || FoldName(known.member) != FoldName(root_id)) {
    return absl::AlreadyExistsError(
        absl::StrCat("the data source would be tenant '", source.tenant,
                     "', and there is a tenant of this id that is not the storage's. Nothing was done. "
                     "Choose another id."));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, (*tenant)->OpenRecords());
  ASSIGN_OR_RETURN(const std::optional<TableRecord> table, snapshot->ReadTable(kPartnerTable));
  ASSIGN_OR_RETURN(const RecordMapper mapper, (*tenant)->ReadMapper());
  const bool can_be_made_anew = table && table->row_count == 0;
  const bool is_same = MapperJson(mapper) == MapperJson(made_by);
  const std::uint64_t rows =
      table ? static_cast<std::uint64_t>(std::max<std::int64_t>(0, table->row_count)) : 0;
  if (FoldName(mapper.id()) == FoldName(source.mapper) && (is_same || !can_be_made_anew)) return rows;
  if (rows != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("data source '", source.id,
                     "' exists with its rows, but is not listed, as after a restore of "
                     "the storage, and its mapper is '",
                     mapper.id(),
                     "'. Nothing was done. Name that mapper, and the data "
                     "source is listed again."));
  }
  // An earlier, killed attempt left it. Release our references first: they would block the deletion.
  snapshot.reset();
  tenant->reset();
  RETURN_IF_ERROR(DeleteTenant(source.tenant, "", epoch).status());
  return std::nullopt;
}

absl::StatusOr<RecordMapper> Storages::GiveMapper(const DataSource& source, const RecordMapper& mapper,
                                                  std::int64_t now_ms) {
  ASSIGN_OR_RETURN(std::shared_ptr<Tenant> tenant, TenantOf(source));
  absl::StatusOr<RecordMapper> former = tenant->ReadMapper();
  if (!former.ok()) return former;
  // Only the default data source has the root tenant, which keeps the storage's mappers.
  RETURN_IF_ERROR(tenant->SetMapper(mapper, now_ms, [&](StoreRecords& records) {
    return source.is_default ? CheckStays(records, mapper) : absl::OkStatus();
  }));
  return former;
}

void Storages::GiveBack(const DataSource& source, const RecordMapper& mapper, const RecordMapper& former,
                        std::int64_t now_ms) {
  absl::StatusOr<std::shared_ptr<Tenant>> tenant = TenantOf(source);
  if (!tenant.ok()) return;
  // Rows written since then stay as they are, with the text of their tenant's current mapper.
  (*tenant)
      ->SetMapper(former, now_ms,
                  [&](StoreRecords& records) -> absl::Status {
                    ASSIGN_OR_RETURN(const std::optional<Document> own,
                                     records.ReadDocument(kSourceKind, ""));
                    if (!own || own->text != MapperJson(mapper))
                      return absl::FailedPreconditionError("it has another mapper now");
                    return source.is_default ? CheckStays(records, former) : absl::OkStatus();
                  })
      .IgnoreError();
}

absl::StatusOr<DataSource> Storages::ChangeSource(const std::string& storage, const std::string& id,
                                                  const std::string& name, const std::string& mapper,
                                                  std::int64_t now_ms) {
  const MutexLock lock(changes_);
  ASSIGN_OR_RETURN(const std::vector<DataSource> there, ListSources(storage));
  const auto found = std::find_if(there.begin(), there.end(), [&](const DataSource& one) {
    return FoldName(one.id) == FoldName(id) || one.name == id;
  });
  if (found == there.end()) return NoSource(storage, id);
  DataSource changed = *found;
  if (!name.empty()) {
    RETURN_IF_ERROR(CheckStorageName(name, "a data source"));
    RETURN_IF_ERROR(CheckNameFree(found->id, name, there));
    changed.name = name;
  }
  std::optional<RecordMapper> given, former;
  if (!mapper.empty() && FoldName(mapper) != FoldName(found->mapper)) {
    if (found->door != Door::kRecords) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the rows of data source '", found->id, "' come by cycles, without a mapper. Nothing was done."));
    }
    ASSIGN_OR_RETURN(const RecordMapper other, FindMapper(storage, mapper));
    ASSIGN_OR_RETURN(const RecordMapper had, GiveMapper(*found, other, now_ms));
    given = other;
    former = had;
    changed.mapper = other.id();
  }
  ASSIGN_OR_RETURN(std::shared_ptr<Tenant> root, tenants_.Find(there.front().tenant));
  bool is_refused = false;
  absl::Status kept = root->ChangeDocuments(
      [&](StoreRecords& records) -> absl::StatusOr<std::vector<DocumentChange>> {
        ASSIGN_OR_RETURN(const auto by_now, ReadByNow(records, there.front()));
        is_refused = true;
        const auto now = std::find_if(by_now.begin(), by_now.end(), [&](const DataSource& one) {
          return FoldName(one.id) == FoldName(changed.id);
        });
        if (now == by_now.end()) return NoSource(storage, id);
        const std::string& new_name = name.empty() ? now->name : changed.name;
        RETURN_IF_ERROR(CheckNameFree(now->id, new_name, by_now));
        const absl::Status stays = given ? CheckStays(records, *given) : absl::OkStatus();
        if (!stays.ok()) return stays;
        changed.name = new_name;
        if (!given) changed.mapper = now->mapper;
        is_refused = false;
        return std::vector<DocumentChange>{{kDataSourceKind, FoldName(changed.id), SourceText(changed)}};
      },
      now_ms);
  if (is_refused && given && former) GiveBack(*found, *given, *former, now_ms);
  if (!kept.ok()) return kept;
  return changed;
}

absl::StatusOr<std::uint64_t> Storages::DeleteTenant(const std::string& context_id, const std::string& what,
                                                     std::int64_t epoch) {
  std::uint64_t rows = 0;
  absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(context_id);
  if (absl::IsNotFound(tenant.status())) {
    // An operator may have deleted it. The owner deletes it here, too, so its id may be used again.
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
  // kForgotten: this is not a customer whose return has to be refused.
  RETURN_IF_ERROR(tenants_.Delete(context_id, Deleted::kForgotten, epoch));
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
  absl::StatusOr<DataSource> source = FindSource(storage, id);
  if (!source.ok()) return source.status();
  // Read the epoch before the list: another server may delete the source and create one of the same name.
  ASSIGN_OR_RETURN(const std::int64_t epoch, tenants_.home().FindEpoch(source->tenant));
  source = FindSource(storage, id);
  if (!source.ok()) return source.status();
  if (source->is_default) {
    return absl::FailedPreconditionError(
        absl::StrCat("the default data source of storage '", storage,
                     "' is deleted only with the storage. Nothing was done. To remove its rows, clear it."));
  }
  ASSIGN_OR_RETURN(std::shared_ptr<Tenant> root, Root(storage));
  ASSIGN_OR_RETURN(const std::optional<Document> listed,
                   root->FindDocument(kDataSourceKind, FoldName(source->id)));
  absl::StatusOr<std::uint64_t> rows = std::uint64_t{0};
  if (source->door == Door::kRecords) {
    rows = DeleteTenant(source->tenant, NameOf(root->context_id(), source->id), epoch);
    if (!rows.ok()) return rows;
  } else if (absl::Status left = Detach(*source, root->context_id(), now_ms); !left.ok()) {
    return left;
  }
  CrashPoint("datasource.removed");
  absl::Status unlisted = root->ChangeDocuments(
      [&](StoreRecords& records) -> absl::StatusOr<std::vector<DocumentChange>> {
        ASSIGN_OR_RETURN(const auto now, records.ReadDocument(kDataSourceKind, FoldName(source->id)));
        // Another server deleted it first, and a source of the same name was created since.
        if (now != listed) return std::vector<DocumentChange>();
        return std::vector<DocumentChange>{{kDataSourceKind, FoldName(source->id), std::nullopt}};
      },
      now_ms);
  // The storage was deleted in between, together with it.
  if (!unlisted.ok() && !IsNowhere(unlisted)) return unlisted;
  return rows;
}

absl::StatusOr<std::uint64_t> Storages::Delete(const std::string& id, std::int64_t now_ms) {
  const MutexLock lock(changes_);
  // Read the epoch first: another server may delete the storage and create one of the same name.
  ASSIGN_OR_RETURN(const std::int64_t epoch, tenants_.home().FindEpoch(id));
  absl::StatusOr<std::vector<DataSource>> sources = ListSources(id);
  if (absl::IsDataLoss(sources.status()) && WasStorage(id)) sources = std::vector<DataSource>();
  if (!sources.ok()) return sources.status();
  for (const DataSource& source : *sources) {
    if (source.door == Door::kRecords) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "data source '", source.id, "' of storage '", id,
        "' gets its rows by cycles. Nothing was done. Delete that data source first; a tenant of "
        "cycles itself is deleted by 'mirrorctl delete'."));
  }
  std::uint64_t rows = 0;
  // Delete the root last: until then the rest can still be found.
  for (auto source = sources->rbegin(); source != sources->rend(); ++source) {
    if (source->is_default) continue;
    const absl::StatusOr<std::uint64_t> gone = DeleteSourceOf(id, source->id, now_ms);
    // Another server deletes the same data source.
    if (!gone.ok() && !IsNowhere(gone.status())) return gone;
    rows += gone.value_or(0);
  }
  const std::string root = sources->empty() ? id : sources->front().tenant;
  RETURN_IF_ERROR(DeleteUnlisted(root, epoch));
  CrashPoint("storage.emptied");
  const absl::StatusOr<std::uint64_t> gone = DeleteTenant(root, absl::StrCat("storage '", root, "'"), epoch);
  // Another server deleted it first.
  if (IsNowhere(gone.status())) return NoStorage(id);
  if (!gone.ok()) return gone;
  return rows + *gone;
}

bool Storages::WasStorage(const std::string& id) {
  for (const Tenants::Seen& seen : tenants_.AllSeen(/*at_once=*/true)) {
    if (FoldName(seen.context_id) != FoldName(id)) continue;
    return seen.summary->documents && !seen.summary->documents->storage.empty();
  }
  return false;
}

absl::Status Storages::DeleteUnlisted(const std::string& root, std::int64_t epoch) {
  for (const std::string& left : FindUnlisted(tenants_, root)) {
    ASSIGN_OR_RETURN(const std::int64_t its, tenants_.home().FindEpoch(left));
    // Check after that: a tenant of a storage that was created since does not belong to this one.
    ASSIGN_OR_RETURN(const std::int64_t now, tenants_.home().FindEpoch(root));
    if (now != epoch) return NoStorage(root);
    const absl::Status removed = DeleteTenant(left, "", its).status();
    if (!removed.ok() && !IsNowhere(removed)) return removed;
  }
  return absl::OkStatus();
}

}  // namespace mirror
