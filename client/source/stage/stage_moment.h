#ifndef MIRROR_CLIENT_SOURCE_STAGE_STAGE_MOMENT_H_
#define MIRROR_CLIENT_SOURCE_STAGE_STAGE_MOMENT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/source/stage/stage.h"
#include "client/source/stage/stage_file.h"

namespace mirror {

/// See Stage::Hold(): a transaction that is open on `reading` for as long as the view, or rows of it, are
/// there.
absl::StatusOr<std::shared_ptr<StageView>> HoldStage(StageFile::Reading reading);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STAGE_STAGE_MOMENT_H_
