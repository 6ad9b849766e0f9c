#include "base/db/mariadb/failure.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace mirror::mariadb {
namespace {

constexpr char kPayload[] = "mirror.mariadb/failure";

struct MariadbCondition {
  unsigned int number;
  Trouble trouble;
};

/// The names are those in MariaDB's and the library's lists of errors.
constexpr MariadbCondition kMariadbConditions[] = {
    {2002, Trouble::kNotReady},     // CR_CONNECTION_ERROR
    {2003, Trouble::kNotReady},     // CR_CONN_HOST_ERROR
    {2005, Trouble::kNotReady},     // CR_UNKNOWN_HOST
    {2006, Trouble::kLost},         // CR_SERVER_GONE_ERROR
    {2013, Trouble::kLost},         // CR_SERVER_LOST
    {2055, Trouble::kLost},         // CR_SERVER_LOST_EXTENDED
    {5014, Trouble::kLost},         // CR_ERR_NET_READ
    {5015, Trouble::kLost},         // CR_ERR_NET_WRITE
    {2008, Trouble::kNoSpace},      // CR_OUT_OF_MEMORY
    {2026, Trouble::kNotLetIn},     // CR_SSL_CONNECTION_ERROR
    {2059, Trouble::kNotLetIn},     // CR_AUTH_PLUGIN_CANNOT_LOAD
    {5010, Trouble::kNotLetIn},     // CR_ERR_RESTRICTED_AUTH
    {2020, Trouble::kTooLarge},     // CR_NET_PACKET_TOO_LARGE
    {1020, Trouble::kRetry},        // ER_CHECKREAD
    {1021, Trouble::kNoSpace},      // ER_DISK_FULL
    {1030, Trouble::kOther},        // ER_GET_ERRNO
    {1037, Trouble::kNoSpace},      // ER_OUTOFMEMORY
    {1041, Trouble::kNoSpace},      // ER_OUT_OF_RESOURCES
    {1040, Trouble::kTooMany},      // ER_CON_COUNT_ERROR
    {1203, Trouble::kTooMany},      // ER_TOO_MANY_USER_CONNECTIONS
    {1226, Trouble::kTooMany},      // ER_USER_LIMIT_REACHED
    {1044, Trouble::kDenied},       // ER_DBACCESS_DENIED_ERROR
    {1045, Trouble::kNotLetIn},     // ER_ACCESS_DENIED_ERROR
    {1698, Trouble::kNotLetIn},     // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
    {1130, Trouble::kNotLetIn},     // ER_HOST_NOT_PRIVILEGED
    {1129, Trouble::kNotLetIn},     // ER_HOST_IS_BLOCKED
    {1862, Trouble::kNotLetIn},     // ER_MUST_CHANGE_PASSWORD_LOGIN
    {1820, Trouble::kNotLetIn},     // ER_MUST_CHANGE_PASSWORD
    {4151, Trouble::kNotLetIn},     // ER_ACCOUNT_HAS_BEEN_LOCKED
    {1142, Trouble::kDenied},       // ER_TABLEACCESS_DENIED_ERROR
    {1143, Trouble::kDenied},       // ER_COLUMNACCESS_DENIED_ERROR
    {1227, Trouble::kDenied},       // ER_SPECIFIC_ACCESS_DENIED_ERROR
    {1370, Trouble::kDenied},       // ER_PROCACCESS_DENIED_ERROR
    {1049, Trouble::kUndefined},    // ER_BAD_DB_ERROR
    {1051, Trouble::kUndefined},    // ER_BAD_TABLE_ERROR
    {1054, Trouble::kUndefined},    // ER_BAD_FIELD_ERROR
    {1109, Trouble::kUndefined},    // ER_UNKNOWN_TABLE
    {1146, Trouble::kUndefined},    // ER_NO_SUCH_TABLE
    {1932, Trouble::kUndefined},    // ER_NO_SUCH_TABLE_IN_ENGINE
    {1286, Trouble::kUndefined},    // ER_UNKNOWN_STORAGE_ENGINE
    {1053, Trouble::kNotReady},     // ER_SERVER_SHUTDOWN
    {1927, Trouble::kLost},         // ER_CONNECTION_KILLED
    {1152, Trouble::kLost},         // ER_ABORTING_CONNECTION
    {1184, Trouble::kLost},         // ER_NEW_ABORTING_CONNECTION
    {1159, Trouble::kLost},         // ER_NET_READ_INTERRUPTED
    {1161, Trouble::kLost},         // ER_NET_WRITE_INTERRUPTED
    {4031, Trouble::kLost},         // ER_CLIENT_INTERACTION_TIMEOUT
    {1153, Trouble::kTooLarge},     // ER_NET_PACKET_TOO_LARGE
    {1301, Trouble::kTooLarge},     // ER_WARN_ALLOWED_PACKET_OVERFLOWED
    {1205, Trouble::kLockTimeout},  // ER_LOCK_WAIT_TIMEOUT
    {1213, Trouble::kRetry},        // ER_LOCK_DEADLOCK
    {1412, Trouble::kMoved},        // ER_TABLE_DEF_CHANGED
    {1317, Trouble::kCancelled},    // ER_QUERY_INTERRUPTED
    {1969, Trouble::kCancelled},    // ER_STATEMENT_TIMEOUT
    {1236, Trouble::kNoLog},        // ER_MASTER_FATAL_ERROR_READING_BINLOG
    {1381, Trouble::kNoLog},        // ER_NO_BINARY_LOGGING
    {1264, Trouble::kValue},        // ER_WARN_DATA_OUT_OF_RANGE
    {1292, Trouble::kValue},        // ER_TRUNCATED_WRONG_VALUE
    {1366, Trouble::kValue},        // ER_TRUNCATED_WRONG_VALUE_FOR_FIELD
    {1367, Trouble::kValue},        // ER_ILLEGAL_VALUE_FOR_TYPE
    {1411, Trouble::kValue},        // ER_WRONG_VALUE_FOR_TYPE
    {1525, Trouble::kValue},        // ER_WRONG_VALUE
    {1690, Trouble::kValue},        // ER_DATA_OUT_OF_RANGE
    {1034, Trouble::kDamage},       // ER_NOT_KEYFILE
    {1035, Trouble::kDamage},       // ER_OLD_KEYFILE
    {1194, Trouble::kDamage},       // ER_CRASHED_ON_USAGE
    {1195, Trouble::kDamage},       // ER_CRASHED_ON_REPAIR
    {1712, Trouble::kDamage},       // ER_INDEX_CORRUPT
    {1877, Trouble::kDamage},       // ER_TABLE_CORRUPT
};

absl::StatusCode CodeOfMariadbTrouble(Trouble trouble) {
  switch (trouble) {
    case Trouble::kNone:
      return absl::StatusCode::kOk;
    case Trouble::kLost:
    case Trouble::kLockTimeout:
    case Trouble::kNoSpace:
    case Trouble::kTooMany:
    case Trouble::kNotReady:
      return absl::StatusCode::kUnavailable;
    case Trouble::kCancelled:
      return absl::StatusCode::kCancelled;
    case Trouble::kRetry:
    case Trouble::kMoved:
      return absl::StatusCode::kAborted;
    case Trouble::kUndefined:
      return absl::StatusCode::kNotFound;
    case Trouble::kDenied:
    case Trouble::kNotLetIn:
      return absl::StatusCode::kPermissionDenied;
    case Trouble::kNoLog:
      return absl::StatusCode::kFailedPrecondition;
    case Trouble::kValue:
    case Trouble::kTooLarge:
      return absl::StatusCode::kInvalidArgument;
    case Trouble::kDamage:
      return absl::StatusCode::kDataLoss;
    case Trouble::kOther:
      break;
  }
  return absl::StatusCode::kInternal;
}

/// Puts MariaDB's text in quotes, by which SourceWords() recognises texts that are not ours.
std::string SaidByMariadb(const char* who, std::string_view words) {
  std::string line(words.substr(0, words.find('\n')));
  std::replace(line.begin(), line.end(), '"', '\'');
  return absl::StrCat(who, " says \"", line, "\"");
}

bool IsOfLibrary(unsigned int number) {
  return (number >= 2000 && number < 3000) || (number >= 5000 && number < 6000);
}

/// Returns the advice for a session that was refused.
std::string LoginAdvice(unsigned int number, bool has_password) {
  switch (number) {
    case 1045:
    case 1698:
      return absl::StrCat(
          has_password
              ? "The user does not exist, exists only for other hosts, or has another password than the one "
                "in password_file"
              : "No password was sent, because the configuration has no password_file: the user does not "
                "exist, exists only for other hosts, or has a password",
          number == 1045 ? ". MariaDB prefers an anonymous user to a user for any host ('%'): if SELECT "
                           "User, Host FROM mysql.user lists an empty name, drop that user with its host, as "
                           "DROP USER ''@'localhost'"
                         : "");
    case 1044:
      return "The user may not use that database: GRANT SELECT ON the database lets it in";
    case 1049:
      return "Make that database, or correct dbname";
    case 1129:
      return "The server blocks this machine, because too many of its connections broke off: FLUSH HOSTS at "
             "the server ends that";
    case 1130:
      return "The server accepts no user from this machine: create the user for this machine, 'user'@'host'";
    case 2026:
      return "The server has no TLS, or its certificate is not for that host, or neither tls_ca nor the "
             "system trusts the certificate's authority";
    case 2059:
    case 5010:
      return "The user's login method would show the password, or this machine does not have that method: "
             "use ed25519 or mysql_native_password";
    default:
      return "";
  }
}

}  // namespace

