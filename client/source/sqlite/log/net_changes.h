#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_NET_CHANGES_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_NET_CHANGES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/reader.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_schema.h"
#include "client/source/sqlite/log/change_log.h"

namespace mirror {

/// A table as its source announced it, and how it is reached.
struct AnnouncedSource {
  std::shared_ptr<const SqliteFile> file;  ///< Opened with Use::kLooks.
  std::shared_ptr<const SourcePlan> plan;
  TableSchema schema;
  std::vector<std::uint32_t> columns;  ///< Those that are sent.
  DefinitionWatch definition;
  std::function<void()> forget;  ///< See RowTaker.
};

/// The net changes behind `from`: the entries of the log are copied into a temporary table and grouped by key
/// there, then each key's row is read. A key whose row is not there is a delete.
///
/// `also`: keys that are taken for changed, in the first round.
///
/// With WAL all of this is one snapshot. With a rollback journal, where a writer waits for each reader, up to
/// kOneLookEntries are read in one look; more of them in many, and then what changed meanwhile in another
/// round, until a round fits into one look. So the last piece leaves the table as it was in one moment; after
/// kRoundsMax rounds, and where values are too long for memory, some rows of it may be newer than that.
std::unique_ptr<ChangeReader> ReadNetChanges(AnnouncedSource source, ChangeLog& log, const TableLog& table,
                                             Lsn from, bool whole_rows, bool count_all,
                                             std::vector<Key> also);

inline constexpr std::int64_t kOneLookEntries = 2'000;
inline constexpr int kRoundsMax = 20;

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_NET_CHANGES_H_
