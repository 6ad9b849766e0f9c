#ifndef MIRROR_CLIENT_CYCLE_COMPARISON_H_
#define MIRROR_CLIENT_CYCLE_COMPARISON_H_

#include <string>

#include "absl/status/status.h"
#include "client/cycle/run_context.h"
#include "client/cycle/verifier.h"

namespace mirror {

/// How many rows differ and in what way, for people.
std::string InWords(const Differences& found);

/// Whether a table of the schema is compared with the mirror by digests in this cycle.
bool ShallCompare(const RunContext& run, const Cycle& cycle, std::size_t index);
bool ShallCompareAny(const RunContext& run, const Cycle& cycle);

/// Compares the tables that are due, after their rows were sent. What differs is for the next cycle to mend.
/// Errors: what ends the cycle. What is wrong with one table is in its report.
absl::Status CompareTables(RunContext& run, Cycle& cycle);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_COMPARISON_H_
