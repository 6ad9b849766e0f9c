#include "server/hub/plan/overtaken.h"

#include <optional>
#include <utility>

namespace mirror {
namespace {

const Said* SaidBy(const Component& now, const RowRef& ref, const std::string& attribute) {
  const auto row = now.rows.find(ref);
  if (row == now.rows.end()) return nullptr;
  const auto said = row->second.says.find(attribute);
  return said == row->second.says.end() ? nullptr : &said->second;
}

/// The row's edit counts. Whether what counted before was an edit that its author had not been given.
std::optional<OvertakenEdit> Won(const Component& now, const MemberRow& row, const std::string& attribute,
                                 const GivenValue& before, const GivenValue& given, std::int64_t base_ms) {
  // Version 0 stood there when everybody was first read: nobody's edit.
  if (before.giver == row.ref || before.ms == 0 || before.ms <= base_ms || before.value == given.value)
    return std::nullopt;
  const Said* const other = SaidBy(now, before.giver, attribute);
  if (other == nullptr || !other->own || other->ms != before.ms) return std::nullopt;
  return OvertakenEdit{row.golden_id, attribute,           before.giver.data_source,
                       before.ms,     row.ref.data_source, given.ms};
}

std::optional<OvertakenEdit> Find(const std::map<std::string, GoldenRecord>& was, const Component& now,
                                  const MemberRow& row, const std::string& attribute, std::int64_t base_ms) {
  const auto rule = now.entity->attributes.find(attribute);
  if (rule == now.entity->attributes.end() || rule->second.kind != AttributeRule::Kind::kNewest)
    return std::nullopt;
  const Said* const said = SaidBy(now, row.ref, attribute);
  const GoldenRecord& record = now.records.at(row.golden_id);
  const auto given = record.values.find(attribute);
  if (said == nullptr || !said->own || !said->ms || given == record.values.end()) return std::nullopt;
  if (given->second.giver == row.ref) {
    const auto record_was = was.find(row.golden_id);
    if (record_was == was.end()) return std::nullopt;
    const auto before = record_was->second.values.find(attribute);
    if (before == record_was->second.values.end()) return std::nullopt;
    return Won(now, row, attribute, before->second, given->second, base_ms);
  }
  if (given->second.value == said->word) return std::nullopt;
  return OvertakenEdit{
      row.golden_id,   attribute, row.ref.data_source, *said->ms, given->second.giver.data_source,
      given->second.ms};
}

}  // namespace

std::vector<OvertakenEdit> FindOvertaken(const std::map<std::string, GoldenRecord>& was,
                                         const Component& now) {
  std::vector<OvertakenEdit> found;
  for (const auto& [ref, row] : now.rows) {
    for (const auto& [attribute, base_ms] : row.work.edited) {
      std::optional<OvertakenEdit> edit = Find(was, now, row, attribute, base_ms);
      if (edit) found.push_back(*std::move(edit));
    }
  }
  return found;
}

}  // namespace mirror
