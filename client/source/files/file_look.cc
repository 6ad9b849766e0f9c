#include "client/source/files/file_look.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/source/files/rows/xlsx_rows.h"

namespace mirror {

std::uint32_t FileTable::KeyPositionOf(std::string_view column) const {
  const auto part =
      std::find_if(key.begin(), key.end(), [&](const std::string& one) { return SameName(one, column); });
  return part == key.end() ? 0 : static_cast<std::uint32_t>(part - key.begin()) + 1;
}

std::optional<Type> FileTable::DeclaredTypeOf(std::string_view column) const {
  for (const auto& [declared, type] : types) {
    if (SameName(declared, column)) return type;
  }
  return std::nullopt;
}

bool HaveSameNames(const std::vector<std::string>& header, const std::vector<std::string>& other) {
  return std::equal(header.begin(), header.end(), other.begin(), other.end(), SameName);
}

bool FileLook::HasHeader(const std::vector<std::string>& header) const {
  return std::equal(
      header.begin(), header.end(), schema.columns.begin(), schema.columns.end(),
      [](const std::string& name, const Column& column) { return SameName(name, column.name); });
}

TableSchema FileLook::Given() const {
  TableSchema given = schema;
  for (Column& column : given.columns) {
    if (table.steps.TurnOf(column.name).rule != Rule::kPlain) TurnToText(&column);
  }
  return given;
}

absl::Status FileLook::CheckEnd() const {
  for (const FileSeen& file : files) {
    struct stat now = {};
    const bool same = stat(file.path.c_str(), &now) == 0 && now.st_dev == file.status.st_dev &&
                      now.st_ino == file.status.st_ino && now.st_size == file.status.st_size &&
                      now.st_mtim.tv_sec == file.status.st_mtim.tv_sec &&
                      now.st_mtim.tv_nsec == file.status.st_mtim.tv_nsec;
    if (!same)
      return absl::AbortedError(
          absl::StrCat("'", file.path, "' was replaced or written to while it was read"));
  }
  return absl::OkStatus();
}

namespace {

absl::StatusOr<std::unique_ptr<FileRows>> OpenFile(const FileSeen& file, const FileTable& table) {
  return table.workbook && !file.mended ? OpenXlsx(file.path, table.sheet) : OpenCsv(file.path, table.csv);
}

/// Reads the rows of one file after the other.
class RowsOfFiles : public FileRows {
 public:
  RowsOfFiles(const FileLook& look, std::unique_ptr<FileRows> first) : look_(look), rows_(std::move(first)) {
    header_ = rows_->header();
    raw_header_ = rows_->raw_header();
    separator_ = rows_->separator();
  }

  const std::vector<std::string>& header() const override { return header_; }
  const std::string& raw_header() const override { return raw_header_; }
  char separator() const override { return separator_; }
  std::uint64_t bytes_read() const override { return rows_->bytes_read(); }  // Of the present file only.

  absl::StatusOr<bool> Next(FileRow* row) override {
    for (;;) {
      absl::StatusOr<bool> there = rows_->Next(row);
      row->file = look_.files[at_].path;
      if (!there.ok() || *there || at_ + 1 == look_.files.size()) return there;
      const FileSeen& file = look_.files[++at_];
      ASSIGN_OR_RETURN(std::unique_ptr<FileRows> next, OpenFile(file, look_.table));
      if (!HaveSameNames(next->header(), header_))
        return absl::AbortedError(absl::StrCat("'", file.path, "' has another header now"));
      rows_ = std::move(next);
    }
  }

 private:
  const FileLook& look_;
  std::unique_ptr<FileRows> rows_;  ///< Rows of the present file.
  std::size_t at_ = 0;
  std::vector<std::string> header_;
  std::string raw_header_;
  char separator_ = 0;
};

}  // namespace

absl::Status FileLook::CheckHeaders() const {
  if (files.size() < 2) return absl::OkStatus();
  std::vector<std::string> columns;
  for (const FileSeen& file : files) {
    ASSIGN_OR_RETURN(const std::unique_ptr<FileRows> opened, OpenFile(file, table));
    if (columns.empty()) columns = opened->header();
    if (HaveSameNames(opened->header(), columns)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("'", file.path, "' has other columns than '", path,
                     "': files of one table must have the same columns, in the same order"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<FileRows>> FileLook::OpenRows() const {
  absl::StatusOr<std::unique_ptr<FileRows>> first = OpenFile(files.front(), table);
  if (!first.ok() || files.size() < 2) return first;
  return std::make_unique<RowsOfFiles>(*this, *std::move(first));
}

}  // namespace mirror
