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

// Functions that read and write the content of the stage's file. If the caller has a transaction, they run
// within it.

/// Absent: the table is not staged.
absl::StatusOr<std::optional<StagedTable>> ReadStagedTable(const sqlite::Connection& database,
                                                           std::int64_t table);
absl::StatusOr<std::vector<StagedTable>> ReadStagedTables(const sqlite::Connection& database);
absl::Status WriteStagedTable(const sqlite::Connection& database, const StagedTable& table);
absl::Status MakeNet(const sqlite::Connection& database, std::int64_t table);
absl::StatusOr<std::int64_t> ReadPlace(const sqlite::Connection& database);
absl::Status WriteMark(const sqlite::Connection& database, const StageMark& mark);
/// Returns the mark for which `condition` holds, such as "token = ?", with these values bound.
absl::StatusOr<std::optional<StageMark>> ReadMark(const sqlite::Connection& database,
                                                  const std::string& condition,
                                                  const std::string& bound = "");

/// Merges a fold into the rows of a table. Errors: also kOutOfRange: a merged row is longer than
/// Stage::kRowBytesMax.
absl::Status WriteFold(const sqlite::Connection& database, std::int64_t table, const Fold& fold);
absl::StatusOr<std::optional<FoldedRow>> ReadFolded(const sqlite::Connection& database, std::int64_t table,
                                                    const StagedKey& key);

/// Returns the net rows of a table after `from`. See StagedRows; errors: those of StageView::RowsAfter().
absl::StatusOr<std::unique_ptr<StagedRows>> ReadRowsBehind(StageFile& file, std::int64_t table,
                                                           std::int64_t from);
/// Columns of a query for RowAt(), after the key.
inline constexpr char kRowColumns[] = "kind, complete, lsn, born, rekeyed, row";
absl::StatusOr<StagedRows::Row> RowAt(const sqlite::Statement& row);
/// The kinds of rows in the order in which they are read.
inline constexpr StagedKind kReadOrder[] = {StagedKind::kGone, StagedKind::kMoved, StagedKind::kPart,
                                            StagedKind::kWhole};
std::string Quoted(StagedKind kind);
/// Adds up the rows of a query whose columns are: kind, whether first inserted after a place (0 or 1), count.
/// The query's parameters are already bound.
absl::StatusOr<StagedRows::Counts> TakeCounts(sqlite::Statement select);
/// Checks that the table is staged from this LSN on, within the caller's transaction.
absl::Status CheckStagedFrom(const sqlite::Connection& database, std::int64_t table, std::int64_t from);
absl::StatusOr<std::vector<StagedRows::Row>> ReadRowsOf(const sqlite::Connection& database,
                                                        std::int64_t table,
                                                        const std::vector<StagedKey>& keys);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_STAGE_ROWS_H_
