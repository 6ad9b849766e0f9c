#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_INIT_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_INIT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/text/command_line.h"
#include "tools/mirrorctl/admin/console.h"

namespace mirror {

/// The page about two machines, with its paths in a clone and in the package.
inline constexpr char kDeployingPage[] =
    "tools/DEPLOYING.md in a clone, or in /usr/share/doc/partner-mirror-doc (package partner-mirror-doc)";

/// Folder of the HTTP door's keys in a new installation, below the folder of mirror-server.toml.
inline constexpr char kApiKeysFolder[] = "apikeys";

/// 'interval' of the agent's configuration that init writes, in minutes. The server's configuration allows
/// tables to be kFreshnessIntervals times as old.
inline constexpr int kIntervalMinutes = 20;
inline constexpr int kFreshnessIntervals = 3;

/// The options of 'mirrorctl init'.
struct InitOptions {
  /// Folder of the installation. It is made with mode 0711 if it does not exist; its parent folder must
  /// exist.
  std::string dir;
  /// Context id of the first tenant. It may be empty with `http_port` and without `source`: then init makes
  /// no key of a source and no configuration of an agent.
  std::string context_id;
  /// The database to mirror: a SQLite file, or a database on a server, see NamesServer(). Empty: no
  /// [[source]] is written.
  std::string source;
  /// DNS names and IP addresses at which sources on other machines reach the endpoint. The agent calls the
  /// first of them that is no wildcard. Empty: the endpoint listens only on 127.0.0.1.
  std::vector<std::string> hosts = {};
  /// Patterns for context ids that the source may push; * matches any characters. Empty: `context_id`, and
  /// ids that begin with it and a dash. If `context_id` is empty, too: any id, because no source has a key
  /// yet.
  std::vector<std::string> contexts = {};
  int port = 7443;                        ///< Port of the endpoint.
  int admin_port = 7444;                  ///< Port of the administration, on 127.0.0.1.
  int metrics_port = 7445;                ///< Port of the metrics, on 127.0.0.1; 0: the system chooses.
  int http_port = 0;                      ///< Port of JSON over HTTP, on 127.0.0.1; 0: it is not served.
  std::string data_dir = "data";          ///< The server's data folder, as its configuration has it.
  std::string state_dir = "agent-state";  ///< The agent's state folder, as its configuration has it.
  std::string called = {};                ///< The address that the agent calls; empty: the first of `hosts`.
  /// The PostgreSQL database of the mirrors (libpq's form, no password); empty: SQLite files.
  std::string postgres = {};
  /// Texts for people that say why the log of the source's database cannot be read: see LookAtSourceServer().
  /// If there are some, the configuration gets the strategy "synthetic" instead of "cdc".
  std::vector<std::string> no_log_because = {};
};

/// Makes keys, certificates and three configurations in `options.dir`. They work unchanged on loopback or,
/// with `hosts`, for sources on other machines. The administration is always on loopback. Other users may go
/// through the folder to the mirrors, which have their own modes; they have no access to the folders with
/// keys. mirror-server.toml is written last: if it exists, init was completed. Errors: kInvalidArgument
/// (context id, host, equal ports, a source that is no database); kAlreadyExists (mirror-server.toml or a key
/// exists and is left unchanged); kUnavailable (writing).
absl::Status Init(const InitOptions& options);

// The steps of Init(), which 'init --system' also uses.

/// Checks ids, hosts, ports and the database. Errors: kInvalidArgument.
absl::Status CheckNames(const InitOptions& options);
/// Returns the absolute path of the source, which must be a file below `root`; empty: no source was given.
/// Errors: kInvalidArgument.
absl::StatusOr<std::string> SourcePath(const std::string& source, const std::string& root);
/// Makes all keys and certificates in `asked.dir`, and the source's private key with the path `source_key`.
/// The folder of that path must exist. Empty `source_key`: no key of a source is made. Errors: those of
/// Init().
absl::Status MakeKeys(const InitOptions& asked, const std::string& source_key);
/// Returns the address on which the endpoint listens for sources.
std::string ListenAddress(const InitOptions& options);

/// Return the configurations, with every key, its default and a comment. Paths in them are relative to their
/// own folder.
std::string ServerConfiguration(const InitOptions& options);
/// Returns the agent's configuration. `source_path`: absolute path of a source that is a file, below `root`
/// on this machine. If it is empty, and `options` name no database on a server, no [[source]] is written.
std::string AgentConfiguration(const InitOptions& options, const std::string& source_path,
                               const std::string& root = "");
std::string ControlConfiguration(const InitOptions& options);

/// Returns a text (UTF-8) as a TOML basic string, with its quotes.
std::string TomlString(std::string_view text);

/// mirrorctl init {--dir DIR | --system [--root DIR]} --context-id ID [--source FILE|URL] [--host NAME,...]
///                [--contexts PATTERN,...] [--port N] [--admin-port N] [--metrics-port N] [--http-port N]
///                [--store postgres --postgres URL]
/// mirrorctl init --dir DIR --http-port N
/// Prints what was made and the commands to type next.
/// Exit code: 0 made, 1 refused (reason on stderr), 2 wrong usage.
void AddInit(const cli::Command& app, Console& console);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_INIT_H_
