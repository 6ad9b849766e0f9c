#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOG_LSN_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOG_LSN_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mirror {

/// A position in PostgreSQL's log as it writes it: "16/B374D848".
std::string FormatLsn(std::uint64_t lsn);
/// Errors: kInvalidArgument: it is none.
absl::StatusOr<std::uint64_t> ParseLsn(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_LSN_H_
