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

/// Rows of a statement in a temporary file without a name: first all are written, then they are read in the
/// same order. Threads: one.
class MariadbSpool {
 public:
  /// Errors: kUnavailable: the disk is full, or the file cannot be created.
  static absl::StatusOr<MariadbSpool> Make();

  /// A field without data is NULL.
  absl::Status Add(const std::vector<std::string_view>& fields);
  /// False: there are no more rows.
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

/// Ends a session that reads a table once another session waits to change the table's definition, or to lock
/// it: all later sessions, the application included, would queue after that one. It checks every
/// MariadbAccess::yields_after, whether rows are taken or not, by requesting a reader's lock without waiting:
/// only a waiting stronger lock prevents that. So it only needs the right to read.
class MariadbLockWatch {
 public:
  /// `quoted`: the table. `server_thread`: of the session, which already has the table's lock.
  MariadbLockWatch(std::shared_ptr<MariadbSessions> sessions, const std::string& quoted,
                   std::uint64_t server_thread);
  ~MariadbLockWatch();
  MariadbLockWatch(const MariadbLockWatch&) = delete;
  MariadbLockWatch& operator=(const MariadbLockWatch&) = delete;

  /// The session was ended for another session, or is about to be.
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
  /// Runs one statement for each of these instead of a single one, at the same moment: each begins with a
  /// WITH for k, which is joined by `where`.
  std::vector<std::string> with = {};
};

/// One transaction that reads one table at one moment; the table matches its look. Ends when another session
/// waits to change the table's definition. Threads: one.
class MariadbReading {
 public:
  /// Errors: see ExplainReading().
  static absl::StatusOr<std::unique_ptr<MariadbReading>> Begin(const MariadbLook& look,
                                                               const KnownMariadbTable& known);
  ~MariadbReading();
  MariadbReading(const MariadbReading&) = delete;
  MariadbReading& operator=(const MariadbReading&) = delete;

  mariadb::Connection& connection() { return *lease_; }
  /// "binlog.000003:1234 1": exactly the groups that end up to this place, in the binlog of that server_id,
  /// are seen. Empty: it is not needed.
  const std::string& snapshot() const { return snapshot_; }
  /// Returns a connection's error in its form for people.
  absl::Status Explain(const absl::Status& status) const;
  /// Ends the session at once, at the server too, because a statement was left unfinished.
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

/// Rows of a table at one moment, that of the first Next(). The snapshot and a lock against changes of the
/// table's definition are only held from then to the last row, or until another session waits to make such a
/// change. If the table's engine has no snapshots, the first Next() copies all rows into a temporary file,
/// and nothing is held afterwards: with such an engine, writers wait for readers.
/// Threads: one.
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
  std::size_t statements_ = 0;         ///< Statements begun so far.
  std::string snapshot_;
};

/// Counts the source's rows of a table at one moment. `where`: a condition over t.
absl::StatusOr<std::uint64_t> CountMariadbRows(const MariadbLook& look, const KnownMariadbTable& known,
                                               const std::string& where = "");

/// See SourceReader::LookAtColumn(). An index can answer if MariaDB orders the type as KeyPart does;
/// otherwise every value is read. Least, greatest and nulls may be of different moments.
absl::StatusOr<SourceReader::ColumnFacts> LookAtMariadbColumn(
    const std::shared_ptr<const MariadbLook>& look, const std::shared_ptr<const KnownMariadbTable>& known,
    std::uint32_t column);

/// See ReadKeyRows(): gives the rows of these keys, and others that the source's collations consider equal,
/// with the columns `read`. All of them are of one moment, if the table's engine has snapshots.
/// Null: there are no keys.
std::unique_ptr<ValueRows> RowsOfMariadbKeys(std::shared_ptr<const MariadbLook> look,
                                             std::shared_ptr<const KnownMariadbTable> known,
                                             std::vector<std::uint32_t> read, WantedKeys keys);

/// Selects the rows of these keys, and others that the source's collations consider equal.
MariadbAsk AskForMariadbKeys(const KnownMariadbTable& known, std::vector<std::uint32_t> columns,
                             const std::vector<Key>& keys);

/// Turns an error while rows of a table are read into one that TableReader::Next() promises.
absl::Status ExplainReading(const absl::Status& status, const MariadbTable& table,
                            const MariadbSource& place);
/// Returns why the table's rows cannot be read; empty: the catalogs allow it.
std::string WhyUnreadable(const MariadbTable& table, const MariadbSource& place);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_ROWS_H_
