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

/// Reads the feed of deletes of one table, and notes in `look` the keys that it names after the feed's
/// pointer. `feeds` reads the feeds, `feed_schema` is their schema, `of` is the table, `look` is a look at
/// it. Call it before the table's own rows are read, and do not read older rows than the feed: a row that
/// still exists afterwards was inserted again.
///
/// Rows of a file are as old as its last write. If the feed is newer than the table, a key in it that still
/// exists is not noted now: the next look asks for it again.
///
/// If the table had no earlier look, only the pointer is set: rows deleted before are never sent. If the feed
/// is now another one, or its greatest value fell below the pointer, all of it is read. Memory: a number for
/// each entry at the greatest value, and for up to a million entries that were read. Errors: the feed cannot
/// be read or does not fit; kAborted: look again.
absl::Status TakeDeletes(const DeleteFeed& feed, SourceReader& feeds, const SourceSchema& feed_schema,
                         const FedTable& of, const CaptureState::Table& table, CaptureLook& look,
                         std::vector<std::string>* notes);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_DELETE_FEED_H_
