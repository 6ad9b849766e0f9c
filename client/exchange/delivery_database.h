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

/// A table of a database at a server, as deliveries call it.
struct ServerMember {
  MemberTable table;     ///< Of `plan` its schema alone is filled in; `log` tells the tables of a look apart.
  bool is_sent = false;  ///< It is mirrored.
  std::string obstacle;  ///< Why no delivery can change its rows, for people; empty: one can.
};

/// More of them than this are not changed by a delivery.
inline constexpr std::size_t kReachedRowsMax = 10'000;

/// A row that foreign keys with an action lead to from another.
struct ReachedRow {
  const ServerMember* member = nullptr;
  RowOf key;
  RowOf values;  ///< Of PlainColumns().
};

/// Splits `row`, whose values are those of MemberTable::KeyAnd(PlainColumns()).
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
  std::optional<RowOf> before, now;  ///< Of PlainColumns(); absent: there was none, or is none.
};

class SwapDatabase;

/// Inbox and ledger of a database at a server: see inbox.h and ledger_rows.h. Errors: those of
/// DeliveryDatabase. Threads: one.
class DeliveryInbox {
 public:
  virtual ~DeliveryInbox() = default;

  // Each a transaction of its own.
  virtual absl::Status Empty() = 0;
  virtual absl::Status Fill(const FetchedDeliveries& fetched, std::int64_t now_ms) = 0;
  virtual absl::StatusOr<std::vector<v1::Delivery>> Read() = 0;
  /// See ForgetValuesOfGone() of ledger_rows.h: those that this run looks at.
  virtual absl::StatusOr<WrittenRows> ReadWrittenRows(std::int64_t now_ms) = 0;
  /// Forgets rows of a table, after DeliveryDatabase::Look(); null: the table is not there. A key that can be
  /// none of its rows is one that is gone. kAborted: it is not as it was looked at.
  virtual absl::Status ForgetValuesOfGone(const ServerMember* member,
                                          const std::vector<WrittenRow>& rows) = 0;

  // In a transaction.
  virtual absl::Status Remove(const std::string& delivery_id) = 0;
  /// Absent: it is not there any more.
  virtual absl::StatusOr<std::optional<v1::Delivery>> Find(const std::string& delivery_id) = 0;
  /// Absent: nothing.
  virtual absl::StatusOr<std::optional<LedgerState>> FindInLedger(const std::string& delivery_id) = 0;
  virtual absl::Status WriteLedger(const LedgerRow& row) = 0;
};

/// What ServerDeliveries asks of a database at a server, whatever its kind. A table is looked for by the
/// names of the last Look(), and what Find() gave is gone with the next. Errors: those of the kind's
/// connection, which FateOf() and Refusal() understand. Threads: one.
class DeliveryDatabase {
 public:
  virtual ~DeliveryDatabase() = default;

  /// Opens a session where there is none.
  virtual absl::Status Connect() = 0;
  /// Ends it, and gives back what is kept in memory for imports.
  virtual void Disconnect() = 0;

  /// Of the session.
  virtual DeliveryInbox& inbox() = 0;

  virtual absl::Status Look() = 0;
  /// By the name under which it is sent; null: there is none that is sent.
  virtual const ServerMember* Find(const std::string& sent_name) const = 0;
  /// Before the transaction of an insert, so that this is short: what FindMatch() needs that lasts.
  virtual absl::Status PrepareMatch(const ServerMember& /*member*/, const MatchRule& /*rule*/) {
    return absl::OkStatus();
  }

  /// With a savepoint, to which TakeBack() leads.
  virtual absl::Status Begin(bool inserts) = 0;
  virtual absl::Status TakeBack() = 0;
  virtual absl::Status Commit() = 0;
  /// Whatever there is of a transaction that was not committed.
  virtual void RollBack() = 0;

  // In the transaction.

  /// Holds its definition, before any row is read. kAborted: it is not as it was looked at.
  virtual absl::Status LockTable(const ServerMember& member, bool writes) = 0;
  /// The row with this key, byte for byte, whatever the source's collations take for equal; absent: there is
  /// none. `locks`: until the transaction ends.
  virtual absl::StatusOr<std::optional<RowOf>> ReadRow(const ServerMember& member, const RowOf& key,
                                                       const std::vector<std::uint32_t>& columns,
                                                       bool locks) = 0;
  /// The key of a row that has these normalised values; absent: there is none.
  virtual absl::StatusOr<std::optional<RowOf>> FindMatch(const ServerMember& member, const MatchRule& rule,
                                                         const std::vector<std::string>& values) = 0;
  /// Rows of tables with a key that foreign keys with an action lead to from this row when it is deleted, or
  /// else updated: at most kReachedRowsMax and one of each foreign key. `deletes`: the row goes with this.
  virtual absl::Status ReadReferring(
      const ServerMember& member, const RowOf& key, bool deletes,
      const std::function<absl::Status(ReachedRow row, bool deletes)>& take) = 0;
  /// Before Write(): FindTriggered() looks for what changes behind this.
  virtual absl::Status BeginTriggered() { return absl::OkStatus(); }
  /// Rows of tables that are sent that triggers changed, without those that are `known`, each of which was
  /// changed once. None: also where the kind cannot tell. kOutOfRange: more than kReachedRowsMax.
  virtual absl::StatusOr<std::vector<TriggeredRow>> FindTriggered(const RowNames& /*known*/) {
    return std::vector<TriggeredRow>();
  }
  /// Does the statement of a task; of an insert `key` is what the row has then. False: a trigger kept it from
  /// being done.
  virtual absl::StatusOr<bool> Write(const DeliveryTask& task, const ServerMember& member, RowOf* key) = 0;
  /// The next push sends the row with this key as it stands then, or that it is gone.
  virtual absl::Status NoteConflict(const ServerMember& member, const RowOf& key) = 0;

  /// What else the source shows of an import, at the end of its transaction.
  virtual absl::Status ShowImported(const v1::Delivery& /*delivery*/, const ImportResult& /*result*/,
                                    std::int64_t /*now_ms*/) {
    return absl::OkStatus();
  }

  /// Of the session; null: sources of this kind have none.
  virtual BoxSource* boxes() { return nullptr; }
  /// Of the session.
  virtual SwapDatabase* swaps() = 0;

  /// What an error means for the transaction.
  enum class Fate {
    kEnds,     ///< Nothing is done, and the run ends.
    kAgain,    ///< Nothing is done; another transaction was in the way, or a table is not what it was.
    kUnknown,  ///< Of a commit: whether it was done, the ledger says.
    kUnsafe,   ///< Of a commit: the same, and the run ends.
  };
  virtual Fate FateOf(const absl::Status& status) const = 0;
  /// Why the database did not do what it was told, for people, without values; empty: it is the source that
  /// fails, the connection, or another transaction that was in the way.
  virtual std::string Refusal(const absl::Status& status) const = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DELIVERY_DATABASE_H_
