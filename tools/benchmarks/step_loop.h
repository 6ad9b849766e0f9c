#ifndef MIRROR_TOOLS_BENCHMARKS_STEP_LOOP_H_
#define MIRROR_TOOLS_BENCHMARKS_STEP_LOOP_H_

#include <functional>

#include "absl/status/statusor.h"
#include "tools/benchmarks/step.h"

namespace mirror::bench {

/// Reads a step from each line of stdin, runs it and answers with StepJson on stdout, until stdin ends. A
/// step that fails ends it: the reason is on stderr, after the program's name. Returns the exit code: 0 or 1.
int RunSteps(const char* program, const std::function<absl::StatusOr<StepTime>(const Step&)>& run);

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_STEP_LOOP_H_
