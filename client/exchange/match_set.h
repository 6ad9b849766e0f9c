#ifndef MIRROR_CLIENT_EXCHANGE_MATCH_SET_H_
#define MIRROR_CLIENT_EXCHANGE_MATCH_SET_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/member_table.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "proto/wire/exchange/match_key.h"

namespace mirror {

/// Columns by which rows of a table are matched.
struct MatchRule {
  std::vector<std::uint32_t> columns;  ///< Indexes in the table's plan.
  std::vector<Normalise> normalise;    ///< One for each column.
  /// Returns the normalised match values of a row, from its values of `columns`
  /// beginning at `first`. Absent: one of them is empty, so the row matches nothing.
  std::optional<std::vector<std::string>> Normalised(const RowOf& row, std::size_t first = 0) const;
  friend auto operator<=>(const MatchRule&, const MatchRule&) = default;
};

/// Hashes of the match values of all rows of one table. Every inserting delivery
/// asks whether any row matches, and no index of the source has normalised
/// values. Make() reads all rows once; CatchUp() then follows the change log.
///
/// The hash of a deleted row stays, so a hit is verified in the table itself.
/// Memory: 16 bytes a row. Errors: those of SqliteFile. Threads: one.
class MatchSet {
 public:
  /// Reads all rows. `file` outlives the result; `table` is copied.
  static absl::StatusOr<MatchSet> Make(const SqliteFile& file, const MemberTable& table,
                                       const MatchRule& rule);

  /// Adds rows that were written since. Call it in a change, before anything is written in it.
  absl::Status CatchUp();
  /// Returns the key of a matching row; absent: there is none. `values`: normalised. In the same change.
  absl::StatusOr<std::optional<RowOf>> Find(const std::vector<std::string>& values);

  std::size_t size() const { return scanned_.size() + added_.size(); }

 private:
  struct Hash {
    std::uint64_t high = 0, low = 0;
    friend auto operator<=>(const Hash&, const Hash&) = default;
  };

  MatchSet(const SqliteFile& file, const MemberTable& table, const MatchRule& rule)
      : file_(&file), table_(table), rule_(rule) {}
  static Hash HashOf(const std::vector<std::string>& values);
  absl::Status Scan();
  absl::StatusOr<std::optional<RowOf>> LookFor(const std::vector<std::string>& values) const;

  const SqliteFile* file_;
  MemberTable table_;
  MatchRule rule_;
  std::int64_t seen_ = 0;      ///< Position in the table's log.
  std::vector<Hash> scanned_;  ///< Sorted.
  std::set<Hash> added_;
  std::set<Hash> gone_;  ///< Of these hashes, those for which Find() found no row.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MATCH_SET_H_
