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

// Selects, by the kind of a source, its reader. No other file names a reader
// class: a new kind is a folder in client/source and a line in open_source.cc.

// Readers that give a source's tables in the form in which the mirror keeps them.

namespace mirror {

/// Opens the unmodified source, for its change log. `log`: of OpenLog(), may be null; it outlives the reader.
/// `takes`: selects tables of a database by their own names; empty: all.
std::unique_ptr<SourceReader> OpenSource(const SourceConfig& source,
                                         std::map<std::string, std::string> records, SourceLog* log = nullptr,
                                         std::function<bool(const std::string&)> takes = {});

/// Opens the tables named in deletes_from, each under its FeedName().
std::unique_ptr<SourceReader> OpenFeedSource(const SourceConfig& source,
                                             std::map<std::string, std::string> records);

/// Opens every table, and these views. Null: the kind has only the tables of [[source.table]].
std::unique_ptr<SourceReader> OpenWholeSource(const SourceConfig& source,
                                              const std::vector<std::string>& views);

/// `takes`: selects the tables that it processes; empty: all.
Pipeline PipelineOf(const SourceConfig& source, std::map<std::string, std::string> records,
                    const std::function<bool(const std::string&)>& takes = {});

/// OpenSource() with the steps of its tables applied.
std::unique_ptr<PipelineReader> OpenReader(const SourceConfig& source,
                                           std::map<std::string, std::string> records,
                                           SourceLog* log = nullptr,
                                           std::function<bool(const std::string&)> takes = {});

/// A source with captured tables.
struct CapturedSource {
  std::unique_ptr<SourceReader> reader;
  const PipelineReader* logged = nullptr;  ///< In `reader`: reads the tables not captured; null: none.
};
/// `state` and `log` outlive it. `never_sent`: see OpenCaptureReader(). Errors: `state` cannot be read.
absl::StatusOr<CapturedSource> OpenCaptured(const SourceConfig& source, const CaptureRules& rules,
                                            const std::map<std::string, std::string>& records,
                                            CaptureState& state, SourceLog* log,
                                            std::function<bool(const std::string&)> never_sent = {});

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_OPEN_SOURCE_H_
