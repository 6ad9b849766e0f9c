#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_METADATA_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_METADATA_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// Data about a mirror's tables, for its writer and for snapshots.

namespace mirror {

/// Returns the quoted name of the metadata table, which partners know: `<contextId>_mirroring`.
std::string MetadataTable(const std::string& context_id);

absl::StatusOr<std::optional<TableRecord>> SelectRecord(SqliteConnection& connection,
                                                        const std::string& metadata,
                                                        const std::string& table);
absl::StatusOr<std::vector<TableRecord>> SelectRecords(SqliteConnection& connection,
                                                       const std::string& metadata);
/// Reads the agreed definition of a table that exists.
absl::StatusOr<std::optional<TableSchema>> SelectSchema(SqliteConnection& connection,
                                                        const std::string& table);

// The following functions run inside the caller's transaction.

absl::Status WriteRecord(SqliteConnection& connection, const std::string& metadata,
                         const TableRecord& record);
absl::Status RemoveRecord(SqliteConnection& connection, const std::string& metadata,
                          const std::string& table);
/// See TableCheck::row_count.
absl::Status UpdateRowCount(SqliteConnection& connection, const std::string& metadata,
                            const std::string& table, std::uint64_t rows);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_METADATA_H_
