#include "tools/mirrorctl/web/page_json.h"

namespace mirror {
namespace {

bool IsNothing(const Json& value) {
  if (value.is_null()) return true;
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  if (value.is_boolean()) return !value.get<bool>();
  return value.is_number() && value.get<double>() == 0;
}

}  // namespace

std::string JsonLine(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

std::string TenantLine(const v1::Tenant& tenant) {
  Json all = ToJson(tenant), kept;
  for (auto& [name, value] : all.items()) {
    if (!IsNothing(value)) kept[name] = std::move(value);
  }
  return JsonLine(kept);
}

Json ToJson(const v1::ListCyclesResponse& answer) {
  Json list = Json::array();
  for (const v1::PastCycle& cycle : answer.cycles()) {
    list.push_back({{"cycle", cycle.cycle()},
                    {"began_ms", cycle.began_ms()},
                    {"ended_ms", cycle.ended_ms()},
                    {"end", cycle.end()},
                    {"why", cycle.why()},
                    {"inserts", cycle.inserts()},
                    {"updates", cycle.updates()},
                    {"deletes", cycle.deletes()}});
  }
  return list;
}

Json ToJson(const v1::TimeSeries& series) {
  Json rows = Json::array(), lag = Json::array(), cycle = Json::array();
  for (const std::uint64_t number : series.rows()) rows.push_back(number);
  for (const std::int64_t number : series.lag_s()) lag.push_back(number);
  for (const std::int64_t number : series.cycle_ms()) cycle.push_back(number);
  return {{"begin_ms", series.begin_ms()}, {"rows", rows}, {"lag_s", lag}, {"cycle_ms", cycle}};
}

Json ToJson(const v1::AuditRecord& record) {
  return {{"id", record.id()},     {"time_ms", record.time_ms()}, {"who", record.who()},
          {"call", record.call()}, {"outcome", record.outcome()}, {"sealed", !record.seal().empty()}};
}

Json ToJson(const v1::DiagnoseResponse::Key& key) {
  return {{"name", key.name()}, {"kind", key.kind()}, {"not_after_ms", key.not_after() * 1'000}};
}

std::string ErrorLine(const absl::Status& status) {
  return JsonLine({{"error", std::string(status.message())}});
}

}  // namespace mirror
