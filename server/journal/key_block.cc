#include "server/journal/key_block.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "base/status_macros.h"

namespace mirror {

std::optional<JournalEntry> WithoutKey(const JournalEntry& entry, const Key& key) {
  if (entry.keys.empty()) return std::nullopt;
  if (const absl::StatusOr<LookedKeys> looked = LookForKey(entry.keys, key);
      looked.ok() && !looked->has_key) {
    return std::nullopt;
  }
  JournalEntry rest = entry;
  rest.keys.clear();
  rest.least.clear();
  rest.most.clear();
  absl::StatusOr<KeyBlock> block = UnpackKeys(entry.keys);
  if (!block.ok()) {
    rest.operation = JournalOperation::kCompare;
    rest.columns.clear();
    return rest;
  }
  std::erase(block->keys, key);
  rest.rows = block->keys.size();
  if (block->keys.empty()) {
    rest.operation = JournalOperation::kHead;
    rest.columns.clear();
    return rest;
  }
  PackedKeys packed = PackKeys(block->columns, std::move(block->keys));
  rest.keys = std::move(packed.block);
  rest.least = std::move(packed.least);
  rest.most = std::move(packed.most);
  return rest;
}

namespace {

constexpr char kVersion = 1;
constexpr std::size_t kHashBytes = 8;
constexpr std::size_t kTextBytesMax = kOrderedKeyBytesMax - 1;
constexpr unsigned kSevenBits = 7;
constexpr std::uint64_t kSign = std::uint64_t{1} << 63;

absl::Status Damaged() {
  return absl::DataLossError(
      "the keys of a journal entry cannot be read: the entry is damaged. The rows are not affected. Compare "
      "the whole table, and continue with the entry after it.");
}

void AddNumber(std::uint64_t number, std::string* out) {
  while (number > 0x7f) {
    out->push_back(static_cast<char>(number | 0x80));
    number >>= kSevenBits;
  }
  out->push_back(static_cast<char>(number));
}

void AddBytes(std::string_view bytes, std::string* out) {
  AddNumber(bytes.size(), out);
  out->append(bytes);
}

std::string FixedBytes(std::uint64_t number) {
  std::string bytes(kHashBytes, '\0');
  for (std::size_t i = 0; i < kHashBytes; ++i) bytes[i] = static_cast<char>(number >> (8 * i));
  return bytes;
}

/// Writes one column's values, each after the one before it.
class PartWriter {
 public:
  explicit PartWriter(std::string* out) : out_(out) {}

  void Add(Kind kind, std::int64_t integer, double real, std::string_view bytes) {
    out_->push_back(static_cast<char>(kind));
    switch (kind) {
      case Kind::kNull:
        return;
      case Kind::kInteger: {
        // Writes the difference in zigzag form, so that small ones of either sign are short.
        const std::uint64_t step = static_cast<std::uint64_t>(integer) - static_cast<std::uint64_t>(before_);
        AddNumber(step << 1U ^ (0 - (step >> 63U)), out_);
        before_ = integer;
        return;
      }
      case Kind::kReal:
        out_->append(FixedBytes(std::bit_cast<std::uint64_t>(real)));
        return;
      case Kind::kText:
      case Kind::kRawText:
      case Kind::kBlob:
        AddBytes(bytes, out_);
    }
  }

 private:
  std::string* const out_;
  std::int64_t before_ = 0;
};

/// Reads the bytes that PartWriter wrote; once some are missing, is_good() stays false.
class BlockReader {
 public:
  explicit BlockReader(std::string_view block)
      : at_(reinterpret_cast<const unsigned char*>(block.data())), end_(at_ + block.size()) {}

  bool is_good() const { return good_; }
  bool is_over() const { return at_ == end_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

  std::uint8_t Byte() {
    if (at_ != end_) return *at_++;
    good_ = false;
    return 0;
  }
  std::uint64_t Number() {
    // Most numbers are short: a search reads millions of them.
    if (at_ != end_ && *at_ <= 0x7f) return *at_++;
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += kSevenBits) {
      const std::uint8_t byte = Byte();
      number |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if ((byte & 0x80U) == 0) return number;
    }
    Take(left() + 1);
    return 0;
  }
  std::uint64_t Fixed() {
    const std::string_view bytes = Take(kHashBytes);
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      number |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    }
    return number;
  }
  std::string_view Bytes() { return Take(Number()); }
  /// Skips integers below `wanted`, as long as each takes up to two bytes, `rows_max` at most: a search
  /// through a journal skips millions. Returns how many it skipped; `before` gets the last one.
  std::uint64_t PassBelow(std::int64_t wanted, std::uint64_t rows_max, std::int64_t* before) {
    constexpr std::ptrdiff_t kBytesMax = 3;
    const unsigned char* at = at_;
    std::int64_t value = *before;
    std::uint64_t passed = 0;
    for (; passed < rows_max && end_ - at >= kBytesMax; ++passed) {
      if (at[0] != static_cast<unsigned char>(Kind::kInteger)) break;
      std::uint64_t folded = at[1];
      const bool is_long = folded > 0x7f;
      if (is_long) {
        if (at[2] > 0x7f) break;
        folded = (folded & 0x7fU) | static_cast<std::uint64_t>(at[2]) << kSevenBits;
      }
      const std::int64_t next = Stepped(value, folded);
      if (next >= wanted) break;
      value = next;
      at += is_long ? kBytesMax : kBytesMax - 1;
    }
    at_ = at;
    *before = value;
    return passed;
  }

