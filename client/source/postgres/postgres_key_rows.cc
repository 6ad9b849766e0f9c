#include "client/source/postgres/postgres_key_rows.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/failure.h"
#include "client/source/rows/packed_key.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/values/row_appender.h"
#include "client/source/values/value_digest.h"

namespace mirror {
namespace {

class PostgresKeyRows : public ChangeReader {
 public:
  PostgresKeyRows(std::shared_ptr<const PostgresLook> look, std::shared_ptr<const KnownPostgresTable> known,
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
    Ask(/*by_text=*/false);
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
  /// `by_text`: whatever text a key has, it is compared with that of the row's.
  void Ask(bool by_text) {
    by_text_ = by_text;
    std::vector<std::string> arrays, names, terms;
    std::vector<postgres::Array> values;
    for (std::size_t i = 0; i < key_.size(); ++i) {
      const PostgresColumn& column = known_->table.columns[key_[i]];
      const Column& announced = known_->schema.columns[key_[i]];
      const std::string part = absl::StrCat("k.k", i);
      names.push_back(absl::StrCat("k", i));
      arrays.push_back(absl::StrCat("$", i + 1, "::text[]"));
      const bool is_text = FormOf(column, announced) == PostgresValueForm::kText;
      terms.push_back(by_text && is_text
                          ? absl::StrCat("format('%s', t.", QuoteName(column.name), ") = ", part)
                          : absl::StrCat("t.", QuoteName(column.name), " ", OperatorOf(i), " ", part,
                                         "::", column.type_name));
      postgres::Array& texts = values.emplace_back(postgres::Type::kText);
      for (const Key& key : keys_) texts.Add(TextOfKeyPart(announced, key[i]));
    }
    PostgresAsk ask{read_};
    ask.join =
        absl::StrCat("unnest(", absl::StrJoin(arrays, ", "), ") AS k(", absl::StrJoin(names, ", "), ") JOIN");
    ask.where = absl::StrJoin(terms, " AND ");
    rows_.emplace(look_, known_, std::move(ask));
    rows_->Bind(std::move(values));
  }

  /// As the key's own index has it, so that it leads there.
  std::string OperatorOf(std::size_t part) const {
    const std::vector<std::string>& operators = known_->table.key_operators;
    return part < operators.size() ? operators[part] : "=";
  }

  absl::StatusOr<bool> NextRow() {
    absl::StatusOr<bool> more = rows_->Next();
    // A key that the mirror has need not be one that the source can have: a label of an enum that was
    // renamed.
    const bool is_none = postgres::TroubleOf(more.status()) == postgres::Trouble::kValue;
    if (!is_none || by_text_) return more;
    // Those that were found already are wanted no more.
    Ask(/*by_text=*/true);
    return rows_->Next();
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

  const std::shared_ptr<const PostgresLook> look_;
  const std::shared_ptr<const KnownPostgresTable> known_;
  const std::vector<std::uint32_t> columns_, key_;
  std::vector<std::uint32_t> read_;  ///< The columns, and behind them those of the key that are none of them.
  std::vector<std::size_t> key_at_;  ///< Places of the key's parts there.
  const RowAppender appender_;
  const std::vector<Key> keys_;
  std::unordered_set<std::string> wanted_;  ///< That were not found so far.
  std::optional<PostgresSourceRows> rows_;
  bool by_text_ = false;
  bool at_end_ = false;
  std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<ChangeReader> ReadPostgresKeyRows(std::shared_ptr<const PostgresLook> look,
                                                  std::shared_ptr<const KnownPostgresTable> known,
                                                  const std::vector<std::uint32_t>& columns,
                                                  std::vector<Key> keys) {
  return std::make_unique<PostgresKeyRows>(std::move(look), std::move(known), columns, std::move(keys));
}

}  // namespace mirror
