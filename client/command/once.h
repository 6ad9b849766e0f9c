#ifndef MIRROR_CLIENT_COMMAND_ONCE_H_
#define MIRROR_CLIENT_COMMAND_ONCE_H_

#include <ostream>
#include <string>
#include <vector>

#include "client/run/source_run.h"

namespace mirror {

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

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_ONCE_H_
