#ifndef MIRROR_CLIENT_EXCHANGE_MARIADB_WRITE_CHECKS_H_
#define MIRROR_CLIENT_EXCHANGE_MARIADB_WRITE_CHECKS_H_

#include "client/exchange/exchange_rules.h"
#include "client/source/mariadb/mariadb_checks.h"
#include "client/source/source_finding.h"

namespace mirror {

/// Checks what deliveries need of a database that CheckMariadbSource() examines: that the
/// server can be written to, the exchange's tables and the user's rights on them, and engine
/// and rights of each accepted table. The server itself judges the rights: statements
/// are prepared, and none is executed. `findings`: those of that check, or others.
void CheckMariadbWrites(const MariadbCheckLook& look, const ExchangeRules& rules, SourceFindings* findings);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MARIADB_WRITE_CHECKS_H_
