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

// For this room.

namespace mirror::postgres {

/// Which texts a connection's server has prepared, under which names. A text is prepared when it is used for
/// the second time: preparing costs a round trip. The one that was not used for longest goes for a new one.
/// Threads: one at a time.
class PreparedStatements {
 public:
  explicit PreparedStatements(std::size_t max) : max_(max) {}

  /// A text with the types of its values is one statement; with other types it is another one.
  static std::string KeyOf(const std::string& sql, Values values);

  struct Use {
    std::string name;                 ///< Empty: run it without a name.
    bool has_to_be_prepared = false;  ///< First, under this name.
  };
  Use UseOf(const std::string& key);
  /// Preparing it failed, or the server knows it no more.
  void Forget(const std::string& key);
  /// The server's plan is of no use any more.
  void Drop(const std::string& key);
  /// Names that are to be deallocated, once.
  std::vector<std::string> TakeDropped();

 private:
  struct Entry {
    std::string key;
    std::string name;
  };
  using Entries = std::list<Entry>;  ///< Used last: first.

  const std::size_t max_;
  std::uint64_t names_ = 0;
  Entries entries_;
  std::unordered_map<std::string, Entries::iterator> by_key_;
  std::vector<std::string> dropped_;
};

/// Ends what a connection's server is at work on, from another thread: the statement fails with
/// Trouble::kCancelled. Threads: any, and it may outlive its connection.
class Canceller {
 public:
  explicit Canceller(pg_conn* connection);
  ~Canceller();
  Canceller(const Canceller&) = delete;
  Canceller& operator=(const Canceller&) = delete;

  /// Opens a connection of its own and waits for its end. Harmless when nothing is at work. Errors:
  /// kFailedPrecondition: the connection commits, which is never cancelled, since others then read what may
  /// not last; or it was given back. kUnavailable: the server was not reached.
  absl::Status Cancel() MIRROR_EXCLUDES(mutex_);

  /// For its connection: from here on it does, or does not. Waits for a Cancel() that is under way.
  void Allow(bool allow) MIRROR_EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  pg_cancel* const cancel_;
  bool allowed_ MIRROR_GUARDED_BY(mutex_) = true;
};

class Connection;

/// The rows of a statement one by one, as they come: never more of them in memory than one, and what libpq
/// has read ahead. Nothing else is done with the connection meanwhile. One that is left before its end is
/// cancelled at the server. The connection outlives it.
class RowStream {
 public:
  RowStream(RowStream&& other) noexcept;
  RowStream& operator=(RowStream&&) = delete;
  ~RowStream();

  /// False: that were all.
  absl::StatusOr<bool> Step();
  /// Whether Step() would not wait, or does not any more within this time: between two looks at whether to go
  /// on.
  bool IsReady(std::chrono::milliseconds within);
  /// Row 0 of it is the one at which this stands.
  const Rows& row() const { return row_; }

 private:
  friend class Connection;
  RowStream(Connection& connection, std::string_view doing) : connection_(&connection), doing_(doing) {}

