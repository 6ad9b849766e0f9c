#ifndef MIRROR_SERVER_STORAGES_MAPPER_USE_H_
#define MIRROR_SERVER_STORAGES_MAPPER_USE_H_

#include <string>

#include "absl/status/status.h"
#include "server/records/record_mapper.h"
#include "server/store/store_records.h"

// What a mapper and the data sources that use it are to each other. `records`: of the storage's root tenant,
// within the transaction that changes one of them, as another server may change the other one meanwhile.

namespace mirror {

absl::Status NoMapper(const std::string& mapper);

/// Errors: kFailedPrecondition: a data source of the storage has this mapper.
absl::Status CheckUnused(StoreRecords& records, const std::string& mapper);
/// Whether a data source that was made by `mapper` can be listed. Errors: kNotFound: there is no such mapper
/// any more; kFailedPrecondition: it is another one by now.
absl::Status CheckStays(StoreRecords& records, const RecordMapper& mapper);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORAGES_MAPPER_USE_H_
