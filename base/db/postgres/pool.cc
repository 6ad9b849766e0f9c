#include "base/db/postgres/pool.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror::postgres {

using std::chrono::milliseconds;

namespace {

/// Pause between two tries if the server had no free slot. Each try costs the server a new process.
constexpr milliseconds kSlotPauseMin{20};
constexpr milliseconds kSlotPauseMax{250};

/// Pause between two checks for ended processes.
constexpr milliseconds kLookEvery{1'000};
constexpr milliseconds kLookWithin{2'000};

/// Finds which processes still run. Process numbers are reused, also after a failover: a process that started
/// later is another process.
constexpr char kLookSql[] =
    "SELECT pid::bigint, (extract(epoch FROM clock_timestamp() - backend_start) * 1000)::bigint FROM "
    "pg_stat_activity WHERE pid = ANY ($1) AND usename = session_user";

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
  const AnswersWithin patience(*kept.connection, std::min(options_.connect_as.connect_within, kLookWithin));
  return kept.connection->Probe().ok();
}

bool Pool::IsLookDue() const { return !left_.empty() && !is_looking_ && Clock::now() >= look_again_; }

absl::Status Pool::TooMany(milliseconds within) const {
  std::string words = absl::StrCat("all ", options_.connections, " connections of ", options_.name,
                                   " were in use for ", within.count(), " ms");
  if (!left_.empty()) {
    absl::StrAppend(&words, "; in ", left_.size(),
                    " of them the database still works on a statement that it did not answer in time, such "
                    "as a commit that waits for a standby");
  }
  return ToStatus({.trouble = Trouble::kTooMany, .words = std::move(words)}, "");
}

absl::StatusOr<Pool::Place> Pool::TakePlace(Clock::time_point until, milliseconds within) {
  const MutexLock lock(mutex_);
  ++waiting_;
  while (IsFull() && !IsLookDue() && Clock::now() < until) {
    // If another thread is already checking, it notifies the others when it has finished.
    given_back_.WaitUntil(mutex_, left_.empty() || is_looking_ ? until : std::min(until, look_again_));
  }
  --waiting_;
  Place place{.generation = generation_, .within = within, .looks = IsLookDue(), .is_beyond = IsFull()};
  if (place.is_beyond && (!place.looks || Clock::now() >= until)) {
    ++refused_;
    return TooMany(within);
  }
  is_looking_ |= place.looks;
  if (place.is_beyond) return place;
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
  absl::Status full;  // The server's error when it had no free slot.
  for (milliseconds pause = kSlotPauseMin;; pause = std::min(2 * pause, kSlotPauseMax)) {
    absl::StatusOr<Place> place = TakePlace(until, within);
    if (!place.ok()) return full.ok() ? place.status() : full;
    absl::StatusOr<Lease> lease = Fill(*std::move(place), until);
    const Trouble trouble = TroubleOf(lease.status());
    // The error may come from the remaining time, which was too short for an answer.
    const bool late = !full.ok() && trouble == Trouble::kNotReady && Clock::now() >= until;
    if (trouble != Trouble::kTooMany && !late) return lease;
    if (!late) full = lease.status();
    if (Clock::now() < until) WaitForSlot(std::min(until, Clock::now() + pause));
    if (Clock::now() < until) continue;
    const MutexLock lock(mutex_);
    ++refused_;
    // This thread may have received the notification for a returned connection, so it notifies another one.
    given_back_.NotifyOne();
    return full;
  }
}

/// Opens a connection for a place. The place stays occupied, also after an error.
absl::StatusOr<Lease> Pool::Fill(Place place, Clock::time_point until) {
  Kept& kept = place.kept;
  absl::Status filled = kept.connection != nullptr && IsGood(kept) ? absl::OkStatus() : Open(place, until);
  if (place.looks) {
    if (filled.ok()) filled = Look(place);
    const MutexLock lock(mutex_);
    is_looking_ = false;
    look_again_ = Clock::now() + kLookEvery;
    given_back_.NotifyAll();
  }
  if (filled.ok()) {
    return Lease(*this, std::move(kept.connection), kept.opened, kept.uses, place.generation);
  }
  kept.connection.reset();
  const MutexLock lock(mutex_);
  if (!place.is_beyond) --open_;
  given_back_.NotifyOne();
  // The error may come from the remaining time, which was too short for an answer.
  return place.is_beyond && Clock::now() >= until ? TooMany(place.within) : filled;
}

absl::Status Pool::Open(Place& place, Clock::time_point until) {
  place.kept = {};
  ConnectAs as = options_.connect_as;
  as.connect_within = std::clamp(std::chrono::duration_cast<milliseconds>(until - Clock::now()),
                                 milliseconds(1), as.connect_within);
  ASSIGN_OR_RETURN(std::unique_ptr<Connection> opened, Connection::Open(as));
  if (options_.admit != nullptr) RETURN_IF_ERROR(options_.admit(*opened));
  place.kept = {.connection = std::move(opened), .opened = Clock::now()};
  return absl::OkStatus();
}

/// Frees the places of ended processes, and takes one for the caller if it has none. Errors: no place is
/// free, or the connection was lost.
absl::Status Pool::Look(Place& place) {
  Connection& connection = *place.kept.connection;
  std::vector<Left> left;
  {
    const MutexLock lock(mutex_);
    left = left_;
  }
  Array pids(Type::kInt4);
  for (const Left& one : left) pids.Add(Value::Int4(one.pid));
  const AnswersWithin patience(connection, std::min(options_.connect_as.connect_within, kLookWithin));
  const Clock::time_point asked_at = Clock::now();
  const absl::StatusOr<Rows> there =
      connection.Query(kLookSql, {pids.value()}, "checking which statements still run");
  // Returns an error other than kLost: the caller would believe that its own statement has failed.
  if (!connection.IsOpen()) {
    return ToStatus({.trouble = Trouble::kNotReady,
                     .words = absl::StrCat("a connection of ", options_.name,
                                           " was lost during the check which statements still run there")},
                    "");
  }
  const auto is_gone = [&](const Left& one) {
    // Processes that were lost after the query began were not part of the query.
    const bool asked = std::any_of(left.begin(), left.end(), [&](const Left& of) { return of == one; });
    for (int row = 0; asked && row < there->rows(); ++row) {
      if (there->Int(row, 0) == one.pid && asked_at - one.since <= milliseconds(there->Int(row, 1)))
        return false;
    }
    return asked;
  };
  const MutexLock lock(mutex_);
  if (there.ok()) open_ -= std::erase_if(left_, is_gone);
  if (!place.is_beyond) return absl::OkStatus();
  if (open_ >= options_.connections) return TooMany(place.within);
  ++open_;
  place.is_beyond = false;
  return absl::OkStatus();
}

void Pool::GiveBack(Lease& lease) {
  const Clock::time_point now = Clock::now();
  // Idle connections have the same server, which is a standby or read-only: the next connection must look for
  // the right server.
  if (lease.connection_->line().refused_to_write()) Renew();
  bool stays = lease.connection_->IsIdle() && now - lease.opened_ < options_.age_max &&
               ++lease.uses_ < options_.uses_max && lease.connection_->line().largest() <= options_.bytes_max;
  if (stays) {
    lease.connection_->RenewCanceller();
    lease.connection_->SetAnswerWithin(options_.connect_as.answer_within);
  }
  {
    const MutexLock lock(mutex_);
    stays = stays && lease.generation_ == generation_;
    if (stays) {
      idle_.push_back({std::move(lease.connection_), lease.opened_, now, lease.uses_});
    } else if (const int pid = lease.connection_->line().left_pid(); pid != 0) {
      left_.push_back({pid, now});
    } else {
      --open_;
    }
  }
  given_back_.NotifyOne();
}

void Pool::Renew() {
  std::vector<Kept> old;  // These connections are closed after the lock is released.
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
  return {open_, idle_.size(), waiting_, left_.size(), refused_};
}

}  // namespace mirror::postgres
