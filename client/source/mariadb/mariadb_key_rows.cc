#include "client/source/mariadb/mariadb_key_rows.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/source/mariadb/mariadb_types.h"
#include "client/source/rows/packed_key.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/values/row_appender.h"
#include "client/source/values/value_digest.h"

namespace mirror {
namespace {

/// Of one statement: a server takes a megabyte at least.
constexpr std::size_t kKeysBytes = 256 * 1024;
constexpr std::size_t kKeysMax = 1'000;

std::string KeyLiterals(const KnownMariadbTable& known, const std::vector<std::uint32_t>& columns,
                        const Key& key) {
  std::vector<std::string> literals;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    literals.push_back(
        MariadbKeyLiteral(known.table.columns[columns[i]], known.schema.columns[columns[i]], key[i]));
  }
  return absl::StrJoin(literals, ", ");
}

class MariadbKeyRows : public ChangeReader {
 public:
  MariadbKeyRows(std::shared_ptr<const MariadbLook> look, std::shared_ptr<const KnownMariadbTable> known,
                 const std::vector<std::uint32_t>& columns, std::vector<Key> keys)
      : known_(std::move(known)),
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
    MariadbAsk ask = AskForMariadbKeys(*known_, read_, keys_);
    at_end_ = ask.with.empty();
    rows_.emplace(std::move(look), known_, std::move(ask));
  }

  absl::StatusOr<ChangePiece> Next(const BlockSize& size, LargeSink* sink) override {
    ChangePiece piece;
    RowBlock block = RowBlock::For(known_->given, columns_);
    std::size_t weight = 0;
    while (!at_end_ && weight < size.bytes && block.rows() < size.rows) {
      const absl::StatusOr<bool> more = rows_->Next();
      if (!more.ok()) return more.status();
      at_end_ = !*more;
      // What its collation takes for the key is another row.
      if (at_end_ || wanted_.erase(PackedKey(KeyOfRow())) == 0) continue;
      const absl::StatusOr<std::size_t> appended = Append(&block, sink);
      if (!appended.ok()) return appended.status();
      weight += *appended;
    }
    if (block.rows() > 0) {
      piece.blocks.push_back({Operation::kInsert, std::move(block)});
    } else if (at_end_) {
      TakeDeletes(size, &piece);
    }
    piece.last = at_end_ && next_ == keys_.size();
    return piece;
  }

 private:
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

  const std::shared_ptr<const KnownMariadbTable> known_;
  const std::vector<std::uint32_t> columns_, key_;
  std::vector<std::uint32_t> read_;  ///< The columns, and behind them those of the key that are none of them.
  std::vector<std::size_t> key_at_;  ///< Places of the key's parts there.
  const RowAppender appender_;
  const std::vector<Key> keys_;
  std::unordered_set<std::string> wanted_;  ///< That were not found so far.
  std::optional<MariadbSourceRows> rows_;
  bool at_end_ = false;
  std::size_t next_ = 0;
};

}  // namespace

MariadbAsk AskForMariadbKeys(const KnownMariadbTable& known, std::vector<std::uint32_t> columns,
                             const std::vector<Key>& keys) {
  const std::vector<std::uint32_t> key_columns = known.schema.Key();
  std::vector<std::string> names, terms;
  for (std::size_t i = 0; i < key_columns.size(); ++i) {
    names.push_back(absl::StrCat("k", i));
    terms.push_back(absl::StrCat(
        MariadbKeyTerm(known.table.columns[key_columns[i]], known.schema.columns[key_columns[i]]), " = k.k",
        i));
  }
  MariadbAsk ask{std::move(columns)};
  ask.where = absl::StrJoin(terms, " AND ");
  const std::string begin = absl::StrCat("WITH k(", absl::StrJoin(names, ", "), ") AS (VALUES ");
  std::string with = begin;
  std::size_t count = 0;
  for (const Key& key : keys) {
    if (count == kKeysMax || with.size() > kKeysBytes) {
      ask.with.push_back(with + ")");
      with = begin;
      count = 0;
    }
    absl::StrAppend(&with, count++ == 0 ? "" : ", ", "(", KeyLiterals(known, key_columns, key), ")");
  }
  if (count > 0) ask.with.push_back(with + ")");
  return ask;
}

std::unique_ptr<ChangeReader> ReadMariadbKeyRows(std::shared_ptr<const MariadbLook> look,
                                                 std::shared_ptr<const KnownMariadbTable> known,
                                                 const std::vector<std::uint32_t>& columns,
                                                 std::vector<Key> keys) {
  return std::make_unique<MariadbKeyRows>(std::move(look), std::move(known), columns, std::move(keys));
}

}  // namespace mirror
