#ifndef MIRROR_SERVER_SOURCE_SOURCE_CALL_H_
#define MIRROR_SERVER_SOURCE_SOURCE_CALL_H_

#include <utility>

#include "absl/status/status.h"
#include "server/plan/caller.h"

namespace mirror {

/// A source's call that the gate admitted, at either door. Threads: as the call has them;
/// AdmitAgain() must not be called by two threads at once.
class SourceCall {
 public:
  explicit SourceCall(Caller caller) : caller_(std::move(caller)) {}
  SourceCall(const SourceCall&) = delete;
  SourceCall& operator=(const SourceCall&) = delete;
  virtual ~SourceCall() = default;

  const Caller& caller() const { return caller_; }
  /// Returns whether the caller gave up. A call that waited for a lock, or hung with its process, may begin a
  /// cycle long after that: no source would know its number, and until it is idle it would block others.
  virtual bool HasLeft() const = 0;
  /// Asks the gate again: see Gate::AdmitHeaderAgain().
  virtual absl::Status AdmitAgain() = 0;

 private:
  const Caller caller_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_SOURCE_CALL_H_
