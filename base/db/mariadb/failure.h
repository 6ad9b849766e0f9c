#ifndef MIRROR_BASE_DB_MARIADB_FAILURE_H_
#define MIRROR_BASE_DB_MARIADB_FAILURE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace mirror::mariadb {

/// Meaning of an error for the caller. Each has one status code, see ToStatus().
enum class Trouble : std::uint8_t {
  kNone,         ///< No error of MariaDB.
  kLost,         ///< The connection is lost; uncommitted changes are rolled back. UNAVAILABLE.
  kLockTimeout,  ///< Waiting for another session's lock timed out. UNAVAILABLE.
  kNoSpace,      ///< The disk or the memory is full. UNAVAILABLE.
  kTooMany,      ///< All connections of the server or the user are in use. UNAVAILABLE.
  kNotReady,     ///< The server starts, stops, does not answer, or does not exist. UNAVAILABLE.
  kCancelled,    ///< Cancelled by Canceller, an operator or a time limit. CANCELLED.
  kRetry,        ///< Conflict with another transaction: begin this one again. ABORTED.
  kMoved,        ///< A table's definition changed since the transaction's snapshot. ABORTED.
  kUndefined,    ///< The table, column, database or engine does not exist. NOT_FOUND.
  kDenied,       ///< The user lacks a privilege. PERMISSION_DENIED.
  kNotLetIn,     ///< No session: the password, the user, the database, TLS. PERMISSION_DENIED.
  kNoLog,        ///< There is no binlog, or none from that position on. FAILED_PRECONDITION.
  kValue,        ///< A value does not fit its type or column. INVALID_ARGUMENT.
  kTooLarge,     ///< A row or a statement is over max_allowed_packet. INVALID_ARGUMENT.
  kDamage,       ///< The database's files are damaged. DATA_LOSS.
  kOther,        ///< INTERNAL.
};

/// An error of MariaDB. Where MariaDB's message would repeat a value, `words` is a text of ours.
struct Failure {
  Trouble trouble = Trouble::kOther;
  unsigned int number = 0;  ///< MariaDB's (1045); from 2000 to 2999 and from 5000 on the library's; 0: none.
  std::string words = {};
};

/// `doing`: the action that failed, "reading it"; empty if the caller does not give it.
absl::Status ToStatus(const Failure& failure, std::string_view doing);

/// Returns the Failure given to ToStatus(), without its text. kNone: OK, or an error from elsewhere.
Failure FailureOf(const absl::Status& status);
Trouble TroubleOf(const absl::Status& status);

// Only for the files of this folder.

/// Makes a Failure from an error's number and message.
Failure ReadFailure(unsigned int number, std::string_view message);
/// Makes a Failure from a refused connection.
Failure ReadRefusal(unsigned int number, std::string_view message, bool has_password);

}  // namespace mirror::mariadb

#endif  // MIRROR_BASE_DB_MARIADB_FAILURE_H_
