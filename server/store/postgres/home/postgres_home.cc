#include "server/store/postgres/home/postgres_home.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/crash_point.h"
#include "base/db/postgres/own_relations.h"
#include "base/db/postgres/pipeline.h"
#include "base/db/postgres/transaction.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "server/store/home.h"
#include "server/store/postgres/began.h"
#include "server/store/postgres/home/found_schemas.h"
#include "server/store/postgres/home/place_marks.h"
#include "server/store/postgres/home/place_move.h"
#include "server/store/postgres/home/placed_deletion.h"
#include "server/store/postgres/home/placed_import.h"
#include "server/store/postgres/home/placed_mirrors.h"
#include "server/store/postgres/home/store_look.h"
#include "server/store/postgres/place/citus.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/postgres/place/rights.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/postgres_upkeep.h"
#include "server/store/postgres/rows/own_schema.h"
#include "server/store/postgres/rows/tenant_row.h"

// A mirror may be missing where it should be served. It is made anew only if it is proven that no other place
// can have it.

namespace mirror {
namespace {

// Finds the tenants of a place whose rows fulfil a condition. Asks for several tenants in one statement, and
// waits for no writer. Skips mirrors that cannot be read.

constexpr char kLookingIntoAll[] = "reading all mirrors";
/// Maximum number of schemas for one statement, because a statement locks the table of each.
constexpr std::size_t kAskedAtOnce = 50;
/// The time limit for one answer. It is short, because a caller asks all places one after another.
constexpr std::chrono::seconds kAnswerOfMany{5};

/// Selects the schemas of mirrors. Those of other roles do not count, whatever is in them.
constexpr char kMirrorSchemas[] =
    "SELECT n.nspname::text FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner AND r.rolname = "
    "current_user WHERE n.nspname LIKE 'Mirror\\_%' AND 2 = (SELECT count(*) FROM pg_class c WHERE "
    "c.relnamespace = n.oid AND c.relname IN ('_mirror_tenant', '_mirror_hooks') AND c.relkind = 'r' AND "
    "c.relowner = n.nspowner)";

absl::StatusOr<std::vector<std::string>> ListMirrorSchemas(postgres::Connection& connection) {
  const auto rows = connection.Query(absl::StrCat(kMirrorSchemas, " ORDER BY 1"), {}, kLookingIntoAll);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  return rows->Texts(0);
}

/// Returns SQL after which the names refer to the same objects until the transaction ends, see
/// MirrorGuard::QueueIn().
std::string HoldAllSql(const std::vector<std::string>& schemas) {
  return absl::StrCat("LOCK TABLE ",
                      absl::StrJoin(schemas, ", ",
                                    [](std::string* out, const std::string& schema) {
                                      *out += Qualified(schema, "_mirror_tenant");
                                    }),
                      " IN ACCESS SHARE MODE");
}

/// Returns a condition on a tenant's row. `schema`: the schema with that row.
using Condition = std::function<std::string(const std::string& schema)>;

/// Fails if one of the schemas is no longer a mirror, because another role may own the name now.
absl::Status Ask(postgres::Connection& connection, PlaceKind kind, const std::vector<std::string>& schemas,
                 const Condition& condition, std::vector<std::string>* found) {
  const std::string sql =
      absl::StrJoin(schemas, " UNION ALL ", [&condition](std::string* out, const std::string& schema) {
        absl::StrAppend(out, "SELECT context_id FROM ", Qualified(schema, "_mirror_tenant"), " WHERE ",
                        condition(schema), " AND state = 'serving' AND moved_to IS NULL");
      });
  postgres::Array names = postgres::TextArray(schemas);
  postgres::Transaction reading(connection);
  postgres::Pipeline pipeline(connection);
  reading.Begin(pipeline, {.read_only = true});
  if (kind == PlaceKind::kPlain) pipeline.Queue(HoldAllSql(schemas), {}, kLookingIntoAll);
  pipeline.Queue(
      absl::StrCat("SELECT 1 / CASE WHEN count(*) = cardinality($1::text[]) THEN 1 ELSE 0 END FROM (",
                   kMirrorSchemas, " AND n.nspname = ANY ($1::text[]::name[])) AS ours"),
      {names.value()}, kLookingIntoAll);
  const auto at = static_cast<std::size_t>(pipeline.Queue(sql, {}, kLookingIntoAll));
  const absl::StatusOr<std::vector<postgres::Rows>> rows = reading.Commit(pipeline, kLookingIntoAll);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  for (int row = 0; row < (*rows)[at].rows(); ++row) found->push_back((*rows)[at].Text(row, 0));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FindMirrors(PostgresPlace& place, const Condition& condition) {
  ASSIGN_OR_RETURN(const postgres::Lease lease, place.Take(PlaceUse::kRead));
  postgres::Connection& connection = *lease;
  connection.SetAnswerWithin(kAnswerOfMany);
  ASSIGN_OR_RETURN(const std::vector<std::string> schemas, ListMirrorSchemas(connection));
  // On Citus each mirror may be at another node, and a statement must not use two nodes.
  const std::size_t at_once = place.options().kind == PlaceKind::kCitus ? 1 : kAskedAtOnce;
  std::vector<std::string> found;
  for (auto first = schemas.begin(); first != schemas.end();) {
    const auto last =
        first + std::min(static_cast<std::ptrdiff_t>(at_once), std::distance(first, schemas.end()));
    if (!Ask(connection, place.options().kind, {first, last}, condition, &found).ok()) {
      // One of the schemas may have been dropped meanwhile, or belongs to another role.
      for (auto one = first; one != last && connection.IsOpen(); ++one) {
        Ask(connection, place.options().kind, {*one}, condition, &found).IgnoreError();
      }
    }
    if (!connection.IsOpen()) break;
    first = last;
  }
  return found;
}

/// Finds mirrors with a running cycle that recorded no progress since `before_ms`.
absl::StatusOr<std::vector<std::string>> FindIdleMirrors(PostgresPlace& place, std::int64_t before_ms) {
  // Uses the clock of the stored times, because the place's own clock may differ.
  const std::int64_t after_ms = SharedNowMs() + kStoredAheadMaxMs;
  return FindMirrors(place, [=](const std::string&) {
    return absl::StrCat("active AND (progress_ms < ", before_ms, " OR progress_ms > ", after_ms, ")");
  });
}

/// Finds mirrors with notifications that wait for hooks.
absl::StatusOr<std::vector<std::string>> FindMirrorsWithHooks(PostgresPlace& place) {
  return FindMirrors(place, [](const std::string& schema) {
    return absl::StrCat("EXISTS (SELECT FROM ", Qualified(schema, "_mirror_hooks"), ")");
  });
}

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

/// Returns the error for a missing schema. kNotFound: it is proven that its place was reset to a state before
/// the schema was made, and no other place has it. Otherwise kDataLoss. Both have kLostPayload. If the check
/// is impossible, returns its error.
absl::Status WhyLost(PlacedMirrors& mirrors, const Placement& placement) {
  ASSIGN_OR_RETURN(const bool nowhere, IsProvablyNowhere(mirrors, placement));
  const std::string lost = absl::StrCat("its schema \"", placement.schema, "\" is not in the place '",
                                        placement.place, "' any more, ");
  if (nowhere) {
    const std::string why =
        absl::StrCat(lost, "whose state is older than the mirror, as after a failover or a restore");
    return WithPayload(absl::NotFoundError(why), kLostPayload, why);
  }
  const std::string why = absl::StrCat(lost,
                                       "where the control database lists it: somebody dropped or renamed it, "
                                       "or the place is now another database");
  return WithPayload(absl::DataLossError(why), kLostPayload, why);
}

/// Returns whether a new mirror may be made. `lost`: a status of WhyLost().
bool MayBeMadeAnew(const absl::Status& lost) {
  return absl::IsNotFound(lost) && lost.GetPayload(kLostPayload).has_value();
}

/// Removes a mark that the place of an existing schema lacks, because such a mark proves nothing.
absl::Status CheckMark(PlacedMirrors& mirrors, const Placement& placement) {
  if (placement.mark.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(PostgresPlace* const place, mirrors.PlaceOf(placement.place));
  const absl::StatusOr<bool> has = HasMark(*place, placement.mark);
  if (absl::IsUnavailable(has.status()) || postgres::IsForeign(has.status())) return absl::OkStatus();
  if (has.ok() && *has) return absl::OkStatus();
  return mirrors.Change(placement.context_id, ForgetMark, placement);
}

/// Returns kNotFound for a mirror that the control database does not know. It has kForgottenPayload if no
/// place has the mirror either.
absl::Status IsUnknown(const PlacedMirrors& mirrors, const std::string& context_id) {
  const absl::Status none = absl::NotFoundError(absl::StrCat("there is no mirror of '", context_id, "'"));
  const absl::StatusOr<PlacedMirrors::Room> room = mirrors.FindRoom(context_id);
  if (!room.ok() || room->has_schema) return none;
  return WithPayload(none, kForgottenPayload,
                     "neither the control database nor a place has it: their states are older than the "
                     "mirror, as after a failover or a restore");
}

/// After this time the server that was making a mirror has finished it, or no longer runs.
constexpr std::int64_t kMakingMs = 60'000;
constexpr int kTimedWrites = 5;

/// Renames the mirror's schema. With `owner`, makes a new schema for that owner in the same transaction, and
/// gives other roles the same rights on it. Returns whether there was an old schema.
absl::StatusOr<bool> SetSchemaAside(postgres::Connection& connection, PlaceKind kind,
                                    const PostgresOwnTables& names, const std::string& context_id,
                                    const std::string& aside, std::int64_t epoch,
                                    const std::optional<TenantRecord>& owner) {
  const auto there = connection.Number("SELECT count(*) FROM pg_namespace WHERE oid = to_regnamespace($1)",
                                       {names.schema}, "looking for the mirror");
  if (!there.ok()) return ToStoreStatus(there.status(), TableOwner::kOwnTable);
  if (*there == 0 && !owner) return false;
  postgres::Transaction transaction(connection);
  RETURN_IF_ERROR(ToStoreStatus(transaction.Begin(), TableOwner::kOwnTable));
  postgres::Pipeline pipeline(connection);
  OwnWrites writes;
  if (*there == 1) {
    // Locks the table before its row, because a writer locks them in this order, too.
    RETURN_IF_ERROR(HoldMirror(connection, kind, names, owner ? Frees::kNothing : Frees::kItsName));
    RETURN_IF_ERROR(FenceEpoch(connection, names, epoch));
    pipeline.Queue(absl::StrCat("ALTER SCHEMA ", names.schema, " RENAME TO ", QuoteName(aside)), {},
                   "setting the mirror aside");
  }
  if (owner) {
    // The cycle has ended, as after a crash.
    TenantRecord begun = *owner;
    begun.active = false;
    begun.holder.clear();
    begun.announced.clear();
    begun.touched = false;
    QueueOwnSchema(pipeline, context_id, names, epoch);
    UpdateTenant(writes, names, begun);
    writes.QueueIn(pipeline);
  }
  absl::Status done = ToStoreStatus(pipeline.Run().status(), TableOwner::kMirroredTable);
  if (done.ok() && *there == 1 && owner) done = CarryRights(connection, QuoteName(aside), names).status();
  if (done.ok())
    done = ToStoreStatus(transaction.Commit("setting the mirror aside"), TableOwner::kMirroredTable);
  if (!done.ok()) return done;
  return *there == 1;
}

absl::Status Unknown(const std::string& context_id) {
  return absl::UnavailableError(absl::StrCat("the control database has no mirror of '", context_id,
                                             "'. Nothing was done; the same call again is safe."));
}

absl::StatusOr<std::vector<std::string>> ListWhere(PlacedMirrors& mirrors,
                                                   const std::function<bool(const Placement&)>& is) {
  ASSIGN_OR_RETURN(const std::vector<Placement> all, mirrors.List());
  std::vector<std::string> ids;
  for (const Placement& placement : all) {
    if (is(placement)) ids.push_back(placement.context_id);
  }
  return ids;
}

bool WasDeleted(const Placement& placement) {
  // Until an import is served, the tenant's source is refused as before.
  return placement.state == PlacementState::kDeleted || placement.state == PlacementState::kRestoring;
}

absl::StatusOr<std::chrono::microseconds> SyncTimeOf(PostgresPlace& place) {
  ASSIGN_OR_RETURN(const postgres::Lease lease, place.Take(PlaceUse::kWrite));
  std::vector<std::chrono::microseconds> times;
  for (int i = 0; i < kTimedWrites; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    // A commit of 4 KB of WAL that changes nothing.
    const auto written = lease->Query("SELECT pg_logical_emit_message(true, 'mirror', repeat('x', 4096))", {},
                                      "timing a write");
    if (!written.ok()) return ToStoreStatus(written.status(), TableOwner::kOwnTable);
    times.push_back(
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin));
  }
  std::nth_element(times.begin(), times.begin() + kTimedWrites / 2, times.end());
  return times[kTimedWrites / 2];
}

std::string CannotWrite(const std::string& where, const absl::Status& why) {
  // Errors of the control database already name it.
  const std::string named = absl::StrCat(where, ": ");
  return absl::StrCat("nothing can be written in ", named, absl::StripPrefix(why.message(), named));
}

std::string QuarantineOf(const PlacedMirrors& mirrors, const Placement& placement) {
  const absl::StatusOr<postgres::Lease> lease = mirrors.Take(placement.place, PlaceUse::kRead);
  if (!lease.ok()) return "";
  return ReadQuarantine(**lease, PostgresOwnTables(placement.context_id, placement.schema)).value_or("");
}

/// Returns why an operator is needed for a mirror whose schema was missing when it was opened; empty: none is
/// needed. `opened`: the result of that opening.
std::string WhyLostNow(const std::string& context_id, const absl::Status& opened) {
  if (!absl::IsDataLoss(opened) || !opened.GetPayload(kLostPayload).has_value()) return "";
  return absl::StrCat("the mirror of '", context_id, "' is lost: ", std::string(opened.message()),
                      ". 'mirrorctl diagnose ", context_id, "' says what to do.");
}

/// Returns, for each place, the names of schemas that may be mirrors. Runs one statement per place. Skips
/// places that do not answer.
std::map<std::string, std::set<std::string>> ListNames(const PlacedMirrors& mirrors) {
  std::map<std::string, std::set<std::string>> names;
  for (const std::shared_ptr<PostgresPlace>& place : mirrors.places()) {
    const absl::StatusOr<postgres::Lease> lease = place->Take(PlaceUse::kRead);
    if (!lease.ok()) continue;
    const auto rows = (*lease)->Query("SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_'", {},
                                      "listing the schemas");
    if (!rows.ok()) continue;
    std::set<std::string>& there = names[place->options().name];
    for (int row = 0; row < rows->rows(); ++row) there.insert(rows->Text(row, 0));
  }
  return names;
}

/// Searches all places.
absl::StatusOr<std::vector<std::string>> FindWhere(
    const PlacedMirrors& mirrors,
    const std::function<absl::StatusOr<std::vector<std::string>>(PostgresPlace&)>& find) {
  std::vector<std::string> all;
  for (const auto& place : mirrors.places()) {
    const absl::StatusOr<std::vector<std::string>> found = find(*place);
    // If a place does not answer here, another server that reaches it finds its mirrors.
    if (found.ok()) all.insert(all.end(), found->begin(), found->end());
  }
  return all;
}

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const PlacedMirrors& mirrors, PostgresStoreOptions options,
                                                 const Placement& placement, bool create) {
  ASSIGN_OR_RETURN(PostgresPlace* const place, mirrors.PlaceOf(placement.place));
  options.schema = placement.schema;
  options.epoch = placement.epoch;
  return OpenPostgresStore(*place, placement.context_id, create, options);
}

/// Makes and opens a mirror. Several servers may do this at the same time: one makes the schema, and all of
/// them open it.
absl::StatusOr<std::unique_ptr<Store>> MakePlaced(PlacedMirrors& mirrors, const PostgresStoreOptions& options,
                                                  const Placement& placement) {
  ASSIGN_OR_RETURN(std::unique_ptr<Store> store, OpenStore(mirrors, options, placement, /*create=*/true));
  CrashPoint("make.schema");
  RETURN_IF_ERROR(
      mirrors.Change(placement.context_id, MoveThisPlacement, placement, PlacementState::kServing).status());
  ASSIGN_OR_RETURN(const std::optional<Placement> now, mirrors.Find(placement.context_id));
  if (!now.has_value() || now->state != PlacementState::kServing) return Unknown(placement.context_id);
  return store;
}

/// Checks that the placement is still the same, after an incomplete mirror was found. If it is not, another
/// server has just moved or deleted the mirror, and nothing is lost.
absl::Status CheckIsStill(PlacedMirrors& mirrors, const Placement& placement) {
  ASSIGN_OR_RETURN(const std::optional<Placement> now, mirrors.Find(placement.context_id));
  if (!now.has_value() || !(IsThere(*now) || IsBeingImported(*now)))
    return absl::NotFoundError(absl::StrCat("the mirror of '", placement.context_id, "' was deleted"));
  const bool is_same =
      now->state == placement.state && now->epoch == placement.epoch && now->place == placement.place;
  return is_same ? absl::OkStatus() : BeingChanged(placement.context_id);
}

absl::StatusOr<std::unique_ptr<Store>> OpenServing(PlacedMirrors& mirrors,
                                                   const PostgresStoreOptions& options,
                                                   const Placement& placement) {
  absl::StatusOr<std::unique_ptr<Store>> store = OpenStore(mirrors, options, placement, /*create=*/false);
  const bool is_lost = absl::IsNotFound(store.status());
  if (is_lost || IsServedElsewhere(store.status())) {
    ASSIGN_OR_RETURN(const std::optional<Placement> later, mirrors.FindLater(placement));
    if (later.has_value()) return OpenStore(mirrors, options, *later, /*create=*/false);
  }
  if (is_lost || absl::IsDataLoss(store.status())) RETURN_IF_ERROR(CheckIsStill(mirrors, placement));
  if (is_lost) return WhyLost(mirrors, placement);
  if (!store.ok()) return store;
  RETURN_IF_ERROR(CheckMark(mirrors, placement));
  return store;
}

class PostgresHome final : public StoreHome {
 public:
  PostgresHome(std::shared_ptr<PostgresControl> control, PlacedMirrors::Places places,
               PostgresHomeOptions options)
      : mirrors_(std::move(control), std::move(places), options.store.replicated),
        places_(mirrors_),
        store_(options.store),
        files_(std::move(options.files)) {}

