#include "server/tenant/move.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/crash_point.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/contents_digest.h"
#include "server/store/writing.h"

namespace mirror {
namespace {

/// Reserve for writes of other tenants meanwhile.
constexpr std::uint64_t kRoomToSpare = 64ULL << 20;
/// How often a mirror is copied if an operator or a DBA changes it during the move.
constexpr int kCopiesMax = 3;
constexpr std::size_t kIdDigits = 16;

struct Here {
  std::shared_ptr<Tenant> tenant;
  std::optional<MoveMark> mark;
};
absl::StatusOr<Here> FindMoving(Tenants& tenants, const std::string& context_id) {
  ASSIGN_OR_RETURN(std::shared_ptr<Tenant> tenant, tenants.Find(context_id));
  ASSIGN_OR_RETURN(std::optional<MoveMark> mark, tenant->ReadMove());
  return Here{std::move(tenant), std::move(mark)};
}

absl::Status NotPartOf(const std::string& context_id, const std::string& id) {
  return absl::FailedPreconditionError(absl::StrCat("tenant '", context_id, "' is not part of the move ", id,
                                                    " here, or the move is at another step. Nothing was "
                                                    "changed."));
}

absl::Status WasUndone(const std::string& context_id) {
  return absl::FailedPreconditionError(absl::StrCat("the move of '", context_id,
                                                    "' was undone while its copy arrived. Nothing of it is "
                                                    "here."));
}

/// Returns the keys with which columns of its tables are hashed.
absl::StatusOr<std::string> HashKeysOf(Snapshot& mirror) {
  ASSIGN_OR_RETURN(const MirrorContents contents, mirror.ReadContents());
  std::set<std::uint32_t> keys;
  for (const ContentsTable& table : contents.tables) {
    for (const Column& column : table.agreed.columns) {
      if (column.rule == Rule::kHashed) keys.insert(column.rule_detail);
    }
  }
  return absl::StrJoin(keys, ",");
}

absl::StatusOr<std::string> DigestOf(Tenant& tenant, const GoOn& go_on) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> snapshot, tenant.OpenSnapshot());
  return DigestContents(*snapshot, go_on);
}

struct Equal {
  bool is = false;
  std::string metadata;  ///< As of the comparison.
};
/// Compares the tenant's mirror with the digest `contents`.
absl::StatusOr<Equal> Compare(Tenant& tenant, const std::string& contents, const GoOn& go_on) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> snapshot, tenant.OpenSnapshot());
  ASSIGN_OR_RETURN(const std::string digest, DigestContents(*snapshot, go_on));
  ASSIGN_OR_RETURN(std::string metadata, DigestMetadata(*snapshot));
  return Equal{digest == contents, std::move(metadata)};
}

/// `where`: which of the two servers this is; the reader of the message calls both.
absl::Status CheckFree(Tenants& tenants, const std::string& context_id, std::uint64_t bytes,
                       const char* where) {
  ASSIGN_OR_RETURN(const StoreHome::Space space, tenants.home().FindCopySpace());
  if (space.free_bytes > kRoomToSpare && space.free_bytes - kRoomToSpare >= bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "the mirror of '", context_id, "' has ", bytes, " bytes, and the disk of the server that it ", where,
      " has room for ", space.free_bytes, ". Nothing was changed. Make room first."));
}

absl::Status ThereIsOne(const std::string& context_id, const std::optional<MoveMark>& mark) {
  return absl::FailedPreconditionError(absl::StrCat(
      "there is a mirror of '", context_id, "' here already",
      mark ? absl::StrCat(", which is part of the move ", mark->id, " (", std::string(ToString(mark->phase)),
                          ")")
           : "",
      ". Nothing was changed. ",
      !mark ? "Is it the same server, or one of the same database? If not, decide which mirror is to stay."
            : "End that move first, with the options that it was begun with.",
      mark && mark->phase == MovePhase::kArriving
          ? absl::StrCat(" If no server runs that move any more, 'mirrorctl delete ", context_id,
                         "' at this server removes the copy that the move left.")
          : ""));
}

}  // namespace

