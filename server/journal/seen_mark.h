#ifndef MIRROR_SERVER_JOURNAL_SEEN_MARK_H_
#define MIRROR_SERVER_JOURNAL_SEEN_MARK_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/wire/lsn.h"

// Detects writes to a table that the journal of its mirror did not see. Every server moves the metadata row
// of a table when it writes to the table, whether it keeps a journal or not. The mirror has a copy of that
// row as it was after the last write that the journal saw. Where both differ, somebody wrote without the
// journal. Values, no behaviour.

namespace mirror {

/// The part of a metadata row that a write moves.
struct SeenMark {
  Position position;
  std::int64_t cycle = 0;
  std::uint64_t seq = 0;
  std::string schema_hash;
};

/// Kind of the documents that hold these marks. Their id is the folded name of the table.
inline constexpr char kSeenKind[] = "journal";
/// Text of the document of a table that was written to while no journal was kept of it.
inline constexpr char kSeenEnded[] = "ended";

/// Text of the document. Without spaces inside its five parts.
std::string ToText(const SeenMark& mark);
/// Returns whether the journal saw the last write: `text` is the document, `now` the metadata row. A position
/// of -1 is left out of the comparison: an operator sets it by hand, and that changes no row.
bool SawLastWrite(std::string_view text, const SeenMark& now);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOURNAL_SEEN_MARK_H_
