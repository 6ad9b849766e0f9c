#ifndef MIRROR_BASE_ISO_TIME_H_
#define MIRROR_BASE_ISO_TIME_H_

#include <cstdint>
#include <string>

namespace mirror {

/// Formats unix milliseconds: "2026-11-26T10:00:00.000Z".
std::string Iso8601(std::int64_t unix_ms);

}  // namespace mirror

#endif  // MIRROR_BASE_ISO_TIME_H_
