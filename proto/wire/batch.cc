#include "proto/wire/batch.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr std::array<std::string_view, 9> kPopulateReasons = {"NONE",         "REQUESTED",    "MINUS_ONE",
                                                              "AHEAD",        "LINEAGE_MISS", "PENDING_MISS",
                                                              "HISTORY_GONE", "SCHEMA",       "KEYLESS"};

template <typename T>
int Compare(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

int CompareBytes(std::string_view a, std::string_view b) {
  const std::size_t common = std::min(a.size(), b.size());
  if (const int order = common == 0 ? 0 : std::memcmp(a.data(), b.data(), common); order != 0) return order;
  return Compare(a.size(), b.size());
}

// Compares by value, without rounding the integer: 2^53 + 1 is greater than 2^53 as a double.
int CompareIntReal(std::int64_t integer, double real) {
  if (real >= 0x1p63) return -1;
  if (real < -0x1p63) return 1;
  const auto whole = static_cast<std::int64_t>(real);
  if (integer != whole) return Compare(integer, whole);
  return Compare(static_cast<double>(whole), real);  // Exact: a real that large has no fraction.
}

int Rank(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return 0;
    case Kind::kInteger:
    case Kind::kReal:
      return 1;
    case Kind::kText:
    case Kind::kRawText:
      return 2;
    case Kind::kBlob:
      return 3;
  }
  return 3;
}

std::string_view BytesAt(const ColumnView& column, std::uint32_t slot) {
  const std::uint32_t start = column.starts[slot];
  return column.data.substr(start, column.starts[slot + 1] - start);
}

// Returns the order of two rows in one key column, which has no NULL and no large value.
int CompareRows(const ColumnView& column, std::uint32_t a, std::uint32_t b) {
  switch (column.storage) {
    case Storage::kInts:
      return Compare(column.ints[a], column.ints[b]);
    case Storage::kDoubles:
      return Compare(column.doubles[a], column.doubles[b]);
    case Storage::kBytes:
      return CompareBytes(BytesAt(column, a), BytesAt(column, b));
    case Storage::kAny:
      break;
  }
  return CompareValues(column.At(a), column.At(b));
}

using KeyColumns = std::vector<const ColumnView*>;

int CompareKeys(const KeyColumns& key, std::uint32_t a, std::uint32_t b) {
  for (const ColumnView* column : key) {
    if (const int order = CompareRows(*column, a, b); order != 0) return order;
  }
  return 0;
}

// Returns a number that orders rows by the start of the first key column: if two of these numbers differ,
// the keys differ in the same direction. Most comparisons of a sort then need not read the values.
std::uint64_t Prefix(const ColumnView& column, std::uint32_t row) {
  constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
  switch (column.storage) {
    case Storage::kInts:
      return static_cast<std::uint64_t>(column.ints[row]) ^ kSign;
    case Storage::kDoubles: {
      const auto bits = std::bit_cast<std::uint64_t>(column.doubles[row] + 0.0);  // -0.0 becomes 0.0.
      return (bits & kSign) != 0 ? ~bits : bits ^ kSign;
    }
    case Storage::kBytes: {
      const std::string_view value = BytesAt(column, row);
      std::uint64_t prefix = 0;
      for (std::size_t i = 0; i < 8; ++i) {
        prefix = prefix << 8 | (i < value.size() ? static_cast<unsigned char>(value[i]) : 0U);
      }
      return prefix;
    }
    case Storage::kAny:
      break;
  }
  return 0;
}

struct SortEntry {
  std::uint64_t prefix;
  std::uint32_t row;
};

bool IsAscending(const KeyColumns& key, std::uint32_t rows) {
  if (key.size() == 1 && key[0]->storage == Storage::kInts) {
    const std::span<const std::int64_t> ints = key[0]->ints;
    for (std::uint32_t row = 1; row < rows; ++row) {
      if (ints[row - 1] >= ints[row]) return false;
    }
    return true;
  }
  for (std::uint32_t row = 1; row < rows; ++row) {
    if (CompareKeys(key, row - 1, row) >= 0) return false;
  }
  return true;
}

absl::Status SameKey(const TableSchema& table, std::uint32_t a, std::uint32_t b) {
  return absl::InvalidArgumentError(absl::StrCat("table '", table.name, "', rows ", std::min(a, b), " and ",
                                                 std::max(a, b),
                                                 ": they have the same key. Nothing of this batch was "
                                                 "applied; send each key once, as its final state."));
}

}  // namespace

std::string_view ToString(PopulateReason reason) {
  const auto number = static_cast<std::size_t>(reason);
  return number < kPopulateReasons.size() ? kPopulateReasons[number] : "UNKNOWN";
}

bool IsMiss(PopulateReason reason) {
  return reason == PopulateReason::kAhead || reason == PopulateReason::kLineageMiss ||
         reason == PopulateReason::kPendingMiss;
}

