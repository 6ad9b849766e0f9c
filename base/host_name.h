#ifndef MIRROR_BASE_HOST_NAME_H_
#define MIRROR_BASE_HOST_NAME_H_

#include <unistd.h>

#include <string>

namespace mirror {

/// Returns this machine's name; "?": the name cannot be read.
inline std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "?";
}

}  // namespace mirror

#endif  // MIRROR_BASE_HOST_NAME_H_
