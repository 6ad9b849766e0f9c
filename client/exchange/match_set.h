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

/// By what rows of a table are matched.
struct MatchRule {
  std::vector<std::uint32_t> columns;  ///< Indexes in the table's plan.
  std::vector<Normalise> normalise;    ///< As many.
  /// What a row is matched by, of its values of `columns` from the place `first` on. Absent: one of them is
  /// none, so the row matches nothing.
  std::optional<std::vector<std::string>> Normalised(const RowOf& row, std::size_t first = 0) const;
  friend auto operator<=>(const MatchRule&, const MatchRule&) = default;
};

/// What the rows of one table are matched by, as hashes: whether any row of it matches is asked for every
/// delivery that inserts, and no index of the source knows normalised values. Made by one look at all rows,
/// and kept right by the change log behind that.
///
/// A hash stays when its row is gone, so that what is found is looked for among the rows themselves.
/// Memory: 16 bytes a row. Errors: those of SqliteFile. Threads: one.
class MatchSet {
 public:
  /// Takes the look. `file` outlives it; `table` is copied.
  static absl::StatusOr<MatchSet> Make(const SqliteFile& file, const MemberTable& table,
                                       const MatchRule& rule);

  /// In a change, before anything is written in it: takes in what was written since.
  absl::Status CatchUp();
  /// In the same change. `values`: normalised. The key of a row that matches; absent: there is none.
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
  std::set<Hash> gone_;  ///< Of those, where no row was found any more.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MATCH_SET_H_
