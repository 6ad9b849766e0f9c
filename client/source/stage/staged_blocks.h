#ifndef MIRROR_CLIENT_SOURCE_STAGE_STAGED_BLOCKS_H_
#define MIRROR_CLIENT_SOURCE_STAGE_STAGED_BLOCKS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/reader.h"
#include "client/source/stage/staged_changes.h"
#include "client/source/values/row_appender.h"

namespace mirror {

/// Puts staged rows of one table into the wire's blocks, with what its steps make of them. Threads: one.
class StagedBlocks {
 public:
  /// `texts` outlives it. `columns`: those that are sent.
  StagedBlocks(StagedTexts& texts, const TableSchema& schema, std::vector<std::uint32_t> columns);

  /// The numbers of the key's columns, in its order. Errors: kAborted: they are not the announced key.
  absl::Status SetKey(const std::vector<std::int64_t>& numbers);

  // Errors: those of TableReader::Next().

  /// Nothing is put in for a key that the mirror cannot have, see StagedTexts::DecodeGone().
  absl::Status Delete(const StagedKey& key);
  /// A row with these columns.
  absl::Status Update(const StagedKey& key, std::vector<StagedValue> values, LargeSink* sink);
  /// A whole row; columns without a value are NULL. False: its steps leave it out.
  absl::StatusOr<bool> Insert(const StagedKey& key, std::vector<StagedValue> values, LargeSink* sink);
  /// The same into this block.
  absl::StatusOr<bool> InsertInto(const StagedKey& key, std::vector<StagedValue> values, RowBlock* block,
                                  LargeSink* sink);

  bool IsEmpty() const { return rows_ == 0; }
  bool IsFull(const BlockSize& size) const;
  /// Deletes, updates, inserts.
  std::vector<ChangeBlock> TakeAll();

 private:
  /// Rows with the same columns.
  struct Shape {
    RowAppender appender;
    std::optional<RowBlock> block;
  };
  using Texts = std::vector<SourceText>;

  std::optional<std::uint32_t> ColumnOf(std::int64_t number);
  absl::StatusOr<std::vector<std::string>> KeyTexts(const StagedKey& key) const;
  absl::StatusOr<Texts> ByColumn(const StagedKey& key, std::vector<StagedValue> values);
  absl::StatusOr<std::vector<Value>> Decode(const std::vector<std::uint32_t>& columns, const Texts& texts);
  absl::Status Append(const RowAppender& appender, const std::vector<std::uint32_t>& columns,
                      const std::vector<Value>& values, RowBlock* block, LargeSink* sink);

  StagedTexts& texts_;
  const TableSchema& schema_;
  const std::vector<std::uint32_t> columns_;
  std::vector<std::uint32_t> all_, announced_key_;
  std::vector<std::uint32_t> key_;  ///< In the order of the key's texts.
  const RowAppender whole_, gone_;
  std::unordered_map<std::int64_t, std::optional<std::uint32_t>> numbers_;
  std::vector<bool> touched_;  ///< Of the row at hand, by column.
  std::map<std::vector<std::uint32_t>, Shape> shapes_;
  std::optional<RowBlock> deletes_, inserts_;
  std::size_t rows_ = 0, weight_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STAGE_STAGED_BLOCKS_H_
