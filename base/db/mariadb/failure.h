#ifndef MIRROR_BASE_DB_MARIADB_FAILURE_H_
#define MIRROR_BASE_DB_MARIADB_FAILURE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace mirror::mariadb {

/// Meaning of an error for the caller. ToStatus() gives each value the status code that is named here.
enum class Trouble : std::uint8_t {
  kNone,         ///< No error of MariaDB.
  kLost,         ///< The connection is lost; uncommitted changes are rolled back. UNAVAILABLE.
  kLockTimeout,  ///< Waiting for another session's lock timed out. UNAVAILABLE.
  kNoSpace,      ///< The disk or the memory is full. UNAVAILABLE.
  kTooMany,      ///< All connections of the server or the user are in use. UNAVAILABLE.
  kNotReady,     ///< The server is starting or stopping, does not answer, or does not exist. UNAVAILABLE.
  kCancelled,    ///< Cancelled by Canceller, an operator or a time limit. CANCELLED.
  kRetry,        ///< Conflict with another transaction: begin this one again. ABORTED.
  kMoved,        ///< A table's definition changed since the transaction's snapshot. ABORTED.
  kUndefined,    ///< The table, column, database or engine does not exist. NOT_FOUND.
  kDenied,       ///< The user lacks a privilege. PERMISSION_DENIED.
  /// The server refused the session, because of the password, the user, the database or TLS.
  /// PERMISSION_DENIED.
  kNotLetIn,
  kNoLog,     ///< There is no binlog, or it begins after the requested position. FAILED_PRECONDITION.
  kValue,     ///< A value does not fit its type or column. INVALID_ARGUMENT.
  kTooLarge,  ///< A row or a statement is over max_allowed_packet. INVALID_ARGUMENT.
  kDamage,    ///< The database's files are damaged. DATA_LOSS.
  kOther,     ///< Any other error. INTERNAL.
};

/// An error of MariaDB. `words` is MariaDB's message or, if that would repeat a value of a row, a text of
/// ours.
struct Failure {
  Trouble trouble = Trouble::kOther;
  /// MariaDB's number of the error, such as 1045. Numbers from 2000 to 2999 and from 5000 on are errors of
  /// the library. 0: no number.
  unsigned int number = 0;
  std::string words = {};
};

/// Converts a failure to a status. `doing`: the action that failed, such as "reading it"; may be empty.
absl::Status ToStatus(const Failure& failure, std::string_view doing);

/// Returns the Failure from which ToStatus() made the status, without its text. kNone: the status is OK, or
/// not from ToStatus().
Failure FailureOf(const absl::Status& status);
Trouble TroubleOf(const absl::Status& status);

// Only for the files of this folder.

/// Makes a Failure from an error's number and message.
Failure ReadFailure(unsigned int number, std::string_view message);
/// Makes a Failure from a refused connection.
Failure ReadRefusal(unsigned int number, std::string_view message, bool has_password);

}  // namespace mirror::mariadb

#endif  // MIRROR_BASE_DB_MARIADB_FAILURE_H_
