#ifndef MIRROR_SERVER_RPC_MESSAGE_MEMORY_H_
#define MIRROR_SERVER_RPC_MESSAGE_MEMORY_H_

#include <malloc.h>

#include <cstddef>

namespace mirror {

/// Maximum free memory, in bytes, that malloc keeps for each of its arenas.
inline constexpr int kKeptBytes = 16 << 20;
/// Larger pieces, in bytes, are returned to the system when they are freed. Before this limit a few messages
/// of 15 MB kept 200 MB, as holes between smaller pieces.
inline constexpr int kKeptPieceBytes = 4 << 20;
/// Maximum number of arenas of malloc. gRPC starts and ends threads. With an arena for each of them, an idle
/// server would keep the memory that each thread once used.
inline constexpr int kArenasMax = 4;

/// Sets the limits above. A load allocates and frees messages of about a megabyte all the time. Without the
/// limits malloc would return each to the system, which clears every page of the next one. That would be a
/// fifth of the kernel's time in a load. Called once, before the first thread starts.
inline void KeepMessageMemory() {
  mallopt(M_MMAP_THRESHOLD, kKeptPieceBytes);
  mallopt(M_TRIM_THRESHOLD, kKeptBytes);
  mallopt(M_ARENA_MAX, kArenasMax);
}

/// Maximum free bytes between used pieces, over all arenas. Above it GiveBackMessageMemory() returns memory
/// to the system.
inline constexpr std::size_t kFreeBytesMax = 24 << 20;

/// Returns free memory to the system. Called at intervals: many large messages, like many small pieces, leave
/// holes that trimming at the end of an arena does not find. Takes some milliseconds if there is something to
/// return.
inline void GiveBackMessageMemory() {
  if (mallinfo2().fordblks > kFreeBytesMax) malloc_trim(kKeptBytes);
}

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_MESSAGE_MEMORY_H_
