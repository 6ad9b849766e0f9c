#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_HISTORY_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_HISTORY_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/source/capture_rule.h"
#include "client/source/capture_state.h"
#include "client/source/history.h"

namespace mirror {

/// The history of a source whose rows are captured, see OpenCaptureReader(): positions are the runs of
/// `state`. Who the source is, and where it was, `identity` knows. Both outlive this. Threads: one.
class CaptureHistory : public History {
 public:
  /// What was sent so long ago is forgotten, so that a mirror that is restored to it is populated.
  static constexpr std::int64_t kKeptMs = 7LL * 86'400'000;

  CaptureHistory(CaptureState& state, History& identity, std::map<std::string, CaptureRule> rules = {})
      : state_(state), identity_(identity), rules_(std::move(rules)) {}

  const std::string& source_id() const override { return identity_.source_id(); }
  /// Another file at the same path, or an older one, is as good as any: its rows are compared.
  absl::StatusOr<std::string> Bind(const SourceMark& mark) override { return identity_.Bind({mark.path}); }
  /// There is nothing to be made at the source.
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& tables) override;
  bool Complete(TableSchema& /*schema*/) override { return true; }

  absl::StatusOr<Standing> Judge(const std::string& table, const Position& position) override {
    return state_.Judge(table, position);
  }
  absl::StatusOr<std::optional<bool>> ChangedSince(const std::string& table, Lsn lsn) override;
  absl::StatusOr<std::optional<std::vector<Key>>> ChangedKeys(const std::string& table, Lsn lsn) override;
  bool NamesRows(const std::string& table) override;
  bool FollowsReading(const std::string& /*table*/) override { return false; }
  bool SeesChanges(const std::string& /*table*/) override { return true; }
  std::string WhyNotEqual(const std::string& table) override;
  absl::StatusOr<std::map<std::string, Position>> Begin(const std::vector<std::string>& tables,
                                                        std::int64_t highest) override;
  absl::Status Forget(const std::map<std::string, Position>& durable) override;

 private:
  CaptureState& state_;
  History& identity_;
  const std::map<std::string, CaptureRule> rules_;  ///< By folded name.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_HISTORY_H_
