#ifndef MIRROR_BASE_DB_ODBC_FAILURE_H_
#define MIRROR_BASE_DB_ODBC_FAILURE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace mirror::odbc {

/// Meaning of an error for the caller. Each has one status code, see ToStatus().
enum class Trouble : std::uint8_t {
  kNone,         ///< No error of a driver.
  kNoDriver,     ///< The driver does not exist or cannot be loaded. FAILED_PRECONDITION.
  kNotReached,   ///< No session. UNAVAILABLE.
  kNotLetIn,     ///< No session: the user, the password, or an access rule. PERMISSION_DENIED.
  kLost,         ///< The connection is lost. UNAVAILABLE.
  kLocked,       ///< Waiting for another session's lock timed out. UNAVAILABLE.
  kTimedOut,     ///< No answer in time. UNAVAILABLE.
  kDenied,       ///< The user lacks a privilege. PERMISSION_DENIED.
  kUndefined,    ///< The table, column or schema does not exist. NOT_FOUND.
  kValue,        ///< A value does not fit its type. INVALID_ARGUMENT.
  kUnsupported,  ///< The driver does not support it. UNIMPLEMENTED.
  kOther,        ///< INTERNAL.
};

/// An error of a driver, or of the driver manager.
struct Failure {
  Trouble trouble = Trouble::kOther;
  std::string sqlstate = {};  ///< State of ODBC, or of the database, as the driver gives it.
  std::int64_t native = 0;    ///< The database's own number.
  /// Messages, without values of rows for states that may contain some.
  std::string words = {};
};

/// `doing`: the action that failed, "reading it"; empty if the caller does not give it.
absl::Status ToStatus(const Failure& failure, std::string_view doing);
/// kNone: OK, or an error from elsewhere.
Trouble TroubleOf(const absl::Status& status);

// Only for the files of this folder.

/// Reads the diagnostics of a handle (SQL_HANDLE_…) after a failed call; removes `secrets` from the text.
/// `connecting`: the call was to open a session.
Failure ReadFailure(std::int16_t handle_type, void* handle, const std::vector<std::string>& secrets,
                    bool connecting = false);

}  // namespace mirror::odbc

#endif  // MIRROR_BASE_DB_ODBC_FAILURE_H_
