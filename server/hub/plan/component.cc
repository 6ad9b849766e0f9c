#include "server/hub/plan/component.h"

#include <tuple>

namespace mirror {

bool RowOrder::operator()(const RowRef& a, const RowRef& b) const {
  if (a.data_source != b.data_source) return rules->Order(a.data_source) < rules->Order(b.data_source);
  const std::size_t a_size = a.key.size(), b_size = b.key.size();
  return std::tie(a.table, a_size, a.key) < std::tie(b.table, b_size, b.key);
}

std::vector<MemberRow*> Component::RowsOf(const std::string& golden_id) {
  std::vector<MemberRow*> found;
  for (auto& [ref, row] : rows) {
    if (row.golden_id == golden_id) found.push_back(&row);
  }
  return found;
}

GoldenRecord* Component::Alive(std::string golden_id) {
  for (auto into = merged.find(golden_id); into != merged.end(); into = merged.find(golden_id)) {
    golden_id = into->second;
  }
  const auto found = records.find(golden_id);
  return found == records.end() ? nullptr : &found->second;
}

}  // namespace mirror
