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

/// The end of a cycle that is committed with its last rows. Both methods are called under the tenant's lock.
class RowsEnd {
 public:
  virtual ~RowsEnd() = default;
  /// Plans the end of the cycle, to be executed after the rows in the same transaction. Absent: the cycle
  /// does not end.
  virtual absl::StatusOr<std::optional<Plan>> MakePlan(const TenantRecord& tenant) = 0;
  /// Called after the commit of rows and end, when the state of the rows in memory is updated.
  virtual void NoteCommitted() = 0;
};

/// A source's request that waits for its commit, and afterwards has its answer.
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
  const std::int64_t now_ms;  ///< Unix time of arrival, milliseconds.
  const std::chrono::steady_clock::time_point began;
  bool may_wait = false;   ///< The request may wait for an earlier batch.
  RowsEnd* end = nullptr;  ///< Set: these are the cycle's last rows, and `end` ends it.

  RowAnswer answer;
  bool has_gap = false;        ///< The request waits for an earlier batch and has no answer yet.
  std::uint64_t gap_seen = 0;  ///< GapWaits::changes() when the gap was found.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_WAITING_ROWS_H_
