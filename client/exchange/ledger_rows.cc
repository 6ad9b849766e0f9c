#include "client/exchange/ledger_rows.h"

#include <algorithm>

#include "base/status_macros.h"
#include "proto/wire/exchange/ledger.h"

namespace mirror {
namespace {

constexpr std::int64_t kDoublings = 20;  // Far beyond a day, and no overflow.

/// It lives until the statement was stepped.
void BindText(sqlite::Statement& statement, int place, const std::optional<std::string>& text) {
  if (text) {
    statement.Bind(place, std::string_view(*text));
  } else {
    statement.BindNull(place);
  }
}

}  // namespace

absl::StatusOr<std::optional<LedgerState>> FindInLedger(const SqliteFile& file,
                                                        const std::string& delivery_id) {
  sqlite::Statement query =
      file.Query("SELECT state, attempts, next_at FROM main._mirror_ledger WHERE delivery_id = ?1");
  ASSIGN_OR_RETURN(const bool row, query.With(delivery_id).Step());
  if (!row) return std::optional<LedgerState>();
  return LedgerState{query.Text(0) == "APPLIED", query.Int(1), query.Int(2)};
}

absl::Status WriteLedger(const SqliteFile& file, const LedgerRow& row) {
  RETURN_IF_ERROR(file.Query("UPDATE main._mirror_exchange SET ledger_number = ledger_number + 1").Run());
  // No REPLACE: that the row was there before is for the change log to see.
  sqlite::Statement write = file.Query(
      "INSERT INTO main._mirror_ledger (delivery_id, number, operation, table_name, key, state, wrote, "
      "reason, attempts, next_at, at) SELECT ?1, ledger_number, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM "
      "main._mirror_exchange WHERE true ON CONFLICT (delivery_id) DO UPDATE SET number = excluded.number, "
      "operation = excluded.operation, table_name = excluded.table_name, key = excluded.key, state = "
      "excluded.state, wrote = excluded.wrote, reason = excluded.reason, attempts = excluded.attempts, "
      "next_at = excluded.next_at, at = excluded.at");
  write.Bind(1, std::string_view(row.delivery_id)).Bind(2, std::string_view(row.operation));
  write.Bind(3, std::string_view(row.table_name));
  if (row.key.empty()) {
    write.BindNull(4);
  } else {
    write.Bind(4, std::string_view(row.key));
  }
  write.Bind(5, row.reason ? "REFUSED" : "APPLIED");
  BindText(write, 6, row.wrote);
  BindText(write, 7, row.reason);
  write.Bind(8, row.attempts).Bind(9, row.next_at).Bind(10, row.at);
  return write.Run();
}

std::int64_t TriedAgainAt(std::int64_t attempts, std::int64_t now_ms) {
  const std::int64_t doubled = kRefusedRestMs << std::clamp<std::int64_t>(attempts, 0, kDoublings);
  return now_ms + std::min(doubled, kRefusedRestMaxMs);
}

}  // namespace mirror
