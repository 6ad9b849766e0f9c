#ifndef MIRROR_SERVER_TENANT_FIRST_FAILURES_H_
#define MIRROR_SERVER_TENANT_FIRST_FAILURES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "server/plan/tenant_summary.h"

namespace mirror {

/// Tenants that have no mirror yet, since each of their cycles fails before it begins: what an operator sees
/// of them. In memory, and no more than kTenantsMax, of which the one that failed longest ago goes first.
/// Threads: any.
class FirstFailures {
 public:
  static constexpr std::size_t kTenantsMax = 1'000;

  struct Failed {
    std::string context_id;
    CycleFailure failure;
  };

  void Note(const std::string& context_id, std::string_view why, std::int64_t now_ms);
  void Forget(const std::string& context_id);
  std::vector<Failed> All() const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, Failed> failed_ MIRROR_GUARDED_BY(mutex_);  ///< By folded context id.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_FIRST_FAILURES_H_
