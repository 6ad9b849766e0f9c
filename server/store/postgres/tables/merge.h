#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_MERGE_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_MERGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/table.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/tables/shadow.h"
#include "server/store/postgres/tables/table_work.h"

// Merges a shadow's rows into its table by ordinary statements: concurrent readers see all old rows, then all
// new ones, and never wait. Rows that are equal on both sides are not touched.

namespace mirror {

/// See TableVerbs; counts all absent rows. Locks the table against writers until the transaction ends, so
/// that the merge finds the counted rows. Errors also: kAborted: see LockTable().
absl::StatusOr<std::int64_t> CountAbsent(TableWork& work, const TableSchema& kept,
                                         const PostgresShadow& shadow);
/// Returns Hold::keys of the first absent rows.
absl::StatusOr<std::vector<std::string>> ReadAbsentKeys(TableWork& work, const TableSchema& kept,
                                                        const PostgresShadow& shadow);

/// `kept` must fit the table: WhyNotMerged() is empty, and no column is missing. The shadow stays.
/// `left_out`: the partner's unique indexes that the rows violate; they are dropped, as are the mirror's own
/// whose values are too long. After such a drop readers wait for the table until the transaction ends, while
/// the missing rows are inserted once more. Errors: as RunSwap().
absl::Status MergeRows(TableWork& work, const TableSchema& kept, const PostgresShadow& shadow,
                       std::int64_t merge_rows_max, std::vector<std::string>* left_out);

/// For a table that IGNOREs deletes: live rows that the shadow lacks become the partner's; an index that the
/// new rows violate is an error. The shadow becomes garbage; `agreed` as in RunSwap().
absl::Status MergeIgnoring(TableWork& work, const PostgresShadow& shadow, std::int64_t merge_rows_max,
                           PostgresAgreed* agreed);

// Replaces a table's rows by a population. To a reader with an older snapshot, PostgreSQL shows the rows of a
// renamed table as they were committed then: only a part. So the shadow's rows are merged into the table, and
// objects of others on the table stay: see above. The shadow is renamed only if the table is empty and no
// object depends on it, which is twice as fast, or if the table cannot hold the new rows.

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

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_MERGE_H_
