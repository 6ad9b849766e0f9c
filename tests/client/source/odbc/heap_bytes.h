#ifndef MIRROR_TESTS_CLIENT_SOURCE_ODBC_HEAP_BYTES_H_
#define MIRROR_TESTS_CLIENT_SOURCE_ODBC_HEAP_BYTES_H_

#include <malloc.h>

#include <cstddef>

#include "tests/support/sanitizers.h"

#if MIRROR_ADDRESS_SANITIZER || MIRROR_THREAD_SANITIZER
// Debian's GCC has the function and not its header.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace mirror {

/// What this process has allocated and not freed; unlike its resident memory without what a sanitizer, or
/// malloc, keeps of what was freed.
inline std::size_t HeapBytes() {
#if MIRROR_ADDRESS_SANITIZER || MIRROR_THREAD_SANITIZER
  return __sanitizer_get_current_allocated_bytes();
#else
  const struct mallinfo2 heap = mallinfo2();
  return heap.uordblks + heap.hblkhd;
#endif
}

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_ODBC_HEAP_BYTES_H_
