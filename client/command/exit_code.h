#ifndef MIRROR_CLIENT_COMMAND_EXIT_CODE_H_
#define MIRROR_CLIENT_COMMAND_EXIT_CODE_H_

namespace mirror {

/// What mirror-agent ends with: it did what it was asked for and all is well, it did not or something is not
/// well (the output says what), it was asked wrongly and did nothing.
inline constexpr int kExitDone = 0, kExitFailed = 1, kExitWrongUse = 2;

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_EXIT_CODE_H_
