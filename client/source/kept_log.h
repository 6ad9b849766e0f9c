#ifndef MIRROR_CLIENT_SOURCE_KEPT_LOG_H_
#define MIRROR_CLIENT_SOURCE_KEPT_LOG_H_

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>

#include "absl/status/status.h"
#include "client/source/change_signal.h"
#include "client/source/commit_signal.h"

namespace mirror {

/// State of a kind of source that its change log keeps between runs of one process.
class LogKeeper {
 public:
  virtual ~LogKeeper() = default;
  /// Tells of changes that it reads between runs. Lives as long as the keeper.
  CommitSignal& commits() { return commits_; }
  /// Waits until the log was read up to the end that it had at the begin of this call, up to kEndWithin, and
  /// returns that begin. Absent: it was not, or the tables' definitions changed since the last run.
  virtual std::optional<std::chrono::steady_clock::time_point> ReadToEnd(const std::stop_token& /*stop*/) {
    return std::nullopt;
  }

 protected:
  /// `commits` must outlive it.
  explicit LogKeeper(CommitSignal& commits) : commits_(commits) {}

 private:
  CommitSignal& commits_;
};

/// Holds that state for a program that makes more than one run of a source. Threads: one.
struct KeptLog {
  std::shared_ptr<LogKeeper> keeper;
  bool is_missing = false;  ///< The last run found no change log in the source.
};

/// The ChangeSignal of a source whose log is read all the time, from the first run on.
class KeptLogSignal final : public ChangeSignal {
 public:
  /// `kept` is the one of the source's runs. It must outlive this.
  explicit KeptLogSignal(const KeptLog& kept) : kept_(kept) {}

  absl::Status Mark() override;
  bool WritersWait() const override { return false; }
  Heard Wait(std::chrono::nanoseconds most, const std::stop_token& stop) override;
  std::optional<std::chrono::steady_clock::time_point> QuietAt(const std::stop_token& stop) override;

 private:
  const KeptLog& kept_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_KEPT_LOG_H_
