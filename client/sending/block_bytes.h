#ifndef MIRROR_CLIENT_SENDING_BLOCK_BYTES_H_
#define MIRROR_CLIENT_SENDING_BLOCK_BYTES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/source/reader.h"

namespace mirror {

/// Blocks as bytes for this process alone, and back. Absent: they are not of these.
std::string ToBytes(const std::vector<ChangeBlock>& blocks);
std::optional<std::vector<ChangeBlock>> BlocksOf(std::string_view bytes);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SENDING_BLOCK_BYTES_H_
