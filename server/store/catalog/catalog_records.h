#ifndef MIRROR_SERVER_STORE_CATALOG_CATALOG_RECORDS_H_
#define MIRROR_SERVER_STORE_CATALOG_CATALOG_RECORDS_H_

#include <cstdint>
#include <string>

#include "certs/audit_chain.h"
#include "server/own_records/record.h"
#include "server/store/catalog/catalog.h"

// The tables of the catalog, in its file and in the control database. layouts_test compares what CREATE TABLE
// says in the file: who changes a column adds a layout.

namespace mirror {

/// What was kept of a tenant.
struct SummaryRow {
  std::string context_id, text;
};
/// How far a hook was told.
struct HookCursorRow {
  std::string hook;
  std::uint64_t event_id = 0;
};

const Record<EventRecord>& EventTable();
const Record<SummaryRow>& SummaryTable();
const Record<AuditRecord>& AuditTable();
/// Where the records that are kept begin. In PostgreSQL `one` stands before these columns, see
/// OneAuditChainTable().
const Record<AuditPoint>& AuditChainTable();
const Record<AuditPoint>& OneAuditChainTable();
/// Records without seal and hash.
const Record<AuditRecord>& LookTable();
const Record<HookCursorRow>& HookCursorTable();

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CATALOG_CATALOG_RECORDS_H_
