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

// What people are told of a source in MariaDB.

namespace mirror {

/// Rows of a statement in a temporary file without a name: first all are put in, then they come out in that
/// order. Threads: one.
class MariadbSpool {
 public:
  /// Errors: kUnavailable: there is no room, or no such file can be made.
  static absl::StatusOr<MariadbSpool> Make();

  /// A field without data is NULL.
  absl::Status Add(const std::vector<std::string_view>& fields);
  /// False: that were all.
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

/// Ends a session that reads a table once somebody waits to change the table's definition, or to lock it:
/// whoever wants the table then waits behind him, the application, too. It looks every
/// MariadbAccess::yields_after, whether rows are taken or not, by asking for the lock that a reader takes,
/// without waiting: only who waits for more is in the way of that. So it needs no right but that to read.
class MariadbLockWatch {
 public:
  /// `quoted`: the table. `server_thread`: of the session, which has the table's lock already.
  MariadbLockWatch(std::shared_ptr<MariadbSessions> sessions, const std::string& quoted,
                   std::uint64_t server_thread);
  ~MariadbLockWatch();
  MariadbLockWatch(const MariadbLockWatch&) = delete;
  MariadbLockWatch& operator=(const MariadbLockWatch&) = delete;

  /// The session was ended for somebody, or is about to be.
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
/// What the readers of one look share. Its snapshots are those of MariadbReading::snapshot().
using MariadbLook = ServerLook<MariadbSessions, MariadbSource, KnownMariadbTable>;

/// Which rows of a table are read, and what of them.
struct MariadbAsk {
  std::vector<std::uint32_t> columns;  ///< Indexes of its schema.
  std::string where = {};              ///< A condition over the row t; empty: all.
  std::string behind = {};             ///< "ORDER BY … LIMIT …"
  bool left_out = false;               ///< Instead: rows that the table's `where` leaves out.
  /// Instead of one statement one for each of them, of the same moment: each begins with a WITH for k, which
  /// is joined by `where`.
  std::vector<std::string> with = {};
};

/// One transaction that reads one table, and sees one moment: it is that which was looked at. Somebody who
/// waits to change its definition ends it. Threads: one.
class MariadbReading {
 public:
  /// Errors: as ExplainReading() gives them.
  static absl::StatusOr<std::unique_ptr<MariadbReading>> Begin(const MariadbLook& look,
                                                               const KnownMariadbTable& known);
  ~MariadbReading();
  MariadbReading(const MariadbReading&) = delete;
  MariadbReading& operator=(const MariadbReading&) = delete;

  mariadb::Connection& connection() { return *lease_; }
  /// "binlog.000003:1234 1": all groups of the binlog of that server_id that end up to there are seen, and no
  /// other. Empty: nobody asks for it.
  const std::string& snapshot() const { return snapshot_; }
  /// An error of the connection's, as people are told it.
  absl::Status Explain(const absl::Status& status) const;
  /// A statement is left in its middle: its session ends, and at the server now.
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

/// Rows of a table as they were at one moment, which is that of the first Next(): the snapshot and a lock
/// against changes of the table's definition are held from there to the last row, or until somebody waits to
/// make one, and by no one before and after. Of a table whose engine has no snapshots all rows are put into a
/// temporary file by the first Next(), and nothing is held from there on: who writes waits for whoever reads.
/// Threads: one.
class MariadbSourceRows : public ServerRows<MariadbLook, MariadbAsk, MariadbRowDecoder> {
 public:
  MariadbSourceRows(std::shared_ptr<const MariadbLook> look, std::shared_ptr<const KnownMariadbTable> known,
                    MariadbAsk ask);
  ~MariadbSourceRows() override;

  /// The values of a table without steps, as MariaDB wrote them; a field without data is NULL.
  const std::vector<std::string_view>& texts() const { return Fields(); }
  /// MariadbReading::snapshot(), from the first Next() on.
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
  std::optional<MariadbSpool> spool_;  ///< Of a table without snapshots: all rows.
  std::size_t statements_ = 0;         ///< That were begun.
  std::string snapshot_;
};

/// The source's own rows of a table that are in it at one moment: how many. `where`: a condition over t.
absl::StatusOr<std::uint64_t> CountMariadbRows(const MariadbLook& look, const KnownMariadbTable& known,
                                               const std::string& where = "");

/// See SourceReader::LookAtColumn(). Where MariaDB's order of the type is that of KeyPart, an index can
/// answer; of all others every value is read. Least, greatest and nulls may be of different moments.
absl::StatusOr<SourceReader::ColumnFacts> LookAtMariadbColumn(
    const std::shared_ptr<const MariadbLook>& look, const std::shared_ptr<const KnownMariadbTable>& known,
    std::uint32_t column);

/// See ReadKeyRows(): the rows of these keys, and others that the source's collations take for them, with the
/// columns `read`. All of them are of one moment, where the
/// table's engine has such. Null: there are no keys.
std::unique_ptr<ValueRows> RowsOfMariadbKeys(std::shared_ptr<const MariadbLook> look,
                                             std::shared_ptr<const KnownMariadbTable> known,
                                             std::vector<std::uint32_t> read, WantedKeys keys);

/// Of these keys the rows, and others that the source's collations take for them.
MariadbAsk AskForMariadbKeys(const KnownMariadbTable& known, std::vector<std::uint32_t> columns,
                             const std::vector<Key>& keys);

/// An error while rows of a table are read, as TableReader::Next() promises it.
absl::Status ExplainReading(const absl::Status& status, const MariadbTable& table,
                            const MariadbSource& place);
/// Why the table's rows cannot be read; empty: they can, as far as the catalogs say.
std::string WhyUnreadable(const MariadbTable& table, const MariadbSource& place);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_ROWS_H_
