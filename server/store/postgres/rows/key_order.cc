#include "server/store/postgres/rows/key_order.h"

#include "proto/wire/key_part.h"

namespace mirror {

Key LeastKey(const TableSchema& kept, const ChangeBatch& batch) {
  return KeyAt(kept, batch, batch.key_order.empty() ? 0 : batch.key_order.front());
}

Key GreatestKey(const TableSchema& kept, const ChangeBatch& batch) {
  return KeyAt(kept, batch, batch.key_order.empty() ? batch.row_count - 1 : batch.key_order.back());
}

}  // namespace mirror
