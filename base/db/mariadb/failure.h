#ifndef MIRROR_BASE_DB_MARIADB_FAILURE_H_
#define MIRROR_BASE_DB_MARIADB_FAILURE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace mirror::mariadb {

/// What an error means to the caller. Each has one status code, see ToStatus().
enum class Trouble : std::uint8_t {
  kNone,         ///< No error of MariaDB's.
  kLost,         ///< The connection is gone. What was not committed is rolled back. UNAVAILABLE.
  kLockTimeout,  ///< A lock of somebody else's was not to be had in time. UNAVAILABLE.
  kNoSpace,      ///< The disk or the memory is full. UNAVAILABLE.
  kTooMany,      ///< All connections of the server or the user are taken. UNAVAILABLE.
  kNotReady,     ///< It starts, stops, does not answer, or is not there. UNAVAILABLE.
  kCancelled,    ///< By Canceller, an operator or a limit of time. CANCELLED.
  kRetry,        ///< Two transactions were in each other's way: begin this one again. ABORTED.
  kMoved,        ///< A table's definition changed since the transaction's snapshot. ABORTED.
  kUndefined,    ///< No such table, column, database, engine. NOT_FOUND.
  kDenied,       ///< The user may not. PERMISSION_DENIED.
  kNotLetIn,     ///< No session: the password, the user, the database, TLS. PERMISSION_DENIED.
  kNoLog,        ///< The binlog is not there, or not from that position on. FAILED_PRECONDITION.
  kValue,        ///< A value does not fit its type or column. INVALID_ARGUMENT.
  kTooLarge,     ///< A row or a statement is over max_allowed_packet. INVALID_ARGUMENT.
  kDamage,       ///< The database's files are. DATA_LOSS.
  kOther,        ///< INTERNAL.
};

/// An error of MariaDB's, without the messages of those conditions that repeat a value.
struct Failure {
  Trouble trouble = Trouble::kOther;
  unsigned int number = 0;  ///< MariaDB's (1045); from 2000 to 2999 and from 5000 on the library's; 0: none.
  std::string words = {};
};

/// `doing` is what was tried, "reading it"; empty where the caller does not say.
absl::Status ToStatus(const Failure& failure, std::string_view doing);

/// What ToStatus() was told, but for the words. kNone: OK, or an error from elsewhere.
Failure FailureOf(const absl::Status& status);
Trouble TroubleOf(const absl::Status& status);

// For this room.

/// Of an error's number and message.
Failure ReadFailure(unsigned int number, std::string_view message);
/// Of a connection that was refused.
Failure ReadRefusal(unsigned int number, std::string_view message, bool has_password);

}  // namespace mirror::mariadb

#endif  // MIRROR_BASE_DB_MARIADB_FAILURE_H_
