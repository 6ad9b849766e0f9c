#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_BLOCK_DIGESTS_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_BLOCK_DIGESTS_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "proto/wire/key_range.h"
#include "proto/wire/row_block.h"
#include "proto/wire/row_digest.h"
#include "proto/wire/table.h"

namespace mirror {

/// Reads the rows of a block that has all columns of its table, in their order, and computes the digest of
/// each. Threads: one. The table and the block must outlive it.
class BlockDigests {
 public:
  /// `by_column`: see DigestPiece.
  BlockDigests(const TableSchema& table, const RowBlock& block, bool by_column);

  /// False: there is no further row.
  bool Next();
  /// Key of the present row.
  const Key& key() const { return key_; }
  std::uint64_t digest() const { return digest_; }
  const std::string& hashes() const { return hashes_; }
  /// Whether no value of the row was sent before in parts; such a value is not in the digest.
  bool whole() const { return whole_; }

 private:
  /// The present positions in the arrays of a column.
  struct Place {
    std::size_t ints = 0, doubles = 0, lengths = 0, bytes = 0, large = 0;
  };
  KeyPart Take(const ColumnBuffer& buffer, const Column& column, Place* place);

  const TableSchema& table_;
  const RowBlock& block_;
  const bool by_column_;
  std::vector<std::size_t> key_at_;  ///< Place of each column in the key, from 1; 0: it is not in the key.
  std::vector<Place> places_;
  std::size_t row_ = 0;
  RowDigest row_digest_;
  Key key_;
  std::uint64_t digest_ = 0;
  std::string hashes_;
  bool whole_ = true;
};

/// Returns the block without these rows.
RowBlock WithoutRows(const TableSchema& table, const RowBlock& block, const std::set<std::size_t>& rows);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_BLOCK_DIGESTS_H_
