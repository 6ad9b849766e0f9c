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

/// The first entry of each log; it is no change.
inline constexpr std::int64_t kAnchorSeq = 1;

/// Entries that one transaction removes, transactions of one trim, and the pause between them in a source
/// with a rollback journal.
inline constexpr std::int64_t kTrimRows = 1'000;
inline constexpr int kTrimsMax = 200;
inline constexpr int kTrimPauseMs = 20;

/// Tables whose logs one transaction makes or renews, and the pause between two of these.
inline constexpr std::size_t kRenewTables = 16;
inline constexpr int kRenewPauseMs = 20;

/// The log of one table.
struct TableLog {
  std::int64_t id = 0;
  std::int64_t floor = kAnchorSeq;   ///< All changes behind it are in the log.
  std::int64_t masks_after = 0;      ///< Entries up to this one say nothing about columns added since.
  std::int64_t anchor = 0;           ///< What stands in the first entry.
  std::vector<std::string> columns;  ///< Those that the triggers know.
  std::vector<std::string> added;    ///< Those of them that were added while the log was at work.
  bool marks_ends = false;           ///< See LogTriggers(); older entries may not.
  LoggedTable table;

  /// Whether old rows hold something else than NULL in it, or a plain default: a generated column, or one
  /// with a default.
  bool IsComputed(const std::string& column) const;
};

/// The logs of a source: makes them, finds out whether they are as they were left, and makes them anew.
/// Errors: those of SqliteFile. Threads: one.
class LogTables {
 public:
  explicit LogTables(const SqliteFile& file) : file_(file) {}

  absl::Status Load();
  /// See ChangeLog::Renew().
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& tables);

  /// The log of this table, which has one, as if it had never been there.
  absl::Status BeginAnew(const std::string& table);

  /// Tables whose triggers write into a log that is not there. Only reads; needs no Load().
  absl::StatusOr<std::vector<std::string>> Blocked();
  /// Why Renew() would begin the log of this table anew; empty: it would not. Only reads; behind Blocked().
  absl::StatusOr<std::string> Problem(const std::string& table);

  /// Null: there is none.
  TableLog* Find(const std::string& table);
  const std::map<std::string, TableLog>& all() const { return logs_; }
  /// Position of the last entry.
  absl::StatusOr<std::int64_t> Last(const TableLog& log) const;
  /// Removes entries behind `behind` up to `end`, kTrimRows at a time, until `trims` reaches kTrimsMax.
  /// False: then there are more of them.
  absl::StatusOr<bool> Trim(const std::string& log, std::int64_t behind, std::int64_t end, int* trims);
  /// Writes the floor down.
  absl::Status RaiseFloor(TableLog& log, std::int64_t floor);

 private:
  enum class Finding {
    kFine,
    kColumnsAdded,
    kOtherMarks,  ///< Its triggers are whole, and mark ends where they need not, or the other way round.
    kBroken,
  };
  /// What is read of sqlite_schema, once for all tables: it has no index.
  struct Objects {
    std::map<std::string, std::int64_t> tables;  ///< Place of each, by folded name.
    /// Triggers of logs: by folded name of their table, then by name their text.
    std::map<std::string, std::map<std::string, std::string>> triggers;
    std::map<std::int64_t, std::set<std::string>>
        triggered;  ///< Tables with triggers of a log, by its number.
    /// By folded name of the table: places of the first trigger of its log, and of the last one of the
    /// application's that may end what a statement causes.
    std::map<std::string, std::int64_t> first_own, last_ending;

    /// `table` is folded.
    void AddTrigger(const std::string& table, const std::string& name, const std::string& sql,
                    std::int64_t place);
  };
  absl::Status ReadObjects();
  /// In a transaction: reads them again if the schema is another one by now.
  absl::Status KeepObjects();
  /// A change that keeps `objects_` what it leaves behind. They are read again only if somebody else changed
  /// the schema; after an error everything is as it stands in the file.
  absl::Status ChangeObjects(const std::function<absl::Status()>& work);
  using Logs = std::map<std::string, TableLog>;  ///< By folded name of the table.
  /// Logs of `objects_` that no table has any more.
  absl::Status DropOrphans();

  /// Whether the table's log needs nothing. Holds nobody up who writes.
  absl::StatusOr<bool> IsFine(const std::string& name);
  /// In one transaction: each costs syncs, and those are most of what many tables take.
  absl::Status RenewTables(std::span<const std::string> names, std::vector<std::string>* news);
  absl::Status RenewTable(const std::string& name, std::vector<std::string>* news);
  absl::StatusOr<Finding> Look(const TableLog& log, const LoggedTable& table, std::string* why) const;
  /// The same of a table as it is now, which is put into `table`.
  absl::StatusOr<Finding> LookAt(const std::string& name, LoggedTable* table, std::string* why);
  /// A table stands before its log in sqlite_schema, also after VACUUM, and behind it when it was made anew.
  bool IsOlder(const TableLog& log, const LoggedTable& table) const;
  absl::StatusOr<std::string> EntryProblem(const TableLog& log) const;
  std::string TriggerProblem(const TableLog& log, const LoggedTable& table, bool mark_ends) const;
  /// Of a source with an exchange, whose hub has to know when a key is used again.
  bool MarksEnds() const { return objects_.tables.contains("_mirror_exchange"); }
  absl::Status Make(const LoggedTable& table);
  absl::Status Extend(const LoggedTable& table, TableLog& log);
  absl::Status Remove(const TableLog& log);
  absl::Status MakeTriggers(const TableLog& log);
  /// Makes those anew whose text is another one by now: SQLite reads the whole schema for each.
  absl::Status RenewTriggers(const TableLog& log);
  absl::Status DropTriggersOn(const std::string& table, const std::string& prefix);
  absl::Status Store(const TableLog& log);

  const SqliteFile& file_;
  Logs logs_;
  std::int64_t loaded_version_ = -1;   ///< PRAGMA data_version when they were loaded.
  Objects objects_;                    ///< As they were at the last look, and what was changed since.
  std::int64_t objects_version_ = -1;  ///< PRAGMA schema_version of `objects_`; -1: they are not known.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_TABLES_H_
