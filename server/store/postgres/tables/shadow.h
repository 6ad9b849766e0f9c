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

// Shadows, which populations fill until their commit: tables of the mirror's schema, logged and with their
// key from the start, each in a row of kShadow under its table's key. No table is its own shadow, not even
// an empty one: who reads a shared database is not for the mirror to know.

namespace mirror {

struct PostgresShadow {
  std::string table_key;
  std::string name;  ///< Of the relation, without quotes.
  std::int64_t cycle = 0;
  std::int64_t rows = 0;
  std::string kinds;  ///< As PostgresAgreed::kinds, and the table's own after the swap.
  Key greatest;       ///< Of the keys that were inserted; empty: none were.
};

/// What batches into a shadow are written by: all of its rows are the mirror's.
TableSchema ShadowForm(TableSchema kept);

/// Errors: kDataLoss.
absl::StatusOr<PostgresShadow> ParseShadow(const PostgresOwnTables& names, const StateRow& row);
/// As ParseShadow() reads it.
StateRow ShadowRow(const PostgresShadow& shadow);

/// Makes an empty one and queues its row; an older one was given to DropShadow(). The table gets the columns
/// that a merge needs. Errors: kAborted, too, where it is in use: see LockTable().
absl::StatusOr<PostgresShadow> RunBeginShadow(TableWork& work, const PostgresAgreed& agreed,
                                              const BeginShadow& begin);
/// Queues its row: after what changed it.
void WriteShadow(TableWork& work, const PostgresShadow& shadow);
/// Its row goes; the relation is garbage.
void DropShadow(TableWork& work, const PostgresShadow& shadow);
/// Those of `shadows` (all of kShadow) that are of other cycles than `cycle`, and all parts of large values
/// that are.
void DropOldShadows(TableWork& work, const std::vector<PostgresShadow>& shadows, std::int64_t cycle);

/// Where a batch into the shadow goes; `kept`: the batch's table.
PostgresTarget ShadowTarget(const TableWork& work, const PostgresShadow& shadow, const TableSchema& kept,
                            const ChangeBatch& batch);
/// After it was written there.
void NoteKeys(const TableSchema& kept, const ChangeBatch& batch, PostgresShadow* shadow);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_SHADOW_H_
