#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_READER_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_READER_H_

#include <functional>
#include <memory>
#include <string>

#include "client/source/capture/capture_rule.h"
#include "client/source/capture/capture_state.h"
#include "client/source/reader.h"

namespace mirror {

/// What a captured source is read with.
struct CaptureSources {
  std::unique_ptr<SourceReader> inner;  ///< Tables that the rules capture; it gives digests, and rows by key.
  std::unique_ptr<SourceReader> others = {};  ///< Tables that they do not capture; null: there are none.
  std::unique_ptr<SourceReader> feeds = {};   ///< Those of deletes; null: there are none.
};

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
/// A table with a feed of deletes: what the feed names since the last look is asked for by key, and deleted
/// when it is not there.
///
/// Memory: a bit for each row of the table at hand, a block, and a number for each entry of a feed at its
/// greatest value and for up to a million others.
/// `state` outlives the reader.
std::unique_ptr<SourceReader> OpenCaptureReader(CaptureSources sources, CaptureState& state,
                                                CaptureRules rules = {},
                                                std::function<bool(const std::string&)> never_sent = {});

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_READER_H_
