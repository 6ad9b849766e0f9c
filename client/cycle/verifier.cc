#include "client/cycle/verifier.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/status_macros.h"
#include "proto/wire/codec.h"
#include "proto/wire/key_part.h"
#include "proto/wire/limits.h"

namespace mirror {
namespace {

constexpr std::size_t kRequestBytes = 4 << 20;
/// Maximum of the mirror's rows whose keys are read: they are kept in memory.
constexpr std::uint64_t kMirrorRowsRead = 1'000'000;

/// One row of the source, with the key range up to the next row.
struct RowRange {
  KeyRange range;
  std::optional<Key> key;  ///< Absent: the source has no row in this range.
  std::uint64_t digest = 0;
  std::uint64_t mirrored = 0;         ///< Number of the mirror's rows.
  std::vector<Key> mirror_keys = {};  ///< In key order.
};

std::size_t BytesOf(const Key& key) {
  std::size_t bytes = 0;
  for (const KeyPart& part : key) bytes += part.bytes.size() + sizeof(std::int64_t) + 4;
  return bytes;
}

}  // namespace

class Verifier::TableComparison {
 public:
  TableComparison(Verifier& verifier, const TableSchema& table, const std::vector<std::uint32_t>& columns,
                  const Position& position, Ghosts ghosts)
      : verifier_(verifier),
        table_(table),
        columns_(columns),
        position_(position),
        ghosts_count_(ghosts == Ghosts::kCount),
        key_(table.Key()) {}

  absl::StatusOr<Differences> Run() {
    ASSIGN_OR_RETURN(digests_, verifier_.reader_.Digests(table_.name, columns_));
    absl::Status status = key_.empty() ? CompareWhole() : CompareByKey();
    if (!status.ok()) return status;
    digests_.reset();
    const bool equal = lost_.empty() && changed_.empty() && ghosts_.empty() && found_.equal();
    if (equal) return std::move(found_);
    RETURN_IF_ERROR(LeaveOutChanged());
    return std::move(found_);
  }

 private:
  /// Consecutive rows of the source, and their key range at the mirror.
  struct Leaf {
    KeyRange range;
    Key behind;  ///< The last key before it; empty: none.
    RangeDigest digest;
  };

  // --- A table without a key ---

  absl::Status CompareWhole() {
    RangeDigest own;
    for (bool end = false; !end;) {
      const absl::StatusOr<DigestPiece> piece = digests_->Next(kLeafRows, /*each=*/false);
      if (!piece.ok()) return piece.status();
      own.Add(piece->digest);
      end = piece->end;
    }
    found_.rows = own.rows;
    ASSIGN_OR_RETURN(const std::vector<RangeDigest> mirror, Ask({}));
    found_.beyond_repair = mirror.front() != own;
    if (!found_.beyond_repair) return absl::OkStatus();
    const std::uint64_t mirrored = mirror.front().rows;
    found_.lost = own.rows > mirrored ? own.rows - mirrored : 0;
    found_.ghosts = mirrored > own.rows ? mirrored - own.rows : 0;
    if (found_.Count() == 0) found_.changed = 1;  // At least.
    return absl::OkStatus();
  }

  // --- The whole table in large ranges ---

  absl::Status CompareByKey() {
    std::vector<Leaf> leaves(1);
    for (bool end = false; !end;) {
      absl::StatusOr<DigestPiece> piece = digests_->Next(kLeafRows, /*each=*/false);
      if (!piece.ok()) return piece.status();
      end = piece->end;
      untold_.insert(piece->untold.begin(), piece->untold.end());
      partial_ = partial_ || piece->partial;
      found_.rows += piece->digest.rows;
      if (verifier_.progress_) verifier_.progress_(found_.rows);
      if (piece->digest.rows == 0) continue;
      if (found_.rows > piece->digest.rows) {
        Leaf& next = leaves.emplace_back();
        Leaf& before = leaves[leaves.size() - 2];
        before.range.last = piece->first;
        next.range.first = piece->first;
        next.behind = std::move(last_key_);
      }
      leaves.back().digest = piece->digest;
      last_key_ = std::move(piece->last);
      // Compared ranges are dropped, except the last one, whose end is not known yet.
      if (leaves.size() > verifier_.ranges_max_ || BytesOfLeaves(leaves) > verifier_.request_bytes_max_) {
        Leaf open = std::move(leaves.back());
        leaves.pop_back();
        RETURN_IF_ERROR(KeepDifferent(std::move(leaves)));
        leaves = {std::move(open)};
      }
    }
    RETURN_IF_ERROR(KeepDifferent(std::move(leaves)));
    if (different_.size() > kLeavesSearched) {
      found_.beyond_repair = true;
      // At least one row in each.
      found_.changed = different_.size();
      return absl::OkStatus();
    }
    return SearchLeaves();
  }

