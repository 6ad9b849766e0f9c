#ifndef MIRROR_CLIENT_EXCHANGE_DELIVERY_DATABASE_H_
#define MIRROR_CLIENT_EXCHANGE_DELIVERY_DATABASE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/box_source.h"
#include "client/exchange/delivery_task.h"
#include "client/exchange/import_delivery.h"
#include "client/exchange/inbox.h"
#include "client/exchange/ledger_rows.h"
#include "client/exchange/match_set.h"
#include "client/exchange/member_table.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

/// A table of a database at a server, under the name that deliveries use.
struct ServerMember {
  MemberTable table;     ///< Only the schema of `plan` is set; `log` is the table's id within one reading.
  bool is_sent = false;  ///< It is mirrored.
  std::string obstacle;  ///< Why no delivery can change its rows, for people; empty: one can.
};

/// Maximum of rows that one delivery may change through foreign keys, or through triggers.
inline constexpr std::size_t kReachedRowsMax = 10'000;

/// A row that foreign keys with an action reach from another row.
struct ReachedRow {
  const ServerMember* member = nullptr;
  RowOf key;
  RowOf values;  ///< Values of PlainColumns().
};

/// Splits `row`, which has the values of MemberTable::KeyAnd(PlainColumns()).
inline ReachedRow ToReachedRow(const ServerMember& member, const RowOf& row) {
  const auto key_end = row.begin() + static_cast<std::ptrdiff_t>(member.table.key.size());
  return {&member, RowOf(row.begin(), key_end), RowOf(key_end, row.end())};
}

/// Rows by MemberTable::log and key.
using RowNames = std::set<std::pair<std::int64_t, std::string>>;

/// A row that a transaction changed.
struct TriggeredRow {
  const ServerMember* member = nullptr;
  RowOf key;
  std::optional<RowOf> before, now;  ///< Values of PlainColumns(); absent: no row.
};

class SwapDatabase;

/// Inbox and ledger of a database at a server: see inbox.h and
/// ledger_rows.h. Errors: those of DeliveryDatabase. Threads: one.
class DeliveryInbox {
 public:
  virtual ~DeliveryInbox() = default;

  // Each of these is a transaction of its own.
  virtual absl::Status Empty() = 0;
  virtual absl::Status Fill(const FetchedDeliveries& fetched, std::int64_t now_ms) = 0;
  virtual absl::StatusOr<std::vector<v1::Delivery>> Read() = 0;
  /// The entries that this run checks: see ForgetValuesOfGone() of ledger_rows.h.
  virtual absl::StatusOr<WrittenRows> ReadWrittenRows(std::int64_t now_ms) = 0;
  /// Removes values of deleted rows of a table, after DeliveryDatabase::Look(); null: the table was dropped.
  /// A key that no row of the table can have counts as deleted. kAborted: the table changed since Look().
  virtual absl::Status ForgetValuesOfGone(const ServerMember* member,
                                          const std::vector<WrittenRow>& rows) = 0;

  // Called in a transaction.
  virtual absl::Status Remove(const std::string& delivery_id) = 0;
  /// Absent: the inbox no longer has it.
  virtual absl::StatusOr<std::optional<v1::Delivery>> Find(const std::string& delivery_id) = 0;
  /// Absent: the ledger has no row of it.
  virtual absl::StatusOr<std::optional<LedgerState>> FindInLedger(const std::string& delivery_id) = 0;
  virtual absl::Status WriteLedger(const LedgerRow& row) = 0;
};

/// Operations that ServerDeliveries needs of a database at a server, whatever its kind. Tables
/// have the names of the last Look(); the next Look() invalidates results of Find(). Errors:
/// those of the kind's connection, which FateOf() and Refusal() understand. Threads: one.
class DeliveryDatabase {
 public:
  virtual ~DeliveryDatabase() = default;

  /// Opens a session if none is open.
  virtual absl::Status Connect() = 0;
  /// Closes the session, and frees the memory that imports used.
  virtual void Disconnect() = 0;

