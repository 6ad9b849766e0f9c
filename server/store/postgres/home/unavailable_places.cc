#include "server/store/postgres/home/unavailable_places.h"

#include <pthread.h>

#include <chrono>
#include <cstddef>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status_macros.h"
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
                       "' are the same database. Remove one of them: each mirror would be in both."));
    }
    RETURN_IF_ERROR(CheckOneControl(connection, place.options()));
    RETURN_IF_ERROR(CheckMarks(connection));
    return last ? last(connection) : absl::OkStatus();
  });
}

void UnavailablePlaces::Start(Tell tell) {
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

std::size_t UnavailablePlaces::Look(const Tell& tell, const std::stop_token& stop) {
  std::size_t closed = 0;
  for (const std::shared_ptr<PostgresPlace>& place : places_) {
    if (place->is_open() || stop.stop_requested()) continue;
    const absl::Status admitted =
        AdmitPlace(*place, places_, OtherPlaces::kAskAgain,
                   [&](postgres::Connection& connection) { return TakeIn(*place, connection); });
    const std::string& name = place->options().name;
    if (admitted.ok()) {
      // If the table of marks cannot be made now, the first mark makes it.
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

std::vector<std::string> UnavailablePlaces::FindClosed() const {
  std::vector<std::string> closed;
  for (const std::shared_ptr<PostgresPlace>& place : places_) {
    if (!place->is_open()) closed.push_back(place->options().name);
  }
  return closed;
}

absl::Status UnavailablePlaces::TakeIn(const PostgresPlace& place, postgres::Connection& connection) const {
  // A new object has no cached placements. Other objects ask again where that matters.
  PlacedMirrors mirrors(control_, places_, /*replicated=*/false);
  return mirrors.TakeInUnknownOf(place, connection);
}

namespace {

constexpr std::size_t kDigits = 8;
/// The sessions of a server that was just killed end within kLooks × kBetweenLooks.
constexpr int kLooks = 20;
constexpr std::chrono::milliseconds kBetweenLooks{100};

// A failover keeps this id. Only a restore into another database changes it.
constexpr char kWhichControlSql[] =
    "SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || oid FROM pg_database WHERE "
    "datname = current_database()";
constexpr char kOthersSql[] =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user AND "
    "starts_with(application_name, $1) AND application_name <> $2";

}  // namespace

std::string SessionNameOf(const ControlOptions& options) {
  const auto connection = postgres::Connection::Open({.conninfo = options.conninfo,
                                                      .passfile = options.passfile,
                                                      .application_name = options.application_name,
                                                      .tables_only = true});
  if (!connection.ok()) return options.application_name;
  const auto which = (*connection)->Query(kWhichControlSql, {}, "identifying the database");
  if (!which.ok() || which->rows() != 1) return options.application_name;
  return absl::StrCat(options.application_name, " ", HexDigest(which->Text(0, 0)).substr(0, kDigits));
}

absl::Status CheckOneControl(postgres::Connection& connection, const PlaceOptions& place) {
  const std::string& name = place.application_name;
  const std::size_t space = name.find(' ');
  if (space == std::string::npos) return absl::OkStatus();
  const std::string begin = name.substr(0, space + 1);
  for (int look = 0; look < kLooks; ++look) {
    if (look > 0) std::this_thread::sleep_for(kBetweenLooks);
    const auto others = connection.Number(kOthersSql, {begin, name}, "looking for other servers");
    if (!others.ok() || *others == 0) return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the place '", place.name,
      "' is in use by servers whose [postgres] 'control' is another database. Nothing was changed. Give all "
      "servers of these places the same 'control'. To change it to another database, first stop all servers "
      "that have the former one."));
}

}  // namespace mirror
