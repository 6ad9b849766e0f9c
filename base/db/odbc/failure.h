#ifndef MIRROR_BASE_DB_ODBC_FAILURE_H_
#define MIRROR_BASE_DB_ODBC_FAILURE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace mirror::odbc {

/// Meaning of an error for the caller. ToStatus() gives each value the status code that is named here.
enum class Trouble : std::uint8_t {
  kNone,        ///< No error of a driver.
  kNoDriver,    ///< The driver does not exist or cannot be loaded. FAILED_PRECONDITION.
  kNotReached,  ///< The session could not be opened. UNAVAILABLE.
  /// The session was refused, because of the user, the password or an access rule. PERMISSION_DENIED.
  kNotLetIn,
  kLost,         ///< The connection is lost. UNAVAILABLE.
  kLocked,       ///< Waiting for another session's lock timed out. UNAVAILABLE.
  kTimedOut,     ///< The answer did not come in time. UNAVAILABLE.
  kDenied,       ///< The user lacks a privilege. PERMISSION_DENIED.
  kUndefined,    ///< The table, column or schema does not exist. NOT_FOUND.
  kValue,        ///< A value does not fit its type. INVALID_ARGUMENT.
  kUnsupported,  ///< The driver does not support the operation. UNIMPLEMENTED.
  kOther,        ///< Any other error. INTERNAL.
};

/// An error of a driver, or of the driver manager.
struct Failure {
  Trouble trouble = Trouble::kOther;
  std::string sqlstate = {};  ///< SQLSTATE of ODBC or of the database, as the driver returns it.
  std::int64_t native = 0;    ///< The database's own number of the error.
  /// The driver's messages. Empty for states whose messages may contain values of rows.
  std::string words = {};
};

/// Converts a failure to a status. `doing`: the action that failed, such as "reading it"; may be empty.
absl::Status ToStatus(const Failure& failure, std::string_view doing);
/// Returns the Trouble of a status. kNone: the status is OK, or not from ToStatus().
Trouble TroubleOf(const absl::Status& status);

// Only for the files of this folder.

/// Reads the diagnostics of a handle (SQL_HANDLE_…) after a failed call, and removes `secrets` from their
/// text. `connecting`: the failed call was to open a session.
Failure ReadFailure(std::int16_t handle_type, void* handle, const std::vector<std::string>& secrets,
                    bool connecting = false);

}  // namespace mirror::odbc

#endif  // MIRROR_BASE_DB_ODBC_FAILURE_H_
