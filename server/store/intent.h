#ifndef MIRROR_SERVER_STORE_INTENT_H_
#define MIRROR_SERVER_STORE_INTENT_H_

#include <cstdint>
#include <string>
#include <vector>

namespace mirror {

/// The purpose of a transaction, as far as the caller of Begin() knows it. A store may read ahead by it, and
/// choose a connection. A wrong intent costs time, but never a row.
struct Intent {
  std::vector<std::string> tables = {};  ///< Tables whose records will be read. Empty: any table.
  bool changes_tables = true;            ///< False: rows and records alone, no definition and no shadow.
  bool writes_records = true;            ///< False: no table's record, and so no row either.
  std::uint64_t large_bytes = 0;         ///< Bytes of the largest row with values that came in parts.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_INTENT_H_
