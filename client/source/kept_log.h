#ifndef MIRROR_CLIENT_SOURCE_KEPT_LOG_H_
#define MIRROR_CLIENT_SOURCE_KEPT_LOG_H_

#include <memory>

namespace mirror {

/// What a kind of source keeps for its change log from one run to the next of the same process.
class LogKeeper {
 public:
  virtual ~LogKeeper() = default;
};

/// Where a program that makes more than one run of a source keeps it. Threads: one.
struct KeptLog {
  std::shared_ptr<LogKeeper> keeper;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_KEPT_LOG_H_
