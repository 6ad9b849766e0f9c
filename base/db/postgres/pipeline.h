#ifndef MIRROR_BASE_DB_POSTGRES_PIPELINE_H_
#define MIRROR_BASE_DB_POSTGRES_PIPELINE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"

namespace mirror::postgres {

/// Several statements that are sent together and answered together: one round trip. Outside of a transaction
/// they are one. COPY cannot be among them. Threads: one at a time.
class Pipeline {
 public:
  explicit Pipeline(Connection& connection) : connection_(connection) {}

  /// Texts and bytes of the values live until Run(). The result: its number, from 0.
  int Queue(const std::string& sql, Values values = {}, std::string_view doing = "");
  int size() const { return static_cast<int>(steps_.size()); }

  /// What each of them gave; nothing is queued any more. Errors: that of the first statement that failed,
  /// named by its `doing`, and failed(). None behind it was run, and outside of a transaction none before it
  /// lasts.
  absl::StatusOr<std::vector<Rows>> Run();
  /// The number of the statement that failed in the last Run(); -1: none, or not one alone, as when the
  /// connection is lost.
  int failed() const { return failed_; }

 private:
  static constexpr std::size_t kStepsAtOnce = 500;  ///< Before their answers are read.

  friend class Transaction;
  struct Step {
    std::string sql;
    std::vector<Value> values;
    std::string doing;
  };
  /// What was sent: some steps are prepared before they run.
  struct Sent {
    std::size_t step = 0;
    bool prepares = false;
    std::string key;
  };
  absl::Status Enter(const std::vector<Step>& steps);
  absl::StatusOr<std::vector<Sent>> Send(const std::vector<Step>& steps, std::size_t from, std::size_t to);
  absl::Status SendEnd(const std::vector<Step>& steps);
  /// What came of those; the first failure.
  absl::Status Read(const std::vector<Step>& steps, const std::vector<Sent>& sent, std::vector<Rows>& rows);
  absl::Status SendStep(const Step& step, std::size_t number, std::vector<Sent>& sent);
  absl::Status ReadOne(const std::string& doing, Result& last);
  absl::Status ReadEnd(std::string_view doing);

  Connection& connection_;
  std::vector<Step> steps_;
  bool begins_ = false;     ///< The first is BEGIN.
  bool commits_ = false;    ///< Its end commits.
  std::size_t commit_ = 0;  ///< With `commits_`: the number of COMMIT; 0: there is none.
  int failed_ = -1;
};

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_PIPELINE_H_
