#ifndef MIRROR_CERTS_GRPC_LOCKS_H_
#define MIRROR_CERTS_GRPC_LOCKS_H_

#include "absl/synchronization/mutex.h"

namespace mirror {

/// Debian builds Abseil so that each lock of gRPC is looked up in a table of the whole process, under a lock
/// of its own, to find locks that wait for each other. That is for gRPC's developers. Where many calls are
/// made or taken: before the first server or channel. Calling it again does no harm.
inline void LeaveGrpcLocksUnchecked() { absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore); }

}  // namespace mirror

#endif  // MIRROR_CERTS_GRPC_LOCKS_H_
