#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_ROWS_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_ROWS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "client/source/capture/value_rows.h"
#include "client/source/mariadb/mariadb_catalog.h"
#include "client/source/mariadb/mariadb_sessions.h"
#include "client/source/mariadb/mariadb_types.h"
#include "client/source/reader.h"
#include "client/source/server/server_look.h"
#include "client/source/server/server_rows.h"
#include "client/source/server/server_words.h"

// Messages and errors for people about a MariaDB source.

namespace mirror {

/// A temporary file without a name that holds the rows of a statement. First all rows are written, then they
/// are read in the same order. Threads: one.
class MariadbSpool {
 public:
  /// Errors: kUnavailable: the disk is full, or the file cannot be created.
  static absl::StatusOr<MariadbSpool> Make();

  /// Writes a row. A field without data is NULL.
  absl::Status Add(const std::vector<std::string_view>& fields);
  /// Reads the next row. False: there are no more rows.
  absl::StatusOr<bool> Step();
  const std::vector<std::string_view>& fields() const { return fields_; }

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  explicit MariadbSpool(std::FILE* file) : file_(file) {}

  std::unique_ptr<std::FILE, CloseFile> file_;
  bool is_read_ = false;
  std::string row_;
  std::vector<std::string_view> fields_;
};

/// Watches a session that reads a table. Ends that session if another session waits to change the table's
/// definition, or to lock the table: all later sessions, also those of the application, would queue after
/// that one. Checks at each interval MariadbAccess::yields_after, whether rows are taken or not, by
/// requesting a reader's lock without waiting. Only a stronger lock that waits makes this request fail. So
/// only the right to read is needed.
class MariadbLockWatch {
 public:
  /// `quoted`: the table. `server_thread`: the session that reads, which already has the table's lock.
  MariadbLockWatch(std::shared_ptr<MariadbSessions> sessions, const std::string& quoted,
                   std::uint64_t server_thread);
  ~MariadbLockWatch();
  MariadbLockWatch(const MariadbLockWatch&) = delete;
  MariadbLockWatch& operator=(const MariadbLockWatch&) = delete;

  /// Whether the session was ended, or is about to be.
  bool has_ended_it() const { return has_ended_it_; }

 private:
  void Run() MIRROR_EXCLUDES(mutex_);
  bool IsWaitedFor() const;

  const std::shared_ptr<MariadbSessions> sessions_;
  const std::string sql_;
  const std::uint64_t server_thread_;
  std::atomic<bool> has_ended_it_ = false;
  Mutex mutex_;
  CondVar over_;
  bool is_over_ MIRROR_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

using KnownMariadbTable = KnownServerTable<MariadbTable>;
/// State that the readers of one look share. Its snapshots are those of MariadbReading::snapshot().
using MariadbLook = ServerLook<MariadbSessions, MariadbSource, KnownMariadbTable>;

/// Selects rows of a table, and their columns.
struct MariadbAsk {
  std::vector<std::uint32_t> columns;  ///< Indexes of its schema.
  std::string where = {};              ///< A condition over the row t; empty: all.
  std::string behind = {};             ///< "ORDER BY … LIMIT …"
  bool left_out = false;               ///< Only rows that the table's `where` leaves out.
  /// Not empty: runs one statement for each of these, all at the same moment, instead of a single one. Each
  /// begins with a WITH that defines k; `where` joins t with k.
  std::vector<std::string> with = {};
};

/// One transaction that reads one table at one moment. It checks that the table matches its look. It ends if
/// another session waits to change the table's definition. Threads: one.
class MariadbReading {
 public:
  /// Errors: see ExplainReading().
  static absl::StatusOr<std::unique_ptr<MariadbReading>> Begin(const MariadbLook& look,
                                                               const KnownMariadbTable& known);
  ~MariadbReading();
  MariadbReading(const MariadbReading&) = delete;
  MariadbReading& operator=(const MariadbReading&) = delete;

  mariadb::Connection& connection() { return *lease_; }
  /// "binlog.000003:1234 1": the snapshot sees exactly the groups that end up to this place in the binlog of
  /// the server with this server_id. Empty: the place is not needed.
  const std::string& snapshot() const { return snapshot_; }
  /// Returns an error of the connection with a message for people.
  absl::Status Explain(const absl::Status& status) const;
  /// Ends the session at once, also at the server, because a statement was left unfinished.
  void Abandon();

