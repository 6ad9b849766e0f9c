#ifndef MIRROR_CLIENT_SOURCE_FOUND_OBJECTS_H_
#define MIRROR_CLIENT_SOURCE_FOUND_OBJECTS_H_

#include <optional>

#include "proto/wire/source_objects.h"
#include "proto/wire/table.h"

// What a source says of its indexes and foreign keys, on its way into what is told of them: one that cannot
// be told of `table`, or that there is no room for, is counted.

namespace mirror {

/// One index, and whether it can be told as columns of its table.
struct FoundIndex {
  SourceIndex index;
  std::optional<UntoldReason> untold;
};

void AddIndex(FoundIndex found, const TableSchema& table, SourceObjects* objects);
void AddForeignKey(SourceForeignKey key, const TableSchema& table, SourceObjects* objects);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FOUND_OBJECTS_H_
