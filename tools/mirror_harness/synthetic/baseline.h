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
  double seconds = 0;  ///< Time in SQLite, with commits, without the time to make the rows.
  double rows_per_s() const { return seconds > 0 ? static_cast<double>(rows) / seconds : 0; }
};

/// Measures the reference: SQLite alone with the same rows. It runs one prepared INSERT for each row by the C
/// API, with values bound by index and not copied, in transactions of 5,000 rows. It uses WAL,
/// synchronous=FULL, pages of 4,096 bytes, and the default cache and checkpoints. It makes a new file in
/// `folder`, and removes it afterwards. Errors: kUnavailable with SQLite's message.
absl::StatusOr<BaselineResult> RunBaseline(const std::vector<RowModel>& tables, const std::string& folder);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_BASELINE_H_
