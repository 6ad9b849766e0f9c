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

/// In a new installation: folder of the HTTP door's keys, below the folder of mirror-server.toml.
inline constexpr char kApiKeysFolder[] = "apikeys";

/// 'interval' of the agent's configuration that init writes, in minutes. The server's configuration allows
/// tables to be kFreshnessIntervals times as old.
inline constexpr int kIntervalMinutes = 20;
inline constexpr int kFreshnessIntervals = 3;

/// The options of 'mirrorctl init'.
struct InitOptions {
  std::string dir;  ///< Made with mode 0711 if it does not exist; its parent folder must exist.
  /// The first tenant. Empty, with `http_port` and without `source`: init makes no key of a source and no
  /// configuration of an agent.
  std::string context_id;
  /// The database to mirror: a SQLite file, or one on a server, see NamesServer(). Empty: no [[source]] is
  /// written.
  std::string source;
  /// DNS names and IP addresses at which sources on other machines reach the endpoint; the agent calls the
  /// first one that is no wildcard. Empty: the endpoint listens on 127.0.0.1 alone.
  std::vector<std::string> hosts = {};
  /// Context ids that the source may push, with * for any characters. Empty: `context_id`, and ids that begin
  /// with it and a dash; if that is also empty, any id, since no source has a key yet.
  std::vector<std::string> contexts = {};
  int port = 7443;                        ///< Port of the endpoint.
  int admin_port = 7444;                  ///< Port of the administration, on 127.0.0.1.
  int metrics_port = 7445;                ///< Port of the metrics, on 127.0.0.1; 0: the system chooses.
  int http_port = 0;                      ///< Port of JSON over HTTP, on 127.0.0.1; 0: none is served.
  std::string data_dir = "data";          ///< The server's data folder, as its configuration has it.
  std::string state_dir = "agent-state";  ///< The same for the agent.
  std::string called = {};                ///< The address that the agent calls; empty: the first of `hosts`.
  /// The PostgreSQL database of the mirrors (libpq's form, no password); empty: SQLite files.
  std::string postgres = {};
  /// Reasons why the log of the source's database cannot be read, for people: see LookAtSourceServer(). If
  /// there is one, the configuration gets strategy "synthetic" instead of "cdc".
  std::vector<std::string> no_log_because = {};
};

/// Makes keys, certificates and three configurations in `options.dir`. They work unchanged on loopback, or
/// with `hosts` for sources elsewhere; the administration is on loopback in any case. Other users may pass
/// through the folder to the mirrors, which have modes of their own; the folders with keys are closed. Writes
/// mirror-server.toml last: if that file exists, init is complete. Errors: kInvalidArgument (context id,
/// host, equal ports, a source that is no database); kAlreadyExists (mirror-server.toml or a key exists and
/// is left unchanged); kUnavailable (writing).
absl::Status Init(const InitOptions& options);

// The steps of Init(), which 'init --system' also uses.

/// Checks ids, hosts, ports and the database. Errors: kInvalidArgument.
absl::Status CheckNames(const InitOptions& options);
/// Returns the source as an absolute path, which has to be a file below `root`; empty if none was given.
/// Errors: kInvalidArgument.
absl::StatusOr<std::string> SourcePath(const std::string& source, const std::string& root);
/// Makes all keys and certificates in `asked.dir`, and the source's private key at `source_key`, whose folder
/// must exist; empty: makes no key of a source. Errors: those of Init.
absl::Status MakeKeys(const InitOptions& asked, const std::string& source_key);
/// Returns the address on which the endpoint listens for sources.
std::string ListenAddress(const InitOptions& options);

/// Return the configurations, with every key, its default and a comment. Paths in them are relative to their
/// own folder.
std::string ServerConfiguration(const InitOptions& options);
/// `source_path`: absolute path of a source that is a file. If it is empty and `options` name no server's
/// database: no [[source]]. `root`: the source's file is below it on this machine.
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
