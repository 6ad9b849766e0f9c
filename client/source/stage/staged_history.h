#ifndef MIRROR_CLIENT_SOURCE_STAGE_STAGED_HISTORY_H_
#define MIRROR_CLIENT_SOURCE_STAGE_STAGED_HISTORY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/source_log.h"
#include "client/source/stage/stage.h"

namespace mirror {

/// What the histories of all sources do alike whose log is staged here: a position is a mark of the stage.
class StagedHistory : public SourceLog {
 public:
  absl::Status GiveUp(const std::string& table) override;
  absl::StatusOr<bool> Sent(const std::string& table, const Position& position) override;
  std::string WhyGone(const std::string& table) override;
  bool NamesRows(const std::string& /*table*/) override { return true; }
  bool SeesChanges(const std::string& /*table*/) override { return true; }
  bool MendsGaps(const std::string& /*table*/) override { return true; }
  Form FormOf(const std::string& /*table*/) override { return {Strategy::kCdc}; }

 protected:
  virtual Stage& stage() = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STAGE_STAGED_HISTORY_H_
