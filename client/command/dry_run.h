#ifndef MIRROR_CLIENT_COMMAND_DRY_RUN_H_
#define MIRROR_CLIENT_COMMAND_DRY_RUN_H_

#include <ostream>

#include "client/config/config.h"
#include "client/wire/connect.h"

namespace mirror {

/// `mirror-agent once --dry-run` for one source: proves both sides to each other without beginning a cycle,
/// and prints for each table how many log entries wait since the last position that was sent, or, where the
/// rows are compared with what is remembered of them, what a look at them finds; then what the announcement
/// would do to the mirror: tables set aside, columns dropped, populations. Writes nothing, here or there.
/// False: something is wrong; `err` has it.
bool DryRun(const SourceConfig& source, const std::string& state_dir, const Connection& connection,
            std::ostream& out, std::ostream& err);

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_DRY_RUN_H_
