#ifndef MIRROR_CLIENT_EXCHANGE_LEDGER_ROWS_H_
#define MIRROR_CLIENT_EXCHANGE_LEDGER_ROWS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/member_table.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {

/// Milliseconds before a refused delivery is tried again; doubled with each refusal up to kRefusedRestMaxMs.
inline constexpr std::int64_t kRefusedRestMs = 120'000;

/// A row to write to `_mirror_ledger`; WriteLedger() assigns its number.
struct LedgerRow {
  std::string delivery_id, operation, table_name, key;
  std::optional<std::string> wrote = {}, reason = {};  ///< With a reason it is REFUSED, else APPLIED.
  std::int64_t attempts = 0, next_at = 0, at = 0;
};

/// State of a delivery in the ledger.
struct LedgerState {
  bool applied = false;
  std::int64_t attempts = 0, next_at = 0;
};
/// Absent: the ledger has no row of it. Errors: those of SqliteFile.
absl::StatusOr<std::optional<LedgerState>> FindInLedger(const SqliteFile& file,
                                                        const std::string& delivery_id);
/// Writes the row. To be called in a change.
absl::Status WriteLedger(const SqliteFile& file, const LedgerRow& row);

/// Time at which a delivery may be tried again. `attempts`: how often it was refused, including this time.
std::int64_t TriedAgainAt(std::int64_t attempts, std::int64_t now_ms);

/// Parses the key of a row of this table from the ledger's text.
/// Absent: the table's key has other columns by now.
std::optional<RowOf> KeyOfText(const std::string& text, const MemberTable& table);

/// Removes from the ledger the values that were written into rows that no longer exist, whoever deleted
/// them. The ledger still says that they were written. Call it after a fetch: the hub has read the ledger
/// by then. It checks each entry that has values, and writes nothing if all of their rows exist.
/// `file`: opened with Use::kChange. Memory: ids of the entries to change. Errors: those of SqliteFile.
///
/// At a server one run checks only kEntriesLookedAt entries, since each needs a query.
/// A larger ledger is checked in parts, and the clock selects the part. An entry then waits
/// for about as many runs as there are parts, and is removed after kLedgerKeptMs in any case.
absl::Status ForgetValuesOfGone(const SqliteFile& file, const ExchangeRules& rules);

inline constexpr std::int64_t kEntriesLookedAt = 1'000;
/// Number of entries, in the order of their numbers, that this run skips before those that it checks.
std::int64_t EntriesPassedOver(std::int64_t entries, std::int64_t now_ms);

/// An entry of the ledger that says what was written into a row.
struct WrittenRow {
  std::string delivery_id, key;
};
/// Key: the name under which the table is sent.
using WrittenRows = std::map<std::string, std::vector<WrittenRow>>;

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_LEDGER_ROWS_H_
