#ifndef MIRROR_SERVER_PLAN_TENANT_SWITCH_H_
#define MIRROR_SERVER_PLAN_TENANT_SWITCH_H_

#include <string>
#include <vector>

namespace mirror {

/// What a [[tenant]] of the configuration turns on or off.
struct TenantSwitch {
  std::string context = "*";  ///< Pattern; '*' stands for any characters.
  bool on = false;
  friend bool operator==(const TenantSwitch&, const TenantSwitch&) = default;
};
/// In the order of the file; the last one that fits counts. `otherwise` where none fits.
bool IsOnFor(const std::string& context_id, const std::vector<TenantSwitch>& switches, bool otherwise);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_TENANT_SWITCH_H_
