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

/// A query that returns whether commits wait for a standby: one row with one boolean.
inline constexpr char kHasStandbySql[] = "SELECT current_setting('synchronous_standby_names') <> ''";

struct BeginAs {
  bool repeatable_read = false;  ///< True: the isolation level is repeatable read. False: read committed.
  bool read_only = false;
  bool serializable = false;  ///< True: the isolation level is serializable, whatever `repeatable_read` is.
};

/// A transaction. The destructor rolls it back unless it is committed; if the server does not answer, it
/// closes the connection. The connection must outlive this object. Threads: one at a time.
class Transaction {
 public:
  explicit Transaction(Connection& connection) : connection_(connection) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  absl::Status Begin(const BeginAs& as = {}, std::string_view doing = "");
  /// Begins the transaction as the first step of an empty pipeline, without a round trip of its own.
  void Begin(Pipeline& pipeline, const BeginAs& as = {}) const;

  /// Commits. A commit that was sent cannot be cancelled, see Canceller. Errors: Trouble::kCommitUnknown: the
  /// answer was lost, and the commit may have succeeded. kNotReplicated: the transaction is committed, but
  /// may not be durable. After any other error nothing is committed.
  absl::Status Commit(std::string_view doing = "");
  /// Adds the commit as the last step of the pipeline, and runs the pipeline. If one of its statements fails,
  /// nothing is committed. `has_standby`, if not null, is set after the commit: true if commits still wait
  /// for a standby. If somebody empties synchronous_standby_names while this commit waits, the server ends
  /// the wait without a warning.
  absl::StatusOr<std::vector<Rows>> Commit(Pipeline& pipeline, std::string_view doing = "",
                                           bool* has_standby = nullptr);
  absl::Status RollBack(std::string_view doing = "");

 private:
  absl::Status Committed(const Rows& answer, std::string_view doing) const;

  Connection& connection_;
};

/// A part of a transaction that can be rolled back alone. The destructor rolls it back unless it is released.
class Savepoint {
 public:
  explicit Savepoint(Connection& connection) : connection_(connection) {}
  ~Savepoint();
  Savepoint(const Savepoint&) = delete;
  Savepoint& operator=(const Savepoint&) = delete;

  absl::Status Begin(std::string_view doing = "");
  /// Keeps the changes since Begin() as part of the transaction.
  absl::Status Release(std::string_view doing = "");
  absl::Status RollBack(std::string_view doing = "");

 private:
  Connection& connection_;
  bool is_set_ = false;
};

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_TRANSACTION_H_
