#ifndef MIRROR_SERVER_STORE_NEW_RULE_H_
#define MIRROR_SERVER_STORE_NEW_RULE_H_

#include <functional>
#include <string>
#include <vector>

#include "proto/wire/table.h"

namespace mirror {

/// Returns whether the column has a rule that its former values do not follow: they must not be kept in that
/// form.
inline bool HasNewRule(const Column& before, const Column& now) {
  return now.rule != Rule::kPlain && (before.rule != now.rule || before.rule_detail != now.rule_detail);
}

/// Columns whose former values a history must not keep.
struct NewRules {
  std::vector<std::string> changed;   ///< Columns with a new rule. The present rows do not follow it yet.
  std::vector<std::string> returned;  ///< Columns that were dropped, and that came back with a rule. Versions
                                      ///< still have their values.

  bool empty() const { return changed.empty() && returned.empty(); }
};
/// Finds these columns. `has`: returns whether versions have a column of that name.
NewRules FindNewRules(const TableSchema& before, const TableSchema& agreed,
                      const std::function<bool(const std::string& column)>& has);

/// Returns the table without those of `columns` that are not in its key.
TableSchema WithoutColumns(TableSchema table, const std::vector<std::string>& columns);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_NEW_RULE_H_
