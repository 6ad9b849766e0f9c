#ifndef MIRROR_SERVER_STORE_NEW_RULE_H_
#define MIRROR_SERVER_STORE_NEW_RULE_H_

#include <functional>
#include <string>
#include <vector>

#include "proto/wire/table.h"

namespace mirror {

/// Returns whether the column's former values must not be kept in their former form.
inline bool HasNewRule(const Column& before, const Column& now) {
  return now.rule != Rule::kPlain && (before.rule != now.rule || before.rule_detail != now.rule_detail);
}

/// Columns whose former values a history must not keep.
struct NewRules {
  std::vector<std::string> changed;   ///< Columns with a new rule. The present rows are still as before it.
  std::vector<std::string> returned;  ///< Columns dropped before their rule came; versions still have them.

  bool empty() const { return changed.empty() && returned.empty(); }
};
/// Finds them. `has`: whether versions have a column of that name.
NewRules FindNewRules(const TableSchema& before, const TableSchema& agreed,
                      const std::function<bool(const std::string& column)>& has);

/// Returns the table without those of these columns that are not in its key.
TableSchema WithoutColumns(TableSchema table, const std::vector<std::string>& columns);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_NEW_RULE_H_
