#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_TABLES_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_TABLES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/log/log_sql.h"

namespace mirror {

/// The first entry of each log; it is not a change.
inline constexpr std::int64_t kAnchorSeq = 1;

/// Entries deleted in one transaction, transactions of one trim, and the pause between them in a source with
/// a rollback journal.
inline constexpr std::int64_t kTrimRows = 1'000;
inline constexpr int kTrimsMax = 200;
inline constexpr int kTrimPauseMs = 20;

/// Tables whose logs one transaction creates or renews, and the pause between two of these.
inline constexpr std::size_t kRenewTables = 16;
inline constexpr int kRenewPauseMs = 20;

/// The log of one table.
struct TableLog {
  std::int64_t id = 0;
  std::int64_t floor = kAnchorSeq;   ///< All changes after this LSN are in the log.
  std::int64_t masks_after = 0;      ///< Entries up to this one have no bits for columns added since.
  std::int64_t anchor = 0;           ///< The random number in the first entry.
  std::vector<std::string> columns;  ///< Columns that the triggers know.
  std::vector<std::string> added;    ///< Part of `columns`: added while the log was active.
  bool marks_ends = false;           ///< See LogTriggers(); older entries may lack it.
  LoggedTable table;

  /// Whether old rows may hold a value other than NULL in the column: it is generated, or has a default
  /// value.
  bool IsComputed(const std::string& column) const;
};

/// The logs of a source: creates them, checks whether they are unchanged, and restarts them. Errors: those of
/// SqliteFile. Threads: one.
class LogTables {
 public:
  explicit LogTables(const SqliteFile& file) : file_(file) {}

  absl::Status Load();
  /// See ChangeLog::Renew().
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& tables);

  /// Restarts the log of this table, which has one, as a new log.
  absl::Status BeginAnew(const std::string& table);

  /// Returns tables whose triggers write into a missing log. Only reads; needs no Load().
  absl::StatusOr<std::vector<std::string>> Blocked();
  /// Returns why Renew() would restart this table's log; empty: it would not. Only reads; after Blocked().
  absl::StatusOr<std::string> Problem(const std::string& table);

  /// Null: there is none.
  TableLog* Find(const std::string& table);
  const std::map<std::string, TableLog>& all() const { return logs_; }
  /// Returns the position of the last entry.
  absl::StatusOr<std::int64_t> Last(const TableLog& log) const;
  /// Deletes entries after `behind` up to `end`, kTrimRows at a time, until `trims` reaches kTrimsMax.
  /// False: then there are more of them.
  absl::StatusOr<bool> Trim(const std::string& log, std::int64_t behind, std::int64_t end, int* trims);
  /// Stores the floor.
  absl::Status RaiseFloor(TableLog& log, std::int64_t floor);

 private:
  enum class Finding {
    kFine,
    kColumnsAdded,
    kOtherMarks,  ///< Its triggers are complete, but mark deletes without need, or fail to.
    kBroken,
  };
  /// The content of sqlite_schema, read once for all tables: it has no index.
  struct Objects {
    std::map<std::string, std::int64_t> tables;  ///< Rowid of each table, by folded name.
    /// Triggers of logs: text by name, by the folded name of their table.
    std::map<std::string, std::map<std::string, std::string>> triggers;
    std::map<std::int64_t, std::set<std::string>>
        triggered;  ///< Tables with triggers of a log, by the log's number.
    /// By folded name of the table: positions of the first trigger of its log, and of the last trigger of the
    /// application that may stop the effects of a statement.
    std::map<std::string, std::int64_t> first_own, last_ending;

    /// `table` is folded.
    void AddTrigger(const std::string& table, const std::string& name, const std::string& sql,
                    std::int64_t place);
  };
  absl::Status ReadObjects();
  /// In a transaction: reads the objects again if the schema changed.
  absl::Status KeepObjects();
  /// Makes a change and keeps `objects_` in step with it. Reads them again only if another connection changed
  /// the schema; after an error they equal the file.
  absl::Status ChangeObjects(const std::function<absl::Status()>& work);
  using Logs = std::map<std::string, TableLog>;  ///< By folded name of the table.
  /// Drops logs of `objects_` that belong to no table.
  absl::Status DropOrphans();

  /// Whether the table's log needs no work. Blocks no writer.
  absl::StatusOr<bool> IsFine(const std::string& name);
  /// Uses one transaction: each transaction costs syncs, which are most of the cost with many tables.
  absl::Status RenewTables(std::span<const std::string> names, std::vector<std::string>* news);
  absl::Status RenewTable(const std::string& name, std::vector<std::string>* news);
  absl::StatusOr<Finding> Look(const TableLog& log, const LoggedTable& table, std::string* why) const;
  /// The same for the present table, which is stored in `table`.
  absl::StatusOr<Finding> LookAt(const std::string& name, LoggedTable* table, std::string* why);
  /// In sqlite_schema a table precedes its log, also after VACUUM; a table that was created again follows it.
  bool IsOlder(const TableLog& log, const LoggedTable& table) const;
  absl::StatusOr<std::string> EntryProblem(const TableLog& log) const;
  std::string TriggerProblem(const TableLog& log, const LoggedTable& table, bool mark_ends) const;
  /// True for a source with an exchange: its hub must know when a key is used again.
  bool MarksEnds() const { return objects_.tables.contains("_mirror_exchange"); }
  absl::Status Make(const LoggedTable& table);
  absl::Status Extend(const LoggedTable& table, TableLog& log);
  absl::Status Remove(const TableLog& log);
  absl::Status MakeTriggers(const TableLog& log);
  /// Creates triggers again if their text differs: SQLite reads the whole schema for each of them.
  absl::Status RenewTriggers(const TableLog& log);
  absl::Status DropTriggersOn(const std::string& table, const std::string& prefix);
  absl::Status Store(const TableLog& log);

  const SqliteFile& file_;
  Logs logs_;
  std::int64_t loaded_version_ = -1;   ///< PRAGMA data_version at the time of loading.
  Objects objects_;                    ///< State at the last look, with later own changes.
  std::int64_t objects_version_ = -1;  ///< PRAGMA schema_version of `objects_`; -1: not known.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_TABLES_H_
