#include "server/tenant/mirror/index_follower.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// After so long no further index is begun in a cycle: who waits for its end, waits for them.
constexpr std::chrono::seconds kMakingMax{10};

}  // namespace

void IndexFollower::TellWrong(const std::vector<AnnouncedTable>& tables) {
  std::vector<std::string> wrong;
  for (const AnnouncedTable& table : tables) {
    if (!table.objects.ok()) wrong.emplace_back(table.objects.status().message());
  }
  std::string words = ListNames(wrong);
  if (words == told_wrong_) return;
  told_wrong_ = std::move(words);
  if (told_wrong_.empty()) return;
  events_.Add(
      context_id_, Severity::kWarning, "indexes.ignored",
      absl::StrCat("the source announced indexes or foreign keys that cannot be right:  ", told_wrong_,
                   ". None of them was kept for these tables; their rows are mirrored as before. Correct it "
                   "at the source"));
}

absl::StatusOr<std::vector<FollowedTable>> ReadFollowed(Store& store) {
  const absl::StatusOr<std::vector<KeptObjects>> kept = store.records().ReadSourceObjects();
  if (!kept.ok()) return kept.status();
  std::map<std::string, const KeptObjects*> objects_of;
  for (const KeptObjects& objects : *kept) objects_of[FoldName(objects.table)] = &objects;
  const absl::StatusOr<std::vector<TableRecord>> records = store.records().ReadTables();
  if (!records.ok()) return records.status();
  std::vector<FollowedTable> tables;
  for (const TableRecord& record : *records) {
    const absl::StatusOr<std::optional<TableSchema>> schema = store.records().ReadSchema(record.table);
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

absl::StatusOr<std::vector<IndexChange>> IndexFollower::ReadChanges(Store& store) const {
  absl::StatusOr<std::vector<FollowedTable>> tables = std::vector<FollowedTable>();
  // Where none is to be there, what the source has does not matter.
  if (follows_) tables = ReadFollowed(store);
  if (!tables.ok()) return tables.status();
  const absl::StatusOr<std::vector<OwnIndex>> there = store.records().ReadOwnIndexes();
  if (!there.ok()) return there.status();
  return PlanFollow(*tables, *there, follows_);
}

absl::Status IndexFollower::Follow(Store& store, std::int64_t now_ms) {
  if (!due_ || !store.IsDurable()) return absl::OkStatus();
  const absl::StatusOr<std::int64_t> version = store.ReadDataVersion();
  const absl::StatusOr<std::vector<IndexChange>> changes = ReadChanges(store);
  if (!version.ok() || !changes.ok()) return absl::OkStatus();
  const auto began = steady_now_();
  bool done = true;
  std::string why;
  for (const IndexChange& change : *changes) {
    if (steady_now_() - began > kMakingMax) {
      done = false;
      break;
    }
    const absl::StatusOr<std::optional<Store::Committed>> committed =
        store.PlanAndCommit([&](const TenantRecord&) -> absl::StatusOr<std::optional<Plan>> {
          const absl::StatusOr<std::int64_t> now = store.ReadDataVersion();
          if (!now.ok()) return now.status();
          // That a table was given up by hand need not show: an index on it more does no harm.
          if (*now != *version) {
            const absl::StatusOr<std::vector<IndexChange>> due = ReadChanges(store);
            if (!due.ok()) return due.status();
            if (std::find(due->begin(), due->end(), change) == due->end()) return std::optional<Plan>();
          }
          Plan plan;
          plan.now_ms = now_ms;
          plan.index_changes.push_back(change);
          return std::optional(std::move(plan));
        });
    const absl::Status& status = committed.status();
    // Others may be due instead.
    if (status.ok() && !*committed) done = false;
    CrashPoint("index.changed");
    if (status.ok()) continue;
    done = false;
    if (why.empty()) {
      why = absl::StrCat(change.columns.empty() ? "dropping" : "making", " index '", change.index.name,
                         "' of table '", change.index.table, "': ", std::string(status.message()));
    }
    if (absl::IsDataLoss(status)) return status;
    // Of a full disk the others would hear, too.
    if (!absl::IsFailedPrecondition(status)) break;
  }
  due_ = !done;
  TellTrouble(std::move(why));
  return absl::OkStatus();
}

void IndexFollower::TellTrouble(std::string why) {
  if (why == told_trouble_) return;
  told_trouble_ = std::move(why);
  if (told_trouble_.empty()) return;
  events_.Add(context_id_, Severity::kWarning, "indexes.failed",
              absl::StrCat(told_trouble_,
                           " The rows and their position stand as they were committed; it is tried again "
                           "after each cycle"));
}

}  // namespace mirror
