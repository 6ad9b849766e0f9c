#ifndef MIRROR_CLIENT_SOURCE_COPY_LIMITS_H_
#define MIRROR_CLIENT_SOURCE_COPY_LIMITS_H_

#include <cstdint>

namespace mirror {

/// What a copy of a source with a rollback journal may cost, see SqliteFile::CopyOfOneMoment().
struct CopyLimits {
  std::int64_t at_once = 256'000'000;  ///< Bytes for which writers are kept waiting when they leave no time.
  std::int64_t max = 16'000'000'000;   ///< Bytes at all.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_COPY_LIMITS_H_
