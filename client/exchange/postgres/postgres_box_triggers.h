#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_BOX_TRIGGERS_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_BOX_TRIGGERS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/exchange/postgres/postgres_box_function.h"
#include "client/source/postgres/postgres_catalog.h"

// What DataJoin's outbox needs of a PostgreSQL database, where it is filled by itself:
// `_mirror_datajoin_change`, and on each table with a key a trigger that notes there which row was changed,
// and in which columns, in the transaction that changes it. It holds no values but those of keys, and what
// was told is gone from it. The triggers' function: postgres_box_function.h.

namespace mirror {

/// kFailedPrecondition: not every text of the exchange could stand in the boxes.
absl::Status CheckBoxEncoding(const postgres::Connection& connection);

/// The statements that make what is missing; only reads. `tables`: those that are mirrored, whether the role
/// may read them yet or not; none: the application writes the outbox, and nothing is noted. `keys`: of tables
/// that declare none, by folded name. A trigger that is there and fits is left. Errors: those of Connection,
/// postgres::QuotedText() and CheckNotedKeys().
absl::StatusOr<std::vector<std::string>> BoxTriggerStatements(
    postgres::Connection& connection, const std::string& schema, const std::vector<PostgresTable>& tables,
    const std::map<std::string, std::vector<std::string>>& keys, BoxesBy by);

/// What a role has to read and write of them; the first two number their rows by a column `id`.
std::vector<std::string> BoxTables();
/// That a role may use the boxes, for a DBA's script. `notes`: triggers note what changes. Errors: those of
/// QuotedName().
absl::StatusOr<std::vector<std::string>> BoxGrants(const std::string& schema, const std::string& role,
                                                   bool notes);

/// What drops triggers, and all of the boxes that is the agent's own, in statements; what people read stays.
/// Empty: nothing of it is there. Only reads.
absl::StatusOr<std::string> BoxesDrop(postgres::Connection& connection, const std::string& schema);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_BOX_TRIGGERS_H_
