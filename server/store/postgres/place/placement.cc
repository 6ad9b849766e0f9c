#include "server/store/postgres/place/placement.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/own_records/postgres_record.h"
#include "server/store/postgres/place/control_records.h"

namespace mirror {
namespace {

constexpr char kUnknownPayload[] = "mirror.store/unknown_state";

std::string Columns() {
  return PlacementTable().Names({{"state_ms", absl::StrCat(kControlNow, " - state_ms")}});
}

absl::StatusOr<std::vector<Placement>> AskPlacements(PostgresControl& control, const std::string& sql,
                                                     postgres::Values values) {
  ASSIGN_OR_RETURN(const auto rows, control.Query(sql, values, "reading where mirrors are"));
  return ReadRows(PlacementTable(), rows);
}

/// Returns the number of changed rows.
absl::StatusOr<std::int64_t> ChangePlacements(PostgresControl& control, const std::string& sql,
                                              postgres::Values values) {
  ASSIGN_OR_RETURN(const auto rows, control.Query(sql, values, "recording where a mirror is"));
  return rows.affected();
}

/// Returns whether the statement changed the placement.
absl::StatusOr<bool> ChangeOne(PostgresControl& control, const std::string& sql, postgres::Values values) {
  ASSIGN_OR_RETURN(const std::int64_t changed, ChangePlacements(control, sql, values));
  return changed == 1;
}

absl::Status NoPlacement(const std::string& context_id) {
  return absl::UnavailableError(absl::StrCat("the control database no longer knows the mirror of '",
                                             context_id, "'. Nothing was changed; try again."));
}

}  // namespace

absl::StatusOr<std::optional<Placement>> FindPlacement(PostgresControl& control,
                                                       const std::string& context_id) {
  const std::string folded = FoldName(context_id);
  ASSIGN_OR_RETURN(auto found, AskPlacements(control,
                                             absl::StrCat("SELECT ", Columns(),
                                                          " FROM mirror_control.tenant WHERE folded = $1"),
                                             {folded}));
  if (found.empty()) return std::optional<Placement>();
  Placement& placement = found.front();
  if (placement.state != PlacementState::kUnknown) return std::optional<Placement>(std::move(placement));
  absl::Status unknown = absl::UnavailableError(WhyUnknown(placement));
  unknown.SetPayload(kUnknownPayload, absl::Cord(placement.word));
  return unknown;
}

bool IsUnknownState(const absl::Status& found) { return found.GetPayload(kUnknownPayload).has_value(); }

std::string WhyUnknown(const Placement& placement) {
  return absl::StrCat("the control database gives the mirror of '", placement.context_id, "' the state '",
                      placement.word, "', which version ", MIRROR_VERSION,
                      " does not know. Nothing was changed: upgrade this server, or correct the mirror's row "
                      "of mirror_control.tenant if somebody changed it.");
}

absl::StatusOr<std::vector<Placement>> ListPlacements(PostgresControl& control) {
  return AskPlacements(
      control, absl::StrCat("SELECT ", Columns(), " FROM mirror_control.tenant ORDER BY context_id"), {});
}

absl::StatusOr<Placement> TakePlacement(PostgresControl& control, const std::string& context_id,
                                        const std::string& place, const std::string& schema,
                                        std::int64_t epoch_min, const std::string& mark) {
  const std::string folded = FoldName(context_id);
  const auto taken = ChangePlacements(
      control,
      absl::StrCat("INSERT INTO mirror_control.tenant VALUES ($1, $2, $3, $4, $5, 'making', ", kControlNow,
                   ", $6) ON CONFLICT (folded) DO UPDATE SET context_id = excluded.context_id, place = "
                   "excluded.place, schema_name = excluded.schema_name, epoch = greatest(tenant.epoch + 1, "
                   "excluded.epoch), state = excluded.state, state_ms = excluded.state_ms, mark = "
                   "excluded.mark WHERE tenant.state = 'gone'"),
      {context_id, folded, place, schema, epoch_min, mark});
  if (!taken.ok()) return taken.status();
  ASSIGN_OR_RETURN(auto found, FindPlacement(control, context_id));
  if (!found.has_value()) return NoPlacement(context_id);
  return *std::move(found);
}

absl::StatusOr<std::optional<Placement>> TakeForImport(PostgresControl& control,
                                                       const std::string& context_id,
                                                       const std::string& place, const std::string& schema) {
  const std::string folded = FoldName(context_id);
  // RETURNING gives only the row that this statement wrote. Nothing else shows which server was first.
  ASSIGN_OR_RETURN(
      auto taken,
      AskPlacements(
          control,
          absl::StrCat(
              "INSERT INTO mirror_control.tenant VALUES ($1, $2, $3, $4, 1, 'importing', ", kControlNow,
              ", '') ON CONFLICT (folded) DO UPDATE SET context_id = excluded.context_id, place = "
              "excluded.place, schema_name = excluded.schema_name, epoch = tenant.epoch + 1, state = "
              "CASE tenant.state WHEN 'deleted' THEN 'restoring' ELSE excluded.state END, state_ms = "
              "excluded.state_ms, mark = '' WHERE tenant.state IN ('gone', 'deleted') RETURNING ",
              Columns()),
          {context_id, folded, place, schema}));
  if (taken.empty()) return std::optional<Placement>();
  return std::optional<Placement>(std::move(taken.front()));
}

absl::StatusOr<bool> EndImport(PostgresControl& control, const Placement& taken, bool is_there) {
  const std::string folded = FoldName(taken.context_id);
  return ChangeOne(
      control,
      absl::StrCat("UPDATE mirror_control.tenant SET state = ",
                   is_there ? "'serving'" : "CASE state WHEN 'restoring' THEN 'deleted' ELSE 'gone' END",
                   ", state_ms = ", kControlNow,
                   " WHERE folded = $1 AND epoch = $2 AND state IN ('importing', 'restoring')"),
      {folded, taken.epoch});
}

absl::StatusOr<bool> MovePlacement(PostgresControl& control, const std::string& context_id,
                                   PlacementState from, PlacementState to) {
  const std::string folded = FoldName(context_id);
  return ChangeOne(control,
                   absl::StrCat("UPDATE mirror_control.tenant SET state = $3, state_ms = ", kControlNow,
                                " WHERE folded = $1 AND state = $2"),
                   {folded, WordOf(from), WordOf(to)});
}

absl::StatusOr<bool> MoveThisPlacement(PostgresControl& control, const Placement& placement,
                                       PlacementState to) {
  const std::string folded = FoldName(placement.context_id);
  return ChangeOne(control,
                   absl::StrCat("UPDATE mirror_control.tenant SET state = $3, state_ms = ", kControlNow,
                                " WHERE folded = $1 AND state = $2 AND epoch = $4"),
                   {folded, WordOf(placement.state), WordOf(to), placement.epoch});
}

absl::StatusOr<bool> MovePlacementTo(PostgresControl& control, const std::string& context_id,
                                     const std::string& from, const std::string& to, std::int64_t epoch) {
  const std::string folded = FoldName(context_id);
  return ChangeOne(
      control,
      absl::StrCat("UPDATE mirror_control.tenant SET place = $3, epoch = $4, mark = '', state_ms = ",
                   kControlNow, " WHERE folded = $1 AND place = $2 AND state = 'serving' AND epoch < $4"),
      {folded, from, to, epoch});
}

absl::StatusOr<bool> HoldPlacement(PostgresControl& control, const Placement& placement) {
  const std::string folded = FoldName(placement.context_id);
  return ChangeOne(control,
                   "UPDATE mirror_control.tenant SET epoch = epoch + 1 WHERE folded = $1 "
                   "AND place = $2 AND state = 'serving' AND epoch = $3",
                   {folded, placement.place, placement.epoch});
}

absl::StatusOr<bool> CorrectPlacement(PostgresControl& control, const Placement& served) {
  const std::string folded = FoldName(served.context_id);
  return ChangeOne(
      control,
      absl::StrCat("UPDATE mirror_control.tenant SET context_id = $2, place = $3, schema_name = $4, epoch = "
                   "$5, mark = '', state_ms = ",
                   kControlNow, " WHERE folded = $1 AND state = 'serving' AND epoch < $5"),
      {folded, served.context_id, served.place, served.schema, served.epoch});
}

absl::StatusOr<bool> MoveLostPlacement(PostgresControl& control, const Placement& placement) {
  const std::string folded = FoldName(placement.context_id);
  return ChangeOne(
      control,
      absl::StrCat("UPDATE mirror_control.tenant SET state = 'gone', mark = '', state_ms = ", kControlNow,
                   " WHERE folded = $1 AND state = 'serving' AND epoch = $2 AND mark = $3"),
      {folded, placement.epoch, placement.mark});
}

absl::Status ForgetMark(PostgresControl& control, const Placement& placement) {
  const std::string folded = FoldName(placement.context_id);
  return ChangePlacements(control,
                          "UPDATE mirror_control.tenant SET mark = '' WHERE folded = $1 AND mark = $2",
                          {folded, placement.mark})
      .status();
}

absl::Status BeginDeletingPlacement(PostgresControl& control, const std::string& context_id,
                                    PlacementState to, std::int64_t epoch) {
  const std::string folded = FoldName(context_id), state(WordOf(to));
  return ChangePlacements(
             control,
             absl::StrCat("INSERT INTO mirror_control.tenant SELECT $1, $2, '', '', 1, $3, ", kControlNow,
                          ", '' WHERE $4::bigint = 0 OR EXISTS (SELECT FROM mirror_control.tenant WHERE "
                          "folded = $2) ON CONFLICT (folded) DO UPDATE SET state = excluded.state, state_ms "
                          "= excluded.state_ms WHERE tenant.state NOT IN ('deleted', 'importing', "
                          "'restoring') AND (tenant.state <> 'deleting' OR excluded.state = 'deleting') AND "
                          "($4::bigint = 0 OR tenant.epoch = $4::bigint AND tenant.state <> 'gone')"),
             {context_id, folded, state, epoch})
      .status();
}

absl::StatusOr<std::int64_t> RaiseEpoch(PostgresControl& control, const std::string& context_id) {
  const std::string folded = FoldName(context_id);
  ASSIGN_OR_RETURN(
      const auto rows,
      control.Query(
          "UPDATE mirror_control.tenant SET epoch = epoch + 1, mark = '' WHERE folded = $1 AND state IN "
          "('making', 'serving') RETURNING epoch",
          {folded}, "recording where a mirror is"));
  if (rows.rows() != 1) return NoPlacement(context_id);
  return rows.Int(0, 0);
}

absl::Status CheckPlacesAreKnown(PostgresControl& control, const std::vector<std::string>& places) {
  postgres::Array known = postgres::TextArray(places);
  ASSIGN_OR_RETURN(
      const auto rows,
      control.Query(
          "SELECT place, count(*) FROM mirror_control.tenant WHERE place <> ALL ($1) AND state NOT IN "
          "('deleted', 'gone') AND place <> '' GROUP BY place ORDER BY place",
          {known.value()}, "reading where mirrors are"));
  std::vector<std::string> missing;
  for (int row = 0; row < rows.rows(); ++row) {
    missing.push_back(absl::StrCat("'", rows.Text(row, 0), "' (", rows.Int(row, 1), ")"));
  }
  if (missing.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the control database knows of mirrors in places that the configuration does not name: ",
                   absl::StrJoin(missing, ", "),
                   ". Nothing was changed. Name these places in the configuration, or name the right control "
                   "database."));
}

}  // namespace mirror
