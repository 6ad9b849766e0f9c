#include "server/store/postgres/home/store_look.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

/// After this time no other database is asked.
constexpr std::chrono::seconds kLookMax{3};
constexpr std::chrono::seconds kAnswer{1};
constexpr std::array<std::pair<PlaceUse, const char*>, 3> kUses = {
    {{PlaceUse::kWrite, "write"}, {PlaceUse::kRead, "read"}, {PlaceUse::kScan, "scan"}}};

/// Counts relations only if that is fast. For a role that may not see standbys, their columns are NULL.
constexpr char kLook[] =
    "SELECT CASE WHEN pg_relation_size('pg_class') < 16777216 THEN (SELECT count(*) FROM pg_class) ELSE "
    "(SELECT nullif(greatest(reltuples, 0), 0)::bigint FROM pg_class WHERE oid = 'pg_class'::regclass) END, "
    "CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN (SELECT count(*) FROM pg_stat_replication "
    "WHERE sync_state IN ('sync', 'quorum')) END, "
    // A base backup in that list has no position. On a standby the function fails.
    "CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') AND NOT pg_is_in_recovery() THEN (SELECT "
    "coalesce(max(greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn), 0)), 0)::bigint FROM "
    "pg_stat_replication) END";

absl::StatusOr<postgres::Rows> Ask(PostgresPlace& place) {
  ASSIGN_OR_RETURN(const postgres::Lease lease, place.Take(PlaceUse::kRead));
  lease->SetAnswerWithin(kAnswer);
  return (lease)->Query(kLook, {}, "reading the state of the database");
}

void LookAt(PostgresPlace& place, PlaceState* state) {
  const absl::StatusOr<postgres::Rows> rows = Ask(place);
  // If all connections are in use, that says nothing about the database.
  if (postgres::TroubleOf(rows.status()) == postgres::Trouble::kTooMany) return;
  state->is_up = rows.ok();
  if (!rows.ok()) return;
  const auto number = [&](int column) {
    return rows->IsNull(0, column) ? std::nullopt : std::optional(rows->Int(0, column));
  };
  state->relations = number(0);
  state->standbys = number(1);
  state->standby_lag_bytes = number(2);
}

std::vector<PoolState> PoolsOf(const PostgresPlace& place) {
  std::vector<PoolState> pools;
  for (const auto& [use, name] : kUses) {
    const postgres::Pool::Counts counts = place.counts(use);
    pools.push_back({.use = name,
                     .used = counts.open - counts.idle,
                     .idle = counts.idle,
                     .free = place.options().connections - counts.open,
                     .refused = counts.refused});
  }
  return pools;
}

}  // namespace

StoreLook::StoreLook(std::shared_ptr<PostgresControl> control, Places places,
                     std::chrono::milliseconds younger)
    : control_(std::move(control)),
      places_(std::move(places)),
      younger_(younger),
      looked_(Clock::now() - younger) {
  for (const auto& place : places_) {
    PlaceState& state = state_.places.emplace_back();
    state.name = place->options().name;
    state.is_up = place->is_open();
  }
}

StoreState StoreLook::Look() {
  const MutexLock lock(mutex_);
  const Clock::time_point now = Clock::now();
  for (std::size_t i = 0; now - looked_ >= younger_ && i <= places_.size(); ++i) {
    if (Clock::now() - now < kLookMax) LookAtNext();
  }
  if (now - looked_ >= younger_) looked_ = Clock::now();
  for (std::size_t i = 0; i < places_.size(); ++i) state_.places[i].pools = PoolsOf(*places_[i]);
  return state_;
}

void StoreLook::LookAtNext() {
  const std::size_t at = next_;
  next_ = (next_ + 1) % (places_.size() + 1);
  if (at < places_.size()) {
    LookAt(*places_[at], &state_.places[at]);
  } else {
    state_.is_control_up = control_->Answers(kAnswer);
  }
}

std::string WhyNotReplicated(PostgresPlace& place) {
  const absl::StatusOr<postgres::Lease> lease = place.Take(PlaceUse::kRead);
  if (!lease.ok()) return "";
  const auto rows = (*lease)->Query(postgres::kHasStandbySql, {}, "looking for a standby");
  if (!rows.ok() || rows->rows() != 1 || rows->Bool(0, 0)) return "";
  return absl::StrCat(
      "synchronous_standby_names is empty in the place '", place.options().name,
      "', and [postgres] 'durability' is \"replicated\": the server writes what sources send, but does not "
      "confirm it, so no cycle completes. Name a standby there, or set \"local\" at all servers.");
}

std::string WhyNotTablesOnly(PostgresPlace& place) {
  const absl::StatusOr<postgres::Lease> lease = place.Take(PlaceUse::kRead);
  if (!lease.ok()) return "";
  const auto rows = (*lease)->Query(
      "SELECT current_setting('restrict_nonsystem_relation_kind', true) IS NULL, "
      "split_part(current_setting('server_version'), ' ', 1)",
      {}, "looking for a setting");
  if (!rows.ok() || rows->rows() != 1 || !rows->Bool(0, 0)) return "";
  return absl::StrCat("the PostgreSQL of the place '", place.options().name, "' is ", rows->Text(0, 1),
                      ". From 15.8, 16.4 and 17 on PostgreSQL itself keeps this server from reading views "
                      "of other roles. Install the latest minor version.");
}

}  // namespace mirror
