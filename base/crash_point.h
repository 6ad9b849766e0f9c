#ifndef MIRROR_BASE_CRASH_POINT_H_
#define MIRROR_BASE_CRASH_POINT_H_

namespace mirror {

/// Ends the process for crash tests, like kill -9: at the n-th pass of the point named by the environment
/// variable MIRROR_CRASH_AT = "commit.before:3". With ":stop" appended, the process only stops there, as by
/// SIGSTOP, until a SIGCONT. Without the variable a call costs one comparison.
void CrashPoint(const char* name);

}  // namespace mirror

#endif  // MIRROR_BASE_CRASH_POINT_H_
