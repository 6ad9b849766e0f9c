#include "server/store/postgres/rows/key_order.h"
#include "proto/wire/key_part.h"

#include <cstdint>
#include <string>

namespace mirror {
namespace {

Key KeyAt(const TableSchema& kept, const ChangeBatch& batch, std::uint32_t row) {
  Key key;
  for (const std::uint32_t column : kept.Key()) key.push_back(KeyPartOf(batch.Find(column)->At(row)));
  return key;
}

}  // namespace

Key LeastKey(const TableSchema& kept, const ChangeBatch& batch) {
  return KeyAt(kept, batch, batch.key_order.empty() ? 0 : batch.key_order.front());
}

Key GreatestKey(const TableSchema& kept, const ChangeBatch& batch) {
  return KeyAt(kept, batch, batch.key_order.empty() ? batch.row_count - 1 : batch.key_order.back());
}

}  // namespace mirror
