#ifndef MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_COLUMN_LOOK_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_COLUMN_LOOK_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "client/source/reader.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_schema.h"

namespace mirror {

/// See SourceReader::LookAtColumn(). Where writers wait for a look and no index answers, rows are looked at
/// by rowid, a part of them in each look: what is committed meanwhile may be in it or not, so that the
/// greatest value may be less than that of a row which is read later.
absl::StatusOr<SourceReader::ColumnFacts> LookAtColumnOf(const SqliteFile& file, const SourcePlan& plan,
                                                         std::uint32_t column);

/// Rows of a table with a rowid, counted a part of them in each look; so is what is committed meanwhile.
absl::StatusOr<std::uint64_t> CountInLooks(const SqliteFile& file, const SourcePlan& plan);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_COLUMN_LOOK_H_
