#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_KEPT_KINDS_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_KEPT_KINDS_H_

#include <string>
#include <string_view>

#include "proto/wire/batch.h"
#include "proto/wire/table.h"
#include "server/store/postgres/rows/any_kinds.h"

// PostgresAgreed::kinds: the byte of kKindsColumn for each ANY column. In a shadow each ANY column has the
// same byte position as in its table, so that a merge can copy kKindsColumn unchanged.

namespace mirror {

/// Returns, for each column of `kept` (a table or a shadow), its position in `kinds`, found by the column's
/// name.
PostgresKinds KindsOf(const TableSchema& kept, std::string_view kinds);

/// Appends a place for an ANY column that has none. `of_old_rows`: the kind to assume for rows written before
/// the place existed.
void AddKind(const Column& column, Kind of_old_rows, std::string* kinds);
/// The same for all columns of `kept`; old rows have NULL there.
void AddKinds(const TableSchema& kept, std::string* kinds);
/// Retires the column's place for good. `kinds` becomes empty if no column has a place any more.
void DropKind(std::string_view column, std::string* kinds);
void RenameKind(std::string_view from, std::string_view to, std::string* kinds);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_KEPT_KINDS_H_
