#ifndef MIRROR_BASE_SPAWN_H_
#define MIRROR_BASE_SPAWN_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace mirror {

/// Starts a program that inherits only two descriptors: `input` as its stdin and `output` as its stdout. Its
/// stderr is /dev/null. The program has its own process group, its working folder is "/", and no signal is
/// blocked or ignored in it. `words`: its name and arguments. `environment`: its whole environment, as
/// NAME=VALUE. Returns 0 if the program runs, otherwise errno. `pid` is set to its process id, and the caller
/// must wait for this process. Threads: any.
int SpawnAlone(const std::string& program, int input, int output, std::vector<std::string> words,
               std::vector<std::string> environment, pid_t* pid);

}  // namespace mirror

#endif  // MIRROR_BASE_SPAWN_H_
