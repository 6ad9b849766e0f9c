#include "tools/mirrorctl/init/named_postgres.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/db/postgres/name.h"
#include "base/db/postgres/target.h"

namespace mirror {
namespace {

std::string OneOf(const postgres::Parameters& parameters, std::string_view keyword) {
  const std::string* const value = postgres::FindParameter(parameters, keyword);
  return value == nullptr ? "" : *value;
}

std::vector<std::string> ListOf(const postgres::Parameters& parameters, std::string_view keyword) {
  const std::string list = OneOf(parameters, keyword);
  if (list.empty()) return {};
  return absl::StrSplit(list, ',');
}

/// As a passfile has it. libpq makes empty ones of a URL with several hosts: the default.
std::string PortOf(const NamedPostgres& place, std::size_t host) {
  const std::string port = place.ports.empty() ? "" : place.ports[std::min(host, place.ports.size() - 1)];
  return port.empty() ? "*" : port;
}

bool IsPort(const std::string& text) {
  int port = 0;
  return text.empty() || (absl::SimpleAtoi(text, &port) && port > 0 && port <= 65'535);
}

bool IsElsewhere(const std::string& host) {
  return !host.empty() && host.front() != '/' && host.front() != '@' && host != "localhost" &&
         host != "::1" && !host.starts_with("127.");
}

/// As a passfile has it.
std::string Escaped(const std::string& field) {
  return absl::StrReplaceAll(field, {{"\\", "\\\\"}, {":", "\\:"}});
}

}  // namespace

NamedPostgres PostgresNamedBy(const std::string& conninfo) {
  const postgres::Parameters parameters = postgres::ReadConninfo(conninfo).value_or(postgres::Parameters());
  NamedPostgres place{OneOf(parameters, "user"), OneOf(parameters, "dbname"), ListOf(parameters, "host"),
                      ListOf(parameters, "port")};
  if (place.hosts.empty()) place.hosts = ListOf(parameters, "hostaddr");
  place.may_be_in_the_clear = postgres::FindParameter(parameters, "sslmode") == nullptr &&
                              std::any_of(place.hosts.begin(), place.hosts.end(), IsElsewhere);
  return place;
}

std::string WrongPostgres(const std::string& conninfo, const std::string& who) {
  const auto parameters = postgres::ReadConninfo(conninfo);
  if (!parameters.ok()) return std::string(parameters.status().message());
  const NamedPostgres place = PostgresNamedBy(conninfo);
  if (place.role.empty() && !who.empty()) return absl::StrCat("it names no role, as whom ", who, " connects");
  if (place.database.empty()) return "it names no database";
  for (const std::string& name : {place.role, place.database}) {
    if (name.empty()) continue;
    if (const absl::Status checked = postgres::CheckName(name); !checked.ok())
      return std::string(checked.message());
  }
  const auto no_port = std::find_if_not(place.ports.begin(), place.ports.end(), IsPort);
  if (no_port != place.ports.end()) return absl::StrCat("'", *no_port, "' is no port: 1 to 65535");
  const std::string wanted = OneOf(*parameters, "target_session_attrs");
  if (place.hosts.size() > 1 && wanted != "read-write" && wanted != "primary") {
    return "it names several hosts: add target_session_attrs=read-write, else a standby may be taken";
  }
  return "";
}

std::string PassfileLines(const NamedPostgres& place) {
  std::string lines;
  for (std::size_t i = 0; i < std::max<std::size_t>(place.hosts.size(), 1); ++i) {
    const std::string host = place.hosts.empty() || place.hosts[i].empty() ? "*" : Escaped(place.hosts[i]);
    absl::StrAppend(&lines, "# ", host, ":", PortOf(place, i), ":", Escaped(place.database), ":",
                    Escaped(place.role), ":PASSWORD\n");
  }
  return lines;
}

std::string QuotedForSql(const std::string& name) { return postgres::QuotedName(name).value_or(name); }

}  // namespace mirror
