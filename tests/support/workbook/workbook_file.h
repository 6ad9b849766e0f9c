#ifndef MIRROR_TESTS_SUPPORT_WORKBOOK_WORKBOOK_FILE_H_
#define MIRROR_TESTS_SUPPORT_WORKBOOK_WORKBOOK_FILE_H_

#include <string>
#include <utility>
#include <vector>

namespace mirror {

/// Writes a zip archive, deflated. `password`: encrypts its members.
void WriteZip(const std::string& path, const std::vector<std::pair<std::string, std::string>>& members,
              const char* password = nullptr);

/// A cell as it stands in a sheet: text("Ada"), number("53"), shared(0).
std::string TextCell(const std::string& text);
std::string NumberCell(const std::string& number);
std::string SharedCell(std::size_t index);

/// The members of a workbook with one sheet. `sheet`: all of its XML; `shared`: that of the shared texts,
/// empty: there are none.
std::vector<std::pair<std::string, std::string>> WorkbookMembers(const std::string& sheet,
                                                                 const std::string& shared = "");
/// The XML of a sheet with these rows of cells; an empty cell is left out, and those behind it keep their
/// place.
std::string SheetXml(const std::vector<std::vector<std::string>>& rows);

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_WORKBOOK_WORKBOOK_FILE_H_
