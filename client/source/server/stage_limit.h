#ifndef MIRROR_CLIENT_SOURCE_SERVER_STAGE_LIMIT_H_
#define MIRROR_CLIENT_SOURCE_SERVER_STAGE_LIMIT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/connection.h"
#include "client/source/server/stage.h"
#include "client/source/server/stage_file.h"

namespace mirror {

// How the stage is kept small. On the connection that writes, outside of a transaction unless they say
// otherwise.

/// Up to which LSN the mirror of a table is durable.
using DurableLsns = std::map<std::int64_t, std::int64_t>;
/// As it was written last.
absl::StatusOr<DurableLsns> ReadDurable(const sqlite::Connection& database);

/// What is in use of the file and of its log: a file does not shrink with what goes, but is filled anew.
absl::StatusOr<std::int64_t> UsedBytes(const sqlite::Connection& database, const StageFile& file);

/// Some of the table's rows up to `cut` go, and its floor rises above all of them. True: there are more.
absl::StatusOr<bool> TrimSome(const sqlite::Connection& database, std::int64_t table, std::int64_t cut);
/// Within the caller's transaction: all rows of a table go. Its floor becomes that of its last change, or
/// `floor` where that is greater.
absl::StatusOr<StagedTable> EmptyTable(const sqlite::Connection& database, StagedTable table,
                                       std::int64_t floor, const std::string& because);

/// Durable rows go, oldest first, until at most 9/10 of `most` is in use; where that is not enough for
/// `most`, all rows of the tables with most bytes go, one by one: these. None while somebody reads, for then
/// SQLite's log cannot be emptied, and it is not known how much the file alone takes.
absl::StatusOr<std::vector<StagedTable>> MakeRoomInStage(const sqlite::Connection& database,
                                                         const DurableLsns& durable, std::int64_t most,
                                                         const std::string& because);
/// Gives room that is not used back to the disk: some of it, where it is much.
absl::Status GiveBackRoom(const sqlite::Connection& database);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_STAGE_LIMIT_H_
