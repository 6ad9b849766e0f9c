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
#include "proto/wire/lsn.h"
#include "proto/wire/table.h"

namespace mirror {

/// What pg_current_snapshot() says: which transactions a snapshot sees.
class PostgresSnapshot {
 public:
  /// "xmin:xmax:xip,xip". Absent: it is not one.
  static std::optional<PostgresSnapshot> Parse(const std::string& text);

  /// All below were over when it was taken.
  std::uint64_t xmin() const { return xmin_; }
  /// None from here on was.
  std::uint64_t xmax() const { return xmax_; }

  /// Of a transaction that is committed, by the lower 32 bits of its number, as the log has it: it is within
  /// 2^31 of the snapshot.
  bool Sees(std::uint64_t xid) const;
  /// Every snapshot that is taken after this one sees it.
  bool IsSeenByAll(std::uint64_t xid) const { return Whole(xid) < xmin_; }

 private:
  /// With its epoch.
  std::uint64_t Whole(std::uint64_t xid) const;

  std::uint64_t xmin_ = 0, xmax_ = 0;
  std::vector<std::uint64_t> open_;  ///< Sorted.
};

// The fingerprint of a table is a text of lines:
//   1 the table's oid, that of its membership, and the publication's xmin
//   2 its persistence, its replica identity, and its primary key: columns, operators, collations
//   3 its leaves: oid, xmin of pg_inherits, kind, persistence, replica identity
//   4 the numbers of the files that its rows and those of its leaves are in: others when they were rewritten
//   and one for each column: number, type, modifier, xmin; "d" when rows there before it got a value, "g"
//   when PostgreSQL computes it; its name; and what its type is made of: e and the oid and xmin of an enum's
//   label, a and those of a composite type's column

/// What happened to a table between two fingerprints of it, as far as its rows are meant.
enum class TableMove : std::uint8_t {
  kNone,
  kInPlace,  ///< Columns were added, and are NULL in all rows that were there, or dropped; enums got labels.
  kRows,     ///< Rows may be others than the log tells: compare them.
  kKey,      ///< It has another key, or is another table: populate it.
};

/// Of texts that are no fingerprints: kKey.
TableMove CompareFingerprints(std::string_view before, std::string_view after);

/// False: it was taken out of the publication, or that left out changes. Locks of a table's do not keep who
/// writes to it from being open all the while.
bool PublishedTheSame(std::string_view before, std::string_view after);

/// False: its rows were rewritten, and what a new column has in them the catalogs may not say any more.
bool InTheSameFiles(std::string_view before, std::string_view after);

/// What the stage keeps of a table's definition, as StagedTable.fingerprint.
struct StagedTableNote {
  /// Of a table that is new in the publication: transactions below were open when it was seen first, and what
  /// they had written before is neither in the log nor in a snapshot of now. 0: they are over.
  std::uint64_t waits_for = 0;
  std::int64_t waits_since_ms = 0;  ///< When it was seen first, unix milliseconds; 0: nobody waits.
  /// Numbers of columns that were added while it was staged, and were NULL in every row then.
  std::set<std::int64_t> added = {};
  std::string fingerprint;
  /// The LSN of a TRUNCATE that was staged, and given up since. A mirror whose position is below has no row
  /// that is still there, so it is populated. 0: there is none.
  std::int64_t emptied_lsn = 0;
  friend bool operator==(const StagedTableNote&, const StagedTableNote&) = default;
};
std::string ToString(const StagedTableNote& note);
/// What it does not understand it leaves out.
StagedTableNote ParseStagedTableNote(const std::string& text);

/// Which tables of a database are staged, and whether what is staged of them counts: their definitions are
/// read before and behind what was streamed. Threads: one at a time.
class PostgresLogTables {
 public:
  struct Options {
    std::string schema;
    std::int64_t snapshot_wait_ms = 0;
    const std::atomic<bool>* stop = nullptr;
    std::function<bool(const std::string& table, const std::string& column)> turns =
        {};  ///< As PostgresLog's.
  };
  struct Table : ServerLogTable {  ///< `emptied_lsn`: see StagedTableNote.
    LogCatalogTable catalog;
    std::uint64_t waits_for = 0;  ///< See StagedTableNote, as the next two.
    std::int64_t waits_since_ms = 0;
    std::set<std::int64_t> added = {};
    std::vector<PostgresSnapshot> snapshots = {};  ///< In which its rows were read.
    /// As the stage had it before its rows were read; absent: none were read, or it was not staged.
    std::optional<std::int64_t> floor_before = {};
    std::optional<std::int64_t> logged_to = {};  ///< They were read there, and are as new as this at least.
  };

  PostgresLogTables(std::shared_ptr<PostgresStaging> staging, std::shared_ptr<PostgresSessions> sessions,
                    Options options)
      : options_(std::move(options)), staging_(std::move(staging)), sessions_(std::move(sessions)) {}

  /// Null: it has none of this name, or of this number.
  Table* Find(const std::string& name);
  Table* FindById(std::int64_t id);
  /// What was noted of snapshots counts no more.
  void ForgetSnapshots();

  /// Why it is none that a log can tell of, by name.
  absl::StatusOr<std::map<std::string, std::string>> Unlogged();
  /// What an earlier process staged goes on.
  absl::Status KnowStaged();
  /// See History::Renew(). `marker`: a position behind which these tables are staged by these definitions;
  /// absent: nothing is staged, and nothing is made to fit.
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& tables,
                                                 std::optional<StageMark>* marker);
  bool Complete(TableSchema& schema);

  /// kAborted: it is not staged any more.
  absl::StatusOr<StagedTable> StagedOf(const Table& table);
  /// Its rows are read from here on: how far it is staged is noted.
  void NoteFloor(Table& table);
  absl::StatusOr<PostgresSnapshot> SnapshotOfNow();
  /// How long the first of those that wait has waited; 0: none does.
  std::int64_t WaitedMs(std::int64_t now_ms) const;

 private:
  /// Tables of which what was staged so far does not count.
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
  bool is_fresh_ = false;  ///< What is staged was brought up to now.
  std::shared_ptr<const LogCatalog> catalog_;
  std::map<std::string, Table> tables_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_LOG_TABLES_H_
