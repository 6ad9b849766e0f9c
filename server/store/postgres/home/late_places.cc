#include "server/store/postgres/home/late_places.h"

#include <pthread.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/store/postgres/control/one_control.h"
#include "server/store/postgres/home/place_marks.h"
#include "server/store/postgres/home/placed_mirrors.h"
#include "server/store/postgres/place/session.h"

namespace mirror {
namespace {

constexpr char kThreadName[] = "store.places";

std::string DatabaseOf(PostgresPlace& place, OtherPlaces how) {
  if (how == OtherPlaces::kAskAgain) {
    const absl::StatusOr<postgres::Lease> lease = place.Take(PlaceUse::kRead);
    if (lease.ok()) {
      const absl::StatusOr<std::string> now = WhichDatabase(**lease);
      if (now.ok()) return *now;
    }
  }
  return place.database();
}

}  // namespace

absl::Status AdmitPlace(PostgresPlace& place, const std::vector<std::shared_ptr<PostgresPlace>>& others,
                        OtherPlaces how, const PostgresPlace::Check& last) {
  return place.Admit([&](postgres::Connection& connection) -> absl::Status {
    for (const std::shared_ptr<PostgresPlace>& other : others) {
      if (other.get() == &place || !other->is_open() || DatabaseOf(*other, how) != place.database()) continue;
      return absl::FailedPreconditionError(
          absl::StrCat("the places '", other->options().name, "' and '", place.options().name,
                       "' are the same database. Take one of them out: each mirror would stand in both."));
    }
    RETURN_IF_ERROR(CheckOneControl(connection, place.options()));
    RETURN_IF_ERROR(CheckMarks(connection));
    return last ? last(connection) : absl::OkStatus();
  });
}

void LatePlaces::Start(Tell tell) {
  bool all_open = true;
  for (const std::shared_ptr<PostgresPlace>& place : places_) {
    const std::string why = place->WhyClosed();
    if (why.empty()) continue;
    all_open = false;
    tell({.place = place->options().name, .words = why});
  }
  if (all_open) return;
  thread_ = std::jthread([this, tell = std::move(tell)](const std::stop_token& stop) {
    pthread_setname_np(pthread_self(), kThreadName);
    while (Look(tell, stop) > 0 && SleepFor(pause_, stop)) continue;
  });
}

std::size_t LatePlaces::Look(const Tell& tell, const std::stop_token& stop) {
  std::size_t closed = 0;
  for (const std::shared_ptr<PostgresPlace>& place : places_) {
    if (place->is_open() || stop.stop_requested()) continue;
    const absl::Status admitted =
        AdmitPlace(*place, places_, OtherPlaces::kAskAgain,
                   [&](postgres::Connection& connection) { return TakeIn(*place, connection); });
    const std::string& name = place->options().name;
    if (admitted.ok()) {
      // Where it cannot be made now, it is with the first mark.
      MakeMarks(*place).IgnoreError();
      tell({.place = name,
            .is_open = true,
            .words = absl::StrCat("the place '", name, "' answers, and its mirrors are served")});
      continue;
    }
    ++closed;
    if (DoesNotAnswer(admitted)) continue;
    {
      const MutexLock lock(mutex_);
      std::string& told = told_[name];
      if (told == admitted.message()) continue;
      told = std::string(admitted.message());
    }
    tell({.place = name, .words = place->WhyClosed()});
  }
  return closed;
}

std::vector<std::string> LatePlaces::FindClosed() const {
  std::vector<std::string> closed;
  for (const std::shared_ptr<PostgresPlace>& place : places_) {
    if (!place->is_open()) closed.push_back(place->options().name);
  }
  return closed;
}

absl::Status LatePlaces::TakeIn(const PostgresPlace& place, postgres::Connection& connection) const {
  // One that knows nothing yet: what is known elsewhere is asked anew where it matters.
  PlacedMirrors mirrors(control_, places_, /*replicated=*/false);
  return mirrors.TakeInUnknownOf(place, connection);
}

}  // namespace mirror
