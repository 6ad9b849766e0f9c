#include "server/store/postgres/home/place_move.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"
#include "server/plan/move_mark.h"
#include "server/store/contents_digest.h"
#include "server/store/copy_contents.h"
#include "server/store/postgres/home/found_schemas.h"
#include "server/store/postgres/home/placed_deletion.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/place/server_rows.h"
#include "server/store/postgres/place/session.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/postgres_import.h"
#include "server/store/postgres/postgres_snapshot.h"
#include "server/store/postgres/rows/tenant_row.h"

namespace mirror {
namespace {

constexpr char kMoving[] = "moving a mirror";
constexpr char kImporting[] = "importing";
constexpr int kHoldsMax = 3;

absl::Status Ran(const absl::StatusOr<std::int64_t>& ran) {
  return ToStoreStatus(ran.status(), TableOwner::kOwnTable);
}

/// Fills a schema that no server serves.
class UnservedImport final : public MirrorImport {
 public:
  UnservedImport(PostgresImport& import, std::string schema, std::int64_t epoch)
      : import_(import), schema_(std::move(schema)), epoch_(epoch) {}

  absl::Status Begin(const MirrorContents& contents) override { return import_.Begin(contents); }
  absl::Status AddRows(const TableSchema& stored, RowBlock* rows) override {
    return import_.AddRows(stored, rows);
  }
  absl::Status Finish() override {
    RETURN_IF_ERROR(import_.MakeIndexes());
    return import_.Finish(schema_, epoch_, PostgresImport::Then::kWaits);
  }

 private:
  PostgresImport& import_;
  const std::string schema_;
  const std::int64_t epoch_;
};

class PlacedMove final : public PlaceMove {
 public:
  PlacedMove(PlacedMirrors& mirrors, Placement placement, PostgresPlace& to)
      : mirrors_(mirrors),
        placement_(std::move(placement)),
        to_(to),
        names_(placement_.context_id, placement_.schema) {}

  const std::string& from() const override { return placement_.place; }
  bool IsDone() const override { return placement_.place == to_name(); }

  /// Continues an earlier move. After the decision it completes the move; before it, it removes everything.
  absl::Status TakeUp() {
    if (!IsDone()) return TakeBack();
    ASSIGN_OR_RETURN(const postgres::Lease lease, to_.Take(PlaceUse::kWrite));
    return WithHeld(*lease, to_.options().kind, [&] { return Serve(*lease); });
  }

  absl::StatusOr<std::vector<std::string>> CopyOf(Snapshot& mirror, const GoOnCopying& go_on) override {
    ASSIGN_OR_RETURN(const std::unique_ptr<PostgresImport> import,
                     PostgresImport::New(to_, placement_.context_id));
    UnservedImport into(*import, placement_.schema, placement_.epoch + 1);
    return CopyContents(mirror, into, go_on);
  }

  absl::StatusOr<std::unique_ptr<Snapshot>> OpenCopy() override {
    return OpenPostgresSnapshot(to_, placement_.context_id, names_, kPostgresExportMax);
  }

  absl::Status Switch() override {
    ASSIGN_OR_RETURN(const postgres::Lease there, to_.Take(PlaceUse::kWrite));
    // After the switch only the copy exists. So it must be as durable as any commit to a mirror.
    RETURN_IF_ERROR(mirrors_.replicated() ? WaitForStandby(*there) : absl::OkStatus());
    postgres::Transaction serving(*there);
    if (absl::Status begun = serving.Begin(); !begun.ok()) return ToStoreStatus(begun, TableOwner::kOwnTable);
    RETURN_IF_ERROR(HoldMirror(*there, to_.options().kind, names_, Frees::kNothing));
    // A server that wants to remove the copy waits for this lock.
    ASSIGN_OR_RETURN(const TenantRow copy, LockTenant(*there, names_));
    if (copy.state != kImporting || copy.epoch != placement_.epoch + 1) return Overtaken();
    RETURN_IF_ERROR(Serve(*there));
    RETURN_IF_ERROR(Fence(copy.tenant));
    CrashPoint("move.fenced");
    RETURN_IF_ERROR(Decide());
    CrashPoint("move.decided");
    absl::Status committed = serving.Commit(kMoving);
    CrashPoint("move.switched");
    return ToStoreStatus(committed, TableOwner::kOwnTable);
  }

  absl::StatusOr<std::string> Tidy(std::int64_t now_ms) override {
    for (const std::shared_ptr<PostgresPlace>& place : mirrors_.places()) {
      if (place->options().name == to_name()) continue;
      ASSIGN_OR_RETURN(const postgres::Lease lease, place->Take(PlaceUse::kWrite));
      const PlaceKind kind = place->options().kind;
      ASSIGN_OR_RETURN(const auto found, FindOurSchema(*lease, kind, placement_.schema));
      if (!found.has_value() || !found->is_left || found->context_id != placement_.context_id) continue;
      ASSIGN_OR_RETURN(const std::string aside, SetAside(*lease, kind, found->epoch, now_ms));
      return LocationOf(place->options().name, aside);
    }
    return std::string();
  }

