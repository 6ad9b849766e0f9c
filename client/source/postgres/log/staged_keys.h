#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOG_STAGED_KEYS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOG_STAGED_KEYS_H_

#include <optional>

#include "client/source/postgres/postgres_catalog.h"
#include "client/source/stage/staged_row.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

namespace mirror {

// A key as PostgreSQL writes it, and as the wire has it. `schema`: the table's as it is announced, its
// columns in the order of those of `table`.

/// Absent: it does not fit the schema.
std::optional<Key> KeyOfStaged(const PostgresTable& table, const TableSchema& schema, const StagedKey& key);
StagedKey StagedKeyOf(const PostgresTable& table, const TableSchema& schema, const Key& key);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_STAGED_KEYS_H_
