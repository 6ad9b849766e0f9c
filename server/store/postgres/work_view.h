#ifndef MIRROR_SERVER_STORE_POSTGRES_WORK_VIEW_H_
#define MIRROR_SERVER_STORE_POSTGRES_WORK_VIEW_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "proto/wire/receipt.h"
#include "server/plan/receipt_plan.h"
#include "server/store/postgres/began.h"
#include "server/store/postgres/history/history_rows.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/records/metadata_rows.h"
#include "server/store/postgres/records/own_writes.h"
#include "server/store/postgres/records/state_memory.h"
#include "server/store/postgres/records/tenant_row.h"
#include "server/store/postgres/tables/table_work.h"

namespace mirror {

/// What is agreed of a mirror's tables, from one transaction to the next. Whoever commits a change of it,
/// here or at another server, gives the tenant's row another `state_rev`.
struct DefinitionCache {
  std::optional<std::int64_t> state_rev;  ///< Of the tenant's row when it was so; absent: nothing is known.
  std::map<std::string, PostgresAgreed> tables;  ///< By folded name.
  /// The same of versions of rows that are kept; absent: not known.
  std::optional<std::map<std::string, PostgresHistory>> histories;
};

/// The mirror's own rows under the tenant's lock: each is read once, and what is written is what is read from
/// then on. All that it is given outlives it. Threads: one at a time.
class WorkView {
 public:
  WorkView(postgres::Connection& connection, const PostgresOwnTables& names, DefinitionCache& definitions,
           Began began);
  WorkView(const WorkView&) = delete;
  WorkView& operator=(const WorkView&) = delete;

  postgres::Connection& connection() { return connection_; }
  const PostgresOwnTables& names() const { return names_; }
  OwnWrites& writes() { return writes_; }
  StateMemory& state() { return state_; }
  const TenantRow& row() const { return began_.row; }
  void PutTenant(const TenantRecord& tenant);
  bool ends_cycle() const { return ends_cycle_; }

  /// What is queued is sent before, so that statements see it.
  absl::StatusOr<TableWork> Work();

  absl::StatusOr<std::optional<TableRecord>> FindRecord(const std::string& table);
  absl::StatusOr<std::vector<TableRecord>> Records();
  void PutRecord(const TableRecord& record);
  void RemoveRecord(const std::string& table);

  /// Null: nothing is agreed of it. Whether it `is_there` is not looked at.
  absl::StatusOr<PostgresAgreed*> FindAgreed(const std::string& table);
  /// With `is_there`, by folded name.
  absl::StatusOr<std::map<std::string, PostgresAgreed>*> Agreed();

  /// Checks that what has this name, as the database spells it, is a table of ours, if it is there. Errors:
  /// IsForeign(): nothing of it is to be read or written.
  absl::Status CheckOurs(const std::string& table);

  /// Of which tables versions of rows are kept, by folded name. Who changes one queues it, too.
  absl::StatusOr<std::map<std::string, PostgresHistory>*> Histories();

  const ReceiptHead& receipt_head() const { return began_.head; }
  void AddReceipt(std::uint64_t number, const std::string& text);
  absl::StatusOr<std::optional<OpenReceipt>> FindOpenReceipt(const std::string& table);
  void PutOpenReceipt(const std::string& table, const OpenReceipt& open);

  /// Columns of the table whose values a rule keeps out, though its agreement failed: that stays known when
  /// a savepoint is taken back.
  void EmptyAnyway(const std::string& table, std::vector<std::string> columns);
  /// In the end: they are noted, and the table's rows are at no position any more.
  absl::Status NoteEmptiedAnyway();

  void SetSavepoint();
  void ReleaseSavepoint();
  void RollBackToSavepoint();

  /// The revisions that the transaction leaves are queued, where they move. Errors: kAborted: a record was
  /// written that a DBA may have changed since it was read, since the intent said that none would be.
  absl::Status MoveRevisions();
  /// Definitions that were changed and not committed are not known any more.
  void ForgetDefinitions();

 private:
  absl::Status ReadRecords(const std::vector<std::string>& tables);
  absl::Status ReadDefinitions();
  void KeepForUndo(const std::string& key);

  postgres::Connection& connection_;
  const PostgresOwnTables& names_;
  DefinitionCache& definitions_;
  Began began_;
  OwnWrites writes_;
  StateMemory state_;
  bool tenant_moved_ = false, ends_cycle_ = false, wrote_record_ = false;
  std::map<std::string, std::optional<TableRecord>> records_;  ///< That are known, or known not to be there.
  bool has_all_records_;
  bool knows_presence_ = false;    ///< PostgresAgreed::is_there is as the transaction found it.
  bool lent_definitions_ = false;  ///< Somebody may have changed one.
  std::map<std::string, std::optional<TableRecord>> undo_;    ///< Of records_, since the savepoint.
  std::chrono::steady_clock::duration may_wait_ = kWaitsMax;  ///< See TableWork.
  std::size_t savepoint_at_ = 0;                              ///< Among what was queued when it had been
  std::size_t savepoint_sent_ = 0;                            ///< sent so often.
  ReceiptHead head_at_savepoint_;
  std::map<std::string, std::vector<std::string>> emptied_anyway_;  ///< By table.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_WORK_VIEW_H_
