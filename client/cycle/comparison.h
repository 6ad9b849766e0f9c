#ifndef MIRROR_CLIENT_CYCLE_COMPARISON_H_
#define MIRROR_CLIENT_CYCLE_COMPARISON_H_

#include <string>

#include "absl/status/status.h"
#include "client/cycle/run_context.h"
#include "client/cycle/verifier.h"

namespace mirror {

/// Describes, for people, how many rows differ and in what way.
std::string InWords(const Differences& found);

/// Whether digests of this table of the schema are compared with the mirror in this cycle.
bool ShallCompare(const RunContext& run, const Cycle& cycle, std::size_t index);
bool ShallCompareAny(const RunContext& run, const Cycle& cycle);

/// Compares the due tables after their rows were sent. The next cycle repairs the differences.
/// Errors: those that end the cycle. Errors of a single table are in its report.
absl::Status CompareTables(RunContext& run, Cycle& cycle);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_COMPARISON_H_
