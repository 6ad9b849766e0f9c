#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_COLUMN_LOOK_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_COLUMN_LOOK_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "client/source/odbc/odbc_rows.h"
#include "client/source/reader.h"

namespace mirror {

/// See SourceReader::LookAtColumn(). Where the database's order of the type is that of KeyPart, an index can
/// answer; of all others every value is read. Least, greatest and nulls may be of different moments.
absl::StatusOr<SourceReader::ColumnFacts> LookAtOdbcColumn(const std::shared_ptr<const OdbcLook>& look,
                                                           const std::shared_ptr<const KnownOdbcTable>& known,
                                                           std::uint32_t column);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_COLUMN_LOOK_H_
