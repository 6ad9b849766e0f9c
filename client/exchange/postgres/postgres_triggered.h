#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_TRIGGERED_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_TRIGGERED_H_

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/exchange/delivery_database.h"
#include "client/exchange/postgres/postgres_members.h"

namespace mirror {

/// Which rows of the tables that are sent a transaction changed beside those that are known: what triggers
/// do. The server counts what it changed in each table; a table in which more was changed than is known is
/// read to its end. Where the server does not count (`track_counts` off), and of tables without a key,
/// nothing is found.
///
/// Errors: those of ReadPostgresValues(); kOutOfRange: more than kReachedRowsMax. Threads: one.
class PostgresTriggered {
 public:
  /// A session beside the transaction's, that sees what was there before it.
  using Beside = std::function<absl::StatusOr<postgres::Connection*>()>;
  /// `connection` and `members` outlive it.
  PostgresTriggered(postgres::Connection& connection, PostgresMembers& members, Beside beside)
      : connection_(connection), members_(members), beside_(std::move(beside)) {}

  /// In the transaction, before its first change, which comes behind its snapshot.
  absl::Status Begin();
  /// Behind the last: without those that are `known`, each of which was changed once.
  absl::StatusOr<std::vector<TriggeredRow>> Find(const RowNames& known);

 private:
  struct Counts {
    std::int64_t all = 0;
    std::int64_t of_old = 0;  ///< Of these: updates and deletions.
  };
  absl::StatusOr<std::map<std::int64_t, Counts>> Count();
  absl::Status FindIn(const PostgresMember& member, bool changed_old, const RowNames& known,
                      std::vector<TriggeredRow>* rows);

  postgres::Connection& connection_;
  PostgresMembers& members_;
  const Beside beside_;
  std::map<std::int64_t, Counts> before_;  ///< A session counts from one report of its own to the next.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_TRIGGERED_H_
