#ifndef MIRROR_CLIENT_SOURCE_KEPT_LOG_H_
#define MIRROR_CLIENT_SOURCE_KEPT_LOG_H_

#include <memory>

namespace mirror {

/// State of a kind of source that its change log keeps between runs of one process.
class LogKeeper {
 public:
  virtual ~LogKeeper() = default;
};

/// Holds that state for a program that makes more than one run of a source. Threads: one.
struct KeptLog {
  std::shared_ptr<LogKeeper> keeper;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_KEPT_LOG_H_
