#include "proto/wire/import_codec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>

#include <utility>

#include "base/status_macros.h"
#include "base/utf8.h"
#include "mirror/v1/import.pb.h"
#include "proto/wire/codec.h"
#include "proto/wire/codec_skip.h"

namespace mirror {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::io::CodedInputStream;

constexpr std::size_t kLengthBytes = 4;
/// Messages and list texts in one frame: each has two bytes in the pipe, and up to two hundred in memory.
constexpr std::uint32_t kEntriesMax = 4'096;

std::string Framed(const v1::ImportFrame& message) {
  const auto size = static_cast<std::uint32_t>(message.ByteSizeLong());
  std::string bytes;
  bytes.reserve(kLengthBytes + size);
  for (std::size_t i = 0; i < kLengthBytes; ++i) bytes.push_back(static_cast<char>(size >> (8 * i)));
  message.AppendToString(&bytes);
  return bytes;
}

absl::Status Wrong(std::string_view why) { return absl::InvalidArgumentError(std::string(why)); }

/// Returns true if a message has only known fields, and no more entries than `left`.
bool IsBounded(const Descriptor& type, CodedInputStream& in, std::uint32_t* left) {
  while (const std::uint32_t tag = in.ReadTag()) {
    const FieldDescriptor* const field = type.FindFieldByNumber(static_cast<int>(tag >> 3U));
    if (field == nullptr) return false;
    const bool is_message = field->message_type() != nullptr;
    if ((is_message || (field->is_repeated() && !field->is_packable())) && (*left)-- == 0) return false;
    if (!is_message) {
      if (!SkipValue(tag & 7U, in)) return false;
      continue;
    }
    std::uint32_t length = 0;
    if ((tag & 7U) != kLengthBefore || !in.ReadVarint32(&length) || length > kImportFrameBytesMax)
      return false;
    const CodedInputStream::Limit around = in.PushLimit(static_cast<int>(length));
    if (!IsBounded(*field->message_type(), in, left) || in.BytesUntilLimit() != 0) return false;
    in.PopLimit(around);
  }
  return in.ConsumedEntireMessage();
}

/// Returns true for a text for people within its limits.
bool IsReason(const std::string& text) { return text.size() <= kImportReasonBytesMax && IsText(text); }

}  // namespace

std::string EncodeFrame(const ImportHeader& header) {
  v1::ImportFrame frame;
  for (const std::string& name : header.columns) frame.mutable_header()->add_columns(name);
  frame.mutable_header()->set_workbook(header.workbook);
  return Framed(frame);
}

std::string EncodeFrame(const RowBlock& rows, std::uint64_t seq) {
  v1::ImportFrame frame;
  v1::ChangeBatch* const batch = frame.mutable_rows()->mutable_batch();
  batch->set_table("import");
  batch->set_seq(seq);
  if (seq == 1) batch->mutable_target();
  batch->set_operation(v1::OPERATION_INSERT);
  EncodeRows(rows, batch);
  return Framed(frame);
}

std::string EncodeFrame(const ImportRejects& rejects) {
  v1::ImportFrame frame;
  frame.mutable_rejects()->set_before_seq(rejects.before_seq);
  for (const ImportReject& reject : rejects.rejects) {
    v1::FileReject* const one = frame.mutable_rejects()->add_rejects();
    one->set_line(reject.line);
    one->set_reason(reject.reason);
    one->set_raw(reject.raw);
    one->set_cells(reject.cells);
  }
  return Framed(frame);
}

std::string EncodeFrame(const ImportProgress& progress) {
  v1::ImportFrame frame;
  frame.mutable_progress()->set_bytes_read(progress.bytes_read);
  frame.mutable_progress()->set_bytes_total(progress.bytes_total);
  return Framed(frame);
}

std::string EncodeFrame(const ImportEnd& end) {
  v1::ImportFrame frame;
  frame.mutable_end()->set_outcome(static_cast<v1::FileOutcome>(end.outcome));
  frame.mutable_end()->set_reason(end.reason);
  frame.mutable_end()->set_rows(end.rows);
  frame.mutable_end()->set_rejects(end.rejects);
  return Framed(frame);
}

struct ImportFrames::Message {
  v1::ImportFrame frame;
};

ImportFrames::ImportFrames() : message_(std::make_unique<Message>()) {}
ImportFrames::~ImportFrames() = default;

void ImportFrames::Append(std::string_view bytes) {
  buffer_.erase(0, at_);
  at_ = 0;
  buffer_.append(bytes);
}

absl::StatusOr<std::optional<ImportPiece>> ImportFrames::Next() {
  const std::string_view rest = std::string_view(buffer_).substr(at_);
  if (has_ended_ && !rest.empty()) return Wrong("there is data after the end");
  if (rest.size() < kLengthBytes) return std::nullopt;
  std::size_t size = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    size |= std::size_t{static_cast<unsigned char>(rest[i])} << (8 * i);
  }
  if (size > kImportFrameBytesMax) return Wrong("a frame is too large");
  if (rest.size() < kLengthBytes + size) return std::nullopt;
  at_ += kLengthBytes + size;
  return Decode(rest.substr(kLengthBytes, size));
}

