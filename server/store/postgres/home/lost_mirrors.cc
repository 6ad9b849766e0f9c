#include "server/store/postgres/home/lost_mirrors.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/db/postgres/own_relations.h"
#include "base/status_macros.h"
#include "server/store/home.h"
#include "server/store/postgres/home/place_marks.h"

namespace mirror {
namespace {

absl::Status WithPayload(absl::Status status, const char* payload, const std::string& words) {
  status.SetPayload(payload, absl::Cord(words));
  return status;
}

absl::StatusOr<bool> IsProvablyNowhere(PlacedMirrors& mirrors, const Placement& placement) {
  ASSIGN_OR_RETURN(PostgresPlace* const place, mirrors.PlaceOf(placement.place));
  absl::StatusOr<bool> went_back = WentBackBefore(*place, placement.mark);
  if (!went_back.ok() || !*went_back) return went_back;
  ASSIGN_OR_RETURN(const PlacedMirrors::Room room, mirrors.FindRoom(placement.context_id));
  return !room.has_schema;
}

}  // namespace

absl::Status WhyLost(PlacedMirrors& mirrors, const Placement& placement) {
  ASSIGN_OR_RETURN(const bool nowhere, IsProvablyNowhere(mirrors, placement));
  const std::string lost = absl::StrCat("its schema \"", placement.schema, "\" is not in the place '",
                                        placement.place, "' any more, ");
  if (nowhere) {
    const std::string why =
        absl::StrCat(lost, "which went back to before the mirror was made, as after a failover or a restore");
    return WithPayload(absl::NotFoundError(why), kLostPayload, why);
  }
  const std::string why = absl::StrCat(lost,
                                       "where the control database has it: somebody dropped or renamed it, "
                                       "or the place is another database than it was");
  return WithPayload(absl::DataLossError(why), kLostPayload, why);
}

bool MayBeMadeAnew(const absl::Status& lost) {
  return absl::IsNotFound(lost) && lost.GetPayload(kLostPayload).has_value();
}

absl::Status CheckMark(PlacedMirrors& mirrors, const Placement& placement) {
  if (placement.mark.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(PostgresPlace* const place, mirrors.PlaceOf(placement.place));
  const absl::StatusOr<bool> has = HasMark(*place, placement.mark);
  if (absl::IsUnavailable(has.status()) || postgres::IsForeign(has.status())) return absl::OkStatus();
  if (has.ok() && *has) return absl::OkStatus();
  return mirrors.ForgetMarkOf(placement);
}

absl::Status IsUnknown(const PlacedMirrors& mirrors, const std::string& context_id) {
  const absl::Status none = absl::NotFoundError(absl::StrCat("there is no mirror of '", context_id, "'"));
  const absl::StatusOr<PlacedMirrors::Room> room = mirrors.FindRoom(context_id);
  if (!room.ok() || room->has_schema) return none;
  return WithPayload(none, kForgottenPayload,
                     "neither the control database nor a place knows of it: both went back to before it was "
                     "made, as after a failover or a restore");
}

}  // namespace mirror
