#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_BASELINE_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_BASELINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/mirror_harness/synthetic/row_model.h"

namespace mirror::harness {

struct BaselineResult {
  std::uint64_t rows = 0;
  double seconds = 0;  ///< In SQLite, with commits; without making the rows.
  double rows_per_s() const { return seconds > 0 ? static_cast<double>(rows) / seconds : 0; }
};

/// The reference: SQLite alone with the same rows. Uses its C API with one prepared INSERT for each row,
/// binds by index without copies, WAL, synchronous=FULL, pages of 4,096 bytes, the default cache and
/// checkpoints, a transaction for every 5,000 rows, and a new file in `folder`, which it removes afterwards.
/// Errors: kUnavailable with SQLite's message.
absl::StatusOr<BaselineResult> RunBaseline(const std::vector<RowModel>& tables, const std::string& folder);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_BASELINE_H_
