#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_SHADOW_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_SHADOW_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"
#include "server/plan/plan.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/rows/state_rows.h"
#include "server/store/postgres/rows/write_set.h"
#include "server/store/postgres/tables/table_work.h"

// Shadows, which a population fills until its commit: tables of the mirror's schema, logged and with a key
// from the start, each with a row of kShadow under its table's key. No table is its own shadow, not even an
// empty one: the mirror cannot know who reads a shared database.

namespace mirror {

struct PostgresShadow {
  std::string table_key;
  std::string name;  ///< The relation's name, without quotes.
  std::int64_t cycle = 0;
  std::int64_t rows = 0;
  std::string kinds;  ///< As PostgresAgreed::kinds; the table's own after the swap.
  Key greatest;       ///< The greatest inserted key; empty: none.
};

/// The schema for batches into a shadow: all rows of a shadow are the mirror's.
TableSchema ShadowForm(TableSchema kept);

/// Errors: kDataLoss.
absl::StatusOr<PostgresShadow> ParseShadow(const PostgresOwnTables& names, const StateRow& row);
/// The inverse of ParseShadow().
StateRow ShadowRow(const PostgresShadow& shadow);

/// Makes an empty shadow and queues its row; an older one was given to DropShadow(). Adds columns to the
/// table that the merge needs. Errors also: kAborted: the table is in use: see LockTable().
absl::StatusOr<PostgresShadow> RunBeginShadow(TableWork& work, const PostgresAgreed& agreed,
                                              const BeginShadow& begin);
/// Queues its row. Call this after each change.
void WriteShadow(TableWork& work, const PostgresShadow& shadow);
/// Removes its row; the relation becomes garbage.
void DropShadow(TableWork& work, const PostgresShadow& shadow);
/// Drops those of `shadows` (all of kShadow) that are of cycles other than `cycle`, and all parts of large
/// values of such cycles.
void DropOldShadows(TableWork& work, const std::vector<PostgresShadow>& shadows, std::int64_t cycle);

/// Returns the target of a batch into the shadow; `kept`: the batch's table.
PostgresTarget ShadowTarget(const TableWork& work, const PostgresShadow& shadow, const TableSchema& kept,
                            const ChangeBatch& batch);
/// Call this after the batch was written there.
void NoteKeys(const TableSchema& kept, const ChangeBatch& batch, PostgresShadow* shadow);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_SHADOW_H_
