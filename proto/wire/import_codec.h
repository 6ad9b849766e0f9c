#ifndef MIRROR_PROTO_WIRE_IMPORT_CODEC_H_
#define MIRROR_PROTO_WIRE_IMPORT_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/wire/import_frame.h"
#include "proto/wire/row_block.h"

namespace mirror {

/// A frame as it stands in the pipe, with its length.
std::string EncodeFrame(const ImportHeader& header);
/// `rows`: of all columns of ImportTable().
std::string EncodeFrame(const RowBlock& rows, std::uint64_t seq);
std::string EncodeFrame(const ImportRejects& rejects);
std::string EncodeFrame(const ImportProgress& progress);
std::string EncodeFrame(const ImportEnd& end);

/// Takes what comes out of the pipe, which may be anything: whoever wrote it has read a stranger's file.
/// Memory: one frame, and what it becomes, which is bounded. Threads: one.
class ImportFrames {
 public:
  ImportFrames();
  ~ImportFrames();
  ImportFrames(const ImportFrames&) = delete;
  ImportFrames& operator=(const ImportFrames&) = delete;

  void Append(std::string_view bytes);

  /// The next frame; absent: more bytes are needed. What it gave before is gone. Errors, after which nothing
  /// more can be asked for: kInvalidArgument, with a reason for who looks after the program: it is no frame,
  /// too large, out of its order, does not hold what import.proto says, or its counts are wrong.
  absl::StatusOr<std::optional<ImportPiece>> Next();

 private:
  struct Message;
  absl::Status Decode(std::string_view bytes, std::optional<ImportPiece>* piece);
  absl::Status TakeHeader(std::optional<ImportPiece>* piece);
  absl::Status TakeRows(std::optional<ImportPiece>* piece);
  absl::Status TakeRejects(std::optional<ImportPiece>* piece);
  absl::Status TakeProgress(std::optional<ImportPiece>* piece);
  absl::Status TakeEnd(std::optional<ImportPiece>* piece);

  std::string buffer_;
  std::size_t at_ = 0;
  const std::unique_ptr<Message> message_;
  std::optional<TableSchema> table_;  ///< Absent: there was no header yet.
  std::uint64_t seq_ = 0, rows_ = 0, rejects_ = 0, read_ = 0;
  bool has_ended_ = false;
};

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_IMPORT_CODEC_H_
