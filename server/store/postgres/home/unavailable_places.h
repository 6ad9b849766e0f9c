#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_UNAVAILABLE_PLACES_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_UNAVAILABLE_PLACES_H_

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

// A place that does not answer does not stop a server from starting. The place stays closed until it answers.
// Then the server runs all checks that are needed before the first use of a place.

namespace mirror {

/// Whether the database ids of other places have to be read again. At a start they were just read, and there
/// may be thousands. Later a place may have been restarted, which changes its id.
enum class OtherPlaces : std::uint8_t { kWereAsked, kAskAgain };

/// Admits the place, if it can hold mirrors, is none of the open `others`, and no server of another control
/// database uses it. `last` is an additional check, which runs last. Errors: those of PostgresPlace::Admit();
/// these checks fail with kFailedPrecondition.
absl::Status AdmitPlace(PostgresPlace& place, const std::vector<std::shared_ptr<PostgresPlace>>& others,
                        OtherPlaces how, const PostgresPlace::Check& last = nullptr);

/// Retries closed places until each is open. Before a place opens, adds its unknown mirrors to the control
/// database. Runs one thread of its own if there are closed places. Threads: as ClosedPlaces.
class UnavailablePlaces final : public ClosedPlaces {
 public:
  using Places = std::vector<std::shared_ptr<PostgresPlace>>;
  UnavailablePlaces(std::shared_ptr<PostgresControl> control, Places places,
                    std::chrono::milliseconds pause = std::chrono::seconds(2))
      : control_(std::move(control)), places_(std::move(places)), pause_(pause) {}
  ~UnavailablePlaces() override { UnavailablePlaces::Stop(); }

  void Start(Tell tell) override;
  void Stop() override { thread_ = {}; }
  std::vector<std::string> FindClosed() const override;

  /// Tries each closed place once, in the caller's thread. Returns how many places are still closed. Calls
  /// `tell` for each place that opened. If a place answers but has a fault, calls `tell` once for each new
  /// text.
  std::size_t Look(const Tell& tell, const std::stop_token& stop = {}) MIRROR_EXCLUDES(mutex_);

 private:
  absl::Status TakeIn(const PostgresPlace& place, postgres::Connection& connection) const;

  const std::shared_ptr<PostgresControl> control_;
  const Places places_;
  const std::chrono::milliseconds pause_;
  Mutex mutex_;
  std::map<std::string, std::string> told_ MIRROR_GUARDED_BY(mutex_);  ///< By place: the fault that was
                                                                       ///< reported last.
  std::jthread thread_;
};

// Only the servers of one control database may use a place. With two control databases, each would make,
// number and move the mirrors of the place on its own. Session names in a place contain the id of the control
// database, so that running servers of another one can be found. If a control database is lost and made anew
// elsewhere, its former servers no longer run, so they do not block the places.

/// Returns the session name of this control database's servers, such as "mirror-server 1a2b3c4d". If the id
/// cannot be read now, returns "mirror-server", which proves nothing.
std::string SessionNameOf(const ControlOptions& options);

/// Checks that servers of another control database do not use the place. `connection`: a connection to the
/// place. Errors: kFailedPrecondition: such servers have sessions in the place, and still had them after two
/// seconds. OK if that cannot be determined.
absl::Status CheckOneControl(postgres::Connection& connection, const PlaceOptions& place);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_UNAVAILABLE_PLACES_H_
