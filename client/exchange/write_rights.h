#ifndef MIRROR_CLIENT_EXCHANGE_WRITE_RIGHTS_H_
#define MIRROR_CLIENT_EXCHANGE_WRITE_RIGHTS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "client/exchange/exchange_rules.h"
#include "client/source/source_finding.h"

// What deliveries need of the database of a server, beyond what its reader needs: told before the first one
// is refused.

namespace mirror {

/// The step of what concerns all of them.
inline constexpr char kDeliveriesStep[] = "deliveries";

/// Tables that are told one by one; the others together.
inline constexpr std::size_t kRightsToldMax = 10;

/// Rights on one table that deliveries need.
struct NeededRights {
  std::string table;
  std::string quoted;               ///< As it stands in a GRANT.
  std::vector<std::string> lacked;  ///< As they stand there: "INSERT", "UPDATE (city, name)"; empty: none.
  /// Further statements, of what is needed beside the table itself.
  std::vector<std::string> statements = {};
};

/// Which of its columns lack a right, as that stands in a GRANT: the right alone, where they are `all` of
/// them. `quoted`: the columns.
std::string RightOnColumns(const std::string& right, const std::vector<std::string>& quoted, bool all);

/// A finding for each table that lacks a right, with what gives it; one for all where none does. `who`: "the
/// role 'agent'"; `to`: the same behind TO.
void TellNeededRights(const ExchangeRules& rules, const std::vector<NeededRights>& tables,
                      const std::string& who, const std::string& to, SourceFindings* findings);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_WRITE_RIGHTS_H_
