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

// Rows of a shadow become those of its table by ordinary statements: who reads meanwhile sees the former ones
// and then the new ones, whole, and waits for nothing. What is the same in both is not touched.

namespace mirror {

/// See TableVerbs; all are counted, however many may be lost. The table is locked against writers from then
/// on, so that the merge finds what was counted. Errors: kAborted, too: see LockTable().
absl::StatusOr<std::int64_t> CountAbsent(TableWork& work, const TableSchema& kept,
                                         const PostgresShadow& shadow);
/// Hold::keys of the first of them.
absl::StatusOr<std::vector<std::string>> ReadAbsentKeys(TableWork& work, const TableSchema& kept,
                                                        const PostgresShadow& shadow);

/// `kept` fits the table: WhyNotMerged() has nothing to say, and no column is missing. The shadow stays.
/// `left_out`: the partner's unique indexes that the rows break; they are dropped, as are the mirror's own
/// that a value is too long for, and from then on readers, too, wait for the table until the transaction
/// ends: for its missing rows to be inserted once more. Errors: as RunSwap().
absl::Status MergeRows(TableWork& work, const TableSchema& kept, const PostgresShadow& shadow,
                       std::int64_t merge_rows_max, std::vector<std::string>* left_out);

/// A table that IGNOREs deletes: its live rows that the shadow lacks are the partner's from now on, and an
/// index that the new rows break makes it fail. The shadow goes; `agreed` as in RunSwap().
absl::Status MergeIgnoring(TableWork& work, const PostgresShadow& shadow, std::int64_t merge_rows_max,
                           PostgresAgreed* agreed);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_MERGE_H_
