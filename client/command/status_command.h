#ifndef MIRROR_CLIENT_COMMAND_STATUS_COMMAND_H_
#define MIRROR_CLIENT_COMMAND_STATUS_COMMAND_H_

#include <chrono>
#include <ostream>
#include <string>

namespace mirror {

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

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_STATUS_COMMAND_H_