  absl::Status TakeBack() override {
    RETURN_IF_ERROR(Hold());
    {
      ASSIGN_OR_RETURN(const postgres::Lease lease, mirrors_.Take(from(), PlaceUse::kWrite));
      RETURN_IF_ERROR(WithHeld(*lease, KindOf(mirrors_, from()), [&] {
        return Ran(
            lease->Run(absl::StrCat("UPDATE ", names_.tenant,
                                    " SET state = 'serving', moved_to = NULL WHERE moved_to IS NOT NULL"),
                       {}, kMoving));
      }));
    }
    // The mirror is served even if the copy's place does not answer. The next move to that place removes the
    // copy.
    const absl::StatusOr<postgres::Lease> lease = to_.Take(PlaceUse::kWrite);
    if (!lease.ok()) return absl::OkStatus();
    absl::Status removed = RemoveCopy(**lease);
    return absl::IsUnavailable(removed) ? absl::OkStatus() : removed;
  }

 private:
  const std::string& to_name() const { return to_.options().name; }

  /// Waits for an earlier switch that still runs, or whose commit in the control database is uncertain.
  /// Afterwards that switch can decide nothing any more.
  absl::Status Hold() {
    for (int i = 0; i < kHoldsMax; ++i) {
      ASSIGN_OR_RETURN(const bool held, mirrors_.Change(placement_.context_id, HoldPlacement, placement_));
      if (held) {
        ++placement_.epoch;
        return absl::OkStatus();
      }
      ASSIGN_OR_RETURN(std::optional<Placement> now,
                       FindPlacement(mirrors_.control(), placement_.context_id));
      const bool is_there = now.has_value() && now->place == from() && now->schema == placement_.schema;
      if (!is_there || now->state != PlacementState::kServing) break;
      placement_ = *std::move(now);
    }
    return absl::UnavailableError(absl::StrCat("the mirror of '", placement_.context_id,
                                               "' was moved or changed by somebody else meanwhile. Nothing "
                                               "was undone; the same call again is safe."));
  }

  absl::Status Overtaken() const {
    return absl::AbortedError(absl::StrCat("the mirror of '", placement_.context_id,
                                           "' was changed while it was copied, or another move of it ended "
                                           "first. This one changed nothing."));
  }

  /// Runs `work` in a transaction in which the schema's name refers to the same schema from begin to end.
  template <typename Work>
  absl::Status WithHeld(postgres::Connection& connection, PlaceKind kind, const Work& work) const {
    postgres::Transaction transaction(connection);
    RETURN_IF_ERROR(ToStoreStatus(transaction.Begin(), TableOwner::kOwnTable));
    absl::Status done = HoldMirror(connection, kind, names_, Frees::kNothing);
    if (done.ok()) done = work();
    return done.ok() ? ToStoreStatus(transaction.Commit(kMoving), TableOwner::kOwnTable) : done;
  }

  /// Marks the copy as served. Runs in the new place.
  absl::Status Serve(postgres::Connection& connection) const {
    return Ran(
        connection.Run(absl::StrCat("UPDATE ", names_.tenant, " SET state = 'serving' WHERE state = $1"),
                       {kImporting}, kMoving));
  }

  /// Makes the old mirror accept no more writes. Runs in the old place. Writes of others are committed before
  /// it, or fail because the mirror has moved. `copied_tenant`: the tenant's row in the copy, with the mark
  /// of this move.
  absl::Status Fence(const TenantRecord& copied_tenant) {
    ASSIGN_OR_RETURN(PostgresPlace* const old, mirrors_.PlaceOf(from()));
    ASSIGN_OR_RETURN(const postgres::Lease lease, old->Take(PlaceUse::kWrite));
    postgres::Transaction transaction(*lease);
    RETURN_IF_ERROR(ToStoreStatus(transaction.Begin(), TableOwner::kOwnTable));
    RETURN_IF_ERROR(HoldMirror(*lease, old->options().kind, names_, Frees::kNothing));
    ASSIGN_OR_RETURN(const TenantRow row, LockTenant(*lease, names_));
    if (row.state != "serving" || row.moved_to || row.epoch > placement_.epoch) return Overtaken();
    // If another server undid the move meanwhile, the source may be in the middle of a cycle.
    const std::optional<MoveMark> mark = MarkOf(row.tenant);
    const bool is_of_this = mark && mark->phase == MovePhase::kLeaving && mark->kind == MoveKind::kPlace &&
                            mark->target == to_name();
    if (!is_of_this || MarkOf(copied_tenant) != mark) return Overtaken();
    const absl::StatusOr<std::string> there = MetadataOf(*old), copied = MetadataOf(to_);
    if (!there.ok() || !copied.ok()) return there.ok() ? copied.status() : there.status();
    if (*there != *copied) return Overtaken();
    RETURN_IF_ERROR(
        Ran(lease->Run(absl::StrCat("UPDATE ", names_.tenant, " SET state = 'moving', moved_to = $1"),
                       {to_name()}, kMoving)));
    return ToStoreStatus(transaction.Commit(kMoving), TableOwner::kOwnTable);
  }

