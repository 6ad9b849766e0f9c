#ifndef MIRROR_CLIENT_WIRE_BLOCK_MEMORY_H_
#define MIRROR_CLIENT_WIRE_BLOCK_MEMORY_H_

#include <malloc.h>

namespace mirror {

/// Maximum of freed memory that malloc keeps, for each of its arenas.
inline constexpr int kKeptBytes = 32 << 20;

/// Makes malloc keep freed memory. A run allocates and frees blocks and messages of about a
/// megabyte all the time. Otherwise malloc would return each to the system, which clears every
/// page of the next one: a seventh of the reading time. Call it once, before the first thread.
inline void KeepBlockMemory() {
  mallopt(M_MMAP_THRESHOLD, kKeptBytes);
  mallopt(M_TRIM_THRESHOLD, kKeptBytes);
}

/// Returns the kept memory to the system between two runs.
inline void ReturnBlockMemory() { malloc_trim(0); }

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_BLOCK_MEMORY_H_
