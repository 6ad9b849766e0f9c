#include "base/db/postgres/transaction.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror::postgres {
namespace {

/// Returns the BEGIN. It has no READ WRITE: a standby would refuse that with the SQLSTATE for unsupported
/// features. Without it, the standby refuses the first statement that writes.
std::string BeginSql(const BeginAs& as) {
  const char* level = as.repeatable_read ? "REPEATABLE READ" : "READ COMMITTED";
  if (as.serializable) level = "SERIALIZABLE";
  return absl::StrCat("BEGIN ISOLATION LEVEL ", level, as.read_only ? " READ ONLY" : "");
}

/// Name of all savepoints. Nested savepoints may have the same name: the inner one hides the outer one until
/// it is released.
constexpr char kName[] = "mirror_savepoint";

constexpr char kAsking[] = "asking whether commits wait for a standby";

/// Prevents the cancelling of statements during its life.
class NoCancel {
 public:
  explicit NoCancel(const Connection& connection) : canceller_(connection.canceller()) {
    canceller_->Allow(false);
  }
  ~NoCancel() { canceller_->Allow(true); }
  NoCancel(const NoCancel&) = delete;
  NoCancel& operator=(const NoCancel&) = delete;

 private:
  const std::shared_ptr<Canceller> canceller_;
};

}  // namespace

Transaction::~Transaction() {
  if (connection_.InTransaction()) RollBack().IgnoreError();
  if (connection_.IsOpen() && !connection_.IsIdle()) connection_.Close();
}

absl::Status Transaction::Begin(const BeginAs& as, std::string_view doing) {
  Pipeline alone(connection_);
  Begin(alone, as);
  alone.steps_.front().doing = doing;
  return alone.Run().status();
}

void Transaction::Begin(Pipeline& pipeline, const BeginAs& as) const {
  pipeline.begins_ = pipeline.size() == 0;
  pipeline.Queue(BeginSql(as), {}, "beginning a transaction");
}

absl::Status Transaction::Commit(std::string_view doing) {
  Pipeline alone(connection_);
  return Commit(alone, doing).status();
}

absl::StatusOr<std::vector<Rows>> Transaction::Commit(Pipeline& pipeline, std::string_view doing,
                                                      bool* has_standby) {
  const NoCancel no_cancel(connection_);
  const int commit = pipeline.Queue("COMMIT", {}, doing.empty() ? "committing" : doing);
  // PostgreSQL reloads its configuration between two statements. This statement therefore sees a change that
  // ended the wait of the commit.
  if (has_standby != nullptr) pipeline.Queue(kHasStandbySql, {}, kAsking);
  pipeline.commits_ = true;
  pipeline.commit_ = static_cast<std::size_t>(commit);
  absl::StatusOr<std::vector<Rows>> rows = pipeline.Run();
  if (pipeline.failed() > commit) {
    return ToStatus({.trouble = Trouble::kCommitUnknown,
                     .words = "the transaction is committed, but the server did not answer whether a standby "
                              "has it"},
                    kAsking);
  }
  if (!rows.ok()) return rows;
  if (has_standby != nullptr) {
    *has_standby = rows->back().Bool(0, 0);
    rows->pop_back();
  }
  RETURN_IF_ERROR(Committed(rows->back(), doing));
  rows->pop_back();
  return rows;
}

absl::Status Transaction::Committed(const Rows& answer, std::string_view doing) const {
  if (answer.tag() != "COMMIT") {
    return ToStatus({.words = "the transaction was rolled back, because one of its statements had failed"},
                    doing);
  }
  const std::vector<std::string>& warnings = connection_.line().warnings();
  // If the wait for a standby was interrupted, the server sends a warning with the general SQLSTATE 01000.
  if (std::find(warnings.begin(), warnings.end(), "01000") == warnings.end()) return absl::OkStatus();
  return ToStatus(
      {.trouble = Trouble::kNotReplicated,
       .words =
           "the transaction is committed at this server, but its standbys may not have it: it is lost if one "
           "of them takes over"},
      doing);
}

absl::Status Transaction::RollBack(std::string_view doing) {
  return connection_.Query("ROLLBACK", {}, doing.empty() ? "rolling back" : doing).status();
}

Savepoint::~Savepoint() {
  if (is_set_ && connection_.InTransaction()) RollBack().IgnoreError();
}

absl::Status Savepoint::Begin(std::string_view doing) {
  absl::Status set = connection_.Query(absl::StrCat("SAVEPOINT ", kName), {}, doing).status();
  is_set_ = set.ok();
  return set;
}

absl::Status Savepoint::Release(std::string_view doing) {
  is_set_ = false;
  return connection_.Query(absl::StrCat("RELEASE SAVEPOINT ", kName), {}, doing).status();
}

absl::Status Savepoint::RollBack(std::string_view doing) {
  is_set_ = false;
  Pipeline both(connection_);
  both.Queue(absl::StrCat("ROLLBACK TO SAVEPOINT ", kName), {}, doing);
  both.Queue(absl::StrCat("RELEASE SAVEPOINT ", kName), {}, doing);
  return both.Run().status();
}

}  // namespace mirror::postgres
