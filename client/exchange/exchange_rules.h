#ifndef MIRROR_CLIENT_EXCHANGE_EXCHANGE_RULES_H_
#define MIRROR_CLIENT_EXCHANGE_EXCHANGE_RULES_H_

#include <map>
#include <string>
#include <vector>

#include "client/source/steps/table_steps.h"

namespace mirror {

/// Permissions of a source's owner for the exchange, whatever a hub requests, and
/// the table steps of the source's configuration. Names are those of the source.
struct ExchangeRules {
  bool inserts = false, updates = false, deletes = false;
  std::vector<std::string> tables = {"*"};     ///< Patterns, see MatchesPattern().
  std::vector<std::string> columns = {"*.*"};  ///< Patterns of "table.column".
  std::vector<TableSteps> steps = {};
  /// Key columns of tables that declare none, by folded name.
  std::map<std::string, std::vector<std::string>> keys = {};

  bool any() const { return inserts || updates || deletes; }
  bool AcceptsTable(const std::string& table) const;
  bool AcceptsColumn(const std::string& table, const std::string& column) const;
  /// Null: the table is sent as it is.
  const TableSteps* StepsOf(const std::string& table) const;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_EXCHANGE_RULES_H_
