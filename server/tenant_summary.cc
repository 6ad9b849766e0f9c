#include "server/tenant_summary.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "server/freshness_plan.h"

namespace mirror {
namespace {

/// The member, or what it is when it is absent or something else.
template <typename T>
T MemberOr(const nlohmann::json& object, const char* name, T otherwise) {
  const auto found = object.find(name);
  if (found == object.end()) return otherwise;
  if constexpr (std::is_same_v<T, bool>) return found->is_boolean() ? found->get<bool>() : otherwise;
  return found->is_number_integer() ? found->get<T>() : otherwise;
}

}  // namespace

void SummarizeTables(const std::vector<TableRecord>& records, const std::vector<TableCheck>& checks,
                     const Freshness& freshness, TenantSummary* summary) {
  summary->tables = static_cast<std::uint32_t>(records.size());
  summary->tables_unpopulated = 0;
  summary->rows = 0;
  summary->lsn = -1;
  summary->oldest_source_ms = 0;
  summary->freshness.clear();
  for (const TableRecord& record : records) {
    const std::int64_t time = TimeOf(freshness, record.table).value_or(0);
    std::int64_t& oldest = summary->oldest_source_ms;
    if (time > 0) oldest = oldest == 0 ? time : std::min(oldest, time);
    const std::int64_t target = TargetOf(freshness.targets, record.table);
    if (target > 0) summary->freshness.push_back({record.table, time, target});
    if (record.position.lsn == Lsn{}) ++summary->tables_unpopulated;
    summary->rows += std::max<std::int64_t>(0, record.row_count);
    summary->lsn = std::max(summary->lsn, record.position.lsn.value);
  }
  summary->tables_differing =
      static_cast<std::uint32_t>(std::count_if(checks.begin(), checks.end(), [](const TableCheck& check) {
        return check.equality == Equality::kDiffers;
      }));
}

std::string PackSummary(const TenantSummary& summary) {
  nlohmann::json freshness = nlohmann::json::array();
  for (const TableFreshness& table : summary.freshness) {
    freshness.push_back({table.table, table.source_ms, table.target_ms});
  }
  return nlohmann::json{{"completed_ms", summary.completed_ms},
                        {"progress_ms", summary.progress_ms},
                        {"paused", summary.paused},
                        {"holds", summary.holds},
                        {"tables", summary.tables},
                        {"tables_differing", summary.tables_differing},
                        {"tables_unpopulated", summary.tables_unpopulated},
                        {"rows", summary.rows},
                        {"lsn", summary.lsn},
                        {"oldest_source_ms", summary.oldest_source_ms},
                        {"freshness", std::move(freshness)}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<TenantSummary> UnpackSummary(std::string_view text) {
  const nlohmann::json object = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::nullopt;
  TenantSummary summary;
  summary.known = true;
  summary.completed_ms = MemberOr<std::int64_t>(object, "completed_ms", 0);
  summary.progress_ms = MemberOr<std::int64_t>(object, "progress_ms", 0);
  summary.paused = MemberOr(object, "paused", false);
  summary.holds = MemberOr<std::uint32_t>(object, "holds", 0);
  summary.tables = MemberOr<std::uint32_t>(object, "tables", 0);
  summary.tables_differing = MemberOr<std::uint32_t>(object, "tables_differing", 0);
  summary.tables_unpopulated = MemberOr<std::uint32_t>(object, "tables_unpopulated", 0);
  summary.rows = MemberOr<std::int64_t>(object, "rows", 0);
  summary.lsn = MemberOr<std::int64_t>(object, "lsn", -1);
  summary.oldest_source_ms = MemberOr<std::int64_t>(object, "oldest_source_ms", 0);
  const auto freshness = object.find("freshness");
  if (freshness == object.end() || !freshness->is_array()) return summary;
  for (const nlohmann::json& table : *freshness) {
    const bool good = table.is_array() && table.size() == 3 && table[0].is_string() &&
                      table[1].is_number_integer() && table[2].is_number_integer();
    if (good) summary.freshness.push_back({table[0], table[1], table[2]});
  }
  return summary;
}

}  // namespace mirror
