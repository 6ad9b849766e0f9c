#ifndef MIRROR_CLIENT_EXCHANGE_LEDGER_ROWS_H_
#define MIRROR_CLIENT_EXCHANGE_LEDGER_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {

/// How long what was refused rests: this, doubled with each refusal up to kRefusedRestMaxMs.
inline constexpr std::int64_t kRefusedRestMs = 120'000;

/// A row of `_mirror_ledger` as it is written; its number is given by WriteLedger().
struct LedgerRow {
  std::string delivery_id, operation, table_name, key;
  std::optional<std::string> wrote = {}, reason = {};  ///< With a reason it is REFUSED, else APPLIED.
  std::int64_t attempts = 0, next_at = 0, at = 0;
};

/// What the ledger says of a delivery.
struct LedgerState {
  bool applied = false;
  std::int64_t attempts = 0, next_at = 0;
};
/// Absent: nothing. Errors: those of SqliteFile.
absl::StatusOr<std::optional<LedgerState>> FindInLedger(const SqliteFile& file,
                                                        const std::string& delivery_id);
/// In a change.
absl::Status WriteLedger(const SqliteFile& file, const LedgerRow& row);

/// When a delivery that was refused so often, now included, may be tried again.
std::int64_t TriedAgainAt(std::int64_t attempts, std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_LEDGER_ROWS_H_
