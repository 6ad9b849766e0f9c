#include "client/source/postgres/log_place.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/lsn.h"
#include "base/db/postgres/name.h"
#include "base/db/postgres/rows.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

/// A log file's name begins with its timeline; the control file has the timeline of the last
/// checkpoint.
constexpr char kPlaceSql[] =
    "SELECT r.is, CASE WHEN r.is THEN (SELECT timeline_id::int8 FROM pg_control_checkpoint()) ELSE "
    "('x' || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8))::bit(32)::int8 END, (CASE WHEN r.is "
    "THEN "
    "pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END - '0/0'::pg_lsn)::int8 "
    "FROM (SELECT pg_is_in_recovery() AS is) r";

}  // namespace

absl::StatusOr<LogPlace> LookAtLog(postgres::Connection& connection) {
  ASSIGN_OR_RETURN(const postgres::Rows rows,
                   connection.Query(kPlaceSql, {}, "asking for the log's position"));
  if (rows.rows() != 1) return absl::InternalError("asking for the log's position: there is no row");
  LogPlace place;
  place.in_recovery = rows.Bool(0, 0);
  place.timeline = rows.Int(0, 1);
  place.flushed_lsn = static_cast<std::uint64_t>(rows.Int(0, 2));
  return place;
}

absl::StatusOr<std::uint64_t> EmitMarker(postgres::Connection& connection, const std::string& token) {
  ASSIGN_OR_RETURN(const std::string text, postgres::QuotedText(token));
  // Several statements in one text are one transaction, in one round trip. A read-only transaction may write
  // messages.
  ASSIGN_OR_RETURN(
      const postgres::Rows rows,
      connection.Command(
          absl::StrCat("SET LOCAL synchronous_commit TO local; SELECT pg_logical_emit_message(true, '",
                       std::string(kMarkerPrefix), "', ", text, ")"),
          "writing a marker into the log"));
  return postgres::ParseLsn(rows.View(0, 0));
}

bool DescendsFrom(const std::vector<TimelineSwitch>& history, std::int64_t earlier) {
  return std::any_of(history.begin(), history.end(),
                     [earlier](const TimelineSwitch& left) { return left.timeline == earlier; });
}

}  // namespace mirror