absl::StatusOr<MoveLook> LookAtMove(Tenants& tenants, const std::string& context_id, bool digest,
                                    const GoOn& go_on) {
  ASSIGN_OR_RETURN(Here here, FindMoving(tenants, context_id));
  ASSIGN_OR_RETURN(const TenantInfo info, here.tenant->Info());
  ASSIGN_OR_RETURN(std::string place, tenants.home().places().Find(here.tenant->context_id()));
  MoveLook look{.context_id = here.tenant->context_id(),
                .issuer = info.record.issuer,
                .environment = info.record.environment,
                .place = std::move(place),
                .bytes = info.bytes,
                .mark = std::move(here.mark)};
  ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> snapshot, here.tenant->OpenSnapshot());
  ASSIGN_OR_RETURN(look.hash_key, HashKeysOf(*snapshot));
  if (!digest) return look;
  if (look.mark && look.mark->phase == MovePhase::kArriving) {
    // The old side leaves because of this digest: make it durable, even if the import was not answered.
    RETURN_IF_ERROR(here.tenant->MakeDurable());
  }
  ASSIGN_OR_RETURN(look.contents, DigestContents(*snapshot, go_on));
  return look;
}

absl::Status CheckRoom(Tenants& tenants, const MoveLook& offered, const std::string& place) {
  RETURN_IF_ERROR(CheckContextId(offered.context_id));
  RETURN_IF_ERROR(tenants.home().places().Check(place));
  RETURN_IF_ERROR(tenants.home().places().CheckShared(place));
  const absl::StatusOr<Here> here = FindMoving(tenants, offered.context_id);
  if (!here.ok() && !absl::IsNotFound(here.status())) return here.status();
  if (here.ok() && (!here->mark || here->mark->phase != MovePhase::kLeft ||
                    here->tenant->context_id() != offered.context_id)) {
    return ThereIsOne(here->tenant->context_id(), here->mark);
  }
  if (here.ok() && !place.empty()) {
    // The mirror that left is kept next to the one that replaces it.
    ASSIGN_OR_RETURN(const std::string left, tenants.home().places().Find(offered.context_id));
    if (left != place) {
      return absl::FailedPreconditionError(
          absl::StrCat("the mirror of '", offered.context_id, "' that was moved away is in the place '", left,
                       "' here, and the one that comes replaces it. Nothing was changed. Give '--place ",
                       left, "', or remove the former one first: 'mirrorctl delete ", offered.context_id,
                       " --confirm ", offered.context_id, "' at this server."));
    }
  }
  if (!offered.hash_key.empty()) {
    ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> probe, tenants.FindOrMake(offered.context_id));
    const TenantHashKey* const key = probe->column_rules().hash_key();
    if (key == nullptr || absl::StrCat(key->fingerprint()) != offered.hash_key) {
      return absl::FailedPreconditionError(absl::StrCat(
          "columns of '", offered.context_id,
          "' are hashed at the other server with another key than this server has ([data] 'hash_key'): "
          "their values would differ from now on. Nothing was changed. Give both servers the same key."));
    }
  }
  tenants.ForgetUnlessThere(offered.context_id);
  return CheckFree(tenants, offered.context_id, offered.bytes, "goes to");
}

absl::Status CheckRoomToLeave(Tenants& tenants, Tenant& tenant) {
  ASSIGN_OR_RETURN(const TenantInfo info, tenant.Info());
  return CheckFree(tenants, tenant.context_id(), info.bytes, "leaves");
}

absl::StatusOr<std::vector<std::string>> ExportMirror(Tenants& tenants, const std::string& context_id,
                                                      const std::string& id, const GoOn& go_on,
                                                      const TakePart& take) {
  ASSIGN_OR_RETURN(const Here here, FindMoving(tenants, context_id));
  if (!here.mark || here.mark->id != id || here.mark->phase != MovePhase::kLeaving) {
    return NotPartOf(context_id, id);
  }
  RETURN_IF_ERROR(CheckRoomToLeave(tenants, *here.tenant));
  ASSIGN_OR_RETURN(const std::unique_ptr<MirrorCopy> copy, tenants.home().NewCopy(here.tenant->context_id()));
  absl::StatusOr<std::vector<std::string>> left_out;
  {
    ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> snapshot, here.tenant->OpenSnapshot());
    left_out = copy->CopyOf(*snapshot, [&](std::uint64_t, std::uint64_t) { return go_on(); });
    if (!left_out.ok()) return left_out;
  }
  CrashPoint("move.copied");
  for (std::uint64_t from = 0;;) {
    ASSIGN_OR_RETURN(std::string part, copy->ReadBytes(from, kMovePartBytes));
    if (part.empty()) return left_out;
    from += part.size();
    if (!go_on() || !take(std::move(part))) return absl::CancelledError("the export was cancelled");
  }
}