  static std::int64_t Stepped(std::int64_t before, std::uint64_t folded) {
    const std::uint64_t step = folded >> 1U ^ (0 - (folded & 1U));
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(before) + step);
  }

 private:
  std::string_view Take(std::uint64_t count) {
    if (count > left()) {
      good_ = false;
      at_ = end_;
      return {};
    }
    const std::string_view taken(reinterpret_cast<const char*>(at_), count);
    at_ += count;
    return taken;
  }

  const unsigned char *at_, *end_;
  bool good_ = true;
};

/// Reads a value. `before`: the last integer of the column.
void ReadPart(BlockReader* reader, std::int64_t* before, KeyPart* read) {
  KeyPart& part = *read;
  part.kind = static_cast<Kind>(reader->Byte());
  switch (part.kind) {
    case Kind::kNull:
      break;
    case Kind::kInteger: {
      *before = BlockReader::Stepped(*before, reader->Number());
      part.integer = *before;
      break;
    }
    case Kind::kReal:
      part.real = std::bit_cast<double>(reader->Fixed());
      break;
    case Kind::kText:
    case Kind::kRawText:
    case Kind::kBlob:
      part.bytes = reader->Bytes();
      break;
  }
}

bool IsSame(const KeyPart& part, const KeyPart& wanted) {
  if (part.kind == Kind::kInteger && wanted.kind == Kind::kInteger) return part.integer == wanted.integer;
  return part == wanted;
}

/// Whether `part` is already greater than `wanted`. Keys are in order, so `wanted` cannot follow.
bool IsBehind(const KeyPart& part, const KeyPart& wanted) {
  return part.kind == Kind::kInteger && wanted.kind == Kind::kInteger && part.integer > wanted.integer;
}

/// A complete block: its rows' values, column by column.
struct Opened {
  std::uint64_t rows = 0;
  std::string_view values;
};

absl::StatusOr<Opened> Open(std::string_view block, std::vector<Column>* columns) {
  if (block.size() <= kHashBytes) return Damaged();
  const std::string_view body = block.substr(0, block.size() - kHashBytes);
  if (block.substr(body.size()) != FixedBytes(XXH3_64bits(body.data(), body.size()))) return Damaged();
  BlockReader reader(body);
  if (reader.Byte() != kVersion) return Damaged();
  Opened opened;
  opened.rows = reader.Number();
  const std::uint64_t count = reader.Number();
  // Each value takes a byte at least.
  if (!reader.is_good() || count == 0 || count > reader.left() || opened.rows > reader.left() / count) {
    return Damaged();
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    Column& column = columns->emplace_back();
    column.name = std::string(reader.Bytes());
    column.type = static_cast<Type>(reader.Byte());
    column.key_position = static_cast<std::uint32_t>(i + 1);
  }
  if (!reader.is_good()) return Damaged();
  opened.values = body.substr(body.size() - reader.left());
  return opened;
}

std::string HeadOf(const std::vector<Column>& columns, std::uint64_t rows) {
  std::string block(1, kVersion);
  AddNumber(rows, &block);
  AddNumber(columns.size(), &block);
  for (const Column& column : columns) {
    AddBytes(column.name, &block);
    block.push_back(static_cast<char>(column.type));
  }
  return block;
}

std::string WithHash(std::string block) {
  block += FixedBytes(XXH3_64bits(block.data(), block.size()));
  return block;
}

std::string OrderedKeyOf(Kind kind, std::int64_t integer, double real, std::string_view bytes) {
  switch (kind) {
    case Kind::kNull:
      return std::string(1, '\0');
    case Kind::kInteger:
    case Kind::kReal: {
      const double value = kind == Kind::kInteger ? static_cast<double>(integer) : real;
      const auto bits = std::bit_cast<std::uint64_t>(value + 0.0);  // -0.0 becomes 0.0.
      const std::uint64_t ordered = (bits & kSign) != 0 ? ~bits : bits ^ kSign;
      std::string key(1, '\1');
      for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(ordered >> shift));
      return key;
    }
    case Kind::kText:
    case Kind::kRawText:
    case Kind::kBlob:
      break;
  }
  std::string key(1, kind == Kind::kBlob ? '\3' : '\2');
  key.append(bytes.substr(0, kTextBytesMax));
  return key;
}

}  // namespace