  absl::StatusOr<std::vector<Found>> Recover() override {
    // Removes copies that a killed server left.
    RETURN_IF_ERROR(files_->Recover().status());
    RETURN_IF_ERROR(mirrors_.TakeInUnknown());
    ASSIGN_OR_RETURN(const std::vector<Placement> all, mirrors_.List());
    // Reads the names after the list. So mirrors that another server makes meanwhile do not count as missing.
    const std::map<std::string, std::set<std::string>> names = ListNames(mirrors_);
    std::vector<Found> found;
    for (const Placement& placement : all) {
      // FindAll() returns the reason.
      if (placement.state == PlacementState::kUnknown) found.push_back({placement.context_id, ""});
      if (!IsThere(placement)) continue;
      const auto there = names.find(placement.place);
      const bool is_missing = there != names.end() && !there->second.contains(placement.schema);
      if (is_missing && placement.state == PlacementState::kServing) {
        found.push_back(
            {placement.context_id,
             WhyLostNow(placement.context_id, OpenServing(mirrors_, store_, placement).status())});
        continue;
      }
      // An error is ignored here, because the first call for the tenant gets and reports it again.
      if (placement.state == PlacementState::kMaking && placement.age_ms > kMakingMs) {
        MakePlaced(mirrors_, store_, placement).status().IgnoreError();
      }
      found.push_back({placement.context_id, QuarantineOf(mirrors_, placement)});
    }
    return found;
  }