absl::StatusOr<MoveArrival> MoveArrival::Begin(Tenants& tenants, const std::string& context_id,
                                               const std::string& id, const std::string& place) {
  RETURN_IF_ERROR(CheckContextId(context_id));
  RETURN_IF_ERROR(CheckMoveId(id));
  RETURN_IF_ERROR(CheckRoom(tenants, {.context_id = context_id}, place));
  ASSIGN_OR_RETURN(std::unique_ptr<MirrorCopy> copy, tenants.home().NewCopy(context_id));
  return MoveArrival(tenants, context_id, id, place, std::move(copy));
}

absl::Status MoveArrival::Add(std::string_view part) {
  if (part.empty()) {
    return absl::InvalidArgumentError("a piece of the mirror has no bytes. Nothing was changed.");
  }
  return copy_->AddBytes(part);
}

absl::Status MoveArrival::MarkCopy(std::int64_t now_ms) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Store> store, copy_->Open());
  RETURN_IF_ERROR(store->upkeep().CheckIntegrity());
  Writing writing;
  while (writing.Begin(*store)) {
    std::optional<MoveMark> mark = MarkOf(writing.tenant());
    if (!mark || mark->id != id_ || mark->phase != MovePhase::kLeaving) {
      writing.Commit(NotPartOf(context_id_, id_));
      continue;
    }
    mark->phase = MovePhase::kArriving;
    mark->target.clear();
    Plan plan;
    plan.now_ms = now_ms;
    plan.tenant = writing.tenant();
    SetMark(*mark, &*plan.tenant);
    writing.Commit(std::move(plan));
  }
  RETURN_IF_ERROR(writing.result().status());
  return store->upkeep().CheckWhole({});
}

absl::Status MoveArrival::CheckGoesOn(const GoOn& go_on) const {
  if (*undone_) return WasUndone(context_id_);
  if (go_on()) return absl::OkStatus();
  return absl::CancelledError("the import was cancelled. Nothing was changed.");
}

absl::StatusOr<MoveArrival::Report> MoveArrival::Finish(std::int64_t now_ms, const GoOn& go_on) {
  RETURN_IF_ERROR(copy_->AddBytes({}));
  if (const absl::Status whole = MarkCopy(now_ms); !whole.ok()) {
    if (absl::IsUnavailable(whole)) return whole;
    return absl::FailedPreconditionError(absl::StrCat("the copy that came is not the whole mirror of '",
                                                      context_id_, "' of this move: ", whole.message(),
                                                      " Nothing was changed."));
  }
  RETURN_IF_ERROR(CheckGoesOn(go_on));
  CrashPoint("move.received");
  ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant, tenants_->FindOrMake(context_id_));
  Report report;
  Tenants::LetIn let_in = Tenants::LetIn::kByItsMirror;
  const auto copying = [&](std::uint64_t, std::uint64_t) { return go_on() && !*undone_; };
  const absl::Status taken_in = tenant->TakeIn(
      [&](bool replaces) -> absl::Status {
        ASSIGN_OR_RETURN(ReplacedMirror put,
                         replaces ? copy_->Replace(now_ms, copying) : copy_->PutWhereNoneIs(place_, copying));
        if (put.was_deleted) let_in = Tenants::LetIn::kWithItsMirror;
        report.kept = std::move(put.kept);
        report.left_out = std::move(put.left_out);
        return absl::OkStatus();
      },
      now_ms);
  CrashPoint("move.put");
  if (!taken_in.ok()) return taken_in;
  // An undo before this point did not find the mirror; an undo from now on finds it.
  if (*undone_) {
    const absl::Status dropped = Drop(*tenants_, context_id_, id_, /*contents=*/"", now_ms, go_on);
    return dropped.ok() ? WasUndone(context_id_) : dropped;
  }
  RETURN_IF_ERROR(tenants_->Allow(context_id_, let_in).status());
  ASSIGN_OR_RETURN(report.contents, DigestOf(*tenant, go_on));
  return report;
}

