#ifndef MIRROR_CLIENT_SOURCE_FOUND_OBJECTS_H_
#define MIRROR_CLIENT_SOURCE_FOUND_OBJECTS_H_

#include <optional>

#include "proto/wire/source_objects.h"
#include "proto/wire/table.h"

// Adds the indexes and foreign keys that a source reports to its SourceObjects. An object that cannot be
// described for `table`, or that exceeds the limits, is only counted.

namespace mirror {

/// One index, and the reason when it cannot be described as columns of its table.
struct FoundIndex {
  SourceIndex index;
  std::optional<UntoldReason> untold;
};

void AddIndex(FoundIndex found, const TableSchema& table, SourceObjects* objects);
void AddForeignKey(SourceForeignKey key, const TableSchema& table, SourceObjects* objects);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FOUND_OBJECTS_H_
