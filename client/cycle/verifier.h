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
/// Ranges that differ and are looked into; with more of them a table counts as another one.
inline constexpr std::size_t kLeavesSearched = 2'000;

/// Keys of rows that differ which are kept of each kind, to be shown.
inline constexpr std::size_t kKeysShown = 20;

/// What a comparison of one table found.
struct Differences {
  std::uint64_t rows = 0;  ///< Of the source.
  std::uint64_t lost = 0, changed = 0, ghosts = 0;
  /// Their keys, in key order: rows that the mirror lacks, has otherwise, or has alone.
  std::vector<Key> keys = {};
  /// They cannot be told one by one: the table has no key, or more than kLeavesSearched ranges differ. Then
  /// the counts are of what is certain.
  bool beyond_repair = false;
  /// Rows that are otherwise in the mirror and changed at the source since: by right, but what else is wrong
  /// with them nobody can tell. Not in `keys`.
  std::vector<Key> unsettled = {};
  /// The first kKeysShown of each kind, for who asks which they are; empty where they cannot be told.
  std::vector<Key> lost_keys = {}, changed_keys = {}, ghost_keys = {};

  std::uint64_t Count() const { return lost + changed + ghosts; }
  bool equal() const { return Count() == 0 && !beyond_repair; }
};

/// Compares tables of a source with the mirror in one cycle, by digests of key ranges: all of a table in
/// ranges of kLeafRows, those that differ row by row, and of those the mirror's keys. The source may be
/// written to meanwhile: what its log names since the mirror's position differs by right and is left out.
///
/// Memory: two keys for each kLeafRows rows of the table, and the rows of the ranges at hand. Threads: one.
class Verifier {
 public:
  Verifier(SourceReader& reader, MirrorClient& client, History& history, std::int64_t cycle,
           const v1::Limits& limits);

  /// Is told how many rows of the table at hand were compared.
  void set_progress(std::function<void(std::uint64_t rows)> progress) { progress_ = std::move(progress); }

  /// What becomes of rows that the mirror alone has.
  enum class Ghosts { kCount, kLeave };
  /// `columns`: those that the mirror has as they are. `position`: where the mirror stands, by this cycle.
  ///   kAborted             the source moved where nobody can say by what: try again
  ///   kFailedPrecondition  the mirror cannot be read at this position now
  /// Others are the call's status, or the source's.
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
