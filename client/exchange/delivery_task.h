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

/// A delivery that the source's owner accepts, and whose names exist in the source.
struct DeliveryTask {
  const v1::Delivery* delivery = nullptr;
  const MemberTable* table = nullptr;
  RowOf key;                                                     ///< Empty: the database makes it.
  std::vector<std::pair<std::uint32_t, sqlite::Value>> written;  ///< Column and value.
  std::vector<std::uint32_t> mapped;                             ///< Columns that are read back.
};

sqlite::Value ToValue(const v1::Literal& literal);
/// "INSERT", "UPDATE", "DELETE": the ledger's word. Empty: another operation.
std::string OperationName(v1::Operation operation);

/// Fills in `task` for a delivery of `table`; null: the source has no such table
/// with a change log. Returns why it cannot be done here, for people; empty: it can.
std::string MakeTask(const v1::Delivery& delivery, const MemberTable* table, const ExchangeRules& rules,
                     DeliveryTask* task);

/// Sets the columns of a match key. Returns why the table cannot be searched by it; empty: it can.
std::string MakeMatchRule(const v1::MatchKey& key, const MemberTable* table, MatchRule* rule);

/// Prepares a task's statement and binds its values. An insert returns the key. Errors: those of Prepare().
absl::StatusOr<sqlite::Statement> PrepareTask(const SqliteFile& file, const DeliveryTask& task);

/// Returns a row's key in the form of ledger and hub.
std::string KeyText(const RowOf& key);
/// Returns why the row of an update or delete differs from what the hub knew, for people; empty: it is equal.
/// `row`: its mapped columns; absent: it was deleted.
std::string WhyNotAsKnown(const v1::Delivery& delivery, const std::optional<RowOf>& row);
/// Makes the ledger's row of a delivery that is refused now. `known`: the ledger's present row.
LedgerRow RefusedRow(const v1::Delivery& delivery, const std::optional<LedgerState>& known,
                     const std::string& reason, std::int64_t now_ms);
/// Returns the new values of a written row: of each delivered column, and of each other column that changed.
/// `before`, `behind`: its mapped columns before and after the write; empty `before`: there was no row.
Wrote WroteOf(const DeliveryTask& task, const RowOf& before, const RowOf& behind);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DELIVERY_TASK_H_
