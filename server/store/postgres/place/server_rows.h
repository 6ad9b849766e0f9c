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

/// One that was not seen for so long is gone, and one that was not for a day is forgotten.
inline constexpr std::int64_t kServerGoneMs = 15'000;
inline constexpr std::int64_t kServerForgottenMs = 86'400'000;

/// Of ServerRow::rules.
inline constexpr std::size_t kColumnRulesDigits = 8;

struct ServerRow {
  std::string server_id;               ///< Of one start.
  std::string host;                    ///< The machine's name.
  std::string address, admin_address;  ///< Where it listens.
  std::string version;
  /// A hash of what has to be configured alike on all of them; its first digits of how columns are set.
  std::string rules;
  std::string hash_key;             ///< Tells the key of hashed columns from another; empty: it has none.
  std::vector<std::string> places;  ///< That its configuration names; empty: that is not known.
  std::int64_t clock_ahead_ms = 0;  ///< Its clock less the control database's.
  // Of the control database: not written.
  std::int64_t started_ms = 0;      ///< Unix time by its clock.
  std::int64_t silent_ms = 0;       ///< Since it was seen last.
  std::vector<std::string> duties;  ///< In the order of the alphabet.
};

/// Says that the server is there, and forgets those that were not seen for a day, and former starts of this
/// one. Gives the control database's time, unix milliseconds.
absl::StatusOr<std::int64_t> Beat(PostgresControl& control, const ServerRow& server);
/// All, by host and address.
absl::StatusOr<std::vector<ServerRow>> ListServers(PostgresControl& control);
/// One that runs and does not name the place, so that it could not serve what stands there. Null: all do.
const ServerRow* FindWithoutPlace(const std::vector<ServerRow>& servers, const std::string& place);
/// One that stops as it was told to.
absl::Status ForgetServer(PostgresControl& control, const std::string& server_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_SERVER_ROWS_H_
