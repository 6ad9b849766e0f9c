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

/// A StagedRow as it is kept.
struct FoldedRow {
  StagedKind kind = StagedKind::kGone;
  bool complete =
      false;  ///< `values` are all of the row's: of kWhole always, of kPart maybe, of others never.
  std::int64_t lsn = 0, born = 0, rekeyed = 0;
  std::string values;  ///< Packed.
  friend bool operator==(const FoldedRow&, const FoldedRow&) = default;
};

/// What happened to a key, of which `above` came later than `below`, as one.
FoldedRow Compose(const FoldedRow& below, FoldedRow above);

/// Changes of one table, folded to one row for each key:
///   insert, or delete and insert   whole
///   update                         its values over those that are there
///   delete                         gone
///   update of the key              the old one gone; the new one whole, or moved where the log left out
///   values
///                                  that are not known from before
/// Folds lie above each other, and the lowest above a file: two of them as one are the fold of all changes of
/// both. Threads: one.
class Fold {
 public:
  /// What is known of a key below this fold; absent: nothing.
  using Below = std::function<absl::StatusOr<std::optional<FoldedRow>>(const StagedKey&)>;

  /// Below is asked where a key changed and the log left out values. Errors: its.
  absl::Status Take(LoggedChange change, std::int64_t lsn, const Below& below);
  /// Takes in what came later. `above` is empty behind it.
  void Lay(Fold&& above);
  void Clear();

  const FoldedRow* Find(const StagedKey& key) const;
  bool empty() const { return rows_.empty(); }
  std::size_t size() const { return rows_.size(); }
  /// Memory that it takes, with what the allocator needs.
  std::size_t bytes() const;
  /// Of the last change; 0: there is none.
  std::int64_t last_lsn() const { return last_lsn_; }

  using Rows = std::unordered_map<StagedKey, FoldedRow>;
  /// By key; good until the fold changes.
  std::vector<const Rows::value_type*> Sorted() const;

 private:
  void Insert(StagedKey key, std::string values, std::int64_t lsn);
  void Delete(StagedKey key, std::int64_t lsn);
  absl::Status Move(LoggedChange change, std::string values, std::int64_t lsn, const Below& below);
  /// The row of a key, made when it is not there; its values count as gone until Kept().
  std::pair<const StagedKey, FoldedRow>& Reach(StagedKey key, bool* fresh);
  void Kept(const FoldedRow& row) { heap_bytes_ += HeapBytes(row.values); }
  static std::size_t HeapBytes(const std::string& text);

  Rows rows_;
  std::size_t heap_bytes_ = 0;  ///< Of keys and values that do not stand in their nodes.
  std::int64_t last_lsn_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_FOLD_H_
