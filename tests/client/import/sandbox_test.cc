#include "client/import/sandbox.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <functional>

#include "tests/support/sanitizers.h"

namespace mirror::sandbox_test {
namespace {

constexpr int kDone = 0, kNoSandbox = 250;

/// Does it in a process of its own, behind the walls. What it gives is that process' exit code, which is
/// below 250; 256 + signal where one ended it.
int Behind(const std::function<int()>& act) {
  const pid_t child = fork();
  if (child == 0) {
    if (!EnterSandbox(SandboxLimits()).ok()) _exit(kNoSandbox);
    _exit(act());
  }
  int how = 0;
  while (waitpid(child, &how, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(how) ? WEXITSTATUS(how) : 256 + WTERMSIG(how);
}

/// The error of a system call; 0: it did what it was asked for.
int ErrorOf(long result) { return result < 0 ? errno : kDone; }

TEST(SandboxTest, WhatIsOpenCanBeReadAndWritten) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(Behind([&ends] { return write(ends[1], "x", 1) == 1 ? kDone : errno; }), kDone);
  char byte = 0;
  EXPECT_EQ(read(ends[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
  const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(Behind([file] {
              char bytes[4];
              return pread(file, bytes, 4, 0) == 4 && lseek(file, 0, SEEK_END) > 4 ? kDone : 1;
            }),
            kDone);
  for (const int one : {ends[0], ends[1], file}) close(one);
}

TEST(SandboxTest, NoFileCanBeOpenedByName) {
  EXPECT_EQ(Behind([] { return ErrorOf(open("/etc/passwd", O_RDONLY)); }), EACCES);
  EXPECT_EQ(Behind([] { return ErrorOf(open("/tmp/made", O_CREAT | O_WRONLY, 0600)); }), EACCES);
  EXPECT_EQ(Behind([] { return ErrorOf(open("/proc/self/fd/0", O_RDONLY)); }), EACCES);
  EXPECT_EQ(Behind([] { return ErrorOf(unlink("/tmp/nothing")); }), EPERM);
  EXPECT_EQ(Behind([] { return ErrorOf(rename("/tmp/nothing", "/tmp/more")); }), EPERM);
  EXPECT_EQ(Behind([] { return ErrorOf(mkdir("/tmp/nothing/x", 0700)); }), EPERM);
  struct stat facts {};
  EXPECT_EQ(Behind([&facts] { return ErrorOf(stat("/etc/passwd", &facts)); }), EPERM);
}

TEST(SandboxTest, ThereIsNoNetwork) {
  for (const int family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK}) {
    EXPECT_EQ(Behind([family] { return ErrorOf(socket(family, SOCK_STREAM, 0)); }), EPERM) << family;
  }
  EXPECT_EQ(Behind([] {
              int two[2];
              return ErrorOf(socketpair(AF_UNIX, SOCK_STREAM, 0, two));
            }),
            EPERM);
}

TEST(SandboxTest, NoProcessCanBeMadeOrTouched) {
  EXPECT_EQ(Behind([] { return ErrorOf(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0)); }), EPERM);
#ifdef SYS_clone3
  EXPECT_EQ(Behind([] { return ErrorOf(syscall(SYS_clone3, nullptr, 0)); }), EPERM);
#endif
#ifdef SYS_fork
  EXPECT_EQ(Behind([] { return ErrorOf(syscall(SYS_fork)); }), EPERM);
  EXPECT_EQ(Behind([] { return ErrorOf(syscall(SYS_vfork)); }), EPERM);
#endif
  const pid_t here = getpid();
  EXPECT_EQ(Behind([here] { return ErrorOf(kill(here, 0)); }), EPERM);
  EXPECT_EQ(Behind([here] { return ErrorOf(syscall(SYS_tgkill, here, here, 0)); }), EPERM);
  EXPECT_EQ(Behind([here] { return ErrorOf(syscall(SYS_ptrace, 16 /* attach */, here, 0, 0)); }), EPERM);
  EXPECT_EQ(
      Behind([here] { return ErrorOf(syscall(SYS_process_vm_readv, here, nullptr, 0, nullptr, 0, 0)); }),
      EPERM);
}

TEST(SandboxTest, NoProgramIsRunAndNoMemoryHoldsCode) {
  EXPECT_EQ(Behind([] {
              char* const words[] = {nullptr};
              return ErrorOf(execve("/bin/true", words, words));
            }),
            EPERM);
  EXPECT_EQ(Behind([] {
              void* const made = mmap(nullptr, 4'096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              return made == MAP_FAILED ? errno : kDone;
            }),
            EPERM);
  EXPECT_EQ(Behind([] {
              void* const made =
                  mmap(nullptr, 4'096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              if (made == MAP_FAILED) return 1;
              if (mprotect(made, 4'096, PROT_READ) != 0) return 2;
              return ErrorOf(mprotect(made, 4'096, PROT_READ | PROT_EXEC));
            }),
            EPERM);
}

TEST(SandboxTest, RightsDoNotComeBack) {
  EXPECT_EQ(Behind([] { return ErrorOf(prctl(PR_SET_DUMPABLE, 1)); }), EPERM);
  EXPECT_EQ(Behind([] {
              const rlimit more{RLIM_INFINITY, RLIM_INFINITY};
              return ErrorOf(setrlimit(RLIMIT_CORE, &more));
            }),
            EPERM);
  // Calls the kernel: setuid() signals each thread of the process, and the thread sanitizer has one more.
  EXPECT_EQ(Behind([] { return ErrorOf(syscall(SYS_setuid, 0)); }), EPERM);
  EXPECT_EQ(Behind([] { return ErrorOf(dup(1)); }), EPERM);
}

TEST(SandboxTest, ItEndsByASignalOfItsOwn) {
  EXPECT_EQ(Behind([]() -> int { std::abort(); }), 256 + SIGABRT);
}

#if !MIRROR_ADDRESS_SANITIZER && !MIRROR_THREAD_SANITIZER
TEST(SandboxTest, MemoryHasAnEnd) {
  EXPECT_EQ(Behind([] { return std::malloc(SandboxLimits().memory_bytes) == nullptr ? 7 : kDone; }), 7);
}
#endif

TEST(SandboxTest, ProcessorTimeHasAnEnd) {
  const pid_t child = fork();
  if (child == 0) {
    SandboxLimits limits;
    limits.processor_seconds = 1;
    if (!EnterSandbox(limits).ok()) _exit(kNoSandbox);
    for (;;) getpid();
  }
  int how = 0;
  ASSERT_EQ(waitpid(child, &how, 0), child);
  ASSERT_TRUE(WIFSIGNALED(how)) << how;
  EXPECT_EQ(WTERMSIG(how), SIGXCPU);
  EXPECT_FALSE(WCOREDUMP(how));
}

}  // namespace
}  // namespace mirror::sandbox_test
