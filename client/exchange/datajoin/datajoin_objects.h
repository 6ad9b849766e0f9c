#ifndef MIRROR_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_OBJECTS_H_
#define MIRROR_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_OBJECTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/box_source.h"

// Objects that `layout = "datajoin"` needs in a source:
//
//   ds_change_outbox      changes made here, an entry for each changed column
//   ds_change_inbox       changes to be made here, with the same 16 columns
//   ds_program_parameter  rows 1000 and 1001: the progress of the two programs
//   view_recordlevel_update_datetime  when each row was changed last, according to the two boxes
//
// They are for people and for the application, and stay when the
// change log is removed. The agent itself needs these tables, too:
//
//   _mirror_datajoin        one row: the highest entry of each box, and how far the outbox was pushed
//   _mirror_datajoin_entry  the delivery of each entry of the inbox, and its result
//   _mirror_datajoin_unread entries of an application's outbox that name no row that could be sent
//
// Each kind of database needs more objects to find changes, see sqlite_boxes.h and postgres_boxes.h.

namespace mirror {

inline constexpr std::string_view kOutboxTable = "ds_change_outbox";
inline constexpr std::string_view kInboxTable = "ds_change_inbox";
inline constexpr std::string_view kProgramTable = "ds_program_parameter";
/// `note1` of entries that the agent put into the outbox; other entries are the application's.
inline constexpr char kFilledNote[] = "change log";

/// Makes the missing tables and leaves existing ones unchanged. Returns what was done,
/// for people. `source`: has the exchange's tables and the change log already. `own`:
/// statements that make further objects for its kind of database, harmless if these exist.
/// Errors: those of BoxSql; kFailedPrecondition: a table of that name has another layout.
absl::StatusOr<std::string> MakeDatajoinObjects(BoxSource& source, const std::vector<std::string>& own);

/// Returns statements with which another role makes the missing tables. Only reads. Errors: as above.
absl::StatusOr<std::vector<std::string>> DatajoinStatements(BoxSql& sql);

/// Writes the tables' missing initial rows. The agent does this in its runs, not an installation:
/// an existing table may be the application's, and its triggers would run with the installing
/// role's rights. `database`: the name of the source in the boxes. Errors: those of BoxSql.
absl::Status EnsureDatajoinRows(BoxSql& sql, const std::string& database);

/// Returns the names of the tables that may be the application's.
std::vector<std::string> DatajoinSharedTables();

/// kFailedPrecondition: a table is missing, or has another layout. Only reads.
absl::Status CheckDatajoinObjects(BoxSql& sql);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_OBJECTS_H_
