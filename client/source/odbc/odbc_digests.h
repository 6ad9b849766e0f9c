#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_DIGESTS_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_DIGESTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "client/source/odbc/odbc_rows.h"
#include "client/source/reader.h"

namespace mirror {

/// What a scan gives.
struct OdbcScanRule {
  std::optional<RowBound> bound = {};
  bool by_column = false;  ///< See DigestPiece.
};

/// Digests of a table's rows over these columns, in any order.
std::unique_ptr<DigestReader> ScanOdbcTable(std::shared_ptr<const OdbcLook> look,
                                                std::shared_ptr<const KnownOdbcTable> known,
                                                const std::vector<std::uint32_t>& columns,
                                                OdbcScanRule rule = {});

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_DIGESTS_H_
