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

/// The page about two machines, by what a clone and the package call it.
inline constexpr char kDeployingPage[] =
    "tools/DEPLOYING.md (in a clone, or in /usr/share/doc/partner-mirror-doc of that package)";

/// Of a new installation: the folder of the HTTP door's keys, in that of mirror-server.toml.
inline constexpr char kApiKeysFolder[] = "apikeys";

/// Of the agent's configuration that init writes: 'interval', in minutes. The server's configuration allows
/// tables to be kFreshnessIntervals times as old.
inline constexpr int kIntervalMinutes = 20;
inline constexpr int kFreshnessIntervals = 3;

/// What 'mirrorctl init' is asked for.
struct InitOptions {
  std::string dir;  ///< Made with mode 0711 when it is not there; the folder above must be.
  /// The first tenant. Empty, with `http_port` and without `source`: no key of a source and no configuration
  /// of an agent is made.
  std::string context_id;
  /// What to mirror: a SQLite database, or one of a server, see NamesServer(); empty: no [[source]] is
  /// written.
  std::string source;
  /// DNS names and IP addresses at which sources on other machines reach the endpoint; the first one that is
  /// no wildcard is what the agent calls. Empty: the endpoint listens on 127.0.0.1 alone.
  std::vector<std::string> hosts = {};
  /// Context ids that the source may push, with * for any characters; empty: `context_id`, and what begins
  /// with it and a dash; any where that is empty, too: no source has a key yet.
  std::vector<std::string> contexts = {};
  int port = 7443;                        ///< Of the endpoint.
  int admin_port = 7444;                  ///< Of the administration, on 127.0.0.1.
  int metrics_port = 7445;                ///< Of the metrics, on 127.0.0.1; 0: the system chooses.
  int http_port = 0;                      ///< Of JSON over HTTP, on 127.0.0.1; 0: none is served.
  std::string data_dir = "data";          ///< Of the server, as its configuration has it.
  std::string state_dir = "agent-state";  ///< The same of the agent.
  std::string called = {};                ///< What the agent calls; empty: the first of `hosts`.
  /// The database of the mirrors, as libpq names one, without a password; empty: files of SQLite.
  std::string postgres = {};
  /// Why the log of the source's database cannot be read, each for people: see LookAtSourceServer(). Without
  /// any of it the configuration says so.
  std::vector<std::string> no_log_because = {};
};

/// Makes keys, certificates and three configurations in `options.dir` that work as they stand on
/// loopback, or with `hosts` for sources elsewhere; the administration is on loopback in any case. The folder
/// can be passed by others on their way to the mirrors, whose modes decide; the folders with keys are closed.
/// mirror-server.toml is written last: where it stands, init is complete. Errors: kInvalidArgument (context
/// id, host, equal ports, a source that is no database); kAlreadyExists (mirror-server.toml or a key is
/// there: it is left as it is); kUnavailable (writing).
absl::Status Init(const InitOptions& options);

// Its parts, of which 'init --system' is made, too.

/// Ids, hosts, ports and the database. Errors: kInvalidArgument.
absl::Status CheckNames(const InitOptions& options);
/// The source as an absolute path, which has to be a file below `root`; empty when none was given.
/// Errors: kInvalidArgument.
absl::StatusOr<std::string> SourcePath(const std::string& source, const std::string& root);
/// All keys and certificates in `asked.dir`, but for the private half of the source's key: `source_key`,
/// whose folder is there; empty: there is no key of a source. Errors: those of Init.
absl::Status MakeKeys(const InitOptions& asked, const std::string& source_key);
/// Where the endpoint listens for sources.
std::string ListenAddress(const InitOptions& options);

/// The configurations, with every key, its default and a comment. Paths in them are relative to
/// their own folder.
std::string ServerConfiguration(const InitOptions& options);
/// `source_path`: of a source that is a file, absolute; empty, where `options` name no server's database,
/// either: no [[source]].
std::string AgentConfiguration(const InitOptions& options, const std::string& source_path);
std::string ControlConfiguration(const InitOptions& options);

/// A text as a TOML basic string, with its quotes. The text is UTF-8.
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
