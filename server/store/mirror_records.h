#ifndef MIRROR_SERVER_STORE_MIRROR_RECORDS_H_
#define MIRROR_SERVER_STORE_MIRROR_RECORDS_H_

#include "server/own_records/record.h"
#include "server/plan/plan.h"

// The tables that a mirror keeps for itself, in its file and in its schema. In a schema a table has a key
// with a name of its own, and some tables are rows of `_mirror_state`. layouts_test compares what CREATE
// TABLE says: who changes a column adds a layout.

namespace mirror {

/// Of one row. A schema has more columns in it.
const Record<TenantRecord>& TenantTable();
/// Of a file.
const Record<Nonce>& NonceTable();
const Record<SchemaAnswer>& AnswerTable();

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_MIRROR_RECORDS_H_
