#include "client/source/capture/value_rows.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_set>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/status_macros.h"
#include "client/source/capture/row_appender.h"
#include "client/source/capture/shown_value.h"
#include "client/source/capture/value_digest.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/sqlite/log/packed_key.h"
#include "proto/wire/key_part.h"

namespace mirror {
namespace {

/// Returns the place of a column in `read`, and adds the column if it is missing.
std::size_t PlaceAmong(std::uint32_t column, std::vector<std::uint32_t>* read) {
  const auto found = std::find(read->begin(), read->end(), column);
  const auto place = static_cast<std::size_t>(found - read->begin());
  if (found == read->end()) read->push_back(column);
  return place;
}

class ValueScan : public DigestReader {
 public:
  ValueScan(const TableSchema& table, ValueScanRule rule, const ScanColumns& what,
            std::unique_ptr<ValueRows> rows)
      : rule_(std::move(rule)), key_at_(what.key_at), bound_at_(what.bound_at), rows_(std::move(rows)) {
    for (std::size_t i = 0; i < what.digested; ++i) digested_.push_back(table.columns[what.read[i]]);
    if (rule_.bound) bound_column_ = table.columns[rule_.bound->column];
  }

  absl::StatusOr<DigestPiece> Next(std::size_t rows, bool each) override {
    DigestPiece piece;
    while (piece.digest.rows < rows) {
      ASSIGN_OR_RETURN(const bool more, rows_->Next());
      if (!more) {
        piece.end = true;
        break;
      }
      if (IsWithin()) Take(each, &piece);
    }
    piece.greatest = greatest_;
    return piece;
  }

  absl::Status Seek(const Key& /*key*/) override {
    return absl::UnimplementedError("the rows do not come in the order of their keys");
  }

 private:
  bool IsWithin() {
    if (!rule_.bound) return true;
    KeyPart part = KeyPartOf(rows_->values()[bound_at_]);
    if (part.kind == Kind::kNull || IsBelow(bound_column_, part, rule_.bound->from)) return false;
    if (greatest_.kind == Kind::kNull || IsBelow(bound_column_, greatest_, part)) greatest_ = std::move(part);
    return true;
  }

  void Take(bool each, DigestPiece* piece) {
    std::string hashes;
    for (std::size_t i = 0; i < digested_.size(); ++i) {
      AddValueToDigest(digested_[i], rows_->values()[i], &digest_);
      if (!rule_.by_column) continue;
      const std::uint64_t hash = digest_.Finish();
      hashes.append(reinterpret_cast<const char*>(&hash), sizeof hash);
    }
    if (rule_.by_column) digest_.AddBytes(hashes);
    const std::uint64_t digest = digest_.Finish();
    piece->digest.Add(digest);
    if (!each || key_at_.empty()) return;
    Key key;
    for (const std::size_t at : key_at_) key.push_back(KeyPartOf(rows_->values()[at]));
    // A key of columns that are not the table's own key may have NULL. Such a key identifies no row.
    if (std::any_of(key.begin(), key.end(), [](const KeyPart& part) { return part.kind == Kind::kNull; }))
      return;
    piece->rows.emplace_back(std::move(key), digest);
    if (rule_.by_column) piece->by_column.push_back(std::move(hashes));
  }

  const ValueScanRule rule_;
  const std::vector<std::size_t> key_at_;
  const std::size_t bound_at_;
  const std::unique_ptr<ValueRows> rows_;
  std::vector<Column> digested_;
  Column bound_column_;
  RowDigest digest_;
  KeyPart greatest_;
};

class ValueTableReader : public TableReader {
 public:
  ValueTableReader(const TableSchema& table, const std::vector<std::uint32_t>& columns,
                   std::unique_ptr<ValueRows> rows)
      : rows_(std::move(rows)), appender_(table, columns) {}

