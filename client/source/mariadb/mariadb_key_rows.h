#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_KEY_ROWS_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_KEY_ROWS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "client/source/mariadb/mariadb_rows.h"
#include "client/source/reader.h"

namespace mirror {

/// See SourceReader::RowsOf(): the rows with these keys, byte for byte, whatever the source's collations take
/// for equal. All of them are of one moment, where the table's engine has such.
std::unique_ptr<ChangeReader> ReadMariadbKeyRows(std::shared_ptr<const MariadbLook> look,
                                                 std::shared_ptr<const KnownMariadbTable> known,
                                                 const std::vector<std::uint32_t>& columns,
                                                 std::vector<Key> keys);

/// Of these keys the rows, and others that the source's collations take for them.
MariadbAsk AskForMariadbKeys(const KnownMariadbTable& known, std::vector<std::uint32_t> columns,
                             const std::vector<Key>& keys);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_KEY_ROWS_H_