absl::Status ToStatus(const Failure& failure, std::string_view doing) {
  if (failure.trouble == Trouble::kNone) return absl::OkStatus();
  std::string message(doing);
  if (!message.empty()) message += ": ";
  message += failure.words;
  if (failure.number != 0) absl::StrAppend(&message, " (error ", failure.number, ")");
  absl::Status status(CodeOfMariadbTrouble(failure.trouble), message);
  status.SetPayload(kPayload,
                    absl::Cord(absl::StrCat(static_cast<int>(failure.trouble), " ", failure.number)));
  return status;
}

Failure FailureOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload) return {.trouble = Trouble::kNone};
  const std::pair<std::string, std::string> words = absl::StrSplit(std::string(*payload), ' ');
  int trouble = 0;
  Failure failure;
  if (!absl::SimpleAtoi(words.first, &trouble) || !absl::SimpleAtoi(words.second, &failure.number))
    return {.trouble = Trouble::kOther};
  failure.trouble = static_cast<Trouble>(trouble);
  return failure;
}

Trouble TroubleOf(const absl::Status& status) { return FailureOf(status).trouble; }

Failure ReadFailure(unsigned int number, std::string_view message) {
  Failure failure{.trouble = Trouble::kOther, .number = number};
  const auto* const found =
      std::find_if(std::begin(kMariadbConditions), std::end(kMariadbConditions),
                   [number](const MariadbCondition& one) { return one.number == number; });
  if (found != std::end(kMariadbConditions)) failure.trouble = found->trouble;
  if (failure.trouble == Trouble::kValue) {
    failure.words = "a value does not fit its type";
  } else if (number == 1062 || number == 1064 || (number >= 1644 && number <= 1646)) {
    // MariaDB's messages for these errors contain a key, a part of the statement, or the text of a trigger's
    // SIGNAL.
    failure.words = number == 1064 ? "MariaDB cannot read the statement" : "MariaDB refuses it";
  } else {
    failure.words = SaidByMariadb(IsOfLibrary(number) ? "libmariadb" : "MariaDB", message);
  }
  return failure;
}

Failure ReadRefusal(unsigned int number, std::string_view message, bool has_password) {
  Failure failure = ReadFailure(number, message);
  // For this error the library makes a message from bytes that are not text.
  if (number == 5010) failure.words = "the server asks for a method of logging in that is not allowed";
  if (failure.trouble == Trouble::kLost || failure.trouble == Trouble::kOther)
    failure.trouble = Trouble::kNotReady;
  const std::string advice = LoginAdvice(number, has_password);
  if (!advice.empty()) {
    failure.trouble = Trouble::kNotLetIn;
    absl::StrAppend(&failure.words, ". ", advice);
  }
  if (failure.trouble == Trouble::kTooMany) {
    failure.words +=
        ". All connections that it allows are in use: raise max_connections there, or MAX_USER_CONNECTIONS "
        "of the user";
  }
  return failure;
}

}  // namespace mirror::mariadb
