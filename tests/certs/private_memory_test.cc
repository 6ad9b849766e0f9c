#include "certs/private_memory.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/rows.h"
#include "tests/support/sanitizers.h"

namespace mirror::private_memory_test {
namespace {

/// Whether a child that did `first` and was then aborted left a core file.
bool LeavesACore(const ScratchFolder& folder, void (*first)()) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit any = {RLIM_INFINITY, RLIM_INFINITY};
    if (chdir(folder.path().c_str()) != 0 || setrlimit(RLIMIT_CORE, &any) != 0) _exit(0);
    first();
    signal(SIGABRT, SIG_DFL);
    raise(SIGABRT);
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) && WCOREDUMP(status);
}

TEST(PrivateMemoryTest, AProcessWithKeysLeavesNoCore) {
#if MIRROR_ADDRESS_SANITIZER
  GTEST_SKIP() << "the sanitizer looks at the process as a debugger does";
#endif
  const ScratchFolder folder;
  if (!LeavesACore(folder, [] {})) GTEST_SKIP() << "nothing leaves a core on this machine";
  EXPECT_FALSE(LeavesACore(folder, KeepMemoryPrivate));
}

TEST(PrivateMemoryTest, NoDebuggerOfItsOwnUserGetsIn) {
#if MIRROR_ADDRESS_SANITIZER
  GTEST_SKIP() << "the sanitizer looks at the process as a debugger does";
#endif
  const pid_t child = fork();
  if (child == 0) {
    KeepMemoryPrivate();
    _exit(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace mirror::private_memory_test
