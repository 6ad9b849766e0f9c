#ifndef MIRROR_CERTS_GRPC_LOCKS_H_
#define MIRROR_CERTS_GRPC_LOCKS_H_

#include "absl/synchronization/mutex.h"

namespace mirror {

/// Turns off a check for gRPC's developers: Debian builds Abseil so that it records each lock of gRPC in one
/// table of the process, under a lock of its own, to detect deadlocks. Programs with many calls should call
/// this before the first server or channel. Calling it again does no harm.
inline void LeaveGrpcLocksUnchecked() { absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore); }

}  // namespace mirror

#endif  // MIRROR_CERTS_GRPC_LOCKS_H_
