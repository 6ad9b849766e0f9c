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

// `_mirror_ledger`: what the exchange did in a source's database. It stands there, is written in the
// transaction of the rows that it tells of, and is mirrored as any other table, so that a hub learns of it
// with the rows themselves.

namespace mirror {

inline constexpr std::string_view kLedgerTable = kLedgerName;
/// How long what was refused rests at most, milliseconds.
inline constexpr std::int64_t kRefusedRestMaxMs = 86'400'000;

/// Its columns, in their order, all of them mirrored:
/// - `delivery_id`: TEXT, the key; of a row that a statement changed beside its own "<delivery_id>/1" ...
/// - `number`: INT64, from 1, without gaps, in the order of what was done
/// - `operation`: TEXT: INSERT, UPDATE, DELETE; beside a delivery DELETE where the row is gone
/// - `table_name`: TEXT, as announced
/// - `key`: TEXT, KeyJson(): of an INSERT the one that the database made
/// - `state`: TEXT: APPLIED, REFUSED
/// - `wrote`: TEXT, WroteJson()
/// - `reason`: TEXT, why it was refused, without values; NULL: it was not
/// - `attempts`: INT64, how often it was refused
/// - `next_at`: INT64, unix milliseconds: when it may be tried again; 0: it was not refused
/// - `at`: INT64, unix milliseconds
TableSchema LedgerSchema();

/// What became of a column.
struct WroteColumn {
  std::optional<std::int64_t> version_ms;  ///< Absent: the database itself changed it, nobody asked.
  std::optional<Literal> wish;             ///< What was delivered; goes with `version_ms`.
  Literal result;                          ///< What stood there behind the statement.
  friend bool operator==(const WroteColumn&, const WroteColumn&) = default;
};
using Wrote = std::map<std::string, WroteColumn>;  ///< By column.

/// {"city":[1714000000000,"Bern","BERN"],"rev":["17"]}: version, wish, result; or the result alone.
std::string WroteJson(const Wrote& wrote);
/// Errors: kInvalidArgument.
absl::StatusOr<Wrote> WroteOf(std::string_view json);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_EXCHANGE_LEDGER_H_
