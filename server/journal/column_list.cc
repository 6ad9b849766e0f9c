#include "server/journal/column_list.h"

#include <nlohmann/json.hpp>

namespace mirror {

std::string PackColumnList(const std::vector<std::string>& names) { return nlohmann::json(names).dump(); }

std::vector<std::string> UnpackColumnList(std::string_view text) {
  const nlohmann::json list = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  std::vector<std::string> names;
  if (!list.is_array()) return names;
  for (const nlohmann::json& name : list) {
    if (name.is_string()) names.push_back(name.get<std::string>());
  }
  return names;
}

}  // namespace mirror
