#include "tools/mirrorctl/init/init_postgres.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
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

/// "<contextId>_mirroring" has to fit PostgreSQL's names.
constexpr std::size_t kContextIdMax = 53;
constexpr std::size_t kCommentAt = 36;
constexpr char kExample[] =
    "Example: --postgres postgresql://mirror@db.example.org/mirrors?sslmode=verify-full";

/// Of a conninfo that was checked.
struct Named {
  std::string role, database;
  std::vector<std::string> hosts, ports;
};

std::vector<std::string> ListOf(const postgres::Parameters& parameters, std::string_view keyword) {
  const std::string* const list = postgres::FindParameter(parameters, keyword);
  if (list == nullptr || list->empty()) return {};
  return absl::StrSplit(*list, ',');
}

Named Name(const std::string& conninfo) {
  const postgres::Parameters parameters = postgres::ReadConninfo(conninfo).value_or(postgres::Parameters());
  const auto one = [&](std::string_view keyword) {
    const std::string* const value = postgres::FindParameter(parameters, keyword);
    return value == nullptr ? std::string() : *value;
  };
  Named named{one("user"), one("dbname"), ListOf(parameters, "host"), ListOf(parameters, "port")};
  if (named.hosts.empty()) named.hosts = ListOf(parameters, "hostaddr");
  return named;
}

/// As a passfile has it. libpq makes empty ones of a URL with several hosts: the default.
std::string PortOf(const Named& named, std::size_t host) {
  const std::string port = named.ports.empty() ? "" : named.ports[std::min(host, named.ports.size() - 1)];
  return port.empty() ? "*" : port;
}

bool IsPort(const std::string& text) {
  int port = 0;
  return text.empty() || (absl::SimpleAtoi(text, &port) && port > 0 && port <= 65'535);
}

/// Over a network, without a word of how: libpq then takes a connection in the clear.
bool MayBeInTheClear(const InitOptions& options, const Named& named) {
  const auto parameters = postgres::ReadConninfo(options.postgres);
  if (!parameters.ok() || postgres::FindParameter(*parameters, "sslmode") != nullptr) return false;
  return std::any_of(named.hosts.begin(), named.hosts.end(), [](const std::string& host) {
    return !host.empty() && host.front() != '/' && host.front() != '@' && host != "localhost" &&
           host != "::1" && !host.starts_with("127.");
  });
}

absl::Status Wrong(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("--postgres: ", why, ". Nothing was made. ", kExample));
}

/// As a passfile has it.
std::string Escaped(const std::string& field) {
  return absl::StrReplaceAll(field, {{"\\", "\\\\"}, {":", "\\:"}});
}

/// A line of mirror-server.toml, with its comment where those of the others are.
std::string Line(std::string setting, absl::string_view comment) {
  setting.append(std::max<std::size_t>(kCommentAt, setting.size() + 3) - setting.size(), ' ');
  return absl::StrCat(setting, "# ", comment, "\n");
}

/// It was checked.
std::string Quoted(const std::string& name) { return postgres::QuotedName(name).value_or(name); }

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
  const auto parameters = postgres::ReadConninfo(options.postgres);
  if (!parameters.ok()) return Wrong(parameters.status().message());
  const Named named = Name(options.postgres);
  if (named.role.empty()) return Wrong("it names no role, as whom the server connects");
  if (named.database.empty()) return Wrong("it names no database");
  for (const std::string& name : {named.role, named.database}) {
    if (const absl::Status checked = postgres::CheckName(name); !checked.ok())
      return Wrong(checked.message());
  }
  const auto no_port = std::find_if_not(named.ports.begin(), named.ports.end(), IsPort);
  if (no_port != named.ports.end()) return Wrong(absl::StrCat("'", *no_port, "' is no port: 1 to 65535"));
  const std::string* const wanted = postgres::FindParameter(*parameters, "target_session_attrs");
  if (named.hosts.size() > 1 && (wanted == nullptr || (*wanted != "read-write" && *wanted != "primary"))) {
    return Wrong("it names several hosts: add target_session_attrs=read-write, else a standby may be taken");
  }
  if (options.context_id.size() > kContextIdMax) {
    return absl::InvalidArgumentError(absl::StrCat("--context-id has ", options.context_id.size(),
                                                   " characters, and in PostgreSQL ", kContextIdMax,
                                                   " are the limit. Nothing was made."));
  }
  return absl::OkStatus();
}

