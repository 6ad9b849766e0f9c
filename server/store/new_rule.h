#ifndef MIRROR_SERVER_STORE_NEW_RULE_H_
#define MIRROR_SERVER_STORE_NEW_RULE_H_

#include <functional>
#include <string>
#include <vector>

#include "proto/wire/table.h"

namespace mirror {

/// What stood in the column must not be kept in its former form.
inline bool HasNewRule(const Column& before, const Column& now) {
  return now.rule != Rule::kPlain && (before.rule != now.rule || before.rule_detail != now.rule_detail);
}

/// Columns of which a history must not keep what it has.
struct NewRules {
  std::vector<std::string> changed;   ///< They have a new rule. Rows that stand are as before it.
  std::vector<std::string> returned;  ///< They went before it came; versions have them still.

  bool empty() const { return changed.empty() && returned.empty(); }
};
/// `has`: whether versions have a column of that name.
NewRules FindNewRules(const TableSchema& before, const TableSchema& agreed,
                      const std::function<bool(const std::string& column)>& has);

/// The table without those of its columns that are not in its key.
TableSchema WithoutColumns(TableSchema table, const std::vector<std::string>& columns);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_NEW_RULE_H_
