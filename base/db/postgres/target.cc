#include "base/db/postgres/target.h"

#include <libpq-fe.h>
#include <stdlib.h>

#include <algorithm>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/db/postgres/name.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace mirror::postgres {
namespace {

using Options = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

/// libpq's message is not used, because it may contain parts of the text, such as a password.
constexpr char kUnreadable[] = "the connection string cannot be read";
constexpr char kHowItIs[] =
    ". Write it in libpq's form: 'host=db1 dbname=crm user=mirror sslmode=verify-full', or "
    "'postgresql://mirror@db1/crm?sslmode=verify-full'";
constexpr char kHasPassword[] =
    "the connection string holds a password, where others can read it. Remove it, and name a passfile (mode "
    "0600) with the line host:port:database:user:password";

constexpr char kHasService[] =
    "the connection string names a service, whose settings are in another file, where nothing checks them. "
    "Write them here: host, port, dbname, user, sslmode";

/// Returns the unknown keyword from libpq's message. Empty: the message has none, or the keyword may be part
/// of a password.
std::string WrongKeyword(const std::string& conninfo, const std::string& libpq_words) {
  const std::size_t begin = libpq_words.find('"') + 1;
  const std::size_t end = libpq_words.find('"', begin);
  if (begin == 0 || end == std::string::npos) return "";
  std::string word = libpq_words.substr(begin, end - begin);
  const bool is_plain =
      std::all_of(word.begin(), word.end(), [](char c) { return c == '_' || (c >= 'a' && c <= 'z'); });
  const std::size_t at = conninfo.find(word + "=");
  if (!is_plain || at == std::string::npos) return "";
  if (absl::StrContains(conninfo, "pass") || conninfo.find('@', at) != std::string::npos) return "";
  return word;
}

absl::Status Unreadable(const std::string& wrong_keyword) {
  return absl::InvalidArgumentError(absl::StrCat(
      kUnreadable, wrong_keyword.empty() ? "" : absl::StrCat(": libpq has no keyword '", wrong_keyword, "'"),
      kHowItIs));
}

void SetUnlessGiven(Parameters& parameters, std::string_view keyword, std::string_view value) {
  if (FindParameter(parameters, keyword) == nullptr) parameters.emplace_back(keyword, value);
}

void Set(Parameters& parameters, std::string_view keyword, std::string_view value) {
  std::erase_if(parameters, [&](const auto& parameter) { return parameter.first == keyword; });
  parameters.emplace_back(keyword, value);
}

/// Returns parameters for each host alone. With a list of hosts, libpq itself would try the next one too late
/// if a host is silent.
std::vector<Parameters> OneByOne(const Parameters& parameters) {
  std::vector<std::vector<std::string>> lists;
  const std::vector<std::string> keywords = {"host", "hostaddr", "port"};
  std::size_t hosts = 1;
  for (const std::string& keyword : keywords) {
    const std::string* const list = FindParameter(parameters, keyword);
    lists.push_back(list == nullptr ? std::vector<std::string>() : absl::StrSplit(*list, ','));
    hosts = std::max(hosts, lists.back().size());
  }
  std::vector<Parameters> attempts;
  for (std::size_t host = 0; host < hosts; ++host) {
    Parameters& attempt = attempts.emplace_back(parameters);
    for (std::size_t i = 0; i < keywords.size(); ++i) {
      // A single port is used for all hosts.
      if (!lists[i].empty()) Set(attempt, keywords[i], lists[i][std::min(host, lists[i].size() - 1)]);
    }
  }
  const std::string* const wanted = FindParameter(parameters, "target_session_attrs");
  if (wanted == nullptr || *wanted != "prefer-standby") return attempts;
  std::vector<Parameters> both;
  for (const char* const attribute : {"standby", "any"}) {
    for (const Parameters& attempt : attempts)
      Set(both.emplace_back(attempt), "target_session_attrs", attribute);
  }
  return both;
}

}  // namespace