absl::Status Leave(Tenants& tenants, const std::string& context_id, const std::string& id,
                   const std::string& contents, const std::string& target, std::int64_t now_ms,
                   const GoOn& go_on) {
  ASSIGN_OR_RETURN(Here here, FindMoving(tenants, context_id));
  if (!here.mark || here.mark->id != id) return NotPartOf(context_id, id);
  if (here.mark->phase == MovePhase::kLeft && here.mark->contents == contents) return absl::OkStatus();
  if (here.mark->phase != MovePhase::kLeaving) return NotPartOf(context_id, id);
  ASSIGN_OR_RETURN(const Equal equal, Compare(*here.tenant, contents, go_on));
  if (!equal.is) {
    return absl::AbortedError(absl::StrCat(
        "the mirror of '", context_id,
        "' and the copy at the other server differ: the mirror was changed after it was copied, or the copy "
        "is wrong. Nothing was done."));
  }
  MoveMark mark = *here.mark;
  mark.phase = MovePhase::kLeft;
  mark.contents = contents;
  mark.target = target;
  absl::Status left = here.tenant->TurnMove(mark, equal.metadata, now_ms);
  CrashPoint("move.left");
  return left;
}

absl::Status Arrive(Tenants& tenants, const std::string& context_id, const std::string& id,
                    std::int64_t now_ms) {
  ASSIGN_OR_RETURN(const Here here, FindMoving(tenants, context_id));
  if (!here.mark || here.mark->id != id || here.mark->phase != MovePhase::kArriving) {
    return NotPartOf(context_id, id);
  }
  return here.tenant->EndMove(id, "move.arrived",
                              "the mirror was moved here, and is served; its source continues from the "
                              "mirror's position. Give the source this server's address",
                              now_ms);
}

namespace {

/// If there is nothing to drop, checks that the mirror that left was here, or was dropped before.
absl::Status CheckGone(Tenants& tenants, const std::string& context_id, const std::string& contents) {
  if (contents.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<std::string> deleted, tenants.Deleted());
  const auto is_it = [&](const std::string& one) { return FoldName(one) == FoldName(context_id); };
  if (std::any_of(deleted.begin(), deleted.end(), is_it)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("there is no mirror of '", context_id,
                   "' here, and none was deleted. Nothing was changed. Name the server that it was moved "
                   "to."));
}

}  // namespace

absl::Status Drop(Tenants& tenants, const std::string& context_id, const std::string& id,
                  const std::string& contents, std::int64_t now_ms, const GoOn& go_on) {
  absl::StatusOr<Here> here = FindMoving(tenants, context_id);
  if (absl::IsNotFound(here.status())) {
    tenants.arrivals.Undo(id);
    // Installed before the undo could reach it.
    here = FindMoving(tenants, context_id);
  }
  if (absl::IsNotFound(here.status())) return CheckGone(tenants, context_id, contents);
  if (!here.ok()) return here.status();
  const std::string spelled = here->tenant->context_id();
  MoveMark mark{.id = id, .phase = MovePhase::kDropping};
  std::string metadata;
  if (here->mark) {
    const bool came = here->mark->phase == MovePhase::kArriving || here->mark->phase == MovePhase::kDropping;
    if (here->mark->id != id || !came) return NotPartOf(context_id, id);
  } else {
    ASSIGN_OR_RETURN(const Equal equal, Compare(*here->tenant, contents, go_on));
    if (contents.empty() || !equal.is) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the mirror of '", spelled,
          "' is served by the server that it was moved to, and changed there: a cycle began, or an "
          "operator changed it. Nothing was changed. Move it back from there instead."));
    }
    metadata = equal.metadata;
  }
  RETURN_IF_ERROR(here->tenant->TurnMove(mark, metadata, now_ms));
  CrashPoint("move.dropping");
  // Stays deleted: a source with this server's address would cause a new mirror.
  absl::Status gone = tenants.Delete(spelled, Deleted::kMirrorOnly);
  CrashPoint("move.dropped");
  return gone;
}

