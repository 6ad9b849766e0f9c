#ifndef MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_COLUMN_LOOK_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_COLUMN_LOOK_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "client/source/reader.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_schema.h"

namespace mirror {

/// Computes SourceReader::ColumnFacts. If a look blocks writers and no index can answer, it reads the rows by
/// rowid, a part of them in each look. Rows committed in between may be included or not. So the greatest
/// value may be less than that of a row that is read later.
absl::StatusOr<SourceReader::ColumnFacts> LookAtColumnOf(const SqliteFile& file, const SourcePlan& plan,
                                                         std::uint32_t column);

/// Counts the rows of a table with a rowid, a part of them in each look. Rows committed in between may count
/// or not.
absl::StatusOr<std::uint64_t> CountInLooks(const SqliteFile& file, const SourcePlan& plan);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_COLUMN_LOOK_H_
