#ifndef MIRROR_TOOLS_BENCHMARKS_BENCH_ROWS_H_
#define MIRROR_TOOLS_BENCHMARKS_BENCH_ROWS_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"
#include "tools/benchmarks/step.h"

namespace mirror::bench {

enum class KeyKind : std::uint8_t {
  kInteger,    ///< One 64-bit number.
  kComposite,  ///< Two numbers: 16 rows share the first one.
  kText,       ///< A text of 16 digits.
};

struct Shape {
  KeyKind key = KeyKind::kInteger;
  /// Number of columns. 12 columns are the benchmark's row, with 184 bytes of values.
  std::uint32_t columns = 12;
  /// If not 0: a row has its key and one text, which are `width` bytes together.
  std::uint32_t width = 0;
};

/// A value of a column after the key: a number, or a text of `size` bytes.
struct Value {
  const char* text = nullptr;
  union {
    std::int64_t integer;
    double real;
    std::uint64_t size;
  };
};

/// The rows of a benchmark. Both sides of a comparison use them, so that they write the same values.
///
/// Values are made once, for a pool of rows: row (key, version) has the values of row (key + version * 7919)
/// of the pool. Therefore the time to make values is not measured, and memory does not grow with the number
/// of rows. Threads: readers share it.
class BenchRows {
 public:
  explicit BenchRows(const Shape& shape);

  const TableSchema& schema() const { return schema_; }
  const Shape& shape() const { return shape_; }
  /// Return the indexes of the columns of an operation: those of the key, and those of the values that it
  /// writes.
  std::vector<std::uint32_t> KeyColumns() const;
  std::vector<std::uint32_t> ValueColumns(Verb verb) const;
  /// Returns the number of rows of a batch of about 1 MB, the size of an agent's batches.
  std::uint32_t RowsPerBatch(Verb verb) const;

  /// Returns the place of a row's values in the pool, for ValuesAt(). Consecutive rows have consecutive
  /// places, up to the end of the pool.
  std::uint64_t Place(std::int64_t key, std::uint32_t version) const {
    return (static_cast<std::uint64_t>(key) + std::uint64_t{version} * 7'919) % places_;
  }
  std::uint64_t places() const { return places_; }
  /// Returns the values of a place, one for each column after the key.
  const Value* ValuesAt(std::uint64_t place) const { return values_.data() + place * value_columns_; }
  Storage StorageAt(std::uint32_t column) const { return StorageOf(schema_.columns[column].type); }
  std::uint32_t key_width() const { return key_width_; }

  /// Returns the numbers of an integer or composite key.
  static std::array<std::int64_t, 2> KeyNumbers(KeyKind kind, std::int64_t key) {
    if (kind == KeyKind::kInteger) return {key, 0};
    return {key >> 4, key & 15};
  }
  /// Returns the digits of a text key.
  static std::array<char, 16> KeyDigits(std::int64_t key);

  /// Appends the values of `columns` of one row.
  void AppendValues(std::int64_t key, std::uint32_t version, RowBlock* block) const;

 private:
  Shape shape_;
  TableSchema schema_;
  std::uint32_t key_width_ = 1;
  std::uint32_t value_columns_ = 0;
  std::uint64_t places_ = 0;
  std::vector<Value> values_;
  std::string texts_;
};

/// Writes the rows of a step to the file `path`, one line each, for other databases to read: with commas
/// between columns and texts in quotes ("csv"), or with tabs between columns ("tsv"). No text of the
/// benchmark contains a tab. Errors: kInvalidArgument for another format; kUnavailable: the file cannot be
/// written.
absl::Status ExportRows(const BenchRows& rows, const Step& step, const std::string& format,
                        const std::string& path);

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_BENCH_ROWS_H_
