#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_HUB_FROZEN_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_HUB_FROZEN_H_

#include <cstddef>
#include <ostream>
#include <vector>

#include "tools/mirrorctl/admin/admin_output.h"
#include "tools/mirrorctl/admin/hub_output.h"

// Records of hubs with attributes that systems fight over. Never values.

namespace mirror {

/// Says that there are some, with the commands to type; nothing where there are none.
void AddFrozen(const v1::HubState& hub, std::vector<HubWait>* waits);
/// A line each.
void PrintFrozen(std::ostream& out, const google::protobuf::RepeatedPtrField<v1::FrozenRecord>& records,
                 std::size_t width);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_HUB_FROZEN_H_