  absl::StatusOr<std::string> MetadataOf(PostgresPlace& place) const {
    ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> snapshot,
                     OpenPostgresSnapshot(place, placement_.context_id, names_));
    return DigestMetadata(*snapshot);
  }

  absl::Status Decide() {
    const absl::StatusOr<bool> placed =
        mirrors_.Change(placement_.context_id, MovePlacementTo, placement_.context_id, from(), to_name(),
                        placement_.epoch + 1);
    if (placed.ok()) return *placed ? absl::OkStatus() : Overtaken();
    // Perhaps only the answer was lost.
    const absl::StatusOr<std::optional<Placement>> now = mirrors_.Find(placement_.context_id);
    if (now.ok() && now->has_value() && (*now)->place == to_name()) return absl::OkStatus();
    return placed.status();
  }

  absl::StatusOr<std::string> SetAside(postgres::Connection& connection, PlaceKind kind, std::int64_t epoch,
                                       std::int64_t number) const {
    std::string aside = AsideName(placement_.context_id, number, epoch);
    postgres::Transaction transaction(connection);
    RETURN_IF_ERROR(ToStoreStatus(transaction.Begin(), TableOwner::kOwnTable));
    RETURN_IF_ERROR(HoldMirror(connection, kind, names_, Frees::kItsName));
    absl::Status renamed = connection.Execute(
        absl::StrCat("ALTER SCHEMA ", names_.schema, " RENAME TO ", QuoteName(aside)), kMoving);
    if (renamed.ok()) renamed = transaction.Commit(kMoving);
    if (!renamed.ok()) return ToStoreStatus(renamed, TableOwner::kMirroredTable);
    return aside;
  }

  absl::Status RemoveCopy(postgres::Connection& connection) const {
    const PlaceKind kind = to_.options().kind;
    ASSIGN_OR_RETURN(const auto found, FindSchema(connection, kind, placement_.schema));
    if (!found.has_value()) return absl::OkStatus();
    if (found->is_left && found->context_id == placement_.context_id) {
      // The mirror was in this place before, and could not be set aside then.
      return SetAside(connection, kind, found->epoch, placement_.epoch).status();
    }
    std::optional<TenantRow> row;
    RETURN_IF_ERROR(WithHeld(connection, kind, [&] {
      // Waits for a server that is about to serve the copy.
      RETURN_IF_ERROR(Ran(
          connection.Run(absl::StrCat("UPDATE ", names_.tenant, " SET state = 'deleting' WHERE state = $1"),
                         {kImporting}, kMoving)));
      absl::StatusOr<std::optional<TenantRow>> now = SelectTenant(connection, names_);
      if (now.ok()) row = *std::move(now);
      return now.status();
    }));
    const bool is_copy = row && row->state == "deleting" && row->tenant.context_id == placement_.context_id;
    if (is_copy)
      return RemoveSchema(connection, names_, {.epoch_max = row->epoch, .also_served = false}, kind);
    return absl::FailedPreconditionError(absl::StrCat(
        "the place '", to_name(), "' has a schema ", names_.schema,
        " already, which is not a copy that a move left. Nothing was changed. Rename it, or drop it."));
  }

  PlacedMirrors& mirrors_;
  Placement placement_;
  PostgresPlace& to_;
  const PostgresOwnTables names_;
};

}  // namespace

absl::Status PostgresPlaces::Check(const std::string& place) const {
  return place.empty() ? absl::OkStatus() : mirrors_.PlaceNamed(place).status();
}

absl::Status PostgresPlaces::CheckShared(const std::string& place) const {
  if (place.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<ServerRow> servers, ListServers(mirrors_.control()));
  const ServerRow* const without = FindWithoutPlace(servers, place);
  if (without == nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the server on ", without->host, " at ", without->address, " does not name the place '", place,
      "', and could not serve the mirror there. Nothing was changed. Give all servers the same places."));
}

absl::StatusOr<std::string> PostgresPlaces::Find(const std::string& context_id) {
  ASSIGN_OR_RETURN(std::optional<Placement> found, mirrors_.Find(context_id));
  if (!found.has_value() || !IsThere(*found)) return std::string();
  return std::move(found->place);
}

absl::StatusOr<std::unique_ptr<PlaceMove>> PostgresPlaces::NewMove(const std::string& context_id,
                                                                   const std::string& place) {
  ASSIGN_OR_RETURN(PostgresPlace* const to, mirrors_.PlaceNamed(place));
  ASSIGN_OR_RETURN(std::optional<Placement> found, FindPlacement(mirrors_.control(), context_id));
  if (!found.has_value() || found->state != PlacementState::kServing) {
    return absl::UnavailableError(
        absl::StrCat("the mirror of '", context_id, "' is not served now. Nothing was changed; try again."));
  }
  auto move = std::make_unique<PlacedMove>(mirrors_, *std::move(found), *to);
  RETURN_IF_ERROR(move->TakeUp());
  return move;
}

}  // namespace mirror