  bool IsShared() const override { return true; }
  absl::StatusOr<std::vector<Found>> FindAll() override {
    ASSIGN_OR_RETURN(const std::vector<Placement> all, mirrors_.List());
    std::vector<Found> found;
    for (const Placement& placement : all) {
      if (IsThere(placement)) found.push_back({placement.context_id, ""});
      if (placement.state == PlacementState::kUnknown)
        found.push_back({placement.context_id, WhyUnknown(placement)});
    }
    return found;
  }
  absl::StatusOr<std::vector<std::string>> FindIdle(std::int64_t before_ms) override {
    return FindWhere(mirrors_,
                     [before_ms](PostgresPlace& place) { return FindIdleMirrors(place, before_ms); });
  }
  absl::StatusOr<std::vector<std::string>> FindWithHooks() override {
    return FindWhere(mirrors_, FindMirrorsWithHooks);
  }
  absl::StatusOr<std::optional<std::string>> FindSpelling(const std::string& context_id) override {
    ASSIGN_OR_RETURN(std::optional<Placement> found, mirrors_.Find(context_id));
    if (!found.has_value() || !(IsThere(*found) || IsBeingDeleted(*found))) return std::nullopt;
    return std::move(found->context_id);
  }
  absl::StatusOr<bool> IsDeleted(const std::string& context_id) override {
    ASSIGN_OR_RETURN(const std::optional<Placement> found, mirrors_.Find(context_id));
    return found.has_value() && (IsBeingDeleted(*found) || WasDeleted(*found));
  }
  bool Exists(const std::string& context_id) const override {
    const auto placement = mirrors_.Known(context_id);
    return placement.has_value() && placement->context_id == context_id;
  }

  absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& context_id, bool create,
                                              const BeginBuilding& begin_building) override {
    absl::StatusOr<std::optional<Placement>> found = mirrors_.Find(context_id);
    if (!found.ok()) return found.status();
    if (found->has_value() && (*found)->state == PlacementState::kServing) {
      RETURN_IF_ERROR(CheckSpelling(**found, context_id));
      absl::StatusOr<std::unique_ptr<Store>> store = OpenServing(mirrors_, store_, **found);
      if (!create || !MayBeMadeAnew(store.status())) return store;
      // If another server was faster, the mirror is the one that it made.
      RETURN_IF_ERROR(mirrors_.Change((*found)->context_id, MoveLostPlacement, **found).status());
      found = mirrors_.Find(context_id);
      if (!found.ok()) return found.status();
    }
    std::shared_ptr<void> building;
    if (!found->has_value() || (*found)->state == PlacementState::kGone) {
      if (!create && !found->has_value()) return IsUnknown(mirrors_, context_id);
      if (!create) return absl::NotFoundError(absl::StrCat("there is no mirror of '", context_id, "'"));
      RETURN_IF_ERROR(CheckContextFits(context_id));
      if (begin_building) {
        ASSIGN_OR_RETURN(building, begin_building());
      }
      ASSIGN_OR_RETURN(const PlacedMirrors::Room room, mirrors_.FindRoom(context_id));
      RETURN_IF_ERROR(CheckRoom(room, context_id));
      // The mirror is made after its mark, even if another server makes it.
      const std::string mark = room.has_schema ? "" : WriteMark(*room.place);
      ASSIGN_OR_RETURN(Placement taken,
                       mirrors_.TakeRoom(context_id, room.place->options().name, room.epoch_min, mark));
      CrashPoint("make.placed");
      *found = std::move(taken);
    }
    const Placement& placement = **found;
    RETURN_IF_ERROR(CheckSpelling(placement, context_id));
    if (placement.state == PlacementState::kMaking) return MakePlaced(mirrors_, store_, placement);
    if (placement.state == PlacementState::kServing) return OpenServing(mirrors_, store_, placement);
    if (IsBeingImported(placement)) return BeingImported(context_id);
    return absl::NotFoundError(absl::StrCat("the mirror of '", context_id, "' was deleted"));
  }

