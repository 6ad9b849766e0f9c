#ifndef MIRROR_CLIENT_RUN_STAGE_LOG_H_
#define MIRROR_CLIENT_RUN_STAGE_LOG_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/config/source_config.h"
#include "client/run/open_log.h"
#include "client/source/stage/stage.h"

// What all kinds whose log is taken into a stage have in common.

namespace mirror {

std::string StagePathOf(const SourceConfig& source, const std::string& state_dir);
StageOptions StageOptionsOf(const SourceConfig& source, const LogUser& user);

/// The stage with all that is in it. False: there was none. Nobody has it open.
bool RemoveStage(const SourceConfig& source, const LogUser& user);

/// CountWaiting(), as far as it is staged.
absl::StatusOr<WaitingChanges> CountWaitingInStage(const SourceConfig& source, const LogUser& user);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_STAGE_LOG_H_
