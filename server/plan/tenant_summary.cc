#include "server/plan/tenant_summary.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "base/cut_message.h"
#include "base/folded_name.h"
#include "proto/wire/table.h"
#include "server/plan/freshness_plan.h"

namespace mirror {
namespace {

/// Maximum bytes of a failure's reason.
constexpr std::size_t kFailureBytesMax = 600;

/// Returns the member, or `otherwise` if it is absent or of another type.
template <typename T>
T MemberOr(const nlohmann::json& object, const char* name, T otherwise) {
  const auto found = object.find(name);
  if (found == object.end()) return otherwise;
  if constexpr (std::is_same_v<T, bool>) return found->is_boolean() ? found->get<bool>() : otherwise;
  if constexpr (std::is_same_v<T, std::string>) return found->is_string() ? found->get<T>() : otherwise;
  return found->is_number_integer() ? found->get<T>() : otherwise;
}

std::int64_t OldestTimeOf(const TenantSummary& summary) {
  std::int64_t oldest = 0;
  for (const std::string& table : summary.table_names) {
    const std::int64_t time = TimeOf(summary.freshness, table).value_or(0);
    if (time > 0) oldest = oldest == 0 ? time : std::min(oldest, time);
  }
  return oldest;
}

std::int64_t OldestOf(const TenantSummary& summary) {
  return summary.HasRecords() ? 0 : OldestTimeOf(summary);
}

/// Sets the times of the tables that `summary` names.
void SetFreshness(const Freshness& freshness, TenantSummary* summary) {
  summary->freshness = {.all_ms = freshness.all_ms, .tables = {}, .targets = {}};
  for (const std::string& table : summary->table_names) {
    const auto own = freshness.tables.find(FoldName(table));
    if (own != freshness.tables.end()) summary->freshness.tables.insert(*own);
  }
  summary->oldest_source_ms = OldestOf(*summary);
}

nlohmann::json TimeJson(std::optional<std::int64_t> time) {
  return time ? nlohmann::json(*time) : nlohmann::json(nullptr);
}
std::optional<std::int64_t> TimeOfJson(const nlohmann::json& time) {
  return time.is_number_integer() ? std::optional(time.get<std::int64_t>()) : std::nullopt;
}

/// Packs the tables with a time of their own by index in `table_names`, which already has their names.
nlohmann::json PackTimes(const TenantSummary& summary) {
  nlohmann::json own = nlohmann::json::array();
  for (std::size_t i = 0; i < summary.table_names.size(); ++i) {
    const auto found = summary.freshness.tables.find(FoldName(summary.table_names[i]));
    if (found != summary.freshness.tables.end()) own.push_back({i, TimeJson(found->second)});
  }
  return {{"names", summary.table_names},
          {"all_ms", TimeJson(summary.freshness.all_ms)},
          {"own", std::move(own)}};
}

void UnpackTimes(const nlohmann::json& times, TenantSummary* summary) {
  const auto names = times.find("names");
  if (names == times.end() || !names->is_array()) return;
  for (const nlohmann::json& name : *names) {
    // An empty name keeps the indexes of the others.
    summary->table_names.push_back(name.is_string() ? name.get<std::string>() : std::string());
  }
  if (const auto all = times.find("all_ms"); all != times.end()) summary->freshness.all_ms = TimeOfJson(*all);
  const auto own = times.find("own");
  if (own == times.end() || !own->is_array()) return;
  for (const nlohmann::json& one : *own) {
    const bool good = one.is_array() && one.size() == 2 && one[0].is_number_unsigned() &&
                      one[0].get<std::size_t>() < summary->table_names.size();
    if (!good) continue;
    summary->freshness.tables[FoldName(summary->table_names[one[0].get<std::size_t>()])] = TimeOfJson(one[1]);
  }
}

}  // namespace

std::string_view DoorWord(const TenantSummary& summary) {
  if (summary.HasRecords()) return ToString(Door::kRecords);
  return summary.issuer.empty() ? std::string_view() : ToString(Door::kCycles);
}

void SummarizeTables(const std::vector<TableRecord>& records, const std::vector<TableCheck>& checks,
                     const Freshness& freshness, TenantSummary* summary) {
  summary->tables = static_cast<std::uint32_t>(records.size());
  summary->tables_unpopulated = 0;
  summary->rows = 0;
  summary->lsn = -1;
  summary->table_names.clear();
  for (const TableRecord& record : records) {
    summary->table_names.push_back(record.table);
    if (record.position.lsn == Lsn{}) ++summary->tables_unpopulated;
    summary->rows += std::max<std::int64_t>(0, record.row_count);
    summary->lsn = std::max(summary->lsn, record.position.lsn.value);
  }
  SetFreshness(freshness, summary);
  // For records that time is their last write.
  if (summary->HasRecords()) summary->progress_ms = OldestTimeOf(*summary);
  summary->tables_differing =
      static_cast<std::uint32_t>(std::count_if(checks.begin(), checks.end(), [](const TableCheck& check) {
        return check.equality == Equality::kDiffers;
      }));
}

TenantSummary WithTimes(const TenantSummary& summary, const std::map<std::string, std::int64_t>& times) {
  TenantSummary next = summary;
  for (const auto& [table, source_ms] : times) next.freshness.tables[table] = source_ms;
  next.oldest_source_ms = OldestOf(next);
  return next;
}

TenantSummary WithFreshness(const TenantSummary& summary, const Freshness& freshness) {
  TenantSummary next = summary;
  SetFreshness(freshness, &next);
  return next;
}

TenantSummary WithRecords(const TenantSummary& summary, std::int64_t rows, std::int64_t lsn) {
  TenantSummary next = summary;
  next.rows = std::max<std::int64_t>(0, rows);
  next.lsn = lsn;
  return next;
}

CycleFailure FailedAgain(const CycleFailure& before, std::string_view why, std::int64_t now_ms) {
  return {.since_ms = before.since_ms == 0 ? now_ms : before.since_ms,
          .last_ms = now_ms,
          .why = CutMessage(why, kFailureBytesMax)};
}

std::string PackSummary(const TenantSummary& summary) {
  nlohmann::json packed{{"completed_ms", summary.completed_ms},
                        {"progress_ms", summary.progress_ms},
                        {"paused", summary.paused},
                        {"moving", summary.moving},
                        {"pause_reason", summary.pause_reason},
                        {"issuer", summary.issuer},
                        {"environment", summary.environment},
                        {"source_id", summary.source_id},
                        {"cycle", summary.cycle},
                        {"waiting_source", summary.waiting_source},
                        {"holds", summary.holds},
                        {"tables", summary.tables},
                        {"tables_differing", summary.tables_differing},
                        {"tables_unpopulated", summary.tables_unpopulated},
                        {"tables_refused", summary.tables_refused},
                        {"tables_unsent", summary.tables_unsent},
                        {"failing_since_ms", summary.failure.since_ms},
                        {"failed_ms", summary.failure.last_ms},
                        {"failure", summary.failure.why},
                        {"rows", summary.rows},
                        {"lsn", summary.lsn},
                        {"bytes", summary.bytes},
                        {"oldest_source_ms", summary.oldest_source_ms},
                        {"job_ms", summary.job_ms},
                        {"times", PackTimes(summary)}};
  if (summary.documents) {
    packed["documents"] = {{"storage", summary.documents->storage},
                           {"member", summary.documents->member},
                           {"jobs", summary.documents->jobs}};
  }
  return packed.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<TenantSummary> UnpackSummary(std::string_view text) {
  const nlohmann::json object = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::nullopt;
  TenantSummary summary;
  summary.known = true;
  summary.completed_ms = MemberOr<std::int64_t>(object, "completed_ms", 0);
  summary.progress_ms = MemberOr<std::int64_t>(object, "progress_ms", 0);
  summary.paused = MemberOr(object, "paused", false);
  summary.moving = MemberOr(object, "moving", false);
  summary.pause_reason = MemberOr(object, "pause_reason", std::string());
  summary.issuer = MemberOr(object, "issuer", std::string());
  summary.environment = MemberOr(object, "environment", std::string());
  summary.source_id = MemberOr(object, "source_id", std::string());
  summary.cycle = MemberOr<std::int64_t>(object, "cycle", 0);
  summary.waiting_source = MemberOr(object, "waiting_source", std::string());
  summary.holds = MemberOr<std::uint32_t>(object, "holds", 0);
  summary.tables = MemberOr<std::uint32_t>(object, "tables", 0);
  summary.tables_differing = MemberOr<std::uint32_t>(object, "tables_differing", 0);
  summary.tables_unpopulated = MemberOr<std::uint32_t>(object, "tables_unpopulated", 0);
  summary.tables_refused = MemberOr<std::uint32_t>(object, "tables_refused", 0);
  summary.tables_unsent = MemberOr<std::uint32_t>(object, "tables_unsent", 0);
  summary.failure.since_ms = MemberOr<std::int64_t>(object, "failing_since_ms", 0);
  summary.failure.last_ms = MemberOr<std::int64_t>(object, "failed_ms", 0);
  summary.failure.why = MemberOr(object, "failure", std::string());
  summary.rows = MemberOr<std::int64_t>(object, "rows", 0);
  summary.lsn = MemberOr<std::int64_t>(object, "lsn", -1);
  summary.bytes = MemberOr<std::uint64_t>(object, "bytes", 0);
  summary.oldest_source_ms = MemberOr<std::int64_t>(object, "oldest_source_ms", 0);
  summary.job_ms = MemberOr<std::int64_t>(object, "job_ms", 0);
  if (const auto times = object.find("times"); times != object.end() && times->is_object()) {
    UnpackTimes(*times, &summary);
  }
  if (const auto kept = object.find("documents"); kept != object.end() && kept->is_object()) {
    summary.documents = {.storage = MemberOr(*kept, "storage", std::string()),
                         .member = MemberOr(*kept, "member", std::string()),
                         .jobs = MemberOr<std::uint64_t>(*kept, "jobs", 0)};
  }
  return summary;
}

}  // namespace mirror
