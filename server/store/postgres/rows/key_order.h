#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_KEY_ORDER_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_KEY_ORDER_H_

#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

namespace mirror {

// The batch must have rows, and the table a key.
Key LeastKey(const TableSchema& kept, const ChangeBatch& batch);
Key GreatestKey(const TableSchema& kept, const ChangeBatch& batch);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_KEY_ORDER_H_
