#ifndef MIRROR_CERTS_PRIVATE_MEMORY_H_
#define MIRROR_CERTS_PRIVATE_MEMORY_H_

#include <sys/prctl.h>

namespace mirror {

/// Protects the memory of a process that has private keys. After the call no core file is written, and no
/// debugger of the same user can read the memory. Root still can. Programs that the process starts are not
/// affected. A build with the address sanitizer is not protected, because the sanitizer searches for leaks as
/// a debugger does.
inline void KeepMemoryPrivate() {
#ifndef __SANITIZE_ADDRESS__
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

}  // namespace mirror

#endif  // MIRROR_CERTS_PRIVATE_MEMORY_H_
