#ifndef MIRROR_CLIENT_COMMAND_COMMANDS_H_
#define MIRROR_CLIENT_COMMAND_COMMANDS_H_

#include <chrono>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/text/command_tree.h"
#include "base/text/text_stream.h"
#include "client/config/config.h"
#include "client/run/source_run.h"

namespace mirror {

/// What mirror-agent ends with: it did what it was asked for and all is well, it did not or something is not
/// well (the output says what), it was asked wrongly and did nothing.
inline constexpr int kExitDone = 0, kExitFailed = 1, kExitWrongUse = 2;

/// How lines about what went wrong begin, but for those of the log.
inline constexpr Coloured kFailedHere{"mirror-agent: ", Colour::kRed};

struct OnceOptions {
  std::string config = {};      ///< Path of mirror-agent.toml.
  std::string context_id = {};  ///< A pattern, '*' stands for any characters; empty: all sources.
  bool repopulate = false;
  std::vector<std::string> tables = {};  ///< Of `repopulate`; empty: all.
  bool json = false;
  bool verify = false;     ///< Compare with the mirror by digests, all or `tables`.
  bool repair = false;     ///< With `verify`: mend what differs.
  bool show_keys = false;  ///< With `verify`: name the keys of rows that differ, kKeysShown of each kind.
  bool dry_run = false;    ///< Say what waits to be sent; nothing is sent or written.
  bool terminal = false;   ///< `err` is one: a bar shows the progress.
  bool details = false;    ///< All tables, also of several sources.
  bool failed = false;     ///< No lines of sources that did as they should.
  /// Of deliveries to the sources: all, or only what the commands 'transport' and 'import' do.
  RunRequest::Exchange exchange = RunRequest::Exchange::kAll;
};

/// mirror-agent once: one cycle for each [[source]], one after the other; one that fails does not stop the
/// others. Prints a line for each table and a summary, of several sources a line for each and how many ended
/// in which way, or with `json` one object:
///   {"sources": [{"context_id", "path", "outcome", "reason", "notes", "cycle", "seconds",
///                 "tables": [{"table", "action", "inserts", "updates", "deletes", "lsn", "result",
///                 "reason"}]}]}
/// With `verify` the tables are compared after that, and a line says what of each was found; in the object
/// they have "equality" (none, equal, differs, unknown), "compared", "lost", "changed", "ghosts", "repaired",
/// and with `show_keys` "keys": {"missing", "changed", "ghosts"}, lists of texts. Keys and certificates that
/// expire within 30 days are warned of on `err`. Gives the exit code: 0 done or told not to replicate, 1 busy
/// or something failed (or, with `verify`, is not equal in the end), 2 the configuration or the name of a
/// table is wrong (then nothing was sent).
int Once(const OnceOptions& options, std::ostream& out, std::ostream& err);

struct PointersOptions {
  std::string config = {};  ///< Path of mirror-agent.toml.
  std::string context_id =
      {};  ///< Empty: all sources; with `set` and `reset` it may be left out where there is one.
  std::vector<std::string> set = {};    ///< TABLE=VALUE
  std::vector<std::string> reset = {};  ///< TABLE
  bool deletes = false;                 ///< `set` and `reset` are about the feeds of deletes.
  bool json = false;
};

/// mirror-agent pointers: from where the next look at each table with a watermark begins, and what is
/// remembered of its rows. `set` moves a pointer, `reset` moves it before all values: rows behind it are
/// looked at again, and those that are not remembered as they are are sent. With `json` one object:
/// {"sources": [{"context_id", "run", "tables": [{"table", "strategy", "column", "pointer",
/// "deletes_pointer", "looked_at", "rows"}]}]}; a pointer before all values, and none yet, is null. Gives the
/// exit code: 0 done, 1 an agent is at work or a table is not known (then nothing was changed), 2 wrong use.
int Pointers(const PointersOptions& options, std::ostream& out, std::ostream& err);

struct StatusOptions {
  std::string config = {};      ///< Path of mirror-agent.toml.
  std::string context_id = {};  ///< A pattern, '*' stands for any characters; empty: all sources.
  bool json = false;
  bool failed = false;   ///< Only those that are not good.
  bool details = false;  ///< All that is known of each, also of several.
  bool wide = false;     ///< Lines are as long as they need.
};

/// mirror-agent status: how each [[source]] stands, by the agent's own files alone: no source is opened and
/// nobody is called, and a `run` at work is not disturbed.
///
/// Of one source all that is known; of several a line for each, those with problems first, and how many
/// there are of each state.
///
/// A state is one of
///   good           the last run was, and the next one is not overdue
///   failed         it ended otherwise; so does one with tables that are refused, held or failed
///   never ran      no run has ended yet
///   overdue        the last run was good, and two times have passed at which one should have begun
///   cut off        an agent died in the middle of a run, or had no room on its disk to write how it ended
///   not known      a file of the agent's cannot be read, see `problems`
///
/// With `json` one object; times are ISO 8601 in UTC, "" where there is none:
/// {"good": bool,
///  "sources": [{"context_id", "kind", "path", "strategy", "interval_s", "cron", "state",
///    "at_work": bool,
///    "last_run": null or {"begun_at", "ended_at", "outcome", "reason", "cycle", "rows", "tables_ok",
///                         "tables_left_out", "troubles": [{"table", "result", "reason"}]},
///    "unended_at", "last_good_at", "compared_at", "differing": [table], "due_at", "overdue": bool,
///    "suspects": [table], "last_error_at", "last_error", "problems": [text]}]}
/// `result` is "failed", "held" or "refused". `due_at` is that of a regular run; a failed one is tried again
/// before it. "unended_at": a later run than `last_run` began then, and nothing is known of its end.
/// `differing` are the tables that the comparison of all of them left unequal. "interval_s" is 0 where there
/// is a cron, and "cron" "" where there is none.
///
/// Gives the exit code: 0 all are good, 1 some are not, 2 wrong usage or configuration.
int ShowStatus(const StatusOptions& options, std::ostream& out, std::ostream& err,
               std::chrono::system_clock::time_point now = std::chrono::system_clock::now());

struct ReceiptsOptions {
  std::string config = {};                     ///< Path of mirror-agent.toml.
  std::vector<std::string> certificates = {};  ///< Former ones of the application, PEM.
  bool json = false;
};

/// mirror-agent receipts verify: what the receipts of each [[source]] prove. Reads files alone.
/// With `json` one object: {"sources": [{"context_id", "path", "receipts", "first", "last", "compared",
/// "signed_to", "signed_at", "unsigned", "never_signed", "tables": {NAME: RECEIPTS}, "notes",
/// "notes_more", "findings", "findings_more"}]}.
/// Gives the exit code: 0 all is proven, 1 there are findings or nothing is signed, 2 the configuration is
/// wrong.
int VerifyReceipts(const ReceiptsOptions& options, std::ostream& out, std::ostream& err);

struct InstallOptions {
  std::string config;
  std::string context_id;  ///< A pattern of those that are meant; empty: all.
  bool take_over = false;  ///< Also of a source whose log is another agent's, see LogOwner.
  bool print_sql = false;  ///< Changes no source: prints what somebody else is to run there.
};

/// `mirror-agent install`: makes the change log of each [[source]] with strategy cdc. Twice is harmless.
/// What deliveries lack in one that accepts some is told on `err`. Gives the exit code: 0 done, 1 a source
/// failed (the others are done), 2 wrong configuration.
int Install(const InstallOptions& options, std::ostream& out, std::ostream& err);

/// `mirror-agent uninstall`: removes every trace of that from the sources, and nothing else. The mirrors keep
/// what they have; after another install each table is populated. Exit codes as Install.
int Uninstall(const std::string& config, std::ostream& out, std::ostream& err);

/// `mirror-agent check-config`: reads the configuration, the keys and certificates that it names, and looks
/// whether sources can be read and the agent's folder can be written. Opens no source and calls nobody.
/// Gives the exit code: 0 nothing is wrong, 2 something is.
int CheckConfig(const std::string& file, std::ostream& out, std::ostream& err);

/// For Option::Completes(): the context ids of the sources in the configuration of the line; none where it
/// cannot be read.
std::vector<std::string> SourceNames(const cli::TypedLine& line);

/// Leaves the sources that are asked for, by a pattern; empty: all. Errors: there is none.
absl::Status PickSources(const std::string& context_id, AgentConfig* config);

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_COMMANDS_H_
