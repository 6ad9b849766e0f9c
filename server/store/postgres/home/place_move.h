#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_PLACE_MOVE_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_PLACE_MOVE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/home.h"
#include "server/store/postgres/home/placed_mirrors.h"

namespace mirror {

/// The places of a home. `mirrors` must outlive this object and what NewMove() returns.
///
/// If the home is replicated, a standby has the copy before the switch. Each step of a switch is committed
/// before the next begins:
/// 1. The old tenant row names the target and accepts no more writes.
/// 2. The control database places the mirror there.
/// 3. The new row says that it is served.
/// Step 2 decides: after an interruption before it a new PlaceMove rolls back, after it the new PlaceMove
/// continues.
class PostgresPlaces final : public HomePlaces {
 public:
  explicit PostgresPlaces(PlacedMirrors& mirrors) : mirrors_(mirrors) {}

  absl::Status Check(const std::string& place) const override;
  absl::Status CheckShared(const std::string& place) const override;
  absl::StatusOr<std::string> Find(const std::string& context_id) override;
  absl::StatusOr<std::unique_ptr<PlaceMove>> NewMove(const std::string& context_id,
                                                     const std::string& place) override;

 private:
  PlacedMirrors& mirrors_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_PLACE_MOVE_H_
