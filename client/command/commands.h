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

/// Exit codes of mirror-agent: done, and all is well; failed, or a problem
/// was found (the output says which); wrong use, and nothing was done.
inline constexpr int kExitDone = 0, kExitFailed = 1, kExitWrongUse = 2;

/// Prefix of error messages, except those of the log.
inline constexpr Coloured kFailedHere{"mirror-agent: ", Colour::kRed};

struct OnceOptions {
  std::string config = {};      ///< Path of mirror-agent.toml.
  std::string context_id = {};  ///< A pattern, '*' stands for any characters; empty: all sources.
  bool repopulate = false;
  std::vector<std::string> tables = {};  ///< For `repopulate`; empty: all.
  bool json = false;
  bool verify = false;     ///< Compare with the mirror by digests, all or `tables`.
  bool repair = false;     ///< With `verify`: repair the differences.
  bool show_keys = false;  ///< With `verify`: print keys of differing rows, kKeysShown of each kind.
  bool dry_run = false;    ///< Print the waiting changes; nothing is sent or written.
  bool terminal = false;   ///< `err` is a terminal: a bar shows the progress.
  bool details = false;    ///< Print all tables, even for several sources.
  bool failed = false;     ///< Print no lines for sources without problems.
  /// Deliveries to the sources: all steps, or only those of the commands 'transport' and 'import'.
  RunRequest::Exchange exchange = RunRequest::Exchange::kAll;
};

/// mirror-agent once: runs one cycle for each [[source]] in turn; a failing source does
/// not stop the others. Prints a line for each table and a summary; for several sources,
/// a line for each and the number of results of each kind; or with `json` one object:
///   {"sources": [{"context_id", "path", "outcome", "reason", "notes", "deliveries", "cycle", "seconds",
///                 "tables": [{"table", "action", "inserts", "updates", "deletes", "lsn", "result",
///                 "reason"}]}]}
/// With `verify` it compares the tables after the cycle, and prints the result for each in a line. In the
/// object, tables also have "equality", "unknown_because", "compared", "lost", "changed", "ghosts" and
/// "repaired". With `show_keys` they have "keys": {"missing", "changed", "ghosts"}, lists of texts.
/// Warns on `err` of keys and certificates that expire within 30 days. Returns the exit code: 0 done,
/// or told not to replicate; 1 busy, or something failed, or with `verify` a table is not equal in the
/// end; 2 the configuration or a table's name is wrong, and nothing was sent.
int Once(const OnceOptions& options, std::ostream& out, std::ostream& err);

struct PointersOptions {
  std::string config = {};      ///< Path of mirror-agent.toml.
  std::string context_id = {};  ///< Empty: all sources; optional with `set` and `reset` if there is only one.
  std::vector<std::string> set = {};    ///< TABLE=VALUE
  std::vector<std::string> reset = {};  ///< TABLE
  bool deletes = false;                 ///< `set` and `reset` change the feeds of deletes.
  bool json = false;
};

/// mirror-agent pointers: shows for each table with a watermark where its next reading begins, and how
/// many rows it remembers. `set` moves a pointer, `reset` moves it before all values: rows after it are
/// read again, and sent if they differ from the remembered ones. With `json` one object: {"sources":
/// [{"context_id", "run", "tables": [{"table", "strategy", "column", "pointer", "deletes_pointer",
/// "looked_at", "rows"}]}]}; a pointer before all values, and a missing one, is null. Returns the exit
/// code: 0 done, 1 an agent is at work or a table is not known (then nothing was changed), 2 wrong use.
int Pointers(const PointersOptions& options, std::ostream& out, std::ostream& err);

struct StatusOptions {
  std::string config = {};      ///< Path of mirror-agent.toml.
  std::string context_id = {};  ///< A pattern, '*' stands for any characters; empty: all sources.
  bool json = false;
  bool failed = false;   ///< Only sources that are not good.
  bool details = false;  ///< All details of each, even of several.
  bool wide = false;     ///< Lines may have any length.
};

