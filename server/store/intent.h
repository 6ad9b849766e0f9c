#ifndef MIRROR_SERVER_STORE_INTENT_H_
#define MIRROR_SERVER_STORE_INTENT_H_

#include <cstdint>
#include <string>
#include <vector>

namespace mirror {

/// Facts about the transaction that the caller of Begin() knows. By them a store may read ahead and choose a
/// connection. A wrong intent costs time, but no data.
struct Intent {
  std::vector<std::string> tables = {};  ///< Tables whose records will be read. Empty: any table.
  bool changes_tables = true;            ///< False: changes rows and records only, no definition and no
                                         ///< shadow.
  bool writes_records = true;            ///< False: writes no table's record, and therefore no row either.
  std::uint64_t large_bytes = 0;         ///< Bytes of the largest row with values that came in parts.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_INTENT_H_
