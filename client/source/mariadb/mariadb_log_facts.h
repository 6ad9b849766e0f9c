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

/// Returns why changes cannot be read from the server's binlog, each for people, with what to do. Empty: they
/// can be read. Changes nothing. `server_id`: the reader's. Errors: the server cannot be queried.
absl::StatusOr<std::vector<std::string>> CheckBinlog(mariadb::Connection& connection,
                                                     std::uint32_t server_id);

/// Returns what CheckBinlog() finds in the server's settings, without the user's rights. The user needs no
/// right.
absl::StatusOr<std::vector<std::string>> CheckBinlogSettings(mariadb::Connection& connection,
                                                             std::uint32_t server_id);

/// Returns the error for a binlog that cannot be read: kFailedPrecondition with all `refusals`, a non-empty
/// result of CheckBinlog().
absl::Status BinlogRefused(const std::vector<std::string>& refusals);

/// Returns the error for an event that cannot be understood: kDataLoss, with what to do to continue.
/// `behind`: the place that was reached.
absl::Status BinlogDamaged(const BinlogPlace& behind, const absl::Status& why);

/// Returns the tables of the database whose rows are changed by actions of foreign keys, with the action. The
/// binlog does not show these changes.
absl::StatusOr<std::map<std::string, std::string>> ReadCascadeChildren(mariadb::Connection& connection);

/// Returns the tables whose changes cannot be read from the binlog, each with the reason for people.
absl::StatusOr<std::map<std::string, std::string>> ReadUnlogged(mariadb::Connection& connection,
                                                                const std::vector<MariadbTable>& tables);

/// Returns the name that the binlog has for the database. With lower_case_table_names it differs from the
/// name in the configuration.
absl::StatusOr<std::string> ReadDatabaseInBinlog(mariadb::Connection& connection);

/// Returns the fingerprint of a table's definition: 32 hexadecimal digits.
std::string BinlogFingerprint(const MariadbTable& table);
/// Returns the tables of the stage whose definition is unchanged since they were staged. For other tables the
/// staged changes become void, and the fingerprint is removed.
absl::StatusOr<BinlogTables> ReadBinlogTables(mariadb::Connection& connection, Stage& stage);

/// Returns the place in the binlog at the moment of the transaction's snapshot. The transaction must have
/// begun WITH CONSISTENT SNAPSHOT.
absl::StatusOr<BinlogPlace> ReadSnapshotPlace(mariadb::Connection& connection);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_FACTS_H_
