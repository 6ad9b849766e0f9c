#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_NOTED_CHANGES_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_NOTED_CHANGES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "client/source/capture/capture_rule.h"
#include "client/source/capture/capture_state.h"
#include "client/source/reader.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

namespace mirror {

/// Returns the rows of a table that were noted after the run `from`, with their present values in the source.
/// See SourceReader::Changes(). `inner` and `state` must outlive it.
std::unique_ptr<ChangeReader> ReadNotedChanges(SourceReader& inner, CaptureState& state,
                                               CaptureState::Table table, TableSchema schema,
                                               std::vector<std::uint32_t> columns, std::int64_t from,
                                               bool whole_rows, const CaptureRule& rule,
                                               std::vector<Key> also);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_NOTED_CHANGES_H_
