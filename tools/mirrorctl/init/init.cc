#include "tools/mirrorctl/init/init.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "base/text/find_config.h"
#include "base/text/text_stream.h"
#include "base/utf8.h"
#include "certs/api_key.h"
#include "certs/issue.h"
#include "certs/key.h"
#include "certs/keyed_hash.h"
#include "tools/mirrorctl/init/described_keys.h"
#include "tools/mirrorctl/init/init_postgres.h"
#include "tools/mirrorctl/init/init_source.h"
#include "tools/mirrorctl/init/init_system.h"

namespace mirror {
namespace {

constexpr char kServerFile[] = "mirror-server.toml";
constexpr char kControlFile[] = "mirrorctl.toml";
constexpr char kMalformedContextId[] =
    "the context id is malformed: 1 to 64 letters, digits, '_' and '-' are allowed. Nothing was made. "
    "Example: --context-id Cust26759";
constexpr char kNowhere[] =
    "--dir is required, or --system where the packages are installed. Nothing was made. Example: --dir dev";
constexpr char kNoTenant[] =
    "--context-id is required, unless --http-port is given. Nothing was made. Example: --context-id Cust1";
constexpr char kNothingSaid[] =
    "--dir (or --system, where the packages are installed) and --context-id are required; with --http-port "
    "--dir is enough. Nothing was made. Examples: --dir dev --context-id Cust26759, --dir dev --http-port "
    "7447";

// Returns true if `pattern` is a context id, with * in place of any characters.
bool IsContextPattern(std::string pattern) {
  std::replace(pattern.begin(), pattern.end(), '*', 'x');
  return IsContextId(pattern);
}

constexpr char kLoopback[] = "127.0.0.1";

// Returns true if a source is to be set up. Without one the endpoint accepts only records.
bool HasTenant(const InitOptions& options) { return !options.context_id.empty(); }

std::string Address(const std::string& host, int port) {
  const bool ipv6 = host.find(':') != std::string::npos;
  return TomlString(ipv6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port));
}

// Returns the address that the agent calls. Empty: `hosts` has only wildcards, which can be used only in
// certificates.
std::string CalledHost(const InitOptions& options) {
  if (options.hosts.empty()) return kLoopback;
  const auto named = std::find_if(options.hosts.begin(), options.hosts.end(),
                                  [](const std::string& host) { return !host.starts_with("*."); });
  return named == options.hosts.end() ? "" : *named;
}

// Returns the patterns as a TOML list of texts.
std::string Contexts(const InitOptions& options) {
  std::vector<std::string> contexts = options.contexts;
  if (contexts.empty() && options.context_id.empty()) contexts = {"*"};
  if (contexts.empty()) contexts = {options.context_id, options.context_id + "-*"};
  return absl::StrCat(
      "[",
      absl::StrJoin(contexts, ", ",
                    [](std::string* out, const std::string& pattern) { out->append(TomlString(pattern)); }),
      "]");
}

absl::Status CheckPlace(const InitOptions& options) {
  const std::string server = absl::StrCat(options.dir, "/", kServerFile);
  struct stat info = {};
  if (lstat(server.c_str(), &info) != 0) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat("'", server,
                   "' exists: init was run here before, and nothing was changed. Choose another "
                   "--dir; for single keys see 'mirrorctl certs --help'."));
}

// Prints the content of the new folder.
void PrintMade(const InitOptions& options, Console& console) {
  console.out << "Made in " << options.dir << ":\n"
              << "  mirror-server.toml  the endpoint, " << ListenAddress(options) << ":" << options.port
              << ", administration :" << options.admin_port << ", metrics :" << options.metrics_port
              << (options.http_port == 0 ? "" : absl::StrCat(", JSON :", options.http_port)) << '\n';
  if (HasTenant(options)) {
    console.out << "  mirror-agent.toml   "
                << (options.source.empty() ? "no source yet: add a [[source]]"
                                           : "the source " + Printable(options.source))
                << '\n';
  }
  console.out
      << "  mirrorctl.toml      the administration, as operator\n"
      << "  tls/ admin/         certificate authorities, and pairs for the two ports and their clients\n"
      << (HasTenant(options)
              ? "  issuers/ source/    the source's signing key source-1, public and private half\n"
              : "  issuers/            the sources' signing keys, their public halves: none yet\n")
      << "  application/        the endpoint's signing key application-1, and the key that hashes "
         "columns\n"
      << (options.http_port == 0 ? "" : "  apikeys/            the owner's key of JSON over HTTP, its hash\n")
      << "These keys are for development: no outside authority has signed them.\n";
  if (!options.hosts.empty() && HasTenant(options)) {
    console.out << "The source's machine gets mirror-agent.toml, tls/ca.crt, application/application-1.crt "
                   "and a key; everything else stays here: see "
                << kDeployingPage << ".\n";
  }
}

