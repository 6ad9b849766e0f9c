#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_STATE_MEMORY_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_STATE_MEMORY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/rows/own_writes.h"
#include "server/store/postgres/rows/state_rows.h"

namespace mirror {

/// Rows of `_mirror_state` that a transaction under the tenant's lock has read, kept as it writes them: each
/// kind is read once. All that it is given outlives it. Threads: one at a time.
class StateMemory {
 public:
  StateMemory(postgres::Connection& connection, const PostgresOwnTables& names, OwnWrites& writes);

  /// As ReadState(); what is queued goes with it.
  absl::StatusOr<std::vector<StateRow>> Read(StateKind kind, const std::optional<std::string>& table_key);

  /// All rows of the kind, as they were read before anything was written.
  void Know(StateKind kind, const std::vector<StateRow>& rows);
  /// What was queued.
  void Put(StateKind kind, const StateRow& row);
  void Remove(StateKind kind, const std::optional<std::string>& table_key);
  /// It is read again when it is asked for.
  void Forget(StateKind kind) { known_.erase(kind); }
  void ForgetAll() { known_.clear(); }
  /// One was Put(); and the keys of those, also of some that a savepoint took back.
  bool HasPut(StateKind kind) const { return put_.contains(kind); }
  std::set<std::string> KeysPut(StateKind kind) const;

 private:
  using Rows = std::map<std::pair<std::string, std::int64_t>, std::optional<std::string>>;
  absl::Status Load(StateKind kind);

  postgres::Connection& connection_;
  const PostgresOwnTables& names_;
  OwnWrites& writes_;
  std::map<StateKind, Rows> known_;
  std::map<StateKind, std::set<std::string>> put_;
  bool has_read_most_ = false;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_STATE_MEMORY_H_
