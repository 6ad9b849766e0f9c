#include "client/source/values/key_rows.h"

#include <string>
#include <unordered_set>
#include <utility>

#include "base/status_macros.h"
#include "client/source/rows/packed_key.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/values/row_appender.h"
#include "client/source/values/value_digest.h"

namespace mirror {
namespace {

class KeyRows : public ChangeReader {
 public:
  KeyRows(std::shared_ptr<const TableSchema> table, ScanColumns what, WantedKeys keys,
          std::unique_ptr<ValueRows> rows)
      : table_(std::move(table)),
        what_(std::move(what)),
        columns_(what_.read.begin(), what_.read.begin() + static_cast<std::ptrdiff_t>(what_.digested)),
        key_(table_->Key()),
        appender_(*table_, columns_),
        keys_(std::move(keys)),
        rows_(std::move(rows)),
        at_end_(rows_ == nullptr) {
    for (const Key& key : *keys_) wanted_.insert(PackedKey(key));
  }

  absl::StatusOr<ChangePiece> Next(const BlockSize& size, LargeSink* sink) override {
    ChangePiece piece;
    RowBlock block = RowBlock::For(*table_, columns_);
    std::size_t weight = 0;
    while (!at_end_ && weight < size.bytes && block.rows() < size.rows) {
      ASSIGN_OR_RETURN(const bool more, rows_->Next());
      at_end_ = !more;
      if (at_end_ || wanted_.erase(PackedKey(KeyOfRow())) == 0) continue;
      ASSIGN_OR_RETURN(const std::size_t appended, Append(&block, sink));
      weight += appended;
    }
    if (block.rows() > 0) piece.blocks.push_back({Operation::kInsert, std::move(block)});
    if (at_end_ && piece.blocks.empty()) TakeDeletes(size, &piece);
    piece.last = at_end_ && next_ == keys_->size();
    return piece;
  }

 private:
  Key KeyOfRow() const {
    Key key;
    for (const std::size_t at : what_.key_at) key.push_back(KeyPartOf(rows_->values()[at]));
    return key;
  }

  absl::StatusOr<std::size_t> Append(RowBlock* block, LargeSink* sink) {
    if (what_.read.size() == columns_.size()) return appender_.Append(rows_->values(), block, sink);
    std::vector<Value> values = rows_->values();
    values.resize(columns_.size());
    return appender_.Append(values, block, sink);
  }

  /// Of keys that were not found.
  void TakeDeletes(const BlockSize& size, ChangePiece* piece) {
    RowBlock gone = RowBlock::For(*table_, key_);
    for (; next_ < keys_->size() && gone.rows() < size.rows && gone.bytes() < size.bytes; ++next_) {
      const Key& key = (*keys_)[next_];
      if (wanted_.erase(PackedKey(key)) > 0) AppendKey(key, &gone);
    }
    if (gone.rows() > 0) piece->blocks.push_back({Operation::kDelete, std::move(gone)});
  }

  const std::shared_ptr<const TableSchema> table_;
  const ScanColumns what_;
  const std::vector<std::uint32_t> columns_, key_;
  const RowAppender appender_;
  const WantedKeys keys_;
  const std::unique_ptr<ValueRows> rows_;
  std::unordered_set<std::string> wanted_;  ///< That were not found so far.
  bool at_end_ = false;
  std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<ChangeReader> ReadKeyRows(std::shared_ptr<const TableSchema> table, ScanColumns what,
                                          WantedKeys keys, std::unique_ptr<ValueRows> rows) {
  return std::make_unique<KeyRows>(std::move(table), std::move(what), std::move(keys), std::move(rows));
}

}  // namespace mirror
