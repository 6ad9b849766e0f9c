#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOG_STAGED_TABLE_NOTE_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOG_STAGED_TABLE_NOTE_H_

#include <cstdint>
#include <set>
#include <string>

namespace mirror {

/// What the stage keeps of a table's definition, as StagedTable.fingerprint.
struct StagedTableNote {
  /// Of a table that is new in the publication: transactions below were open when it was seen first, and what
  /// they had written before is neither in the log nor in a snapshot of now. 0: they are over.
  std::uint64_t waits_for = 0;
  std::int64_t waits_since_ms = 0;  ///< When it was seen first, unix milliseconds; 0: nobody waits.
  /// Numbers of columns that were added while it was staged, and were NULL in every row then.
  std::set<std::int64_t> added = {};
  std::string fingerprint;
  /// The LSN of a TRUNCATE that was staged, and given up since. A mirror whose position is below has no row
  /// that is still there, so it is populated. 0: there is none.
  std::int64_t emptied_lsn = 0;
  friend bool operator==(const StagedTableNote&, const StagedTableNote&) = default;
};
std::string ToString(const StagedTableNote& note);
/// What it does not understand it leaves out.
StagedTableNote ParseStagedTableNote(const std::string& text);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_STAGED_TABLE_NOTE_H_
