#ifndef MIRROR_CLIENT_SOURCE_SERVER_STAGED_LOG_H_
#define MIRROR_CLIENT_SOURCE_SERVER_STAGED_LOG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/server/stage.h"
#include "client/source/source_log.h"

namespace mirror {

/// What is known of the log that is staged, kept as the stage's source.
struct StagedLog {
  std::string database;   ///< What the server says of itself and its database. Empty: it was not read yet.
  std::string source_id;  ///< By which the mirror knows the source; empty: it was not given one.
  std::int64_t timeline = 0;  ///< Of servers that have such.
  /// Why positions of before are none of this log's: a standby took over; the database was restored, and they
  /// are of a future that it does not have; or it ends before them.
  enum class Past { kWhole, kPromoted, kRestored, kAhead };
  Past past = Past::kWhole;
};
absl::StatusOr<StagedLog> ReadStagedLog(Stage& stage);
absl::Status KeepStagedLog(Stage& stage, const StagedLog& log);

/// What is staged of all tables counts from there on only.
absl::Status RaiseAllFloors(Stage& stage, std::int64_t lsn, const std::string& because);
/// Says for people of which tables the stage gave up what it had.
std::vector<std::string> TellGivenUp(Stage& stage);

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

#endif  // MIRROR_CLIENT_SOURCE_SERVER_STAGED_LOG_H_
