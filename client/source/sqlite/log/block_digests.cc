#include "client/source/sqlite/log/block_digests.h"

#include <string_view>

#include "proto/wire/text_form.h"

namespace mirror {
namespace {

bool IsNull(const ColumnBuffer& buffer, std::size_t row) {
  const std::string& nulls = buffer.nulls();
  return row / 8 < nulls.size() && ((static_cast<unsigned char>(nulls[row / 8]) >> (row % 8)) & 1U) != 0;
}

bool IsText(Type type) { return type == Type::kText || type == Type::kDecimal; }

}  // namespace

BlockDigests::BlockDigests(const TableSchema& table, const RowBlock& block, bool by_column)
    : table_(table),
      block_(block),
      by_column_(by_column),
      key_at_(block.columns.size()),
      places_(block.columns.size()) {
  const std::vector<std::uint32_t> key = table.Key();
  key_.resize(key.size());
  for (std::size_t part = 0; part < key.size(); ++part) key_at_[key[part]] = part + 1;
}

bool BlockDigests::Next() {
  if (row_ >= block_.rows()) return false;
  whole_ = true;
  hashes_.clear();
  for (std::size_t i = 0; i < block_.columns.size(); ++i) {
    const ColumnBuffer& buffer = block_.columns[i];
    Place& place = places_[i];
    if (!buffer.large().empty() && place.large < buffer.large().size() &&
        buffer.large()[place.large].row == row_) {
      ++place.large;
      whole_ = false;
    }
    KeyPart part = Take(buffer, table_.columns[i], &place);
    if (key_at_[i] > 0) key_[key_at_[i] - 1] = std::move(part);
    if (!by_column_) continue;
    const std::uint64_t hash = row_digest_.Finish();
    hashes_.append(reinterpret_cast<const char*>(&hash), sizeof hash);
  }
  if (by_column_) row_digest_.AddBytes(hashes_);
  digest_ = row_digest_.Finish();
  ++row_;
  return true;
}

/// Adds the present row's value to the digest. Returns a filled part only for a column of the key.
KeyPart BlockDigests::Take(const ColumnBuffer& buffer, const Column& column, Place* place) {
  const bool in_key = key_at_[static_cast<std::size_t>(place - places_.data())] > 0;
  KeyPart part;
  Kind kind = Kind::kNull;
  if (buffer.storage() == Storage::kAny) {
    kind = static_cast<Kind>(buffer.kinds()[row_]);
  } else if (!IsNull(buffer, row_)) {
    kind = buffer.storage() == Storage::kInts      ? Kind::kInteger
           : buffer.storage() == Storage::kDoubles ? Kind::kReal
           : IsText(column.type)                   ? Kind::kText
                                                   : Kind::kBlob;
  }
  // A typed column has an entry for each row, even for NULL.
  const bool any = buffer.storage() == Storage::kAny;
  part.kind = kind;
  switch (kind) {
    case Kind::kNull:
      row_digest_.AddNull();
      break;
    case Kind::kInteger:
      part.integer = buffer.ints()[any ? place->ints : row_];
      if (HasTextForm(column.type)) {
        row_digest_.AddText(TextForm(column, part.integer, {}));
      } else {
        row_digest_.AddInteger(part.integer);
      }
      ++place->ints;
      break;
    case Kind::kReal:
      part.real = buffer.doubles()[any ? place->doubles : row_];
      row_digest_.AddReal(part.real);
      ++place->doubles;
      break;
    case Kind::kText:
    case Kind::kRawText:
    case Kind::kBlob: {
      const std::uint32_t length = buffer.lengths()[any ? place->lengths : row_];
      const auto bytes = std::string_view(buffer.data()).substr(place->bytes, length);
      if (column.type == Type::kUuid) {
        row_digest_.AddText(TextForm(column, 0, bytes));
      } else if (kind == Kind::kBlob) {
        row_digest_.AddBytes(bytes);
      } else {
        row_digest_.AddText(bytes);
      }
      if (in_key) part.bytes = std::string(bytes);
      ++place->lengths;
      place->bytes += length;
    }
  }
  return part;
}

RowBlock WithoutRows(const TableSchema& table, const RowBlock& block, const std::set<std::size_t>& rows) {
  std::vector<std::uint32_t> columns;
  for (const ColumnBuffer& buffer : block.columns) columns.push_back(buffer.column());
  RowBlock left = RowBlock::For(table, columns);
  for (std::size_t i = 0; i < block.columns.size(); ++i) {
    const ColumnBuffer& from = block.columns[i];
    ColumnBuffer& to = left.columns[i];
    const bool any = from.storage() == Storage::kAny;
    std::size_t ints = 0, doubles = 0, lengths = 0, bytes = 0, large = 0;
    for (std::size_t row = 0; row < block.rows(); ++row) {
      const bool keeps = !rows.contains(row);
      const bool is_large = large < from.large().size() && from.large()[large].row == row;
      const Kind kind = any                                   ? static_cast<Kind>(from.kinds()[row])
                        : IsNull(from, row)                   ? Kind::kNull
                        : from.storage() == Storage::kInts    ? Kind::kInteger
                        : from.storage() == Storage::kDoubles ? Kind::kReal
                                                              : Kind::kBlob;
      if (kind == Kind::kNull) {
        if (keeps) to.AppendNull();
      } else if (kind == Kind::kInteger) {
        if (keeps) to.AppendInt(from.ints()[any ? ints : row]);
        ++ints;
      } else if (kind == Kind::kReal) {
        if (keeps) to.AppendDouble(from.doubles()[any ? doubles : row]);
        ++doubles;
      } else {
        const std::uint32_t length = from.lengths()[any ? lengths : row];
        if (keeps && is_large) {
          to.AppendLarge(from.large()[large].value_id, from.large()[large].size, kind);
        } else if (keeps) {
          to.AppendBytes(std::string_view(from.data()).substr(bytes, length), kind);
        }
        ++lengths;
        bytes += length;
      }
      if (is_large) ++large;
    }
  }
  return left;
}

}  // namespace mirror
