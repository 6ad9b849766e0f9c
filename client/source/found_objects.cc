#include "client/source/found_objects.h"

#include <utility>

namespace mirror {

void AddIndex(FoundIndex found, const TableSchema& table, SourceObjects* objects) {
  SourceObjects alone;
  if (found.untold) {
    alone.untold.push_back({found.index.name, *found.untold});
  } else {
    alone.indexes.push_back(found.index);
  }
  const bool full = objects->indexes.size() + objects->untold.size() >= kSourceObjectsMax;
  if (full || !CheckObjects(alone, table).ok()) {
    ++objects->more;
  } else if (found.untold) {
    objects->untold.push_back(std::move(alone.untold.front()));
  } else {
    objects->indexes.push_back(std::move(found.index));
  }
}

void AddForeignKey(SourceForeignKey key, const TableSchema& table, SourceObjects* objects) {
  SourceObjects alone;
  alone.foreign_keys.push_back(key);
  if (objects->foreign_keys.size() >= kSourceObjectsMax || !CheckObjects(alone, table).ok()) {
    ++objects->more;
  } else {
    objects->foreign_keys.push_back(std::move(key));
  }
}

}  // namespace mirror
