#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_SWAP_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_SWAP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/tables/shadow.h"
#include "server/store/postgres/tables/table_work.h"

// Replaces a table's rows by a population. To a reader with an older snapshot, PostgreSQL shows the rows of a
// renamed table as they were committed then: only a part. So the shadow's rows are merged into the table, and
// objects of others on the table stay: see merge.h. The shadow is renamed only if the table is empty and no
// object depends on it, which is twice as fast, or if the table cannot hold the new rows.

namespace mirror {

/// Makes the rows of the shadow those of `agreed`; changes and queues its kinds and generation; the shadow
/// becomes garbage. For a table that IGNOREs deletes: MergeIgnoring(). `left_out`: indexes that the new rows
/// violate. Errors: kFailedPrecondition, for people: the table or the shadow is missing; the table cannot
/// hold the rows, and objects, which are named, depend on it; there are more rows than `merge_rows_max`;
/// somebody's constraint refuses them. kAborted: see LockTable(); somebody dropped a column meanwhile.
/// Columns that the source no longer has are dropped. If they are in use, or an object depends on one, they
/// stay until a later population, and are noted in kEmptied.
absl::Status RunSwap(TableWork& work, const PostgresShadow& shadow, std::int64_t merge_rows_max,
                     PostgresAgreed* agreed, std::vector<std::string>* left_out);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_SWAP_H_
