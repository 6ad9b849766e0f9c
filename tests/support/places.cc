#include "tests/support/places.h"

#include <filesystem>

namespace mirror {

const std::string& BinDir() {
  static const std::string dir = std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
  return dir;
}

const std::string& SourceDir() {
  static const std::string dir = MIRROR_SOURCE_DIR;
  return dir;
}

std::string ShimPath(const std::string& name) { return MIRROR_SHIM_DIR "/lib" + name + ".so"; }

}  // namespace mirror
