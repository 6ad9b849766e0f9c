#ifndef MIRROR_BASE_DB_POSTGRES_PIPELINE_H_
#define MIRROR_BASE_DB_POSTGRES_PIPELINE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"

namespace mirror::postgres {

/// Statements that are sent together in one round trip. Outside of a transaction they form one transaction. A
/// COPY is not possible. Threads: one at a time.
class Pipeline {
 public:
  explicit Pipeline(Connection& connection) : connection_(connection) {}

  /// Queues a statement; texts and bytes of the values must live until Run(). Returns its number, from 0.
  int Queue(const std::string& sql, Values values = {}, std::string_view doing = "");
  int size() const { return static_cast<int>(steps_.size()); }

  /// Runs the queue, which is then empty, and returns the rows of each statement. Errors: that of the first
  /// failed statement, with its `doing`; failed() returns its number. Statements after it were not run.
  /// Outside of a transaction the statements before it are rolled back.
  absl::StatusOr<std::vector<Rows>> Run();
  /// Returns the number of the statement that failed in the last Run(). -1: no statement failed, or it is not
  /// known which, such as when the connection was lost.
  int failed() const { return failed_; }

 private:
  /// Greatest number of statements that are sent before their answers are read.
  static constexpr std::size_t kStepsAtOnce = 500;

  friend class Transaction;
  struct Step {
    std::string sql;
    std::vector<Value> values;
    std::string doing;
  };
  /// A message that was sent for a step. Some steps are prepared before they run.
  struct Sent {
    std::size_t step = 0;
    bool prepares = false;
    std::string key;
  };
  absl::Status Enter(const std::vector<Step>& steps);
  absl::StatusOr<std::vector<Sent>> Send(const std::vector<Step>& steps, std::size_t from, std::size_t to);
  absl::Status SendEnd(const std::vector<Step>& steps);
  /// Reads the results of the steps that were sent; returns the first failure.
  absl::Status Read(const std::vector<Step>& steps, const std::vector<Sent>& sent, std::vector<Rows>& rows);
  absl::Status SendStep(const Step& step, std::size_t number, std::vector<Sent>& sent);
  absl::Status ReadOne(const std::string& doing, Result& last);
  absl::Status ReadEnd(std::string_view doing);

  Connection& connection_;
  std::vector<Step> steps_;
  bool begins_ = false;     ///< The first statement is BEGIN.
  bool commits_ = false;    ///< The end of the pipeline commits.
  std::size_t commit_ = 0;  ///< With `commits_`: the number of the COMMIT; 0: there is none.
  int failed_ = -1;
};

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_PIPELINE_H_
