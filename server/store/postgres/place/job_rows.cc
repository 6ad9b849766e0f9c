#include "server/store/postgres/place/job_rows.h"

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "server/own_records/postgres_record.h"
#include "server/store/postgres/place/control_records.h"

namespace mirror {
namespace {

/// Maximum number of results of one search. The next search finds the rest.
constexpr int kOrphansMax = 1'000;

absl::Status See(postgres::Connection& connection, const UploadServer& server) {
  return WriteRow(UploadServerTable(), server,
                  UploadServerTable().UpsertSql(kInControl, {{"seen_ms", kControlNow}}), connection,
                  "recording that this server has its uploads");
}

absl::StatusOr<std::vector<std::string>> ReadJobs(PostgresControl& control, const std::string& sql,
                                                  const char* doing) {
  ASSIGN_OR_RETURN(const auto rows, control.Query(sql, {}, doing));
  return rows.Texts(0);
}

}  // namespace

absl::Status SeeUploadServer(PostgresControl& control, const UploadServer& server) {
  const auto see = [&](postgres::Connection& connection) -> absl::Status {
    RETURN_IF_ERROR(See(connection, server));
    return connection.Change(
        absl::StrCat("DELETE FROM mirror_control.upload_server AS s WHERE seen_ms < ", kControlNow,
                     " - $1 AND NOT EXISTS (SELECT FROM mirror_control.import_job AS j WHERE j.server = "
                     "s.server)"),
        {kUploadServerForgottenMs}, "removing servers that no longer run");
  };
  // If a standby lacks this row, the next report soon writes it again.
  return control.Write(see, Awaits::kNobody);
}

absl::StatusOr<std::optional<UploadServer>> FindUploadServer(PostgresControl& control,
                                                             const std::string& name) {
  ASSIGN_OR_RETURN(
      const auto rows,
      control.Query(
          absl::StrCat("SELECT ",
                       UploadServerTable().Names({{"seen_ms", absl::StrCat(kControlNow, " - seen_ms")}}),
                       " FROM mirror_control.upload_server WHERE server = $1"),
          {name}, "looking for the server of an upload"));
  return ReadFirst(UploadServerTable(), rows);
}

absl::Status ListImportJob(PostgresControl& control, const UploadServer& server, const std::string& job) {
  return control.Write([&](postgres::Connection& connection) -> absl::Status {
    RETURN_IF_ERROR(See(connection, server));
    return WriteRow(ImportJobTable(), {job, server.name}, ImportJobTable().UpsertSql(kInControl), connection,
                    "listing an import job");
  });
}

absl::Status UnlistImportJob(PostgresControl& control, const std::string& job) {
  return control
      .Query("DELETE FROM mirror_control.import_job WHERE job = $1", {job}, "removing an import job")
      .status();
}

absl::Status ListOnlyImportJobs(PostgresControl& control, const UploadServer& server,
                                const std::vector<std::string>& jobs) {
  postgres::Array ids = postgres::TextArray(jobs);
  return control.Write([&](postgres::Connection& connection) -> absl::Status {
    constexpr char kDoing[] = "listing the import jobs of this server";
    RETURN_IF_ERROR(See(connection, server));
    RETURN_IF_ERROR(
        connection.Change("DELETE FROM mirror_control.import_job WHERE server = $2 AND NOT job = ANY ($1)",
                          {ids.value(), server.name}, kDoing));
    return connection.Change(
        "INSERT INTO mirror_control.import_job SELECT job, $2 FROM unnest($1) AS job ORDER BY job ON "
        "CONFLICT (job) DO UPDATE SET server = excluded.server",
        {ids.value(), server.name}, kDoing);
  });
}

absl::StatusOr<std::vector<std::string>> FindOrphanedJobs(PostgresControl& control, std::int64_t lease_ms) {
  return ReadJobs(control,
                  absl::StrCat("SELECT job FROM mirror_control.import_job AS j LEFT JOIN "
                               "mirror_control.upload_server AS s ON s.server = j.server WHERE seen_ms IS "
                               "NULL OR seen_ms < ",
                               kControlNow, " - ", lease_ms, " ORDER BY job LIMIT ", kOrphansMax),
                  "looking for import jobs of servers that no longer run");
}

absl::StatusOr<std::vector<std::string>> FindListedJobs(PostgresControl& control) {
  return ReadJobs(control, "SELECT job FROM mirror_control.import_job ORDER BY job",
                  "listing unfinished import jobs");
}

}  // namespace mirror
