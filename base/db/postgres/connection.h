#ifndef MIRROR_BASE_DB_POSTGRES_CONNECTION_H_
#define MIRROR_BASE_DB_POSTGRES_CONNECTION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/line.h"
#include "base/db/postgres/rows.h"
#include "base/db/postgres/value.h"
#include "base/mutex.h"

struct pg_cancel;
struct pg_conn;

namespace mirror::postgres {

/// Statements that a connection's server has prepared, with their names. A statement is prepared at its
/// second use, because preparing costs a round trip. A new one replaces the least recently used one. Only the
/// files of this folder use it. Threads: one at a time.
class PreparedStatements {
 public:
  explicit PreparedStatements(std::size_t max) : max_(max) {}

  /// Returns the key of a text with the types of its values; other types make another statement.
  static std::string KeyOf(const std::string& sql, Values values);

  struct Use {
    std::string name;                 ///< Empty: run the statement without a name.
    bool has_to_be_prepared = false;  ///< Prepare it first, under this name.
  };
  Use UseOf(const std::string& key);
  /// Removes a statement that could not be prepared, or that the server no longer has.
  void Forget(const std::string& key);
  /// Removes a statement whose plan on the server is no longer valid.
  void Drop(const std::string& key);
  /// Returns the names to deallocate, once.
  std::vector<std::string> TakeDropped();

 private:
  struct Entry {
    std::string key;
    std::string name;
  };
  using Entries = std::list<Entry>;  ///< Most recently used first.

  const std::size_t max_;
  std::uint64_t names_ = 0;
  Entries entries_;
  std::unordered_map<std::string, Entries::iterator> by_key_;
  std::vector<std::string> dropped_;
};

/// Cancels, from another thread, the statement that a connection's server runs: it fails with
/// Trouble::kCancelled. Threads: any; may outlive its connection.
class Canceller {
 public:
  explicit Canceller(pg_conn* connection);
  ~Canceller();
  Canceller(const Canceller&) = delete;
  Canceller& operator=(const Canceller&) = delete;

  /// Opens a connection of its own and waits until it closes. Harmless if no statement runs. Errors:
  /// kFailedPrecondition: the connection commits, which is never cancelled (others would read data that may
  /// not be durable), or it was given back. kUnavailable: the server was not reached.
  absl::Status Cancel() MIRROR_EXCLUDES(mutex_);

  /// Allows or forbids cancelling from now on. Called by the connection. Waits for a running Cancel().
  void Allow(bool allow) MIRROR_EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  pg_cancel* const cancel_;
  bool allowed_ MIRROR_GUARDED_BY(mutex_) = true;
};

class Connection;

/// Streams the rows of a statement. Memory: one row, and the data that libpq has read ahead. The connection
/// must not be used for anything else in the meantime. Destroying the stream before its last row cancels the
/// statement at the server. The connection must outlive the stream.
class RowStream {
 public:
  RowStream(RowStream&& other) noexcept;
  RowStream& operator=(RowStream&&) = delete;
  ~RowStream();

  /// Moves to the next row. False: there is none.
  absl::StatusOr<bool> Step();
  /// Returns true if Step() would not wait, or will not within this time. For callers that check in between
  /// whether to continue.
  bool IsReady(std::chrono::milliseconds within);
  /// Returns rows whose row 0 is the current one.
  const Rows& row() const { return row_; }

 private:
  friend class Connection;
  RowStream(Connection& connection, std::string_view doing) : connection_(&connection), doing_(doing) {}

  Connection* connection_;  ///< Null after the last row.
  std::string doing_;
  Rows row_;
};

/// Longest time for a server to end a cancelled statement.
inline constexpr std::chrono::seconds kGiveUpWithin{5};

/// A connection to a PostgreSQL database. All errors of it and of objects that use it are those of Failure,
/// and kInvalidArgument for values that cannot be sent. After kLost or kCommitUnknown, all later errors are
/// kLost. Threads: one at a time, except for the canceller.
class Connection {
 public:
  /// Errors: those of ReadConninfo(), of a passfile that others may read, of settings that the server
  /// refuses; Failure.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ConnectAs& as);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Runs one or several statements, as one transaction unless they say otherwise, and ignores their rows. Do
  /// not commit an open transaction here: Transaction::Commit() handles a lost answer.
  absl::Status Execute(const std::string& sql, std::string_view doing = "");
  /// Runs one statement, with $1, $2, … for its values. Returns its rows, all in memory.
  absl::StatusOr<Rows> Query(const std::string& sql, Values values = {}, std::string_view doing = "");
  /// Runs one statement that changes rows, and returns their number.
  absl::StatusOr<std::int64_t> Run(const std::string& sql, Values values = {}, std::string_view doing = "");
  /// The same where the number does not matter.
  absl::Status Change(const std::string& sql, Values values = {}, std::string_view doing = "") {
    return Run(sql, values, doing).status();
  }
  /// Runs one statement, or a command of the replication protocol, without values, in the simple protocol:
  /// all values are text, for Rows::View() and Rows::Text().
  absl::StatusOr<Rows> Command(const std::string& command, std::string_view doing = "");
  /// Returns the first value of the first row, a whole number. No such value is an error, too.
  absl::StatusOr<std::int64_t> Number(const std::string& sql, Values values = {},
                                      std::string_view doing = "");
  /// Runs a SELECT to find the types of its columns. The statement is not kept as a prepared one, so it is no
  /// error if the columns of its tables have changed since an earlier call.
  absl::StatusOr<std::vector<Type>> ColumnTypes(const std::string& sql, std::string_view doing = "");
  /// Runs one statement that returns many rows and changes none.
  absl::StatusOr<RowStream> Stream(const std::string& sql, Values values = {}, std::string_view doing = "");

