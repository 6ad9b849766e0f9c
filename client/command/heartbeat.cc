#include "client/command/heartbeat.h"

#include <algorithm>
#include <memory>

#include "client/wire/mirror_client.h"
#include "proto/wire/heartbeat.h"

namespace mirror {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr milliseconds kWithinMin(kHeartbeatWithinMinMs), kWithinMax(kHeartbeatWithinMaxMs);
/// The first one asks how soon the next one is wanted.
constexpr milliseconds kFirst(1'000);
/// Until the source is asked again after a look that proved nothing.
constexpr milliseconds kLookAgain(1'000);
/// After a call that failed: at random between these.
constexpr milliseconds kFailedMin(5'000), kFailedMax(30'000);

/// Whether the same call may succeed later.
bool IsPassing(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsCancelled(status) ||
         absl::IsResourceExhausted(status) || absl::IsUnauthenticated(status);
}

}  // namespace

void HeartbeatSender::Ended(const std::optional<HeartbeatTerms>& terms) {
  next_.reset();
  terms_ = is_unknown_ ? std::nullopt : terms;
  if (!terms_) {
    was_refused_ = false;
    return;
  }
  // The end of the cycle told the times itself.
  next_ = now_() + (within_.count() > 0 ? within_ : kFirst);
}

std::optional<nanoseconds> HeartbeatSender::UntilDue() const {
  if (!next_) return std::nullopt;
  return std::max<nanoseconds>(*next_ - now_(), nanoseconds(0));
}

HeartbeatSender::Sent HeartbeatSender::SendIfDue(ChangeSignal& signal, const std::stop_token& stop) {
  if (!next_ || now_() < *next_) return Sent::kGone;
  const std::optional<Time> quiet = signal.QuietAt(stop);
  const Time now = now_();
  const auto age = quiet ? std::chrono::ceil<milliseconds>(now - *quiet) : milliseconds(-1);
  if (age.count() < 0 || age.count() > kHeartbeatAgeMaxMs) {
    next_ = now + kLookAgain;
    return Sent::kGone;
  }
  return Take(call_(*terms_, age));
}

HeartbeatSender::Sent HeartbeatSender::Take(const absl::StatusOr<milliseconds>& answer) {
  const Time now = now_();
  if (answer.ok()) {
    was_refused_ = false;
    within_ = std::clamp(*answer, kWithinMin, kWithinMax);
    next_ = now + within_;
    return Sent::kGone;
  }
  if (IsPassing(answer.status())) {
    const auto spread = static_cast<double>((kFailedMax - kFailedMin).count()) * random_();
    next_ = now + kFailedMin + milliseconds(static_cast<std::int64_t>(spread));
    return Sent::kGone;
  }
  next_.reset();
  is_unknown_ = absl::IsUnimplemented(answer.status());
  // A second refusal would not be ended by another run.
  const bool asks_for_run = absl::IsAborted(answer.status()) && !was_refused_;
  was_refused_ = asks_for_run;
  return asks_for_run ? Sent::kRefused : Sent::kGone;
}

HeartbeatSender::Call CallEndpoint(const Connection& connection, const std::string& context_id) {
  // Kept from call to call for its token. After a failure the channel may be one that finds no endpoint.
  const auto client = std::make_shared<std::unique_ptr<MirrorClient>>();
  return [&connection, context_id, client](const HeartbeatTerms& terms, milliseconds age) {
    if (*client == nullptr) {
      *client = std::make_unique<MirrorClient>(connection.line->Channel(), connection.identity, context_id);
      (*client)->set_patience(connection.patience);
    }
    absl::StatusOr<milliseconds> answer = (*client)->Heartbeat(terms, age);
    if (IsPassing(answer.status())) client->reset();
    return answer;
  };
}

}  // namespace mirror
