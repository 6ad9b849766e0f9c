#ifndef MIRROR_CLIENT_IMPORT_SANDBOX_H_
#define MIRROR_CLIENT_IMPORT_SANDBOX_H_

#include <cstddef>

#include "absl/status/status.h"

namespace mirror {

struct SandboxLimits {
  std::size_t memory_bytes = 300 << 20;  ///< Address space of the whole process.
  unsigned processor_seconds = 600;
};

/// Gives up, for the rest of this process, all rights that parsing an open file does not need. From here
/// on the process can read, write and close its descriptors, and allocate and free memory without code.
/// It cannot open a file by name, make a socket or a process, run a program, or touch another process.
/// It dies with the thread that started it, and leaves no core file. Call it while there is one thread.
///
/// Errors, with a sentence for people: kFailedPrecondition: the system has no system call filters, or refuses
/// a limit. Then do not parse anything. Without Landlock in the kernel only the filter protects: no error.
absl::Status EnterSandbox(const SandboxLimits& limits);

}  // namespace mirror

#endif  // MIRROR_CLIENT_IMPORT_SANDBOX_H_
