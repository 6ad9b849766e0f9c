#ifndef MIRROR_SERVER_SOURCE_SOURCE_CALL_H_
#define MIRROR_SERVER_SOURCE_SOURCE_CALL_H_

#include <utility>

#include "absl/status/status.h"
#include "server/plan/caller.h"

namespace mirror {

/// A source's call, at either door, that the gate admitted. Threads: those of the call; no two threads may
/// call AdmitAgain() at the same time.
class SourceCall {
 public:
  explicit SourceCall(Caller caller) : caller_(std::move(caller)) {}
  SourceCall(const SourceCall&) = delete;
  SourceCall& operator=(const SourceCall&) = delete;
  virtual ~SourceCall() = default;

  const Caller& caller() const { return caller_; }
  /// Returns whether the caller has disconnected. A call that waited for a lock, or whose process was
  /// suspended, could begin a cycle long after that. No source would know the number of this cycle, and it
  /// would block other cycles until it is idle for too long.
  virtual bool HasLeft() const = 0;
  /// Checks the call again: see Gate::AdmitHeaderAgain().
  virtual absl::Status AdmitAgain() = 0;

 private:
  const Caller caller_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_SOURCE_CALL_H_
