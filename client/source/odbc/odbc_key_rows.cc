#include "client/source/odbc/odbc_key_rows.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/odbc/failure.h"
#include "client/source/odbc/odbc_conditions.h"
#include "client/source/rows/packed_key.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/values/row_appender.h"
#include "client/source/values/value_digest.h"

namespace mirror {
namespace {

/// Of one statement: databases bound how many parameters, and how deep conditions, may be.
constexpr std::size_t kSingleKeysAtOnce = 500;
constexpr std::size_t kKeysAtOnce = 100;

class OdbcKeyRows : public ChangeReader {
 public:
  OdbcKeyRows(std::shared_ptr<const OdbcLook> look, std::shared_ptr<const KnownOdbcTable> known,
              const std::vector<std::uint32_t>& columns, std::vector<Key> keys)
      : look_(std::move(look)),
        known_(std::move(known)),
        columns_(columns),
        key_(known_->schema.Key()),
        read_(columns),
        appender_(known_->given, columns),
        keys_(std::move(keys)) {
    for (const std::uint32_t column : key_) {
      const auto found = std::find(read_.begin(), read_.end(), column);
      key_at_.push_back(static_cast<std::size_t>(found - read_.begin()));
      if (found == read_.end()) read_.push_back(column);
    }
    for (const Key& key : keys_) wanted_.insert(PackedKey(key));
  }

  absl::StatusOr<ChangePiece> Next(const BlockSize& size, LargeSink* sink) override {
    ChangePiece piece;
    RowBlock block = RowBlock::For(known_->given, columns_);
    std::size_t weight = 0;
    while (!at_end_ && weight < size.bytes && block.rows() < size.rows) {
      const absl::StatusOr<bool> more = NextRow();
      if (!more.ok()) return more.status();
      at_end_ = !*more;
      if (at_end_ || wanted_.erase(PackedKey(KeyOfRow())) == 0) continue;
      const absl::StatusOr<std::size_t> appended = Append(&block, sink);
      if (!appended.ok()) return appended.status();
      weight += *appended;
    }
    if (block.rows() > 0) piece.blocks.push_back({Operation::kInsert, std::move(block)});
    if (at_end_ && piece.blocks.empty()) TakeDeletes(size, &piece);
    piece.last = at_end_ && next_ == keys_.size();
    return piece;
  }

 private:
  /// For the keys from `from_` to `to_`. `by_text`: whatever text a key has, it is compared with that of the
  /// row's.
  void Ask(bool by_text) {
    by_text_ = by_text;
    OdbcAsk ask{read_};
    static const std::string kText = "?";
    std::vector<std::string> ways;
    for (std::size_t k = from_; k < to_; ++k) {
      std::vector<std::string> terms;
      for (std::size_t i = 0; i < key_.size(); ++i) {
        const OdbcColumn& column = known_->table.columns[key_[i]];
        const bool as_text = by_text && known_->FormOf(key_[i]) == OdbcForm::kText;
        const bool is_wide = known_->IsWide(key_[i]);
        const std::string& name = as_text ? column.wide_value : is_wide ? column.wide_name : column.name;
        const std::string& place = as_text ? kText : is_wide ? column.wide_place : column.place;
        ask.parameters.push_back(OdbcKeyParameter(column, known_->schema.columns[key_[i]], keys_[k][i]));
        terms.push_back(key_.size() == 1 ? place : absl::StrCat(name, " = ", place));
        if (key_.size() == 1) one_name_ = name;
      }
      ways.push_back(key_.size() == 1 ? terms.front()
                                      : absl::StrCat("(", absl::StrJoin(terms, " AND "), ")"));
    }
    ask.where = key_.size() == 1 ? absl::StrCat(one_name_, " IN (", absl::StrJoin(ways, ", "), ")")
                                 : absl::StrJoin(ways, " OR ");
    // As many rows as there are keys, and those that the source takes for equal to them.
    ask.rows_max = kNoPages;
    rows_.reset();
    rows_.emplace(look_, known_, std::move(ask));
  }

  absl::StatusOr<bool> NextRow() {
    for (;;) {
      if (!rows_) {
        if (to_ == keys_.size()) return false;
        from_ = to_;
        to_ = std::min(keys_.size(), from_ + (key_.size() == 1 ? kSingleKeysAtOnce : kKeysAtOnce));
        Ask(/*by_text=*/false);
      }
      absl::StatusOr<bool> more = rows_->Next();
      // A key that the mirror has need not be one that the source can have: a label of an enum that was
      // renamed.
      const bool is_none = odbc::TroubleOf(more.status()) == odbc::Trouble::kValue;
      if (is_none && !by_text_) {
        // Those that were found already are wanted no more.
        Ask(/*by_text=*/true);
        more = rows_->Next();
      }
      if (!more.ok() || *more) return more;
      rows_.reset();
    }
  }

  Key KeyOfRow() const {
    Key key;
    for (const std::size_t at : key_at_) key.push_back(KeyPartOf(rows_->values()[at]));
    return key;
  }

  absl::StatusOr<std::size_t> Append(RowBlock* block, LargeSink* sink) {
    if (read_.size() == columns_.size()) return appender_.Append(rows_->values(), block, sink);
    std::vector<Value> values = rows_->values();
    values.resize(columns_.size());
    return appender_.Append(values, block, sink);
  }

  /// Of keys that were not found.
  void TakeDeletes(const BlockSize& size, ChangePiece* piece) {
    RowBlock gone = RowBlock::For(known_->given, key_);
    for (; next_ < keys_.size() && gone.rows() < size.rows && gone.bytes() < size.bytes; ++next_) {
      if (wanted_.erase(PackedKey(keys_[next_])) > 0) AppendKey(keys_[next_], &gone);
    }
    if (gone.rows() > 0) piece->blocks.push_back({Operation::kDelete, std::move(gone)});
  }

  /// A statement for some keys is not read page by page.
  static constexpr std::size_t kNoPages = 1'000'000;

  const std::shared_ptr<const OdbcLook> look_;
  const std::shared_ptr<const KnownOdbcTable> known_;
  const std::vector<std::uint32_t> columns_, key_;
  std::vector<std::uint32_t> read_;  ///< The columns, and behind them those of the key that are none of them.
  std::vector<std::size_t> key_at_;  ///< Places of the key's parts there.
  const RowAppender appender_;
  const std::vector<Key> keys_;
  std::unordered_set<std::string> wanted_;  ///< That were not found so far.
  std::optional<OdbcSourceRows> rows_;
  std::size_t from_ = 0, to_ = 0;  ///< The keys that the present statement asks for.
  std::string one_name_;
  bool by_text_ = false;
  bool at_end_ = false;
  std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<ChangeReader> ReadOdbcKeyRows(std::shared_ptr<const OdbcLook> look,
                                              std::shared_ptr<const KnownOdbcTable> known,
                                              const std::vector<std::uint32_t>& columns,
                                              std::vector<Key> keys) {
  return std::make_unique<OdbcKeyRows>(std::move(look), std::move(known), columns, std::move(keys));
}

}  // namespace mirror
