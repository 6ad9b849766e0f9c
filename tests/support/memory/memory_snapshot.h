#ifndef MIRROR_TESTS_SUPPORT_MEMORY_MEMORY_SNAPSHOT_H_
#define MIRROR_TESTS_SUPPORT_MEMORY_MEMORY_SNAPSHOT_H_

#include <memory>

#include "server/store/snapshot.h"
#include "tests/support/memory/memory_mirror.h"

namespace mirror {

/// The mirror as it is now.
std::unique_ptr<Snapshot> CopyOf(const MemoryMirror& mirror);

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_MEMORY_MEMORY_SNAPSHOT_H_
