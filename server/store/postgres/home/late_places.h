#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_LATE_PLACES_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_LATE_PLACES_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/db/postgres/connection.h"
#include "base/mutex.h"
#include "server/store/home.h"
#include "server/store/postgres/place/control.h"
#include "server/store/postgres/place/postgres_place.h"

// A place that does not answer keeps no server from starting: it is closed until it does, and all that is
// looked at before a place is used is looked at then.

namespace mirror {

/// Whether the databases of the other places are known: at a start they were just asked, and there may be
/// thousands. Later one may have been started again, which gives it another name.
enum class OtherPlaces : std::uint8_t { kWereAsked, kAskAgain };

/// Admits the place: it can hold mirrors, is none of the `others` that are open, and no server of another
/// control database uses it. `last` is asked behind that. Errors: as PostgresPlace::Admit(); of these checks
/// kFailedPrecondition.
absl::Status AdmitPlace(PostgresPlace& place, const std::vector<std::shared_ptr<PostgresPlace>>& others,
                        OtherPlaces how, const PostgresPlace::Check& last = nullptr);

/// Tries places that are closed until each is open. Before one opens the control database is told of mirrors
/// in it that it does not know. Threads: any; one of its own, where there is such a place.
class LatePlaces final : public ClosedPlaces {
 public:
  using Places = std::vector<std::shared_ptr<PostgresPlace>>;
  LatePlaces(std::shared_ptr<PostgresControl> control, Places places,
             std::chrono::milliseconds pause = std::chrono::seconds(2))
      : control_(std::move(control)), places_(std::move(places)), pause_(pause) {}
  ~LatePlaces() override { LatePlaces::Stop(); }

  void Start(Tell tell) override;
  void Stop() override { thread_ = {}; }
  std::vector<std::string> FindClosed() const override;

  /// Tries each that is closed once, without a thread: how many still are. `tell` hears of one that opened,
  /// and of what is wrong with one that answers, once for the same words.
  std::size_t Look(const Tell& tell, const std::stop_token& stop = {}) MIRROR_EXCLUDES(mutex_);

 private:
  absl::Status TakeIn(const PostgresPlace& place, postgres::Connection& connection) const;

  const std::shared_ptr<PostgresControl> control_;
  const Places places_;
  const std::chrono::milliseconds pause_;
  Mutex mutex_;
  std::map<std::string, std::string> told_ MIRROR_GUARDED_BY(mutex_);  ///< By place: what is wrong.
  std::jthread thread_;
};

// A place belongs to the servers of one control database: those of two would each make, number and move its
// mirrors by themselves. Sessions in a place are named after the control database, so that servers of another
// one are seen while they run. One that is lost, and made anew elsewhere, keeps nobody from the places: by
// then no server of the former runs.

/// How sessions of this control database's servers are named: "mirror-server 1a2b3c4d". "mirror-server": that
/// cannot be told now, and says nothing.
std::string SessionNameOf(const ControlOptions& options);

/// `connection`: one of the place's own. Errors: kFailedPrecondition: servers of another control database
/// have sessions in the place, and still had after two seconds. Where that cannot be asked: OK.
absl::Status CheckOneControl(postgres::Connection& connection, const PlaceOptions& place);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_LATE_PLACES_H_
