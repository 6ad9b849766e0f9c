// Any bytes as a CSV file, read with each encoding. It is refused by a sentence that names it, or gives rows
// that have the header's number of fields or say why not, in the order of the file and without a byte that is
// not there.

#include "client/source/files/rows/csv_rows.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tests/fuzz/config_file.h"

namespace mirror {
namespace {

void RequireSound(FileRows& rows, std::size_t size) {
  const std::size_t columns = rows.header().size();
  Require(columns > 0 && rows.raw_header().ends_with('\n'));
  std::uint64_t line = 1;
  std::size_t bytes = 0;
  FileRow row;
  for (;;) {
    const absl::StatusOr<bool> there = rows.Next(&row);
    Require(there.ok());
    if (!*there) break;
    Require(row.line > line && !row.raw.empty());
    line = row.line;
    bytes += row.raw.size();
    Require(bytes <= size);
    if (row.wrong.empty()) Require(row.fields.size() == columns);
    for (const auto& field : row.fields) {
      // Each byte becomes three at most, in another encoding.
      if (field) Require(field->size() <= 3 * row.raw.size());
    }
  }
}

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto* const kFile = new mirror::ConfigText;
  kFile->Write(std::string_view(reinterpret_cast<const char*>(data), size));
  for (const mirror::CsvOptions& options :
       {mirror::CsvOptions{},
        mirror::CsvOptions{
            .separator = ';', .quote = '\'', .decimal = ',', .encoding = mirror::CsvEncoding::kLatin1},
        mirror::CsvOptions{.separator = 0, .quote = '"', .encoding = mirror::CsvEncoding::kWindows1252}}) {
    const auto rows = mirror::OpenCsv(kFile->path(), options);
    if (rows.ok()) {
      mirror::RequireSound(**rows, size);
    } else {
      mirror::Require(rows.status().message().find(kFile->path()) != std::string::npos);
    }
  }
  return 0;
}
