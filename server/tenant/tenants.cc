#include "server/tenant/tenants.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/mutex.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/plan/cycle_check.h"

namespace mirror {

void FirstFailures::Note(const std::string& context_id, std::string_view why, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  Failed& failed = failed_[FoldName(context_id)];
  failed.context_id = context_id;
  failed.failure = FailedAgain(failed.failure, why, now_ms);
  if (failed_.size() <= kTenantsMax) return;
  failed_.erase(std::min_element(failed_.begin(), failed_.end(), [](const auto& a, const auto& b) {
    return a.second.failure.last_ms < b.second.failure.last_ms;
  }));
}

void FirstFailures::Forget(const std::string& context_id) {
  const MutexLock lock(mutex_);
  failed_.erase(FoldName(context_id));
}

std::vector<FirstFailures::Failed> FirstFailures::All() const {
  const MutexLock lock(mutex_);
  std::vector<Failed> all;
  all.reserve(failed_.size());
  for (const auto& [key, failed] : failed_) all.push_back(failed);
  return all;
}

struct BuildingPlaces::Taken {
  Mutex mutex;
  /// Context ids. A tenant that reopens its new mirror has two for a moment.
  std::multiset<std::string> by MIRROR_GUARDED_BY(mutex);
};

BuildingPlaces::BuildingPlaces(std::size_t count_max)
    : count_max_(count_max), taken_(std::make_shared<Taken>()) {}

std::shared_ptr<void> BuildingPlaces::Take(const std::string& context_id) {
  const MutexLock lock(taken_->mutex);
  if (taken_->by.size() >= count_max_) return nullptr;
  taken_->by.insert(context_id);
  return {taken_.get(), [taken = taken_, context_id](void*) {
            const MutexLock let_go(taken->mutex);
            taken->by.erase(taken->by.find(context_id));
          }};
}

bool BuildingPlaces::Has(const std::string& context_id) const {
  const MutexLock lock(taken_->mutex);
  return taken_->by.contains(context_id);
}

std::vector<std::string> BuildingPlaces::All() const {
  const MutexLock lock(taken_->mutex);
  return {taken_->by.begin(), taken_->by.end()};
}

namespace {

/// Maximum age of the list of a shared home, if the current list was not requested.
constexpr std::chrono::seconds kListAgain{10};
/// How many databases are tried when one has to be closed; those in use count as used then.
constexpr int kTriedToClose = 16;
/// A new mirror has two databases, its claim and its rows: first cycles get half of the limit.
constexpr std::size_t kBuildingShare = 4;
/// Minimum in any case.
constexpr std::size_t kBuildingMin = 4;

absl::Status UnknownTenant(const char* next) {
  return absl::PermissionDeniedError(absl::StrCat(
      "the tenant is not mirrored here, or is known under another spelling. Nothing was done. ", next));
}

absl::Status HalfDeleted(const std::string& context_id) {
  return absl::FailedPreconditionError(absl::StrCat(
      "tenant '", context_id,
      "' was deleted, but not all of its files could be removed. Nothing was done. 'mirrorctl delete ",
      context_id, " --confirm ", context_id, "' removes what is left."));
}

void TellPutInPlace(Events& events, const std::string& context_id) {
  events.Add(context_id, Severity::kInformation, "tenant.allowed",
             "a mirror was put in the place of the one that an operator deleted: its source is admitted "
             "again");
}

/// Deleted tenants in their spelling, by folded context id.
struct Deletions {
  std::map<std::string, std::string> all;
  std::set<std::string> half;  ///< Folded ids of those whose mirror is not completely removed.
};

/// Finishes deletions that a kill interrupted.
absl::StatusOr<Deletions> FinishDeletions(StoreHome& home, Events& events) {
  Deletions deletions;
  const absl::StatusOr<std::vector<std::string>> deleting = home.FindDeleting();
  if (!deleting.ok()) return absl::FailedPreconditionError(deleting.status().message());
  for (const std::string& context_id : *deleting) {
    const absl::Status finished = home.FinishDeletion(context_id);
    deletions.all[FoldName(context_id)] = context_id;
    if (finished.ok()) {
      const absl::StatusOr<bool> is_remembered = home.IsDeleted(context_id);
      if (!is_remembered.ok()) return absl::FailedPreconditionError(is_remembered.status().message());
      if (!*is_remembered) deletions.all.erase(FoldName(context_id));
      continue;
    }
    deletions.half.insert(FoldName(context_id));
    events.Add(
        context_id, Severity::kError, "tenant.not_deleted",
        absl::StrCat("an operator deleted the tenant, and its files could not all be removed: ",
                     std::string(finished.message()), " The source is kept away; delete it once more"));
  }
  const absl::StatusOr<std::vector<std::string>> deleted = home.FindDeleted();
  if (!deleted.ok()) return absl::FailedPreconditionError(deleted.status().message());
  for (const std::string& context_id : *deleted) {
    deletions.all[FoldName(context_id)] = context_id;
    if (!home.Exists(context_id) || !home.AllowAgain(context_id).ok()) continue;
    deletions.all.erase(FoldName(context_id));
    TellPutInPlace(events, context_id);
  }
  return deletions;
}

/// Replaces this process's data of the lists, as other servers may have changed it.
void TakeLists(SharedLists& lists, std::vector<Tenants::Seen>* all) {
  const absl::StatusOr<std::map<std::string, ListedDocuments>> kept = lists.ReadAll();
  // While the lists do not answer, nothing better is known.
  if (!kept.ok()) return;
  for (Tenants::Seen& seen : *all) {
    const auto found = kept->find(seen.context_id);
    TenantSummary summary = *seen.summary;
    summary.documents = found == kept->end() ? std::nullopt : std::optional(found->second);
    seen.summary = std::make_shared<const TenantSummary>(std::move(summary));
  }
}

constexpr char kBeginOrAsk[] = "Begin with Authenticate, or ask the mirror's operator.";
constexpr char kAsk[] = "Check the spelling of the context id, or ask the mirror's operator.";

}  // namespace

Tenants::Tenants(StoreHome& home, const TenantsOptions& options, Events& events)
    : home_(home),
      options_([&] {
        TenantsOptions all = options;
        all.tenant.is_shared = home.IsShared();
        return all;
      }()),
      events_(events),
      building_(std::max(options.open_max / kBuildingShare, kBuildingMin)) {}

Tenants::~Tenants() {
  logs_left_.reset();
  tenants_.clear();
}

absl::StatusOr<std::unique_ptr<Tenants>> Tenants::Open(StoreHome& home, const TenantsOptions& options,
                                                       Events& events) {
  std::unique_ptr<Tenants> tenants(new Tenants(home, options, events));
  ASSIGN_OR_RETURN(Deletions deletions, FinishDeletions(home, events));
  absl::StatusOr<std::vector<StoreHome::Found>> found = home.Recover();
  if (!found.ok()) return absl::FailedPreconditionError(found.status().message());
  std::vector<std::shared_ptr<Mirror>> with_logs;
  const MutexLock lock(tenants->mutex_);
  if (!home.IsShared()) {
    for (const std::string& key : deletions.half) {
      tenants->tenants_.emplace(key, Entry{tenants->Make(deletions.all[key]), {}});
    }
    tenants->deleted_ = std::move(deletions.all);
    tenants->half_deleted_ = std::move(deletions.half);
  }
  for (StoreHome::Found& mirror : *found) {
    const std::shared_ptr<Tenant> tenant = tenants->Make(mirror.context_id);
    TenantSummary known;
    known.quarantine = std::move(mirror.quarantine);
    known.quarantined = !known.quarantine.empty();
    tenant->Remember(known);
    tenants->tenants_.emplace(FoldName(mirror.context_id), Entry{tenant, {}});
    if (mirror.has_log) with_logs.push_back(Tenant::MirrorOf(tenant));
  }
  if (!with_logs.empty()) tenants->logs_left_.emplace(home, std::move(with_logs));
  return tenants;
}

std::shared_ptr<Tenant> Tenants::Make(const std::string& context_id) {
  return std::make_shared<Tenant>(
      context_id,
      [this, context_id](bool create) {
        return home_.Open(context_id, create, [this, context_id] { return BeginBuilding(context_id); });
      },
      options_.tenant, events_, [this](Tenant& tenant) { MakeRoom(tenant); });
}

/// Updates one tenant of a shared home. A user of a removed entry keeps the
/// tenant alive: two objects of one mirror in a process behave like two servers.
void Tenants::SetKnown(const std::string& key, const std::optional<std::string>& spelled) {
  const auto known = tenants_.find(key);
  if (known != tenants_.end()) {
    if (spelled && known->second.tenant->context_id() == *spelled) return;
    Unlist(known->second);
    tenants_.erase(known);
  }
  if (!spelled) return;
  const std::shared_ptr<Tenant> tenant = Make(*spelled);
  tenant->Remember(TenantSummary{});
  tenants_.emplace(key, Entry{tenant, {}});
}

absl::Status Tenants::LookAtHome(const std::string& context_id, bool again) {
  if (!home_.IsShared()) return absl::OkStatus();
  const std::string key = FoldName(context_id);
  if (!again) {
    const MutexLock lock(mutex_);
    const auto known = tenants_.find(key);
    if (known != tenants_.end() && known->second.tenant->context_id() == context_id) return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::optional<std::string> spelled, home_.FindSpelling(context_id));
  const MutexLock lock(mutex_);
  SetKnown(key, spelled);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Tenant>> Tenants::Find(const Caller& caller) {
  RETURN_IF_ERROR(LookAtHome(caller.context_id, /*again=*/false));
  const MutexLock lock(mutex_);
  const auto found = tenants_.find(FoldName(caller.context_id));
  if (found == tenants_.end() || found->second.tenant->context_id() != caller.context_id)
    return UnknownTenant(kBeginOrAsk);
  Used(found->second);
  return found->second.tenant;
}

absl::StatusOr<std::shared_ptr<Tenant>> Tenants::FindOrTakeIn(const Caller& caller) {
  RETURN_IF_ERROR(CheckContextId(caller.context_id));
  if (home_.IsShared()) {
    ASSIGN_OR_RETURN(const bool is_deleted, home_.IsDeleted(caller.context_id));
    if (is_deleted) return std::shared_ptr<Tenant>();
    RETURN_IF_ERROR(LookAtHome(caller.context_id, /*again=*/false));
  }
  const std::string key = FoldName(caller.context_id);
  std::string known = caller.context_id;
  {
    const MutexLock lock(mutex_);
    if (const auto found = tenants_.find(key); found != tenants_.end()) {
      known = found->second.tenant->context_id();
    }
  }
  // A spelling that was only probed must not block the right one.
  if (known != caller.context_id) ForgetUnlessThere(known);
  const MutexLock lock(mutex_);
  if (deleted_.contains(key)) return std::shared_ptr<Tenant>();
  auto found = tenants_.find(key);
  if (found == tenants_.end()) {
    if (!options_.tenant.automatic_provisioning) return UnknownTenant(kAsk);
    found = tenants_.emplace(key, Entry{Make(caller.context_id), {}}).first;
  }
  if (found->second.tenant->context_id() != caller.context_id) return UnknownTenant(kAsk);
  Used(found->second);
  return found->second.tenant;
}

Tenants::Entries::iterator Tenants::FindOnlyProbed(const std::string& context_id) {
  const auto found = tenants_.find(FoldName(context_id));
  if (found == tenants_.end()) return found;
  const std::shared_ptr<Tenant>& tenant = found->second.tenant;
  const bool only_probed = tenant->context_id() == context_id && tenant.use_count() == 1 &&
                           !tenant->is_open() && tenant->shared_summary() == nullptr;
  return only_probed ? found : tenants_.end();
}

void Tenants::ForgetUnlessThere(const std::string& context_id) {
  {
    const MutexLock lock(mutex_);
    if (FindOnlyProbed(context_id) == tenants_.end()) return;
  }
  if (home_.Exists(context_id)) return;
  // A caller that created a mirror since uses the entry, or has left its summary.
  const MutexLock lock(mutex_);
  const auto found = FindOnlyProbed(context_id);
  if (found == tenants_.end()) return;
  Unlist(found->second);
  tenants_.erase(found);
}

absl::StatusOr<std::shared_ptr<Tenant>> Tenants::Find(const std::string& context_id) {
  RETURN_IF_ERROR(LookAtHome(context_id, /*again=*/true));
  {
    const MutexLock lock(mutex_);
    if (const auto found = tenants_.find(FoldName(context_id)); found != tenants_.end()) {
      Used(found->second);
      return found->second.tenant;
    }
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> deleted, Deleted());
  const auto gone = std::find_if(deleted.begin(), deleted.end(),
                                 [&](const std::string& one) { return SameName(one, context_id); });
  if (gone != deleted.end()) {
    return TagMirrorDeleted(
        *gone, absl::NotFoundError(absl::StrCat("tenant '", *gone,
                                                "' was deleted. Nothing was done. 'mirrorctl allow ", *gone,
                                                "' lets its source mirror it anew.")));
  }
  return TagMirrorDeleted(
      context_id, absl::NotFoundError(absl::StrCat("there is no tenant '", context_id,
                                                   "'. Nothing was done. 'mirrorctl tenants' lists them.")));
}

absl::StatusOr<std::shared_ptr<Tenant>> Tenants::FindOrMake(const std::string& context_id) {
  RETURN_IF_ERROR(LookAtHome(context_id, /*again=*/true));
  const MutexLock lock(mutex_);
  auto found = tenants_.find(FoldName(context_id));
  if (found == tenants_.end()) {
    found = tenants_.emplace(FoldName(context_id), Entry{Make(context_id), {}}).first;
  }
  if (found->second.tenant->context_id() != context_id) {
    return absl::FailedPreconditionError(absl::StrCat("the tenant is known as '",
                                                      found->second.tenant->context_id(),
                                                      "'. Nothing was done. Use that spelling."));
  }
  if (half_deleted_.contains(found->first)) return HalfDeleted(context_id);
  Used(found->second);
  return found->second.tenant;
}

std::vector<std::shared_ptr<Tenant>> Tenants::Listed(bool at_once) {
  bool is_due = home_.IsShared();
  if (is_due) {
    const auto now = std::chrono::steady_clock::now();
    const MutexLock lock(mutex_);
    is_due = at_once || now - listed_ >= kListAgain;
    if (is_due) listed_ = now;
  }
  // If the home cannot answer, the last known tenants are returned.
  const absl::StatusOr<std::vector<StoreHome::Found>> there =
      is_due ? home_.FindAll() : absl::UnavailableError("it is not asked");
  std::vector<std::shared_ptr<Tenant>> all, gone;
  {
    const MutexLock lock(mutex_);
    if (there.ok()) {
      std::map<std::string, std::optional<std::string>> known;
      for (const auto& [key, entry] : tenants_) {
        // A tenant in use may be in creation right now.
        if (entry.tenant.use_count() == 1) known[key] = std::nullopt;
      }
      unreadable_.clear();
      for (const StoreHome::Found& mirror : *there) {
        known[FoldName(mirror.context_id)] = mirror.context_id;
        if (!mirror.quarantine.empty()) unreadable_[FoldName(mirror.context_id)] = mirror.quarantine;
      }
      for (const auto& [key, spelled] : known) {
        if (!spelled) gone.push_back(tenants_.find(key)->second.tenant);
        SetKnown(key, spelled);
      }
    }
    all.reserve(tenants_.size());
    for (const auto& [key, entry] : tenants_) all.push_back(entry.tenant);
  }
  for (const std::shared_ptr<Tenant>& tenant : gone) {
    if (tenant->summary().known) tenant->TellIfLost();
  }
  return all;
}

std::vector<std::shared_ptr<Tenant>> Tenants::All() {
  std::vector<std::shared_ptr<Tenant>> all = Listed(/*at_once=*/true);
  // A probe of a tenant that was never accepted leaves no file.
  std::erase_if(all, [&](const std::shared_ptr<Tenant>& tenant) {
    return !tenant->is_open() && !home_.Exists(tenant->context_id());
  });
  return all;
}

absl::Status Tenants::Delete(const std::string& context_id, mirror::Deleted what, std::int64_t epoch,
                             const Expected& expected) {
  ASSIGN_OR_RETURN(std::shared_ptr<Tenant> tenant, Find(context_id));
  const std::string& spelled = tenant->context_id();
  const std::string key = FoldName(spelled);
  // Until it is forgotten here, nobody can create a new one with its name. The mark is written before
  // the file is deleted: after a crash either nothing was done, or the next start finishes it.
  bool is_decided = false;
  const auto decide = [&]() -> absl::Status {
    is_decided = true;
    CrashPoint("delete.before");
    // A later tenant of this name is another one.
    if (options_.tenant.lists != nullptr) RETURN_IF_ERROR(options_.tenant.lists->Forget(spelled));
    {
      const MutexLock marks(marks_mutex_);
      RETURN_IF_ERROR(home_.BeginDeletion(spelled, what, epoch));
      const MutexLock lock(mutex_);
      if (!home_.IsShared()) {
        deleted_[key] = spelled;
        half_deleted_.insert(key);
      }
    }
    CrashPoint("delete.marked");
    return absl::OkStatus();
  };
  absl::Status removed = tenant->Retire(
      decide, [&] { return home_.FinishDeletion(spelled); }, expected);
  if (!is_decided && !removed.ok()) return removed;
  // A tenant whose deletion an operator had begun stays deleted.
  const absl::StatusOr<bool> is_remembered =
      what == mirror::Deleted::kForgotten ? home_.IsDeleted(spelled) : absl::StatusOr<bool>(true);
  const MutexLock lock(mutex_);
  if (removed.ok()) half_deleted_.erase(key);
  if (removed.ok() && is_remembered.ok() && !*is_remembered) deleted_.erase(key);
  // The source is refused, and the next attempt removes the rest.
  if (!removed.ok() && half_deleted_.contains(key)) return removed;
  const auto found = tenants_.find(key);
  if (found == tenants_.end() || found->second.tenant != tenant) return removed;
  Unlist(found->second);
  if (removed.ok()) {
    tenants_.erase(found);
    return removed;
  }
  // Nothing was done and the tenant continues; or the home knows what was done.
  const TenantSummary known = tenant->summary();
  found->second.tenant = Make(spelled);
  found->second.tenant->Remember(known);
  return removed;
}

absl::StatusOr<std::string> Tenants::Allow(const std::string& context_id, LetIn by) {
  const std::string key = FoldName(context_id);
  const MutexLock marks(marks_mutex_);
  std::string spelled;
  {
    const MutexLock lock(mutex_);
    if (const auto found = deleted_.find(key); found != deleted_.end()) spelled = found->second;
    if (half_deleted_.contains(key)) return HalfDeleted(spelled);
  }
  if (spelled.empty()) {
    if (home_.IsShared()) {
      ASSIGN_OR_RETURN(const std::vector<std::string> deleting, home_.FindDeleting());
      for (const std::string& id : deleting) {
        if (FoldName(id) == key) return HalfDeleted(id);
      }
    }
    // A mark that was made by hand, or by a failed deletion, would take effect at the next start.
    ASSIGN_OR_RETURN(const std::vector<std::string> found, home_.FindDeleted());
    for (const std::string& id : found) {
      if (FoldName(id) == key) spelled = id;
    }
  }
  if (spelled.empty()) {
    if (by == LetIn::kWithItsMirror) TellPutInPlace(events_, context_id);
    if (by != LetIn::kByOperator) return context_id;
    return absl::NotFoundError(absl::StrCat("tenant '", context_id,
                                            "' was not deleted. Nothing was done. 'mirrorctl tenants "
                                            "--state deleted' lists the deleted tenants."));
  }
  RETURN_IF_ERROR(home_.AllowAgain(spelled));
  if (by != LetIn::kByOperator) TellPutInPlace(events_, context_id);
  const MutexLock lock(mutex_);
  deleted_.erase(key);
  return spelled;
}

absl::StatusOr<std::vector<std::string>> Tenants::Deleted() {
  if (home_.IsShared()) {
    absl::StatusOr<std::vector<std::string>> all = home_.FindDeleting();
    const absl::StatusOr<std::vector<std::string>> deleted = home_.FindDeleted();
    if (!all.ok() || !deleted.ok()) return all.ok() ? deleted : all;
    all->insert(all->end(), deleted->begin(), deleted->end());
    return all;
  }
  std::vector<std::string> names;
  const MutexLock lock(mutex_);
  for (const auto& [key, name] : deleted_) names.push_back(name);
  return names;
}

void Tenants::EndIdleCycles(bool of_others) {
  const std::set<std::string> abandoned =
      of_others ? idle_look_.Find(home_, options_.tenant.cycle_idle_ms) : std::set<std::string>();
  for (const std::shared_ptr<Tenant>& tenant : Listed()) {
    tenant->EndIfIdle(SharedNowMs(), of_others, abandoned.contains(tenant->context_id()));
    tenant->TrimJournal(SharedNowMs());
  }
}

std::vector<Tenants::Seen> Tenants::AllSeen(bool at_once) {
  const std::vector<std::shared_ptr<Tenant>> all = Listed(at_once);
  const std::map<std::string, std::string> unreadable = [this] {
    const MutexLock lock(mutex_);
    return unreadable_;
  }();
  const std::int64_t now_ms = SharedNowMs();
  std::vector<Seen> seen;
  seen.reserve(all.size());
  // A tenant that was only probed never existed.
  for (const std::shared_ptr<Tenant>& tenant : all) {
    std::shared_ptr<const TenantSummary> summary = tenant->shared_summary();
    if (summary == nullptr) continue;
    const std::int64_t progress_ms = std::max(summary->progress_ms, tenant->seen_progress_ms());
    const auto why = unreadable.find(FoldName(tenant->context_id()));
    seen.push_back({tenant->context_id(), tenant->is_open(), std::move(summary), progress_ms,
                    why == unreadable.end() ? std::string() : why->second, tenant->book().At(now_ms)});
  }
  if (at_once && options_.tenant.lists != nullptr) TakeLists(*options_.tenant.lists, &seen);
  return seen;
}

std::vector<Tenants::Seen> Tenants::AllKnown() {
  std::vector<Seen> all = AllSeen(/*at_once=*/true);
  std::set<std::string> there;
  for (const Seen& one : all) there.insert(FoldName(one.context_id));
  for (FirstFailures::Failed& failed : first_failures_.All()) {
    if (there.contains(FoldName(failed.context_id))) continue;
    TenantSummary summary;
    summary.failure = std::move(failed.failure);
    all.push_back({.context_id = std::move(failed.context_id),
                   .summary = std::make_shared<const TenantSummary>(std::move(summary))});
  }
  return all;
}

void Tenants::NoteFailure(const std::string& context_id, std::string_view why) {
  std::shared_ptr<Tenant> tenant;
  {
    const MutexLock lock(mutex_);
    const auto found = tenants_.find(FoldName(context_id));
    if (found != tenants_.end() && found->second.tenant->context_id() == context_id) {
      tenant = found->second.tenant;
    }
  }
  if (tenant && (tenant->shared_summary() != nullptr || home_.Exists(context_id))) {
    tenant->NoteFailure(why);
  } else {
    first_failures_.Note(context_id, why, SharedNowMs());
  }
}

void Tenants::Remember(const std::string& context_id, const TenantSummary& summary) {
  const MutexLock lock(mutex_);
  const auto found = tenants_.find(FoldName(context_id));
  const bool here = found != tenants_.end() && found->second.tenant->context_id() == context_id;
  if (here && found->second.tenant->shared_summary() != nullptr) found->second.tenant->Remember(summary);
}

void Tenants::EndCycles() {
  if (home_.IsShared()) return;
  CrashPoint("stop.drained");
  for (const std::shared_ptr<Tenant>& tenant : All()) tenant->EndCycle(SharedNowMs());
  CrashPoint("stop.ended");
}

std::size_t Tenants::open_count() const {
  const MutexLock lock(mutex_);
  std::size_t count = 0;
  for (const auto& [key, entry] : tenants_) count += entry.tenant->is_open() ? 1U : 0U;
  return count;
}

void Tenants::Used(Entry& entry) {
  if (entry.listed) by_use_.splice(by_use_.end(), by_use_, entry.place);
}

void Tenants::Unlist(Entry& entry) {
  if (entry.listed) by_use_.erase(entry.place);
  entry.listed = false;
}

/// Returns the least recently used tenant that is open and can be closed. It counts as used from
/// now on: if it is not closed, it is in use. Null: the number of open tenants is within the limit.
std::shared_ptr<Tenant> Tenants::TakeOldest(const Tenant& keep) {
  const MutexLock lock(mutex_);
  const std::size_t building = building_.All().size();
  for (std::size_t left = by_use_.size(); left > 0 && by_use_.size() + building > options_.open_max; --left) {
    Entry& oldest = tenants_.find(FoldName(by_use_.front()->context_id()))->second;
    if (!oldest.tenant->is_open()) {
      Unlist(oldest);
      continue;
    }
    Used(oldest);
    if (oldest.tenant.get() != &keep && !building_.Has(oldest.tenant->context_id())) return oldest.tenant;
  }
  return nullptr;
}

/// Called by a tenant that has opened its database or ended its cycle, under that tenant's
/// lock. The lock order is tenant, then this map; other tenants' locks are only tried.
void Tenants::MakeRoom(const Tenant& opened) {
  std::shared_ptr<Tenant> used;
  {
    const MutexLock lock(mutex_);
    const auto found = tenants_.find(FoldName(opened.context_id()));
    if (found != tenants_.end() && found->second.tenant.get() == &opened) {
      used = found->second.tenant;
      if (!found->second.listed) found->second.place = by_use_.insert(by_use_.end(), used.get());
      found->second.listed = true;
    }
  }
  if (used != nullptr) warm_.Use(Tenant::MirrorOf(used));
  for (int tried = 0; tried < kTriedToClose; ++tried) {
    const std::shared_ptr<Tenant> oldest = TakeOldest(opened);
    if (!oldest) return;
    if (!oldest->CloseIfIdle()) continue;
    const MutexLock lock(mutex_);
    const auto found = tenants_.find(FoldName(oldest->context_id()));
    if (found != tenants_.end() && found->second.tenant == oldest && !oldest->is_open())
      Unlist(found->second);
  }
}

/// Called under the lock of the tenant to be created, as MakeRoom() is.
absl::StatusOr<std::shared_ptr<void>> Tenants::BeginBuilding(const std::string& context_id) {
  if (std::shared_ptr<void> place = building_.Take(context_id)) return place;
  // Some are open only because somebody read them: the rest of a first cycle that crashed.
  for (const std::string& other : building_.All()) {
    if (other == context_id) continue;
    std::shared_ptr<Tenant> idle;
    {
      const MutexLock lock(mutex_);
      const auto found = tenants_.find(FoldName(other));
      if (found != tenants_.end()) idle = found->second.tenant;
    }
    if (idle && idle->CloseIfIdle()) break;
  }
  if (std::shared_ptr<void> place = building_.Take(context_id)) return place;
  return absl::ResourceExhaustedError(
      absl::StrCat("too many new mirrors are being made at a time: the limit is ", building_.count_max(),
                   " (a quarter of 'open_tenants_max', and at least ", kBuildingMin,
                   "). No cycle began, and nothing was done. Try again when the first cycle "
                   "of one of them is over."));
}

absl::StatusOr<std::vector<std::shared_ptr<Tenant>>> FindAsked(Tenants& tenants,
                                                               const std::string& context_id) {
  if (context_id.empty()) return tenants.All();
  ASSIGN_OR_RETURN(std::shared_ptr<Tenant> one, tenants.Find(context_id));
  return std::vector<std::shared_ptr<Tenant>>{std::move(one)};
}

}  // namespace mirror