absl::Status Stay(Tenants& tenants, const std::string& context_id, const std::string& id,
                  std::int64_t now_ms) {
  ASSIGN_OR_RETURN(const Here here, FindMoving(tenants, context_id));
  const bool goes =
      here.mark && (here.mark->phase == MovePhase::kLeaving || here.mark->phase == MovePhase::kLeft);
  if (!goes || here.mark->id != id || here.mark->kind != MoveKind::kServer) {
    return NotPartOf(context_id, id);
  }
  return here.tenant->EndMove(id, "move.undone", "a move was undone: the mirror is served here as before",
                              now_ms);
}

namespace {

/// Repeats until the copy is equal.
absl::StatusOr<std::vector<std::string>> CopyToPlace(Tenant& tenant, PlaceMove& move, const GoOn& go_on) {
  absl::StatusOr<std::vector<std::string>> left_out;
  {
    // One snapshot at a time: the comparison opens another.
    ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> snapshot, tenant.OpenSnapshot());
    left_out = move.CopyOf(*snapshot, [&](std::uint64_t, std::uint64_t) { return go_on(); });
  }
  if (!left_out.ok()) return left_out;
  CrashPoint("move.filled");
  ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> copy, move.OpenCopy());
  ASSIGN_OR_RETURN(const std::string there, DigestContents(*copy, go_on));
  ASSIGN_OR_RETURN(const Equal equal, Compare(tenant, there, go_on));
  if (equal.is) return left_out;
  return absl::AbortedError(absl::StrCat("the copy of '", tenant.context_id(),
                                         "' differs from the mirror: the mirror was changed meanwhile, or "
                                         "does not fit the place. The mirror stays where it was."));
}

absl::StatusOr<std::vector<std::string>> CopyAndSwitch(Tenants& tenants, Tenant& tenant,
                                                       const std::string& place, const GoOn& go_on) {
  absl::StatusOr<std::vector<std::string>> left_out;
  for (int i = 0; i < kCopiesMax; ++i) {
    ASSIGN_OR_RETURN(const std::unique_ptr<PlaceMove> move,
                     tenants.home().places().NewMove(tenant.context_id(), place));
    if (move->IsDone()) return std::vector<std::string>();
    left_out = CopyToPlace(tenant, *move, go_on);
    if (left_out.ok()) {
      const absl::Status switched = move->Switch();
      if (switched.ok()) return left_out;
      left_out = switched;
    }
    if (!absl::IsAborted(left_out.status())) break;
  }
  return left_out;
}

/// Returns whether a resumed move had already ended, with its answer lost.
bool HasEnded(const std::optional<MoveMark>& mark, const std::string& served, const std::string& place,
              PlaceMoveWish wish) {
  return wish == PlaceMoveWish::kResume && !mark && served == place;
}

absl::Status CheckWish(const Tenant& tenant, const std::optional<MoveMark>& mark, const std::string& served,
                       const std::string& place, PlaceMoveWish wish) {
  const bool is_it = mark && mark->kind == MoveKind::kPlace && mark->target == place;
  if (wish != PlaceMoveWish::kBegin) {
    if (is_it || HasEnded(mark, served, place, wish)) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat("no move of '", tenant.context_id(), "' to the place '",
                                                      place, "' is under way: it is served from '", served,
                                                      "'. Nothing was changed. Without --resume and --undo "
                                                      "a new move begins."));
  }
  if (mark) {
    return absl::FailedPreconditionError(
        absl::StrCat("'", tenant.context_id(), "': ", PauseWords(true, PackMark(*mark)),
                     ". Nothing was changed. --resume continues that move, --undo undoes it."));
  }
  if (served != place) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the mirror of '", tenant.context_id(),
                                                    "' is in the place '", place,
                                                    "' already. Nothing was changed."));
}

bool IsServedFrom(Tenants& tenants, const std::string& context_id, const std::string& place) {
  const absl::StatusOr<std::string> served = tenants.home().places().Find(context_id);
  return served.ok() && *served == place;
}

