#include "client/import/import_file.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "client/source/files/rows/csv_rows.h"
#include "client/source/files/rows/file_rows.h"
#include "client/source/files/rows/xlsx_rows.h"
#include "proto/wire/import_codec.h"
#include "proto/wire/import_frame.h"
#include "proto/wire/row_block.h"

namespace mirror {
namespace {

/// Size of the values, or of the rejects, at which a frame is full.
constexpr std::size_t kFrameBytes = 512 << 10;

/// Returns the row's first cells, for a message: a person who knows the columns can identify the row by them.
std::string FirstCells(const FileRow& row) {
  std::string cells;
  for (const std::optional<std::string_view>& field : row.fields) {
    const std::string_view cell = field.value_or("");
    if (cells.size() + cell.size() >= kImportRawBytesMax || cell.find('\0') != std::string_view::npos) break;
    cells.append(cell).push_back('\0');
  }
  return cells;
}

std::string_view WithoutLineEnd(std::string_view raw) {
  if (raw.ends_with('\n')) raw.remove_suffix(1);
  if (raw.ends_with('\r')) raw.remove_suffix(1);
  return raw;
}

/// Packs rows into frames. The split depends on the rows alone,
/// so a file that is read again gives the same frames.
class RowFrames {
 public:
  RowFrames(const ImportHeader& header, FrameOutput& output)
      : header_(header), output_(output), block_(RowBlock::ForAll(ImportTable(header.columns))) {}

  /// Adds the row, or a reject if it is invalid. True: something was written.
  bool Add(const FileRow& row) {
    std::string flaw = Flaw(row);
    if (flaw.empty()) {
      Append(row);
      if (block_.rows() < kImportBatchRowsMax && block_bytes_ < kFrameBytes) return false;
      Flush();
      return true;
    }
    const std::string_view raw = CutUtf8(WithoutLineEnd(row.raw), kImportRawBytesMax);
    std::string cells = FirstCells(row);
    rejects_bytes_ += flaw.size() + raw.size() + cells.size();
    rejects_.rejects.push_back(
        {row.line, std::string(CutUtf8(flaw, kImportReasonBytesMax)), std::string(raw), std::move(cells)});
    if (rejects_.rejects.size() < kImportRejectsMax && rejects_bytes_ < kFrameBytes) return false;
    FlushRejects();
    return true;
  }

  /// Writes the waiting rows and rejects.
  void Flush() {
    FlushRejects();
    if (block_.rows() == 0) return;
    output_.Rows(block_);
    block_.Clear();
    block_bytes_ = 0;
  }

 private:
  /// Returns why the row is invalid; empty: it is valid.
  std::string Flaw(const FileRow& row) const {
    if (!row.wrong.empty()) return row.wrong;
    for (std::size_t i = 0; i < row.fields.size(); ++i) {
      if (!row.fields[i] || IsText(*row.fields[i])) continue;
      const bool has_nul = row.fields[i]->find('\0') != std::string_view::npos;
      return absl::StrCat("column '", header_.columns[i], "': ",
                          has_nul ? "a text cannot have a NUL character (code 0)"
                                  : "it is not UTF-8: save the file as UTF-8 (in Excel: \"CSV UTF-8\")");
    }
    return {};
  }

  void Append(const FileRow& row) {
    const std::size_t columns = header_.columns.size();
    for (std::size_t i = 0; i < columns; ++i) {
      ColumnBuffer& buffer = block_.columns[i];
      if (row.fields[i]) {
        buffer.AppendBytes(*row.fields[i]);
        block_bytes_ += row.fields[i]->size();
      } else {
        buffer.AppendNull();
      }
    }
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    block_.columns[columns].AppendInt(
        static_cast<std::int64_t>(std::clamp<std::uint64_t>(row.line, 1, kMost)));
    AppendMarks(row);
  }

  void AppendMarks(const FileRow& row) {
    marks_.assign((header_.columns.size() + 7) / 8, '\0');
    bool any = false;
    for (std::size_t i = 0; i < header_.columns.size() && i < row.texts.size(); ++i) {
      if (!row.fields[i] || row.texts[i]) continue;
      marks_[i / 8] = static_cast<char>(static_cast<unsigned char>(marks_[i / 8]) | 1U << (i % 8));
      any = true;
    }
    ColumnBuffer& buffer = block_.columns[header_.columns.size() + 1];
    if (any) {
      buffer.AppendBytes(marks_, Kind::kBlob);
    } else {
      buffer.AppendNull();
    }
  }

  void FlushRejects() {
    if (rejects_.rejects.empty()) return;
    output_.Rejects(std::exchange(rejects_, {}));
    rejects_bytes_ = 0;
  }

  const ImportHeader& header_;
  FrameOutput& output_;
  RowBlock block_;
  std::size_t block_bytes_ = 0;
  std::string marks_;
  ImportRejects rejects_;
  std::size_t rejects_bytes_ = 0;
};

/// First bytes of the file, which show its kind.
constexpr std::size_t kBeginBytes = 4'096;
constexpr std::size_t kRowBytesMax = 4 << 20;
/// Any workbook may unpack to this size, however small it is: a repetitive sheet packs well.
constexpr std::uint64_t kInflatedLeast = 64 << 20;
/// Bytes of the file between two progress reports.
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
        "the file is a workbook in the old format (.xls), or has a password: save it as .xlsx without a "
        "password");
  }
  const bool utf16 = begin.starts_with("\xff\xfe") || begin.starts_with("\xfe\xff");  // Reader's error.
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
    frames.Flush();  // The rows so far are valid, even if the rest cannot be read.
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

void FrameOutput::Write(const std::string& frame) {
  std::string_view rest = frame;
  while (!rest.empty()) {
    const ssize_t written = write(pipe_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) _exit(1);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

void FrameOutput::Header(const ImportHeader& header) {
  Write(EncodeFrame(header));
  has_header_ = true;
}

void FrameOutput::Rows(const RowBlock& rows) {
  Write(EncodeFrame(rows, ++seq_));
  rows_ += rows.rows();
}

void FrameOutput::Rejects(ImportRejects rejects) {
  rejects.before_seq = seq_ + 1;
  Write(EncodeFrame(rejects));
  rejects_ += rejects.rejects.size();
}

void FrameOutput::Progress(const ImportProgress& progress) { Write(EncodeFrame(progress)); }

void FrameOutput::End(ImportOutcome outcome, const std::string& reason) {
  const std::string printable = Printable(reason);
  Write(EncodeFrame(
      ImportEnd{outcome, std::string(CutUtf8(printable, kImportReasonBytesMax)), rows_, rejects_}));
}

void ImportFile(int file, std::uint64_t size, FrameOutput& output) {
  const absl::Status read = Import(file, size, output).Run();
  if (read.ok()) return output.End(ImportOutcome::kDone, "");
  const bool is_no_table = !output.has_header() && (absl::IsInvalidArgument(read) || absl::IsNotFound(read));
  output.End(is_no_table ? ImportOutcome::kCouldNotStart : ImportOutcome::kFailed,
             std::string(read.message()));
}

}  // namespace mirror
