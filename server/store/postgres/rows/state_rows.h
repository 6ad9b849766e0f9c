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

// Rows of `_mirror_state`, which holds what the mirror remembers beside its tables' rows: by kind, table and
// number. What reads a database does not see what
// waits in an OwnWrites.

namespace mirror {

/// The numbers stand in databases.
enum class StateKind : std::uint8_t {
  kAnswer = 1,     ///< `number`: its place. A table that is refused may have a name that is no key.
  kCycleNote = 2,  ///< `number`: CycleNoteKind.
  kNonce = 3,      ///< `table_key`: the nonce; `number`: when it expires.
  kShadow = 4,
  kDropped = 5,  ///< `table_key`: the name it has now; `number`: since when.
  kLostColumns = 6,
  kCheck = 7,
  kHold = 8,     ///< `number`: its id.
  kLoss = 9,     ///< `number`: its cycle.
  kTime = 10,    ///< `payload`: int8, or NULL: not known.
  kTarget = 11,  ///< `payload`: int8.
  kObjects = 12,
  // 13 was of a version before the first release, and is given to nothing else.
  kGarbage = 14,  ///< `table_key`: a relation that is to be dropped.
  kEmptied = 15,  ///< Columns that are to be emptied.
  kTooLong = 16,  ///< An index of the mirror's own that a value of the table is too long for.
  /// Where the journal stands. `table_key` empty: that is there, and `payload` is int8, its last number; else
  /// `number`: the table's moment that no commit has ended.
  kJournal = 17,
};
inline constexpr int kStateKindMax = 17;

struct StateRow {
  std::string table_key;  ///< FoldName() of a table, where it is one.
  std::int64_t number = 0;
  std::optional<std::string> payload;

  /// Of no payload: none. They live as long as this.
  std::string_view bytes() const { return payload ? std::string_view(*payload) : std::string_view(); }
  friend bool operator==(const StateRow&, const StateRow&) = default;
};

/// Where rows are read: in a database, or by a transaction that remembers what it has read and written.
class StateSource {
 public:
  StateSource(postgres::Connection& connection)
      : connection_(&connection) {}                       // NOLINT: one that is used as it is.
  StateSource(StateMemory& memory) : memory_(&memory) {}  // NOLINT

 private:
  friend absl::StatusOr<std::vector<StateRow>> ReadState(const StateSource&, const PostgresOwnTables&,
                                                         StateKind, const std::optional<std::string>&);
  postgres::Connection* connection_ = nullptr;
  StateMemory* memory_ = nullptr;
};

/// Whether the row is read as one of `table`, which its payload names. One whose key somebody changed counts
/// as removed: what is written of the table stands beside it, and not in its place.
bool IsUnderKeyOf(const StateRow& row, const std::string& table);
/// By key and number. With `table_key`, those alone.
absl::StatusOr<std::vector<StateRow>> ReadState(const StateSource& from, const PostgresOwnTables& names,
                                                StateKind kind,
                                                const std::optional<std::string>& table_key = std::nullopt);
/// All of a kind, for a pipeline, and what that gives. Of kJournal: as the journal itself says it, where
/// somebody removed such a row or changed its key.
std::string StateOfKindSql(const PostgresOwnTables& names, StateKind kind);
std::vector<StateRow> StateOfKind(const postgres::Rows& rows);
/// In place of the one that has its kind, key and number.
void PutState(OwnWrites& writes, const PostgresOwnTables& names, StateKind kind, StateRow row);
void RemoveState(OwnWrites& writes, const PostgresOwnTables& names, StateKind kind,
                 const std::optional<std::string>& table_key = std::nullopt);
/// Rows of a kind were written by other statements than these.
void WroteState(OwnWrites& writes, StateKind kind);
/// Of a payload that nobody of us wrote. Errors: kDataLoss.
absl::Status DamagedState(const PostgresOwnTables& names, StateKind kind);

absl::StatusOr<std::vector<SchemaAnswer>> SelectAnswers(const StateSource& from,
                                                        const PostgresOwnTables& names);
/// In place of all that are there.
void WriteAnswers(OwnWrites& writes, const PostgresOwnTables& names,
                  const std::vector<SchemaAnswer>& answers);

/// Those of `cycle`.
absl::StatusOr<std::vector<CycleNote>> SelectCycleNotes(const StateSource& from,
                                                        const PostgresOwnTables& names, std::int64_t cycle);
void WriteCycleNotes(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t cycle,
                     const CycleNoteChanges& changes);
/// Of other cycles than `cycle`.
void ForgetCycleNotes(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t cycle);

absl::StatusOr<TenantVerbs::NonceCount> CountNonces(postgres::Connection& connection,
                                                    const PostgresOwnTables& names, const std::string& value);
/// By value.
absl::StatusOr<std::vector<Nonce>> SelectNonces(const StateSource& from, const PostgresOwnTables& names);
void InsertNonce(OwnWrites& writes, const PostgresOwnTables& names, const Nonce& nonce);
/// Those that expire before.
void ForgetNonces(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t before_ms);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_STATE_ROWS_H_
