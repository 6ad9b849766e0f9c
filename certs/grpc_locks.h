#ifndef MIRROR_CERTS_GRPC_LOCKS_H_
#define MIRROR_CERTS_GRPC_LOCKS_H_

#include "absl/synchronization/mutex.h"

namespace mirror {

/// Turns off Abseil's deadlock detection, which is meant for developers of gRPC. In Debian's build, Abseil
/// records each lock of gRPC in one table of the process, which has a lock of its own. Programs with many
/// calls should call this function before they make a server or a channel. It may be called several times.
inline void LeaveGrpcLocksUnchecked() { absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore); }

}  // namespace mirror

#endif  // MIRROR_CERTS_GRPC_LOCKS_H_
