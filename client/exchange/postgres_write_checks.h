#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_WRITE_CHECKS_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_WRITE_CHECKS_H_

#include <string>

#include "client/exchange/exchange_rules.h"
#include "client/source/postgres/postgres_checks.h"
#include "client/source/source_finding.h"

namespace mirror {

struct PostgresWriteCheckOptions {
  std::string schema;
  ExchangeRules rules;
  bool boxes = false;  ///< DataJoin's tables are written, too.
};

/// Checks what deliveries need of a database that CheckPostgresSource() examines: that it can be written
/// to, the exchange's tables and the role's rights on them, and its rights on each accepted table. Row
/// security is checked with the reader's rights. Only reads. `findings`: those of that check, or others.
void CheckPostgresWrites(const PostgresCheckLook& look, const PostgresWriteCheckOptions& options,
                         SourceFindings* findings);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_WRITE_CHECKS_H_