absl::Status UndoPlaceMove(Tenants& tenants, Tenant& tenant, const std::string& place, const std::string& id,
                           std::int64_t now_ms) {
  ASSIGN_OR_RETURN(const std::unique_ptr<PlaceMove> move,
                   tenants.home().places().NewMove(tenant.context_id(), place));
  if (move->IsDone()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the mirror of '", tenant.context_id(), "' is served from '", place,
                     "' already. Nothing was changed. --resume ends the move; then it can be moved back."));
  }
  return tenant.EndMove(id, "move.undone",
                        "a move to another place was undone: the mirror is served as before", now_ms);
}

absl::Status FailedMove(const absl::Status& why, const absl::Status& undone) {
  return absl::Status(
      why.code(),
      absl::StrCat(why.message(), undone.ok() ? " The move was undone, and the mirror is served as "
                                                "before."
                                              : " The source is kept away until the move is run "
                                                "again with --resume, or with --undo."));
}

}  // namespace

absl::StatusOr<PlaceMoveReport> MoveToPlace(Tenants& tenants, const std::string& context_id,
                                            const std::string& place, PlaceMoveWish wish, std::int64_t now_ms,
                                            const GoOn& go_on) {
  if (place.empty()) return absl::InvalidArgumentError("no place is named. Nothing was done.");
  RETURN_IF_ERROR(tenants.home().places().Check(place));
  // A move that has begun can be ended in any case.
  if (wish == PlaceMoveWish::kBegin) RETURN_IF_ERROR(tenants.home().places().CheckShared(place));
  RETURN_IF_ERROR(CheckMoveTarget(place));
  absl::StatusOr<Here> here = FindMoving(tenants, context_id);
  if (absl::IsUnavailable(here.status()) && wish != PlaceMoveWish::kBegin) {
    // Between two steps of a switch nobody can open it: NewMove() undoes the switch or completes it.
    RETURN_IF_ERROR(tenants.home().places().NewMove(context_id, place).status());
    here = FindMoving(tenants, context_id);
  }
  if (!here.ok()) return here.status();
  Tenant& tenant = *here->tenant;
  PlaceMoveReport report{.context_id = tenant.context_id()};
  ASSIGN_OR_RETURN(report.from, tenants.home().places().Find(report.context_id));
  RETURN_IF_ERROR(CheckWish(tenant, here->mark, report.from, place, wish));
  if (HasEnded(here->mark, report.from, place, wish)) return report;
  const std::string id = here->mark
                             ? here->mark->id
                             : HexDigest(absl::StrCat(report.context_id, " ", now_ms)).substr(0, kIdDigits);
  if (wish == PlaceMoveWish::kUndo) {
    RETURN_IF_ERROR(UndoPlaceMove(tenants, tenant, place, id, now_ms));
    return report;
  }
  RETURN_IF_ERROR(tenant.BeginMove({.id = id, .kind = MoveKind::kPlace, .target = place}, now_ms));
  absl::StatusOr<std::vector<std::string>> left_out = CopyAndSwitch(tenants, tenant, place, go_on);
  if (!left_out.ok() && !IsServedFrom(tenants, report.context_id, place)) {
    return FailedMove(left_out.status(), UndoPlaceMove(tenants, tenant, place, id, now_ms));
  }
  if (left_out.ok()) report.left_out = *std::move(left_out);
  ASSIGN_OR_RETURN(std::unique_ptr<PlaceMove> move,
                   tenants.home().places().NewMove(report.context_id, place));
  absl::StatusOr<std::string> kept = move->Tidy(now_ms);
  CrashPoint("move.tidied");
  if (kept.ok()) {
    report.kept = *std::move(kept);
  } else {
    report.left_out.push_back(absl::StrCat("the schema that it left, which could not be renamed: ",
                                           std::string(kept.status().message())));
  }
  RETURN_IF_ERROR(tenant.EndMove(
      id, "move.placed",
      absl::StrCat("the mirror was moved to the place '", place, "', and is served",
                   report.kept.empty() ? "" : "; the schema that it left is kept as ", report.kept,
                   report.left_out.empty() ? "" : "; not moved: ", absl::StrJoin(report.left_out, ", ")),
      now_ms));
  return report;
}

}  // namespace mirror
