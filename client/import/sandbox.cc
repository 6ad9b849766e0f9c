#include "client/import/sandbox.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MIRROR_SANDBOX_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MIRROR_SANDBOX_SANITIZED 1
#endif
#ifndef MIRROR_SANDBOX_SANITIZED
#define MIRROR_SANDBOX_SANITIZED 0
#endif

namespace mirror {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "no system call filter for this processor"
#endif

/// A sanitizer reserves terabytes of address space, handles signals on a stack
/// of its own, and checks pointers by writing their target into a pipe.
constexpr bool kSanitized = MIRROR_SANDBOX_SANITIZED != 0;

absl::Status Refused(const char* what) {
  return absl::FailedPreconditionError(absl::StrCat("the file was not read: mirror-import could not ", what,
                                                    " (", std::strerror(errno),
                                                    "), and reads no file without this protection"));
}

absl::Status SetLimits(const SandboxLimits& limits) {
  const struct {
    __rlimit_resource what;
    rlim_t most;
    bool where_sanitized;
  } all[] = {
      {RLIMIT_AS, limits.memory_bytes, false},
      {RLIMIT_CPU, limits.processor_seconds, true},
      {RLIMIT_NOFILE, 4, false},
      {RLIMIT_FSIZE, 0, true},
      {RLIMIT_CORE, 0, true},
      {RLIMIT_NPROC, 0, true},
  };
  for (const auto& one : all) {
    if (kSanitized && !one.where_sanitized) continue;
    // The hard limit of processor time kills at once; the soft one first lets the process say why.
    const rlimit limit{one.most, one.what == RLIMIT_CPU ? one.most + 1 : one.most};
    if (setrlimit(one.what, &limit) != 0) return Refused("set its limits");
  }
  return absl::OkStatus();
}

/// Forbids all access by file names if the kernel has Landlock: the filter below does not see names.
void ForgetFiles() {
#if defined(SYS_landlock_create_ruleset) && defined(SYS_landlock_restrict_self)
  constexpr unsigned kAskVersion = 1;
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, std::size_t{0}, kAskVersion);
  if (version < 1) return;
  struct {
    std::uint64_t files, network, scope;
  } handled{};
  // All rights that this version knows, and no rule that grants one.
  const unsigned rights = version < 2 ? 13 : version < 3 ? 14 : version < 5 ? 15 : 16;
  handled.files = (std::uint64_t{1} << rights) - 1;
  if (version >= 4) handled.network = 3;
  if (version >= 6) handled.scope = 3;
  const std::size_t size = version < 4 ? 8 : version < 6 ? 16 : 24;
  const long rules = syscall(SYS_landlock_create_ruleset, &handled, size, 0U);
  if (rules < 0) return;
  syscall(SYS_landlock_restrict_self, static_cast<int>(rules), 0U);
  close(static_cast<int>(rules));
#endif
}

/// A seccomp program, which the kernel runs on each system call's number and plain arguments.
class Filter {
 public:
  Filter() {
    Load(offsetof(seccomp_data, arch));
    Jump(BPF_JEQ, kArchitecture, 1, 0);
    Return(SECCOMP_RET_KILL_PROCESS);
    Load(offsetof(seccomp_data, nr));
  }

  void Allow(long call) { Answer(call, SECCOMP_RET_ALLOW); }
  void Refuse(long call, unsigned error) { Answer(call, SECCOMP_RET_ERRNO | error); }
  /// Allows the call if an argument equals this number.
  void AllowWith(long call, unsigned argument, std::uint32_t value) {
    Jump(BPF_JEQ, Number(call), 0, 4);
    LoadArgument(argument);
    Jump(BPF_JEQ, value, 0, 1);
    Return(SECCOMP_RET_ALLOW);
    Return(kNo);
  }
  /// Allows the call if an argument lacks this bit.
  void AllowWithout(long call, unsigned argument, std::uint32_t bit) {
    Jump(BPF_JEQ, Number(call), 0, 4);
    LoadArgument(argument);
    Jump(BPF_JSET, bit, 1, 0);
    Return(SECCOMP_RET_ALLOW);
    Return(kNo);
  }
  /// Allows the call for memory that is not of a file and holds no code.
  void AllowPlainMemory(long call) {
    Jump(BPF_JEQ, Number(call), 0, 6);
    LoadArgument(2);
    Jump(BPF_JSET, PROT_EXEC, 3, 0);
    LoadArgument(3);
    Jump(BPF_JSET, MAP_ANONYMOUS, 0, 1);
    Return(SECCOMP_RET_ALLOW);
    Return(kNo);
  }

  /// Activates the filter; calls that were not allowed fail from here on.
  bool Enter() {
    Return(kNo);
    const sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
  }

 private:
  static constexpr std::uint32_t kNo = SECCOMP_RET_ERRNO | EPERM;

  static std::uint32_t Number(long call) { return static_cast<std::uint32_t>(call); }

  void Load(std::size_t offset) {
    code_.push_back({BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset)});
  }
  /// Loads its lower half, which comes first on both processors.
  void LoadArgument(unsigned argument) {
    Load(offsetof(seccomp_data, args) + argument * sizeof(std::uint64_t));
  }
  /// Skips so many steps if the condition holds, or if it does not.
  void Jump(unsigned what, std::uint32_t value, std::uint8_t when_true, std::uint8_t when_false) {
    code_.push_back({static_cast<std::uint16_t>(BPF_JMP | what | BPF_K), when_true, when_false, value});
  }
  void Return(std::uint32_t action) { code_.push_back({BPF_RET | BPF_K, 0, 0, action}); }
  void Answer(long call, std::uint32_t action) {
    Jump(BPF_JEQ, Number(call), 0, 1);
    Return(action);
  }

  std::vector<sock_filter> code_;
};

bool EnterFilter() {
  Filter filter;
  // Use of open descriptors, and the end of the process.
  for (const long call : {SYS_read, SYS_write, SYS_pread64, SYS_lseek, SYS_close, SYS_exit, SYS_exit_group})
    filter.Allow(call);
  filter.AllowPlainMemory(SYS_mmap);
  filter.AllowWithout(SYS_mprotect, 2, PROT_EXEC);
  for (const long call : {SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise}) filter.Allow(call);
  // Locks of this process, the clock if it is not plain
  // memory, and random seeds of hash tables.
  for (const long call : {SYS_futex, SYS_sched_yield, SYS_clock_gettime, SYS_gettimeofday, SYS_getrandom})
    filter.Allow(call);
  // Signals: the return from a handler, and the end by a signal of its own.
  for (const long call : {SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_restart_syscall, SYS_getpid, SYS_gettid})
    filter.Allow(call);
  filter.AllowWith(SYS_tgkill, 0, static_cast<std::uint32_t>(getpid()));
  // Libraries that search for a file treat this as a file without permission.
  filter.Refuse(SYS_openat, EACCES);
#ifdef SYS_open
  filter.Refuse(SYS_open, EACCES);
#endif
  if (kSanitized) {
    for (const long call : {SYS_sigaltstack, SYS_rt_sigaction, SYS_clock_nanosleep, SYS_pipe2})
      filter.Allow(call);
  }
  return filter.Enter();
}

}  // namespace

absl::Status EnterSandbox(const SandboxLimits& limits) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0 ||
      prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return Refused("drop its privileges");
  }
  ForgetFiles();
  RETURN_IF_ERROR(SetLimits(limits));
  return EnterFilter() ? absl::OkStatus() : Refused("filter its system calls");
}

}  // namespace mirror
