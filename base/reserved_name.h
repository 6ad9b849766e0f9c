#ifndef MIRROR_BASE_RESERVED_NAME_H_
#define MIRROR_BASE_RESERVED_NAME_H_

#include <string>
#include <string_view>

#include "base/folded_name.h"

namespace mirror {

/// The one name with `_mirror_` that a source's table may have: what an exchange did there.
inline constexpr std::string_view kLedgerName = "_mirror_ledger";

/// Whether SQLite or the mirror keeps such names of tables and indexes for itself, in whatever case.
inline bool IsReservedName(std::string_view name) {
  const std::string folded = FoldName(name);
  return folded.starts_with("sqlite_") || folded.starts_with("_mirror_");
}

}  // namespace mirror

#endif  // MIRROR_BASE_RESERVED_NAME_H_
