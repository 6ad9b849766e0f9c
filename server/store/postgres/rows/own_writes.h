#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_OWN_WRITES_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_OWN_WRITES_H_

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/pipeline.h"
#include "server/own_records/record.h"

namespace mirror {

class StateMemory;

inline constexpr TableAt kInSchema = {Dialect::kPostgres};

/// A queue of statements that write a mirror's own tables. The next round trip sends all of them. Code that
/// reads these tables must send the queue first. Threads: one at a time.
class OwnWrites {
 public:
  /// Stores a text as long as the statements live.
  std::string_view Keep(std::string text) { return kept_.emplace_back(std::move(text)); }
  /// Texts and bytes in `values` must come from Keep(), or be constants.
  void Add(std::string sql, std::vector<postgres::Value> values);
  /// Adds a statement with a row of a record. Keep() has stored the texts of the row.
  void Add(std::string sql, const Fields& row);
  bool empty() const { return statements_.empty(); }
  std::size_t size() const { return statements_.size(); }
  /// Removes the statements from index `size` on.
  void CutTo(std::size_t size) {
    statements_.erase(statements_.begin() + static_cast<std::ptrdiff_t>(size), statements_.end());
  }

  /// Appends the statements to the pipeline's queue. The caller calls Clear() after the pipeline has run.
  void QueueIn(postgres::Pipeline& pipeline) const;
  void Clear();
  /// Sends the statements in a pipeline of their own, and clears the queue in any case. Errors: those of
  /// ToStoreStatus().
  absl::Status Send(postgres::Connection& connection);
  /// Does the same, followed by a query. Returns the rows of the query.
  absl::StatusOr<postgres::Rows> SendAndQuery(postgres::Connection& connection, const std::string& sql,
                                              postgres::Values values, std::string_view doing);
  /// Returns how often statements were sent, and the error of the first one that failed.
  std::size_t sent() const { return sent_; }
  const absl::Status& failed() const { return failed_; }

  /// Sets the cache to which each written row of `_mirror_state` is reported. `memory` must outlive this
  /// object.
  void Tell(StateMemory* memory) { memory_ = memory; }
  StateMemory* memory() const { return memory_; }
  /// Notes that these statements write something that other servers cache under the tenant's `state_rev`.
  void MoveState() { moves_state_ = true; }
  bool moves_state() const { return moves_state_; }

 private:
  struct Statement {
    std::string sql;
    std::vector<postgres::Value> values;
  };
  absl::StatusOr<std::vector<postgres::Rows>> RunIn(postgres::Pipeline& pipeline);

  std::vector<Statement> statements_;
  std::deque<std::string> kept_;
  StateMemory* memory_ = nullptr;
  std::size_t sent_ = 0;
  absl::Status failed_;
  bool moves_state_ = false;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_OWN_WRITES_H_
