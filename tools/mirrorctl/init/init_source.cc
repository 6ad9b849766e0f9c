#include "tools/mirrorctl/init/init_source.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/mariadb/connection.h"
#include "base/db/mariadb/name.h"
#include "base/db/postgres/target.h"
#include "base/file.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/text/text_stream.h"
#include "base/utf8.h"
#include "client/config/dsn.h"
#include "client/config/source_config.h"
#include "client/source/mariadb/mariadb_log_facts.h"
#include "tools/mirrorctl/init/init_postgres.h"

namespace mirror {
namespace {

constexpr char kSource[] = "[[source]]";
constexpr char kDefaultRole[] = "mirror_agent";
/// Files beside the source's signing key, which only their owner may read.
constexpr char kPostgresPassfile[] = "source/pgpass", kMariadbPassword[] = "source/password";
constexpr std::chrono::milliseconds kLookWithin{3'000};

constexpr char kPostgresExample[] = "postgresql://mirror_agent@db.example.org/crm?sslmode=verify-full";
constexpr char kMariadbExample[] = "mariadb://mirror_agent@db.example.org/crm";
constexpr char kOdbcExample[] = "'odbc:DRIVER={MariaDB Unicode};SERVER=db1;DATABASE=crm;UID=mirror'";

struct ServerScheme {
  std::string_view begins;
  SourceKind kind;
  const char* example;
};
constexpr ServerScheme kSchemes[] = {{"postgresql://", SourceKind::kPostgres, kPostgresExample},
                                     {"postgres://", SourceKind::kPostgres, kPostgresExample},
                                     {"mariadb://", SourceKind::kMariadb, kMariadbExample},
                                     {"odbc:", SourceKind::kOdbc, kOdbcExample}};

const ServerScheme* SchemeOf(std::string_view source) {
  const auto* const found =
      std::find_if(std::begin(kSchemes), std::end(kSchemes),
                   [&](const ServerScheme& one) { return source.starts_with(one.begins); });
  return found == std::end(kSchemes) ? nullptr : found;
}

absl::Status WrongSource(const std::string& why, const char* example) {
  return absl::InvalidArgumentError(
      absl::StrCat("--source: ", why, ". Nothing was made. Example: --source ", example));
}

/// Returns the error for a URL of an unknown kind.
absl::Status ForeignSource(std::string_view source) {
  if (source.starts_with("mysql://")) {
    return WrongSource(
        absl::StrCat("give a MariaDB as mariadb://user@host/database, and a MySQL by ODBC: --source ",
                     kOdbcExample),
        kMariadbExample);
  }
  return WrongSource(absl::StrCat("it is not a known kind of URL: give postgresql://role@host/database, "
                                  "mariadb://user@host/database or odbc:CONNECTION-STRING"),
                     kPostgresExample);
}

/// Returns true if `source` is a URL; no file has such a name.
bool IsUrl(std::string_view source) {
  const std::size_t end = source.find("://");
  return end != std::string_view::npos && end > 0 && source.find('/') == end + 1;
}

/// Returns keyword=value in the form of a conninfo.
std::string ConninfoWord(const std::string& keyword, const std::string& value) {
  const bool is_plain = !value.empty() && value.find_first_of(" '\\") == std::string::npos;
  if (is_plain) return absl::StrCat(keyword, "=", value);
  std::string quoted = absl::StrCat(keyword, "='");
  for (const char c : value) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

/// Returns a conninfo that begins with the keywords for the address, as people expect.
std::string ConninfoOf(postgres::Parameters parameters) {
  static constexpr std::string_view kFirst[] = {"host", "hostaddr", "port", "dbname", "user"};
  const auto place = [](const std::string& keyword) {
    return std::find(std::begin(kFirst), std::end(kFirst), keyword) - std::begin(kFirst);
  };
  std::stable_sort(parameters.begin(), parameters.end(), [&place](const auto& one, const auto& other) {
    return place(one.first) < place(other.first);
  });
  std::string conninfo;
  for (const auto& [keyword, value] : parameters)
    absl::StrAppend(&conninfo, conninfo.empty() ? "" : " ", ConninfoWord(keyword, value));
  return conninfo;
}

absl::StatusOr<std::string> PostgresDsn(const std::string& source) {
  if (const std::string wrong = WrongPostgres(source, ""); !wrong.empty())
    return WrongSource(wrong, kPostgresExample);
  postgres::Parameters parameters = postgres::ReadConninfo(source).value_or(postgres::Parameters());
  if (postgres::FindParameter(parameters, "user") == nullptr) parameters.emplace_back("user", kDefaultRole);
  return ConninfoOf(std::move(parameters));
}

absl::Status WrongMariadb(const std::string& why) { return WrongSource(why, kMariadbExample); }

/// Converts mariadb://[user@][host][:port]/database[?word=value&…] to a `dsn`.
absl::StatusOr<std::string> MariadbDsn(std::string_view url) {
  if (url.find_first_of(" '\"%;") != std::string_view::npos)
    return WrongMariadb(
        "it has a character that is not allowed in such a URL: write 'dsn' in mirror-agent.toml");
  const std::size_t slash = url.find('/');
  if (slash == std::string_view::npos || slash + 1 == url.size()) return WrongMariadb("it names no database");
  std::string_view server = url.substr(0, slash), rest = url.substr(slash + 1);
  std::string user = kDefaultRole;
  if (const std::size_t at = server.rfind('@'); at != std::string_view::npos) {
    user = server.substr(0, at);
    server.remove_prefix(at + 1);
    if (user.find(':') != std::string::npos) {
      return WrongMariadb(
          "it holds a password, which others can see: write the password into the file that 'password_file' "
          "names");
    }
  }
  const std::size_t colon = server.rfind(':');
  const bool has_port = colon != std::string_view::npos && server.find(']', colon) == std::string_view::npos;
  std::string host(server.substr(0, has_port ? colon : std::string_view::npos));
  std::erase_if(host, [](char c) { return c == '[' || c == ']'; });
  const std::size_t question = std::min(rest.find('?'), rest.size());
  std::string dsn = host.empty() ? "" : absl::StrCat("host=", host, " ");
  if (has_port) absl::StrAppend(&dsn, "port=", std::string(server.substr(colon + 1)), " ");
  absl::StrAppend(&dsn, "dbname=", std::string(rest.substr(0, question)), " user=", user);
  std::string words(rest.substr(std::min(question + 1, rest.size())));
  std::replace(words.begin(), words.end(), '&', ' ');
  if (!words.empty()) absl::StrAppend(&dsn, " ", words);
  return dsn;
}

absl::StatusOr<std::string> OdbcDsn(std::string_view name) {
  if (name.empty()) return WrongSource("it names no data source", kOdbcExample);
  if (name.starts_with("//")) {
    return WrongSource("give a connection string or the name of a data source after 'odbc:', not //host",
                       kOdbcExample);
  }
  // The text is a complete connection string.
  if (name.find('=') != std::string_view::npos) return std::string(name);
  return absl::StrCat("DSN=", std::string(name));
}

std::string Line(const std::string& key, const std::string& value, const std::string& comment) {
  return ConfigurationLine(absl::StrCat(key, " = ", value), comment);
}

/// Returns true if the source is read by its log: this build can do that, and nothing prevents it.
bool IsLogRead(const KindTraits& traits, const InitOptions& options) {
  return traits.reads_log && traits.strategy == Strategy::kCdc && options.no_log_because.empty();
}

std::string StrategyLine(const KindTraits& traits, const InitOptions& options) {
  const bool logged = IsLogRead(traits, options);
  return Line("strategy", logged ? "\"cdc\"" : "\"synthetic\"",
              logged ? "the database's log ('mirror-agent install'); synthetic: each run reads all rows"
                     : "each run reads all rows and finds what changed");
}

bool IsMariadbHere(const InitOptions& options) {
  const absl::StatusOr<mariadb::Dsn> dsn = mariadb::ReadDsn(SourceDsn(options.source).value_or(""));
  return dsn.ok() && dsn->hosts.empty();
}

/// Returns the value of 'password_file'; empty: no file. For a socket MariaDB usually needs no password.
std::string SourcePassfile(const InitOptions& options) {
  const ServerScheme* const scheme = SchemeOf(options.source);
  if (scheme == nullptr || scheme->kind == SourceKind::kOdbc) return "";
  if (scheme->kind == SourceKind::kPostgres) return kPostgresPassfile;
  return IsMariadbHere(options) ? "" : kMariadbPassword;
}

std::string ServerLines(const DescribedKeys& keys, const InitOptions& options, SourceKind kind) {
  const bool is_postgres = kind == SourceKind::kPostgres, is_odbc = kind == SourceKind::kOdbc;
  const KindTraits& traits = TraitsOf(kind);
  std::string text = Line("dsn", TomlString(SourceDsn(options.source).value_or("")),
                          is_postgres ? "in libpq's form; no password" : "no password in it");
  const std::string passfile = SourcePassfile(options);
  if (is_postgres) {
    absl::StrAppend(&text, Line("password_file", TomlString(passfile),
                                "host:port:database:role:password; mode 0600; read at each connect"));
  } else {
    absl::StrAppend(&text, ConfigurationLine(
                               passfile.empty() ? absl::StrCat("# password_file = \"", kMariadbPassword, "\"")
                                                : absl::StrCat("password_file = ", TomlString(passfile)),
                               "one line; mode 0600; read at each connect"));
  }
  if (is_postgres) absl::StrAppend(&text, keys.Lines(kSource, {"schemas"}));
  if (is_odbc) absl::StrAppend(&text, keys.Lines(kSource, {"dialect"}));
  absl::StrAppend(&text, StrategyLine(traits, options));
  if (kind == SourceKind::kMariadb) {
    absl::StrAppend(&text,
                    ConfigurationLine(absl::StrCat("# server_id = ", DefaultServerId(options.context_id)),
                                      "cdc: id that reads the binlog; no server or other agent may have it"));
  }
  if (is_postgres) {
    const std::string name = TomlString(SlotName(options.context_id));
    absl::StrAppend(&text,
                    ConfigurationLine(absl::StrCat("# slot = ", name),
                                      "cdc: in the server; it keeps the log until the agent has it"),
                    ConfigurationLine(absl::StrCat("# publication = ", name),
                                      "cdc: in the database; it names the tables that are logged"),
                    keys.Lines(kSource, {"snapshot_wait", "max_wal"}));
  }
  if (!is_odbc) absl::StrAppend(&text, keys.Lines(kSource, {"max_stage"}));
  return text;
}

std::string FileLines(const std::string& path) {
  return absl::StrCat("path = ", TomlString(path), "\n",
                      Line("strategy", "\"cdc\"", "a change log ('mirror-agent install'); populate: none"));
}

/// Returns true if 'run' may follow the source without slowing down the application: the source has a change
/// log, and its writers do not wait while it is read. `file`: path of a SQLite database.
bool IsFollowed(const InitOptions& options, SourceKind kind, const std::string& file) {
  if (kind != SourceKind::kSqlite) return IsLogRead(TraitsOf(kind), options);
  // Byte 18 of a database is 2 in WAL mode (SQLite's file format, "write version").
  std::ifstream reading(file, std::ios::binary);
  std::array<char, 19> head{};
  return reading.read(head.data(), head.size()) && head[18] == 2;
}

/// Returns the keys that most kinds have.
std::string CommonLines(const DescribedKeys& keys, SourceKind kind, bool is_followed) {
  std::vector<std::string> names = {"quiet", "include", "skip", "blocked"};
  if (kind != SourceKind::kOdbc) names.emplace_back("retention");
  if (kind == SourceKind::kSqlite) {
    for (const char* const name :
         {"max_log", "copy_at_once", "accept", "accept_tables", "accept_columns", "layout", "capture"})
      names.emplace_back(name);
  }
  for (const char* const name : {"count_interval", "verify_interval", "repair"}) names.emplace_back(name);
  // Either 'interval' or 'follow' sets the schedule; the other one is a comment.
  std::string lines = absl::StrCat(keys.Lines(kSource, {"interval"}), keys.Lines(kSource, {"cron"}, "# "));
  if (is_followed) {
    absl::StrAppend(&lines, keys.Lines(kSource, {"follow"}, "", {{"follow", "true"}}),
                    keys.Lines(kSource, {"follow_delay"}, "# "));
  } else if (TraitsOf(kind).has_log) {
    absl::StrAppend(&lines, keys.Lines(kSource, {"follow"}, "# ", {{"follow", "true"}}));
  }
  return absl::StrCat(lines, keys.Lines(kSource, names));
}

// Returns the absolute path of the source. Links in it stay, because a link such as "current" may get another
// target later. But ".." after a link means the parent of the link's target. Below `root` there are no links.
std::string WholeSourcePath(const std::string& source, const std::string& root, std::error_code& error) {
  const std::filesystem::path path = std::filesystem::absolute(source, error);
  if (error || !root.empty() || std::find(path.begin(), path.end(), "..") == path.end())
    return path.lexically_normal().string();
  return (std::filesystem::canonical(path.parent_path(), error) / path.filename()).string();
}

}  // namespace

bool NamesServer(const std::string& source) { return SchemeOf(source) != nullptr; }

absl::StatusOr<std::string> SourceDsn(const std::string& source) {
  const ServerScheme* const scheme = SchemeOf(source);
  if (scheme == nullptr) return WrongSource("it is not a database of a server", kPostgresExample);
  const std::string_view rest = std::string_view(source).substr(scheme->begins.size());
  absl::StatusOr<std::string> dsn = scheme->kind == SourceKind::kPostgres  ? PostgresDsn(source)
                                    : scheme->kind == SourceKind::kMariadb ? MariadbDsn(rest)
                                                                           : OdbcDsn(rest);
  if (!dsn.ok()) return dsn;
  if (!IsText(*dsn)) return WrongSource("it is not UTF-8", scheme->example);
  if (const std::string problem = DsnProblem(scheme->kind, *dsn); !problem.empty())
    return WrongSource(absl::StrCat("it ", problem), scheme->example);
  return dsn;
}

absl::Status CheckSourceServer(const InitOptions& options) {
  const ServerScheme* const scheme = SchemeOf(options.source);
  if (scheme == nullptr) return IsUrl(options.source) ? ForeignSource(options.source) : absl::OkStatus();
  const KindTraits& traits = TraitsOf(scheme->kind);
  if (!traits.has_reader)
    return WrongSource(absl::StrCat("this version cannot read ", traits.called), kPostgresExample);
  return SourceDsn(options.source).status();
}

absl::StatusOr<std::string> SourcePath(const std::string& source, const std::string& root) {
  if (source.empty()) return source;
  std::error_code error;
  if (!std::filesystem::is_regular_file(root + source, error)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the source '", Printable(source),
        "' is not a file. Nothing was made. Give the path of a SQLite database, or for another database "
        "postgresql://role@host/database, mariadb://user@host/database or odbc:CONNECTION-STRING, or omit "
        "--source and add a [[source]] later."));
  }
  if (!LooksLikeSqlite(root + source)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the source '", Printable(source),
        "' is not a SQLite database: it does not begin like one. Nothing was made. Give the path of a "
        "database, or omit --source and add a [[source]] later."));
  }
  const std::string path = WholeSourcePath(source, root, error);
  // A TOML file can contain only valid UTF-8.
  if (error || !IsText(path)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the source's absolute path cannot be written into a configuration: ",
        error ? error.message() : "it is not UTF-8", ". Nothing was made. Move or link the file."));
  }
  return path;
}

