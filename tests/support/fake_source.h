#ifndef MIRROR_TESTS_SUPPORT_FAKE_SOURCE_H_
#define MIRROR_TESTS_SUPPORT_FAKE_SOURCE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/wire/mirror_client.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"
#include "tests/support/rows.h"

namespace mirror {

/// What a mirror must show for a value, as MirrorFile prints it: its typeof and its text; long ones as a
/// digest. Made without the server's code.
std::string ShownValue(const Column& column, const Cell& cell);

/// The five calls, so that a source can be played over TLS or inside one process.
/// Errors: the endpoint's status.
class MirrorCalls {
 public:
  virtual ~MirrorCalls() = default;
  virtual absl::StatusOr<v1::AuthenticateResponse> Authenticate(const std::string& holder, bool take_over,
                                                                bool probe) = 0;
  virtual absl::StatusOr<v1::TableSchemaResponse> TableSchema(const v1::TableSchemaRequest& request) = 0;
  virtual absl::StatusOr<v1::RowDataResponse> RowData(const v1::RowDataRequest& request) = 0;
  virtual absl::StatusOr<std::unique_ptr<RowStream>> OpenRowStream() = 0;
  virtual absl::StatusOr<v1::WipeResponse> Wipe(const v1::WipeRequest& request) = 0;
  virtual absl::StatusOr<v1::ReplicationCompletedResponse> ReplicationCompleted(
      const v1::ReplicationCompletedRequest& request) = 0;
};

/// Over TLS. `client` must outlive it.
class ClientCalls final : public MirrorCalls {
 public:
  explicit ClientCalls(MirrorClient& client) : client_(client) {}
  absl::StatusOr<v1::AuthenticateResponse> Authenticate(const std::string& holder, bool take_over,
                                                        bool probe) override {
    return client_.Authenticate(holder, take_over, probe);
  }
  absl::StatusOr<v1::TableSchemaResponse> TableSchema(const v1::TableSchemaRequest& request) override {
    return client_.TableSchema(request);
  }
  absl::StatusOr<v1::RowDataResponse> RowData(const v1::RowDataRequest& request) override {
    return client_.RowData(request);
  }
  absl::StatusOr<std::unique_ptr<RowStream>> OpenRowStream() override { return client_.OpenRowStream(); }
  absl::StatusOr<v1::WipeResponse> Wipe(const v1::WipeRequest& request) override {
    return client_.Wipe(request);
  }
  absl::StatusOr<v1::ReplicationCompletedResponse> ReplicationCompleted(
      const v1::ReplicationCompletedRequest& request) override {
    return client_.ReplicationCompleted(request);
  }

 private:
  MirrorClient& client_;
};

struct FakeCycleOptions {
  std::string holder;     ///< Empty: the source's own.
  bool take_over = true;  ///< As an agent does that finds its own lock.

  std::size_t batch_rows = 100;
  std::size_t batches_per_request = 1;
  bool stream = false;
  std::size_t window = 4;  ///< Requests in flight, with `stream`.

  std::set<std::string> repopulate;  ///< Tables that are sent whole because somebody asked.
  bool populate_all = false;         ///< The same for all.
  bool wipe = false;                 ///< Populations begin with the call Wipe.
  std::set<std::string> leave_out;   ///< Announced, and nothing is sent of them.
  bool advance = true;               ///< Quiet tables move on.
  bool complete = true;              ///< Ends with ReplicationCompleted.

  /// The source dies before the request with this number (from 0) goes out. -1: it lives.
  int die_before_request = -1;
  /// Called before each request of rows goes out (number from 0). What it does to the source is not in this
  /// cycle's rows: they were read before.
  std::function<void(int)> before_request;
  /// Called when a call failed. Gives those with which the same call is made again; null: give up.
  std::function<MirrorCalls*(const absl::Status&)> recover;
};

struct FakeTableReport {
  v1::TableStatus status;                               ///< As TableSchema answered.
  PopulateReason populate = PopulateReason::kNone;      ///< Why it was sent whole.
  std::uint64_t inserts = 0, updates = 0, deletes = 0;  ///< Acknowledged rows.
  int batches = 0;                                      ///< Acknowledged, those without rows included.
  int repeated = 0;                                     ///< Of these, acknowledged as applied before.
  bool committed = false;
  bool advanced = false;
  absl::Status error;  ///< Why it was given up in this cycle.
  v1::TableVerdict verdict;
};

struct FakeCycleReport {
  enum class End {
    kCompleted,
    kBusy,
    kDoNotReplicate,
    kDied,      ///< As `die_before_request` asked.
    kRestored,  ///< The lineage record of this cycle was gone before a commit: the source was restored.
    kFailed,    ///< `status` says why.
  };
  End end = End::kFailed;
  absl::Status status;  ///< Of the call that ended the cycle.
  v1::AuthenticateResponse admission;
  std::int64_t cycle = 0;
  Position target;
  int requests = 0;
  std::map<std::string, FakeTableReport> tables;

