#ifndef MIRROR_BASE_DB_POSTGRES_LSN_H_
#define MIRROR_BASE_DB_POSTGRES_LSN_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mirror::postgres {

/// Formats a position in PostgreSQL's log as the server does: "16/B374D848".
std::string FormatLsn(std::uint64_t lsn);
/// Parses a text of FormatLsn(). Errors: kInvalidArgument: the text is not a position.
absl::StatusOr<std::uint64_t> ParseLsn(std::string_view text);

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_LSN_H_
