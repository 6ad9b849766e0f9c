#ifndef MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_SIGNAL_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_SIGNAL_H_

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/statement.h"
#include "base/file_watch.h"
#include "client/source/change_signal.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {

/// The ChangeSignal of a SQLite database with a change log. It keeps a connection open between runs, outside
/// of transactions, so that the source's WAL can be checkpointed.
///
/// `PRAGMA data_version` of that connection tells that anybody committed. Then the ends of the logs are read:
/// only a new entry, another list of logs, another schema, another owner or another file is a change. The
/// agent's own records, checkpoints and writes to unlogged tables are not.
///
/// Looks: after an event of the file system 1, 2, 5, 10, 20, 50, 100, 200, 500 ms and 1 s later, as frames of
/// a WAL are written before the commit, and the commit itself becomes visible through a memory map without
/// any event; without events once a second; 10 times a second where events do not come. A lock that another
/// program holds only postpones a look. The ends of the logs are read 20 times a second at most.
class SqliteSignal final : public ChangeSignal {
 public:
  /// `watcher` must outlive it.
  SqliteSignal(std::string path, FileWatcher& watcher) : path_(std::move(path)), watcher_(watcher) {}

  absl::Status Mark() override;
  bool WritersWait() const override { return file_ != nullptr && !file_->wal(); }
  Heard Wait(std::chrono::nanoseconds most, const std::stop_token& stop) override;
  std::optional<std::chrono::steady_clock::time_point> QuietAt(const std::stop_token& stop) override;

 private:
  using Time = std::chrono::steady_clock::time_point;

  /// The part of the source that tells whether a run would find something to send.
  struct State {
    std::int64_t schema = 0;                    ///< PRAGMA schema_version.
    std::string owner;                          ///< The row of `_mirror_owner`.
    std::map<std::int64_t, std::int64_t> ends;  ///< The highest entry of each log; 0: it is empty.
  };
  /// The file that a path leads to.
  struct Place {
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };

  /// Absent: the path leads to no file.
  std::optional<Place> Find() const;
  absl::Status Open();
  void Close();
  absl::StatusOr<State> Read();
  /// One look. Errors: also kUnavailable: a lock of another program.
  absl::StatusOr<bool> HasChanged();
  /// Time until the next look, if no event comes.
  std::chrono::nanoseconds UntilNextLook();

  const std::string path_;
  FileWatcher& watcher_;
  std::unique_ptr<SqliteFile> file_;  ///< Null: closed. Statements below are of it.
  std::unique_ptr<FileWatcher::Watch> watch_;
  Place place_;
  State marked_;
  std::map<std::int64_t, sqlite::Statement> ends_;  ///< By log, the statement that reads its end.
  std::int64_t version_ = -1;                       ///< PRAGMA data_version at the last reading of the ends.
  Time read_ = {};                                  ///< Time of that reading.
  std::size_t looks_ = 0;                           ///< Since the last event.
  std::optional<Time> quiet_;  ///< Begin of the last look that found nothing; absent after a commit.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_SIGNAL_H_
