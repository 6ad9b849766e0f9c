#ifndef MIRROR_CLIENT_IMPORT_SANDBOX_H_
#define MIRROR_CLIENT_IMPORT_SANDBOX_H_

#include <cstddef>

#include "absl/status/status.h"

namespace mirror {

struct SandboxLimits {
  std::size_t memory_bytes = 300 << 20;  ///< Addresses of the process, all together.
  unsigned processor_seconds = 600;
};

/// Gives up, for the rest of this process, all that is not needed to parse what is open already: from here on
/// it can read, write and close its descriptors, and have and give back memory that holds no code. It cannot
/// open a file by name, make a socket or a process, run a program, or touch another process; it dies with the
/// thread that started it, and leaves no core file. Call it while there is one thread.
///
/// Errors, with a sentence for people: kFailedPrecondition: the system has no system call filters, or refuses
/// one of the limits. Then nothing may be parsed. A kernel without Landlock is none: the filter stands alone.
absl::Status EnterSandbox(const SandboxLimits& limits);

}  // namespace mirror

#endif  // MIRROR_CLIENT_IMPORT_SANDBOX_H_
