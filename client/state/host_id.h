#ifndef MIRROR_CLIENT_STATE_HOST_ID_H_
#define MIRROR_CLIENT_STATE_HOST_ID_H_

#include <fstream>
#include <string>

namespace mirror {

/// Names the machine; empty where it has no id, as in many containers: then only a source's path counts.
inline std::string HostId() {
  std::ifstream file("/etc/machine-id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace mirror

#endif  // MIRROR_CLIENT_STATE_HOST_ID_H_
