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

/// Facts about the staged log, stored as the stage's source.
struct StagedLog {
  std::string database;       ///< The server's identity of itself and its database; empty: not read yet.
  std::string source_id;      ///< The mirror knows the source by this id; empty: there is none.
  std::int64_t timeline = 0;  ///< 0: the server has no timelines.
  /// Why earlier positions do not belong to this log. kPromoted: a standby was promoted. kRestored: the
  /// database was restored, and lacks what came after the restored state. kAhead: the log ends before those
  /// positions.
  enum class Past { kWhole, kPromoted, kRestored, kAhead };
  Past past = Past::kWhole;
};
absl::StatusOr<StagedLog> ReadStagedLog(Stage& stage);
absl::Status KeepStagedLog(Stage& stage, const StagedLog& log);

/// Discards what is staged of all tables: only positions at or above this LSN are served.
absl::Status RaiseAllFloors(Stage& stage, std::int64_t lsn, const std::string& because);
/// Returns a sentence for people about each table that the stage discarded since the last call.
std::vector<std::string> TellGivenUp(Stage& stage);

/// Base of histories whose log is staged: a position is a mark of the stage.
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
