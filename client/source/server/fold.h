#ifndef MIRROR_CLIENT_SOURCE_SERVER_FOLD_H_
#define MIRROR_CLIENT_SOURCE_SERVER_FOLD_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/server/staged_row.h"

namespace mirror {

/// A StagedRow as it is stored, with packed values.
struct FoldedRow {
  StagedKind kind = StagedKind::kGone;
  bool complete =
      false;  ///< `values` has all columns: always for kWhole, perhaps for kPart, never otherwise.
  std::int64_t lsn = 0, born = 0, rekeyed = 0;
  std::string values;  ///< Packed.
  friend bool operator==(const FoldedRow&, const FoldedRow&) = default;
};

/// Merges two folded rows of one key; `above` is the later one.
FoldedRow Compose(const FoldedRow& below, FoldedRow above);

/// Changes of one table, folded to one row for each key:
///   insert, or delete and insert   kWhole
///   update                         its values replace those that are there
///   delete                         kGone
///   update of the key              the old key is kGone; the new key is kWhole, or kMoved if the log left
///                                  out values that are not known from before
/// Folds are stacked above the rows of a file. Merging two folds gives the fold of the changes of both.
/// Threads: one.
class Fold {
 public:
  /// Returns what is known of a key below this fold; absent: nothing.
  using Below = std::function<absl::StatusOr<std::optional<FoldedRow>>(const StagedKey&)>;

  /// Adds one change. Calls `below` when a key changed and the log left out values. Errors: those of `below`.
  absl::Status Take(LoggedChange change, std::int64_t lsn, const Below& below);
  /// Merges a later fold into this one. `above` is empty afterwards.
  void Lay(Fold&& above);
  void Clear();

  const FoldedRow* Find(const StagedKey& key) const;
  bool empty() const { return rows_.empty(); }
  std::size_t size() const { return rows_.size(); }
  /// Memory in use, with the allocator's overhead.
  std::size_t bytes() const;
  /// LSN of the last change; 0: there is none.
  std::int64_t last_lsn() const { return last_lsn_; }

  using Rows = std::unordered_map<StagedKey, FoldedRow>;
  /// The rows in key order; valid until the fold changes.
  std::vector<const Rows::value_type*> Sorted() const;

 private:
  void Insert(StagedKey key, std::string values, std::int64_t lsn);
  void Delete(StagedKey key, std::int64_t lsn);
  absl::Status Move(LoggedChange change, std::string values, std::int64_t lsn, const Below& below);
  /// Returns the row of a key, and adds it if it is missing. Its values do not count as memory until Kept().
  std::pair<const StagedKey, FoldedRow>& Reach(StagedKey key, bool* fresh);
  void Kept(const FoldedRow& row) { heap_bytes_ += HeapBytes(row.values); }
  static std::size_t HeapBytes(const std::string& text);

  Rows rows_;
  std::size_t heap_bytes_ = 0;  ///< Memory of keys and values that are stored outside their nodes.
  std::int64_t last_lsn_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_FOLD_H_
