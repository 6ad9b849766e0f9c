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

/// The key of a row of this table, of a text as the ledger has it; absent: it is of another key than the
/// table has by now.
std::optional<RowOf> KeyOfText(const std::string& text, const MemberTable& table);

/// The ledger forgets which values were written into rows that are not there any more, whoever removed them.
/// That they were there stays told. Behind a fetch: the hub has read the ledger by then. Looks at each entry
/// that has values; a source where all of these are there is not written to. `file`: opened with
/// Use::kChange. Memory: ids of what goes. Errors: those of SqliteFile.
///
/// At a server one run looks at kEntriesLookedAt of them, since each is a search there; a ledger that has
/// more is looked at in parts, and the clock says in which. An entry of it then waits for about as many runs
/// as there are parts, and goes after kLedgerKeptMs in any case.
absl::Status ForgetValuesOfGone(const SqliteFile& file, const ExchangeRules& rules);

inline constexpr std::int64_t kEntriesLookedAt = 1'000;
/// How many of so many entries, in the order of their numbers, stand before those that a run looks at.
std::int64_t EntriesPassedOver(std::int64_t entries, std::int64_t now_ms);

/// An entry of the ledger that tells what was written into a row.
struct WrittenRow {
  std::string delivery_id, key;
};
/// By the name of their table, as it is sent.
using WrittenRows = std::map<std::string, std::vector<WrittenRow>>;

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_LEDGER_ROWS_H_
