#ifndef MIRROR_BASE_SPAWN_H_
#define MIRROR_BASE_SPAWN_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace mirror {

/// Starts a program that inherits nothing but `input` and `output` as its first two descriptors:
/// its stderr is /dev/null, it has a process group of its own, in "/", and no signal is blocked or ignored.
/// `words`: its name and arguments. `environment`: its whole environment, as NAME=VALUE.
/// Returns errno, 0 if it runs; `pid` is then its id, and the caller must wait for it. Threads: any.
int SpawnAlone(const std::string& program, int input, int output, std::vector<std::string> words,
               std::vector<std::string> environment, pid_t* pid);

}  // namespace mirror

#endif  // MIRROR_BASE_SPAWN_H_