  Connection* connection_;  ///< Null: at its end.
  std::string doing_;
  Rows row_;
};

/// How long a server may take to end what is given up.
inline constexpr std::chrono::seconds kGiveUpWithin{5};

/// A connection to a PostgreSQL database. All errors of it and of what works on it are those of Failure, but
/// for kInvalidArgument of what cannot be sent. Once one is Trouble::kLost or kCommitUnknown, all others are
/// kLost. Threads: one at a time, but for the canceller.
class Connection {
 public:
  /// Errors: those of ReadConninfo(), of a passfile that others may read, of settings the server refuses;
  /// Failure.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ConnectAs& as);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Runs one statement or several, as one transaction unless they say otherwise; whatever rows they give. A
  /// transaction that has begun is committed by Transaction::Commit(), which knows what a lost answer means.
  absl::Status Execute(const std::string& sql, std::string_view doing = "");
  /// One statement, with $1, $2, … for its values. The rows are whole in memory.
  absl::StatusOr<Rows> Query(const std::string& sql, Values values = {}, std::string_view doing = "");
  /// The same for one that changes rows: how many.
  absl::StatusOr<std::int64_t> Run(const std::string& sql, Values values = {}, std::string_view doing = "");
  /// One statement, or a command of the replication protocol, without values: by the simple protocol, so that
  /// all that comes is text, for Rows::View() and Rows::Text().
  absl::StatusOr<Rows> Command(const std::string& command, std::string_view doing = "");
  /// The first value of the first row, a whole number. Errors: also when there is none.
  absl::StatusOr<std::int64_t> Number(const std::string& sql, Values values = {},
                                      std::string_view doing = "");
  /// Of which types the columns of a SELECT are, that is run for this. Never prepared: one whose columns have
  /// become others is no error.
  absl::StatusOr<std::vector<Type>> ColumnTypes(const std::string& sql, std::string_view doing = "");
  /// One that gives many rows and changes none.
  absl::StatusOr<RowStream> Stream(const std::string& sql, Values values = {}, std::string_view doing = "");

  /// Whether it is there as far as is known without asking the server.
  bool IsOpen() const { return line_->IsOpen(); }
  /// Asks the server.
  absl::Status Probe();
  bool InTransaction() const { return line_->InTransaction(); }
  /// Neither in a transaction nor in a statement.
  bool IsIdle() const { return line_->IsIdle(); }
  /// See ConnectAs::answer_within; from the next wait on.
  void SetAnswerWithin(std::chrono::milliseconds within) { line_->SetAnswerWithin(within); }
  std::chrono::milliseconds answer_within() const { return line_->answer_within(); }

  /// What the server reports without being asked: server_version, server_encoding, in_hot_standby; empty: it
  /// does not report that.
  std::string Setting(const std::string& name) const;
  int server_pid() const;
  const std::shared_ptr<Canceller>& canceller() const { return canceller_; }
  /// The one so far cancels nothing any more: who has it is not to reach who has the connection next.
  void RenewCanceller();
  void Close() { line_->Close(); }

  // For this room.

  /// Ends a statement before its end: it is cancelled, and what it has sent meanwhile is thrown away by
  /// `ended`, which waits for so long at most and tells whether all has come. Cancelled again while more
  /// comes: a server that has not begun with the statement yet passes over it. Not within kGiveUpWithin: the
  /// connection is closed.
  void GiveUp(const std::function<bool(std::chrono::milliseconds)>& ended);

  Line& line() { return *line_; }
  PreparedStatements& prepared() { return prepared_; }
  /// Deallocates what is not used any more, where the server takes that.
  absl::Status DeallocateDropped();
  /// Keeps the books after an error of a prepared statement.
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

/// While it lives, answers are waited for so long: see ConnectAs::answer_within. Then as before.
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

/// Values as libpq wants them. They live as long as this, and as long as this does not move.
class BoundValues {
 public:
  explicit BoundValues(Values values);
  /// Errors: kInvalidArgument: there are more of them, or more bytes in one, than PostgreSQL takes.
  absl::Status status() const { return status_; }
  int size() const { return static_cast<int>(data_.size()); }
  const unsigned int* types() const { return types_.data(); }
  const char* const* data() const { return data_.data(); }
  const int* sizes() const { return sizes_.data(); }
  const int* formats() const { return formats_.data(); }
  std::size_t bytes() const { return bytes_; }  ///< Of all of them.

 private:
  absl::Status status_;
  std::vector<unsigned int> types_;
  std::vector<const char*> data_;
  std::vector<int> sizes_, formats_;
  std::size_t bytes_ = 0;
};

/// What is sent as SQL ends where a NUL stands. Errors: kInvalidArgument.
absl::Status CheckSql(const std::string& sql);

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_CONNECTION_H_
