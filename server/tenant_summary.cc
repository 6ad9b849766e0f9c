#include "server/tenant_summary.h"

#include <algorithm>
#include <nlohmann/json.hpp>

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
                     TenantSummary* summary) {
  summary->tables = static_cast<std::uint32_t>(records.size());
  summary->tables_unpopulated = 0;
  summary->rows = 0;
  summary->lsn = -1;
  for (const TableRecord& record : records) {
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
  return nlohmann::json{{"completed_ms", summary.completed_ms},
                        {"progress_ms", summary.progress_ms},
                        {"paused", summary.paused},
                        {"holds", summary.holds},
                        {"tables", summary.tables},
                        {"tables_differing", summary.tables_differing},
                        {"tables_unpopulated", summary.tables_unpopulated},
                        {"rows", summary.rows},
                        {"lsn", summary.lsn}}
      .dump();
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
  return summary;
}

}  // namespace mirror
