#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_APPLY_METHOD_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_APPLY_METHOD_H_

#include <cstdint>

namespace mirror {

/// How a batch is written.
enum class ApplyMethod : std::uint8_t {
  kBest,      ///< As a set where that is faster, else by the bind loop.
  kBindLoop,  ///< Always by the bind loop: the reference that the other is compared with.
  kSet,       ///< As a set wherever it can be.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_APPLY_METHOD_H_
