#ifndef MIRROR_SERVER_HTTP_LATE_SINK_H_
#define MIRROR_SERVER_HTTP_LATE_SINK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/http/message.h"
#include "base/status_macros.h"
#include "server/jobs/uploads.h"

namespace mirror {

/// Opens the file with the first byte, on a thread that may wait for the disk.
class LateSink final : public HttpBodySink {
 public:
  using Open = std::function<absl::StatusOr<std::shared_ptr<Uploads::Sink>>()>;
  explicit LateSink(Open open) : open_(std::move(open)) {}

  absl::Status Write(std::string_view piece) override {
    RETURN_IF_ERROR(Begin());
    return sink_->Write(piece);
  }
  /// Of a body without a byte, too.
  absl::Status Finish(std::int64_t now_ms) {
    RETURN_IF_ERROR(Begin());
    return sink_->Finish(now_ms);
  }
  std::string Hash() { return sink_->Hash(); }

 private:
  absl::Status Begin() {
    if (sink_) return absl::OkStatus();
    ASSIGN_OR_RETURN(sink_, open_());
    return absl::OkStatus();
  }

  const Open open_;
  std::shared_ptr<Uploads::Sink> sink_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_LATE_SINK_H_