// Prints the commands to type next.
void PrintNext(const InitOptions& options, Console& console) {
  const std::string& dir = options.dir;
  const auto file = [&dir](const char* name) { return ShellWord(absl::StrCat(dir, "/", name)); };
  // If the source is on another machine, the commands for it are typed there.
  const bool elsewhere = !options.hosts.empty() && HasTenant(options);
  const std::string agent_file = elsewhere ? kAgentConfig : file(kAgentConfig);
  std::ostream& out = AsItIs(console.out);  // Commands must be easy to copy.
  out << (elsewhere ? "\nNext, here:\n" : "\nNext:\n") << "  mirror-server --config " << file(kServerFile)
      << '\n';
  if (!HasTenant(options)) {
    out << "  mirrorctl --config " << file(kControlFile) << " storages\n";
    return;
  }
  if (elsewhere) out << "On the source's machine, with those files beside each other as here:\n";
  if (options.source.empty()) {
    out << "  # add a [[source]] with context_id = " << TomlString(options.context_id)
        << " and path or dsn to " << (elsewhere ? kAgentConfig : absl::StrCat(dir, "/", kAgentConfig))
        << ", then\n";
  }
  out << InstallSteps(options, absl::StrCat("mirror-agent install --config ", agent_file));
  out << "  mirror-agent once --config " << agent_file << '\n';
  if (elsewhere) out << "Then, here:\n";
  out << "  mirrorctl --config " << file(kControlFile) << " tenants\n";
}

constexpr char kFooter[] =
    "Needs no server. Without --host all is on loopback. Examples:\n"
    "  mirrorctl init --dir dev --context-id Cust26759 --source crm.db\n"
    "  mirrorctl init --system --context-id Cust26759 --source /srv/crm/crm.db\n"
    "  mirrorctl init --dir dev --context-id Cust26759 --source postgresql://mirror_agent@db1/crm\n"
    "  mirrorctl init --dir dev --context-id Cust26759 --source mariadb://mirror_agent@db1/crm\n"
    "  mirrorctl init --dir dev --context-id Cust26759 --source 'odbc:DSN=CRM;UID=mirror'\n"
    "  mirrorctl init --system --context-id Cust26759 --host mirror.example.org\n"
    "  mirrorctl init --dir dev --http-port 7447\n"
    "  mirrorctl init --dir dev --context-id Cust26759 --store postgres --postgres "
    "postgresql://mirror@localhost/mirrors\n"
    "For the files that go to the source's machine see ";

void AddPorts(const cli::Command& init, const cli::Option& system, InitOptions& options) {
  init.Add("--port", options.port, "Port for sources").Within(1, 65535).ShowDefault();
  init.Add("--admin-port", options.admin_port, "Port for mirrorctl").Within(1, 65535).ShowDefault();
  init.Add("--metrics-port", options.metrics_port, "Port for metrics; 0: the system chooses")
      .Within(0, 65535)
      .ShowDefault();
  init.Add("--http-port", options.http_port,
           "Port for JSON over HTTP, in plain text on loopback; an owner's key is made and printed")
      .Within(1, 65535)
      .Excludes(system);
}

/// Returns the text of [http] of mirror-server.toml. If `http_port` is set, the door is enabled, in plain
/// text on loopback.
std::string HttpConfiguration(const DescribedKeys& keys, const InitOptions& options) {
  if (options.http_port == 0) return keys.Table("[http]");
  return keys.Table(
      "[http]", {{"enabled", "true"}, {"port", std::to_string(options.http_port)}, {"plaintext", "true"}});
}

/// Checks that no other listener has the port. Errors: kInvalidArgument.
absl::Status CheckHttpPort(const InitOptions& options) {
  if (options.http_port != 0 &&
      (options.http_port == options.port || options.http_port == options.admin_port ||
       options.http_port == options.metrics_port)) {
    return absl::InvalidArgumentError(
        absl::StrCat("JSON cannot be served on port ", options.http_port,
                     ", which another listener has. Nothing was made. Give another --http-port."));
  }
  return absl::OkStatus();
}

