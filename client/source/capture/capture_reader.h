#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_READER_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_READER_H_

#include <functional>
#include <memory>
#include <string>

#include "client/source/capture/capture_rule.h"
#include "client/source/capture/capture_state.h"
#include "client/source/reader.h"

namespace mirror {

/// The readers of a captured source.
struct CaptureSources {
  std::unique_ptr<SourceReader> inner;  ///< Reads the captured tables; it gives digests, and rows by key.
  std::unique_ptr<SourceReader> others = {};  ///< Reads the tables that are not captured; null: none.
  std::unique_ptr<SourceReader> feeds = {};   ///< Reads the feeds of deletes; null: there are none.
};

/// A source without a change log, read by means of its remembered rows. Each look reads rows of every table
/// as the table's rule says, compares their digests with those of the last look, and notes new, changed and
/// deleted rows in `state`. Net changes are the noted rows, with their values in the source at the time of
/// sending.
///
/// For a table without a key only the fact of a change is known. A table that cannot be read gets a problem;
/// the other tables continue.
///
/// The first look at a table that was `never_sent` is taken while its rows are sent, so that they are read
/// once.
///
/// For a table with a feed of deletes: keys that the feed names since the last look are read by key, and
/// deleted if the row is missing.
///
/// Memory: a bit for each row of the present table, a block, and a number for each entry of a feed at its
/// greatest value and for up to a million others.
/// `state` must outlive the reader.
std::unique_ptr<SourceReader> OpenCaptureReader(CaptureSources sources, CaptureState& state,
                                                CaptureRules rules = {},
                                                std::function<bool(const std::string&)> never_sent = {});

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_READER_H_