 private:
  MariadbReading(std::shared_ptr<MariadbSessions> sessions, MariadbLease lease, const MariadbTable& table,
                 MariadbSource place)
      : sessions_(std::move(sessions)), lease_(std::move(lease)), table_(table), place_(std::move(place)) {}
  absl::Status Start();
  absl::Status TakeSnapshotPlace();

  const std::shared_ptr<MariadbSessions> sessions_;
  MariadbLease lease_;
  const MariadbTable table_;
  const MariadbSource place_;
  std::optional<MariadbLockWatch> watch_;
  std::string snapshot_;
};

/// Rows of a table at the moment of the first Next(). The snapshot, and a lock against changes of the table's
/// definition, are only held from then to the last row, or until another session waits to make such a change.
/// If the table's engine has no snapshots, writers wait for readers. Then the first Next() copies all rows
/// into a temporary file, and nothing is held afterwards. Threads: one.
class MariadbSourceRows : public ServerRows<MariadbLook, MariadbAsk, MariadbRowDecoder> {
 public:
  MariadbSourceRows(std::shared_ptr<const MariadbLook> look, std::shared_ptr<const KnownMariadbTable> known,
                    MariadbAsk ask);
  ~MariadbSourceRows() override;

  /// The values of a table without steps, in MariaDB's text form; a field without data is NULL.
  const std::vector<std::string_view>& texts() const { return Fields(); }
  /// MariadbReading::snapshot(), valid from the first Next() on.
  const std::string& snapshot() const { return snapshot_; }

 private:
  absl::Status Begin() override;
  absl::Status Send() override;
  absl::StatusOr<bool> Step() override;
  const std::vector<std::string_view>& Fields() const override {
    return spool_ ? spool_->fields() : stream_->fields();
  }
  absl::Status Explain(const absl::Status& status) const override;
  void Close() override;
  absl::StatusOr<bool> StepAtServer();
  std::string Sql(std::size_t with) const;

  std::unique_ptr<MariadbReading> reading_;
  std::optional<mariadb::RowStream> stream_;
  std::optional<MariadbSpool> spool_;  ///< For a table without snapshots: all rows.
  std::size_t statements_ = 0;         ///< Number of statements that were begun.
  std::string snapshot_;
};

/// Counts the rows of a table in the source, at one moment. `where`: a condition over t.
absl::StatusOr<std::uint64_t> CountMariadbRows(const MariadbLook& look, const KnownMariadbTable& known,
                                               const std::string& where = "");

/// Computes SourceReader::ColumnFacts. An index can answer if MariaDB orders the type as KeyPart does.
/// Otherwise every value is read. Least, greatest and nulls may be of different moments.
absl::StatusOr<SourceReader::ColumnFacts> LookAtMariadbColumn(
    const std::shared_ptr<const MariadbLook>& look, const std::shared_ptr<const KnownMariadbTable>& known,
    std::uint32_t column);

/// Returns rows for ReadKeyRows(): those with these keys, and others whose keys the source's collations
/// consider equal, with the columns `read`. All are of one moment, if the table's engine has snapshots. Null:
/// there are no keys.
std::unique_ptr<ValueRows> RowsOfMariadbKeys(std::shared_ptr<const MariadbLook> look,
                                             std::shared_ptr<const KnownMariadbTable> known,
                                             std::vector<std::uint32_t> read, WantedKeys keys);

/// Returns what selects the rows with these keys, and others whose keys the source's collations consider
/// equal.
MariadbAsk AskForMariadbKeys(const KnownMariadbTable& known, std::vector<std::uint32_t> columns,
                             const std::vector<Key>& keys);

/// Returns the error of reading a table with a code that TableReader::Next() promises, and a message for
/// people.
absl::Status ExplainReading(const absl::Status& status, const MariadbTable& table,
                            const MariadbSource& place);
/// Returns why the table's rows cannot be read; empty: the catalogs allow it.
std::string WhyUnreadable(const MariadbTable& table, const MariadbSource& place);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_ROWS_H_
