#include "base/db/mariadb/dsn.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "base/status_macros.h"

namespace mirror::mariadb {
namespace {

constexpr std::uint16_t kUsualPort = 3306;
constexpr std::size_t kHostsMax = 16;
constexpr std::array<std::string_view, 7> kKeywords = {"host", "port", "socket", "dbname",
                                                       "user", "tls",  "tls_ca"};
constexpr char kHowItIs[] =
    ". Write it as 'host=db1 port=3306 dbname=crm user=mirror tls=verify', or as "
    "'socket=/run/mysqld/mysqld.sock dbname=crm user=mirror'";

/// Returns the error for a text that cannot be parsed. The text may contain a password, so the error repeats
/// no part of it.
absl::Status UnreadableDsn(std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("the connection string cannot be read: ", std::string(why), kHowItIs));
}

/// Returns the next keyword's value from `at` on, and moves `at` after it. Absent: a quote is not closed.
std::optional<std::string> TakeDsnValue(std::string_view text, std::size_t* at) {
  std::string value;
  if (*at < text.size() && text[*at] == '\'') {
    for (++*at; *at < text.size() && text[*at] != '\''; ++*at) {
      if (text[*at] == '\\' && *at + 1 < text.size()) ++*at;
      value += text[*at];
    }
    if (*at == text.size()) return std::nullopt;
    ++*at;
    return value;
  }
  for (; *at < text.size() && text[*at] != ' '; ++*at) value += text[*at];
  return value;
}

absl::StatusOr<std::map<std::string, std::string>> ReadDsnWords(const std::string& text) {
  if (text.find('\0') != std::string::npos) return UnreadableDsn("it holds a NUL");
  std::map<std::string, std::string> words;
  for (std::size_t at = 0;;) {
    while (at < text.size() && text[at] == ' ') ++at;
    if (at == text.size()) return words;
    const std::size_t equals = text.find('=', at);
    if (equals == std::string::npos) return UnreadableDsn("it does not consist of keyword=value pairs");
    const std::string keyword = text.substr(at, equals - at);
    if (keyword == "password" || keyword == "passwd" || keyword == "pwd") {
      return absl::InvalidArgumentError(
          "the connection string holds a password, where others can read it. Remove it, write the password "
          "into a file (mode 0600), and name that file in password_file");
    }
    if (std::find(kKeywords.begin(), kKeywords.end(), keyword) == kKeywords.end())
      return UnreadableDsn("it has a keyword other than host, port, socket, dbname, user, tls and tls_ca");
    at = equals + 1;
    const std::optional<std::string> value = TakeDsnValue(text, &at);
    if (!value) return UnreadableDsn("a quote in it is not closed");
    if (!words.emplace(keyword, *value).second)
      return UnreadableDsn(absl::StrCat("it has '", keyword, "' twice"));
  }
}

absl::Status ReadHosts(const std::string& hosts, const std::string& ports, Dsn* dsn) {
  const std::vector<std::string> names = absl::StrSplit(hosts, ',');
  const std::vector<std::string> numbers = absl::StrSplit(ports, ',');
  if (names.size() > kHostsMax) return UnreadableDsn(absl::StrCat("it has more than ", kHostsMax, " hosts"));
  if (!ports.empty() && numbers.size() != 1 && numbers.size() != names.size())
    return UnreadableDsn("it must have one port, or one port for each host");
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) return UnreadableDsn("a host in it is empty");
    std::uint32_t port = kUsualPort;
    if (!ports.empty() && (!absl::SimpleAtoi(numbers[std::min(i, numbers.size() - 1)], &port) || port == 0 ||
                           port > UINT16_MAX)) {
      return UnreadableDsn("a port in it is not a number from 1 to 65535");
    }
    dsn->hosts.emplace_back(names[i], static_cast<std::uint16_t>(port));
  }
  return absl::OkStatus();
}

bool IsHere(const std::string& host) { return host == "localhost" || host == "127.0.0.1" || host == "::1"; }

absl::Status ReadTls(const std::string& word, Dsn* dsn) {
  if (word.empty()) {
    const bool is_here =
        std::all_of(dsn->hosts.begin(), dsn->hosts.end(), [](const auto& one) { return IsHere(one.first); });
    dsn->tls = is_here ? Tls::kOff : Tls::kVerify;
  } else if (word == "off") {
    dsn->tls = Tls::kOff;
  } else if (word == "on") {
    dsn->tls = Tls::kOn;
  } else if (word == "verify") {
    dsn->tls = Tls::kVerify;
  } else {
    return UnreadableDsn("tls must be off, on or verify");
  }
  if (!dsn->tls_ca.empty() && dsn->tls != Tls::kVerify)
    return UnreadableDsn("tls_ca works only with tls=verify");
  return absl::OkStatus();
}

}  // namespace

std::string Dsn::Address() const {
  if (hosts.empty()) return absl::StrCat("socket ", socket);
  return absl::StrCat("host ", absl::StrJoin(hosts, ",", [](std::string* to, const auto& one) {
                        absl::StrAppend(to, one.first, ":", one.second);
                      }));
}

std::string Dsn::Name() const {
  std::string where = absl::StrCat(Address(), ", database ", database);
  // The address is written in quotes: SourceWords() finds it by them.
  std::replace(where.begin(), where.end(), '"', '\'');
  return absl::StrCat("MariaDB at \"", where, "\"");
}

absl::StatusOr<Dsn> ReadDsn(const std::string& text) {
  ASSIGN_OR_RETURN(auto words, ReadDsnWords(text));
  Dsn dsn;
  dsn.socket = words["socket"];
  dsn.database = words["dbname"];
  dsn.user = words["user"];
  dsn.tls_ca = words["tls_ca"];
  const std::string hosts = words["host"], ports = words["port"];
  if (dsn.socket.empty() == hosts.empty()) return UnreadableDsn("it must have either host or socket");
  if (dsn.database.empty() || dsn.user.empty()) return UnreadableDsn("it lacks dbname or user");
  if (!hosts.empty()) {
    RETURN_IF_ERROR(ReadHosts(hosts, ports, &dsn));
  } else if (!ports.empty()) {
    return UnreadableDsn("port works only with host");
  }
  RETURN_IF_ERROR(ReadTls(words["tls"], &dsn));
  return dsn;
}

}  // namespace mirror::mariadb
