#ifndef MIRROR_SERVER_SOURCE_SOURCE_CALL_H_
#define MIRROR_SERVER_SOURCE_SOURCE_CALL_H_

#include <utility>

#include "absl/status/status.h"
#include "server/plan/caller.h"

namespace mirror {

/// A source's call that the gate let in, by whichever door it came. Threads: as the call has them;
/// AdmitAgain() not from two.
class SourceCall {
 public:
  explicit SourceCall(Caller caller) : caller_(std::move(caller)) {}
  SourceCall(const SourceCall&) = delete;
  SourceCall& operator=(const SourceCall&) = delete;
  virtual ~SourceCall() = default;

  const Caller& caller() const { return caller_; }
  /// Whether the caller gave up. A call that waited for a lock, or hung with its process, may begin a cycle
  /// long after that: nobody would know its number, and it would be in others' way until it is idle.
  virtual bool HasLeft() const = 0;
  /// The gate, asked once more: see Gate::AdmitHeaderAgain().
  virtual absl::Status AdmitAgain() = 0;

 private:
  const Caller caller_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_SOURCE_CALL_H_
