#include "server/store/postgres/home/place_marks.h"

#include <cstddef>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/own_relations.h"
#include "base/db/postgres/transaction.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {
namespace {

constexpr char kMarking[] = "writing a mark into the place";
/// Identifies the database and its timeline: "7312345678901234567/16384/00000001". A copy of the database in
/// the same server has another oid. A promoted standby, and a restore of the server's files, have another
/// timeline. For a standby the timeline is empty.
constexpr char kWhichSql[] =
    "(SELECT system_identifier FROM pg_control_system()) || '/' || (SELECT oid FROM pg_database WHERE "
    "datname "
    "= current_database()) || '/' || CASE WHEN pg_is_in_recovery() THEN '' ELSE "
    "left(pg_walfile_name(pg_current_wal_lsn()), 8) END";

struct Mark {
  std::string_view database, timeline;
};

/// Splits "database/oid/timeline". In a mark "/token" follows.
Mark Split(std::string_view mark) {
  const std::size_t oid = mark.find('/');
  const std::size_t timeline = oid == std::string_view::npos ? oid : mark.find('/', oid + 1);
  if (timeline == std::string_view::npos) return {};
  const std::string_view rest = mark.substr(timeline + 1);
  return {mark.substr(0, timeline), rest.substr(0, rest.find('/'))};
}

/// Returns whether the table of marks exists. No server frees its name, so one check for each connection is
/// enough.
absl::StatusOr<bool> MarksAreThere(postgres::Connection& connection) {
  const auto there = postgres::OwnGuard({.schema = "mirror_place", .tables = {"mark"}}).Find(connection);
  if (!there.ok()) return ToStoreStatus(there.status(), TableOwner::kOwnTable);
  return there->names.contains("mark");
}

absl::StatusOr<bool> HasRow(postgres::Connection& connection, const std::string& mark) {
  const auto rows =
      connection.Number("SELECT count(*) FROM mirror_place.mark WHERE mark = $1", {mark}, kMarking);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  return *rows == 1;
}

}  // namespace

absl::Status CheckMarks(postgres::Connection& connection) { return MarksAreThere(connection).status(); }

absl::Status MakeMarks(PostgresPlace& place) {
  if (place.options().kind == PlaceKind::kCitus) return absl::OkStatus();
  ASSIGN_OR_RETURN(const postgres::Lease lease, place.Take(PlaceUse::kWrite));
  const absl::StatusOr<bool> there = MarksAreThere(*lease);
  if (!there.ok() || *there) return there.status();
  const absl::Status made = lease->Execute(
      "CREATE SCHEMA mirror_place; REVOKE ALL ON SCHEMA mirror_place FROM PUBLIC; "
      "CREATE TABLE mirror_place.mark (mark text COLLATE \"C\" PRIMARY KEY)",
      kMarking);
  return SchemaWasThere(made) ? absl::OkStatus() : ToStoreStatus(made, TableOwner::kMirroredTable);
}

absl::Status TryWriting(PostgresPlace& place) {
  if (place.options().kind == PlaceKind::kCitus) return absl::OkStatus();
  ASSIGN_OR_RETURN(const postgres::Lease lease, place.Take(PlaceUse::kWrite));
  const absl::StatusOr<bool> there = MarksAreThere(*lease);
  if (!there.ok() || !*there) return there.status();
  return ToStoreStatus(TryWriting(*lease, "mirror_place"), TableOwner::kMirroredTable);
}

std::string WriteMark(PostgresPlace& place) {
  if (place.options().kind == PlaceKind::kCitus || !MakeMarks(place).ok()) return "";
  const absl::StatusOr<postgres::Lease> lease = place.Take(PlaceUse::kWrite);
  if (!lease.ok() || !CheckMarks(**lease).ok()) return "";
  const auto rows = (*lease)->Query(
      absl::StrCat("INSERT INTO mirror_place.mark SELECT ", kWhichSql, " || '/' || $1 RETURNING mark"),
      {NewToken()}, kMarking);
  return rows.ok() && rows->rows() == 1 ? rows->Text(0, 0) : "";
}

absl::StatusOr<bool> HasMark(PostgresPlace& place, const std::string& mark) {
  ASSIGN_OR_RETURN(const postgres::Lease lease, place.Take(PlaceUse::kRead));
  RETURN_IF_ERROR(CheckMarks(*lease));
  return HasRow(*lease, mark);
}

absl::StatusOr<bool> WentBackBefore(PostgresPlace& place, const std::string& mark) {
  if (mark.empty()) return false;
  ASSIGN_OR_RETURN(const postgres::Lease lease, place.Take(PlaceUse::kRead));
  const absl::StatusOr<bool> there = MarksAreThere(*lease);
  if (!there.ok() || !*there) return there;
  const auto now = lease->Query(absl::StrCat("SELECT ", kWhichSql), {}, kMarking);
  if (!now.ok()) return ToStoreStatus(now.status(), TableOwner::kOwnTable);
  const std::string here = now->Text(0, 0);
  const Mark noted = Split(mark), found = Split(here);
  if (noted.database != found.database || found.timeline.empty() || noted.timeline == found.timeline)
    return false;
  const absl::StatusOr<bool> has = HasRow(*lease, mark);
  return has.ok() ? absl::StatusOr<bool>(!*has) : has;
}

absl::Status TryWriting(postgres::Connection& connection, const char* schema) {
  constexpr char kTrying[] = "writing a test table";
  const std::string table = Qualified(schema, absl::StrCat("write_test_", NewToken()));
  postgres::Transaction transaction(connection);
  RETURN_IF_ERROR(transaction.Begin());
  // Over 300 kB and not compressed, because a smaller table could fit into pages that are free already.
  return connection.Execute(absl::StrCat("CREATE TABLE ", table, " (t text); INSERT INTO ", table,
                                         " SELECT repeat('x', 1000) FROM generate_series(1, 300)"),
                            kTrying);
}

}  // namespace mirror
