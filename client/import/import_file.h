#ifndef MIRROR_CLIENT_IMPORT_IMPORT_FILE_H_
#define MIRROR_CLIENT_IMPORT_IMPORT_FILE_H_

#include <cstdint>
#include <string>

#include "proto/wire/import_frame.h"
#include "proto/wire/row_block.h"

namespace mirror {

/// Writes frames to a pipe. If the reader of the pipe has gone, the process ends.
class FrameOutput {
 public:
  explicit FrameOutput(int pipe) : pipe_(pipe) {}

  void Header(const ImportHeader& header);
  /// `rows` is not empty. They get the next number.
  void Rows(const RowBlock& rows);
  /// `rejects` is not empty. They belong before the next rows.
  void Rejects(ImportRejects rejects);
  void Progress(const ImportProgress& progress);
  /// `reason`: for people; any text; a long one is cut.
  void End(ImportOutcome outcome, const std::string& reason);

  bool has_header() const { return has_header_; }
  std::uint64_t rows() const { return rows_; }
  std::uint64_t rejects() const { return rejects_; }

 private:
  void Write(const std::string& frame);

  const int pipe_;
  bool has_header_ = false;
  std::uint64_t seq_ = 0, rows_ = 0, rejects_ = 0;
};

/// Excel's own limit. The rows of a CSV file are limited by its bytes.
inline constexpr std::uint64_t kSheetRowsMax = 1'048'576;
/// Maximum unpacked size of a workbook, as a multiple of its size.
inline constexpr std::uint64_t kInflationMax = 100;

/// Reads a file to its end, as CSV or a workbook by its first bytes, and writes its frames;
/// the last one is always an End. `file`: at its beginning; it is closed. `size`: its bytes.
void ImportFile(int file, std::uint64_t size, FrameOutput& output);

}  // namespace mirror

#endif  // MIRROR_CLIENT_IMPORT_IMPORT_FILE_H_
