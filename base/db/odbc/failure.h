#ifndef MIRROR_BASE_DB_ODBC_FAILURE_H_
#define MIRROR_BASE_DB_ODBC_FAILURE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace mirror::odbc {

/// What an error means to the caller. Each has one status code, see ToStatus().
enum class Trouble : std::uint8_t {
  kNone,         ///< No error of a driver's.
  kNoDriver,     ///< No driver, or one that cannot be loaded. FAILED_PRECONDITION.
  kNotReached,   ///< No session. UNAVAILABLE.
  kNotLetIn,     ///< No session: the user, the password, or a rule there. PERMISSION_DENIED.
  kLost,         ///< The connection is gone. UNAVAILABLE.
  kLocked,       ///< Somebody else's lock was not to be had in time. UNAVAILABLE.
  kTimedOut,     ///< No answer in time. UNAVAILABLE.
  kDenied,       ///< The user may not. PERMISSION_DENIED.
  kUndefined,    ///< No such table, column, schema. NOT_FOUND.
  kValue,        ///< A value does not fit its type. INVALID_ARGUMENT.
  kUnsupported,  ///< The driver cannot do that. UNIMPLEMENTED.
  kOther,        ///< INTERNAL.
};

/// An error of a driver's, or of the driver manager's.
struct Failure {
  Trouble trouble = Trouble::kOther;
  std::string sqlstate = {};  ///< Of ODBC, or of the database, as the driver gives it.
  std::int64_t native = 0;    ///< The database's own number.
  /// What they say, without values of rows where the state may bring some.
  std::string words = {};
};

/// `doing` is what was tried, "reading it"; empty where the caller does not say.
absl::Status ToStatus(const Failure& failure, std::string_view doing);
/// kNone: OK, or an error from elsewhere.
Trouble TroubleOf(const absl::Status& status);

// For this room.

/// What a handle (SQL_HANDLE_…) says of the call that failed; `secrets` are taken out of the words.
/// `connecting`: no session was to be had.
Failure ReadFailure(std::int16_t handle_type, void* handle, const std::vector<std::string>& secrets,
                    bool connecting = false);

}  // namespace mirror::odbc

#endif  // MIRROR_BASE_DB_ODBC_FAILURE_H_
