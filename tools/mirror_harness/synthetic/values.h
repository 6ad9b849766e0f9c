#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_VALUES_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_VALUES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "proto/wire/table.h"

namespace mirror::harness {

/// One value as it travels: integers in the wire's units, texts and bytes as a view.
struct Cell {
  enum class Kind : std::uint8_t { kNull, kInt, kDouble, kBytes };
  Kind kind = Kind::kNull;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view bytes;
};

/// How the values of one column are made. A value is a pure function of the seed, the table, the row's key,
/// the column and its version, so that nobody has to keep it.
struct Recipe {
  std::uint32_t column = 0;
  Type type = Type::kUnspecified;
  Storage storage = Storage::kInts;
  std::uint32_t precision = 0, scale = 0;
  bool nullable = false;
  /// Odd values from the first version on: NULL, empty, the ends of the range, text that looks like a number.
  /// Off for the benchmark's row, where every row weighs the same; its later versions have them all the same.
  bool odd_at_first = false;
  std::uint32_t length = 0;  ///< TEXT: UTF-16 units, BYTES: bytes; 0: unbounded.
  std::uint32_t bytes_min = 0, bytes_max = 0;
  /// Two columns of one row may trade bytes: this one's length is moved by the row's own -8 to 7, times
  /// `trade`.
  int trade = 0;
  bool date_text = false;  ///< TEXT that holds "2024-03-07 12:34:56".
  /// Part of the key: the bits of the key number that stand here, see KeyRecipe.
  bool key = false;
  std::uint32_t key_shift = 0;
  std::uint64_t key_mask = 0;

  /// Bytes on the wire, on average.
  double MeanBytes() const;
};

/// The recipe of a column as the schema announces it.
Recipe RecipeFor(const Column& column, std::uint32_t index);
/// Makes `recipe` show (key number >> shift) & mask. A larger key number is a larger key: in every type, in
/// the mirror's order too. Errors: kInvalidArgument when a type cannot be a key here.
absl::Status MakeKey(const Column& column, std::uint32_t shift, std::uint64_t mask, Recipe* recipe);
/// Largest part of a key that a column of this type can show.
std::uint64_t KeyPartMax(const Column& column);

/// Finalizer of splitmix64: every bit of the result depends on every bit of `x`.
inline std::uint64_t MixBits(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}
/// Seed of one row. `table_seed` is the tenant's and the table's.
inline std::uint64_t RowSeed(std::uint64_t table_seed, std::int64_t key_number) {
  return MixBits(table_seed + static_cast<std::uint64_t>(key_number) * 0x9e3779b97f4a7c15ULL);
}

/// The value. `scratch` may hold what `bytes` points to, until the next call with it.
Cell MakeCell(const Recipe& recipe, std::uint64_t row_seed, std::int64_t key_number, std::uint32_t version,
              std::string* scratch);

/// How a SQLite mirror holds a value; the forms of table.proto.
struct StoredCell {
  enum class Kind : std::uint8_t { kNull, kInteger, kReal, kText, kBlob };
  Kind kind = Kind::kNull;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view bytes;  ///< Of the cell, or of `scratch`.
};
StoredCell Stored(const Recipe& recipe, const Cell& cell, std::string* scratch);

/// Units of 100 ns from 0001-01-01 to a day of the proleptic Gregorian calendar.
std::int64_t TicksOfDay(int year, unsigned month, unsigned day);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_VALUES_H_
