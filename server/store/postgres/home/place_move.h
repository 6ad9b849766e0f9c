#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_PLACE_MOVE_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_PLACE_MOVE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/home.h"
#include "server/store/postgres/home/placed_mirrors.h"

namespace mirror {

/// `mirrors` outlives it, and what NewMove() gives.
///
/// Before a switch the copy is at a standby, where the home is to be replicated.
/// The steps of a switch, each of which is committed before the next begins: the old tenant's row says where
/// the mirror goes, and takes nothing more; the control database says that it is there; the new row says that
/// it is served. The second decides: before it a new PlaceMove goes back, behind it forward.
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
