#ifndef MIRROR_CLIENT_SOURCE_SERVER_STAGE_ROWS_H_
#define MIRROR_CLIENT_SOURCE_SERVER_STAGE_ROWS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/connection.h"
#include "client/source/server/fold.h"
#include "client/source/server/stage.h"
#include "client/source/server/stage_file.h"

namespace mirror {

// What stands in the stage's file, in and out. All within the caller's transaction, where there is one.

/// Absent: it is not staged.
absl::StatusOr<std::optional<StagedTable>> ReadStagedTable(const sqlite::Connection& database,
                                                           std::int64_t table);
absl::StatusOr<std::vector<StagedTable>> ReadStagedTables(const sqlite::Connection& database);
absl::Status WriteStagedTable(const sqlite::Connection& database, const StagedTable& table);
absl::Status MakeNet(const sqlite::Connection& database, std::int64_t table);
absl::StatusOr<std::int64_t> ReadPlace(const sqlite::Connection& database);
absl::Status WriteMark(const sqlite::Connection& database, const StageMark& mark);
/// What `condition` says of marks: "token = ?", say, whose values it binds.
absl::StatusOr<std::optional<StageMark>> ReadMark(const sqlite::Connection& database,
                                                  const std::string& condition,
                                                  const std::string& bound = "");

/// Puts a fold above the rows of a table. Errors: also kOutOfRange: a row of both is longer than
/// Stage::kRowBytesMax.
absl::Status WriteFold(const sqlite::Connection& database, std::int64_t table, const Fold& fold);
absl::StatusOr<std::optional<FoldedRow>> ReadFolded(const sqlite::Connection& database, std::int64_t table,
                                                    const StagedKey& key);

/// See Stage.
absl::StatusOr<std::unique_ptr<StagedRows>> ReadRowsBehind(StageFile& file, std::int64_t table,
                                                           std::int64_t from);
/// Of a row whose columns begin with its key, then kRowColumns.
inline constexpr char kRowColumns[] = "kind, complete, lsn, born, rekeyed, row";
absl::StatusOr<StagedRows::Row> RowAt(const sqlite::Statement& row);
/// The kinds of rows, in the order in which they are read; '…' as they stand in statements.
inline constexpr StagedKind kReadOrder[] = {StagedKind::kGone, StagedKind::kMoved, StagedKind::kPart,
                                            StagedKind::kWhole};
std::string Quoted(StagedKind kind);
/// Of a statement of kinds, whether born behind a place, and how many; with what it binds.
absl::StatusOr<StagedRows::Counts> TakeCounts(sqlite::Statement select);
/// Within the caller's transaction: that the table is staged from there on.
absl::Status CheckStagedFrom(const sqlite::Connection& database, std::int64_t table, std::int64_t from);
absl::StatusOr<std::vector<StagedRows::Row>> ReadRowsOf(const sqlite::Connection& database,
                                                        std::int64_t table,
                                                        const std::vector<StagedKey>& keys);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_STAGE_ROWS_H_
