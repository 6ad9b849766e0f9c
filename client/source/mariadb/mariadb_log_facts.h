#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_FACTS_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_FACTS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/mariadb/connection.h"
#include "client/source/mariadb/binlog_place.h"
#include "client/source/mariadb/binlog_tables.h"
#include "client/source/server/stage.h"

namespace mirror {

/// Why the server's binlog cannot be read for changes, each for people, with what to do; empty: it can.
/// Nothing is changed. `server_id`: as whom it would be read. Errors: the server cannot be asked.
absl::StatusOr<std::vector<std::string>> CheckBinlog(mariadb::Connection& connection,
                                                     std::uint32_t server_id);

/// Of that what the server's settings are, whatever the user may do: all that needs no right.
absl::StatusOr<std::vector<std::string>> CheckBinlogSettings(mariadb::Connection& connection,
                                                             std::uint32_t server_id);

/// The error of who cannot read it, of CheckBinlog() that is not empty: kFailedPrecondition, with all of
/// that.
absl::Status BinlogRefused(const std::vector<std::string>& refusals);

/// The error of who met what cannot be understood: kDataLoss, with the way on.
absl::Status BinlogDamaged(const BinlogPlace& behind, const absl::Status& why);

/// Tables of the database whose rows are changed by foreign keys' actions, which the binlog does not show, by
/// name, with the action.
absl::StatusOr<std::map<std::string, std::string>> ReadCascadeChildren(mariadb::Connection& connection);

/// Why changes of tables cannot be read in the binlog, by name, for people.
absl::StatusOr<std::map<std::string, std::string>> ReadUnlogged(mariadb::Connection& connection,
                                                                const std::vector<MariadbTable>& tables);

/// The database's name as the binlog has it: with lower_case_table_names it is not as the configuration
/// writes it.
absl::StatusOr<std::string> ReadDatabaseInBinlog(mariadb::Connection& connection);

/// Of a table's definition: 32 hexadecimal digits.
std::string BinlogFingerprint(const MariadbTable& table);
/// Of the tables in the stage those whose definition is what it was when they were staged. What is staged of
/// the others counts no more, and they have no fingerprint from then on.
absl::StatusOr<BinlogTables> ReadBinlogTables(mariadb::Connection& connection, Stage& stage);

/// Where the binlog was at the moment of the transaction's snapshot, which was taken WITH CONSISTENT
/// SNAPSHOT.
absl::StatusOr<BinlogPlace> ReadSnapshotPlace(mariadb::Connection& connection);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_FACTS_H_
