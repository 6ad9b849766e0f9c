#ifndef MIRROR_CLIENT_EXCHANGE_IMPORT_DELIVERY_H_
#define MIRROR_CLIENT_EXCHANGE_IMPORT_DELIVERY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/box_source.h"
#include "client/exchange/delivery_task.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/inbox.h"
#include "client/exchange/log_entries.h"
#include "client/exchange/match_set.h"
#include "client/exchange/member_table.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

/// Result of a delivery.
struct ImportResult {
  v1::DeliveryOutcome outcome = v1::DELIVERY_OUTCOME_UNSPECIFIED;
  std::string reason = {};  ///< For people, without values; empty if there is nothing to say.
};

/// Result if the ledger says not to try the delivery now: ALREADY or LATER; absent: it may be tried.
std::optional<ImportResult> FindTried(const std::optional<LedgerState>& known, std::int64_t now_ms);

/// Applies deliveries to a source: each in one transaction of its
/// database, together with its row of `_mirror_ledger`, or not at all.
///
/// Updates a row only if it is as the hub knew it, and inserts only if no row matches. Otherwise the
/// result is CONFLICT, and the change log notes the conflicting row, so that the next push sends it. A
/// delivery that the owner does not accept or the database rejects is REFUSED; each retry waits longer.
/// Updates that block each other, as when two rows swap a UNIQUE value, are applied in one transaction.
///
/// Memory: one row, 16 bytes for each row of a table that is searched for matches, and InboxRows if a
/// UNIQUE value is taken. Locks: the source's write lock, for one delivery at a time. Threads: one.
class Importer {
 public:
  using Clock = std::function<std::int64_t()>;  ///< Unix milliseconds.

  /// Errors: those of SqliteFile and of CheckExchangeTables().
  static absl::StatusOr<std::unique_ptr<Importer>> Open(const std::string& path, ExchangeRules rules,
                                                        Clock clock);

  /// Errors: the source cannot be read or written. Nothing of this delivery was applied; the run ends.
  absl::StatusOr<ImportResult> Import(const v1::Delivery& delivery);

  /// `layout` is notified of each delivery, and outlives this object.
  void set_layout(InboxLayout* layout) { layout_ = layout; }

  const SqliteFile& file() const { return *file_; }

 private:
  Importer(std::unique_ptr<SqliteFile> file, ExchangeRules rules, Clock clock)
      : file_(std::move(file)), rules_(std::move(rules)), clock_(std::move(clock)), tables_(*file_, rules_) {}

  absl::Status Refresh();
  absl::Status MakeSets(const v1::Delivery& delivery);
  absl::StatusOr<MatchSet*> SetOf(const MemberTable& table, const MatchRule& rule);

  // Called in the transaction.
  absl::StatusOr<ImportResult> DoAndTell(const v1::Delivery& delivery);
  absl::Status Begin();
  absl::Status Tell(const v1::Delivery& delivery, const ImportResult& result);
  absl::StatusOr<ImportResult> Do(const v1::Delivery& delivery);
  absl::StatusOr<ImportResult> DoTask(const DeliveryTask& task);
  /// Absent: no row conflicts with the insert.
  absl::StatusOr<std::optional<ImportResult>> FindInTheWay(const DeliveryTask& task);
  absl::StatusOr<ImportResult> Write(const DeliveryTask& task, const RowOf& before);
  /// `swapped`: rows that changed while this one gave up its values; null: it did not.
  absl::StatusOr<ImportResult> WriteRow(const DeliveryTask& task, const RowOf& before,
                                        const std::vector<ChangedRow>* swapped);
  absl::StatusOr<ImportResult> Swap(const DeliveryTask& task, const RowOf& before, const std::string& why);
  absl::StatusOr<ImportResult> NoteApplied(const DeliveryTask& task, const RowOf& key, const RowOf& before,
                                           const std::vector<ChangedRow>& others);
  absl::Status NoteOthers(const DeliveryTask& task, const RowOf& own, const std::vector<ChangedRow>& rows);
  /// Why the row that the statement wrote, or others, cannot be mirrored, without values; empty: they can.
  absl::StatusOr<std::string> FindUnmirrored(const DeliveryTask& task, const RowOf& own,
                                             const std::vector<ChangedRow>& others) const;
  absl::StatusOr<ImportResult> TakeBack(const v1::Delivery& delivery, const std::string& reason);
  absl::StatusOr<ImportResult> Refuse(const v1::Delivery& delivery, std::string reason);
  absl::StatusOr<ImportResult> Conflict(const MemberTable& table, const RowOf& key, NotedRow row,
                                        std::string reason);
  /// Reason, without values, why the database rejected the last statement. Errors: the source fails.
  absl::StatusOr<std::string> LastReason() const;
  absl::StatusOr<bool> IsTextOfTrigger(const std::string& words) const;

  const std::unique_ptr<SqliteFile> file_;
  const ExchangeRules rules_;
  const Clock clock_;
  InboxLayout* layout_ = nullptr;
  MemberTables tables_;
  std::map<std::pair<std::int64_t, MatchRule>, MatchSet> sets_;  ///< By log.
  int swaps_ = 0;                   ///< Deliveries that wait for the present one, within the transaction.
  int swap_looks_ = 0;              ///< Number of searches of the inbox for them.
  std::optional<InboxRows> inbox_;  ///< Absent: it was not searched yet.
  std::string ended_by_;            ///< Message of the application's trigger that rolled everything back.
};

/// A source that takes deliveries, whatever its kind. See inbox.h for the first three methods, Importer
/// for the last. Errors: those of the source; a call that fails changes nothing. Threads: one.
class DeliveryTarget {
 public:
  virtual ~DeliveryTarget() = default;

  virtual absl::Status EmptyInbox() = 0;
  virtual absl::Status FillInbox(const FetchedDeliveries& fetched, std::int64_t now_ms) = 0;
  virtual absl::StatusOr<std::vector<v1::Delivery>> ReadInbox() = 0;
  virtual absl::StatusOr<ImportResult> Import(const v1::Delivery& delivery) = 0;

  /// Runs `work` in a session of its own, for a layout that shows more tables. Errors:
  /// also those of `work`; kUnimplemented: sources of this kind have no boxes.
  virtual absl::Status WithBoxes(const std::function<absl::Status(BoxSource&)>& /*work*/) {
    return absl::UnimplementedError("sources of this kind have no boxes");
  }
  /// Ends the import: frees the memory that it kept.
  /// A later Import() prepares it again.
  virtual void EndImport() = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_IMPORT_DELIVERY_H_
