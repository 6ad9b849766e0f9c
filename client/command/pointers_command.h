#ifndef MIRROR_CLIENT_COMMAND_POINTERS_COMMAND_H_
#define MIRROR_CLIENT_COMMAND_POINTERS_COMMAND_H_

#include <ostream>
#include <string>
#include <vector>

namespace mirror {

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

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_POINTERS_COMMAND_H_
