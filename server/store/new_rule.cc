#include "server/store/new_rule.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/folded_name.h"

namespace mirror {

NewRules FindNewRules(const TableSchema& before, const TableSchema& agreed,
                      const std::function<bool(const std::string& column)>& has) {
  NewRules rules;
  for (const Column& column : agreed.columns) {
    if (column.rule == Rule::kPlain) continue;
    const std::optional<std::uint32_t> was = before.Find(column.name);
    if (was ? HasNewRule(before.columns[*was], column) : has(column.name)) {
      (was ? rules.changed : rules.returned).push_back(column.name);
    }
  }
  return rules;
}

TableSchema WithoutColumns(TableSchema table, const std::vector<std::string>& columns) {
  std::erase_if(table.columns, [&](const Column& column) {
    return column.key_position == 0 && std::any_of(columns.begin(), columns.end(), [&](const auto& name) {
             return SameName(name, column.name);
           });
  });
  return table;
}

}  // namespace mirror
