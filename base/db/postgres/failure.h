#ifndef MIRROR_BASE_DB_POSTGRES_FAILURE_H_
#define MIRROR_BASE_DB_POSTGRES_FAILURE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

struct pg_result;

namespace mirror::postgres {

/// Meaning of an error for the caller. ToStatus() gives each value the status code that is named here.
enum class Trouble : std::uint8_t {
  kNone,  ///< No error of PostgreSQL.
  kLost,  ///< The connection is lost; uncommitted changes are rolled back. UNAVAILABLE.
  /// The connection was lost before the answer to a commit: the commit may have succeeded. UNAVAILABLE.
  kCommitUnknown,
  /// The transaction is committed at this server, but its standbys may not have it. UNAVAILABLE.
  kNotReplicated,
  kRetry,        ///< Conflict with another transaction: begin this one again. ABORTED.
  kStalePlan,    ///< A table's definition changed under a prepared statement: begin again. ABORTED.
  kLockTimeout,  ///< Waiting for another session's lock timed out. UNAVAILABLE.
  kNoSpace,      ///< The disk is full or has I/O errors, or memory is full. UNAVAILABLE.
  kTooMany,      ///< All connections of the server, the database or the role are in use. UNAVAILABLE.
  /// The server, or another server that it needs, is starting or stopping, or does not answer. UNAVAILABLE.
  kNotReady,
  kReadOnly,     ///< The server is a standby, or the server or the session is read-only. UNAVAILABLE.
  kCancelled,    ///< Cancelled by Canceller, an operator or statement_timeout. CANCELLED.
  kConstraint,   ///< A row violates the constraint that Failure::constraint names. FAILED_PRECONDITION.
  kDependent,    ///< Other objects depend on the object. FAILED_PRECONDITION.
  kUnsupported,  ///< PostgreSQL does not support the operation. FAILED_PRECONDITION.
  kUndefined,    ///< The table, column, function, schema or database does not exist. NOT_FOUND.
  kExists,       ///< The object exists already. ALREADY_EXISTS.
  kDenied,       ///< The role lacks a privilege. PERMISSION_DENIED.
  /// The server refused the session, because of the password, the role, the database or an access rule.
  /// PERMISSION_DENIED.
  kNotLetIn,
  kValue,        ///< A value does not fit its type or column. INVALID_ARGUMENT.
  kTooLarge,     ///< A row, a key or a statement is over one of PostgreSQL's limits. INVALID_ARGUMENT.
  kDamage,       ///< The database's files are damaged. DATA_LOSS.
  kRowSecurity,  ///< A row security policy would hide rows from this role. PERMISSION_DENIED.
  kOther,        ///< Any other error. INTERNAL.
};

/// An error of PostgreSQL, without parts that may contain values of rows: its DETAIL, its CONTEXT, and the
/// messages of conditions that repeat a value.
struct Failure {
  Trouble trouble = Trouble::kOther;
  std::string sqlstate = {};  ///< Empty: the server gave no SQLSTATE.
  std::string words = {};
  /// Set if PostgreSQL's error names these objects.
  std::string schema = {}, table = {}, column = {}, constraint = {};
  std::int64_t copy_row = 0;  ///< For COPY: number of the row that failed, from 1; 0: not known.
};

/// Converts a failure to a status. `doing`: the action that failed, such as "reading it"; may be empty.
absl::Status ToStatus(const Failure& failure, std::string_view doing);

/// Returns the Failure from which ToStatus() made the status, without its text. kNone: the status is OK, or
/// not from ToStatus().
Failure FailureOf(const absl::Status& status);
Trouble TroubleOf(const absl::Status& status);

// Only for the files of this folder.

/// Makes a Failure from a result that is an error.
Failure ReadFailure(const pg_result* result);
/// Facts about a login that the text of a refusal does not contain.
struct Login {
  std::string passfile = {};    ///< Empty: the default of libpq.
  bool lacks_password = false;  ///< The server asked for a password, and there was none.
  bool replication = false;     ///< See ConnectAs.
};
/// Makes a Failure from the text of a refused connection, the only information that libpq gives. `words` must
/// have libpq's verbosity VERBOSE.
Failure ReadRefusal(std::string_view words, const Login& login = {});

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_FAILURE_H_
