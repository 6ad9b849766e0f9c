#ifndef MIRROR_TESTS_CLIENT_CYCLE_ONE_RECORD_LOG_H_
#define MIRROR_TESTS_CLIENT_CYCLE_ONE_RECORD_LOG_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/source/history.h"

namespace mirror {

/// A log with one record: what it sent, and from where on it knows what changed.
class OneRecordLog : public History {
 public:
  const std::string& source_id() const override { return id_; }
  absl::StatusOr<std::string> Bind(const SourceMark& /*mark*/) override { return std::string(); }
  absl::Status Refresh() override { return refresh ? refresh() : absl::OkStatus(); }
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& /*tables*/) override {
    return std::vector<std::string>();
  }
  bool Complete(TableSchema& /*schema*/) override { return true; }
  absl::StatusOr<Standing> Judge(const std::string& /*table*/, const Position& position) override {
    if (position == known) return Standing::kKnown;
    return position.lineage == "forgotten" ? Standing::kGone : Standing::kMiss;
  }
  absl::StatusOr<std::optional<bool>> ChangedSince(const std::string& /*table*/, Lsn /*lsn*/) override {
    return std::optional<bool>(false);
  }
  bool NamesRows(const std::string& /*table*/) override { return true; }
  bool SeesChanges(const std::string& /*table*/) override { return true; }
  Form FormOf(const std::string& /*table*/) override { return {Strategy::kCdc}; }
  bool MendsGaps(const std::string& /*table*/) override { return mends; }
  std::string WhyGone(const std::string& /*table*/) override { return "it was emptied by hand"; }
  std::string WhyNotEqual(const std::string& /*table*/) override { return not_equal; }
  absl::StatusOr<bool> Adopt(const std::string& /*table*/, const Position& position) override {
    if (can_adopt) known = position;
    return can_adopt;
  }
  absl::StatusOr<std::map<std::string, Position>> Begin(const std::vector<std::string>& tables,
                                                        std::int64_t highest) override {
    std::map<std::string, Position> targets;
    for (const std::string& table : tables) targets[table] = {Lsn{highest + 1}, "next"};
    return targets;
  }
  absl::Status Forget(const std::map<std::string, Position>& /*durable*/) override {
    return absl::OkStatus();
  }

  bool mends = true, can_adopt = true;
  std::string not_equal;  ///< See WhyNotEqual().
  Position known;
  std::function<absl::Status()> refresh;

 private:
  const std::string id_ = "0123456789abcdef0123456789abcdef";
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_CYCLE_ONE_RECORD_LOG_H_
