#include "tests/support/workbook/workbook_file.h"

#include <gtest/gtest.h>
#include <zip.h>

#include "absl/strings/str_cat.h"

namespace mirror {

void WriteZip(const std::string& path, const std::vector<std::pair<std::string, std::string>>& members,
              const char* password) {
  int code = 0;
  zip_t* const archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  ASSERT_NE(archive, nullptr) << code;
  for (const auto& [name, content] : members) {
    zip_source_t* const source = zip_source_buffer(archive, content.data(), content.size(), 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
    ASSERT_GE(index, 0) << zip_strerror(archive);
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_DEFLATE, 9);
    if (password != nullptr)
      zip_file_set_encryption(archive, static_cast<zip_uint64_t>(index), ZIP_EM_AES_256, password);
  }
  ASSERT_EQ(zip_close(archive), 0);
}

std::string TextCell(const std::string& text) {
  return absl::StrCat("t=\"inlineStr\"><is><t>", text, "</t></is></c>");
}
std::string NumberCell(const std::string& number) { return absl::StrCat("><v>", number, "</v></c>"); }
std::string SharedCell(std::size_t index) { return absl::StrCat("t=\"s\"><v>", index, "</v></c>"); }

std::string SheetXml(const std::vector<std::vector<std::string>>& rows) {
  std::string xml = "<worksheet><sheetData>";
  for (std::size_t row = 0; row < rows.size(); ++row) {
    absl::StrAppend(&xml, "<row r=\"", row + 1, "\">");
    for (std::size_t i = 0; i < rows[row].size(); ++i) {
      if (rows[row][i].empty()) continue;
      absl::StrAppend(&xml, "<c r=\"", std::string(1, static_cast<char>('A' + i)), row + 1, "\" ",
                      rows[row][i]);
    }
    xml.append("</row>");
  }
  return xml + "</sheetData></worksheet>";
}

std::vector<std::pair<std::string, std::string>> WorkbookMembers(const std::string& sheet,
                                                                 const std::string& shared) {
  std::vector<std::pair<std::string, std::string>> members = {
      {"xl/workbook.xml", "<workbook><sheets><sheet name=\"One\" id=\"r1\"/></sheets></workbook>"},
      {"xl/_rels/workbook.xml.rels",
       "<Relationships><Relationship Id=\"r1\" Target=\"worksheets/one.xml\"/></Relationships>"},
      {"xl/worksheets/one.xml", sheet}};
  if (!shared.empty()) members.emplace_back("xl/sharedStrings.xml", shared);
  return members;
}

}  // namespace mirror
