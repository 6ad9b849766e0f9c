#include "base/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace mirror {
namespace {

/// A descriptor with a number above the first three, which the child's descriptors replace. If the given one
/// is among them, it is copied to a higher number.
class Above {
 public:
  explicit Above(int descriptor)
      : descriptor_(descriptor), copy_(descriptor > STDERR_FILENO ? -1 : Copy(descriptor)) {}
  ~Above() {
    if (copy_ >= 0) close(copy_);
  }
  Above(const Above&) = delete;
  Above& operator=(const Above&) = delete;

  /// Returns -1 if the copy failed; errno has the reason.
  int get() const { return descriptor_ > STDERR_FILENO ? descriptor_ : copy_; }

 private:
  static int Copy(int descriptor) { return fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1); }
  const int descriptor_, copy_;
};

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

int Spawn(const std::string& program, int input, int output, std::vector<std::string>& words,
          std::vector<std::string>& environment, pid_t* pid) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  posix_spawn_file_actions_addchdir_np(&files, "/");
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  const int failed = posix_spawn(pid, program.c_str(), &files, &attributes, Pointers(words).data(),
                                 Pointers(environment).data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  return failed;
}

}  // namespace

int SpawnAlone(const std::string& program, int input, int output, std::vector<std::string> words,
               std::vector<std::string> environment, pid_t* pid) {
  const Above in(input), out(output);
  if (in.get() < 0 || out.get() < 0) return errno;
  return Spawn(program, in.get(), out.get(), words, environment, pid);
}

}  // namespace mirror