  static std::size_t BytesOfLeaves(const std::vector<Leaf>& leaves) {
    // The keys of one table have similar lengths.
    return leaves.size() * 2 * (BytesOf(leaves.back().range.first) + 1);
  }

  absl::Status KeepDifferent(std::vector<Leaf> leaves) {
    std::vector<KeyRange> ranges;
    for (const Leaf& leaf : leaves) ranges.push_back(leaf.range);
    ASSIGN_OR_RETURN(const std::vector<RangeDigest> mirror, Ask(ranges));
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      if (mirror[i] == leaves[i].digest) continue;
      if (different_.size() <= kLeavesSearched) different_.push_back(std::move(leaves[i]));
    }
    return absl::OkStatus();
  }

  // --- The ranges that differ, row by row ---

  absl::Status SearchLeaves() {
    std::vector<RowRange> rows;
    std::size_t bytes = 0;
    for (const Leaf& leaf : different_) {
      RETURN_IF_ERROR(ReadLeaf(leaf, &rows, &bytes));
      if (rows.size() < verifier_.ranges_max_ / 2 && bytes < verifier_.request_bytes_max_) continue;
      RETURN_IF_ERROR(SearchRows(std::exchange(rows, {})));
      bytes = 0;
    }
    return SearchRows(std::move(rows));
  }

  /// Makes one range for each row that the source has there now.
  absl::Status ReadLeaf(const Leaf& leaf, std::vector<RowRange>* rows, std::size_t* bytes) {
    RETURN_IF_ERROR(digests_->Seek(leaf.behind));
    rows->emplace_back().range.first = leaf.range.first;
    for (bool end = false; !end;) {
      absl::StatusOr<DigestPiece> piece = digests_->Next(kLeafRows, /*each=*/true);
      if (!piece.ok()) return piece.status();
      end = piece->end;
      for (auto& [key, digest] : piece->rows) {
        if (!leaf.range.first.empty() && key < leaf.range.first) continue;
        if (!leaf.range.last.empty() && key >= leaf.range.last) {
          end = true;
          break;
        }
        if (rows->back().key) {
          RowRange next;
          next.range.first = key;
          rows->back().range.last = key;
          rows->push_back(std::move(next));
        }
        *bytes += 2 * BytesOf(key);
        rows->back().digest = digest;
        rows->back().key = std::move(key);
      }
    }
    rows->back().range.last = leaf.range.last;
    return absl::OkStatus();
  }

  absl::Status SearchRows(std::vector<RowRange> rows) {
    std::vector<KeyRange> ranges;
    for (const RowRange& row : rows) ranges.push_back(row.range);
    ASSIGN_OR_RETURN(const std::vector<RangeDigest> mirror, Ask(ranges));
    std::vector<RowRange> odd;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const RangeDigest& theirs = mirror[i];
      const RangeDigest ours = rows[i].key ? RangeDigest{1, rows[i].digest} : RangeDigest{};
      if (theirs == ours) continue;
      rows[i].mirrored = theirs.rows;
      // An endpoint's count may be any number.
      mirror_rows_ += std::min(theirs.rows, kMirrorRowsRead + 1);
      odd.push_back(std::move(rows[i]));
    }
    if (mirror_rows_ > kMirrorRowsRead) {
      found_.beyond_repair = true;
      found_.ghosts = mirror_rows_ > found_.rows ? mirror_rows_ - found_.rows : 0;
      if (found_.Count() == 0) found_.changed = odd.size();
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(ReadMirrorKeys(&odd));
    RETURN_IF_ERROR(CompareBesideGhosts(odd));
    for (RowRange& row : odd) Conclude(row);
    return absl::OkStatus();
  }

  // --- The mirror's rows in these ranges ---

