#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_DIGESTS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_DIGESTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "client/source/postgres/postgres_rows.h"
#include "client/source/reader.h"

namespace mirror {

/// What a scan gives.
struct PostgresScanRule {
  std::optional<RowBound> bound = {};
  bool by_column = false;  ///< See DigestPiece.
};

/// Digests of a table's rows over these columns, in any order.
std::unique_ptr<DigestReader> ScanPostgresTable(std::shared_ptr<const PostgresLook> look,
                                                std::shared_ptr<const KnownPostgresTable> known,
                                                const std::vector<std::uint32_t>& columns,
                                                PostgresScanRule rule = {});

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_DIGESTS_H_
