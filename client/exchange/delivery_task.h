#ifndef MIRROR_CLIENT_EXCHANGE_DELIVERY_TASK_H_
#define MIRROR_CLIENT_EXCHANGE_DELIVERY_TASK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/db/sqlite/statement.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/ledger_rows.h"
#include "client/exchange/match_set.h"
#include "client/exchange/member_table.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/exchange/ledger.h"

namespace mirror {

/// A delivery whose names were found at the source, and that the source's owner accepts.
struct DeliveryTask {
  const v1::Delivery* delivery = nullptr;
  const MemberTable* table = nullptr;
  RowOf key;                                                     ///< Empty: the database makes it.
  std::vector<std::pair<std::uint32_t, sqlite::Value>> written;  ///< Column and value.
  std::vector<std::uint32_t> mapped;                             ///< Columns that are read back.
};

sqlite::Value ToValue(const v1::Literal& literal);
/// "INSERT", "UPDATE", "DELETE": as the ledger has it. Empty: none of them.
std::string OperationName(v1::Operation operation);

/// Fills in `task` for a delivery of `table`; null: the source has no such table with a change log. Gives
/// the reason why it cannot be done here, for people; empty: it can.
std::string MakeTask(const v1::Delivery& delivery, const MemberTable* table, const ExchangeRules& rules,
                     DeliveryTask* task);

/// The columns of a match key. Gives why the table cannot be asked by it; empty: it can.
std::string MakeMatchRule(const v1::MatchKey& key, const MemberTable* table, MatchRule* rule);

/// The statement of a task, with what it binds. One that inserts gives back the key. Errors: of Prepare().
absl::StatusOr<sqlite::Statement> PrepareTask(const SqliteFile& file, const DeliveryTask& task);

/// A row's key as ledger and hub have it.
std::string KeyText(const RowOf& key);
/// Why the row of an update or a delete is not the one that the hub knew, for people; empty: it is. `row`:
/// its mapped columns; absent: it is gone.
std::string WhyNotAsKnown(const v1::Delivery& delivery, const std::optional<RowOf>& row);
/// What the ledger says of a delivery that was refused now. `known`: what it says already.
LedgerRow RefusedRow(const v1::Delivery& delivery, const std::optional<LedgerState>& known,
                     const std::string& reason, std::int64_t now_ms);
/// What a written row became: of each column that was delivered, and of each other one that is not as it was.
/// `before`: of the mapped columns; empty: there was no row.
Wrote WroteOf(const DeliveryTask& task, const RowOf& before, const RowOf& behind);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DELIVERY_TASK_H_
