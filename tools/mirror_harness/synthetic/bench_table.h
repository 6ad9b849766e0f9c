#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_BENCH_TABLE_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_BENCH_TABLE_H_

#include <cstdint>
#include <vector>

#include "proto/wire/table.h"
#include "tools/mirror_harness/synthetic/values.h"

namespace mirror::harness {

/// A table with what fills its columns.
struct TableRecipe {
  TableSchema schema;
  std::vector<Recipe> columns;  ///< One for each column of the schema, in its order.
};

/// "contact_<number>": a row of a customer file. The first twelve columns are the benchmark's row, whose
/// values weigh exactly 184 bytes (8 for each number, and the texts' own): int64 key, three integers, a
/// double, six texts, a date and time as text. More columns repeat the eleven behind the key; fewer are the
/// first ones.
TableRecipe BenchTable(std::uint32_t number, std::uint32_t columns);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_BENCH_TABLE_H_
