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
  std::unique_ptr<SourceReader> inner;        ///< Reads the captured tables: digests, and rows by key.
  std::unique_ptr<SourceReader> others = {};  ///< Reads the tables that are not captured; null: none.
  std::unique_ptr<SourceReader> feeds = {};   ///< Reads the feeds of deletes; null: there are none.
};

/// Opens a reader for a source without a change log, which finds changes by remembered rows. Each look reads
/// rows of every table as the table's rule says. It compares their digests with those of the last look, and
/// notes new, changed and deleted rows in `state`. The net changes are the noted rows, with the values that
/// the source has when they are sent.
///
/// For a table without a key it is only known that it changed. If a table cannot be read, it gets a problem,
/// and the other tables are read.
///
/// If a table was `never_sent`, its first look may be taken while its rows are sent, so that they are read
/// only once.
///
/// For a table with a feed of deletes: the keys that the feed names since the last look are read by key, and
/// are deleted in the mirror if the row is missing.
///
/// Memory: one block, a bit for each row of the table that is read, a number for each entry of a feed at its
/// greatest value, and for up to a million other entries. `state` must outlive the reader.
std::unique_ptr<SourceReader> OpenCaptureReader(CaptureSources sources, CaptureState& state,
                                                CaptureRules rules = {},
                                                std::function<bool(const std::string&)> never_sent = {});

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_READER_H_
