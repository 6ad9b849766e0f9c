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
  std::string database;       ///< The server's identity of itself and its database. Empty: not read yet.
  std::string source_id;      ///< The mirror knows the source by this id; empty: it has none.
  std::int64_t timeline = 0;  ///< For servers that have timelines.
  /// Why earlier positions do not belong to this log: a standby was promoted; the database was restored, and
  /// lacks the future of the positions; or the log ends before them.
  enum class Past { kWhole, kPromoted, kRestored, kAhead };
  Past past = Past::kWhole;
};
absl::StatusOr<StagedLog> ReadStagedLog(Stage& stage);
absl::Status KeepStagedLog(Stage& stage, const StagedLog& log);

/// Makes what is staged of all tables count only from this LSN on.
absl::Status RaiseAllFloors(Stage& stage, std::int64_t lsn, const std::string& because);
/// Returns sentences for people about the tables that the stage discarded.
std::vector<std::string> TellGivenUp(Stage& stage);

/// The common part of histories whose log is staged here: a position is a mark of the stage.
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
