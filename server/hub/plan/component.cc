#include "server/hub/plan/component.h"

#include <tuple>
#include <utility>

namespace mirror {

bool RowOrder::operator()(const RowRef& a, const RowRef& b) const {
  if (a.data_source != b.data_source) return rules->Order(a.data_source) < rules->Order(b.data_source);
  const std::size_t a_size = a.key.size(), b_size = b.key.size();
  return std::tie(a.table, a_size, a.key) < std::tie(b.table, b_size, b.key);
}

KeyHashes RememberedKeys(const GoldenRecord& record) {
  // A record whose rows all went to other records was nobody's deletion, and is not looked for.
  if (!record.empty_since && record.work.lost.empty()) return {};
  KeyHashes keys = record.indexed;
  keys.insert(record.work.lost.begin(), record.work.lost.end());
  return keys;
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

void Component::Unite(const std::string& into, const std::string& other,
                      const std::vector<MemberRow*>& moving) {
  const std::string target = into, source = other;  // Views into a row would change with it.
  for (MemberRow* const row : moving) row->golden_id = target;
  GoldenRecord gone = std::move(records.at(source));
  records.erase(source);
  merged[source] = target;
  GoldenRecord& record = records.at(target);
  record.had.merge(gone.had);
  record.frozen.merge(gone.frozen);
  record.work.departed.merge(gone.work.departed);
  for (const auto& [name, yes] : gone.work.given_back) {
    const auto [known, added] = record.work.given_back.emplace(name, yes);
    if (!added) known->second = known->second || yes;
  }
  record.apart.merge(gone.apart);
  record.apart.erase(source);
  record.apart.erase(target);
  for (auto& [id, one] : records) {
    if (one.apart.erase(source) > 0 && id != target) one.apart.insert(target);
  }
}

}  // namespace mirror
