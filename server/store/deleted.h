#ifndef MIRROR_SERVER_STORE_DELETED_H_
#define MIRROR_SERVER_STORE_DELETED_H_

#include <cstdint>

namespace mirror {

/// What of a tenant is deleted.
enum class Deleted : std::uint8_t {
  kAll,         ///< With what was set aside of it.
  kMirrorOnly,  ///< What was set aside stays.
  kForgotten,   ///< kAll, and also that it was deleted: it may be made again at once.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_DELETED_H_
