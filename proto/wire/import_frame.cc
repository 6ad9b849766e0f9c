#include "proto/wire/import_frame.h"

#include <algorithm>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/status_macros.h"

namespace mirror {

std::optional<std::string_view> ImportRows::Text(std::uint32_t row, std::uint32_t column) const {
  const ColumnView& view = batch.columns[column];
  if (view.IsNull(row)) return std::nullopt;
  return view.At(row).bytes;
}

bool ImportRows::IsNoText(std::uint32_t row, std::uint32_t column) const {
  const ColumnView& marks = batch.columns[columns + 1];
  if (marks.IsNull(row)) return false;
  const auto byte = static_cast<unsigned char>(marks.At(row).bytes[column / 8]);
  return (byte >> (column % 8) & 1U) != 0;
}

std::optional<std::string_view> ImportReject::Cell(std::size_t column) const {
  std::string_view rest = cells;
  for (;; --column) {
    const std::size_t end = rest.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    if (column == 0) return rest.substr(0, end);
    rest.remove_prefix(end + 1);
  }
}

std::size_t ImportReject::CountCells() const {
  return static_cast<std::size_t>(std::count(cells.begin(), cells.end(), '\0'));
}

std::uint64_t ImportRows::Line(std::uint32_t row) const {
  return static_cast<std::uint64_t>(batch.columns[columns].ints[row]);
}

absl::Status CheckImportHeader(const ImportHeader& header) {
  const std::vector<std::string>& columns = header.columns;
  if (columns.empty()) return absl::InvalidArgumentError("the header names no column");
  if (columns.size() > kImportColumnsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("the header has more than ", Counted(kImportColumnsMax, "column")));
  }
  std::unordered_map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("column ", i + 1, " of the header has no name: name it, or remove the column"));
    }
    RETURN_IF_ERROR(CheckName(columns[i], absl::StrCat("column ", i + 1, " of the header")));
    const auto [first, is_new] = seen.try_emplace(FoldName(columns[i]), i);
    if (is_new) continue;
    // The message omits the name: in a file without a header it is a value of somebody's row.
    return absl::InvalidArgumentError(absl::StrCat("columns ", first->second + 1, " and ", i + 1,
                                                   " of the header have the same name: give each its own"));
  }
  return absl::OkStatus();
}

TableSchema ImportTable(const std::vector<std::string>& columns) {
  TableSchema table;
  table.name = "import";
  const auto add = [&table](std::string name, Type type, bool nullable) {
    table.columns.push_back({.name = std::move(name), .type = type, .nullable = nullable});
  };
  const auto unused = [&table](std::string name) {
    while (table.Find(name)) name.push_back('_');  // A column of the file may have any name.
    return name;
  };
  table.columns.reserve(columns.size() + 2);
  for (const std::string& name : columns) add(name, Type::kText, true);
  add(unused("line"), Type::kInt64, false);
  add(unused("no_texts"), Type::kBytes, true);
  return table;
}

}  // namespace mirror
