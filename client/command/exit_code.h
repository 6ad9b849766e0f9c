#ifndef MIRROR_CLIENT_COMMAND_EXIT_CODE_H_
#define MIRROR_CLIENT_COMMAND_EXIT_CODE_H_

#include "base/text/text_stream.h"

namespace mirror {

/// What mirror-agent ends with: it did what it was asked for and all is well, it did not or something is not
/// well (the output says what), it was asked wrongly and did nothing.
inline constexpr int kExitDone = 0, kExitFailed = 1, kExitWrongUse = 2;

/// How lines about what went wrong begin, but for those of the log.
inline constexpr Coloured kFailedHere{"mirror-agent: ", Colour::kRed};

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_EXIT_CODE_H_
