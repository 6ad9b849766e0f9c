#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_READER_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_READER_H_

#include <functional>
#include <memory>
#include <string>

#include "client/source/capture_rule.h"
#include "client/source/capture_state.h"
#include "client/source/reader.h"

namespace mirror {

/// A source that has no change log, seen through what is remembered of its rows: each look at it reads rows
/// of every table as the table's rule says, compares their digests with those of the last look, and notes in
/// `state` what is new, changed or gone. Net changes are what was noted, read at the source as it is when
/// they are sent.
///
/// A table without a key is only known to have changed. One that cannot be read has its problem; the others
/// go on.
///
/// Of a table that was `never_sent` the first look is taken while it is read to be sent, so that it is read
/// once.
///
/// Memory: a bit for each row of the table at hand, and a block.
/// `inner` has the tables that `rules` captures; it must give digests, and rows by key. `others` has those
/// that it does not; null: there are none. `state` outlives the reader.
std::unique_ptr<SourceReader> OpenCaptureReader(std::unique_ptr<SourceReader> inner,
                                                std::unique_ptr<SourceReader> others, CaptureState& state,
                                                CaptureRules rules = {},
                                                std::function<bool(const std::string&)> never_sent = {});

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_READER_H_
