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

// Shadows, which a population fills until its commit. They are tables of the mirror's schema, logged and with
// a key from the beginning. Each has a row of kShadow under its table's key. No table is its own shadow, even
// if it is empty: in a shared database the mirror cannot know who reads it.

namespace mirror {

struct PostgresShadow {
  std::string table_key;
  std::string name;  ///< The relation's name, without quotes.
  std::int64_t cycle = 0;
  std::int64_t rows = 0;
  std::string kinds;  ///< As PostgresAgreed::kinds. After the swap they are the kinds of the table.
  Key greatest;       ///< The greatest key that was inserted; empty: none.
};

/// Returns the schema for batches into a shadow: all rows of a shadow are the mirror's.
TableSchema ShadowForm(TableSchema kept);

/// Reads a row of kShadow. Errors: kDataLoss.
absl::StatusOr<PostgresShadow> ParseShadow(const PostgresOwnTables& names, const StateRow& row);
/// Returns the row for a shadow: the inverse of ParseShadow().
StateRow ShadowRow(const PostgresShadow& shadow);

/// Makes an empty shadow and queues its row. The caller has passed an older one to DropShadow(). Adds columns
/// to the table that the merge needs. Errors: also kAborted: the table is in use, see LockTable().
absl::StatusOr<PostgresShadow> RunBeginShadow(TableWork& work, const PostgresAgreed& agreed,
                                              const BeginShadow& begin);
/// Queues the shadow's row. Called after each change of the shadow.
void WriteShadow(TableWork& work, const PostgresShadow& shadow);
/// Removes the shadow's row, and makes the relation garbage.
void DropShadow(TableWork& work, const PostgresShadow& shadow);
/// Drops the shadows of cycles other than `cycle`, and all parts of large values of such cycles. `shadows`:
/// all of kShadow.
void DropOldShadows(TableWork& work, const std::vector<PostgresShadow>& shadows, std::int64_t cycle);

/// Returns the target of a batch into the shadow. `kept`: the table of the batch.
PostgresTarget ShadowTarget(const TableWork& work, const PostgresShadow& shadow, const TableSchema& kept,
                            const ChangeBatch& batch);
/// Notes the greatest key. Called after the batch was written into the shadow.
void NoteKeys(const TableSchema& kept, const ChangeBatch& batch, PostgresShadow* shadow);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_SHADOW_H_
