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

// A place that does not answer does not stop a server from starting. The place stays closed until it answers;
// then the server runs all checks that come before the first use of a place.

namespace mirror {

/// Whether the database ids of the other places are still valid. At a start they were just read, and there
/// may be thousands. Later one may have been restarted, which changes its id.
enum class OtherPlaces : std::uint8_t { kWereAsked, kAskAgain };

/// Admits the place: it can hold mirrors, is none of the open `others`, and no server of another control
/// database uses it. `last` is an additional check that runs last. Errors: as PostgresPlace::Admit(); these
/// checks fail with kFailedPrecondition.
absl::Status AdmitPlace(PostgresPlace& place, const std::vector<std::shared_ptr<PostgresPlace>>& others,
                        OtherPlaces how, const PostgresPlace::Check& last = nullptr);

/// Retries closed places until each is open. Before a place opens, this adds its unknown mirrors to the
/// control database. Threads: any; runs one thread of its own if there are closed places.
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

  /// Tries each closed place once, in the caller's thread; returns how many are still closed. Calls `tell`
  /// for each place that opened, and for a fault of one that answers: once for the same text.
  std::size_t Look(const Tell& tell, const std::stop_token& stop = {}) MIRROR_EXCLUDES(mutex_);

 private:
  absl::Status TakeIn(const PostgresPlace& place, postgres::Connection& connection) const;

  const std::shared_ptr<PostgresControl> control_;
  const Places places_;
  const std::chrono::milliseconds pause_;
  Mutex mutex_;
  std::map<std::string, std::string> told_ MIRROR_GUARDED_BY(mutex_);  ///< By place: the fault told last.
  std::jthread thread_;
};

// Only the servers of one control database may use a place. Two control databases would each make, number and
// move its mirrors independently. Session names in a place contain the control database's id, so that running
// servers of another one are found. After a control database is lost and made anew elsewhere, its old servers
// no longer run: they do not block the places.

/// Returns the session name of this control database's servers: "mirror-server 1a2b3c4d". "mirror-server":
/// the id cannot be read now; this name proves nothing.
std::string SessionNameOf(const ControlOptions& options);

/// `connection`: one to the place. Errors: kFailedPrecondition: servers of another control database have
/// sessions in the place, and still had them after two seconds. OK if that cannot be determined.
absl::Status CheckOneControl(postgres::Connection& connection, const PlaceOptions& place);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_UNAVAILABLE_PLACES_H_
