#ifndef MIRROR_BASE_CUT_MESSAGE_H_
#define MIRROR_BASE_CUT_MESSAGE_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace mirror {

/// Greatest size of a status message on the wire, where gRPC writes each byte that is not printable ASCII as
/// three. A client accepts at most 8 KB of trailers, and a longer message would hide the status itself.
inline constexpr std::size_t kMessageBytesMax = 4'000;

/// Returns `message`, cut between two characters so that it needs at most `bytes_max` on the wire; a cut one
/// ends with " ...".
std::string CutMessage(std::string_view message, std::size_t bytes_max = kMessageBytesMax);

}  // namespace mirror

#endif  // MIRROR_BASE_CUT_MESSAGE_H_
