#ifndef MIRROR_CLIENT_EXCHANGE_WRITE_RIGHTS_H_
#define MIRROR_CLIENT_EXCHANGE_WRITE_RIGHTS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "client/exchange/exchange_rules.h"
#include "client/source/source_finding.h"

// Rights that deliveries need in the database of a server, beyond those of
// its reader. The check reports them before the first delivery is refused.

namespace mirror {

/// The step of findings that concern all tables.
inline constexpr char kDeliveriesStep[] = "deliveries";

/// Maximum of tables that are reported one by one; the others are reported together.
inline constexpr std::size_t kRightsToldMax = 10;

/// Rights on one table that deliveries need.
struct NeededRights {
  std::string table;
  std::string quoted;               ///< The name for a GRANT.
  std::vector<std::string> lacked;  ///< Terms for a GRANT: "INSERT", "UPDATE (city, name)"; empty: none.
  /// Further statements, for rights on other objects than the table.
  std::vector<std::string> statements = {};
};

/// Returns the right with its columns, as in a GRANT; without columns if they are `all` columns of the table.
/// `quoted`: the columns that lack the right.
std::string RightOnColumns(const std::string& right, const std::vector<std::string>& quoted, bool all);

/// Adds a finding for each table that lacks a right, with the GRANT that fixes it; one for
/// all tables if none lacks any. `who`: "the role 'agent'"; `to`: the same, as it follows TO.
void TellNeededRights(const ExchangeRules& rules, const std::vector<NeededRights>& tables,
                      const std::string& who, const std::string& to, SourceFindings* findings);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_WRITE_RIGHTS_H_
