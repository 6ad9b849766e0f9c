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

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_MERGE_H_