  /// Returns true if the connection is open, as far as is known without asking the server.
  bool IsOpen() const { return line_->IsOpen(); }
  /// Sends a request to the server to check the connection.
  absl::Status Probe();
  bool InTransaction() const { return line_->InTransaction(); }
  /// True outside of a transaction and of a statement.
  bool IsIdle() const { return line_->IsIdle(); }
  /// Sets ConnectAs::answer_within, from the next wait on.
  void SetAnswerWithin(std::chrono::milliseconds within) { line_->SetAnswerWithin(within); }
  std::chrono::milliseconds answer_within() const { return line_->answer_within(); }

  /// Returns a value that the server reports by itself: server_version, server_encoding, in_hot_standby;
  /// empty: it does not report it.
  std::string Setting(const std::string& name) const;
  int server_pid() const;
  const std::shared_ptr<Canceller>& canceller() const { return canceller_; }
  /// Makes the former canceller ineffective, so that its holder cannot cancel for the connection's next user.
  void RenewCanceller();
  void Close() { line_->Close(); }

  // Only for the files of this folder.

  /// Cancels a statement before its end. `ended` discards the data that the server sent meanwhile; it waits
  /// at most the given time, and returns true if the end has come. Cancels again while more data come,
  /// because a server that has not begun with the statement ignores the first request. After kGiveUpWithin
  /// the connection is closed.
  void GiveUp(const std::function<bool(std::chrono::milliseconds)>& ended);

  Line& line() { return *line_; }
  PreparedStatements& prepared() { return prepared_; }
  /// Deallocates unused statements, if the server accepts that now.
  absl::Status DeallocateDropped();
  /// Updates the prepared statements after one of them failed.
  void NoteFailed(const std::string& key, const absl::Status& failed);

 private:
  Connection(std::unique_ptr<Line> line, std::size_t statements_max);
  absl::StatusOr<Result> ExecuteAs(IfLost if_lost, const std::string& sql, std::string_view doing);
  absl::Status SendStatement(const std::string& sql, Values values, IfLost if_lost, std::string_view doing);
  absl::StatusOr<Result> RunOnce(const std::string& sql, Values values, std::string_view doing);

  std::unique_ptr<Line> line_;
  PreparedStatements prepared_;
  std::shared_ptr<Canceller> canceller_;
};

/// Sets ConnectAs::answer_within while it lives, then restores it.
class AnswersWithin {
 public:
  AnswersWithin(Connection& connection, std::chrono::milliseconds within)
      : line_(connection.line()), before_(line_.answer_within()) {
    line_.SetAnswerWithin(within);
  }
  ~AnswersWithin() { line_.SetAnswerWithin(before_); }
  AnswersWithin(const AnswersWithin&) = delete;
  AnswersWithin& operator=(const AnswersWithin&) = delete;

 private:
  Line& line_;
  const std::chrono::milliseconds before_;
};

/// Values in libpq's form. Valid as long as this object lives and is not moved.
class BoundValues {
 public:
  explicit BoundValues(Values values);
  /// Errors: kInvalidArgument: more values, or more bytes in one value, than PostgreSQL allows.
  absl::Status status() const { return status_; }
  int size() const { return static_cast<int>(data_.size()); }
  const unsigned int* types() const { return types_.data(); }
  const char* const* data() const { return data_.data(); }
  const int* sizes() const { return sizes_.data(); }
  const int* formats() const { return formats_.data(); }
  std::size_t bytes() const { return bytes_; }  ///< Sum of all values.

 private:
  absl::Status status_;
  std::vector<unsigned int> types_;
  std::vector<const char*> data_;
  std::vector<int> sizes_, formats_;
  std::size_t bytes_ = 0;
};

/// Checks for a NUL, at which the sent SQL would end. Errors: kInvalidArgument.
absl::Status CheckSql(const std::string& sql);

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_CONNECTION_H_
