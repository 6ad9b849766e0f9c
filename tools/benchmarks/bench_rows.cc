#include "tools/benchmarks/bench_rows.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/mirror_harness/synthetic/row_model.h"
#include "tools/mirror_harness/synthetic/values.h"

namespace mirror::bench {
namespace {

constexpr std::uint64_t kSeed = 20'240'307;
constexpr double kBatchBytes = 1'000'000;
constexpr std::uint64_t kBatchesOfValues = 40;

/// Returns the largest of 1, 2, 5, 10, 20, 50, ... that is not above `rows`: it divides the pool evenly.
std::uint32_t RoundDown(double rows) {
  std::uint32_t round = 1;
  for (std::uint32_t power = 1; power <= 100'000; power *= 10) {
    for (const std::uint32_t digit : {1U, 2U, 5U}) {
      if (digit * power <= rows) round = digit * power;
    }
  }
  return round;
}

harness::TableRecipe MakeTable(const Shape& shape) {
  harness::TableRecipe table = harness::BenchTable(1, shape.width > 0 ? 2 : shape.columns);
  if (shape.width > 0) {
    Column& body = table.schema.columns[1];
    body.name = "body";
    body.type = Type::kText;
    body.length = 0;
    table.columns[1] = harness::RecipeFor(body, 1);
    table.columns[1].bytes_min = table.columns[1].bytes_max = shape.width > 8 ? shape.width - 8 : 1;
    table.columns[1].odd_at_first = false;
  }
  if (shape.key == KeyKind::kComposite) {
    table.schema.columns[1].key_position = 2;
    table.schema.columns[1].nullable = false;
  }
  if (shape.key == KeyKind::kText) {
    table.schema.columns[0].type = Type::kText;
    table.schema.columns[0].length = 16;
  }
  return table;
}

constexpr std::size_t kFlushAt = 1 << 20;

struct CloseFile {
  void operator()(FILE* file) const { std::fclose(file); }
};

void AppendText(std::string_view text, bool csv, std::string* line) {
  if (!csv) {
    line->append(text);
    return;
  }
  *line += '"';
  for (const char letter : text) {
    if (letter == '"') *line += '"';
    *line += letter;
  }
  *line += '"';
}

void AppendRow(const BenchRows& rows, std::int64_t key, std::uint32_t version, bool csv, std::string* line) {
  const char separator = csv ? ',' : '\t';
  if (rows.shape().key == KeyKind::kText) {
    const auto digits = BenchRows::KeyDigits(key);
    AppendText({digits.data(), digits.size()}, csv, line);
  } else {
    const auto numbers = BenchRows::KeyNumbers(rows.shape().key, key);
    absl::StrAppend(line, numbers[0]);
    if (rows.key_width() == 2) absl::StrAppend(line, std::string(1, separator), numbers[1]);
  }
  const Value* values = rows.ValuesAt(rows.Place(key, version));
  for (std::uint32_t column = rows.key_width(); column < rows.schema().columns.size(); ++column) {
    *line += separator;
    const Value& value = values[column - rows.key_width()];
    switch (rows.StorageAt(column)) {
      case Storage::kInts:
        absl::StrAppend(line, value.integer);
        break;
      case Storage::kDoubles:
        absl::StrAppendFormat(line, "%.17g", value.real);
        break;
      default:
        AppendText({value.text, value.size}, csv, line);
    }
  }
  *line += '\n';
}

}  // namespace

BenchRows::BenchRows(const Shape& shape) : shape_(shape) {
  const harness::TableRecipe table = MakeTable(shape);
  schema_ = table.schema;
  key_width_ = static_cast<std::uint32_t>(schema_.Key().size());
  value_columns_ = static_cast<std::uint32_t>(schema_.columns.size()) - key_width_;
  places_ = RowsPerBatch(Verb::kInsert) * kBatchesOfValues;
  values_.resize(places_ * value_columns_);
  std::vector<std::size_t> starts(values_.size());
  std::string scratch;
  for (std::uint64_t place = 0; place < places_; ++place) {
    const std::uint64_t seed = harness::RowSeed(kSeed, static_cast<std::int64_t>(place));
    for (std::uint32_t i = 0; i < value_columns_; ++i) {
      harness::Recipe recipe = table.columns[key_width_ + i];
      const std::uint64_t at = place * value_columns_ + i;
      const std::uint32_t wanted = recipe.bytes_min;
      // The harness makes texts from a pool that is shorter than the widest rows of this benchmark.
      recipe.bytes_min = recipe.bytes_max = std::min(recipe.bytes_min, 4'096U);
      const harness::Cell cell = harness::MakeCell(recipe, seed, 1, 0, &scratch);
      starts[at] = texts_.size();
      switch (cell.kind) {
        case harness::Cell::Kind::kInt:
          values_[at].integer = cell.integer;
          break;
        case harness::Cell::Kind::kDouble:
          values_[at].real = cell.real;
          break;
        default: {
          std::size_t size = cell.bytes.size();
          texts_.append(cell.bytes);
          while (wanted > 4'096 && size < wanted) {
            const std::size_t more = std::min<std::size_t>(wanted - size, cell.bytes.size());
            texts_.append(texts_, starts[at], more);
            size += more;
          }
          values_[at].size = size;
        }
      }
    }
  }
  for (std::size_t at = 0; at < values_.size(); ++at) {
    const std::uint32_t column = key_width_ + static_cast<std::uint32_t>(at % value_columns_);
    if (StorageAt(column) == Storage::kBytes) values_[at].text = texts_.data() + starts[at];
  }
}

std::vector<std::uint32_t> BenchRows::KeyColumns() const { return schema_.Key(); }

std::vector<std::uint32_t> BenchRows::ValueColumns(Verb verb) const {
  std::vector<std::uint32_t> columns;
  if (verb == Verb::kDelete) return columns;
  for (auto i = key_width_; i < schema_.columns.size(); ++i) {
    const std::string& name = schema_.columns[i].name;
    const bool all = verb != Verb::kUpdate || shape_.width > 0 || shape_.columns < 12;
    if (all || name == "credit" || name == "phone") columns.push_back(i);
  }
  return columns;
}

std::uint32_t BenchRows::RowsPerBatch(Verb verb) const {
  // All columns of the benchmark's row are counted: 5,000 such rows are 0.94 MB as messages.
  double bytes = shape_.key == KeyKind::kText ? 20 : 8.0 * key_width_;
  const harness::TableRecipe table = MakeTable(shape_);
  for (const std::uint32_t column : ValueColumns(verb)) {
    bytes += StorageAt(column) == Storage::kBytes ? table.columns[column].bytes_min : 8.0;
  }
  return RoundDown(kBatchBytes / bytes);
}

std::array<char, 16> BenchRows::KeyDigits(std::int64_t key) {
  std::array<char, 16> digits;
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) {
    *digit = static_cast<char>('0' + key % 10);
    key /= 10;
  }
  return digits;
}

void BenchRows::AppendValues(std::int64_t key, std::uint32_t version, RowBlock* block) const {
  const Value* values = ValuesAt(Place(key, version));
  for (ColumnBuffer& buffer : block->columns) {
    const Value& value = values[buffer.column() - key_width_];
    switch (buffer.storage()) {
      case Storage::kInts:
        buffer.AppendInt(value.integer);
        break;
      case Storage::kDoubles:
        buffer.AppendDouble(value.real);
        break;
      default:
        buffer.AppendBytes({value.text, value.size});
    }
  }
}

absl::Status ExportRows(const BenchRows& rows, const Step& step, const std::string& format,
                        const std::string& path) {
  if (format != "csv" && format != "tsv") {
    return absl::InvalidArgumentError(absl::StrCat("'", format, "' is not a format: use csv or tsv"));
  }
  const std::unique_ptr<FILE, CloseFile> file(std::fopen(path.c_str(), "we"));
  std::string text;
  bool fine = file != nullptr;
  const auto flush = [&] {
    fine = fine && std::fwrite(text.data(), 1, text.size(), file.get()) == text.size();
    text.clear();
  };
  for (const std::int64_t key : KeysOf(step)) {
    AppendRow(rows, key, step.version, format == "csv", &text);
    if (text.size() >= kFlushAt) flush();
  }
  flush();
  fine = fine && std::fflush(file.get()) == 0;
  return fine ? absl::OkStatus() : absl::UnavailableError(absl::StrCat("'", path, "' cannot be written"));
}

}  // namespace mirror::bench