std::string InstallSteps(const InitOptions& options, const std::string& install) {
  const ServerScheme* const scheme = SchemeOf(options.source);
  if (scheme != nullptr && !IsLogRead(TraitsOf(scheme->kind), options)) return "";
  if (scheme == nullptr || scheme->kind != SourceKind::kPostgres) return absl::StrCat("  ", install, "\n");
  // The DBA connects as a superuser, not as the agent's role.
  postgres::Parameters parameters =
      postgres::ReadConninfo(SourceDsn(options.source).value_or("")).value_or(postgres::Parameters());
  for (auto& [keyword, value] : parameters) {
    if (keyword == "user") value = "postgres";
  }
  return absl::StrCat(
      "  # psql as a superuser of the source or, if the role has REPLICATION, as the tables' owner: the\n"
      "  # agent's role does not own them. Repeat this when tables were added\n"
      "  ",
      install, " --print-sql | psql -v ON_ERROR_STOP=1 ", ShellWord(ConninfoOf(std::move(parameters))), "\n");
}

std::string FreshnessConfiguration(const InitOptions& options) {
  if (options.context_id.empty()) return "";
  return absl::StrCat(
      "[[tenant]]                          # For all tenants, unless a block below says otherwise.\n"
      "context_id = \"*\"\n",
      ConfigurationLine(absl::StrCat("freshness = \"", kFreshnessIntervals * kIntervalMinutes, "m\""),
                        "older tables are a problem: 3 times 'interval' of mirror-agent.toml"),
      "\n");
}

