#ifndef MIRROR_BASE_DB_POSTGRES_FAILURE_H_
#define MIRROR_BASE_DB_POSTGRES_FAILURE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

struct pg_result;

namespace mirror::postgres {

/// What an error means to the caller. Each has one status code, see ToStatus().
enum class Trouble : std::uint8_t {
  kNone,           ///< No error of PostgreSQL's.
  kLost,           ///< The connection is gone. What was not committed is rolled back. UNAVAILABLE.
  kCommitUnknown,  ///< It went before the answer to what commits: may have been applied. UNAVAILABLE.
  kNotReplicated,  ///< Committed at this server, and its standbys may not have it. UNAVAILABLE.
  kRetry,          ///< Two transactions were in each other's way: begin this one again. ABORTED.
  kStalePlan,      ///< A table's definition changed under a prepared statement: begin again. ABORTED.
  kLockTimeout,    ///< A lock of somebody else's was not to be had in time. UNAVAILABLE.
  kNoSpace,        ///< The disk is full or does not read or write, or memory is full. UNAVAILABLE.
  kTooMany,        ///< All connections of the server, the database or the role are taken. UNAVAILABLE.
  kNotReady,       ///< It, or another one that it needs, starts, stops or does not answer. UNAVAILABLE.
  kReadOnly,       ///< A standby, or a server or session that may not write. UNAVAILABLE.
  kCancelled,      ///< By Canceller, an operator or statement_timeout. CANCELLED.
  kConstraint,     ///< Failure::constraint says which. FAILED_PRECONDITION.
  kDependent,      ///< Other objects depend on it. FAILED_PRECONDITION.
  kUnsupported,    ///< PostgreSQL cannot do that. FAILED_PRECONDITION.
  kUndefined,      ///< No such table, column, function, schema, database; or of another kind. NOT_FOUND.
  kExists,         ///< There is one already. ALREADY_EXISTS.
  kDenied,         ///< The role may not. PERMISSION_DENIED.
  kNotLetIn,       ///< No session: the password, the role, the database, or a rule there. PERMISSION_DENIED.
  kValue,          ///< A value does not fit its type or column. INVALID_ARGUMENT.
  kTooLarge,       ///< A row, a key or a statement is over one of PostgreSQL's limits. INVALID_ARGUMENT.
  kDamage,         ///< The database's files are. DATA_LOSS.
  kRowSecurity,    ///< Policies would choose among the rows for this role. PERMISSION_DENIED.
  kOther,          ///< INTERNAL.
};

/// An error of PostgreSQL's, without what may hold values of rows: its DETAIL, its CONTEXT, and the messages
/// of those conditions that repeat a value.
struct Failure {
  Trouble trouble = Trouble::kOther;
  std::string sqlstate = {};  ///< Empty: the server did not say it.
  std::string words = {};
  std::string schema = {}, table = {}, column = {}, constraint = {};  ///< Where PostgreSQL names them.
  std::int64_t copy_row = 0;  ///< Of COPY: the row, counted from 1, at which it failed; 0: none is named.
};

/// `doing` is what was tried, "reading it"; empty where the caller does not say.
absl::Status ToStatus(const Failure& failure, std::string_view doing);

/// What ToStatus() was told, but for the words. kNone: OK, or an error from elsewhere.
Failure FailureOf(const absl::Status& status);
Trouble TroubleOf(const absl::Status& status);

// For this room.

/// Of a result that is an error.
Failure ReadFailure(const pg_result* result);
/// What a refusal's words do not say.
struct Login {
  std::string passfile = {};    ///< Empty: libpq's own.
  bool lacks_password = false;  ///< One was asked for, and there was none.
  bool replication = false;     ///< See ConnectAs.
};
/// Of a connection that was refused: libpq has no result of that, only words, with its verbosity at VERBOSE.
Failure ReadRefusal(std::string_view words, const Login& login = {});

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_FAILURE_H_
