#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_SERVER_ROWS_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_SERVER_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/postgres/place/control.h"

// The servers that share a control database. Errors: those of PostgresControl.

namespace mirror {

/// A server that was not seen for kServerGoneMs counts as not running. After kServerForgottenMs its row is
/// removed.
inline constexpr std::int64_t kServerGoneMs = 15'000;
inline constexpr std::int64_t kServerForgottenMs = 86'400'000;

/// Number of the first digits of ServerRow::rules, which are a hash of the column rules.
inline constexpr std::size_t kColumnRulesDigits = 8;

struct ServerRow {
  std::string server_id;               ///< Changes at each start.
  std::string host;                    ///< The machine's name.
  std::string address, admin_address;  ///< Listening addresses.
  std::string version;
  /// A hash of the settings that must be equal on all servers; its first digits cover the column rules.
  std::string rules;
  std::string hash_key;             ///< Identifies the key for hashed columns; empty: it has none.
  std::vector<std::string> places;  ///< The places in its configuration; empty: unknown.
  std::int64_t clock_ahead_ms = 0;  ///< Its clock minus the control database's.
  // Read from the control database, not written:
  std::int64_t started_ms = 0;      ///< Unix time by that database's clock.
  std::int64_t silent_ms = 0;       ///< Time since it was last seen.
  std::vector<std::string> duties;  ///< In alphabetical order.
};

/// Records that the server runs. Removes servers that were not seen for a day, and earlier starts of this
/// server. Returns the control database's time, in Unix milliseconds.
absl::StatusOr<std::int64_t> Beat(PostgresControl& control, const ServerRow& server);
/// Returns all servers, ordered by host and address.
absl::StatusOr<std::vector<ServerRow>> ListServers(PostgresControl& control);
/// Returns a running server whose configuration lacks the place, and which therefore could not serve it.
/// Null: none.
const ServerRow* FindWithoutPlace(const std::vector<ServerRow>& servers, const std::string& place);
/// Removes a server that ends normally.
absl::Status ForgetServer(PostgresControl& control, const std::string& server_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_SERVER_ROWS_H_
