#include "client/import/frame_output.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/printable.h"
#include "base/utf8.h"
#include "proto/wire/import/import_codec.h"

namespace mirror {

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

}  // namespace mirror
