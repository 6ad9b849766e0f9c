#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_DELETE_FEED_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_DELETE_FEED_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/source/capture/capture_look.h"
#include "client/source/capture/capture_rule.h"
#include "client/source/capture/capture_state.h"
#include "client/source/reader.h"
#include "proto/wire/table.h"

namespace mirror {

/// The table that a feed is about.
struct FedTable {
  const SourceTable& table;
  SourceReader& reader;
};

/// Notes in `look`, which looks at `table`, what the feed of its deletes names behind its pointer. `feeds`
/// reads the feeds, `feed_schema` is what it has, `of` the table itself. To be called before the table's own
/// rows are read, and its rows must not be of an earlier moment than the feed: what is there behind it was
/// made again.
///
/// Files are of the moment when they were written. Where the feed is the newer one, a key that it names and
/// that is there is neither noted nor passed over: it is asked for again in the next look.
///
/// A table that was never looked at takes nothing but the pointer: whatever was deleted before is not sent at
/// all. A feed that is another one by now, or whose greatest value fell behind the pointer, is read whole.
/// Memory: a number for each entry at the greatest value, and for up to a million of what is read. Errors:
/// the feed cannot be read or does not fit; kAborted: look again.
absl::Status TakeDeletes(const DeleteFeed& feed, SourceReader& feeds, const SourceSchema& feed_schema,
                         const FedTable& of, const CaptureState::Table& table, CaptureLook& look,
                         std::vector<std::string>* notes);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_DELETE_FEED_H_