  absl::Status ReadMirrorKeys(std::vector<RowRange>* odd) {
    std::vector<RowRange*> wanted;
    for (RowRange& row : *odd) {
      if (row.mirrored > 0) wanted.push_back(&row);
    }
    for (std::size_t begin = 0; begin < wanted.size(); begin += verifier_.ranges_max_) {
      const std::size_t end = std::min(wanted.size(), begin + verifier_.ranges_max_);
      const std::vector<RowRange*> some(wanted.begin() + static_cast<std::ptrdiff_t>(begin),
                                        wanted.begin() + static_cast<std::ptrdiff_t>(end));
      RETURN_IF_ERROR(ReadKeysOf(some));
    }
    return absl::OkStatus();
  }

  absl::Status ReadKeysOf(const std::vector<RowRange*>& wanted) {
    v1::ReadRowsRequest request;
    request.set_cycle(verifier_.cycle_);
    request.set_table(table_.name);
    EncodePosition(position_, request.mutable_position());
    request.mutable_columns()->Add(key_.begin(), key_.end());
    for (const RowRange* const row : wanted) EncodeKeyRange(row->range, request.add_ranges());
    std::size_t at = 0;
    return verifier_.client_.ReadRows(request, [&](const v1::ReadRowsResponse& response) {
      ASSIGN_OR_RETURN(const ReadRowsView view, DecodeRows(response, table_, WireLimits{}));
      bool asked_for = view.columns.size() == key_.size();
      for (std::size_t i = 0; asked_for && i < key_.size(); ++i) {
        asked_for = view.columns[i].column == key_[i];
      }
      if (!asked_for) {
        return absl::InternalError(
            absl::StrCat("table '", table_.name, "': the endpoint gave other columns than it was asked for"));
      }
      for (std::uint32_t row = 0; row < view.row_count; ++row) {
        Key key;
        for (const ColumnView& column : view.columns) key.push_back(KeyPartOf(column.At(row)));
        // Ranges are answered in turn, each in key order.
        while (at < wanted.size() && wanted[at]->mirror_keys.size() == wanted[at]->mirrored) ++at;
        if (at == wanted.size()) {
          return absl::AbortedError(
              absl::StrCat("table '", table_.name, "': the mirror gave more rows than it counted"));
        }
        wanted[at]->mirror_keys.push_back(std::move(key));
      }
      return absl::OkStatus();
    });
  }

