#ifndef MIRROR_CLIENT_RUN_OPEN_SOURCE_H_
#define MIRROR_CLIENT_RUN_OPEN_SOURCE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/config/source_config.h"
#include "client/source/capture/capture_rule.h"
#include "client/source/capture/capture_state.h"
#include "client/source/reader.h"
#include "client/source/source_log.h"
#include "client/source/steps/pipeline_reader.h"

// From the kind of a source to what reads it. No other file knows a reader by its name: a new kind is a
// folder in client/source and a line in open_source.cc.

// A source as the mirror is to have it.

namespace mirror {

/// The source as it is, for its change log. `log`: of OpenLog(), may be null; it outlives the reader.
/// `takes`: which tables of a database it has, by their own names; empty: all.
std::unique_ptr<SourceReader> OpenSource(const SourceConfig& source,
                                         std::map<std::string, std::string> records, SourceLog* log = nullptr,
                                         std::function<bool(const std::string&)> takes = {});

/// What the tables of the source name in deletes_from, each as FeedName() calls it.
std::unique_ptr<SourceReader> OpenFeedSource(const SourceConfig& source,
                                             std::map<std::string, std::string> records);

/// Every table that there is, and of the views these. Null: the kind has none but those of [[source.table]].
std::unique_ptr<SourceReader> OpenWholeSource(const SourceConfig& source,
                                              const std::vector<std::string>& views);

/// `takes`: which tables it is about; empty: all.
Pipeline PipelineOf(const SourceConfig& source, std::map<std::string, std::string> records,
                    const std::function<bool(const std::string&)>& takes = {});

/// As OpenSource(), with what is done with its tables on their way.
std::unique_ptr<PipelineReader> OpenReader(const SourceConfig& source,
                                           std::map<std::string, std::string> records,
                                           SourceLog* log = nullptr,
                                           std::function<bool(const std::string&)> takes = {});

/// One with tables that are captured.
struct CapturedSource {
  std::unique_ptr<SourceReader> reader;
  const PipelineReader* logged = nullptr;  ///< Within it, of the tables that are not; null: there are none.
};
/// `state` and `log` outlive it. `never_sent`: see OpenCaptureReader(). Errors: `state` cannot be read.
absl::StatusOr<CapturedSource> OpenCaptured(const SourceConfig& source, const CaptureRules& rules,
                                            const std::map<std::string, std::string>& records,
                                            CaptureState& state, SourceLog* log,
                                            std::function<bool(const std::string&)> never_sent = {});

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_OPEN_SOURCE_H_
