#ifndef MIRROR_SERVER_TENANT_WAITING_ROWS_H_
#define MIRROR_SERVER_TENANT_WAITING_ROWS_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "server/plan/caller.h"
#include "server/plan/plan.h"
#include "server/plan/row_request.h"

namespace mirror {

/// The end of a cycle, committed with its last rows. Both methods are called under the tenant's lock.
class RowsEnd {
 public:
  virtual ~RowsEnd() = default;
  /// Plans the end after the rows, in their transaction. Absent: the cycle does not end there.
  virtual absl::StatusOr<std::optional<Plan>> MakePlan(const TenantRecord& tenant) = 0;
  /// Called after the commit of both, once the in-memory state of the rows is updated.
  virtual void NoteCommitted() = 0;
};

/// A source's request that waits for its commit, and then has its answer.
struct WaitingRows {
  WaitingRows(const Caller& from, const RowRequest& rows, std::int64_t came_ms,
              std::chrono::steady_clock::time_point began_at)
      : caller(from), request(rows), now_ms(came_ms), began(began_at) {}

  std::uint64_t bytes() const { return request.bytes; }
  void Answer(RowAnswer with) {
    answer = std::move(with);
    has_gap = false;
  }

  const Caller& caller;
  const RowRequest& request;
  const std::int64_t now_ms;  ///< Unix time of arrival.
  const std::chrono::steady_clock::time_point began;
  bool may_wait = false;   ///< It may wait for the previous batch.
  RowsEnd* end = nullptr;  ///< Set: these are the cycle's last rows, and this is its end.

  RowAnswer answer;
  bool has_gap = false;        ///< It may wait and has to; there is no answer yet.
  std::uint64_t gap_seen = 0;  ///< GapWaits::changes() when the gap was found.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_WAITING_ROWS_H_
