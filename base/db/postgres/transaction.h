#ifndef MIRROR_BASE_DB_POSTGRES_TRANSACTION_H_
#define MIRROR_BASE_DB_POSTGRES_TRANSACTION_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/pipeline.h"

namespace mirror::postgres {

/// Whether commits wait for a standby: one row, one boolean.
inline constexpr char kHasStandbySql[] = "SELECT current_setting('synchronous_standby_names') <> ''";

struct BeginAs {
  bool repeatable_read = false;  ///< Else read committed.
  bool read_only = false;
  bool serializable = false;  ///< Over `repeatable_read`.
};

/// Takes back at its end what was not committed; where the server does not answer to that, the connection is
/// closed. The connection outlives it. Threads: one at a time.
class Transaction {
 public:
  explicit Transaction(Connection& connection) : connection_(connection) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  absl::Status Begin(const BeginAs& as = {}, std::string_view doing = "");
  /// As the first of a pipeline, in which nothing is queued yet: no round trip of its own.
  void Begin(Pipeline& pipeline, const BeginAs& as = {}) const;

  /// Once sent it is not cancelled: Canceller says so. Errors: Trouble::kCommitUnknown when the answer was
  /// lost, also that of a commit that went well; kNotReplicated when it is committed and may not last; all
  /// others: nothing is committed.
  absl::Status Commit(std::string_view doing = "");
  /// As the last of a pipeline, which it runs. Nothing is committed when a statement of it fails.
  /// `has_standby`, where it is given: whether commits still wait for a standby behind this one. Names that
  /// are emptied while it waits let it go without a word.
  absl::StatusOr<std::vector<Rows>> Commit(Pipeline& pipeline, std::string_view doing = "",
                                           bool* has_standby = nullptr);
  absl::Status RollBack(std::string_view doing = "");

 private:
  absl::Status Committed(const Rows& answer, std::string_view doing) const;

  Connection& connection_;
};

/// Part of a transaction that can be taken back alone; at its end it is, unless it was released.
class Savepoint {
 public:
  explicit Savepoint(Connection& connection) : connection_(connection) {}
  ~Savepoint();
  Savepoint(const Savepoint&) = delete;
  Savepoint& operator=(const Savepoint&) = delete;

  absl::Status Begin(std::string_view doing = "");
  /// What was done since stays, if the transaction does.
  absl::Status Release(std::string_view doing = "");
  absl::Status RollBack(std::string_view doing = "");

 private:
  Connection& connection_;
  bool is_set_ = false;
};

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_TRANSACTION_H_
