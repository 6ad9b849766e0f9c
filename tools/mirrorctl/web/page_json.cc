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

Json RecordJson(const v1::AuditRecord& record) {
  Json json = ToJson(record);
  json.erase("seal");
  json.erase("hash");
  json["sealed"] = !record.seal().empty();
  return json;
}

Json DatedJson(const v1::DiagnoseResponse::Key& key) {
  return {{"name", key.name()}, {"kind", key.kind()}, {"not_after_ms", key.not_after() * 1'000}};
}

std::string ErrorLine(const absl::Status& status) {
  return JsonLine({{"error", std::string(status.message())}});
}

}  // namespace mirror
