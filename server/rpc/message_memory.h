#ifndef MIRROR_SERVER_RPC_MESSAGE_MEMORY_H_
#define MIRROR_SERVER_RPC_MESSAGE_MEMORY_H_

#include <malloc.h>

#include <cstddef>

namespace mirror {

/// The most freed memory that malloc keeps, for each of its arenas.
inline constexpr int kKeptBytes = 16 << 20;
/// Larger pieces are freed at once: as holes between smaller ones, a few messages of 15 MB kept 200 MB.
inline constexpr int kKeptPieceBytes = 4 << 20;
/// gRPC's threads come and go; with an arena for each, an idle server would hold what each of them once had.
inline constexpr int kArenasMax = 4;

/// Messages of about a megabyte come and go all the time during a load. Without this malloc would
/// give each back to the system, which clears every page of the next one: a fifth of the kernel's
/// share of a load. Called once, before the first thread.
inline void KeepMessageMemory() {
  mallopt(M_MMAP_THRESHOLD, kKeptPieceBytes);
  mallopt(M_TRIM_THRESHOLD, kKeptBytes);
  mallopt(M_ARENA_MAX, kArenasMax);
}

/// Free bytes between used pieces, in all arenas together; above it they are given back.
inline constexpr std::size_t kFreeBytesMax = 24 << 20;

/// Called now and then: like many small pieces, a flood of large messages leaves holes that no trimming at
/// the end of an arena finds. Takes some milliseconds when there is something to give back.
inline void GiveBackMessageMemory() {
  if (mallinfo2().fordblks > kFreeBytesMax) malloc_trim(kKeptBytes);
}

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_MESSAGE_MEMORY_H_