  /// The inbox of the session.
  virtual DeliveryInbox& inbox() = 0;

  virtual absl::Status Look() = 0;
  /// Finds a table by the name under which it is sent; null: no sent table has it.
  virtual const ServerMember* Find(const std::string& sent_name) const = 0;
  /// Prepares data that FindMatch() keeps. Called before the transaction of an insert, to keep that short.
  virtual absl::Status PrepareMatch(const ServerMember& /*member*/, const MatchRule& /*rule*/) {
    return absl::OkStatus();
  }

  /// Begins a transaction, with a savepoint to which TakeBack() rolls back.
  virtual absl::Status Begin(bool inserts) = 0;
  virtual absl::Status TakeBack() = 0;
  virtual absl::Status Commit() = 0;
  /// Rolls back whatever was not committed.
  virtual void RollBack() = 0;

  // Called in the transaction.

  /// Locks the table's definition before any row is read. kAborted: it changed since Look().
  virtual absl::Status LockTable(const ServerMember& member, bool writes) = 0;
  /// Reads the row with this key, byte for byte, even if the source's collation finds
  /// other keys equal. Absent: there is none. `locks`: until the transaction ends.
  virtual absl::StatusOr<std::optional<RowOf>> ReadRow(const ServerMember& member, const RowOf& key,
                                                       const std::vector<std::uint32_t>& columns,
                                                       bool locks) = 0;
  /// Returns the key of a row that has these normalised values; absent: there is none.
  virtual absl::StatusOr<std::optional<RowOf>> FindMatch(const ServerMember& member, const MatchRule& rule,
                                                         const std::vector<std::string>& values) = 0;
  /// Reads rows, of tables with a key, that foreign keys with an action reach from this row on its delete,
  /// or else update: at most kReachedRowsMax and one of each foreign key. `take` gets each row, and whether
  /// it is deleted, too.
  virtual absl::Status ReadReferring(
      const ServerMember& member, const RowOf& key, bool deletes,
      const std::function<absl::Status(ReachedRow row, bool deletes)>& take) = 0;
  /// Called before Write(): FindTriggered() finds changes made after this call.
  virtual absl::Status BeginTriggered() { return absl::OkStatus(); }
  /// Finds rows of sent tables that triggers changed, without those of `known`, each of which was
  /// changed once. Returns none if the kind cannot find such rows. kOutOfRange: more than kReachedRowsMax.
  virtual absl::StatusOr<std::vector<TriggeredRow>> FindTriggered(const RowNames& /*known*/) {
    return std::vector<TriggeredRow>();
  }
  /// Executes the statement of a task; after an insert `key` is
  /// the row's new key. False: a trigger suppressed the statement.
  virtual absl::StatusOr<bool> Write(const DeliveryTask& task, const ServerMember& member, RowOf* key) = 0;
  /// Makes the next push send the current state of the row with this key, or its deletion.
  virtual absl::Status NoteConflict(const ServerMember& member, const RowOf& key) = 0;

  /// Shows the import in the source's other tables, at the end of its transaction.
  virtual absl::Status ShowImported(const v1::Delivery& /*delivery*/, const ImportResult& /*result*/,
                                    std::int64_t /*now_ms*/) {
    return absl::OkStatus();
  }

  /// The boxes of the session; null: sources of this kind have none.
  virtual BoxSource* boxes() { return nullptr; }
  /// The swap database of the session.
  virtual SwapDatabase* swaps() = 0;

  /// The effect of an error on the transaction.
  enum class Fate {
    kEnds,     ///< Nothing is done, and the run ends.
    kAgain,    ///< Nothing is done; another transaction blocked it, or the table changed.
    kUnknown,  ///< A commit failed: the ledger says whether it was done.
    kUnsafe,   ///< The same, and the run ends.
  };
  virtual Fate FateOf(const absl::Status& status) const = 0;
  /// Why the database rejected a statement, for people, without values. Empty: it did
  /// not; the source or the connection failed, or another transaction blocked it.
  virtual std::string Refusal(const absl::Status& status) const = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DELIVERY_DATABASE_H_
