#include "base/db/odbc/failure.h"

#include <sql.h>
#include <sqlext.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/utf8.h"

namespace mirror::odbc {
namespace {

constexpr char kPayload[] = "mirror.odbc/trouble";
constexpr std::size_t kWordsMax = 500;

struct Condition {
  std::string_view sqlstate;  ///< A whole SQLSTATE or its beginning. The first matching entry is used.
  Trouble trouble;
};
constexpr Condition kConditions[] = {
    {"08001", Trouble::kNotReached}, {"08004", Trouble::kNotLetIn},    {"08", Trouble::kLost},
    {"28", Trouble::kNotLetIn},      {"IM00", Trouble::kNoDriver},     {"HYT", Trouble::kTimedOut},
    {"57014", Trouble::kTimedOut},   {"55P03", Trouble::kLocked},      {"40", Trouble::kLocked},
    {"57P", Trouble::kLost},         {"42501", Trouble::kDenied},      {"42S", Trouble::kUndefined},
    {"42P01", Trouble::kUndefined},  {"42703", Trouble::kUndefined},   {"3F000", Trouble::kUndefined},
    {"42804", Trouble::kUndefined},  {"42883", Trouble::kUndefined},   {"22", Trouble::kValue},
    {"07006", Trouble::kValue},      {"HYC00", Trouble::kUnsupported}, {"IM", Trouble::kUnsupported},
};

/// An error number of MySQL and MariaDB, whose SQLSTATEs are not specific enough.
struct NativeCondition {
  std::int64_t first, last;
  Trouble trouble;
};
constexpr NativeCondition kMysqlConditions[] = {
    {1044, 1045, Trouble::kNotLetIn},  {1142, 1143, Trouble::kDenied},    {1146, 1146, Trouble::kUndefined},
    {1054, 1054, Trouble::kUndefined}, {1205, 1205, Trouble::kLocked},    {1213, 1213, Trouble::kLocked},
    {1927, 1927, Trouble::kLost},      {2002, 2003, Trouble::kLost},      {2006, 2006, Trouble::kLost},
    {2013, 2013, Trouble::kLost},      {1412, 1412, Trouble::kUndefined},
};

Trouble TroubleOfState(std::string_view sqlstate, std::int64_t native, std::string_view words) {
  const auto* const found = std::find_if(
      std::begin(kConditions), std::end(kConditions),
      [&](const Condition& one) { return sqlstate.substr(0, one.sqlstate.size()) == one.sqlstate; });
  if (found != std::end(kConditions)) return found->trouble;
  const bool is_mysql = words.find("[ma-") != std::string_view::npos ||
                        words.find("MariaDB") != std::string_view::npos ||
                        words.find("mysqld-") != std::string_view::npos;
  if (is_mysql) {
    const auto* const own =
        std::find_if(std::begin(kMysqlConditions), std::end(kMysqlConditions),
                     [native](const auto& one) { return native >= one.first && native <= one.last; });
    if (own != std::end(kMysqlConditions)) return own->trouble;
  }
  for (const std::string_view no_table : {"no such table", "no such column"}) {
    if (words.find(no_table) != std::string_view::npos) return Trouble::kUndefined;
  }
  for (const std::string_view locked : {"database is locked", "database table is locked"}) {
    if (words.find(locked) != std::string_view::npos) return Trouble::kLocked;
  }
  return Trouble::kOther;
}

absl::StatusCode CodeOf(Trouble trouble) {
  switch (trouble) {
    case Trouble::kNone:
      return absl::StatusCode::kOk;
    case Trouble::kNoDriver:
      return absl::StatusCode::kFailedPrecondition;
    case Trouble::kNotReached:
    case Trouble::kLost:
    case Trouble::kLocked:
    case Trouble::kTimedOut:
      return absl::StatusCode::kUnavailable;
    case Trouble::kNotLetIn:
    case Trouble::kDenied:
      return absl::StatusCode::kPermissionDenied;
    case Trouble::kUndefined:
      return absl::StatusCode::kNotFound;
    case Trouble::kValue:
      return absl::StatusCode::kInvalidArgument;
    case Trouble::kUnsupported:
      return absl::StatusCode::kUnimplemented;
    case Trouble::kOther:
      break;
  }
  return absl::StatusCode::kInternal;
}

/// Returns the first line, as UTF-8, without the passing layers ("[unixODBC][…]") and without secrets.
std::string SafeWords(std::string_view said, const std::vector<std::string>& secrets) {
  while (!said.empty() && said.front() == '[') {
    const std::size_t end = said.find(']');
    if (end == std::string_view::npos) break;
    said.remove_prefix(end + 1);
  }
  std::string words(said.substr(0, said.find_first_of("\r\n")));
  for (const std::string& secret : secrets) {
    if (!secret.empty()) words = absl::StrReplaceAll(words, {{secret, "***"}});
  }
  std::replace(words.begin(), words.end(), '"', '\'');
  if (!IsText(words)) return "(a text that is not UTF-8)";
  return std::string(CutUtf8(words, kWordsMax));
}

}  // namespace

absl::Status ToStatus(const Failure& failure, std::string_view doing) {
  std::string message(doing);
  if (!message.empty()) message += ": ";
  if (failure.words.empty()) {
    absl::StrAppend(&message, "the ODBC driver gives no message, only the state ", failure.sqlstate);
  } else {
    absl::StrAppend(&message, "the ODBC driver says \"", failure.words, "\"");
    if (!failure.sqlstate.empty()) absl::StrAppend(&message, " (", failure.sqlstate, ")");
  }
  absl::Status status(CodeOf(failure.trouble), message);
  status.SetPayload(kPayload, absl::Cord(absl::StrCat(static_cast<int>(failure.trouble))));
  return status;
}

Trouble TroubleOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  int trouble = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &trouble)) return Trouble::kNone;
  return static_cast<Trouble>(trouble);
}

