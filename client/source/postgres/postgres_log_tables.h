#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_LOG_TABLES_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_LOG_TABLES_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/postgres/log_catalog.h"
#include "client/source/postgres/postgres_sessions.h"
#include "client/source/postgres/postgres_staging.h"
#include "client/source/server/server_log.h"
#include "client/source/server/stage.h"
#include "proto/wire/table.h"

namespace mirror {

/// A value of pg_current_snapshot(): the transactions that a snapshot sees.
class PostgresSnapshot {
 public:
  /// Parses "xmin:xmax:xip,xip". Absent: it is no snapshot.
  static std::optional<PostgresSnapshot> Parse(const std::string& text);

  /// All lower transactions had ended when it was taken.
  std::uint64_t xmin() const { return xmin_; }
  /// No transaction from this number on had ended.
  std::uint64_t xmax() const { return xmax_; }

  /// Whether it sees a committed transaction, given by the lower 32 bits of its number, as in the log: the
  /// number is within 2^31 of the snapshot.
  bool Sees(std::uint64_t xid) const;
  /// Whether every later snapshot sees the transaction.
  bool IsSeenByAll(std::uint64_t xid) const { return Whole(xid) < xmin_; }

 private:
  /// Returns the number with its epoch.
  std::uint64_t Whole(std::uint64_t xid) const;

  std::uint64_t xmin_ = 0, xmax_ = 0;
  std::vector<std::uint64_t> open_;  ///< Sorted.
};

// The fingerprint of a table is a text of lines:
//   1 the table's oid, its membership's oid, and the publication's xmin
//   2 its persistence, its replica identity, and its primary key: columns, operators, collations
//   3 its leaves: oid, xmin of pg_inherits, kind, persistence, replica identity
//   4 the file numbers of its rows and of its leaves' rows: they differ after a rewrite
// and one for each column: number, type, modifier, xmin; "d" if earlier rows got a value when it was
//   added, "g" if it is generated; its name; and the parts of its type: e with the oid and xmin of an enum's
//   label, a and those of a composite type's column

/// How a table's rows are affected by the change between two of its fingerprints.
enum class TableMove : std::uint8_t {
  kNone,
  kInPlace,  ///< Columns were added, NULL in all existing rows, or dropped; enums got labels.
  kRows,     ///< Rows may differ from the log's changes: compare them.
  kKey,      ///< Another key, or another table: populate it.
};

/// For texts that are no fingerprints: kKey.
TableMove CompareFingerprints(std::string_view before, std::string_view after);

/// False: the table was removed from the publication meanwhile, or the publication left out changes. In spite
/// of the table's locks, a transaction that writes to it may have been open for all that time.
bool PublishedTheSame(std::string_view before, std::string_view after);

/// False: its rows were rewritten; the catalogs may no longer tell a new column's value in them.
bool InTheSameFiles(std::string_view before, std::string_view after);

/// The stage's record of a table's definition, as StagedTable.fingerprint.
struct StagedTableNote {
  /// For a table new in the publication: transactions below were open when it was first seen; their earlier
  /// writes are neither in the log nor in a present snapshot. 0: they have ended.
  std::uint64_t waits_for = 0;
  std::int64_t waits_since_ms = 0;  ///< Unix milliseconds when it was first seen; 0: no wait.
  /// Numbers of columns that were added while it was staged and were then NULL in every row.
  std::set<std::int64_t> added = {};
  std::string fingerprint;
  /// The LSN of a TRUNCATE that was staged and later discarded. A mirror whose position is lower has no row
  /// that still exists, so it is populated. 0: there is none.
  std::int64_t emptied_lsn = 0;
  friend bool operator==(const StagedTableNote&, const StagedTableNote&) = default;
};
std::string ToString(const StagedTableNote& note);
/// Skips everything that it does not understand.
StagedTableNote ParseStagedTableNote(const std::string& text);

/// Decides which tables of a database are staged, and whether their staged changes count: it reads the
/// definitions before and after the streamed changes. Threads: one at a time.
class PostgresLogTables {
 public:
  struct Options {
    std::string schema;
    std::int64_t snapshot_wait_ms = 0;
    const std::atomic<bool>* stop = nullptr;
    std::function<bool(const std::string& table, const std::string& column)> turns =
        {};  ///< See PostgresLogOptions.
  };
  struct Table : ServerLogTable {  ///< `emptied_lsn`: see StagedTableNote.
    LogCatalogTable catalog;
    std::uint64_t waits_for = 0;  ///< See StagedTableNote, as the next two.
    std::int64_t waits_since_ms = 0;
    std::set<std::int64_t> added = {};
    std::vector<PostgresSnapshot> snapshots = {};  ///< Snapshots in which its rows were read.
    /// The stage's floor before its rows were read; absent: none were read, or it was not staged.
    std::optional<std::int64_t> floor_before = {};
    std::optional<std::int64_t> logged_to = {};  ///< They were read in the stage, up to at least this LSN.
  };