  /// For ranges with a row of the source and ghosts: checks whether the row itself is equal.
  absl::Status CompareBesideGhosts(std::vector<RowRange>& odd) {
    std::vector<RowRange*> rows;
    std::vector<KeyRange> ranges;
    for (RowRange& row : odd) {
      if (!row.key || row.mirrored < 2) continue;
      const auto own = std::find(row.mirror_keys.begin(), row.mirror_keys.end(), *row.key);
      if (own == row.mirror_keys.end()) continue;
      rows.push_back(&row);
      ranges.push_back({*own, own + 1 == row.mirror_keys.end() ? row.range.last : *(own + 1)});
    }
    if (ranges.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::vector<RangeDigest> mirror, Ask(ranges));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (mirror[i] == RangeDigest{1, rows[i]->digest}) same_.insert(*rows[i]->key);
    }
    return absl::OkStatus();
  }

  void Conclude(const RowRange& row) {
    bool there = false;
    for (const Key& key : row.mirror_keys) {
      if (row.key && key == *row.key) {
        there = true;
      } else {
        // A row that the source has and cannot read is no ghost.
        if (ghosts_count_ && !partial_ && !untold_.contains(key)) ghosts_.push_back(key);
      }
    }
    if (!row.key || same_.contains(*row.key)) return;
    (there ? changed_ : lost_).push_back(*row.key);
  }

  /// Removes rows that changed since the mirror's position: they are expected to differ.
  absl::Status LeaveOutChanged() {
    ASSIGN_OR_RETURN(const std::optional<std::vector<Key>> since,
                     verifier_.history_.ChangedKeys(table_.name, position_.lsn));
    if (!since) {
      ASSIGN_OR_RETURN(const std::optional<bool> changed,
                       verifier_.history_.ChangedSince(table_.name, position_.lsn));
      if (changed.value_or(false)) {
        return absl::AbortedError(
            absl::StrCat("table '", table_.name, "' changed while it was compared; try again"));
      }
    }
    if (key_.empty()) return absl::OkStatus();
    const std::set<Key> by_right = since ? std::set<Key>(since->begin(), since->end()) : std::set<Key>();
    const auto keep = [&](std::vector<Key>& keys, std::uint64_t* count, std::vector<Key>* shown) {
      std::erase_if(keys, [&](const Key& key) { return by_right.contains(key); });
      *count = keys.size();
      shown->assign(keys.begin(),
                    keys.begin() + static_cast<std::ptrdiff_t>(std::min(keys.size(), kKeysShown)));
      found_.keys.insert(found_.keys.end(), keys.begin(), keys.end());
    };
    if (!found_.beyond_repair) {
      for (const Key& key : changed_) {
        if (by_right.contains(key)) found_.unsettled.push_back(key);
      }
      keep(lost_, &found_.lost, &found_.lost_keys);
      keep(changed_, &found_.changed, &found_.changed_keys);
      keep(ghosts_, &found_.ghosts, &found_.ghost_keys);
    } else if (!by_right.empty() && by_right.size() >= found_.Count()) {
      return absl::AbortedError(
          absl::StrCat("table '", table_.name, "' changes too fast to be compared; try again"));
    }
    std::sort(found_.keys.begin(), found_.keys.end());
    return absl::OkStatus();
  }

  /// `ranges` empty: the whole table, as one range.
  absl::StatusOr<std::vector<RangeDigest>> Ask(const std::vector<KeyRange>& ranges) {
    std::vector<RangeDigest> digests;
    std::size_t at = 0;
    do {
      v1::DigestRangesRequest request;
      request.set_cycle(verifier_.cycle_);
      request.set_table(table_.name);
      EncodePosition(position_, request.mutable_position());
      const std::size_t end = std::min(ranges.size(), at + verifier_.ranges_max_);
      for (; at < end; ++at) {
        v1::KeyRange* const range = request.add_ranges();
        EncodeKeyRange(ranges[at], range);
        if (!DecodeKeyRange(*range, table_).ok()) return Misfit();
      }
      CrashPoint("agent.comparing");
      ASSIGN_OR_RETURN(const v1::DigestRangesResponse response, verifier_.client_.DigestRanges(request));
      if (response.digests_size() != std::max(request.ranges_size(), 1)) {
        return absl::InternalError("the endpoint did not answer for each range. Nothing was compared");
      }
      for (const auto& digest : response.digests()) digests.push_back({digest.row_count(), digest.digest()});
    } while (at < ranges.size());
    return digests;
  }

  /// A key of the source has another type than announced: the mirror cannot even be asked for it.
  absl::Status Misfit() {
    verifier_.reader_.Forget(table_.name);
    return absl::AbortedError(
        absl::StrCat("table '", table_.name, "': a new key does not fit the type that was announced"));
  }

  Verifier& verifier_;
  const TableSchema& table_;
  const std::vector<std::uint32_t>& columns_;
  const Position& position_;
  const bool ghosts_count_;
  const std::vector<std::uint32_t> key_;
  std::unique_ptr<DigestReader> digests_;
  std::uint64_t mirror_rows_ = 0;  ///< In the ranges that differ.
  Key last_key_;                   ///< The last key of the leaf that was read last.
  std::vector<Leaf> different_;
  std::set<Key> same_;    ///< Equal rows in a range with ghosts.
  std::set<Key> untold_;  ///< Rows of the source that cannot be read.
  bool partial_ = false;  ///< For some of these rows not even the key is known.
  std::vector<Key> lost_, changed_, ghosts_;
  Differences found_;
};

Verifier::Verifier(SourceReader& reader, MirrorClient& client, History& history, std::int64_t cycle,
                   const v1::Limits& limits)
    : reader_(reader),
      client_(client),
      history_(history),
      cycle_(cycle),
      ranges_max_(limits.digest_ranges_max() > 0 ? limits.digest_ranges_max() : kDigestRangesMax),
      request_bytes_max_(limits.message_bytes_max() > 0
                             ? std::min<std::size_t>(kRequestBytes, limits.message_bytes_max() / 4)
                             : kRequestBytes) {}

absl::StatusOr<Differences> Verifier::Compare(const TableSchema& table,
                                              const std::vector<std::uint32_t>& columns,
                                              const Position& position, Ghosts ghosts) {
  return TableComparison(*this, table, columns, position, ghosts).Run();
}

}  // namespace mirror
