#ifndef MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_TRANSACTION_H_
#define MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_TRANSACTION_H_

#include <string_view>

#include "absl/status/status.h"
#include "base/db/mariadb/connection.h"

namespace mirror {

/// Takes back at its end what was not committed; where the server does not answer to that, the connection is
/// closed. The connection outlives it. Threads: one.
class MariadbTransaction {
 public:
  explicit MariadbTransaction(mariadb::Connection& connection) : connection_(connection) {}
  ~MariadbTransaction() {
    if (is_open_ && connection_.IsOpen() && !connection_.Execute("ROLLBACK").ok()) connection_.Close();
  }
  MariadbTransaction(const MariadbTransaction&) = delete;
  MariadbTransaction& operator=(const MariadbTransaction&) = delete;

  absl::Status Begin(std::string_view doing) {
    absl::Status begun = connection_.Execute("START TRANSACTION", doing);
    is_open_ = begun.ok();
    return begun;
  }
  /// Trouble::kLost: whether it was committed is not known.
  absl::Status Commit(std::string_view doing) {
    absl::Status committed = connection_.Execute("COMMIT", doing);
    if (committed.ok()) is_open_ = false;
    return committed;
  }

 private:
  mariadb::Connection& connection_;
  bool is_open_ = false;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_TRANSACTION_H_
