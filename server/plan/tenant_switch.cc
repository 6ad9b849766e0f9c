#include "server/plan/tenant_switch.h"

#include "base/name_pattern.h"

namespace mirror {

bool IsOnFor(const std::string& context_id, const std::vector<TenantSwitch>& switches, bool otherwise) {
  bool on = otherwise;
  for (const TenantSwitch& one : switches) {
    if (MatchesExactly(context_id, one.context)) on = one.on;
  }
  return on;
}

}  // namespace mirror
