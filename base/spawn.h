#ifndef MIRROR_BASE_SPAWN_H_
#define MIRROR_BASE_SPAWN_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace mirror {

/// Starts a program that has nothing of this process but `input` and `output` as its first two descriptors:
/// its stderr is /dev/null, it is in a process group of its own, in "/", and no signal is blocked or ignored.
/// `words`: its name and arguments. `environment`: all that it has, as NAME=VALUE.
/// Gives errno, 0 when it runs; `pid` is then its own, and whoever called waits for it. Threads: any.
int SpawnAlone(const std::string& program, int input, int output, std::vector<std::string> words,
               std::vector<std::string> environment, pid_t* pid);

}  // namespace mirror

#endif  // MIRROR_BASE_SPAWN_H_
