#ifndef MIRROR_BASE_RESERVED_NAME_H_
#define MIRROR_BASE_RESERVED_NAME_H_

#include <string>
#include <string_view>

#include "base/folded_name.h"

namespace mirror {

/// The only name with `_mirror_` that a source's table may have: the ledger of the exchange.
inline constexpr std::string_view kLedgerName = "_mirror_ledger";

/// Returns true if SQLite or the mirror reserves such names of tables and indexes, in any case.
inline bool IsReservedName(std::string_view name) {
  const std::string folded = FoldName(name);
  return folded.starts_with("sqlite_") || folded.starts_with("_mirror_");
}

}  // namespace mirror

#endif  // MIRROR_BASE_RESERVED_NAME_H_
