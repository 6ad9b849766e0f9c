#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_KEPT_KINDS_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_KEPT_KINDS_H_

#include <string>
#include <string_view>

#include "proto/wire/batch.h"
#include "proto/wire/table.h"
#include "server/store/postgres/rows/any_kinds.h"

// PostgresAgreed::kinds: which byte of kKindsColumn each ANY column has. In a shadow each ANY column has the
// same byte as in its table, so that a merge can copy kKindsColumn unchanged.

namespace mirror {

/// Returns, for each column of `kept` (a table or a shadow), its byte in `kinds`. Finds it by the column's
/// name.
PostgresKinds KindsOf(const TableSchema& kept, std::string_view kinds);

/// Appends a byte for an ANY column that has none. `of_old_rows`: the kind to assume for rows that were
/// written before the byte existed.
void AddKind(const Column& column, Kind of_old_rows, std::string* kinds);
/// Does the same for all columns of `kept`. Old rows have NULL there.
void AddKinds(const TableSchema& kept, std::string* kinds);
/// Ends the use of the column's byte for good. `kinds` becomes empty if no column has a byte any more.
void DropKind(std::string_view column, std::string* kinds);
void RenameKind(std::string_view from, std::string_view to, std::string* kinds);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_KEPT_KINDS_H_