/// Makes the key "owner", for all storages. Returns it; empty if `http_port` is 0. Errors: those of
/// IssueApiKey().
absl::StatusOr<std::string> MakeOwnerKey(const InitOptions& options) {
  if (options.http_port == 0) return std::string();
  ApiKey key;
  key.name = "owner";
  key.role = ApiRole::kOwner;
  key.storages = {"*"};
  return IssueApiKey(absl::StrCat(options.dir, "/", kApiKeysFolder), key);
}

/// Prints how to use the HTTP door, with the key itself on the last line.
void PrintHttp(const InitOptions& options, const std::string& key, Console& console) {
  if (options.http_port == 0) return;
  AsItIs(console.out) << "\nJSON over HTTP (docs/records.md), in plain text on loopback:\n"
                      << "  curl -H \"X-API-KEY: $KEY\" http://127.0.0.1:" << options.http_port
                      << "/v2/storages\n"
                      << "The owner's key of all storages, which is shown once:\n"
                      << key << '\n';
}

}  // namespace

std::string ListenAddress(const InitOptions& options) {
  if (options.hosts.empty()) return kLoopback;
  const bool ipv6 = std::any_of(options.hosts.begin(), options.hosts.end(),
                                [](const std::string& host) { return host.find(':') != std::string::npos; });
  return ipv6 ? "::" : "0.0.0.0";
}

absl::Status CheckNames(const InitOptions& options) {
  const bool records_alone = options.context_id.empty() && options.source.empty() && options.http_port != 0;
  if (!records_alone && !IsContextId(options.context_id))
    return absl::InvalidArgumentError(kMalformedContextId);
  RETURN_IF_ERROR(CheckPostgres(options));
  RETURN_IF_ERROR(CheckSourceServer(options));
  if (CalledHost(options).empty()) {
    return absl::InvalidArgumentError(
        "--host has only wildcards. Nothing was made. Put the name that sources call first, for example "
        "mirror.example.org");
  }
  for (const std::string& host : options.hosts) {
    RETURN_IF_ERROR(CheckHost(host));
  }
  for (const std::string& pattern : options.contexts) {
    if (IsContextPattern(pattern)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "--contexts '", pattern,
        "' is not a pattern: give letters, digits, '_', '-' and * for any of them. Nothing was made. "
        "Example: --contexts 'Cust*'"));
  }
  if (options.port == options.admin_port) {
    return absl::InvalidArgumentError(
        absl::StrCat("the endpoint and its administration cannot both listen on port ", options.port,
                     ". Nothing was made. Give another --admin-port."));
  }
  if (options.metrics_port == options.port || options.metrics_port == options.admin_port) {
    return absl::InvalidArgumentError(
        absl::StrCat("the metrics cannot listen on port ", options.metrics_port,
                     ", which another listener has. Nothing was made. Give another --metrics-port."));
  }
  return CheckHttpPort(options);
}

absl::Status MakeKeys(const InitOptions& asked, const std::string& source_key) {
  const std::string& dir = asked.dir;
  RETURN_IF_ERROR(MakeFolder(dir, FolderUse::kPassage));
  for (const char* folder : {"/tls", "/admin", "/issuers", "/issuers/development", "/application"}) {
    RETURN_IF_ERROR(MakeFolder(dir + folder));
  }
  const auto pair = [&dir](const std::string& stem) {
    return PairFiles{absl::StrCat(dir, "/", stem, ".crt"), absl::StrCat(dir, "/", stem, ".key")};
  };
  const IssueOptions options;
  IssueOptions ca_options;
  ca_options.days = kCaDays;
  // Stops at the first failure.
  absl::Status status = IssueCa(pair("tls/ca"), "Mirror development CA", ca_options);
  if (status.ok())
    status = IssueServer(pair("tls/server"), pair("tls/ca"), "mirror-server", asked.hosts, options);
  if (status.ok()) status = IssueCa(pair("admin/ca"), "Mirror development admin CA", ca_options);
  // The certificate also has the hosts, so that [admin] can be opened to the network later with it.
  if (status.ok()) {
    status = IssueServer(pair("admin/server"), pair("admin/ca"), "mirror-admin", asked.hosts, options);
  }
  if (status.ok()) {
    status = IssueAdmin(pair("admin/operator"), pair("admin/ca"), "operator", Role::kOperator, options);
  }
  if (status.ok()) {
    status = IssueAdmin(pair("admin/viewer"), pair("admin/ca"), "viewer", Role::kViewer, options);
  }
  if (status.ok() && !source_key.empty()) {
    status = IssueSigningKey({dir + "/issuers/development/source-1.crt", source_key}, "source-1",
                             Algorithm::kEs256, options);
  }
  if (status.ok()) {
    status = IssueSigningKey(pair("application/application-1"), "application-1", Algorithm::kEs256, options);
  }
  if (!status.ok()) return status;
  ASSIGN_OR_RETURN(const std::string secret, NewHashSecret());
  status =
      WriteFileAtomically(dir + "/application/columns.key", secret, FileUse::kSecret, ExistingFile::kRefuse);
  if (!status.ok() || asked.postgres.empty()) return status;
  return WriteFileAtomically(absl::StrCat(dir, "/", kPassfile), PassfileText(asked), FileUse::kSecret,
                             ExistingFile::kRefuse);
}

