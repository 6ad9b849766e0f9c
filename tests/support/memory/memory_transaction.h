#ifndef MIRROR_TESTS_SUPPORT_MEMORY_MEMORY_TRANSACTION_H_
#define MIRROR_TESTS_SUPPORT_MEMORY_MEMORY_TRANSACTION_H_

#include <cstdint>
#include <memory>

#include "server/store/store_transaction.h"
#include "tests/support/memory/memory_mirror.h"

namespace mirror {

/// The verbs over plain values. `mirror` outlives it; what is done is seen in it at once, and a rollback puts
/// back what was there. `commits`: where they are counted.
std::unique_ptr<StoreTransaction> MakeMemoryTransaction(MemoryMirror& mirror, std::int64_t value_bytes_max,
                                                        std::int64_t* commits = nullptr);

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_MEMORY_MEMORY_TRANSACTION_H_
