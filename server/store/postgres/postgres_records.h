#ifndef MIRROR_SERVER_STORE_POSTGRES_POSTGRES_RECORDS_H_
#define MIRROR_SERVER_STORE_POSTGRES_POSTGRES_RECORDS_H_

#include <memory>

#include "server/store/postgres/postgres_mirror.h"
#include "server/store/store_records.h"

namespace mirror {

/// `mirror` outlives it.
std::unique_ptr<StoreRecords> MakePostgresRecords(PostgresMirror& mirror);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_POSTGRES_RECORDS_H_
