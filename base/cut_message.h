#ifndef MIRROR_BASE_CUT_MESSAGE_H_
#define MIRROR_BASE_CUT_MESSAGE_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace mirror {

/// Greatest size in bytes of a status message as gRPC sends it: each byte that is not printable ASCII becomes
/// three. A client accepts at most 8 KB of trailers. With a longer message it would not get the status
/// either.
inline constexpr std::size_t kMessageBytesMax = 4'000;

/// Returns `message`, shortened between two characters so that gRPC sends at most `bytes_max` bytes. A
/// shortened message ends with " ...".
std::string CutMessage(std::string_view message, std::size_t bytes_max = kMessageBytesMax);

}  // namespace mirror

#endif  // MIRROR_BASE_CUT_MESSAGE_H_