/// mirror-agent status: shows the state of each [[source]] from the agent's own files alone.
/// It opens no source, makes no network call, and does not disturb a working `run`.
///
/// Prints all details of a single source; for several sources a line for
/// each, those with problems first, and the number of sources in each state.
///
/// A state is one of
///   good           the last run was good, and the next one is not overdue
///   paused         the same, but an operator has paused the tenant: the run sent nothing
///   failed         the last run failed, or tables of it were refused, held or failed
///   stopped        the mirror accepts nothing, although no operator paused the tenant
///   never ran      no run has ended yet
///   overdue        the last run was good, but a run was due twice since then and none began
///   cut off        an agent died during a run, or had no disk space to write its result
///   not known      a file of the agent's cannot be read, see `problems`
///
/// With `json` one object; times are ISO 8601 in UTC, "" if there is none:
/// {"good": bool,
///  "sources": [{"context_id", "kind", "path", "strategy", "interval_s", "cron", "state",
///    "at_work": bool, "work": null or {"begun_at", "doing", "table", "rows", "expected_rows"},
///    "last_run": null or {"begun_at", "ended_at", "outcome", "reason", "cycle", "rows", "tables_ok",
///                         "tables_left_out", "troubles": [{"table", "result", "reason"}], "notes",
///                         "unlogged": [{"table", "reason"}], "deliveries", "deliveries_wait_since"},
///    "unended_at", "last_good_at", "compared_at", "differing": [table], "due_at", "overdue": bool,
///    "suspects": [table], "last_error_at", "last_error", "problems": [text]}]}
/// "result" is "failed", "held" or "refused". "due_at" is the time of the next regular run;
/// a failed run is retried earlier. "unended_at": begin of a run after "last_run" whose end
/// is unknown. "differing": tables that were unequal after the last comparison of all
/// tables. "interval_s" is 0 if there is a cron, and "cron" is "" if there is none.
///
/// Returns the exit code: 0 all are good, 1 some are not, 2 wrong usage or configuration.
int ShowStatus(const StatusOptions& options, std::ostream& out, std::ostream& err,
               std::chrono::system_clock::time_point now = std::chrono::system_clock::now());

struct ReceiptsOptions {
  std::string config = {};                     ///< Path of mirror-agent.toml.
  std::vector<std::string> certificates = {};  ///< The application's former ones, PEM.
  bool json = false;
};

/// mirror-agent receipts verify: shows what the receipts of each [[source]] prove. Reads only files.
/// With `json` one object: {"sources": [{"context_id", "path", "receipts", "first", "last", "compared",
/// "signed_to", "signed_at", "unsigned", "never_signed", "tables": {NAME: RECEIPTS}, "notes",
/// "notes_more", "findings", "findings_more"}]}.
/// Returns the exit code: 0 all is proven, 1 there are findings
/// or nothing is signed, 2 the configuration is wrong.
int VerifyReceipts(const ReceiptsOptions& options, std::ostream& out, std::ostream& err);

struct InstallOptions {
  std::string config;
  std::string context_id;  ///< A pattern of context ids; empty: all.
  bool take_over = false;  ///< Also take a log that belongs to another agent, see LogOwner.
  bool print_sql = false;  ///< Changes no source: prints a script for another person.
};

/// `mirror-agent install`: makes the change log of each [[source]] with strategy cdc. Running
/// it twice is harmless. Reports on `err` what deliveries lack in a source that accepts some.
/// Returns the exit code: 0 done, 1 a source failed (the others are done), 2 wrong configuration.
int Install(const InstallOptions& options, std::ostream& out, std::ostream& err);

/// `mirror-agent uninstall`: removes everything that install made in the sources, and nothing else.
/// The mirrors keep their rows; after another install each table is populated. Exit codes as Install.
int Uninstall(const std::string& config, std::ostream& out, std::ostream& err);

/// `mirror-agent check-config`: reads the configuration and the keys and certificates that
/// it names, and checks that sources can be read and the agent's folder can be written.
/// Opens no source, makes no network call. Returns the exit code: 0 no errors, 2 errors.
int CheckConfig(const std::string& file, std::ostream& out, std::ostream& err);

/// Returns the context ids of the sources in the configuration that the typed line names,
/// for Option::Completes(); none if the configuration cannot be read.
std::vector<std::string> SourceNames(const cli::TypedLine& line);

/// Removes the sources whose context id does not match the pattern; an empty pattern matches all.
/// Errors: no source matches.
absl::Status PickSources(const std::string& context_id, AgentConfig* config);

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_COMMANDS_H_
