#include "client/import/import_file.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "client/import/row_frames.h"
#include "client/source/files/rows/csv_rows.h"
#include "client/source/files/rows/xlsx_rows.h"

namespace mirror {
namespace {

/// Of the file, of which its kind is known.
constexpr std::size_t kBeginBytes = 4'096;
constexpr std::size_t kRowBytesMax = 4 << 20;
/// A small workbook may become so large, whatever its size: a sheet that repeats itself packs well.
constexpr std::uint64_t kInflatedLeast = 64 << 20;
/// Bytes of a file between two reports.
constexpr std::uint64_t kReportBytes = 64 << 10;

enum class FileKind { kCsv, kWorkbook };

absl::StatusOr<FileKind> KindOf(int file) {
  std::array<char, kBeginBytes> bytes;
  const ssize_t got = pread(file, bytes.data(), bytes.size(), 0);
  if (got < 0) return absl::UnavailableError("the file cannot be read from the disk");
  const std::string_view begin(bytes.data(), static_cast<std::size_t>(got));
  if (begin.starts_with("PK\x03\x04") || begin.starts_with("PK\x05\x06")) return FileKind::kWorkbook;
  if (begin.starts_with("\xd0\xcf\x11\xe0")) {
    return absl::InvalidArgumentError(
        "the file is a workbook of the old format (.xls), or one with a password: save it as .xlsx, without "
        "one");
  }
  const bool utf16 = begin.starts_with("\xff\xfe") || begin.starts_with("\xfe\xff");  // The reader says so.
  if (!utf16 && begin.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError("the file is neither CSV nor an Excel workbook (.xlsx)");
  }
  return FileKind::kCsv;
}

absl::StatusOr<std::unique_ptr<FileRows>> OpenRows(int file, std::uint64_t size, FileKind kind) {
  FileLimits limits;
  limits.row_bytes_max = kRowBytesMax;
  limits.long_row_ends = true;
  limits.columns_max = kImportColumnsMax;
  limits.sheet_rows_max = kSheetRowsMax;
  limits.inflated_max = std::max(size * kInflationMax, kInflatedLeast);
  return kind == FileKind::kWorkbook ? ReadXlsx(file, "", limits) : ReadCsv(file, CsvOptions(), limits);
}

absl::Status CheckHeader(const ImportHeader& header) {
  for (const std::string& name : header.columns) {
    if (!header.workbook && !CountUtf8(name)) {
      return absl::InvalidArgumentError(
          "the file's header is not UTF-8: save the file as UTF-8 (in Excel: \"CSV UTF-8\")");
    }
  }
  return CheckImportHeader(header);
}

class Import {
 public:
  Import(int file, std::uint64_t size, FrameOutput& output) : file_(file), size_(size), output_(output) {}

  absl::Status Run() {
    ASSIGN_OR_RETURN(const FileKind kind, KindOf(file_));
    ASSIGN_OR_RETURN(const std::unique_ptr<FileRows> rows, OpenRows(file_, size_, kind));
    const ImportHeader header{rows->header(), kind == FileKind::kWorkbook};
    RETURN_IF_ERROR(CheckHeader(header));
    output_.Header(header);
    RowFrames frames(header, output_);
    absl::Status read = ReadAll(*rows, frames);
    frames.Flush();  // What is there is right, also where the rest cannot be read.
    if (read.ok()) output_.Progress({size_, size_});
    return read;
  }

 private:
  absl::Status ReadAll(FileRows& rows, RowFrames& frames) {
    FileRow row;
    while (true) {
      ASSIGN_OR_RETURN(const bool there, rows.Next(&row));
      if (!there) return absl::OkStatus();
      if (frames.Add(row)) Report(std::min(rows.bytes_read(), size_));
    }
  }

  void Report(std::uint64_t bytes_read) {
    if (bytes_read - reported_ < std::max(kReportBytes, size_ / 200)) return;
    reported_ = bytes_read;
    output_.Progress({bytes_read, size_});
  }

  const int file_;
  const std::uint64_t size_;
  FrameOutput& output_;
  std::uint64_t reported_ = 0;
};

}  // namespace

void ImportFile(int file, std::uint64_t size, FrameOutput& output) {
  const absl::Status read = Import(file, size, output).Run();
  if (read.ok()) return output.End(ImportOutcome::kDone, "");
  const bool is_no_table = !output.has_header() && (absl::IsInvalidArgument(read) || absl::IsNotFound(read));
  output.End(is_no_table ? ImportOutcome::kCouldNotStart : ImportOutcome::kFailed,
             std::string(read.message()));
}

}  // namespace mirror
