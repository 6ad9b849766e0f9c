#include "base/db/postgres/failure.h"

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace mirror::postgres {
namespace {

constexpr char kPayload[] = "mirror.postgres/failure";
/// Advice for SQLSTATE 53300, which may mean any of the three limits.
constexpr char kRaise[] =
    ". All connections that it allows are in use: raise its max_connections or, if the message names a role "
    "or a database, the CONNECTION LIMIT of that one, or end connections of others";

struct Condition {
  std::string_view sqlstate;  ///< A whole SQLSTATE or its beginning. The first matching entry is used.
  Trouble trouble;
};

constexpr Condition kConditions[] = {
    {"08", Trouble::kLost},         {"40001", Trouble::kRetry},
    {"40P01", Trouble::kRetry},     {"40003", Trouble::kCommitUnknown},
    {"26000", Trouble::kStalePlan}, {"55P03", Trouble::kLockTimeout},
    {"53300", Trouble::kTooMany},   {"53", Trouble::kNoSpace},
    {"57014", Trouble::kCancelled}, {"57P03", Trouble::kNotReady},
    {"57P", Trouble::kLost},        {"25006", Trouble::kReadOnly},
    {"25P03", Trouble::kLost},      {"23", Trouble::kConstraint},
    {"2BP01", Trouble::kDependent}, {"0A", Trouble::kUnsupported},
    {"42501", Trouble::kDenied},    {"28", Trouble::kDenied},
    {"42P01", Trouble::kUndefined}, {"42703", Trouble::kUndefined},
    {"42704", Trouble::kUndefined}, {"42883", Trouble::kUndefined},
    {"3F000", Trouble::kUndefined}, {"3D000", Trouble::kUndefined},
    {"42P10", Trouble::kUndefined}, {"42804", Trouble::kUndefined},
    {"428C9", Trouble::kUndefined}, {"42809", Trouble::kUndefined},
    {"55000", Trouble::kUndefined}, {"58030", Trouble::kNoSpace},
    {"42P04", Trouble::kExists},    {"42P06", Trouble::kExists},
    {"42P07", Trouble::kExists},    {"42701", Trouble::kExists},
    {"42710", Trouble::kExists},    {"22", Trouble::kValue},
    {"54", Trouble::kTooLarge},     {"XX001", Trouble::kDamage},
    {"XX002", Trouble::kDamage},
};

Trouble TroubleOfState(std::string_view sqlstate) {
  const auto* const found = std::find_if(
      std::begin(kConditions), std::end(kConditions),
      [&](const Condition& one) { return sqlstate.substr(0, one.sqlstate.size()) == one.sqlstate; });
  return found == std::end(kConditions) ? Trouble::kOther : found->trouble;
}

absl::StatusCode CodeOf(Trouble trouble) {
  switch (trouble) {
    case Trouble::kNone:
      return absl::StatusCode::kOk;
    case Trouble::kLost:
    case Trouble::kCommitUnknown:
    case Trouble::kNotReplicated:
    case Trouble::kLockTimeout:
    case Trouble::kNoSpace:
    case Trouble::kTooMany:
    case Trouble::kNotReady:
    case Trouble::kReadOnly:
      return absl::StatusCode::kUnavailable;
    case Trouble::kRetry:
    case Trouble::kStalePlan:
      return absl::StatusCode::kAborted;
    case Trouble::kCancelled:
      return absl::StatusCode::kCancelled;
    case Trouble::kConstraint:
    case Trouble::kDependent:
    case Trouble::kUnsupported:
      return absl::StatusCode::kFailedPrecondition;
    case Trouble::kUndefined:
      return absl::StatusCode::kNotFound;
    case Trouble::kExists:
      return absl::StatusCode::kAlreadyExists;
    case Trouble::kDenied:
    case Trouble::kNotLetIn:
    case Trouble::kRowSecurity:
      return absl::StatusCode::kPermissionDenied;
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

/// Puts a text in quotes, by which SourceWords() recognises texts that are not ours.
std::string Quoted(const char* who, std::string_view words) {
  std::string line(words.substr(0, words.find('\n')));
  std::replace(line.begin(), line.end(), '"', '\'');
  return absl::StrCat(who, " says \"", line, "\"");
}

/// Returns PostgreSQL's own message, or a text of ours if the messages for this SQLSTATE may contain a value.
std::string SafeWords(std::string_view sqlstate, std::string_view words) {
  constexpr std::array<std::string_view, 4> kWithoutValues = {"22001", "22012", "22P03", "22P04"};
  const bool is_safe =
      std::find(kWithoutValues.begin(), kWithoutValues.end(), sqlstate) != kWithoutValues.end();
  const std::string_view kind = sqlstate.substr(0, 2);
  if (kind == "22" && !is_safe) {
    if (sqlstate == "22003") return "a number is out of its type's range";
    if (sqlstate == "22007" || sqlstate == "22008")
      return "a date or a time is not valid, or out of its type's range";
    if (sqlstate == "22021") return "a text holds a character that the database's encoding does not have";
    return "a value does not fit its type";
  }
  // These texts come from functions of other people, or from other databases.
  if (kind == "P0" || kind == "38" || kind == "39" || kind == "HV")
    return "a trigger or function raised an error";
  return Quoted("PostgreSQL", words);
}

std::string FieldOf(const pg_result* result, int field) {
  const char* const text = PQresultErrorField(result, field);
  return text == nullptr ? std::string() : text;
}

/// Returns the row from a text such as "COPY t, line 3, column a: …". The text may be translated; its first
/// number is the row.
std::int64_t CopyRow(std::string_view context) {
  if (context.substr(0, 5) != "COPY ") return 0;
  // The table's name may contain any character, even commas and digits. The row follows after ", ".
  for (std::size_t comma = context.find(", "); comma != std::string_view::npos;
       comma = context.find(", ", comma + 2)) {
    const std::string_view word =
        context.substr(comma + 2, context.find_first_of(",:\n", comma + 2) - comma - 2);
    const std::size_t blank = word.rfind(' ');
    std::int64_t row = 0;
    if (blank != std::string_view::npos && absl::SimpleAtoi(std::string(word.substr(blank + 1)), &row))
      return row;
  }
  return 0;
}

/// Returns the advice for an error that means that no connection is free.
std::string TooManyAdvice(std::string_view words) {
  // The name of the setting is not translated.
  if (words.find("max_wal_senders") == std::string_view::npos) return kRaise;
  return ". As many sessions as it allows read its log: raise its max_wal_senders, or end one of the "
         "sessions in pg_stat_replication";
}

/// Returns the advice for a session that was refused. Empty: the SQLSTATE is another one.
std::string NotLetInAdvice(std::string_view sqlstate, const Login& login) {
  const std::string file = login.passfile.empty() ? "~/.pgpass" : absl::StrCat("'", login.passfile, "'");
  if (login.lacks_password) {
    return absl::StrCat(
        "No line of the passfile ", file,
        " is for that host, port, database and role: add one, as host:port:database:role:password; '*' means "
        "any, and the mode is 0600");
  }
  if (sqlstate == "28P01") {
    return absl::StrCat(
        "The password in the passfile ", file,
        " is wrong: correct the first line there that is for that host, port, database and role");
  }
  if (sqlstate.substr(0, 2) == "28") return "Look at the role's name, and at pg_hba.conf of that server";
  if (sqlstate == "42501") return "The role may not connect there: GRANT CONNECT ON DATABASE lets it in";
  if (sqlstate == "3D000") return "Make that database, or correct the name";
  return "";
}

bool EndsTheConnection(const std::string& severity) { return severity == "FATAL" || severity == "PANIC"; }

}  // namespace

absl::Status ToStatus(const Failure& failure, std::string_view doing) {
  if (failure.trouble == Trouble::kNone) return absl::OkStatus();
  std::string message(doing);
  if (!message.empty()) message += ": ";
  message += failure.words;
  if (!failure.sqlstate.empty()) absl::StrAppend(&message, " (SQLSTATE ", failure.sqlstate, ")");
  absl::Status status(CodeOf(failure.trouble), message);
  const std::vector<std::string> fields = {std::to_string(static_cast<int>(failure.trouble)),
                                           failure.sqlstate,
                                           failure.schema,
                                           failure.table,
                                           failure.column,
                                           failure.constraint,
                                           std::to_string(failure.copy_row)};
  status.SetPayload(kPayload, absl::Cord(absl::StrJoin(fields, std::string(1, '\0'))));
  return status;
}

Failure FailureOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload) return {.trouble = Trouble::kNone};
  // No name in PostgreSQL contains a NUL.
  const std::vector<std::string> fields = absl::StrSplit(std::string(*payload), '\0');
  Failure failure;
  int trouble = 0;
  if (fields.size() != 7 || !absl::SimpleAtoi(fields[0], &trouble)) return {.trouble = Trouble::kOther};
  failure.trouble = static_cast<Trouble>(trouble);
  failure.sqlstate = fields[1];
  failure.schema = fields[2];
  failure.table = fields[3];
  failure.column = fields[4];
  failure.constraint = fields[5];
  if (!absl::SimpleAtoi(fields[6], &failure.copy_row)) failure.copy_row = 0;
  return failure;
}

Trouble TroubleOf(const absl::Status& status) { return FailureOf(status).trouble; }

Failure ReadFailure(const pg_result* result) {
  Failure failure;
  failure.sqlstate = FieldOf(result, PG_DIAG_SQLSTATE);
  failure.schema = FieldOf(result, PG_DIAG_SCHEMA_NAME);
  failure.table = FieldOf(result, PG_DIAG_TABLE_NAME);
  failure.column = FieldOf(result, PG_DIAG_COLUMN_NAME);
  failure.constraint = FieldOf(result, PG_DIAG_CONSTRAINT_NAME);
  failure.copy_row = CopyRow(FieldOf(result, PG_DIAG_CONTEXT));
  if (failure.sqlstate.empty()) {
    // libpq's own error: the connection, or memory.
    failure.words = Quoted("libpq", PQresultErrorMessage(result));
    return failure;
  }
  failure.words = SafeWords(failure.sqlstate, FieldOf(result, PG_DIAG_MESSAGE_PRIMARY));
  failure.trouble = TroubleOfState(failure.sqlstate);
  // Many errors have this SQLSTATE, and their texts may be translated. The name of the function is never
  // translated.
  const std::string function = FieldOf(result, PG_DIAG_SOURCE_FUNCTION);
  if (function == "RevalidateCachedQuery") failure.trouble = Trouble::kStalePlan;
  if (function == "check_enable_rls") failure.trouble = Trouble::kRowSecurity;
  if (EndsTheConnection(FieldOf(result, PG_DIAG_SEVERITY_NONLOCALIZED))) failure.trouble = Trouble::kLost;
  return failure;
}

Failure ReadRefusal(std::string_view words, const Login& login) {
  Failure failure{.trouble = Trouble::kNotReady};
  std::string line(words.substr(0, words.find('\n')));
  // 'connection to server at … failed: FATAL:  53300: sorry, too many clients already'.
  constexpr std::string_view kSeverity = "FATAL:  ";
  const std::size_t at = line.find(kSeverity);
  const std::size_t state = at + kSeverity.size();
  if (at != std::string::npos && line.size() > state + 6 && line[state + 5] == ':') {
    failure.sqlstate = line.substr(state, 5);
    failure.trouble = TroubleOfState(failure.sqlstate);
    // When connecting, 55000 means that the database accepts no sessions now.
    if (failure.trouble == Trouble::kLost || failure.trouble == Trouble::kOther ||
        failure.sqlstate == "55000") {
      failure.trouble = Trouble::kNotReady;
    }
    line.erase(at, kSeverity.size() + 7);
  }
  failure.words = Quoted("libpq", line);
  if (failure.trouble == Trouble::kTooMany) failure.words += TooManyAdvice(line);
  std::string advice = NotLetInAdvice(failure.sqlstate, login);
  // A role without the privilege CONNECT is refused by another function of the server, whose name is not
  // translated.
  if (login.replication && failure.sqlstate == "42501" &&
      words.find("CheckMyDatabase") == std::string_view::npos) {
    advice =
        "The role may not read the server's log: it needs REPLICATION, which ALTER ROLE gives it (on Amazon "
        "RDS: GRANT rds_replication)";
  }
  if (!advice.empty()) {
    failure.trouble = Trouble::kNotLetIn;
    absl::StrAppend(&failure.words, ". ", advice);
  }
  return failure;
}

}  // namespace mirror::postgres
