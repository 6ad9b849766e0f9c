#ifndef MIRROR_BASE_CRASH_POINT_H_
#define MIRROR_BASE_CRASH_POINT_H_

namespace mirror {

/// Ends the process for crash tests, as kill -9 does. With MIRROR_CRASH_AT = "commit.before:3" in the
/// environment, the process ends at the third call with the name "commit.before". With "commit.before:3:stop"
/// the process only stops there, as by SIGSTOP, until a SIGCONT. Without the variable a call costs one
/// comparison.
void CrashPoint(const char* name);

}  // namespace mirror

#endif  // MIRROR_BASE_CRASH_POINT_H_
