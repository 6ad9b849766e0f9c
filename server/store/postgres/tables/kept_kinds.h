#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_KEPT_KINDS_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_KEPT_KINDS_H_

#include <string>
#include <string_view>

#include "proto/wire/batch.h"
#include "proto/wire/table.h"
#include "server/store/postgres/rows/any_kinds.h"

// PostgresAgreed::kinds: which byte of kKindsColumn is which ANY column's. A shadow has the places of its
// table, so that a merge takes that column as it is.

namespace mirror {

/// Of a table or a shadow with these columns, by their names.
PostgresKinds KindsOf(const TableSchema& kept, std::string_view kinds);

/// A place behind all others for an ANY column that has none. `of_old_rows`: of the value that rows have
/// there which do not know that place.
void AddKind(const Column& column, Kind of_old_rows, std::string* kinds);
/// The same for all columns of `kept`: old rows have NULL there.
void AddKinds(const TableSchema& kept, std::string* kinds);
/// Nobody gets its place. Empty: no column has one any more.
void DropKind(std::string_view column, std::string* kinds);
void RenameKind(std::string_view from, std::string_view to, std::string* kinds);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_KEPT_KINDS_H_