  /// Completed, and every table stands where this cycle should have taken it.
  bool AllDone() const;
  /// For messages of tests.
  std::string Summary() const;
};

/// A source in memory that does what 'What a source must do' of the protocol says: tables, a log of changes,
/// a record of the {lsn, lineage} that it sent, and backups of all of that.
/// Threads: one; calls of different sources may run at once.
class FakeSource {
 public:
  /// `seed` makes lineage tokens; two sources of one test need different ones.
  explicit FakeSource(std::uint64_t seed = 1);

  // --- The database. An unknown table or column ends the program. ---
  void CreateTable(const TableSchema& table);
  void DropTable(const std::string& table);
  /// ALTER TABLE: columns are matched by id, else by name; new ones hold their default, else NULL.
  void AlterTable(const TableSchema& table);
  /// Adds or replaces a whole row (in key order of the table's columns).
  void Put(const std::string& table, const Row& row);
  /// Changes columns (by name) of the row with this key. False: there is no such row.
  bool Update(const std::string& table, const Row& key, const std::map<std::string, Cell>& values);
  bool Delete(const std::string& table, const Row& key);
  /// Of a table without a key: removes one row that equals `row`.
  bool DeleteRow(const std::string& table, const Row& row);
  /// Log entries and all but the newest lineage records up to `lsn` are forgotten.
  void TruncateLog(std::int64_t lsn);

  std::vector<std::string> Tables() const;
  const TableSchema& Schema(const std::string& table) const;
  std::vector<Row> Rows(const std::string& table) const;
  /// The key of a row of this table.
  Row KeyOf(const std::string& table, const Row& row) const;
  std::int64_t lsn() const { return database_.lsn; }
  std::mt19937_64& random() { return random_; }

  // --- Backups. ---
  struct Database {
    struct Table {
      TableSchema schema;
      std::map<Row, Row> rows;  ///< By key; by a hidden number without one.
      std::int64_t next_row = 0;
      std::int64_t made_at = 0;  ///< LSN.
    };
    struct Change {
      std::int64_t lsn = 0;
      std::string table;
      Row key;
      bool whole = false;  ///< The row was added: send all of it.
      std::set<std::uint32_t> columns;
    };
    std::map<std::string, Table> tables;  ///< By folded name.
    std::vector<Change> log;
    std::int64_t lsn = 0;
    std::int64_t log_begins = 0;   ///< Changes after this LSN are in the log.
    std::vector<Position> record;  ///< Oldest first.
  };
  Database Backup() const { return database_; }
  void Restore(const Database& backup) { database_ = backup; }

  // --- The cycle. ---
  FakeCycleReport RunCycle(MirrorCalls& calls, const FakeCycleOptions& options = {});
  FakeCycleReport RunCycle(MirrorClient& client, const FakeCycleOptions& options = {});

  /// The announcement that RunCycle sends.
  v1::TableSchemaRequest Announcement(std::int64_t cycle) const;
  /// Writes a new {lsn, lineage} into the record, as before each cycle.
  Position NewTarget();
  /// What is sent of a table whose mirror says `status`; kNone: net changes.
  PopulateReason Decide(const v1::TableStatus& status, const FakeCycleOptions& options = {}) const;

  const std::string& source_id() const { return source_id_; }
  const std::string& holder() const { return holder_; }

  /// Every row as MirrorFile::Rows() shows it, sorted.
  std::vector<std::string> ShownRows(const std::string& table) const;

 private:
  friend class FakeCycle;
  Database::Table& Find(const std::string& table);
  const Database::Table& Find(const std::string& table) const;
  void Log(const std::string& table, Row key, bool whole, std::set<std::uint32_t> columns);
  bool InRecord(const Position& position) const;

  Database database_;
  std::mt19937_64 random_;
  std::string source_id_, holder_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_FAKE_SOURCE_H_
