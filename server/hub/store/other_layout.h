#ifndef MIRROR_SERVER_HUB_STORE_OTHER_LAYOUT_H_
#define MIRROR_SERVER_HUB_STORE_OTHER_LAYOUT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace mirror {

/// kFailedPrecondition, for people: what stands at `where` has layout `found`, written by that version of
/// the program, empty: not known; this one reads layout `known`.
absl::Status OtherLayoutError(const std::string& storage, const std::string& where, std::int64_t found,
                              const std::string& program, std::int64_t known);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_STORE_OTHER_LAYOUT_H_
