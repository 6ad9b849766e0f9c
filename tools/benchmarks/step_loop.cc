#include "tools/benchmarks/step_loop.h"

#include <iostream>
#include <string>

namespace mirror::bench {

int RunSteps(const char* program, const std::function<absl::StatusOr<StepTime>(const Step&)>& run) {
  std::string line;
  while (std::getline(std::cin, line)) {
    const absl::StatusOr<Step> step = ReadStep(line);
    const absl::StatusOr<StepTime> time = step.ok() ? run(*step) : step.status();
    if (!time.ok()) {
      std::cerr << program << ": " << line << ": " << std::string(time.status().message()) << "\n";
      return 1;
    }
    std::cout << StepJson(*time) << std::endl;
  }
  return 0;
}

}  // namespace mirror::bench
