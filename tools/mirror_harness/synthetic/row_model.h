#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_ROW_MODEL_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_ROW_MODEL_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"
#include "tools/mirror_harness/synthetic/values.h"

namespace mirror::harness {

/// A table with what fills its columns.
struct TableRecipe {
  TableSchema schema;
  std::vector<Recipe> columns;  ///< One for each column of the schema, in its order.
};

/// "contact_<number>": a row of a customer file. The first twelve columns are the benchmark's row, whose
/// values weigh exactly 184 bytes (8 for each number, and the texts' own): int64 key, three integers, a
/// double, six texts, a date and time as text. More columns repeat the eleven behind the key; fewer are the
/// first ones.
TableRecipe BenchTable(std::uint32_t number, std::uint32_t columns);

/// The rows of some batch, by key number: either listed or all from `first` to before `last`.
struct RowSet {
  std::int64_t first = 0, last = 0;
  std::vector<std::int64_t> keys;  ///< Ascending. Not empty: `first` and `last` mean nothing.

  std::size_t size() const { return keys.empty() ? static_cast<std::size_t>(last - first) : keys.size(); }
  std::int64_t operator[](std::size_t i) const {
    return keys.empty() ? first + static_cast<std::int64_t>(i) : keys[i];
  }
};

/// What one table of the source holds: key numbers, and for each value the version it has. The values
/// themselves are made when somebody asks.
///
/// Memory: none for rows as long as they are 1 to `rows` in version 0, however many. The first change lays
/// them out: from then on about 50 bytes and 4 for each column, for each row. Thread safety: readers may
/// share it while nobody changes it; SortKeys() counts as a change.
class RowModel {
 public:
  /// Errors: kInvalidArgument when the key cannot show so many different rows.
  static absl::StatusOr<RowModel> Make(TableRecipe table, std::uint64_t table_seed, std::uint64_t rows);

  const TableSchema& schema() const { return table_.schema; }
  const std::vector<Recipe>& recipes() const { return table_.columns; }
  bool has_key() const { return has_key_; }
  std::uint64_t rows() const { return dense_ ? dense_rows_ : keys_.size(); }
  /// Largest key number that the key columns can show.
  std::int64_t key_max() const { return key_max_; }
  /// Bytes of a row with these columns on the wire, on average.
  double MeanBytes(const std::vector<std::uint32_t>& columns) const;

  bool Has(std::int64_t key) const;
  /// Sets these columns of a row to `version`; a row that is not there begins with all of them in it.
  void Put(std::int64_t key, const std::vector<std::uint32_t>& columns, std::uint32_t version);
  void Erase(std::int64_t key);
  /// Some row, by a random number. There must be one.
  std::int64_t Pick(std::uint64_t random) const;

  /// To be called after changes, before All() and KeyAt().
  void SortKeys();
  /// All rows, in key order.
  RowSet All() const;
  std::int64_t KeyAt(std::uint64_t rank) const {
    return dense_ ? static_cast<std::int64_t>(rank) + 1 : sorted_[rank];
  }

  Cell At(std::int64_t key, std::uint32_t column, std::string* scratch) const;
  /// Appends rows `from` to before `to` of `set` to the columns of `block`.
  void Fill(const RowSet& set, std::size_t from, std::size_t to, RowBlock* block) const;

 private:
  RowModel(TableRecipe table, std::uint64_t table_seed, std::uint64_t rows)
      : table_(std::move(table)), table_seed_(table_seed), dense_rows_(rows) {}
  void LayOut();

  TableRecipe table_;
  std::uint64_t table_seed_;
  bool has_key_ = false;
  std::int64_t key_max_ = 0;
  bool dense_ = true;
  std::uint64_t dense_rows_;
  /// Once laid out: slot by key, key by slot, versions by slot and column.
  std::unordered_map<std::int64_t, std::uint32_t> slots_;
  std::vector<std::int64_t> keys_;
  std::vector<std::uint32_t> versions_;
  std::vector<std::int64_t> sorted_;
};

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_ROW_MODEL_H_
