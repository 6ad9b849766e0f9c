#include "tools/mirrorctl/init/init_postgres.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/db/postgres/name.h"
#include "base/db/postgres/target.h"
#include "base/text/text_stream.h"

namespace mirror {
namespace {

/// Greatest length of a context id: "<contextId>_mirroring" must fit into a name of PostgreSQL.
constexpr std::size_t kContextIdMax = 53;
constexpr char kExample[] =
    "Example: --postgres postgresql://mirror@db.example.org/mirrors?sslmode=verify-full";

absl::Status Wrong(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("--postgres: ", why, ". Nothing was made. ", kExample));
}

std::string OneOf(const postgres::Parameters& parameters, std::string_view keyword) {
  const std::string* const value = postgres::FindParameter(parameters, keyword);
  return value == nullptr ? "" : *value;
}

std::vector<std::string> ListOf(const postgres::Parameters& parameters, std::string_view keyword) {
  const std::string list = OneOf(parameters, keyword);
  if (list.empty()) return {};
  return absl::StrSplit(list, ',');
}

/// Returns the port for a passfile. If a host has no port, it is "*"; libpq returns it as empty for a URL
/// with several hosts.
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

/// Escapes a field for a passfile.
std::string Escaped(const std::string& field) {
  return absl::StrReplaceAll(field, {{"\\", "\\\\"}, {":", "\\:"}});
}

}  // namespace

std::function<std::string()> AddStoreOptions(const cli::Command& init,
                                             const std::shared_ptr<InitOptions>& options) {
  const auto store = std::make_shared<std::string>("sqlite");
  init.Add("--store", *store, "What keeps the mirrors: sqlite, a file for each tenant, or postgres")
      .OneOf({"sqlite", "postgres"})
      .ShowDefault();
  init.Add("--postgres", options->postgres,
           "With --store postgres: the database, as libpq names one, with its role and without a password")
      .ValueName("URL")
      .AsItStands();
  return [options, store]() -> std::string {
    if ((*store == "postgres") == options->postgres.empty())
      return "--store postgres and --postgres URL go together. Nothing was made.";
    return std::string(CheckPostgres(*options).message());
  };
}

absl::Status CheckPostgres(const InitOptions& options) {
  if (options.postgres.empty()) return absl::OkStatus();
  const std::string wrong = WrongPostgres(options.postgres, "the server");
  if (!wrong.empty()) return Wrong(wrong);
  if (options.context_id.size() > kContextIdMax) {
    return absl::InvalidArgumentError(absl::StrCat("--context-id has ", options.context_id.size(),
                                                   " characters, and in PostgreSQL ", kContextIdMax,
                                                   " are the limit. Nothing was made."));
  }
  return absl::OkStatus();
}

std::string PostgresConfiguration(const DescribedKeys& keys, const InitOptions& options) {
  const bool used = !options.postgres.empty();
  const bool local = used && PostgresNamedBy(options.postgres).hosts.size() < 2;
  const std::string off = used ? "" : "# ";
  const std::string conninfo =
      TomlString(used ? options.postgres : "host=db1 dbname=mirrors user=mirror sslmode=verify-full");
  return absl::StrCat(keys.Table("[postgres]",
                                 {{"control", conninfo},
                                  {"passfile", TomlString(kPassfile)},
                                  {"durability", local ? "\"local\"" : "\"replicated\""}},
                                 off),
                      keys.Table("[[postgres.place]]", {{"conninfo", conninfo}}, off));
}

std::string PassfileText(const InitOptions& options) {
  return absl::StrCat(
      "# Passwords of mirror-server's role in PostgreSQL, in libpq's form; mode 0600. Remove the # and put\n"
      "# the password at the end. If no password is needed (a socket with 'peer', a client certificate),\n"
      "# change nothing.\n",
      PassfileLines(PostgresNamedBy(options.postgres)));
}

void PrintDatabase(const InitOptions& options, const std::string& passfile, std::ostream& words) {
  const NamedPostgres place = PostgresNamedBy(options.postgres);
  const std::string role = QuotedForSql(place.role), database = QuotedForSql(place.database);
  words << "\nBefore the server starts, type what is still missing, as a superuser of that PostgreSQL (15 or "
           "later):\n";
  // AsItIs: statements must be easy to copy.
  AsItIs(words) << "  CREATE ROLE " << role << " LOGIN;\n"
                << "  CREATE DATABASE " << database << " OWNER " << role
                << " ENCODING 'UTF8' TEMPLATE template0;\n"
                << "  REVOKE CONNECT ON DATABASE " << database << " FROM PUBLIC;\n"
                << "  GRANT SET ON PARAMETER session_replication_role TO " << role << ";\n";
  words << "For a database of another owner:\n";
  AsItIs(words) << "  GRANT CONNECT, CREATE ON DATABASE " << database << " TO " << role << ";\n";
  words << "If the role needs a password ('\\password' of psql sets it), write it only into " << passfile
        << ", where its line is prepared.\n";
  if (place.may_be_in_the_clear) {
    words
        << "The URL names no sslmode: passwords and rows may go over the network in the clear. Add "
           "sslmode=verify-full to it in mirror-server.toml, and sslrootcert where the system does not know "
           "that authority.\n";
  }
  if (place.hosts.size() > 1) return;
  words << "[postgres] durability is \"local\": data that is confirmed to sources is only on that server's "
           "disk. If it has standbys in synchronous_standby_names, set \"replicated\".\n";
}

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
  if (place.role.empty() && !who.empty())
    return absl::StrCat("it names no role with which ", who, " connects");
  if (place.database.empty()) return "it names no database";
  for (const std::string& name : {place.role, place.database}) {
    if (name.empty()) continue;
    if (const absl::Status checked = postgres::CheckName(name); !checked.ok())
      return std::string(checked.message());
  }
  const auto no_port = std::find_if_not(place.ports.begin(), place.ports.end(), IsPort);
  if (no_port != place.ports.end()) return absl::StrCat("'", *no_port, "' is not a port: 1 to 65535");
  const std::string wanted = OneOf(*parameters, "target_session_attrs");
  if (place.hosts.size() > 1 && wanted != "read-write" && wanted != "primary") {
    return "it names several hosts: add target_session_attrs=read-write, otherwise a standby may be used";
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
