#ifndef MIRROR_CLIENT_WIRE_BLOCK_MEMORY_H_
#define MIRROR_CLIENT_WIRE_BLOCK_MEMORY_H_

#include <malloc.h>

namespace mirror {

/// What malloc keeps at most of the memory that was given back to it, for each of its arenas.
inline constexpr int kKeptBytes = 32 << 20;

/// Blocks and messages of about a megabyte come and go all the time of a run. Without this malloc would give
/// each of them back to the system, which clears every page of the next one: a seventh of the reading. Once,
/// before the first thread.
inline void KeepBlockMemory() {
  mallopt(M_MMAP_THRESHOLD, kKeptBytes);
  mallopt(M_TRIM_THRESHOLD, kKeptBytes);
}

/// Between two runs nothing is kept.
inline void ReturnBlockMemory() { malloc_trim(0); }

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_BLOCK_MEMORY_H_
