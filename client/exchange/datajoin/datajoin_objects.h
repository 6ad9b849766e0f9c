#ifndef MIRROR_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_OBJECTS_H_
#define MIRROR_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_OBJECTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/box_source.h"

// What `layout = "datajoin"` has in a source:
//
//   ds_change_outbox      what changed here, an entry for each changed column
//   ds_change_inbox       what is to be changed here, of the same 16 columns
//   ds_program_parameter  rows 1000 and 1001: how far the two programs came
//   view_recordlevel_update_datetime  when each row was changed last, as the two boxes know it
//
// They are for people and for the application, and stay when the change log is removed. What the agent itself
// needs stands beside them:
//
//   _mirror_datajoin        one row: the highest entry of each box, and how far the outbox was pushed
//   _mirror_datajoin_entry  which delivery an entry of the inbox is of, and what became of it
//   _mirror_datajoin_unread entries of an application's outbox that name no row which could be sent
//
// and what the kind of database needs to tell what changed, see sqlite_boxes.h and postgres_boxes.h.

namespace mirror {

inline constexpr std::string_view kOutboxTable = "ds_change_outbox";
inline constexpr std::string_view kInboxTable = "ds_change_inbox";
inline constexpr std::string_view kProgramTable = "ds_program_parameter";
/// `note1` of what the agent put into the outbox itself: the rest is the application's.
inline constexpr char kFilledNote[] = "change log";

/// Makes the tables that are missing, and leaves what is there as it is. What was done, for people. `source`:
/// with the exchange's tables and the change log; `own`: statements that make what else its kind needs,
/// harmless where that is there. Errors: those of BoxSql; kFailedPrecondition: a table of that name is
/// another one.
absl::StatusOr<std::string> MakeDatajoinObjects(BoxSource& source, const std::vector<std::string>& own);

/// The statements by which somebody else makes the tables that are missing. Only reads. Errors: as above.
absl::StatusOr<std::vector<std::string>> DatajoinStatements(BoxSql& sql);

/// Writes the rows that the tables begin with, where they are missing. The agent's role does so in its runs,
/// and no installation: a table that was there may be the application's, whose triggers would run with the
/// rights of the role that installs. `database`: what the boxes call the source. Errors: those of BoxSql.
absl::Status EnsureDatajoinRows(BoxSql& sql, const std::string& database);

/// The names of the tables that may be the application's.
std::vector<std::string> DatajoinSharedTables();

/// kFailedPrecondition: something is missing, or another table. Only reads.
absl::Status CheckDatajoinObjects(BoxSql& sql);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_OBJECTS_H_
