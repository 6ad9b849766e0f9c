#include "client/import/row_frames.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/utf8.h"

namespace mirror {
namespace {

/// Of values, or of rejects: a frame that has as many is full.
constexpr std::size_t kFrameBytes = 512 << 10;

/// By which whoever knows the columns may find out whose row it is.
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

}  // namespace

RowFrames::RowFrames(const ImportHeader& header, FrameOutput& output)
    : header_(header), output_(output), block_(RowBlock::ForAll(ImportTable(header.columns))) {}

bool RowFrames::Add(const FileRow& row) {
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

void RowFrames::Flush() {
  FlushRejects();
  if (block_.rows() == 0) return;
  output_.Rows(block_);
  block_.Clear();
  block_bytes_ = 0;
}

void RowFrames::FlushRejects() {
  if (rejects_.rejects.empty()) return;
  output_.Rejects(std::exchange(rejects_, {}));
  rejects_bytes_ = 0;
}

std::string RowFrames::Flaw(const FileRow& row) const {
  if (!row.wrong.empty()) return row.wrong;
  for (std::size_t i = 0; i < row.fields.size(); ++i) {
    if (!row.fields[i] || IsText(*row.fields[i])) continue;
    const bool has_nul = row.fields[i]->find('\0') != std::string_view::npos;
    return absl::StrCat("column '", header_.columns[i], "': ",
                        has_nul ? "a character with the number 0 is no text"
                                : "it is not UTF-8: save the file as UTF-8 (in Excel: \"CSV UTF-8\")");
  }
  return {};
}

void RowFrames::Append(const FileRow& row) {
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
  block_.columns[columns].AppendInt(static_cast<std::int64_t>(std::clamp<std::uint64_t>(row.line, 1, kMost)));
  AppendMarks(row);
}

void RowFrames::AppendMarks(const FileRow& row) {
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

}  // namespace mirror