std::string StoreConfiguration(const InitOptions& options) {
  return options.postgres.empty()
             ? Line("store = \"sqlite\"", "a file for each tenant; or \"postgres\", with [postgres] below")
             : Line("store = \"postgres\"",
                    "see [postgres]; or \"sqlite\", without it: a file for each tenant");
}

std::string PostgresConfiguration(const InitOptions& options) {
  const bool used = !options.postgres.empty();
  const bool local = used && Name(options.postgres).hosts.size() < 2;
  const std::string off = used ? "" : "# ";
  const std::string conninfo =
      TomlString(used ? options.postgres : "host=db1 dbname=mirrors user=mirror sslmode=verify-full");
  return absl::StrCat(
      "\n", Line(off + "[postgres]", "With store = \"postgres\" alone. No conninfo holds a password."),
      Line(absl::StrCat(off, "control = ", conninfo), "which mirrors there are, events, audit log"),
      Line(absl::StrCat(off, "passfile = \"", kPassfile, "\""),
           "host:port:database:role:password, mode 0600; \"\": as libpq has it"),
      Line(absl::StrCat(off, "durability = ", local ? "\"local\"" : "\"replicated\""),
           "\"replicated\": what is acknowledged is on a standby, too; \"local\""),
      Line(off + "merge_rows_max = 20000000", "rows; no larger population goes into a table that has rows"),
      Line(off + "[[postgres.place]]", "A database that holds mirrors; it may be that of 'control'."),
      Line(off + "name = \"p1\"", "for messages, and for where a mirror is"),
      Line(absl::StrCat(off, "conninfo = ", conninfo), "libpq's"),
      Line(off + "connections = 8", "at most, for each of writing, reading and scanning"));
}

std::string PassfileText(const InitOptions& options) {
  const Named named = Name(options.postgres);
  std::string text =
      "# Passwords of mirror-server's role in PostgreSQL, as libpq has them; mode 0600. Take the # away and "
      "put\n"
      "# the password at the end. Who needs none (a socket with 'peer', a client certificate) leaves it as "
      "it is.\n";
  for (std::size_t i = 0; i < std::max<std::size_t>(named.hosts.size(), 1); ++i) {
    const std::string host = named.hosts.empty() || named.hosts[i].empty() ? "*" : Escaped(named.hosts[i]);
    absl::StrAppend(&text, "# ", host, ":", PortOf(named, i), ":", Escaped(named.database), ":",
                    Escaped(named.role), ":PASSWORD\n");
  }
  return text;
}

void PrintDatabase(const InitOptions& options, const std::string& passfile, std::ostream& words) {
  const Named named = Name(options.postgres);
  const std::string role = Quoted(named.role), database = Quoted(named.database);
  words << "\nBefore the server starts, as a superuser of that PostgreSQL (15 or later), what is not there "
           "yet:\n";
  // AsItIs: statements are there to be copied.
  AsItIs(words) << "  CREATE ROLE " << role << " LOGIN;\n"
                << "  CREATE DATABASE " << database << " OWNER " << role
                << " ENCODING 'UTF8' TEMPLATE template0;\n"
                << "  REVOKE CONNECT ON DATABASE " << database << " FROM PUBLIC;\n"
                << "  GRANT SET ON PARAMETER session_replication_role TO " << role << ";\n";
  words << "A database that somebody else owns:\n";
  AsItIs(words) << "  GRANT CONNECT, CREATE ON DATABASE " << database << " TO " << role << ";\n";
  words << "The role's password, where it needs one ('\\password' of psql sets it), goes into " << passfile
        << ", where its line is prepared, and nowhere else.\n";
  if (MayBeInTheClear(options, named)) {
    words
        << "The URL names no sslmode: passwords and rows may go over the network in the clear. Add "
           "sslmode=verify-full to it in mirror-server.toml, and sslrootcert where the system does not know "
           "that authority.\n";
  }
  if (named.hosts.size() > 1) return;
  words
      << "[postgres] durability is \"local\": what sources are told is kept is on that server's disk alone. "
         "With standbys in its synchronous_standby_names make it \"replicated\".\n";
}

}  // namespace mirror
