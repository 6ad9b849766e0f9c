#ifndef MIRROR_PROTO_WIRE_EXCHANGE_LEDGER_H_
#define MIRROR_PROTO_WIRE_EXCHANGE_LEDGER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/reserved_name.h"
#include "proto/wire/table.h"

// `_mirror_ledger`: the table in a source's database that records what the exchange did. The agent writes
// each entry in the transaction that changes the rows. The table is mirrored like any other table, so that a
// hub reads the entries together with the rows.

namespace mirror {

inline constexpr std::string_view kLedgerTable = kLedgerName;
/// Longest time before a refused delivery is retried, milliseconds.
inline constexpr std::int64_t kRefusedRestMaxMs = 86'400'000;

/// Returns the table's schema: its columns, in their order, all of them mirrored:
/// - `delivery_id`: TEXT, the key. If a delivery's statement changed other rows, too: "<delivery_id>/1" ...
/// - `number`: INT64, from 1, without gaps, in the order of the changes
/// - `operation`: TEXT: INSERT, UPDATE or DELETE; for another changed row: what happened to this row
/// - `table_name`: TEXT, as announced
/// - `key`: TEXT, from KeyJson(); for an INSERT the key that the database generated
/// - `state`: TEXT: APPLIED, REFUSED
/// - `wrote`: TEXT, from WroteJson()
/// - `reason`: TEXT, the reason of a refusal, without values; NULL: not refused
/// - `attempts`: INT64, number of refusals
/// - `next_at`: INT64, unix milliseconds: earliest time of a retry; 0: not refused
/// - `at`: INT64, unix milliseconds
TableSchema LedgerSchema();

/// Result of writing one column.
struct WroteColumn {
  std::optional<std::int64_t> version_ms;  ///< Absent: the database changed the column by itself.
  std::optional<Literal> wish;             ///< The delivered value; set together with `version_ms`.
  Literal result;                          ///< Value in the column after the statement.
  friend bool operator==(const WroteColumn&, const WroteColumn&) = default;
};
using Wrote = std::map<std::string, WroteColumn>;  ///< Keyed by column.

/// Returns JSON such as {"city":[1714000000000,"Bern","BERN"],"rev":["17"]}: for each column version, wish
/// and result, or only the result.
std::string WroteJson(const Wrote& wrote);
/// Parses a text of WroteJson(). Errors: kInvalidArgument: it is none.
absl::StatusOr<Wrote> WroteOf(std::string_view json);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_EXCHANGE_LEDGER_H_
