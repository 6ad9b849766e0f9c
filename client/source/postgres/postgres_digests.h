#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_DIGESTS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_DIGESTS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "client/source/postgres/postgres_rows.h"
#include "client/source/reader.h"
#include "client/source/values/value_scan.h"

namespace mirror {

/// Digests of a table's rows over these columns, in any order.
std::unique_ptr<DigestReader> ScanPostgresTable(std::shared_ptr<const PostgresLook> look,
                                                std::shared_ptr<const KnownPostgresTable> known,
                                                const std::vector<std::uint32_t>& columns,
                                                ValueScanRule rule = {});

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_DIGESTS_H_
