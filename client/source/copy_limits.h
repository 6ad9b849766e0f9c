#ifndef MIRROR_CLIENT_SOURCE_COPY_LIMITS_H_
#define MIRROR_CLIENT_SOURCE_COPY_LIMITS_H_

#include <cstdint>

namespace mirror {

/// Limits for a copy of a source that has a rollback journal, see SqliteFile::CopyOfOneMoment().
struct CopyLimits {
  /// Bytes that may be copied at once, while writers wait, if writers leave no pause.
  std::int64_t at_once = 256'000'000;
  std::int64_t max = 16'000'000'000;  ///< Bytes of the whole database.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_COPY_LIMITS_H_
