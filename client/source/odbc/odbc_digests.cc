#include "client/source/odbc/odbc_digests.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "client/source/capture/shown_value.h"
#include "client/source/odbc/odbc_conditions.h"
#include "client/source/postgres/value_digest.h"

namespace mirror {
namespace {

/// The place of a column among those that are read, which gets it where it has none.
std::size_t OdbcPlaceOf(std::uint32_t column, std::vector<std::uint32_t>* read) {
  const auto found = std::find(read->begin(), read->end(), column);
  const auto place = static_cast<std::size_t>(found - read->begin());
  if (found == read->end()) read->push_back(column);
  return place;
}

class OdbcScan : public DigestReader {
 public:
  OdbcScan(std::shared_ptr<const OdbcLook> look, std::shared_ptr<const KnownOdbcTable> known,
               const std::vector<std::uint32_t>& columns, OdbcScanRule rule)
      : rule_(std::move(rule)) {
    for (const std::uint32_t column : columns) digested_.push_back(known->given.columns[column]);
    OdbcAsk ask{columns};
    const bool other_key = rule_.bound && !rule_.bound->key.empty();
    for (const std::uint32_t column : other_key ? rule_.bound->key : known->schema.Key())
      key_at_.push_back(OdbcPlaceOf(column, &ask.columns));
    if (rule_.bound) {
      const std::uint32_t column = rule_.bound->column;
      bound_at_ = OdbcPlaceOf(column, &ask.columns);
      bound_column_ = known->given.columns[column];
      ask.left_out = rule_.bound->left_out;
      if (!known->steps) {
        ask.where = OdbcFromSql(known->table.columns[column], known->schema.columns[column],
                                rule_.bound->from, &ask.parameters);
        // There is no `where` that could leave rows out.
        is_empty_ = ask.left_out;
      }
    }
    rows_.emplace(std::move(look), std::move(known), std::move(ask));
  }

  absl::StatusOr<DigestPiece> Next(std::size_t rows, bool each) override {
    DigestPiece piece;
    piece.end = is_empty_;
    while (!piece.end && piece.digest.rows < rows) {
      const absl::StatusOr<bool> more = rows_->Next();
      if (!more.ok()) return more.status();
      if (!*more) {
        piece.end = true;
        break;
      }
      if (IsWithin()) Take(each, &piece);
    }
    piece.greatest = greatest_;
    return piece;
  }

  absl::Status Seek(const Key& /*key*/) override {
    return absl::UnimplementedError("the rows come in no order of their keys");
  }

 private:
  bool IsWithin() {
    if (!bound_at_) return true;
    KeyPart part = KeyPartOf(rows_->values()[*bound_at_]);
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
    // Columns that are no key of the table may have no value: that names no row.
    if (std::any_of(key.begin(), key.end(), [](const KeyPart& part) { return part.kind == Kind::kNull; }))
      return;
    piece->rows.emplace_back(std::move(key), digest);
    if (rule_.by_column) piece->by_column.push_back(std::move(hashes));
  }

  std::vector<Column> digested_;  ///< The first that are read.
  const OdbcScanRule rule_;
  std::vector<std::size_t> key_at_;
  std::optional<std::size_t> bound_at_;
  Column bound_column_;
  std::optional<OdbcSourceRows> rows_;
  bool is_empty_ = false;
  RowDigest digest_;
  KeyPart greatest_;
};

}  // namespace

std::unique_ptr<DigestReader> ScanOdbcTable(std::shared_ptr<const OdbcLook> look,
                                                std::shared_ptr<const KnownOdbcTable> known,
                                                const std::vector<std::uint32_t>& columns,
                                                OdbcScanRule rule) {
  return std::make_unique<OdbcScan>(std::move(look), std::move(known), columns, std::move(rule));
}

}  // namespace mirror
