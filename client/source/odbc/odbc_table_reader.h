#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_TABLE_READER_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_TABLE_READER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "client/source/odbc/odbc_rows.h"
#include "client/source/reader.h"

namespace mirror {

/// See SourceReader::Read(): all rows as they are at the moment of the first Next(), in any order.
std::unique_ptr<TableReader> ReadOdbcTable(std::shared_ptr<const OdbcLook> look,
                                               std::shared_ptr<const KnownOdbcTable> known,
                                               const std::vector<std::uint32_t>& columns);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_TABLE_READER_H_
