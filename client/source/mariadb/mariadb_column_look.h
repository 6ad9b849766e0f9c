#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_COLUMN_LOOK_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_COLUMN_LOOK_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "client/source/mariadb/mariadb_rows.h"
#include "client/source/reader.h"

namespace mirror {

/// See SourceReader::LookAtColumn(). Where MariaDB's order of the type is that of KeyPart, an index can
/// answer; of all others every value is read. Least, greatest and nulls may be of different moments.
absl::StatusOr<SourceReader::ColumnFacts> LookAtMariadbColumn(
    const std::shared_ptr<const MariadbLook>& look, const std::shared_ptr<const KnownMariadbTable>& known,
    std::uint32_t column);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_COLUMN_LOOK_H_
