#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_STATE_ROWS_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_STATE_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/plan/plan.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/rows/own_writes.h"
#include "server/store/store_transaction.h"

// Rows of `_mirror_state`, which holds what the mirror keeps beside its tables' rows, by kind, table and
// number. A read from the database does not see rows that are still queued in an OwnWrites.

namespace mirror {

/// Databases contain these numbers.
enum class StateKind : std::uint8_t {
  kAnswer = 1,     ///< `number`: its index. A refused table may have a name that is no valid key.
  kCycleNote = 2,  ///< `number`: CycleNoteKind.
  kNonce = 3,      ///< `table_key`: the nonce; `number`: its expiry time.
  kShadow = 4,
  kDropped = 5,  ///< `table_key`: its present name; `number`: the time when it was set aside.
  kLostColumns = 6,
  kCheck = 7,
  kHold = 8,     ///< `number`: its id.
  kLoss = 9,     ///< `number`: its cycle.
  kTime = 10,    ///< `payload`: int8, or NULL: unknown.
  kTarget = 11,  ///< `payload`: int8.
  kObjects = 12,
  // 13 was used before the first release; it is never assigned again.
  kGarbage = 14,  ///< `table_key`: a relation to drop.
  kEmptied = 15,  ///< Columns that have to be emptied.
  kTooLong = 16,  ///< One of the mirror's own indexes for which a value of the table is too long.
  /// The state of the journal. Empty `table_key`: the journal exists, and `payload` is its last number, as
  /// int8. Otherwise `number` is the moment of the table that no commit has ended yet.
  kJournal = 17,
};
inline constexpr int kStateKindMax = 17;

struct StateRow {
  std::string table_key;  ///< FoldName() of a table, if the row belongs to one.
  std::int64_t number = 0;
  std::optional<std::string> payload;

  /// Returns the payload; empty: there is none. Valid as long as this row.
  std::string_view bytes() const { return payload ? std::string_view(*payload) : std::string_view(); }
  friend bool operator==(const StateRow&, const StateRow&) = default;
};

/// The source of rows: a database, or the cache of a transaction for what it has read and written.
class StateSource {
 public:
  StateSource(postgres::Connection& connection) : connection_(&connection) {}  // NOLINT: implicit on purpose.
  StateSource(StateMemory& memory) : memory_(&memory) {}                       // NOLINT

 private:
  friend absl::StatusOr<std::vector<StateRow>> ReadState(const StateSource&, const PostgresOwnTables&,
                                                         StateKind, const std::optional<std::string>&);
  postgres::Connection* connection_ = nullptr;
  StateMemory* memory_ = nullptr;
};

/// Returns whether the row has the key of `table`, which its payload names. A row whose key somebody changed
/// counts as removed: a new row of the table is added beside it and does not replace it.
bool IsUnderKeyOf(const StateRow& row, const std::string& table);
/// Returns the rows by key and number. With `table_key`: only the rows of this key.
absl::StatusOr<std::vector<StateRow>> ReadState(const StateSource& from, const PostgresOwnTables& names,
                                                StateKind kind,
                                                const std::optional<std::string>& table_key = std::nullopt);
/// The query for all rows of a kind, for a pipeline, and a function that reads its result. For kJournal it
/// computes rows from the journal itself if somebody removed a row or changed its key.
std::string StateOfKindSql(const PostgresOwnTables& names, StateKind kind);
std::vector<StateRow> StateOfKind(const postgres::Rows& rows);
/// Replaces the row with the same kind, key and number.
void PutState(OwnWrites& writes, const PostgresOwnTables& names, StateKind kind, StateRow row);
void RemoveState(OwnWrites& writes, const PostgresOwnTables& names, StateKind kind,
                 const std::optional<std::string>& table_key = std::nullopt);
/// Notes that other statements wrote rows of this kind.
void WroteState(OwnWrites& writes, StateKind kind);
/// Returns kDataLoss for a payload that no server wrote.
absl::Status DamagedState(const PostgresOwnTables& names, StateKind kind);

absl::StatusOr<std::vector<SchemaAnswer>> SelectAnswers(const StateSource& from,
                                                        const PostgresOwnTables& names);
/// Replaces all stored rows.
void WriteAnswers(OwnWrites& writes, const PostgresOwnTables& names,
                  const std::vector<SchemaAnswer>& answers);

/// Returns the notes of `cycle`.
absl::StatusOr<std::vector<CycleNote>> SelectCycleNotes(const StateSource& from,
                                                        const PostgresOwnTables& names, std::int64_t cycle);
void WriteCycleNotes(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t cycle,
                     const CycleNoteChanges& changes);
/// Deletes the notes of cycles other than `cycle`.
void ForgetCycleNotes(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t cycle);

absl::StatusOr<TenantVerbs::NonceCount> CountNonces(postgres::Connection& connection,
                                                    const PostgresOwnTables& names, const std::string& value);
/// Returns the nonces, ordered by value.
absl::StatusOr<std::vector<Nonce>> SelectNonces(const StateSource& from, const PostgresOwnTables& names);
void InsertNonce(OwnWrites& writes, const PostgresOwnTables& names, const Nonce& nonce);
/// Deletes nonces that expire before `before_ms`.
void ForgetNonces(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t before_ms);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_STATE_ROWS_H_
