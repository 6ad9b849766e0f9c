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

// Merges a shadow's rows into its table by ordinary statements. Concurrent readers see all old rows, or all
// new ones, and never wait. Rows that are equal on both sides stay unchanged.

namespace mirror {

/// See TableVerbs. Counts all absent rows. Locks the table against writers until the transaction ends, so
/// that the merge finds the rows that were counted. Errors: also kAborted, see LockTable().
absl::StatusOr<std::int64_t> CountAbsent(TableWork& work, const TableSchema& kept,
                                         const PostgresShadow& shadow);
/// Returns the keys of the first absent rows, in the form of Hold::keys.
absl::StatusOr<std::vector<std::string>> ReadAbsentKeys(TableWork& work, const TableSchema& kept,
                                                        const PostgresShadow& shadow);

/// Merges the shadow's rows into the table, and keeps the shadow. `kept` must fit the table: WhyNotMerged()
/// is empty, and no column is missing. Drops the partner's unique indexes that the rows violate, and adds
/// them to `left_out`. Also drops own indexes for which values are too long. After such a drop readers of the
/// table wait until the transaction ends, while the missing rows are inserted again. Errors: those of
/// RunSwap().
absl::Status MergeRows(TableWork& work, const TableSchema& kept, const PostgresShadow& shadow,
                       std::int64_t merge_rows_max, std::vector<std::string>* left_out);

/// Merges into a table that ignores deletes (Deletes::kIgnore). Live rows that the shadow lacks become the
/// partner's. If the new rows violate an index, that is an error. Makes the shadow garbage. `agreed`: as in
/// RunSwap().
absl::Status MergeIgnoring(TableWork& work, const PostgresShadow& shadow, std::int64_t merge_rows_max,
                           PostgresAgreed* agreed);

// Replaces a table's rows by a population. If the shadow were renamed to the table, a reader with an older
// snapshot would see only a part: the shadow's rows that were committed then. So the shadow's rows are merged
// into the table, as described above, and others' objects on the table stay. The shadow is renamed only in
// two cases: if the table is empty and no object depends on it, which is twice as fast, or if the table
// cannot hold the new rows.

/// Makes the rows of the shadow those of `agreed`, and makes the shadow garbage. Changes and queues the kinds
/// and the generation of `agreed`. Calls MergeIgnoring() for a table that ignores deletes. Adds to `left_out`
/// the indexes that the new rows violate. Errors: kFailedPrecondition, with a message for people: the table
/// or the shadow is missing; the table cannot hold the rows, and objects, which are named, depend on it;
/// there are more rows than `merge_rows_max`; somebody's constraint refuses the rows. kAborted: see
/// LockTable(); or somebody dropped a column meanwhile. Drops columns that the source no longer has. If such
/// a column is in use, or an object depends on it, it stays until a later population and is noted in
/// kEmptied.
absl::Status RunSwap(TableWork& work, const PostgresShadow& shadow, std::int64_t merge_rows_max,
                     PostgresAgreed* agreed, std::vector<std::string>* left_out);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_MERGE_H_
