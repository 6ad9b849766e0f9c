#ifndef MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_CHOICE_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_CHOICE_H_

#include <string>
#include <vector>

#include "client/source/reader.h"
#include "client/source/sqlite/sqlite_reader.h"

namespace mirror {

/// What the configuration asks for.
struct ChosenTables {
  std::vector<std::string> names;
  // See SourceSchema.
  std::vector<RefusedTable> blocked;
  std::vector<std::string> idle_patterns;
};

/// Of all that the source has.
ChosenTables ChooseTables(const SqliteReaderOptions& options, const std::vector<std::string>& all);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_CHOICE_H_
