#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_SWAP_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_SWAP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/tables/shadow.h"
#include "server/store/postgres/tables/table_work.h"

// A population takes the table's place. PostgreSQL shows a reader whose snapshot is older the rows of a table
// that was renamed as they were committed then: a part of them. So the shadow's rows are merged into the
// table, and all that others built around it stays: see merge.h. The shadow is renamed only where the table
// is empty and nothing hangs on it, which is twice as fast, and where it cannot hold the new rows.

namespace mirror {

/// The rows of the shadow become those of `agreed`, whose kinds and generation change and are queued; the
/// shadow goes. Of a table that IGNOREs deletes: MergeIgnoring(). `left_out`: indexes that the new rows do
/// not let be. Errors: kFailedPrecondition, for people: the table or the shadow is gone; the table cannot
/// hold the rows, and objects depend on it, which are named; the rows are more than `merge_rows_max`; a
/// constraint of somebody's refuses them. kAborted: see LockTable(); somebody dropped a column meanwhile.
/// Columns that the source has no more are dropped. Where they are in use, or something depends on one, they
/// stay for a later population, and are noted in kEmptied.
absl::Status RunSwap(TableWork& work, const PostgresShadow& shadow, std::int64_t merge_rows_max,
                     PostgresAgreed* agreed, std::vector<std::string>* left_out);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_SWAP_H_
