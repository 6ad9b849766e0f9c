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

/// Returns why changes cannot be read from the server's binlog, each for people, with what to do; empty: they
/// can. Changes nothing. `server_id`: the reader's. Errors: the server cannot be queried.
absl::StatusOr<std::vector<std::string>> CheckBinlog(mariadb::Connection& connection,
                                                     std::uint32_t server_id);

/// The part about the server's settings, without the user's rights: it needs no right.
absl::StatusOr<std::vector<std::string>> CheckBinlogSettings(mariadb::Connection& connection,
                                                             std::uint32_t server_id);

/// Returns the error for a binlog that cannot be read: kFailedPrecondition with all `refusals`, a non-empty
/// result of CheckBinlog().
absl::Status BinlogRefused(const std::vector<std::string>& refusals);

/// Returns the error for an event that cannot be understood: kDataLoss, with the steps to continue.
absl::Status BinlogDamaged(const BinlogPlace& behind, const absl::Status& why);

/// Returns tables of the database whose rows are changed by actions of foreign keys, which the binlog does
/// not show, by name, with the action.
absl::StatusOr<std::map<std::string, std::string>> ReadCascadeChildren(mariadb::Connection& connection);

/// Returns why changes of tables cannot be read from the binlog, by name, for people.
absl::StatusOr<std::map<std::string, std::string>> ReadUnlogged(mariadb::Connection& connection,
                                                                const std::vector<MariadbTable>& tables);

/// Returns the database's name in the binlog: with lower_case_table_names it differs from the
/// configuration.
absl::StatusOr<std::string> ReadDatabaseInBinlog(mariadb::Connection& connection);

/// Fingerprint of a table's definition: 32 hexadecimal digits.
std::string BinlogFingerprint(const MariadbTable& table);
/// Returns the tables of the stage whose definition is unchanged since they were staged. The staged changes
/// of the others become void, and their fingerprints are removed.
absl::StatusOr<BinlogTables> ReadBinlogTables(mariadb::Connection& connection, Stage& stage);

/// Returns the binlog's place at the moment of the transaction's snapshot, which was taken WITH CONSISTENT
/// SNAPSHOT.
absl::StatusOr<BinlogPlace> ReadSnapshotPlace(mariadb::Connection& connection);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_FACTS_H_