Failure ReadFailure(std::int16_t handle_type, void* handle, const std::vector<std::string>& secrets,
                    bool connecting) {
  Failure failure;
  std::array<SQLCHAR, SQL_SQLSTATE_SIZE + 1> state{};
  std::array<SQLCHAR, 2048> words{};
  SQLINTEGER native = 0;
  SQLSMALLINT length = 0;
  std::string said;
  // Some drivers put warnings before the error. The first record that is no warning is used.
  for (SQLSMALLINT record = 1; record < 16; ++record) {
    if (!SQL_SUCCEEDED(SQLGetDiagRec(handle_type, handle, record, state.data(), &native, words.data(),
                                     static_cast<SQLSMALLINT>(words.size()), &length))) {
      break;
    }
    const std::string_view sqlstate(reinterpret_cast<const char*>(state.data()));
    if (record > 1 && sqlstate.substr(0, 2) == "01") continue;
    const bool had_warning = failure.sqlstate.substr(0, 2) == "01";
    if (record > 1 && !had_warning) break;
    failure.sqlstate = std::string(sqlstate);
    failure.native = native;
    said = reinterpret_cast<const char*>(words.data());
  }
  const bool no_library = said.find("Can't open lib") != std::string::npos;
  failure.trouble =
      connecting && no_library ? Trouble::kNoDriver : TroubleOfState(failure.sqlstate, failure.native, said);
  if (connecting && (failure.trouble == Trouble::kOther || failure.trouble == Trouble::kLost))
    failure.trouble = Trouble::kNotReached;
  const std::string_view kind = std::string_view(failure.sqlstate).substr(0, 2);
  // The messages of these errors contain the wrong value.
  if (failure.trouble != Trouble::kValue && kind != "23") failure.words = SafeWords(said, secrets);
  return failure;
}

}  // namespace mirror::odbc