std::string TomlString(std::string_view text) {
  std::string quoted = "\"";
  for (const char character : text) {
    const auto code = static_cast<unsigned char>(character);
    if (character == '"' || character == '\\') {
      quoted += '\\';
      quoted += character;
    } else if (code < 0x20 || code == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04X", static_cast<unsigned>(code));
      quoted += escape;
    } else {
      quoted += character;
    }
  }
  return quoted + "\"";
}

std::string ServerConfiguration(const InitOptions& options) {
  const DescribedKeys keys = DescribedKeys::OfServer();
  return absl::StrCat(
      R"(# mirror-server: the endpoint that sources push to. Made by 'mirrorctl init'.
# Every key stands here with its default, or with what init made. Relative paths begin at this file's folder.
# Check a change with: mirror-server --config FILE --check-config

)",
      keys.Table("[listen]",
                 {{"address", TomlString(ListenAddress(options))}, {"port", std::to_string(options.port)}}),
      "\n", keys.Table("[admin]", {{"port", std::to_string(options.admin_port)}}), "\n",
      keys.Table("[application]"), "\n",
      keys.Table("[data]", {{"store", TomlString(options.postgres.empty() ? "sqlite" : "postgres")},
                            {"dir", TomlString(options.data_dir)}}),
      "\n", PostgresConfiguration(keys, options), "\n", keys.Table("[tokens]"), "\n",
      keys.Table("[[issuer]]", {{"contexts", Contexts(options)}}), "\n", FreshnessConfiguration(options),
      keys.Table("[limits]"), "\n", keys.Table("[breaker]"), "\n", keys.Table("[journal]"), "\n",
      keys.Table("[[tenant]]", {}, "# "), keys.Table("[[tenant.table]]", {}, "# "),
      keys.Table("[[tenant.index]]", {}, "# "), "\n", HttpConfiguration(keys, options), "\n",
      keys.Table("[hooks]"), "\n", keys.Table("[[hook]]", {}, "# "), "\n",
      keys.Table("[metrics]", {{"port", std::to_string(options.metrics_port)}}), "\n", keys.Table("[log]"));
}

std::string AgentConfiguration(const InitOptions& options, const std::string& source_path,
                               const std::string& root) {
  const DescribedKeys keys = DescribedKeys::OfAgent();
  const std::string called = options.called.empty() ? CalledHost(options) : options.called;
  return absl::StrCat(
      R"(# mirror-agent: pushes a source to the endpoint. Made by 'mirrorctl init'.
# Every key stands here with its default, or with what init made; mirror-agent.toml(5), the page
# docs/reference/agent-toml.md, has those of [[source.table]] and of sources that are files (csv, xlsx).
# Relative paths begin at this file's folder.

)",
      keys.Table("[endpoint]", {{"address", Address(called, options.port)}}), "\n", keys.Table("[identity]"),
      "\n", keys.Table("[agent]", {{"state_dir", TomlString(options.state_dir)}}), "\n", keys.Table("[log]"),
      "\n", keys.Table("[metrics]"),
      source_path.empty() && !NamesServer(options.source)
          ? ""
          : SourceConfiguration(keys, options, source_path, root));
}

std::string ControlConfiguration(const InitOptions& options) {
  const DescribedKeys keys = DescribedKeys::OfControl();
  return absl::StrCat(R"(# mirrorctl: the administration of an endpoint. Made by 'mirrorctl init'.
# Relative paths begin at this file's folder.

)",
                      keys.Table("[endpoint]", {{"address", Address(kLoopback, options.admin_port)}}), "\n",
                      keys.Table("[audit]"));
}

