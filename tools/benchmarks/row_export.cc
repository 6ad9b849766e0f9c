#include "tools/benchmarks/row_export.h"

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace mirror::bench {
namespace {

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

absl::Status ExportRows(const BenchRows& rows, const Step& step, const std::string& format,
                        const std::string& path) {
  if (format != "csv" && format != "tsv") {
    return absl::InvalidArgumentError(absl::StrCat("'", format, "' is no format: csv or tsv"));
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
