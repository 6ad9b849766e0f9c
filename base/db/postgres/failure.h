#ifndef MIRROR_BASE_DB_POSTGRES_FAILURE_H_
#define MIRROR_BASE_DB_POSTGRES_FAILURE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

struct pg_result;

namespace mirror::postgres {

/// Meaning of an error for the caller. Each has one status code, see ToStatus().
enum class Trouble : std::uint8_t {
  kNone,           ///< No error of PostgreSQL.
  kLost,           ///< The connection is lost; uncommitted changes are rolled back. UNAVAILABLE.
  kCommitUnknown,  ///< Lost before the answer to a commit: it may have been applied. UNAVAILABLE.
  kNotReplicated,  ///< Committed at this server, but its standbys may not have it. UNAVAILABLE.
  kRetry,          ///< Conflict with another transaction: begin this one again. ABORTED.
  kStalePlan,      ///< A table's definition changed under a prepared statement: begin again. ABORTED.
  kLockTimeout,    ///< Waiting for another session's lock timed out. UNAVAILABLE.
  kNoSpace,        ///< The disk is full or does not read or write, or memory is full. UNAVAILABLE.
  kTooMany,        ///< All connections of the server, the database or the role are in use. UNAVAILABLE.
  kNotReady,       ///< The server, or one that it needs, starts, stops or does not answer. UNAVAILABLE.
  kReadOnly,       ///< The server is a standby, or server or session is read-only. UNAVAILABLE.
  kCancelled,      ///< Cancelled by Canceller, an operator or statement_timeout. CANCELLED.
  kConstraint,     ///< Failure::constraint names the constraint. FAILED_PRECONDITION.
  kDependent,      ///< Other objects depend on it. FAILED_PRECONDITION.
  kUnsupported,    ///< PostgreSQL does not support it. FAILED_PRECONDITION.
  kUndefined,      ///< The table, column, function, schema or database does not exist. NOT_FOUND.
  kExists,         ///< The object exists already. ALREADY_EXISTS.
  kDenied,         ///< The role lacks a privilege. PERMISSION_DENIED.
  kNotLetIn,       ///< No session: the password, role or database, or an access rule. PERMISSION_DENIED.
  kValue,          ///< A value does not fit its type or column. INVALID_ARGUMENT.
  kTooLarge,       ///< A row, a key or a statement is over one of PostgreSQL's limits. INVALID_ARGUMENT.
  kDamage,         ///< The database's files are damaged. DATA_LOSS.
  kRowSecurity,    ///< A row security policy would hide rows from this role. PERMISSION_DENIED.
  kOther,          ///< INTERNAL.
};

/// An error of PostgreSQL, without parts that may contain values of rows: its DETAIL, its CONTEXT, and the
/// messages of conditions that repeat a value.
struct Failure {
  Trouble trouble = Trouble::kOther;
  std::string sqlstate = {};  ///< Empty: the server gave none.
  std::string words = {};
  std::string schema = {}, table = {}, column = {}, constraint = {};  ///< Set if PostgreSQL names them.
  std::int64_t copy_row = 0;  ///< For COPY: number of the row that failed, from 1; 0: not named.
};

/// `doing`: the action that failed, "reading it"; empty if the caller does not give it.
absl::Status ToStatus(const Failure& failure, std::string_view doing);

/// Returns the Failure given to ToStatus(), without its text. kNone: OK, or an error from elsewhere.
Failure FailureOf(const absl::Status& status);
Trouble TroubleOf(const absl::Status& status);

// Only for the files of this folder.

/// Makes a Failure from a result that is an error.
Failure ReadFailure(const pg_result* result);
/// Facts about a login that a refusal's text does not contain.
struct Login {
  std::string passfile = {};    ///< Empty: the default of libpq.
  bool lacks_password = false;  ///< The server asked for a password, and there was none.
  bool replication = false;     ///< See ConnectAs.
};
/// Makes a Failure from a refused connection: libpq gives only a text for it, at verbosity VERBOSE.
Failure ReadRefusal(std::string_view words, const Login& login = {});

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_FAILURE_H_