Value ColumnView::At(std::uint32_t row) const {
  Value value;
  std::uint32_t slot = row;
  if (storage == Storage::kAny) {
    value.kind = static_cast<Kind>(kinds[row]);
    slot = slots[row];
  } else if (IsNull(row)) {
    return value;
  } else {
    value.kind = storage == Storage::kInts      ? Kind::kInteger
                 : storage == Storage::kDoubles ? Kind::kReal
                 : text                         ? Kind::kText
                                                : Kind::kBlob;
  }
  switch (value.kind) {
    case Kind::kNull:
      return value;
    case Kind::kInteger:
      value.integer = ints[slot];
      return value;
    case Kind::kReal:
      value.real = doubles[slot];
      return value;
    case Kind::kText:
    case Kind::kBlob:
    case Kind::kRawText:
      value.bytes = BytesAt(*this, slot);
  }
  if (!large.empty() && value.bytes.empty()) {
    const auto found =
        std::lower_bound(large.begin(), large.end(), row,
                         [](const LargeValue& entry, std::uint32_t r) { return entry.row < r; });
    if (found != large.end() && found->row == row) value.large = &*found;
  }
  return value;
}

const ColumnView* ChangeBatch::Find(std::uint32_t column) const {
  for (const ColumnView& view : columns) {
    if (view.column == column) return &view;
  }
  return nullptr;
}

namespace {

ColumnView ViewOfBuffer(const Column& column, const ColumnBuffer& buffer) {
  ColumnView view{.column = buffer.column(), .storage = buffer.storage()};
  view.text = column.type == Type::kDecimal || column.type == Type::kText;
  view.ints = buffer.ints();
  view.doubles = buffer.doubles();
  view.data = buffer.data();
  view.nulls = buffer.nulls();
  view.kinds = buffer.kinds();
  std::uint32_t start = 0;
  view.starts.push_back(start);
  for (const std::uint32_t length : buffer.lengths()) view.starts.push_back(start += length);
  std::uint32_t ints = 0, doubles = 0, bytes = 0;
  for (const char byte : view.kinds) {
    const Kind kind = static_cast<Kind>(byte);
    view.slots.push_back(kind == Kind::kNull      ? 0
                         : kind == Kind::kInteger ? ints++
                         : kind == Kind::kReal    ? doubles++
                                                  : bytes++);
  }
  return view;
}

}  // namespace

ChangeBatch ViewOf(const TableSchema& table, RowBlock* rows) {
  ChangeBatch batch;
  batch.table = table.name;
  batch.operation = Operation::kInsert;
  batch.row_count = static_cast<std::uint32_t>(rows->rows());
  for (ColumnBuffer& buffer : rows->columns) {
    buffer.CompleteNulls();
    batch.columns.push_back(ViewOfBuffer(table.columns[buffer.column()], buffer));
  }
  return batch;
}

absl::StatusOr<ChangeBatch> BatchOf(const TableSchema& table, RowBlock* rows) {
  ChangeBatch batch = ViewOf(table, rows);
  ASSIGN_OR_RETURN(batch.key_order, KeyOrder(table, batch));
  return batch;
}

int CompareValues(const Value& a, const Value& b) {
  const int rank = Rank(a.kind);
  if (const int order = Compare(rank, Rank(b.kind)); order != 0) return order;
  if (rank == 0) return 0;
  if (rank > 1) return CompareBytes(a.bytes, b.bytes);
  if (a.kind == b.kind) {
    return a.kind == Kind::kInteger ? Compare(a.integer, b.integer) : Compare(a.real, b.real);
  }
  return a.kind == Kind::kInteger ? CompareIntReal(a.integer, b.real) : -CompareIntReal(b.integer, a.real);
}

absl::StatusOr<std::vector<std::uint32_t>> KeyOrder(const TableSchema& table, const ChangeBatch& batch) {
  KeyColumns key;
  for (const std::uint32_t column : table.Key()) {
    const ColumnView* view = batch.Find(column);
    if (view == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "table '", table.name, "', column '", table.columns[column].name,
          "': a key column is missing. Nothing of this batch was applied; send all columns of the key."));
    }
    key.push_back(view);
  }
  std::vector<std::uint32_t> order;
  if (key.empty() || batch.row_count < 2 || IsAscending(key, batch.row_count)) return order;

  std::vector<SortEntry> entries(batch.row_count);
  for (std::uint32_t row = 0; row < batch.row_count; ++row) entries[row] = {Prefix(*key[0], row), row};
  std::sort(entries.begin(), entries.end(), [&key](const SortEntry& a, const SortEntry& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    const int compared = CompareKeys(key, a.row, b.row);
    return compared != 0 ? compared < 0 : a.row < b.row;
  });
  order.reserve(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i > 0 && entries[i - 1].prefix == entries[i].prefix &&
        CompareKeys(key, entries[i - 1].row, entries[i].row) == 0) {
      return SameKey(table, entries[i - 1].row, entries[i].row);
    }
    order.push_back(entries[i].row);
  }
  return order;
}

}  // namespace mirror
