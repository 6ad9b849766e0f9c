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

/// The statements that the server of a connection has prepared, with their names. A statement is prepared at
/// its second use, because preparing costs a round trip. When the list is full, a new statement replaces the
/// least recently used one. Only the files of this folder use it. Threads: one at a time.
class PreparedStatements {
 public:
  explicit PreparedStatements(std::size_t max) : max_(max) {}

  /// Returns the key for a text and the types of its values. The same text with other types is another
  /// statement.
  static std::string KeyOf(const std::string& sql, Values values);

  struct Use {
    std::string name;                 ///< Empty: run the statement without a name.
    bool has_to_be_prepared = false;  ///< The caller has to prepare the statement first, under this name.
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

/// Cancels the statement that a connection is running, from another thread. The statement then fails with
/// Trouble::kCancelled. Threads: any. May outlive its connection.
class Canceller {
 public:
  explicit Canceller(pg_conn* connection);
  ~Canceller();
  Canceller(const Canceller&) = delete;
  Canceller& operator=(const Canceller&) = delete;

  /// Sends the request over a connection of its own, and waits until that is closed. Without a running
  /// statement the request has no effect. Errors: kFailedPrecondition: the connection is committing, or it
  /// was given back to its pool. A commit is never cancelled: others would then read data that may not be
  /// durable. kUnavailable: the server was not reached.
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
  /// Waits until Step() would return at once, at most this time; returns true if it would. For callers that
  /// check meanwhile whether they should continue.
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

/// A connection to a PostgreSQL database. Its errors, and those of objects that use it, are those of Failure,
/// and kInvalidArgument for values that cannot be sent. After kLost or kCommitUnknown, all later errors are
/// kLost. Threads: one at a time, except for the canceller.
class Connection {
 public:
  /// Connects. Errors: those of ReadConninfo() and of ReadKeyFile() for the passfile; a Failure, also for
  /// settings that the server refuses.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ConnectAs& as);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Runs one or several statements and ignores their rows. Without BEGIN and COMMIT among them they form one
  /// transaction. Do not commit an open transaction with this call: only Transaction::Commit() handles a lost
  /// answer.
  absl::Status Execute(const std::string& sql, std::string_view doing = "");
  /// Runs one statement, in which $1, $2, … are the values. Returns its rows, all in memory.
  absl::StatusOr<Rows> Query(const std::string& sql, Values values = {}, std::string_view doing = "");
  /// Runs one statement that changes rows, and returns their number.
  absl::StatusOr<std::int64_t> Run(const std::string& sql, Values values = {}, std::string_view doing = "");
  /// Runs one statement that changes rows, for callers that do not need the number.
  absl::Status Change(const std::string& sql, Values values = {}, std::string_view doing = "") {
    return Run(sql, values, doing).status();
  }
  /// Runs one statement without parameters, or a command of the replication protocol, in the simple protocol.
  /// All values of the result are texts: read them with Rows::View() or Rows::Text().
  absl::StatusOr<Rows> Command(const std::string& command, std::string_view doing = "");
  /// Runs one statement and returns the first value of the first row, a whole number. It is an error if there
  /// is no such value.
  absl::StatusOr<std::int64_t> Number(const std::string& sql, Values values = {},
                                      std::string_view doing = "");
  /// Runs a SELECT to find the types of its columns. The statement is not prepared for later calls. The
  /// columns of its tables may therefore change between two calls.
  absl::StatusOr<std::vector<Type>> ColumnTypes(const std::string& sql, std::string_view doing = "");
  /// Runs one statement that returns many rows and changes none.
  absl::StatusOr<RowStream> Stream(const std::string& sql, Values values = {}, std::string_view doing = "");

  /// Returns true if the connection is open, as far as is known without asking the server.
  bool IsOpen() const { return line_->IsOpen(); }
  /// Sends a request to the server to check the connection.
  absl::Status Probe();
  bool InTransaction() const { return line_->InTransaction(); }
  /// Returns true if neither a transaction nor a statement is running.
  bool IsIdle() const { return line_->IsIdle(); }
  /// Changes ConnectAs::answer_within for all later waits.
  void SetAnswerWithin(std::chrono::milliseconds within) { line_->SetAnswerWithin(within); }
  std::chrono::milliseconds answer_within() const { return line_->answer_within(); }

  /// Returns the value of a setting that the server reports without a query, such as server_version,
  /// server_encoding or in_hot_standby. Empty: the server does not report it.
  std::string Setting(const std::string& name) const;
  int server_pid() const;
  const std::shared_ptr<Canceller>& canceller() const { return canceller_; }
  /// Makes a new canceller. The former one has no effect any more, so that its holder cannot cancel a
  /// statement of the connection's next user.
  void RenewCanceller();
  void Close() { line_->Close(); }

  // Only for the files of this folder.

  /// Cancels a statement before its end. `ended` discards the data that the server sends meanwhile, waits at
  /// most the given time, and returns true when the statement has ended. As long as more data come, the
  /// request is repeated: a server that has not yet begun with the statement ignores a request. After
  /// kGiveUpWithin the connection is closed.
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

/// Changes ConnectAs::answer_within as long as this object lives. The destructor restores the former value.
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

/// Values in libpq's form. Its pointers are valid as long as this object lives and is not moved.
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
  std::size_t bytes() const { return bytes_; }  ///< Returns the sum of the bytes of all values.

 private:
  absl::Status status_;
  std::vector<unsigned int> types_;
  std::vector<const char*> data_;
  std::vector<int> sizes_, formats_;
  std::size_t bytes_ = 0;
};

/// Checks that a text contains no NUL, at which the sent SQL would end. Errors: kInvalidArgument.
absl::Status CheckSql(const std::string& sql);

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_CONNECTION_H_
