// The source's indexes and foreign keys: what is kept of them, shown, and made in the mirror.

#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "server/plan/index_plan.h"
#include "server/tenant/tenant.h"

namespace mirror {
namespace {

constexpr std::size_t kNamesListed = 20;
/// After so long no further index is begun in a cycle: who waits for its end, waits for them.
constexpr std::chrono::seconds kMakingMax{10};

}  // namespace

/// Once for the same words, and again after a restart.
void Tenant::TellWrongObjects(const std::vector<AnnouncedTable>& tables) {
  std::vector<std::string> wrong;
  for (const AnnouncedTable& table : tables) {
    if (!table.objects.ok()) wrong.emplace_back(table.objects.status().message());
  }
  std::string words = ListNames(wrong, kNamesListed);
  if (words == told_wrong_objects_) return;
  told_wrong_objects_ = std::move(words);
  if (told_wrong_objects_.empty()) return;
  events_.Add(context_id_, Severity::kWarning, "indexes.ignored",
              absl::StrCat("what the source announced of its indexes and foreign keys cannot be meant: ",
                           told_wrong_objects_,
                           ". Nothing of these tables' was kept; their rows are mirrored as ever. Correct "
                           "it at the source"));
}

absl::StatusOr<std::vector<FollowedTable>> Tenant::TablesToFollow() {
  const absl::StatusOr<std::vector<KeptObjects>> kept = store_->ReadSourceObjects();
  if (!kept.ok()) return kept.status();
  std::map<std::string, const KeptObjects*> objects_of;
  for (const KeptObjects& objects : *kept) objects_of[FoldName(objects.table)] = &objects;
  const absl::StatusOr<std::vector<TableRecord>> records = store_->ReadTables();
  if (!records.ok()) return records.status();
  std::vector<FollowedTable> tables;
  for (const TableRecord& record : *records) {
    const absl::StatusOr<std::optional<TableSchema>> schema = store_->ReadSchema(record.table);
    if (!schema.ok()) return schema.status();
    if (!*schema) continue;
    FollowedTable& table = tables.emplace_back();
    table.kept = KeptForm(**schema);
    table.populated = record.position.lsn != Lsn{} && record.state == TableState::kMirrored;
    const auto found = objects_of.find(FoldName(record.table));
    if (found != objects_of.end()) table.objects = found->second->objects;
  }
  return tables;
}

/// Between two cycles. What fails, or would take too long, is tried after the next one; no cycle fails for
/// it.
void Tenant::FollowIndexes(std::int64_t now_ms) {
  if (!indexes_due_ || !store_ || !store_->IsDurable()) return;
  const bool follows = follows_indexes();
  absl::StatusOr<std::vector<FollowedTable>> tables = std::vector<FollowedTable>();
  // Where none is to be there, what the source has does not matter.
  if (follows) tables = TablesToFollow();
  const absl::StatusOr<std::vector<OwnIndex>> there = store_->ReadOwnIndexes();
  if (!tables.ok() || !there.ok()) return;
  const SteadyTime began = options_.steady_now();
  bool done = true;
  std::string why;
  for (const IndexChange& change : PlanFollow(*tables, *there, follows)) {
    if (options_.steady_now() - began > kMakingMax) {
      done = false;
      break;
    }
    Plan plan;
    plan.now_ms = now_ms;
    plan.index_changes.push_back(change);
    const absl::Status status = store_->Commit(plan).status();
    CrashPoint("index.changed");
    if (status.ok()) continue;
    done = false;
    if (why.empty()) {
      why = absl::StrCat(change.columns.empty() ? "dropping" : "making", " index '", change.index.name,
                         "' of table '", change.index.table, "': ", std::string(status.message()));
    }
    if (absl::IsDataLoss(status)) {
      Noticed(status).IgnoreError();
      return;
    }
    // Of a full disk the others would hear, too.
    if (!absl::IsFailedPrecondition(status)) break;
  }
  indexes_due_ = !done;
  if (why == told_index_trouble_) return;
  told_index_trouble_ = std::move(why);
  if (told_index_trouble_.empty()) return;
  events_.Add(context_id_, Severity::kWarning, "indexes.failed",
              absl::StrCat(told_index_trouble_,
                           " The rows and their position stand as they were committed; it is tried again "
                           "after each cycle"));
}

absl::StatusOr<std::vector<IndexesOfTable>> Tenant::Indexes(const std::vector<std::string>& tables) {
  const MutexLock lock(mutex_);
  if (absl::Status status = OpenForOperator(0); !status.ok()) return status;
  const absl::StatusOr<std::vector<std::string>> names = Existing(tables);
  if (!names.ok()) return names.status();
  std::set<std::string> asked;
  for (const std::string& name : *names) asked.insert(FoldName(name));
  const absl::StatusOr<std::vector<FollowedTable>> known = TablesToFollow();
  if (!known.ok()) return Noticed(known.status());
  const absl::StatusOr<std::vector<OwnIndex>> own = store_->ReadOwnIndexes();
  if (!own.ok()) return Noticed(own.status());
  std::vector<IndexesOfTable> found;
  bool told = known->empty();
  for (const FollowedTable& table : *known) {
    told = told || table.objects;
    const std::string key = FoldName(table.kept.name);
    if (!asked.contains(key)) continue;
    IndexesOfTable& of = found.emplace_back(
        IndexesOfTable{table.kept.name, table.objects, IndexLines(table.kept, table.objects), {}});
    for (const OwnIndex& index : *own) {
      if (FoldName(index.table) == key) of.followed.push_back(index.name);
    }
  }
  if (told) return found;
  return absl::FailedPreconditionError(absl::StrCat(
      "the source of '", context_id_,
      "' has not told which indexes it has: its agent is older than 0.2, or no cycle began since "
      "the server was. Nothing was changed. Update the agent and let one cycle run"));
}

bool Tenant::follows_indexes() const { return FollowsIndexes(options_.indexes, context_id_); }

}  // namespace mirror
