#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_TABLE_DEFINITION_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_TABLE_DEFINITION_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {

/// What of the schema has to stay for as long as a table is read in several looks: its own definition, its
/// indexes and triggers, and that its log stands behind it. Other objects come and go.
using TableDefinition = std::string;

/// Of all tables and views, by folded name, in one pass: sqlite_schema has no index. `log_of`: the name of
/// the log of a table, by its folded name; empty: it has none.
absl::StatusOr<std::map<std::string, TableDefinition>> ReadDefinitions(
    const SqliteFile& file, const std::function<std::string(const std::string&)>& log_of);

/// Whether a table is still what it was announced as. Threads: one.
class DefinitionWatch {
 public:
  /// `version`: PRAGMA schema_version when `definition` was read, or before. `log`: the name of its log;
  /// empty: none. `hidden_order`: it is read in the order of a rowid that is no column, which VACUUM changes,
  /// so that the schema must not move at all between its looks.
  DefinitionWatch(std::string table, std::string log, TableDefinition definition, std::int64_t version,
                  bool hidden_order = false);

  /// In a look. kAborted: it is another one.
  absl::Status Check(const SqliteFile& file);

 private:
  std::string table_, log_;
  TableDefinition definition_;
  std::int64_t version_;
  bool hidden_order_, looked_ = false;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_TABLE_DEFINITION_H_
