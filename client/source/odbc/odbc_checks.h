#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_CHECKS_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_CHECKS_H_

#include <chrono>

#include "client/source/odbc/odbc_sessions.h"
#include "client/source/source_finding.h"
#include "client/source/table_choice.h"

namespace mirror {

struct OdbcCheckOptions {
  OdbcAccess access;
  TableChoice choice = {};
};

inline constexpr std::chrono::seconds kOdbcCheckWithin{20};

/// Checks a database with the rights of the agent's user: whether it can be reached, and whether each chosen
/// table can be read, by a SELECT of no rows. Only reads. Waits as long as the driver does, which is asked to
/// wait for kOdbcCheckWithin.
SourceFindings CheckOdbcSource(const OdbcCheckOptions& options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_CHECKS_H_
