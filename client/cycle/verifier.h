#ifndef MIRROR_CLIENT_CYCLE_VERIFIER_H_
#define MIRROR_CLIENT_CYCLE_VERIFIER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/history.h"
#include "client/source/reader.h"
#include "client/wire/mirror_client.h"
#include "proto/wire/lsn.h"
#include "proto/wire/table.h"

namespace mirror {

/// Rows of one range in the first round of a comparison.
inline constexpr std::size_t kLeafRows = 1'000;
/// Maximum of differing ranges that are examined; with more of them the table counts as a different one.
inline constexpr std::size_t kLeavesSearched = 2'000;

/// Maximum of keys of differing rows that are kept of each kind, to be shown.
inline constexpr std::size_t kKeysShown = 20;

/// Result of the comparison of one table.
struct Differences {
  std::uint64_t rows = 0;  ///< Rows of the source.
  /// Rows that the mirror lacks, that it has with other values, and that only the mirror has.
  std::uint64_t lost = 0, changed = 0, ghosts = 0;
  /// Keys of all these rows, in key order.
  std::vector<Key> keys = {};
  /// The rows cannot be listed one by one: the table has no key, or more than kLeavesSearched ranges differ.
  /// The counts then include only the differences that are certain.
  bool beyond_repair = false;
  /// Rows that differ and changed at the source meanwhile. The change explains
  /// the difference, but may hide another one. These are not in `keys`.
  std::vector<Key> unsettled = {};
  /// The first kKeysShown keys of each kind, for people; empty if rows cannot be listed.
  std::vector<Key> lost_keys = {}, changed_keys = {}, ghost_keys = {};

  std::uint64_t Count() const { return lost + changed + ghosts; }
  bool equal() const { return Count() == 0 && !beyond_repair; }
};

/// Compares tables of a source with the mirror in one cycle, by digests of key ranges: first all ranges
/// of kLeafRows, then the differing ones row by row, then the mirror's keys in those. Other programs
/// may write to the source meanwhile: rows that its log names after the mirror's position may differ, and are
/// left out.
///
/// Memory: two keys for each kLeafRows rows of the table, and the rows of the present ranges. Threads: one.
class Verifier {
 public:
  Verifier(SourceReader& reader, MirrorClient& client, History& history, std::int64_t cycle,
           const v1::Limits& limits);

  /// `progress` is called with the number of compared rows of the present table.
  void set_progress(std::function<void(std::uint64_t rows)> progress) { progress_ = std::move(progress); }

  /// Treatment of rows that only the mirror has.
  enum class Ghosts { kCount, kLeave };
  /// `columns`: those that the mirror keeps unchanged. `position`: the mirror's, according to this cycle.
  ///   kAborted             the result is unusable, as when the source changed meanwhile: try again
  ///   kFailedPrecondition  the mirror cannot be read at this position now
  /// Other errors are those of the call or of the source.
  absl::StatusOr<Differences> Compare(const TableSchema& table, const std::vector<std::uint32_t>& columns,
                                      const Position& position, Ghosts ghosts = Ghosts::kCount);

 private:
  class TableComparison;

  SourceReader& reader_;
  MirrorClient& client_;
  History& history_;
  const std::int64_t cycle_;
  const std::size_t ranges_max_, request_bytes_max_;
  std::function<void(std::uint64_t rows)> progress_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_VERIFIER_H_
