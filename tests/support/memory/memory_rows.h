#ifndef MIRROR_TESTS_SUPPORT_MEMORY_MEMORY_ROWS_H_
#define MIRROR_TESTS_SUPPORT_MEMORY_MEMORY_ROWS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "server/store/store_transaction.h"
#include "tests/support/memory/memory_mirror.h"

// What batches and changes of a definition do to a table in memory. After an error it may be half done.

namespace mirror {

/// `values` are the table's large values that came in parts; those that the batch took go.
absl::Status WriteToMemory(const ApplyRows& apply, MemoryTable* table,
                           std::map<std::uint64_t, MemoryValue>* values, RowsWritten* written);

/// `lost` gets the columns that are dropped, with `position`.
absl::Status AlterMemoryTable(const AlterTable& alter, const Position& position, MemoryTable* table,
                              std::map<std::string, Position>* lost);

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_MEMORY_MEMORY_ROWS_H_
