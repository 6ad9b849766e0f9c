#include "server/tenant/mirror/index_follower.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/name_pattern.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/store/writing.h"

namespace mirror {
namespace {

/// No further index is started in a cycle after this time: the caller that ends the cycle waits for it.
constexpr std::chrono::seconds kMakingMax{10};

/// Returns whether the text is news; the same text is not reported twice.
bool IsNews(std::string words, std::string* told) {
  if (words == *told) return false;
  *told = std::move(words);
  return !told->empty();
}

}  // namespace

void IndexFollower::TellWrong(const std::vector<AnnouncedTable>& tables) {
  std::vector<std::string> wrong;
  for (const AnnouncedTable& table : tables) {
    if (!table.objects.ok()) wrong.emplace_back(table.objects.status().message());
  }
  if (!IsNews(ListNames(wrong), &told_wrong_)) return;
  events_.Add(
      context_id_, Severity::kWarning, "indexes.ignored",
      absl::StrCat("the source announced invalid indexes or foreign keys: ", told_wrong_,
                   ". The mirror keeps none of them for these tables; their rows are mirrored as before. "
                   "Correct it at the source"));
}

absl::StatusOr<std::vector<FollowedTable>> ReadFollowed(Store& store,
                                                        const std::vector<ConfiguredIndex>& configured) {
  ASSIGN_OR_RETURN(const std::vector<KeptObjects> kept, store.records().ReadSourceObjects());
  std::map<std::string, const KeptObjects*> objects_of;
  for (const KeptObjects& objects : kept) objects_of[FoldName(objects.table)] = &objects;
  ASSIGN_OR_RETURN(const std::vector<TableRecord> records, store.records().ReadTables());
  std::vector<FollowedTable> tables;
  for (const TableRecord& record : records) {
    ASSIGN_OR_RETURN(const std::optional<TableSchema> schema, store.records().ReadSchema(record.table));
    if (!schema) continue;
    FollowedTable& table = tables.emplace_back();
    table.kept = KeptForm(*schema);
    table.populated = record.position.lsn != Lsn{} && record.state == TableState::kMirrored;
    const auto found = objects_of.find(FoldName(record.table));
    if (found != objects_of.end()) table.objects = found->second->objects;
    for (const ConfiguredIndex& one : configured) {
      if (MatchesPattern(record.table, one.table)) table.configured.push_back(one.index);
    }
  }
  return tables;
}

absl::StatusOr<IndexFollower::Due> IndexFollower::ReadDue(Store& store, const IndexRules& rules) const {
  const bool follows = FollowsIndexes(rules, context_id_);
  const std::vector<ConfiguredIndex> configured = ConfiguredFor(rules, context_id_);
  absl::StatusOr<std::vector<FollowedTable>> tables = std::vector<FollowedTable>();
  // If no index is wanted, the source's indexes do not matter.
  if (follows || !configured.empty()) tables = ReadFollowed(store, configured);
  if (!tables.ok()) return tables.status();
  ASSIGN_OR_RETURN(const std::vector<OwnIndex> there, store.records().ReadOwnIndexes());
  return Due{PlanFollow(*tables, there, follows), IdleIndexes(configured, *tables)};
}

absl::Status IndexFollower::Follow(Store& store, std::int64_t now_ms) {
  const std::shared_ptr<const IndexRules> rules = book_.Get();
  if (store.IsBuilding()) return absl::OkStatus();
  const absl::StatusOr<std::int64_t> version = store.ReadDataVersion();
  if (!version.ok()) return absl::OkStatus();
  due_ = due_ || rules != followed_ || version_ != *version;
  if (!due_) return absl::OkStatus();
  const absl::StatusOr<Due> due = ReadDue(store, *rules);
  if (!due.ok()) return absl::OkStatus();
  followed_ = rules;
  version_ = *version;
  TellIdle(due->idle);
  const auto began = steady_now_();
  bool done = true;
  std::string why;
  for (const IndexChange& change : due->changes) {
    if (steady_now_() - began > kMakingMax) {
      done = false;
      break;
    }
    Writing writing;
    while (writing.Begin(store)) writing.Commit(PlanChange(store, *rules, *version, change, now_ms));
    const absl::Status& status = writing.result().status();
    // The change was not due any more; others may be due instead.
    if (status.ok() && !*writing.result()) done = false;
    CrashPoint("index.changed");
    if (status.ok()) continue;
    done = false;
    if (why.empty()) {
      why = absl::StrCat(change.columns.empty() ? "dropping" : "making", " index '", change.index.name,
                         "' of table '", change.index.table, "': ", std::string(status.message()));
    }
    if (absl::IsDataLoss(status)) return status;
    // A full disk would stop the other changes, too.
    if (!absl::IsFailedPrecondition(status)) break;
  }
  due_ = !done;
  TellTrouble(std::move(why));
  TellTooLong(store);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Plan>> IndexFollower::PlanChange(Store& store, const IndexRules& rules,
                                                              std::int64_t version, const IndexChange& change,
                                                              std::int64_t now_ms) const {
  ASSIGN_OR_RETURN(const std::int64_t now, store.ReadDataVersion());
  // A table that was given up by hand may go unnoticed: an extra index on it does no harm.
  if (now != version) {
    ASSIGN_OR_RETURN(const Due again, ReadDue(store, rules));
    const std::vector<IndexChange>& left = again.changes;
    if (std::find(left.begin(), left.end(), change) == left.end()) return std::optional<Plan>();
  }
  Plan plan;
  plan.now_ms = now_ms;
  plan.index_changes.push_back(change);
  return plan;
}

void IndexFollower::TellIdle(const std::vector<std::string>& idle) {
  if (!IsNews(absl::StrJoin(idle, "; "), &told_idle_)) return;
  events_.Add(
      context_id_, Severity::kWarning, "indexes.rule_idle",
      absl::StrCat("indexes of the configuration that cannot be made: ", told_idle_,
                   ". The rows are mirrored as before. Correct [[tenant.index]] in mirror-server.toml "
                   "and have the server read it again (SIGHUP), or remove it"));
}

void IndexFollower::TellTooLong(Store& store) {
  const absl::StatusOr<std::vector<OwnIndex>> there = store.records().ReadOwnIndexes();
  if (!there.ok()) return;
  std::vector<std::string> indexes;
  for (const OwnIndex& index : *there) {
    if (index.is_too_long)
      indexes.push_back(absl::StrCat("index '", index.name, "' of table '", index.table, "'"));
  }
  if (!IsNews(absl::StrJoin(indexes, ", "), &told_too_long_)) return;
  events_.Add(
      context_id_, Severity::kWarning, "indexes.failed",
      absl::StrCat("a value of the table is too long for ", told_too_long_,
                   ": the index was dropped, or not made. All rows are mirrored. It is made again once the "
                   "table was populated anew and all values fit ('mirrorctl invalidate')"));
}

void IndexFollower::TellTrouble(std::string why) {
  if (!IsNews(std::move(why), &told_trouble_)) return;
  events_.Add(context_id_, Severity::kWarning, "indexes.failed",
              absl::StrCat(told_trouble_,
                           " The rows and their position stay as they were committed; this is tried again "
                           "after each cycle"));
}

}  // namespace mirror
