#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_OBJECTS_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_OBJECTS_H_

#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_schema.h"
#include "proto/wire/source_objects.h"

namespace mirror {

/// Indexes and foreign keys of a table, within a look; of a view none. What cannot be told as columns of it
/// is told by name, and what has no name that can be sent is only counted. Errors: the source cannot be read.
absl::StatusOr<SourceObjects> ReadObjects(const SqliteFile& file, const SourcePlan& plan);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_OBJECTS_H_
