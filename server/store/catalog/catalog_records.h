#ifndef MIRROR_SERVER_STORE_CATALOG_CATALOG_RECORDS_H_
#define MIRROR_SERVER_STORE_CATALOG_CATALOG_RECORDS_H_

#include <cstdint>
#include <string>

#include "certs/audit_chain.h"
#include "server/own_records/record.h"
#include "server/store/catalog/catalog.h"

// The tables of the catalog, in its file and in the control database. layouts_test compares the CREATE TABLE
// statements of the file: a change of a column needs a new number of the layout.

namespace mirror {

/// The text that is stored for a tenant.
struct SummaryRow {
  std::string context_id, text;
};
/// The last event that a hook received.
struct HookCursorRow {
  std::string hook;
  std::uint64_t event_id = 0;
};

const Record<EventRecord>& EventTable();
const Record<SummaryRow>& SummaryTable();
const Record<AuditRecord>& AuditTable();
/// The point after which the kept records begin. In PostgreSQL the column `one` comes before these columns,
/// see OneAuditChainTable().
const Record<AuditPoint>& AuditChainTable();
const Record<AuditPoint>& OneAuditChainTable();
/// Audit records without the columns for seal and hash.
const Record<AuditRecord>& LookTable();
const Record<HookCursorRow>& HookCursorTable();

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CATALOG_CATALOG_RECORDS_H_
