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

/// An announced table, and the means to read it.
struct AnnouncedSource {
  std::shared_ptr<const SqliteFile> file;  ///< Opened with Use::kLooks.
  std::shared_ptr<const SourcePlan> plan;
  TableSchema schema;
  std::vector<std::uint32_t> columns;  ///< Columns to send.
  DefinitionWatch definition;
  std::function<void()> forget;  ///< See RowTaker.
};

/// The net changes after `from`: copies the log's entries into a temporary table, groups them by key there,
/// then reads each key's row. A key without a row is a delete.
///
/// `also`: keys that count as changed, in the first round.
///
/// With WAL all of this is one snapshot. With a rollback journal, where a writer waits for each reader, one
/// look reads up to kOneLookEntries. More entries take many looks, and another round for changes made
/// meanwhile, until a round fits into one look. So the last piece leaves the table in the state of one
/// moment. After kRoundsMax rounds, and with values too long for memory, some rows may be newer.
std::unique_ptr<ChangeReader> ReadNetChanges(AnnouncedSource source, ChangeLog& log, const TableLog& table,
                                             Lsn from, bool whole_rows, bool count_all,
                                             std::vector<Key> also);

inline constexpr std::int64_t kOneLookEntries = 2'000;
inline constexpr int kRoundsMax = 20;

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_NET_CHANGES_H_
