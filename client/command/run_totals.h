#ifndef MIRROR_CLIENT_COMMAND_RUN_TOTALS_H_
#define MIRROR_CLIENT_COMMAND_RUN_TOTALS_H_

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "client/command/report.h"

namespace mirror {

/// How the runs of several sources ended, in two lines.
class RunTotals {
 public:
  void Add(const SourceRun& run);
  void Print(std::ostream& out) const;

 private:
  std::uint64_t sources_ = 0, rows_ = 0;
  double seconds_ = 0;
  std::map<std::string, std::uint64_t> outcomes_;
  std::vector<std::string> not_good_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_RUN_TOTALS_H_