absl::Status Init(const InitOptions& options) {
  RETURN_IF_ERROR(CheckNames(options));
  RETURN_IF_ERROR(CheckPlace(options));
  const absl::StatusOr<std::string> source_path =
      NamesServer(options.source) ? std::string() : SourcePath(options.source, "");
  if (!source_path.ok()) return source_path.status();

  absl::Status status = MakeFolder(options.dir, FolderUse::kPassage);
  const bool has_tenant = HasTenant(options);
  if (status.ok() && has_tenant) status = MakeFolder(options.dir + "/source");
  if (status.ok()) status = MakeKeys(options, has_tenant ? options.dir + "/source/source-1.key" : "");
  const auto write = [&](const char* name, const std::string& content) {
    if (!status.ok()) return;
    status = WriteFileAtomically(absl::StrCat(options.dir, "/", name), content, FileUse::kSecret,
                                 ExistingFile::kRefuse);
  };
  if (status.ok()) status = MakeSourcePassfile(options, options.dir);
  write(kControlFile, ControlConfiguration(options));
  if (has_tenant) write(kAgentConfig, AgentConfiguration(options, *source_path));
  // This file is written last: it shows that all other files exist.
  write(kServerFile, ServerConfiguration(options));
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(status.message(), " init is not complete: '", options.dir,
                                   "' has only a part of the files. Give another --dir, or remove what init "
                                   "made there and run init again."));
}

namespace {

void RunInit(InitOptions options, const SystemChoice& system, Console& console) {
  options.no_log_because = LookAtSourceServer(options);
  if (system.chosen) return InitSystem(options, system.root, console);
  if (const absl::Status status = Init(options); !status.ok()) return console.Fail(status);
  const absl::StatusOr<std::string> http_key = MakeOwnerKey(options);
  if (!http_key.ok()) return console.Fail(http_key.status());
  PrintMade(options, console);
  if (!options.postgres.empty())
    PrintDatabase(options, ShellWord(absl::StrCat(options.dir, "/", kPassfile)), console.out);
  PrintSourceServer(options, options.dir, console.out);
  PrintNext(options, console);
  PrintHttp(options, *http_key, console);
}

}  // namespace

void AddInit(const cli::Command& app, Console& console) {
  const cli::Command init =
      app.AddCommand("init", "Make keys and three configurations that work together without changes");
  init.Footer(std::string(kFooter) + kDeployingPage + ".");
  const auto options = std::make_shared<InitOptions>();
  const auto system = std::make_shared<SystemChoice>();
  const cli::Option dir =
      init.Add("--dir", options->dir, "Folder to make; it must not hold a mirror-server.toml")
          .Completes(cli::Besides::kFolders);
  const cli::Option whole =
      init.AddFlag("--system", system->chosen,
                   "In place of --dir: the folders of the installed packages in /etc, for the services and "
                   "their users; as root");
  whole.Excludes(dir);
  init.Add("--root", system->root,
           "Another root folder for --system, for example of an image; all paths are inside it")
      .Needs(whole)
      .ExistingFolder()
      .Completes(cli::Besides::kFolders);
  const cli::Option context_id =
      init.Add("--context-id", options->context_id,
               "Id of the first tenant, e.g. Cust26759; not needed if only --http-port is served")
          .ValueName("ID");
  const auto wrong_store = AddStoreOptions(init, options);
  init.Check([options, system, context_id, wrong_store] {
    const bool somewhere = !options->dir.empty() || system->chosen;
    const bool named = context_id.given() || (options->http_port != 0 && options->source.empty());
    if (!somewhere && !named) return std::string(kNothingSaid);
    if (!somewhere) return std::string(kNowhere);
    if (!named) return std::string(kNoTenant);
    if (context_id.given() && !IsContextId(options->context_id)) return std::string(kMalformedContextId);
    return wrong_store();
  });
  init.Add(
          "--source", options->source,
          "Database to push as that tenant: a SQLite file, or a server's as postgresql://role@host/database, "
          "mariadb://user@host/database or odbc:CONNECTION-STRING, without a password")
      .Completes(cli::Besides::kFiles);
  init.Add("--host", options->hosts,
           "Names and addresses at which other machines reach the endpoint: it listens on all "
           "interfaces, its certificates are good for them, and the agent calls the first")
      .Delimiter(',')
      .ValueName("NAME[,NAME]")
      .AsItStands();
  init.Add("--contexts", options->contexts,
           "Context ids that the source may push, * for any characters; default: the id of --context-id, and "
           "ids that begin with it and a dash")
      .Delimiter(',')
      .ValueName("PATTERN[,PATTERN]")
      .AsItStands();
  AddPorts(init, whole, *options);
  init.Run([options, system, &console] { RunInit(*options, *system, console); });
}

}  // namespace mirror