absl::StatusOr<ImportPiece> ImportFrames::Decode(std::string_view bytes) {
  v1::ImportFrame& frame = message_->frame;
  {
    CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
    std::uint32_t left = kEntriesMax;
    if (!IsBounded(*v1::ImportFrame::descriptor(), in, &left)) {
      return Wrong("a frame is not a message, or has too many parts");
    }
  }
  if (!frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Wrong("a frame is not a message");
  const bool may_be_first = frame.has_header() || frame.has_end();
  if (!table_ && !may_be_first) return Wrong("the first frame is not a header");
  switch (frame.frame_case()) {
    case v1::ImportFrame::kHeader:
      return TakeHeader();
    case v1::ImportFrame::kRows:
      return TakeRows();
    case v1::ImportFrame::kRejects:
      return TakeRejects();
    case v1::ImportFrame::kProgress:
      return TakeProgress();
    case v1::ImportFrame::kEnd:
      return TakeEnd();
    case v1::ImportFrame::FRAME_NOT_SET:
      break;
  }
  return Wrong("a frame holds nothing");
}

absl::StatusOr<ImportPiece> ImportFrames::TakeHeader() {
  if (table_) return Wrong("a second header");
  const v1::FileHeader& message = message_->frame.header();
  ImportHeader header{{message.columns().begin(), message.columns().end()}, message.workbook()};
  RETURN_IF_ERROR(CheckImportHeader(header));
  table_ = ImportTable(header.columns);
  return ImportPiece(std::move(header));
}

absl::StatusOr<ImportPiece> ImportFrames::TakeRows() {
  const v1::ChangeBatch& message = message_->frame.rows().batch();
  WireLimits limits;
  limits.batch_rows_max = kImportBatchRowsMax;
  absl::StatusOr<ChangeBatch> batch = DecodeBatch(message, *table_, limits);
  if (!batch.ok()) return Wrong(std::string(batch.status().message()));
  const auto columns = static_cast<std::uint32_t>(table_->columns.size() - 2);
  ImportRows rows{batch->seq, columns, *std::move(batch)};
  if (rows.seq != seq_ + 1) return Wrong("rows are out of their order");
  if (rows.batch.operation != Operation::kInsert || rows.batch.row_count == 0)
    return Wrong("a frame of rows that has no rows, or no INSERT");
  for (std::uint32_t i = 0; i < rows.batch.columns.size(); ++i) {
    if (rows.batch.columns[i].column != i) return Wrong("columns are out of their order");
    if (!rows.batch.columns[i].large.empty()) return Wrong("a value is in 'large'");
  }
  const ColumnView& marks = rows.batch.columns[columns + 1];
  for (std::uint32_t row = 0; row < rows.batch.row_count; ++row) {
    if (rows.batch.columns[columns].ints[row] < 1) return Wrong("a row has no line");
    if (!marks.IsNull(row) && marks.At(row).bytes.size() != (columns + 7) / 8) {
      return Wrong("the marks of a row have another length than its columns");
    }
  }
  ++seq_;
  rows_ += rows.batch.row_count;
  return ImportPiece(std::move(rows));
}

absl::StatusOr<ImportPiece> ImportFrames::TakeRejects() {
  const v1::FileRejects& message = message_->frame.rejects();
  ImportRejects rejects{message.before_seq(), {}};
  if (rejects.before_seq != seq_ + 1) return Wrong("rejects are out of their order");
  const auto count = static_cast<std::size_t>(message.rejects_size());
  if (count == 0 || count > kImportRejectsMax) return Wrong("too many rejects, or none");
  for (const v1::FileReject& one : message.rejects()) {
    if (one.line() < 1 || !IsReason(one.reason()) || one.reason().empty() ||
        one.raw().size() > kImportRawBytesMax || one.cells().size() > kImportRawBytesMax) {
      return Wrong("a reject without a line or a reason, or with too much of the row");
    }
    rejects.rejects.push_back({one.line(), one.reason(), one.raw(), one.cells()});
  }
  rejects_ += count;
  return ImportPiece(std::move(rejects));
}

absl::StatusOr<ImportPiece> ImportFrames::TakeProgress() {
  const v1::FileProgress& message = message_->frame.progress();
  if (message.bytes_read() < read_ || message.bytes_read() > message.bytes_total()) {
    return Wrong("progress that goes back, or beyond the end");
  }
  read_ = message.bytes_read();
  return ImportPiece(ImportProgress{message.bytes_read(), message.bytes_total()});
}

absl::StatusOr<ImportPiece> ImportFrames::TakeEnd() {
  const v1::FileEnd& message = message_->frame.end();
  if (message.outcome() < v1::FILE_OUTCOME_DONE || message.outcome() > v1::FILE_OUTCOME_FAILED) {
    return Wrong("an end that does not say how it went");
  }
  ImportEnd end{static_cast<ImportOutcome>(message.outcome()), message.reason(), message.rows(),
                message.rejects()};
  const bool done = end.outcome == ImportOutcome::kDone;
  if (!IsReason(end.reason) || end.reason.empty() != done) return Wrong("an end without a reason");
  if (end.outcome != ImportOutcome::kFailed && done != table_.has_value()) {
    return Wrong("an end that does not fit what came before");
  }
  if (end.rows != rows_ || end.rejects != rejects_) return Wrong("an end with wrong counts");
  has_ended_ = true;
  return ImportPiece(std::move(end));
}

}  // namespace mirror
