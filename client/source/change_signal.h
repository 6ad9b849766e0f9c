#ifndef MIRROR_CLIENT_SOURCE_CHANGE_SIGNAL_H_
#define MIRROR_CLIENT_SOURCE_CHANGE_SIGNAL_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>

#include "absl/status/status.h"

namespace mirror {

/// Finds out between runs that a source has changes to send, so that the next run need not wait for its
/// time. It reads only what it needs for that, sends nothing and writes nothing.
///
/// Threads: one.
class ChangeSignal {
 public:
  virtual ~ChangeSignal() = default;

  /// Call this before a run. Everything that a run begun now would read counts as known from here on. Errors:
  /// also kFailedPrecondition: the source has no change log, so that changes cannot be distinguished from
  /// other writes.
  virtual absl::Status Mark() = 0;

  enum class Heard : std::uint8_t {
    kChange,   ///< The source has something that a run would send, or it is not the one of Mark() any more.
    kNothing,  ///< No change in this time, or the wait was stopped.
    kLost,     ///< The source cannot be read, or Mark() failed. A run says why.
  };
  /// Whether an application that writes has to wait while the source is read.
  virtual bool WritersWait() const = 0;

  /// Waits at most `most` for a change since Mark(). After any result but kNothing, call Mark() before the
  /// next Wait().
  virtual Heard Wait(std::chrono::nanoseconds most, const std::stop_token& stop) = 0;

  /// Looks whether the source has anything that the run since Mark() did not send, whatever kind of change it
  /// is, and returns the begin of that look, or of an earlier one that could not be repeated. It may ask the
  /// source, up to kEndWithin. Absent: there is something to send, or no look since Mark() proves otherwise.
  virtual std::optional<std::chrono::steady_clock::time_point> QuietAt(const std::stop_token& stop) = 0;
};

/// Limit for the wait of ChangeSignal::QuietAt() for a source's log.
inline constexpr std::chrono::milliseconds kEndWithin(1'000);

/// The error of ChangeSignal::Mark() for a source without a change log.
inline absl::Status CannotFollow() {
  return absl::FailedPreconditionError(
      "'follow' is set, and the source has no change log, so its runs begin by 'interval' alone. Run "
      "'mirror-agent install'");
}

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CHANGE_SIGNAL_H_
