#include "client/run/open_reader.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "client/run/open_source.h"
#include "client/run/source_rules.h"
#include "client/source/capture/capture_reader.h"

namespace mirror {
namespace {

/// Null: there are none.
absl::StatusOr<std::unique_ptr<SourceReader>> OpenFeeds(const SourceConfig& source, CaptureState& state) {
  bool any = false;
  std::map<std::string, std::string> records;
  for (const TableConfig& table : source.tables) {
    if (!table.deletes_from) continue;
    any = true;
    ASSIGN_OR_RETURN(const std::optional<CaptureState::Table> known, state.Find(SentName(table)));
    if (known && !known->feed_record.empty()) records[FeedName(table)] = known->feed_record;
  }
  return any ? OpenFeedSource(source, std::move(records)) : nullptr;
}

}  // namespace

Pipeline PipelineOf(const SourceConfig& source, std::map<std::string, std::string> records,
                    const std::function<bool(const std::string&)>& takes) {
  std::vector<TableSteps> steps;
  for (const TableConfig& table : source.tables) {
    if (table.steps.any() && (!takes || takes(table.name))) steps.push_back(table.steps);
  }
  return {std::move(steps), HashKeyOf(source), std::move(records)};
}

std::unique_ptr<PipelineReader> OpenReader(const SourceConfig& source,
                                           std::map<std::string, std::string> records, SourceLog* log,
                                           std::function<bool(const std::string&)> takes) {
  Pipeline pipeline = PipelineOf(source, std::move(records), takes);
  auto inner = OpenSource(source, pipeline.InnerRecords(), log, std::move(takes));
  return std::make_unique<PipelineReader>(std::move(inner), std::move(pipeline));
}

absl::StatusOr<CapturedSource> OpenCaptured(const SourceConfig& source, const CaptureRules& rules,
                                            const std::map<std::string, std::string>& records,
                                            CaptureState& state, SourceLog* log,
                                            std::function<bool(const std::string&)> never_sent) {
  const auto captures = [rules, source](const std::string& table) { return Captures(source, rules, table); };
  std::unique_ptr<PipelineReader> others;
  if (!rules.others || !rules.logged.empty()) {
    others =
        OpenReader(source, records, log, [captures](const std::string& table) { return !captures(table); });
  }
  auto captured = OpenReader(source, records, nullptr, captures);
  const PipelineReader* const logged = others.get();
  ASSIGN_OR_RETURN(std::unique_ptr<SourceReader> feeds, OpenFeeds(source, state));
  CaptureSources sources{std::move(captured), std::move(others), std::move(feeds)};
  return CapturedSource{OpenCaptureReader(std::move(sources), state, rules, std::move(never_sent)), logged};
}

}  // namespace mirror
