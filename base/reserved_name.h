#ifndef MIRROR_BASE_RESERVED_NAME_H_
#define MIRROR_BASE_RESERVED_NAME_H_

#include <string>
#include <string_view>

#include "base/folded_name.h"

namespace mirror {

/// Name of the ledger of the exchange: the only name that begins with `_mirror_` and that a source's table
/// may have.
inline constexpr std::string_view kLedgerName = "_mirror_ledger";

/// Returns true if SQLite or the mirror reserves the name of a table or an index. Case is ignored.
inline bool IsReservedName(std::string_view name) {
  const std::string folded = FoldName(name);
  return folded.starts_with("sqlite_") || folded.starts_with("_mirror_");
}

}  // namespace mirror

#endif  // MIRROR_BASE_RESERVED_NAME_H_
