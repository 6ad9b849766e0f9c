#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_SIZE_TEXT_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_SIZE_TEXT_H_

#include <cstdint>
#include <string>

namespace mirror {

/// "0B", "512B", "1.5MiB": no space, so that it stays one column.
std::string SizeText(std::uint64_t bytes);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_SIZE_TEXT_H_
