#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_HISTORY_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_HISTORY_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/source/capture/capture_rule.h"
#include "client/source/capture/capture_state.h"
#include "client/source/history.h"

namespace mirror {

/// The history of a source whose rows are captured, see OpenCaptureReader(). Positions of captured tables are
/// runs of `state`. `base` knows the identity of the source, and has the history of tables that are not
/// captured. Both must outlive this. Threads: one.
class CaptureHistory : public History {
 public:
  /// Positions that were sent earlier than this are forgotten. A mirror that is restored to one of them is
  /// populated.
  static constexpr std::int64_t kKeptMs = 7LL * 86'400'000;

  /// `knows_file`: `base` recognises a file that was restored or replaced. Captured rows do not need that,
  /// since they are compared with any file.
  CaptureHistory(CaptureState& state, History& base, bool knows_file, CaptureRules rules = {})
      : state_(state), base_(base), knows_file_(knows_file), rules_(std::move(rules)) {}

  const std::string& source_id() const override { return base_.source_id(); }
  absl::StatusOr<std::string> Bind(const SourceMark& mark) override {
    return base_.Bind(knows_file_ ? mark : SourceMark{.path = mark.path, .database = mark.database});
  }
  absl::Status Refresh() override { return base_.Refresh(); }
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& tables) override;
  bool Complete(TableSchema& schema) override;

  absl::StatusOr<Standing> Judge(const std::string& table, const Position& position) override;
  absl::StatusOr<std::optional<bool>> ChangedSince(const std::string& table, Lsn lsn) override;
  absl::StatusOr<std::optional<std::vector<Key>>> ChangedKeys(const std::string& table, Lsn lsn) override;
  bool NamesRows(const std::string& table) override;
  bool FollowsReading(const std::string& table) override;
  bool SeesChanges(const std::string& table) override;
  bool NoticesChanges(const std::string& table) override;
  Form FormOf(const std::string& table) override;
  absl::StatusOr<bool> Sent(const std::string& table, const Position& position) override;
  absl::StatusOr<bool> Adopt(const std::string& table, const Position& position) override;
  bool MendsGaps(const std::string& table) override { return !Captures(table) && base_.MendsGaps(table); }
  std::string WhyNotEqual(const std::string& table) override;
  absl::StatusOr<std::map<std::string, Position>> Begin(const std::vector<std::string>& tables,
                                                        std::int64_t highest) override;
  absl::Status Forget(const std::map<std::string, Position>& durable) override;

 private:
  bool Captures(const std::string& table) const { return rules_.Find(table) != nullptr; }

  CaptureState& state_;
  History& base_;
  const bool knows_file_;
  const CaptureRules rules_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_HISTORY_H_