  absl::StatusOr<std::string> SetAside(const std::string& context_id, std::int64_t now_ms,
                                       const std::optional<TenantRecord>& owner) override {
    ASSIGN_OR_RETURN(const std::optional<Placement> found, mirrors_.Find(context_id));
    if (!found.has_value() || !IsThere(*found)) return Unknown(context_id);
    const Placement& placement = *found;
    ASSIGN_OR_RETURN(const postgres::Lease lease, mirrors_.Take(placement.place, PlaceUse::kWrite));
    const PlaceKind kind = KindOf(mirrors_, placement.place);
    RETURN_IF_ERROR(CheckIsOf(*lease, kind, placement.context_id, placement.schema));
    // The epoch is raised before the schema is replaced, because a schema may have an earlier epoch but no
    // later one.
    ASSIGN_OR_RETURN(const std::int64_t epoch, RaiseEpoch(mirrors_.control(), context_id));
    const std::string aside = AsideName(context_id, now_ms, epoch);
    const PostgresOwnTables names(placement.context_id, placement.schema);
    const absl::StatusOr<bool> was_there =
        SetSchemaAside(*lease, kind, names, placement.context_id, aside, epoch, owner);
    absl::Status done = was_there.status();
    CrashPoint("rebuild.file_gone");
    if (done.ok()) {
      done = mirrors_
                 .Change(context_id, MovePlacement, context_id, placement.state,
                         owner ? PlacementState::kServing : PlacementState::kGone)
                 .status();
    }
    if (!done.ok()) return done;
    return *was_there ? LocationOf(placement.place, aside) : "";
  }

