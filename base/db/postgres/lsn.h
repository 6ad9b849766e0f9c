#ifndef MIRROR_BASE_DB_POSTGRES_LSN_H_
#define MIRROR_BASE_DB_POSTGRES_LSN_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mirror::postgres {

/// A position in PostgreSQL's log as it writes it: "16/B374D848".
std::string FormatLsn(std::uint64_t lsn);
/// Errors: kInvalidArgument: it is none.
absl::StatusOr<std::uint64_t> ParseLsn(std::string_view text);

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_LSN_H_
