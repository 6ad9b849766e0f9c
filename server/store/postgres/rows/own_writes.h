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

/// Statements that write a mirror's own tables, and go together with the next round trip. Who reads what they
/// write sends them first. Threads: one at a time.
class OwnWrites {
 public:
  /// A text that lives as long as the statements do.
  std::string_view Keep(std::string text) { return kept_.emplace_back(std::move(text)); }
  /// Texts and bytes of `values` were given to Keep(), or are constants.
  void Add(std::string sql, std::vector<postgres::Value> values);
  /// A row of a record, whose texts are kept.
  void Add(std::string sql, const Fields& row);
  bool empty() const { return statements_.empty(); }
  std::size_t size() const { return statements_.size(); }
  /// The statements from number `size` on are not sent.
  void CutTo(std::size_t size) {
    statements_.erase(statements_.begin() + static_cast<std::ptrdiff_t>(size), statements_.end());
  }

  /// Behind what is queued there; after the pipeline has run, Clear().
  void QueueIn(postgres::Pipeline& pipeline) const;
  void Clear();
  /// In a pipeline of their own. Errors: those of InStoreWords(); none of them is queued any more.
  absl::Status Send(postgres::Connection& connection);
  /// The same, and a statement behind them that reads: what it gives.
  absl::StatusOr<postgres::Rows> SendAndQuery(postgres::Connection& connection, const std::string& sql,
                                              postgres::Values values, std::string_view doing);
  /// How often statements were sent, and what the first one that failed said.
  std::size_t sent() const { return sent_; }
  const absl::Status& failed() const { return failed_; }

  /// Told of each row of `_mirror_state` that is written. It outlives this.
  void Tell(StateMemory* memory) { memory_ = memory; }
  StateMemory* memory() const { return memory_; }
  /// Something is written that others keep in memory under the tenant's `state_rev`.
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
