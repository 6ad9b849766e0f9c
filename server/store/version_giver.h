#ifndef MIRROR_SERVER_STORE_VERSION_GIVER_H_
#define MIRROR_SERVER_STORE_VERSION_GIVER_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "proto/wire/row_block.h"
#include "server/store/version_reader.h"

namespace mirror {

/// Versions of a row as they come, newest first: each waits until the one before it says when it began.
class VersionGiver {
 public:
  explicit VersionGiver(const VersionReader::TakeVersion& take) : take_(take) {}

  bool goes_on() const { return goes_on_; }
  /// `until`: INT64_MAX of the row that stands. Null: none stood until then.
  absl::Status Add(std::int64_t until, RowBlock* row) {
    if (waiting_) {
      waiting_->from = until;
      waiting_->is_insert = row == nullptr;
    }
    RETURN_IF_ERROR(End());
    if (!goes_on_ || row == nullptr) return absl::OkStatus();
    waiting_ = RowVersion{.until = until == INT64_MAX ? 0 : until};
    row_ = std::move(*row);
    return absl::OkStatus();
  }
  /// Gives what waits.
  absl::Status End() {
    if (!waiting_ || !goes_on_) return absl::OkStatus();
    const absl::StatusOr<bool> more = take_(*std::exchange(waiting_, std::nullopt), &row_);
    if (more.ok()) goes_on_ = *more;
    return more.status();
  }

 private:
  const VersionReader::TakeVersion& take_;
  std::optional<RowVersion> waiting_;
  RowBlock row_;
  bool goes_on_ = true;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_VERSION_GIVER_H_
