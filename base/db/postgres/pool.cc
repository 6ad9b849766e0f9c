#include "base/db/postgres/pool.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mirror::postgres {

using std::chrono::milliseconds;

namespace {

/// Between two tries for a slot of a server that had none left: each costs it a process.
constexpr milliseconds kSlotPauseMin{20};
constexpr milliseconds kSlotPauseMax{250};

}  // namespace

Lease::Lease(Pool& pool, std::unique_ptr<Connection> connection, Time opened, std::int64_t uses,
             std::uint64_t generation)
    : pool_(&pool),
      connection_(std::move(connection)),
      opened_(opened),
      uses_(uses),
      generation_(generation) {}

Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      connection_(std::move(other.connection_)),
      opened_(other.opened_),
      uses_(other.uses_),
      generation_(other.generation_) {}

Lease::~Lease() {
  if (pool_ != nullptr) pool_->GiveBack(*this);
}

bool Pool::IsGood(Kept& kept) const {
  if (!kept.connection->line().HearWhatCame()) return false;
  if (Clock::now() - kept.idle_since < options_.probe_after) return true;
  const AnswersWithin patience(*kept.connection,
                               std::min(options_.connect_as.connect_within, milliseconds(2'000)));
  return kept.connection->Probe().ok();
}

absl::StatusOr<Pool::Place> Pool::TakePlace(Clock::time_point until, milliseconds within) {
  const MutexLock lock(mutex_);
  ++waiting_;
  while (idle_.empty() && open_ >= options_.connections && Clock::now() < until)
    given_back_.WaitUntil(mutex_, until);
  --waiting_;
  if (idle_.empty() && open_ >= options_.connections) {
    ++refused_;
    return ToStatus({.trouble = Trouble::kTooMany,
                     .words = absl::StrCat("all ", options_.connections, " connections of ", options_.name,
                                           " were in use for ", within.count(), " ms")},
                    "");
  }
  Place place{.generation = generation_};
  if (!idle_.empty()) {
    place.kept = std::move(idle_.back());
    idle_.pop_back();
  } else {
    ++open_;
  }
  return place;
}

void Pool::WaitForSlot(Clock::time_point until) {
  const MutexLock lock(mutex_);
  ++waiting_;
  if (idle_.empty() && Clock::now() < until) given_back_.WaitUntil(mutex_, until);
  --waiting_;
}

absl::StatusOr<Lease> Pool::Take(milliseconds within) {
  const Clock::time_point until = Clock::now() + within;
  absl::Status full;  // What the server said when it had no slot left.
  for (milliseconds pause = kSlotPauseMin;; pause = std::min(2 * pause, kSlotPauseMax)) {
    absl::StatusOr<Place> place = TakePlace(until, within);
    if (!place.ok()) return full.ok() ? place.status() : full;
    absl::StatusOr<Lease> lease = Fill(*std::move(place), until);
    const Trouble trouble = TroubleOf(lease.status());
    // What is left of the time may be too short for an answer.
    const bool late = !full.ok() && trouble == Trouble::kNotReady && Clock::now() >= until;
    if (trouble != Trouble::kTooMany && !late) return lease;
    if (!late) full = lease.status();
    if (Clock::now() < until) WaitForSlot(std::min(until, Clock::now() + pause));
    if (Clock::now() < until) continue;
    const MutexLock lock(mutex_);
    ++refused_;
    // Who gave one back may have told this one of it.
    given_back_.NotifyOne();
    return full;
  }
}

/// Its place is taken, whatever becomes of it.
absl::StatusOr<Lease> Pool::Fill(Place place, Clock::time_point until) {
  Kept& kept = place.kept;
  if (kept.connection != nullptr && IsGood(kept)) {
    return Lease(*this, std::move(kept.connection), kept.opened, kept.uses, place.generation);
  }
  kept.connection.reset();
  ConnectAs as = options_.connect_as;
  as.connect_within = std::clamp(std::chrono::duration_cast<milliseconds>(until - Clock::now()),
                                 milliseconds(1), as.connect_within);
  absl::StatusOr<std::unique_ptr<Connection>> opened = Connection::Open(as);
  if (opened.ok()) return Lease(*this, *std::move(opened), Clock::now(), 0, place.generation);
  const MutexLock lock(mutex_);
  --open_;
  given_back_.NotifyOne();
  return opened.status();
}

void Pool::GiveBack(Lease& lease) {
  const Clock::time_point now = Clock::now();
  // Those that are idle lead to the same server: the next one looks for it anew.
  if (lease.connection_->line().refused_to_write()) Renew();
  bool stays = lease.connection_->IsIdle() && now - lease.opened_ < options_.age_max &&
               ++lease.uses_ < options_.uses_max;
  if (stays) {
    lease.connection_->RenewCanceller();
    lease.connection_->SetAnswerWithin(options_.connect_as.answer_within);
  }
  {
    const MutexLock lock(mutex_);
    stays = stays && lease.generation_ == generation_;
    if (stays) {
      idle_.push_back({std::move(lease.connection_), lease.opened_, now, lease.uses_});
    } else {
      --open_;
    }
  }
  given_back_.NotifyOne();
}

void Pool::Renew() {
  std::vector<Kept> old;  // Closed without the lock.
  {
    const MutexLock lock(mutex_);
    ++generation_;
    old.swap(idle_);
    open_ -= old.size();
  }
  given_back_.NotifyAll();
}

Pool::Counts Pool::counts() const {
  const MutexLock lock(mutex_);
  return {open_, idle_.size(), waiting_, refused_};
}

}  // namespace mirror::postgres