std::string SourceConfiguration(const DescribedKeys& keys, const InitOptions& options,
                                const std::string& path, const std::string& root) {
  const ServerScheme* const scheme = SchemeOf(options.source);
  const SourceKind kind = scheme == nullptr ? SourceKind::kSqlite : scheme->kind;
  return absl::StrCat("\n", keys.Title(kSource), "context_id = ", TomlString(options.context_id), "\n",
                      Line("kind", TomlString(ToString(kind)), "what the source is"),
                      scheme == nullptr ? FileLines(path) : ServerLines(keys, options, kind),
                      CommonLines(keys, kind, IsFollowed(options, kind, root + path)));
}

absl::Status MakeSourcePassfile(const InitOptions& options, const std::string& folder) {
  const std::string name = SourcePassfile(options);
  if (name.empty()) return absl::OkStatus();
  const std::string text =
      name == kMariadbPassword
          ? ""
          : absl::StrCat(
                "# The password of the agent's role in the source's PostgreSQL, in libpq's form; mode 0600. "
                "Remove the #\n"
                "# and put the password at the end. If no password is needed (a socket with 'peer', a client "
                "certificate),\n"
                "# change nothing.\n",
                PassfileLines(PostgresNamedBy(SourceDsn(options.source).value_or(""))));
  return WriteFileAtomically(absl::StrCat(folder, "/", name), text, FileUse::kSecret, ExistingFile::kRefuse);
}

