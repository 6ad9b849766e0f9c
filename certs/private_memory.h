#ifndef MIRROR_CERTS_PRIVATE_MEMORY_H_
#define MIRROR_CERTS_PRIVATE_MEMORY_H_

#include <sys/prctl.h>

namespace mirror {

/// For a process that has private keys in its memory: no core file shows them, and no debugger of the same
/// user. A program that it starts is as any other. Root may still look; so may the address sanitizer, which
/// looks for leaks as a debugger would.
inline void KeepMemoryPrivate() {
#ifndef __SANITIZE_ADDRESS__
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

}  // namespace mirror

#endif  // MIRROR_CERTS_PRIVATE_MEMORY_H_
