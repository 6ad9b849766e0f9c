#include "base/db/postgres/transaction.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror::postgres {
namespace {

/// A standby refuses READ WRITE with the error code for unsupported features. Without READ WRITE it refuses
/// the first statement that writes.
std::string BeginSql(const BeginAs& as) {
  const char* level = as.repeatable_read ? "REPEATABLE READ" : "READ COMMITTED";
  if (as.serializable) level = "SERIALIZABLE";
  return absl::StrCat("BEGIN ISOLATION LEVEL ", level, as.read_only ? " READ ONLY" : "");
}

/// A nested savepoint with the same name hides the outer one until its release, so they may share the name.
constexpr char kName[] = "mirror_savepoint";

constexpr char kAsking[] = "asking whether commits wait for a standby";

/// No statement is cancelled while it lives.
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
  // PostgreSQL reloads its configuration between two statements: this one sees what ended the commit's wait.
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
  // The wait for a standby was interrupted: a warning without a condition of its own.
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
