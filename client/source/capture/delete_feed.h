#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_DELETE_FEED_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_DELETE_FEED_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/source/capture/capture_look.h"
#include "client/source/capture/capture_rule.h"
#include "client/source/capture/capture_state.h"
#include "client/source/reader.h"

namespace mirror {

/// The table whose deletes a feed reports.
struct FedTable {
  const SourceTable& table;
  SourceReader& reader;
};

/// Notes in `look`, a look at `table`, the keys that its feed of deletes names after the feed's pointer.
/// `feeds` reads the feeds, `feed_schema` is their schema, `of` the table itself. Call it before the table's
/// own rows are read; these must not be older than the feed: a row that still exists afterwards was inserted
/// again.
///
/// A file has the moment of its last write. If the feed is newer, a key that it names and that exists is
/// neither noted nor skipped: the next look asks for it again.
///
/// A table without an earlier look only takes the pointer: rows deleted before are never sent. A feed that is
/// now another one, or whose greatest value fell below the pointer, is read whole.
/// Memory: a number for each entry at the greatest value, and for up to a million of those read. Errors:
/// the feed cannot be read or does not fit; kAborted: look again.
absl::Status TakeDeletes(const DeleteFeed& feed, SourceReader& feeds, const SourceSchema& feed_schema,
                         const FedTable& of, const CaptureState::Table& table, CaptureLook& look,
                         std::vector<std::string>* notes);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_DELETE_FEED_H_
