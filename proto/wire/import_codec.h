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

/// Returns a frame for the pipe, with its length before it.
std::string EncodeFrame(const ImportHeader& header);
/// Returns a frame with rows. `rows` must have all columns of ImportTable().
std::string EncodeFrame(const RowBlock& rows, std::uint64_t seq);
std::string EncodeFrame(const ImportRejects& rejects);
std::string EncodeFrame(const ImportProgress& progress);
std::string EncodeFrame(const ImportEnd& end);

/// Decodes the bytes of the pipe. The bytes are not trusted, because the program that wrote them has parsed a
/// file from outside. Memory: one frame and its decoded form, both bounded. Threads: one.
class ImportFrames {
 public:
  ImportFrames();
  ~ImportFrames();
  ImportFrames(const ImportFrames&) = delete;
  ImportFrames& operator=(const ImportFrames&) = delete;

  void Append(std::string_view bytes);

  /// Returns the next frame; absent: more bytes are needed. The frame that was returned before becomes
  /// invalid. Errors: kInvalidArgument, with a reason for the operator: the bytes are not a frame, or the
  /// frame is too large, out of order, not as import.proto says, or has wrong counts. After an error no call
  /// is allowed.
  absl::StatusOr<std::optional<ImportPiece>> Next();

 private:
  struct Message;
  absl::StatusOr<ImportPiece> Decode(std::string_view bytes);
  absl::StatusOr<ImportPiece> TakeHeader();
  absl::StatusOr<ImportPiece> TakeRows();
  absl::StatusOr<ImportPiece> TakeRejects();
  absl::StatusOr<ImportPiece> TakeProgress();
  absl::StatusOr<ImportPiece> TakeEnd();

  std::string buffer_;
  std::size_t at_ = 0;
  const std::unique_ptr<Message> message_;
  std::optional<TableSchema> table_;  ///< Absent: no header was read yet.
  std::uint64_t seq_ = 0, rows_ = 0, rejects_ = 0, read_ = 0;
  bool has_ended_ = false;
};

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_IMPORT_CODEC_H_
