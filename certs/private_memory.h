#ifndef MIRROR_CERTS_PRIVATE_MEMORY_H_
#define MIRROR_CERTS_PRIVATE_MEMORY_H_

#include <sys/prctl.h>

namespace mirror {

/// Call it in a process with private keys in memory: no core file and no debugger of the same user can then
/// read it. Programs that it starts are not affected. Root still has access. So has the address sanitizer,
/// which searches for leaks like a debugger.
inline void KeepMemoryPrivate() {
#ifndef __SANITIZE_ADDRESS__
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

}  // namespace mirror

#endif  // MIRROR_CERTS_PRIVATE_MEMORY_H_
