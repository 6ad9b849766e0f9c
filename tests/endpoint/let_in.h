#ifndef MIRROR_TESTS_ENDPOINT_LET_IN_H_
#define MIRROR_TESTS_ENDPOINT_LET_IN_H_

#include <chrono>

#include "tests/support/fake_source.h"
#include "tests/support/places.h"

namespace mirror {

/// A cycle of a source that comes again when it is told that too many first cycles run, or when nothing was
/// sent: gRPC 1.51 looks at errno some calls behind connect(), and may take a connection that is still being
/// made for one that failed (grpc/grpc#35064).
inline FakeCycleReport RunCycleOnceLetIn(FakeSource& source, MirrorClient& calls,
                                         const FakeCycleOptions& options) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  FakeCycleReport report = source.RunCycle(calls, options);
  while (report.cycle == 0 &&
         (absl::IsResourceExhausted(report.status) || absl::IsUnavailable(report.status)) &&
         std::chrono::steady_clock::now() < deadline) {
    report = source.RunCycle(calls, options);
  }
  return report;
}

}  // namespace mirror

#endif  // MIRROR_TESTS_ENDPOINT_LET_IN_H_
