#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_CONNECTION_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_CONNECTION_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/connection.h"
#include "base/db/sqlite/statement.h"
#include "server/store/sqlite/file/sqlite_batch_table.h"
#include "server/store/sqlite/file/sqlite_log.h"

struct sqlite3;
struct sqlite3_stmt;

namespace mirror {

/// A statement of a mirror file, in use; see sqlite::StatementCache.
using Query = sqlite::Statement;

enum class MirrorUse : std::uint8_t {
  kMirror,    ///< Log, synced at each commit; others read it meanwhile.
  kBuilding,  ///< Nobody else opens it, and a crash may leave it as it likes: journal in memory, no sync.
  kReading,   ///< A mirror, only to be read.
  kClaim,  ///< A few rows beside a mirror that is being built: a journal that stays, synced at each commit.
  kClaimWithoutSync,  ///< The same; a commit survives the process, and a loss of power may take all of it.
};

/// A connection to one mirror file: its writer, or a reader beside it, with everything that Debian's SQLite
/// leaves open shut. Threads: none; NOMUTEX.
class SqliteConnection {
 public:
  /// How long a statement waits for another's lock.
  static constexpr int kBusyTimeoutMs = 5'000;

  ///   kNotFound when the file is not there and `create` is false;
  ///   kFailedPrecondition when another program made it, and then it is left as it is.
  /// `checkpointer`: see SqliteLog; outlives the connection, may be null.
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(const std::string& path, bool create,
                                                                MirrorUse use, Checkpointer* checkpointer);
  /// Checkpoints and truncates the log, unless the file was replaced or is only being built, KeepLog() was
  /// called, or the disk did not keep what was copied: then the log alone has it.
  ~SqliteConnection();
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  sqlite3* handle() const;
  const std::string& path() const { return path_; }
  bool building() const { return use_ == MirrorUse::kBuilding; }
  BatchTable& batch_table() { return batch_table_; }

  const sqlite::Connection& database() const { return *database_; }
  absl::Status Execute(const std::string& sql);
  /// Rows that the last INSERT, UPDATE or DELETE changed.
  std::int64_t Changes() const { return database_->Changes(); }
  /// The statement is kept and found again by its text.
  absl::StatusOr<Query> Prepare(const std::string& sql);
  /// For the hot path: the statement itself, reset, without bindings.
  absl::StatusOr<sqlite3_stmt*> Statement(const std::string& sql);
  /// Keeps their number bounded; no statement may be in use.
  void TrimStatements();
  /// See StoreUpkeep::Scrub. For kMirror.
  absl::Status Rewrite();
  /// Before anything that no statement may be open for.
  void ForgetStatements() { statements_.Forget(); }

  /// The path leads to the file that is open.
  bool SameFile() const;
  /// Remembers which log, and which index of it, are this connection's own. Called once a transaction has
  /// made them.
  void KnowLog();
  /// Their paths lead to those that are open. What is written to a log without a name is lost with this
  /// process.
  bool SameLog() const;
  /// Another log, which is not empty, stands in the place of this one.
  bool OtherLog() const;
  /// Copies the log into the file and empties it; one that has lost its name, too, so that nothing of it is
  /// lost. False: a reader holds it, for `patience_ms` at least, the disk does not take it, or OtherLog();
  /// WhyLogStays() in sqlite_files.h tells them apart.
  bool EmptyLog(int patience_ms);
  /// See SqliteLog::code().
  int log_code() const { return log_ ? log_->code() : 0; }
  /// Closing leaves the log as it is, or not.
  void KeepLog(bool keep) { keep_log_ = keep; }
  /// After each commit.
  void Committed();
  /// The disk did not take what was copied from the log into the file.
  bool LostPages() const;
  /// Nobody but this connection has the file open on its behalf, until the next commit; see StoreUpkeep.
  void StandAlone();
  /// Size of the log.
  std::uint64_t WalBytes() const;

  /// By SQLite's result code. `what` begins the sentence ("writing table 't'").
  absl::Status ToStatus(int code, std::string_view what) const;

  struct FileId {
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const FileId&, const FileId&) = default;
  };

 private:
  SqliteConnection(std::unique_ptr<sqlite::Connection> database, std::string path, MirrorUse use);
  absl::Status Configure(bool fresh, Checkpointer* checkpointer);
  absl::Status CheckIsMirror();
  absl::Status ConfigureMirror(Checkpointer* checkpointer);
  sqlite3* OpenBeside() const;
  absl::Status ConfigureBuilding();

  BatchTable batch_table_;  ///< Outlives the connection, which knows it.
  std::unique_ptr<sqlite::Connection> database_;
  sqlite::StatementCache statements_;
  std::string path_, log_path_, index_path_;
  MirrorUse use_;
  std::optional<FileId> file_, wal_, index_;
  bool keep_log_ = false;
  std::unique_ptr<SqliteLog> log_;  ///< Of a mirror.
};

/// Runs a statement without rows. It is kept, and found again by its text.
absl::Status ExecuteKept(SqliteConnection& connection, const std::string& sql);
/// The first number that a statement gives. The statement is kept, and found again by its text.
absl::StatusOr<std::int64_t> ReadNumber(SqliteConnection& connection, const std::string& sql);

/// The status that a result code of SQLite means, and the sentence for people.
absl::Status SqliteStatus(int code, int extended, std::string_view what, std::string_view detail);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_CONNECTION_H_
