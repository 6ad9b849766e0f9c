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

/// A statement of a mirror file that is in use, see sqlite::StatementCache.
using Query = sqlite::Statement;

enum class MirrorUse : std::uint8_t {
  kMirror,    ///< A log, synced at each commit. Others read the file meanwhile.
  kBuilding,  ///< Not open elsewhere, and may be lost in a crash: journal in memory, no sync.
  kReading,   ///< A mirror, to be read only.
  kClaim,  ///< A few rows beside a mirror that is being built: a persistent journal, synced at each commit.
  kClaimWithoutSync,  ///< As kClaim, but a loss of power may lose commits; a kill does not.
};

/// A connection of a writer or a reader to one mirror file. It disables risky features that Debian's SQLite
/// leaves enabled. Threads: none; NOMUTEX.
class SqliteConnection {
 public:
  /// How long a statement waits for another connection's lock.
  static constexpr int kBusyTimeoutMs = 5'000;

  /// Opens the file. Errors:
  ///   kNotFound when the file does not exist and `create` is false;
  ///   kFailedPrecondition when another program made the file, which is left unchanged.
  /// `checkpointer`: see SqliteLog; must outlive the connection, may be null.
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(const std::string& path, bool create,
                                                                MirrorUse use, Checkpointer* checkpointer);
  /// Checkpoints and truncates the log. It keeps the log if the file was replaced or is being built, or after
  /// KeepLog(true). It also keeps the log if the disk lost copied pages, because then only the log has them.
  ~SqliteConnection();
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  sqlite3* handle() const;
  const std::string& path() const { return path_; }
  bool building() const { return use_ == MirrorUse::kBuilding; }
  BatchTable& batch_table() { return batch_table_; }

  const sqlite::Connection& database() const { return *database_; }
  absl::Status Execute(const std::string& sql);
  /// Returns the number of rows that the last INSERT, UPDATE or DELETE changed.
  std::int64_t Changes() const { return database_->Changes(); }
  /// Prepares a statement, or reuses the cached one with the same text.
  absl::StatusOr<Query> Prepare(const std::string& sql);
  /// Returns the raw statement, reset and without bindings. For the hot path.
  absl::StatusOr<sqlite3_stmt*> Statement(const std::string& sql);
  /// Limits the number of cached statements. No statement may be in use.
  void TrimStatements();
  /// See StoreUpkeep::Scrub. Only for kMirror.
  absl::Status Rewrite();
  /// Called before operations that fail while statements are open.
  void ForgetStatements() { statements_.Forget(); }

  /// Returns whether the path still names the open file.
  bool SameFile() const;
  /// Stores which log and which index of it this connection has open. Called once a transaction has created
  /// them.
  void KnowLog();
  /// Returns whether the paths of log and index still name the open ones. What is written to a log without a
  /// name is lost with this process.
  bool SameLog() const;
  /// Returns whether another log, which is not empty, has replaced this one.
  bool OtherLog() const;
  /// Copies the log into the file and empties it, even if the log has lost its name: so nothing is lost.
  /// False: a reader needs the log for longer than `patience_ms`, the disk refuses, or OtherLog().
  /// WhyLogStays() in sqlite_files.h says which.
  bool EmptyLog(int patience_ms);
  /// See SqliteLog::code().
  int log_code() const { return log_ ? log_->code() : 0; }
  /// Sets whether the destructor leaves the log unchanged.
  void KeepLog(bool keep) { keep_log_ = keep; }
  /// Called after each commit.
  void Committed();
  /// Returns whether the disk lost pages that were copied from the log into the file.
  bool LostPages() const;
  /// Closes helper connections to the file until the next commit, see StoreUpkeep.
  void StandAlone();
  /// Returns the size of the log in bytes.
  std::uint64_t WalBytes() const;

  /// Converts SQLite's result code. `what` is the beginning of the sentence ("writing table 't'").
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

  BatchTable batch_table_;  ///< Must outlive the connection, which refers to it.
  std::unique_ptr<sqlite::Connection> database_;
  sqlite::StatementCache statements_;
  std::string path_, log_path_, index_path_;
  MirrorUse use_;
  std::optional<FileId> file_, wal_, index_;
  bool keep_log_ = false;
  std::unique_ptr<SqliteLog> log_;  ///< Only for a mirror.
};

/// Runs a statement without result rows. Keeps the statement cached by its text.
absl::Status ExecuteKept(SqliteConnection& connection, const std::string& sql);
/// Returns the first number of a statement's result. Keeps the statement cached by its text.
absl::StatusOr<std::int64_t> ReadNumber(SqliteConnection& connection, const std::string& sql);

/// Returns the status for a result code of SQLite, with a sentence for people.
absl::Status SqliteStatus(int code, int extended, std::string_view what, std::string_view detail);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_CONNECTION_H_