std::vector<std::string> LookAtSourceServer(const InitOptions& options) {
  const ServerScheme* const scheme = SchemeOf(options.source);
  if (scheme == nullptr || scheme->kind != SourceKind::kMariadb) return {};
  mariadb::ConnectAs as;
  as.dsn = SourceDsn(options.source).value_or("");
  as.program_name = "mirrorctl init";
  as.connect_within = as.answer_within = kLookWithin;
  const absl::StatusOr<std::unique_ptr<mariadb::Connection>> connection = mariadb::Connection::Open(as);
  if (!connection.ok()) return {};
  return CheckBinlogSettings(**connection, DefaultServerId(options.context_id))
      .value_or(std::vector<std::string>());
}

namespace {

void PrintMariadb(const InitOptions& options, const std::string& folder, std::ostream& words) {
  const absl::StatusOr<mariadb::Dsn> dsn = mariadb::ReadDsn(SourceDsn(options.source).value_or(""));
  if (!dsn.ok()) return;
  const bool is_local = dsn->hosts.empty();
  const std::string user = mariadb::AccountInSql(dsn->user, is_local ? "localhost" : "%");
  words << "\nBefore the agent reads, type what is still missing, as an administrator of the source's server "
           "(MariaDB 10.5 or later)"
        << (is_local ? "" : "; the agent's host instead of '%' is better") << ":\n";
  AsItIs(words) << "  INSTALL SONAME 'auth_ed25519';    -- once for the server\n"
                << "  CREATE USER " << user << " IDENTIFIED VIA ed25519 USING PASSWORD('…');\n"
                << "  GRANT SELECT ON " << mariadb::QuotedName(dsn->database).value_or(dsn->database)
                << ".* TO " << user << ";\n"
                << "  GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO " << user << ";\n";
  const std::string passfile = SourcePassfile(options);
  const std::string into = passfile.empty() ? "a file of mode 0600 that 'password_file' names"
                                            : ShellWord(absl::StrCat(folder, "/", passfile));
  words << "The password goes into " << into << (passfile.empty() ? "" : ", which is empty")
        << ", and nowhere else. 'mirrorctl doctor --source' shows what is still missing.\n";
  if (options.no_log_because.empty()) {
    words << "The server's configuration needs log_bin, binlog_format = ROW, binlog_row_image = FULL and "
             "binlog_row_metadata = FULL.\n";
    return;
  }
  words << "The server's binlog cannot be read for the reasons below. So strategy = \"synthetic\" was "
           "written, which reads all rows in each cycle:\n";
  for (const std::string& why : options.no_log_because) words << "  " << why << '\n';
  words << "When that is done, set strategy = \"cdc\" and run 'mirror-agent install': no table is populated "
           "again.\n";
}

void PrintOdbc(std::ostream& words) {
  words << "\nBefore the agent reads, install the driver (Debian: odbc-postgresql, odbc-mariadb, "
           "libsqliteodbc; 'odbcinst -q -d' lists the installed ones), and let the user of the connection "
           "string read each table (GRANT SELECT ON it TO the user; PostgreSQL: USAGE on the schema, too); "
           "no other rights are needed. A password goes into a file of mode 0600 with that one line, which "
           "'password_file' names, and nowhere else. 'mirrorctl doctor --source' shows what is still "
           "missing.\n";
}

void PrintPostgres(const InitOptions& options, const std::string& folder, std::ostream& words) {
  const NamedPostgres place = PostgresNamedBy(SourceDsn(options.source).value_or(""));
  const std::string role = QuotedForSql(place.role), database = QuotedForSql(place.database);
  const bool logged = IsLogRead(TraitsOf(SourceKind::kPostgres), options);
  words << "\nBefore the agent reads, type what is still missing, as a superuser in the source's database "
           "(PostgreSQL 14 or later):\n";
  // AsItIs: statements must be easy to copy.
  AsItIs(words) << "  CREATE ROLE " << role << " LOGIN" << (logged ? " REPLICATION" : "") << ";\n"
                << "  GRANT CONNECT ON DATABASE " << database << " TO " << role << ";\n"
                << "  GRANT USAGE ON SCHEMA public TO " << role << ";\n"
                << "  GRANT SELECT ON ALL TABLES IN SCHEMA public TO " << role << ";\n"
                << "  -- For tables that are made later; by each role that makes some:\n"
                << "  ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO " << role << ";\n";
  if (logged) {
    AsItIs(words) << "  ALTER SYSTEM SET wal_level = 'logical';              -- then restart that server\n"
                  << "  ALTER SYSTEM SET max_slot_wal_keep_size = '20GB';    -- what its disk has to spare\n";
  }
  words << "If the role needs a password ('\\password' of psql sets it), write it only into "
        << ShellWord(absl::StrCat(folder, "/", kPostgresPassfile))
        << ", where its line is prepared. 'mirrorctl doctor --source' shows what is still missing.\n";
  if (place.may_be_in_the_clear) {
    words
        << "The URL names no sslmode: rows may go over the network in the clear. Add sslmode=verify-full to "
           "'dsn', and sslrootcert where the system does not know that authority.\n";
  }
}

}  // namespace

void PrintSourceServer(const InitOptions& options, const std::string& folder, std::ostream& words) {
  const ServerScheme* const scheme = SchemeOf(options.source);
  if (scheme == nullptr) return;
  switch (scheme->kind) {
    case SourceKind::kPostgres:
      return PrintPostgres(options, folder, words);
    case SourceKind::kMariadb:
      return PrintMariadb(options, folder, words);
    case SourceKind::kOdbc:
      return PrintOdbc(words);
    default:
      return;
  }
}

}  // namespace mirror
