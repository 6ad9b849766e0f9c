#ifndef MIRROR_BASE_CRASH_POINT_H_
#define MIRROR_BASE_CRASH_POINT_H_

namespace mirror {

/// Where the crash tests end the process, as kill -9 would: at the n-th pass of the point that the
/// environment names, MIRROR_CRASH_AT = "commit.before:3". With ":stop" behind it, it only stands still
/// there, as by SIGSTOP, until a SIGCONT. Without that variable a call costs one comparison.
void CrashPoint(const char* name);

}  // namespace mirror

#endif  // MIRROR_BASE_CRASH_POINT_H_
