#ifndef MIRROR_CLIENT_COMMAND_HEARTBEAT_H_
#define MIRROR_CLIENT_COMMAND_HEARTBEAT_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/change_signal.h"
#include "client/wire/connect.h"
#include "client/wire/heartbeat_terms.h"

namespace mirror {

/// Tells the endpoint between two runs of a followed source that the source has nothing to send, so that its
/// tables stay fresh in the mirror. See Heartbeat in mirror_client.proto. Threads: one.
class HeartbeatSender {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// As MirrorClient::Heartbeat().
  using Call = std::function<absl::StatusOr<std::chrono::milliseconds>(const HeartbeatTerms& terms,
                                                                       std::chrono::milliseconds age)>;

  /// `random` returns numbers from 0 to 1.
  HeartbeatSender(Call call, std::function<Time()> now, std::function<double()> random)
      : call_(std::move(call)), now_(std::move(now)), random_(std::move(random)) {}

  /// To be called before each run: until Ended() none is sent.
  void Begun() { next_.reset(); }
  /// To be called after each run. Absent: none is sent until the next run.
  void Ended(const std::optional<HeartbeatTerms>& terms);

  /// Time until the next one is due, 0: now. Absent: none is sent before the next run.
  std::optional<std::chrono::nanoseconds> UntilDue() const;

  enum class Sent : std::uint8_t {
    kGone,     ///< None is due, or the attempt is over; UntilDue() has the time of the next one.
    kRefused,  ///< The endpoint asks for a run.
  };
  /// Sends one if it is due, and if `signal` proves that there is nothing to send.
  Sent SendIfDue(ChangeSignal& signal, const std::stop_token& stop);

 private:
  Sent Take(const absl::StatusOr<std::chrono::milliseconds>& answer);

  const Call call_;
  const std::function<Time()> now_;
  const std::function<double()> random_;
  std::optional<HeartbeatTerms> terms_;
  std::optional<Time> next_;             ///< Absent: see UntilDue().
  std::chrono::milliseconds within_{0};  ///< By the last answer; 0: there was none.
  bool was_refused_ = false;             ///< The last one; the run that followed is the endpoint's wish.
  bool is_unknown_ = false;              ///< The endpoint does not know the call.
};

/// Calls the endpoint by connections of its own. `connection` must outlive the result.
HeartbeatSender::Call CallEndpoint(const Connection& connection, const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_HEARTBEAT_H_
