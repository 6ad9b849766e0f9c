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

/// A table with the recipes for the values of its columns.
struct TableRecipe {
  TableSchema schema;
  std::vector<Recipe> columns;  ///< One for each column of the schema, in its order.
};

/// Returns the table "contact_<number>", with rows like those of a customer file. The first twelve columns
/// are the benchmark's row: an int64 key, three integers, a double, six texts, and a date and time as text.
/// Its values have exactly 184 bytes: 8 for each number, and the length of each text. With more columns the
/// eleven after the key are repeated; with fewer, the first ones are used.
TableRecipe BenchTable(std::uint32_t number, std::uint32_t columns);

/// The key numbers of a batch's rows: either a list, or all from `first` until before `last`.
struct RowSet {
  std::int64_t first = 0, last = 0;
  /// The list, ascending. If it is not empty, `first` and `last` have no meaning.
  std::vector<std::int64_t> keys;

  std::size_t size() const { return keys.empty() ? static_cast<std::size_t>(last - first) : keys.size(); }
  std::int64_t operator[](std::size_t i) const {
    return keys.empty() ? first + static_cast<std::int64_t>(i) : keys[i];
  }
};

/// The content of one table of the source: the key numbers of its rows, and the version of each value. The
/// values are computed when they are read.
///
/// Memory: none as long as the rows are 1 to `rows` in version 0. The first change allocates about 50 bytes
/// for each row, and 4 more for each of its columns. Threads: several may read as long as no thread changes
/// the model; SortKeys() is a change.
class RowModel {
 public:
  /// Makes a table with `rows` rows in version 0. Errors: kInvalidArgument: the key cannot have so many
  /// different values.
  static absl::StatusOr<RowModel> Make(TableRecipe table, std::uint64_t table_seed, std::uint64_t rows);

  const TableSchema& schema() const { return table_.schema; }
  const std::vector<Recipe>& recipes() const { return table_.columns; }
  bool has_key() const { return has_key_; }
  std::uint64_t rows() const { return dense_ ? dense_rows_ : keys_.size(); }
  /// Returns the largest key number that the key columns can represent.
  std::int64_t key_max() const { return key_max_; }
  /// Returns the average number of bytes of a row with these columns in a message.
  double MeanBytes(const std::vector<std::uint32_t>& columns) const;

  bool Has(std::int64_t key) const;
  /// Sets these columns of a row to `version`. Adds a missing row, with all its columns in that version.
  void Put(std::int64_t key, const std::vector<std::uint32_t>& columns, std::uint32_t version);
  void Erase(std::int64_t key);
  /// Returns a row, chosen by the random number. The table must not be empty.
  std::int64_t Pick(std::uint64_t random) const;

  /// Sorts the keys. Call it after changes, before All() and KeyAt().
  void SortKeys();
  /// Returns all rows, in key order.
  RowSet All() const;
  std::int64_t KeyAt(std::uint64_t rank) const {
    return dense_ ? static_cast<std::int64_t>(rank) + 1 : sorted_[rank];
  }

  Cell At(std::int64_t key, std::uint32_t column, std::string* scratch) const;
  /// Appends rows of `set`, those from the place `from` until before `to`, to the columns of `block`.
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
  /// Set by LayOut(): the slot by key, the key by slot, and the versions by slot and column.
  std::unordered_map<std::int64_t, std::uint32_t> slots_;
  std::vector<std::int64_t> keys_;
  std::vector<std::uint32_t> versions_;
  std::vector<std::int64_t> sorted_;
};

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_ROW_MODEL_H_