  PostgresLogTables(std::shared_ptr<PostgresStaging> staging, std::shared_ptr<PostgresSessions> sessions,
                    Options options)
      : options_(std::move(options)), staging_(std::move(staging)), sessions_(std::move(sessions)) {}

  /// Null: there is no table of this name, or of this number.
  Table* Find(const std::string& name);
  Table* FindById(std::int64_t id);
  /// Discards the snapshots that were noted.
  void ForgetSnapshots();

  /// Returns by name why the log cannot cover a table.
  absl::StatusOr<std::map<std::string, std::string>> Unlogged();
  /// Adopts the tables that an earlier process staged.
  absl::Status KnowStaged();
  /// See History::Renew(). `marker`: set to a position after which these tables are staged by these
  /// definitions; absent: nothing is staged, and the stage is not changed.
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& tables,
                                                 std::optional<StageMark>* marker);
  bool Complete(TableSchema& schema);

  /// kAborted: it is not staged any more.
  absl::StatusOr<StagedTable> StagedOf(const Table& table);
  /// Notes the table's floor before its rows are read.
  void NoteFloor(Table& table);
  absl::StatusOr<PostgresSnapshot> SnapshotOfNow();
  /// Returns how long the first waiting table has waited; 0: none waits.
  std::int64_t WaitedMs(std::int64_t now_ms) const;

 private:
  /// Tables whose staged changes so far are void.
  struct Renewal {
    std::set<std::string> fresh, changed;
  };
  Stage& stage() { return staging_->stage(); }
  absl::StatusOr<std::map<std::int64_t, StagedTable>> StagedTables();
  /// False: the catalogs changed meanwhile.
  absl::StatusOr<bool> RenewOnce(const std::vector<std::string>& tables, std::optional<StageMark>* marker,
                                 std::vector<std::string>* sentences);
  absl::Status ReadCatalog();
  absl::Status TakeCatalog(const std::vector<std::string>& tables);
  absl::Status FindChanges(Renewal* renewal);
  absl::Status FindChange(Table& table, const StagedTable* staged, Renewal* renewal);
  absl::Status GiveUp(Table& table, bool is_new, bool waits);
  absl::Status DropOthers();
  absl::Status SetStreamed();
  absl::Status RaiseRenewed(const Renewal& renewal);
  absl::Status KeepRenewed(const Renewal& renewal, std::vector<std::string>* sentences);
  absl::Status WaitForOpen();
  absl::Status TakeWaiting(const PostgresSnapshot& now, bool* all);
  void LetWait();
  static void NoteAdded(const std::string& fingerprint, Table* table);
  void SetBackfill(const Table& table, const PostgresColumn& own, Column* column) const;
  absl::Status SetNote(const Table& table, std::set<std::int64_t> added, std::string fingerprint);

  const Options options_;
  const std::shared_ptr<PostgresStaging> staging_;
  const std::shared_ptr<PostgresSessions> sessions_;
  bool is_fresh_ = false;  ///< Staged changes are up to date.
  std::shared_ptr<const LogCatalog> catalog_;
  std::map<std::string, Table> tables_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_LOG_TABLES_H_
