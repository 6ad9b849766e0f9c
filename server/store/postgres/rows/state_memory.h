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

/// Caches the rows of `_mirror_state` that a transaction under the tenant's lock has read, and updates the
/// cache when the transaction writes. So each kind is read once. All arguments must outlive this object.
/// Threads: one at a time.
class StateMemory {
 public:
  StateMemory(postgres::Connection& connection, const PostgresOwnTables& names, OwnWrites& writes);

  /// Does ReadState() with the cache. A read sends the queued statements first.
  absl::StatusOr<std::vector<StateRow>> Read(StateKind kind, const std::optional<std::string>& table_key);

  /// Stores all rows of the kind, as they were read before anything was written.
  void Know(StateKind kind, const std::vector<StateRow>& rows);
  /// These two record a change that was queued.
  void Put(StateKind kind, const StateRow& row);
  void Remove(StateKind kind, const std::optional<std::string>& table_key);
  /// Removes the kind from the cache. The next request reads it again.
  void Forget(StateKind kind) { known_.erase(kind); }
  void ForgetAll() { known_.clear(); }
  /// HasPut() returns whether a row of the kind was Put(). KeysPut() returns the keys of such rows, including
  /// those that a rollback to a savepoint undid.
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