void ForgetEnvironment() {
  const Options options(PQconndefaults(), &PQconninfoFree);
  if (options == nullptr) return;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->envvar != nullptr) ::unsetenv(option->envvar);
  }
  for (const char* const name :
       {"PGSERVICEFILE", "PGSYSCONFDIR", "PGREQUIRESSL", "PGDATESTYLE", "PGTZ", "PGGEQO"}) {
    ::unsetenv(name);
  }
}

const Parameters& PinnedSettings() {
  static const Parameters settings = {
      {"search_path", "pg_catalog, pg_temp"},
      {"row_security", "off"},
      {"default_transaction_isolation", "read committed"},
      {"DateStyle", "ISO"},
      {"IntervalStyle", "iso_8601"},
      {"TimeZone", "UTC"},
      {"extra_float_digits", "1"},
      {"bytea_output", "hex"},
      {"standard_conforming_strings", "on"},
  };
  return settings;
}

absl::StatusOr<Parameters> ReadConninfo(const std::string& conninfo) {
  if (conninfo.find('\0') != std::string::npos) return Unreadable("");
  char* words = nullptr;
  const Options options(PQconninfoParse(conninfo.c_str(), &words), &PQconninfoFree);
  const std::string said = words == nullptr ? "" : words;
  PQfreemem(words);
  if (options == nullptr) return Unreadable(WrongKeyword(conninfo, said));
  Parameters parameters;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    const std::string keyword = option->keyword;
    if (keyword == "password" || keyword == "sslpassword") return absl::InvalidArgumentError(kHasPassword);
    if (keyword == "service") return absl::InvalidArgumentError(kHasService);
    parameters.emplace_back(keyword, option->val);
  }
  return parameters;
}

const std::string* FindParameter(const Parameters& parameters, std::string_view keyword) {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [&](const auto& parameter) { return parameter.first == keyword; });
  return found == parameters.end() ? nullptr : &found->second;
}

std::string PlaceWords(const Parameters& parameters) {
  const std::string* host = FindParameter(parameters, "host");
  if (host == nullptr) host = FindParameter(parameters, "hostaddr");
  std::string where = host == nullptr ? "libpq's default host" : *host;
  if (const std::string* const port = FindParameter(parameters, "port"))
    absl::StrAppend(&where, ", port ", *port);
  if (const std::string* const base = FindParameter(parameters, "dbname"))
    absl::StrAppend(&where, ", database ", *base);
  // Written in quotes, by which SourceWords() finds it.
  std::replace(where.begin(), where.end(), '"', '\'');
  return absl::StrCat("PostgreSQL at \"", where, "\"");
}

absl::StatusOr<Target> ReadTarget(const ConnectAs& as) {
  ASSIGN_OR_RETURN(Parameters parameters, ReadConninfo(as.conninfo));
  if (!as.passfile.empty()) Set(parameters, "passfile", as.passfile);
  if (const std::string* const passfile = FindParameter(parameters, "passfile")) {
    // libpq ignores a passfile that others may read, and says only that no password was supplied.
    RETURN_IF_ERROR(ReadKeyFile(*passfile, FileUse::kPassfile).status());
  }
  if (!as.application_name.empty()) {
    if (as.application_name.size() > kNameBytesMax) {
      return absl::InvalidArgumentError(absl::StrCat("application_name has ", as.application_name.size(),
                                                     " bytes, and ", kNameBytesMax, " are the limit"));
    }
    Set(parameters, "application_name", as.application_name);
  }
  Set(parameters, "client_encoding", "UTF8");
  if (as.replication) Set(parameters, "replication", "database");
  // Detects within seconds that the peer's machine is down.
  SetUnlessGiven(parameters, "keepalives_idle", "5");
  SetUnlessGiven(parameters, "keepalives_interval", "2");
  SetUnlessGiven(parameters, "keepalives_count", "3");
  SetUnlessGiven(parameters, "tcp_user_timeout", "10000");
  return Target{OneByOne(parameters), PlaceWords(parameters)};
}

}  // namespace mirror::postgres
