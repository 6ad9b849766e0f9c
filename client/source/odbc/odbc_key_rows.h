#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_KEY_ROWS_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_KEY_ROWS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "client/source/odbc/odbc_rows.h"
#include "client/source/reader.h"

namespace mirror {

/// See SourceReader::RowsOf(): the rows with these keys, byte for byte, whatever the source's collations take
/// for equal. They are of as many moments as it takes statements.
std::unique_ptr<ChangeReader> ReadOdbcKeyRows(std::shared_ptr<const OdbcLook> look,
                                              std::shared_ptr<const KnownOdbcTable> known,
                                              const std::vector<std::uint32_t>& columns,
                                              std::vector<Key> keys);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_KEY_ROWS_H_