  absl::StatusOr<bool> Next(const BlockSize& size, RowBlock* block, LargeSink* sink) override {
    std::size_t weight = 0;
    while (weight < size.bytes && block->rows() < size.rows) {
      const absl::StatusOr<bool> more = rows_->Next();
      if (!more.ok() || !*more) return more;
      ASSIGN_OR_RETURN(const std::size_t appended, appender_.Append(rows_->values(), block, sink));
      weight += appended;
    }
    return true;
  }

 private:
  const std::unique_ptr<ValueRows> rows_;
  const RowAppender appender_;
};

bool IsNumberAsText(const KeyPart& part) {
  double real = 0;
  return part.kind == Kind::kText && absl::SimpleAtod(part.bytes, &real) && std::isfinite(real);
}

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

  /// Appends deletes for the keys that were not found.
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
  std::unordered_set<std::string> wanted_;  ///< Keys not found so far.
  bool at_end_ = false;
  std::size_t next_ = 0;
};

}  // namespace

ScanColumns::ScanColumns(const TableSchema& table, const std::vector<std::uint32_t>& columns,
                         const ValueScanRule& rule)
    : read(columns), digested(columns.size()) {
  const bool other_key = rule.bound && !rule.bound->key.empty();
  for (const std::uint32_t column : other_key ? rule.bound->key : table.Key())
    key_at.push_back(PlaceAmong(column, &read));
  if (rule.bound) bound_at = PlaceAmong(rule.bound->column, &read);
}

std::unique_ptr<DigestReader> ScanValues(const TableSchema& table, ValueScanRule rule,
                                         const ScanColumns& what, std::unique_ptr<ValueRows> rows) {
  return std::make_unique<ValueScan>(table, std::move(rule), what, std::move(rows));
}

absl::StatusOr<std::uint64_t> CountValues(ValueRows& rows) {
  std::uint64_t count = 0;
  absl::StatusOr<bool> more = rows.Next();
  for (; more.ok() && *more; more = rows.Next()) ++count;
  return more.ok() ? absl::StatusOr<std::uint64_t>(count) : more.status();
}

std::unique_ptr<TableReader> ReadValues(const TableSchema& table, const std::vector<std::uint32_t>& columns,
                                        std::unique_ptr<ValueRows> rows) {
  return std::make_unique<ValueTableReader>(table, columns, std::move(rows));
}

absl::StatusOr<SourceReader::ColumnFacts> FactsOfValues(const Column& given, ValueRows& rows) {
  SourceReader::ColumnFacts facts;
  std::size_t shortest = SIZE_MAX, longest = 0;
  absl::StatusOr<bool> more = rows.Next();
  for (; more.ok() && *more; more = rows.Next()) {
    KeyPart part = KeyPartOf(rows.values().front());
    if (part.kind == Kind::kNull) {
      ++facts.nulls;
      continue;
    }
    shortest = std::min(shortest, part.bytes.size());
    longest = std::max(longest, part.bytes.size());
    if (facts.least.kind == Kind::kNull || IsBelow(given, part, facts.least)) facts.least = part;
    if (facts.greatest.kind == Kind::kNull || IsBelow(given, facts.greatest, part))
      facts.greatest = std::move(part);
  }
  if (!more.ok()) return more.status();
  if (given.type == Type::kDecimal) return facts;
  if (IsNumber(facts.least) && !IsNumber(facts.greatest)) {
    facts.trouble = "holds both numbers and texts, and a text counts as greater than every number";
  } else if (IsNumberAsText(facts.least) && IsNumberAsText(facts.greatest) && shortest != longest) {
    facts.trouble = "holds numbers that are kept as texts ('10' comes before '9')";
  }
  return facts;
}

std::unique_ptr<ChangeReader> ReadKeyRows(std::shared_ptr<const TableSchema> table, ScanColumns what,
                                          WantedKeys keys, std::unique_ptr<ValueRows> rows) {
  return std::make_unique<KeyRows>(std::move(table), std::move(what), std::move(keys), std::move(rows));
}

}  // namespace mirror
