#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_VALUES_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_VALUES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "proto/wire/table.h"

namespace mirror::harness {

/// A value as it is sent: integers in the protocol's units, texts and bytes as a view.
struct Cell {
  enum class Kind : std::uint8_t { kNull, kInt, kDouble, kBytes };
  Kind kind = Kind::kNull;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view bytes;
};

/// Describes the values of one column. A value is a pure function of the seed, the table, the row's key, the
/// column and its version, so values need no storage.
struct Recipe {
  std::uint32_t column = 0;
  Type type = Type::kUnspecified;
  Storage storage = Storage::kInts;
  std::uint32_t precision = 0, scale = 0;
  bool nullable = false;
  /// Makes unusual values already in version 0: NULL, empty texts, the limits of the range, texts that look
  /// like numbers. Later versions always have some. False for the benchmark's row, all of whose rows must
  /// have the same size.
  bool odd_at_first = false;
  std::uint32_t length = 0;  ///< TEXT: UTF-16 units, BYTES: bytes; 0: unbounded.
  std::uint32_t bytes_min = 0, bytes_max = 0;
  /// Moves bytes between two columns of a row. The length of this column changes by `trade` times a number
  /// from -8 to 7 that depends on the row.
  int trade = 0;
  bool date_text = false;  ///< TEXT with "2024-03-07 12:34:56".
  /// The column is part of the key: it shows some bits of the key number, see MakeKey().
  bool key = false;
  std::uint32_t key_shift = 0;
  std::uint64_t key_mask = 0;

  /// Returns the average number of bytes of a value in a message.
  double MeanBytes() const;
};

/// Returns the recipe for a column as the schema announces it.
Recipe RecipeFor(const Column& column, std::uint32_t index);
/// Makes the column show (key number >> shift) & mask. In every type, a larger key number gives a larger key
/// in the mirror's order. Errors: kInvalidArgument: the type cannot be a key here.
absl::Status MakeKey(const Column& column, std::uint32_t shift, std::uint64_t mask, Recipe* recipe);
/// Returns the largest part of a key that a column of this type can show.
std::uint64_t KeyPartMax(const Column& column);

/// Returns the finalizer of splitmix64: every bit of the result depends on every bit of `x`.
inline std::uint64_t MixBits(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}
/// Returns the seed of one row. `table_seed`: the seed of the tenant and the table.
inline std::uint64_t RowSeed(std::uint64_t table_seed, std::int64_t key_number) {
  return MixBits(table_seed + static_cast<std::uint64_t>(key_number) * 0x9e3779b97f4a7c15ULL);
}

/// Makes the value. Its `bytes` may point into `scratch`, until the next call with the same `scratch`.
Cell MakeCell(const Recipe& recipe, std::uint64_t row_seed, std::int64_t key_number, std::uint32_t version,
              std::string* scratch);

/// A value as a SQLite mirror stores it; the forms are in table.proto.
struct StoredCell {
  enum class Kind : std::uint8_t { kNull, kInteger, kReal, kText, kBlob };
  Kind kind = Kind::kNull;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view bytes;  ///< Points into the cell, or into `scratch`.
};
StoredCell Stored(const Recipe& recipe, const Cell& cell, std::string* scratch);

/// Returns the units of 100 ns from 0001-01-01 to a day of the proleptic Gregorian calendar.
std::int64_t TicksOfDay(int year, unsigned month, unsigned day);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_VALUES_H_
