#ifndef MIRROR_CLIENT_SOURCE_STEPS_PIPELINE_HISTORY_H_
#define MIRROR_CLIENT_SOURCE_STEPS_PIPELINE_HISTORY_H_

#include <map>
#include <string>
#include <vector>

#include "client/source/history.h"
#include "client/source/steps/pipeline_reader.h"

namespace mirror {

/// The history of a source, which calls tables as the source does, for who calls them as the mirror does.
/// Both outlive it.
class PipelineHistory : public History {
 public:
  PipelineHistory(History& inner, const PipelineReader& reader) : inner_(inner), reader_(reader) {}

  const std::string& source_id() const override { return inner_.source_id(); }
  absl::StatusOr<std::string> Bind(const SourceMark& mark) override { return inner_.Bind(mark); }
  absl::Status Refresh() override { return inner_.Refresh(); }
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& tables) override;
  bool Complete(TableSchema& schema) override;
  absl::StatusOr<Standing> Judge(const std::string& table, const Position& position) override {
    return inner_.Judge(SourceName(table), position);
  }
  absl::StatusOr<std::optional<bool>> ChangedSince(const std::string& table, Lsn lsn) override {
    return inner_.ChangedSince(SourceName(table), lsn);
  }
  absl::StatusOr<std::optional<std::vector<Key>>> ChangedKeys(const std::string& table, Lsn lsn) override {
    return inner_.ChangedKeys(SourceName(table), lsn);
  }
  bool NamesRows(const std::string& table) override { return inner_.NamesRows(SourceName(table)); }
  bool FollowsReading(const std::string& table) override { return inner_.FollowsReading(SourceName(table)); }
  bool SeesChanges(const std::string& table) override { return inner_.SeesChanges(SourceName(table)); }
  Form FormOf(const std::string& table) override { return inner_.FormOf(SourceName(table)); }
  absl::StatusOr<bool> Sent(const std::string& table, const Position& position) override {
    return inner_.Sent(SourceName(table), position);
  }
  absl::StatusOr<bool> Adopt(const std::string& table, const Position& position) override {
    return inner_.Adopt(SourceName(table), position);
  }
  bool MendsGaps(const std::string& table) override { return inner_.MendsGaps(SourceName(table)); }
  std::string WhyGone(const std::string& table) override { return inner_.WhyGone(SourceName(table)); }
  absl::Status GiveUp(const std::string& table) override { return inner_.GiveUp(SourceName(table)); }
  std::string WhyNotEqual(const std::string& table) override { return inner_.WhyNotEqual(SourceName(table)); }
  absl::StatusOr<std::map<std::string, Position>> Begin(const std::vector<std::string>& tables,
                                                        std::int64_t highest) override;
  absl::Status Forget(const std::map<std::string, Position>& durable) override;

 private:
  std::string SourceName(const std::string& table) const { return reader_.SourceName(table); }

  History& inner_;
  const PipelineReader& reader_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STEPS_PIPELINE_HISTORY_H_
