#ifndef MIRROR_CLIENT_STATE_WORK_H_
#define MIRROR_CLIENT_STATE_WORK_H_

#include <cstdint>
#include <functional>
#include <string>

namespace mirror {

/// What a run is at.
struct Work {
  const char* doing = "sending";  ///< Or "comparing".
  std::string table;
  std::uint64_t rows = 0;      ///< Done of that table.
  std::uint64_t expected = 0;  ///< As they were counted; 0: not known.
};
using ShowWork = std::function<void(const Work&)>;

}  // namespace mirror

#endif  // MIRROR_CLIENT_STATE_WORK_H_
