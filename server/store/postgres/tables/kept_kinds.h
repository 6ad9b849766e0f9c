#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_KEPT_KINDS_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_KEPT_KINDS_H_

#include <string>
#include <string_view>

#include "proto/wire/table.h"
#include "server/store/postgres/rows/any_kinds.h"

// AgreedTable::kinds: which byte of kKindsColumn is which ANY column's. A shadow has the places of its table,
// so that a merge takes that column as it is.

namespace mirror {

/// Of a table or a shadow with these columns, by their names.
PostgresKinds KindsOf(const TableSchema& kept, std::string_view kinds);

/// Places behind all others for the ANY columns of `kept` that have none. `filled`: what rows that are there
/// have in such a column is its default; else NULL.
void AddKinds(const TableSchema& kept, bool filled, std::string* kinds);
/// Nobody gets its place.
void DropKind(std::string_view column, std::string* kinds);
void RenameKind(std::string_view from, std::string_view to, std::string* kinds);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_KEPT_KINDS_H_
