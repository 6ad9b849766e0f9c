#ifndef MIRROR_SERVER_JOURNAL_SEEN_MARK_H_
#define MIRROR_SERVER_JOURNAL_SEEN_MARK_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/wire/lsn.h"

// Detects writes to a table that bypassed the journal of its mirror. Every server updates the table's
// metadata row when it writes to the table, with or without a journal. The mirror has a copy of that row as
// it was after the last write with a journal. If the two differ, some write bypassed the journal. Values, no
// behaviour.

namespace mirror {

/// The part of a metadata row that a write changes.
struct SeenMark {
  Position position;
  std::int64_t cycle = 0;
  std::uint64_t seq = 0;
  std::string schema_hash;
};

/// Kind of the documents that hold these marks. Their id is the folded name of the table.
inline constexpr char kSeenKind[] = "journal";
/// Text of the document of a table that was written to while it had no journal.
inline constexpr char kSeenEnded[] = "ended";

/// Returns the document's text: five parts, separated by spaces, with no spaces inside a part.
std::string ToText(const SeenMark& mark);
/// Returns whether the journal saw the last write: `text` is the document, `now` the metadata row. Ignores
/// the position if it is -1: an operator sets that by hand, and it changes no row.
bool SawLastWrite(std::string_view text, const SeenMark& now);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOURNAL_SEEN_MARK_H_
