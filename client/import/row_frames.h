#ifndef MIRROR_CLIENT_IMPORT_ROW_FRAMES_H_
#define MIRROR_CLIENT_IMPORT_ROW_FRAMES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "client/import/frame_output.h"
#include "client/source/files/rows/file_rows.h"
#include "proto/wire/import/import_frame.h"
#include "proto/wire/row_block.h"

namespace mirror {

/// Puts rows into frames. What goes into which depends on the rows alone, so that a file that is read again
/// gives the same ones.
class RowFrames {
 public:
  RowFrames(const ImportHeader& header, FrameOutput& output);

  /// A row, or a reject where it cannot be taken. True: something was written.
  bool Add(const FileRow& row);
  /// What waits.
  void Flush();

 private:
  /// Why it cannot be taken; empty: it can.
  std::string Flaw(const FileRow& row) const;
  void Append(const FileRow& row);
  void AppendMarks(const FileRow& row);
  void FlushRejects();

  const ImportHeader& header_;
  FrameOutput& output_;
  RowBlock block_;
  std::size_t block_bytes_ = 0;
  std::string marks_;
  ImportRejects rejects_;
  std::size_t rejects_bytes_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_IMPORT_ROW_FRAMES_H_
