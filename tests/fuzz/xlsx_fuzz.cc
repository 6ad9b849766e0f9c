// Any bytes as a part of a workbook: its sheet, its shared texts or its styles, beside sound ones. It is
// refused by a sentence that names the file, or gives rows that have the header's number of cells or say why
// not.

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/source/files/rows/xlsx_rows.h"
#include "tests/fuzz/config_file.h"

namespace mirror {
namespace {

constexpr std::string_view kSheet =
    "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" "
    "t=\"s\"><v>1</v></c></row>"
    "<row r=\"2\"><c r=\"A2\"><v>1</v></c><c r=\"B2\" "
    "s=\"1\"><v>45000.5</v></c></row></sheetData></worksheet>";
constexpr std::string_view kTexts = "<sst><si><t>id</t></si><si><t>day</t></si></sst>";
constexpr std::string_view kStyles =
    "<styleSheet><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"22\"/></cellXfs></styleSheet>";

/// 4 bytes at most.
void Append(std::string* zip, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) zip->push_back(static_cast<char>(value >> (8 * i)));
}

/// An archive whose members are as they are.
std::string Zip(const std::vector<std::pair<std::string, std::string_view>>& members) {
  std::string zip, directory;
  for (const auto& [name, data] : members) {
    const auto offset = static_cast<std::uint32_t>(zip.size());
    std::string facts;
    Append(&facts, 20, 2);  // The version that can read it, flags, method, time and date.
    facts.append(8, '\0');
    Append(&facts,
           static_cast<std::uint32_t>(
               crc32(0, reinterpret_cast<const Bytef*>(data.data()), static_cast<uInt>(data.size()))),
           4);
    Append(&facts, static_cast<std::uint32_t>(data.size()), 4);
    Append(&facts, static_cast<std::uint32_t>(data.size()), 4);
    Append(&facts, static_cast<std::uint32_t>(name.size()), 2);
    Append(&facts, 0, 2);
    zip.append("PK\x03\x04").append(facts).append(name).append(data);
    directory.append("PK\x01\x02");
    Append(&directory, 20, 2);
    directory.append(facts);
    directory.append(10, '\0');
    Append(&directory, offset, 4);
    directory.append(name);
  }
  const auto begin = static_cast<std::uint32_t>(zip.size());
  zip.append(directory).append("PK\x05\x06");
  Append(&zip, 0, 4);
  Append(&zip, static_cast<std::uint32_t>(members.size()), 2);
  Append(&zip, static_cast<std::uint32_t>(members.size()), 2);
  Append(&zip, static_cast<std::uint32_t>(directory.size()), 4);
  Append(&zip, begin, 4);
  Append(&zip, 0, 2);
  return zip;
}

void RequireSound(FileRows& rows) {
  const std::size_t columns = rows.header().size();
  Require(columns > 0);
  FileRow row;
  for (;;) {
    const absl::StatusOr<bool> there = rows.Next(&row);
    if (!there.ok() || !*there) return;
    Require(row.fields.size() == columns && row.raw.ends_with('\n'));
  }
}

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using mirror::kSheet, mirror::kStyles, mirror::kTexts;
  static const auto* const kFile = new mirror::ConfigText;
  if (size == 0) return 0;
  const std::string_view part(reinterpret_cast<const char*>(data) + 1, size - 1);
  const int which = data[0] % 3;
  kFile->Write(mirror::Zip(
      {{"xl/workbook.xml", "<workbook><sheets><sheet name=\"One\" id=\"r1\"/></sheets></workbook>"},
       {"xl/_rels/workbook.xml.rels",
        "<Relationships><Relationship Id=\"r1\" Target=\"worksheets/one.xml\"/></Relationships>"},
       {"xl/worksheets/one.xml", which == 0 ? part : kSheet},
       {"xl/sharedStrings.xml", which == 1 ? part : kTexts},
       {"xl/styles.xml", which == 2 ? part : kStyles}}));
  const auto rows = mirror::OpenXlsx(kFile->path(), "");
  if (rows.ok()) {
    mirror::RequireSound(**rows);
  } else {
    mirror::Require(rows.status().message().find(kFile->path()) != std::string::npos);
  }
  return 0;
}
