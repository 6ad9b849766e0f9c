#ifndef MIRROR_SERVER_STORE_INTENT_H_
#define MIRROR_SERVER_STORE_INTENT_H_

#include <cstdint>
#include <string>
#include <vector>

namespace mirror {

/// What a transaction is for, as far as who begins it knows: a store may read ahead by it, and choose its
/// connection. A wrong one costs time, never a row.
struct Intent {
  std::vector<std::string> tables = {};  ///< Whose records will be asked for. Empty: those of any.
  bool changes_tables = true;            ///< False: rows and records alone, no definition and no shadow.
  bool writes_records = true;            ///< False: no table's record, and so no row either.
  std::uint64_t large_bytes = 0;         ///< Of the row whose values that came in parts have the most.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_INTENT_H_
