#include "client/source/file_look.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/source/xlsx_rows.h"

namespace mirror {

bool FileLook::HasHeader(const std::vector<std::string>& header) const {
  return std::equal(header.begin(), header.end(), schema.columns.begin(), schema.columns.end(),
                    [](const std::string& name, const Column& column) { return name == column.name; });
}

TableSchema FileLook::Given() const {
  TableSchema given = schema;
  for (Column& column : given.columns) {
    if (table.steps.TurnOf(column.name).rule != Rule::kPlain) TurnToText(&column);
  }
  return given;
}

absl::Status FileLook::CheckEnd() const {
  struct stat now = {};
  const bool same = stat(path.c_str(), &now) == 0 && now.st_dev == status.st_dev &&
                    now.st_ino == status.st_ino && now.st_size == status.st_size &&
                    now.st_mtim.tv_sec == status.st_mtim.tv_sec &&
                    now.st_mtim.tv_nsec == status.st_mtim.tv_nsec;
  if (same) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("'", path, "' was replaced or written to while it was read"));
}

absl::StatusOr<std::unique_ptr<FileRows>> OpenRows(const std::string& path, const FileTable& table) {
  return table.workbook ? OpenXlsx(path, table.sheet) : OpenCsv(path, table.csv);
}

}  // namespace mirror