  absl::StatusOr<std::int64_t> FindEpoch(const std::string& context_id) override {
    ASSIGN_OR_RETURN(const std::optional<Placement> found, mirrors_.Find(context_id));
    return found.has_value() ? found->epoch : 0;
  }
  absl::Status BeginDeletion(const std::string& context_id, Deleted what, std::int64_t epoch) override {
    return BeginPlacedDeletion(mirrors_, context_id, what, epoch);
  }
  absl::Status FinishDeletion(const std::string& context_id) override {
    return FinishPlacedDeletion(mirrors_, context_id);
  }

  absl::Status AllowAgain(const std::string& context_id) override {
    const absl::StatusOr<bool> allowed = mirrors_.Change(context_id, MovePlacement, context_id,
                                                         PlacementState::kDeleted, PlacementState::kGone);
    if (!allowed.ok() || *allowed) return allowed.status();
    return mirrors_
        .Change(context_id, MovePlacement, context_id, PlacementState::kRestoring, PlacementState::kImporting)
        .status();
  }
  absl::StatusOr<std::vector<std::string>> FindDeleting() override {
    return ListWhere(mirrors_, &IsBeingDeleted);
  }
  absl::StatusOr<std::vector<std::string>> FindDeleted() override { return ListWhere(mirrors_, &WasDeleted); }