std::string OrderedKey(const KeyPart& part) {
  return OrderedKeyOf(part.kind, part.integer, part.real, part.bytes);
}

PackedKeys PackKeys(const TableSchema& kept, const ChangeBatch& batch) {
  std::vector<Column> columns;
  std::vector<const ColumnView*> views;
  for (const std::uint32_t index : kept.Key()) {
    const ColumnView* const view = batch.Find(index);
    if (view == nullptr || !view->large.empty()) return {};
    columns.push_back(kept.columns[index]);
    views.push_back(view);
  }
  PackedKeys packed;
  if (batch.row_count == 0 || views.empty()) return packed;
  const auto row_at = [&](std::uint32_t place) {
    return batch.key_order.empty() ? place : batch.key_order[place];
  };
  packed.block = HeadOf(columns, batch.row_count);
  for (const ColumnView* const view : views) {
    PartWriter writer(&packed.block);
    for (std::uint32_t place = 0; place < batch.row_count; ++place) {
      const Value value = view->At(row_at(place));
      writer.Add(value.kind, value.integer, value.real, value.bytes);
    }
  }
  packed.block = WithHash(std::move(packed.block));
  const auto ordered = [&](std::uint32_t row) {
    const Value value = views.front()->At(row);
    return OrderedKeyOf(value.kind, value.integer, value.real, value.bytes);
  };
  packed.least = ordered(row_at(0));
  packed.most = ordered(row_at(batch.row_count - 1));
  return packed;
}

PackedKeys PackKeys(const std::vector<Column>& columns, std::vector<Key> keys) {
  PackedKeys packed;
  if (columns.empty() || keys.empty()) return packed;
  std::sort(keys.begin(), keys.end());
  packed.block = HeadOf(columns, keys.size());
  for (std::size_t column = 0; column < columns.size(); ++column) {
    PartWriter writer(&packed.block);
    for (const Key& key : keys) {
      const KeyPart& part = key[column];
      writer.Add(part.kind, part.integer, part.real, part.bytes);
    }
  }
  packed.block = WithHash(std::move(packed.block));
  packed.least = OrderedKey(keys.front().front());
  packed.most = OrderedKey(keys.back().front());
  return packed;
}

absl::StatusOr<KeyBlock> UnpackKeys(std::string_view block) {
  KeyBlock keys;
  ASSIGN_OR_RETURN(const Opened opened, Open(block, &keys.columns));
  BlockReader reader(opened.values);
  keys.keys.assign(opened.rows, Key(keys.columns.size()));
  for (std::size_t i = 0; i < keys.columns.size(); ++i) {
    std::int64_t before = 0;
    for (Key& key : keys.keys) {
      ReadPart(&reader, &before, &key[i]);
      if (!reader.is_good()) return Damaged();
    }
  }
  if (!reader.is_over()) return Damaged();
  return keys;
}

absl::StatusOr<LookedKeys> LookForKey(std::string_view block, const Key& key) {
  LookedKeys looked;
  ASSIGN_OR_RETURN(const Opened opened, Open(block, &looked.columns));
  if (looked.columns.size() != key.size()) return looked;
  BlockReader reader(opened.values);
  // The rows that equal the key in the columns read so far. They are adjacent, since keys are in order.
  std::uint64_t first = 0, last = opened.rows;
  KeyPart part;
  for (const KeyPart& wanted : key) {
    std::int64_t before = 0;
    std::uint64_t begin = last, end = first;
    const bool is_first = &wanted == &key.front();
    for (std::uint64_t row = 0; row < opened.rows; ++row) {
      // In a later column, values are in order only among rows with equal earlier columns.
      if (is_first && wanted.kind == Kind::kInteger && begin >= end) {
        row += reader.PassBelow(wanted.integer, opened.rows - row, &before);
        if (row == opened.rows) break;
      }
      ReadPart(&reader, &before, &part);
      if (!reader.is_good()) return Damaged();
      if (row < first || row >= last) continue;
      if (IsSame(part, wanted)) {
        begin = std::min(begin, row);
        end = row + 1;
      } else if (begin >= end && IsBehind(part, wanted)) {
        return looked;
      }
    }
    first = begin;
    last = end;
    if (first >= last) return looked;
  }
  looked.has_key = true;
  return looked;
}

}  // namespace mirror