  absl::StatusOr<std::unique_ptr<MirrorImport>> NewImport(const std::string& context_id) override {
    return NewPlacedImport(mirrors_, context_id);
  }
  HomePlaces& places() override { return places_; }
  absl::StatusOr<std::unique_ptr<MirrorCopy>> NewCopy(const std::string& context_id) override {
    ASSIGN_OR_RETURN(std::unique_ptr<MirrorCopy> file, files_->NewCopy(context_id));
    return NewPlacedCopy(mirrors_, context_id, std::move(file));
  }
  absl::Status CheckCopyOut(const std::string& path) const override { return files_->CheckCopyOut(path); }
  absl::Status CheckCopyIn(const std::string& path) const override { return files_->CheckCopyIn(path); }
  absl::StatusOr<CopyReport> CopyOut(const std::string& context_id, Snapshot& mirror, const std::string& path,
                                     const GoOnCopying& go_on) override {
    return files_->CopyOut(context_id, mirror, path, go_on);
  }

  std::string Location(const std::string& context_id) const override {
    const auto placement = mirrors_.Known(context_id);
    const bool is_placed = placement.has_value() && !placement->place.empty();
    if (is_placed) return LocationOf(placement->place, placement->schema);
    if (mirrors_.places().size() != 1) return "";
    return LocationOf(mirrors_.places().front()->options().name, SchemaOf(context_id));
  }
  std::uint64_t Bytes(const std::string& context_id) const override {
    const auto placement = mirrors_.Known(context_id);
    if (!placement.has_value()) return 0;
    const absl::StatusOr<PostgresPlace*> place = mirrors_.PlaceOf(placement->place);
    if (!place.ok()) return 0;
    const absl::StatusOr<postgres::Lease> lease = (*place)->Take(PlaceUse::kRead);
    if (!lease.ok()) return 0;
    const auto bytes = (*lease)->Number(BytesOfSchemaSql((*place)->options().kind),
                                        {QuoteName(placement->schema)}, "measuring the mirror");
    return bytes.ok() ? static_cast<std::uint64_t>(*bytes) : 0;
  }
  std::uint64_t LogBytes(const std::string&) const override { return 0; }
  absl::StatusOr<Space> FindSpace() const override {
    return absl::UnimplementedError(
        "PostgreSQL does not report the free space of its disk: watch the disks of the places themselves");
  }
  absl::StatusOr<Space> FindCopySpace() const override { return files_->FindCopySpace(); }
  std::vector<std::string> TryWriting() const override {
    // The head of the audit log, and copies, are files there.
    std::vector<std::string> findings = files_->TryWriting();
    const absl::Status control = mirrors_.control().Run(
        [](postgres::Connection& connection) { return mirror::TryWriting(connection, "mirror_control"); });
    if (!control.ok()) findings.push_back(CannotWrite("the control database", control));
    for (const auto& place : mirrors_.places()) {
      const absl::Status tried = mirror::TryWriting(*place);
      if (!tried.ok()) {
        findings.push_back(CannotWrite(absl::StrCat("the place '", place->options().name, "'"), tried));
      } else if (store_.replicated) {
        if (std::string why = WhyNotReplicated(*place); !why.empty()) findings.push_back(std::move(why));
      }
    }
    return findings;
  }
  /// Returns the time of the slowest place.
  absl::StatusOr<std::chrono::microseconds> SyncTime() const override {
    std::chrono::microseconds slowest{0};
    for (const auto& place : mirrors_.places()) {
      ASSIGN_OR_RETURN(const std::chrono::microseconds time, SyncTimeOf(*place));
      slowest = std::max(slowest, time);
    }
    return slowest;
  }

 private:
  mutable PlacedMirrors mirrors_;
  PostgresPlaces places_;
  const PostgresStoreOptions store_;
  const std::shared_ptr<StoreHome> files_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreHome>> OpenPostgresHome(
    std::shared_ptr<PostgresControl> control, std::vector<std::shared_ptr<PostgresPlace>> places,
    PostgresHomeOptions options) {
  std::vector<std::string> names;
  for (const auto& place : places) {
    names.push_back(place->options().name);
    // If the table of marks cannot be made now, the first mark makes it.
    MakeMarks(*place).IgnoreError();
  }
  RETURN_IF_ERROR(CheckPlacesAreKnown(*control, names));
  return std::make_unique<PostgresHome>(std::move(control), std::move(places), std::move(options));
}

}  // namespace mirror
