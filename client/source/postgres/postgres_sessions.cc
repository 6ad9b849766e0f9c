#include "client/source/postgres/postgres_sessions.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/rows.h"
#include "base/status_macros.h"
#include "client/source/server/server_words.h"

namespace mirror {
namespace {

constexpr std::int64_t kOldestVersion = 140000;
/// Maximum number of sessions: active readers (a look reads one table, and rows by their keys beside it), and
/// one session that keeps their moment.
constexpr std::size_t kSessionsMax = 5;

std::string Milliseconds(std::chrono::milliseconds time) { return absl::StrCat(time.count()); }

/// Added to postgres::PinnedSettings(), which also covers everything that texts depend on.
postgres::Parameters SettingsFor(const PostgresAccess& access) {
  return {
      {"default_transaction_read_only", "on"},
      {"extra_float_digits", "3"},
      {"quote_all_identifiers", "off"},
      {"lock_timeout", Milliseconds(access.lock_within)},
      {"statement_timeout", Milliseconds(access.catalogs_within)},
      // Ends the snapshot of an agent that hangs between two statements.
      {"idle_in_transaction_session_timeout", "60000"},
      // The server's other processes are for the application.
      {"max_parallel_workers_per_gather", "0"},
      {"jit", "off"},
  };
}

postgres::PoolOptions OptionsFor(const PostgresAccess& access) {
  postgres::PoolOptions options;
  options.connect_as = ConnectToSource(access);
  options.name = "the source";
  options.connections = kSessionsMax;
  return options;
}

}  // namespace

postgres::ConnectAs ConnectToSource(const PostgresAccess& access) {
  postgres::ConnectAs as;
  as.conninfo = access.dsn;
  as.passfile = access.password_file;
  as.application_name = access.application_name;
  as.settings = SettingsFor(access);
  return as;
}

postgres::ConnectAs ConnectToChange(const PostgresAccess& access) {
  postgres::ConnectAs as = ConnectToSource(access);
  for (auto& [name, value] : as.settings) {
    if (name == "default_transaction_read_only") value = "off";
  }
  as.settings.emplace_back("synchronous_commit", "on");
  return as;
}

PostgresSessions::PostgresSessions(PostgresAccess access)
    : access_(std::move(access)), pool_(OptionsFor(access_)) {}

absl::StatusOr<postgres::Lease> PostgresSessions::Take() {
  absl::StatusOr<postgres::Lease> lease = pool_.Take(postgres::ConnectAs{}.connect_within);
  if (lease.ok()) {
    (*lease)->SetAnswerWithin(access_.catalogs_within);
  } else if (postgres::TroubleOf(lease.status()) == postgres::Trouble::kNotReady) {
    return SourceAway(lease.status());
  }
  return lease;
}

bool PostgresSessions::IsWaitedFor(int server_pid) {
  const absl::StatusOr<postgres::Lease> lease = Take();
  if (!lease.ok()) return false;
  const absl::StatusOr<std::int64_t> waiting = (*lease)->Number(
      "SELECT count(*) FROM pg_locks WHERE NOT granted AND $1::int4 = ANY(pg_blocking_pids(pid))",
      {postgres::Value(std::int64_t{server_pid})}, "asking which sessions wait");
  return waiting.ok() && *waiting > 0;
}

absl::StatusOr<PostgresSource> PostgresSessions::Look() {
  ASSIGN_OR_RETURN(postgres::Lease lease, Take());
  ASSIGN_OR_RETURN(
      const postgres::Rows rows,
      lease->Query("SELECT current_setting('server_version_num')::int8, current_setting('server_encoding'), "
                   "current_user::text, current_database()::text, "
                   "(SELECT system_identifier::text FROM pg_control_system()), "
                   "(SELECT oid::text FROM pg_database WHERE datname = current_database())",
                   {}, "asking which database it is"));
  if (rows.Int(0, 0) < kOldestVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("the source is PostgreSQL ", rows.Int(0, 0) / 10'000,
                     ", but 14 is the oldest that can be read. Nothing was sent"));
  }
  PostgresSource place;
  const std::string encoding = rows.Text(0, 1);
  any_bytes_ = place.any_bytes = encoding == "SQL_ASCII";
  place.bytes_in_order = encoding == "UTF8";
  place.role = rows.Text(0, 2);
  place.name = absl::StrCat("PostgreSQL, database ", rows.Text(0, 3));
  place.identity = absl::StrCat("postgres ", rows.Text(0, 4), " ", rows.Text(0, 5));
  return place;
}

absl::StatusOr<std::unique_ptr<SourceReading>> SourceReading::Make(
    std::shared_ptr<PostgresSessions> sessions) {
  ASSIGN_OR_RETURN(postgres::Lease lease, sessions->Take());
  return std::unique_ptr<SourceReading>(new SourceReading(std::move(sessions), std::move(lease)));
}

void SourceReading::Begin(postgres::Pipeline& pipeline, const std::string& lockable,
                          const std::string& snapshot) {
  transaction_.Begin(pipeline, {.repeatable_read = true, .read_only = true});
  constexpr char kPostgresBeginning[] = "beginning to read";
  // Otherwise PostgreSQL refuses to send invalid UTF-8.
  if (sessions_->any_bytes())
    pipeline.Queue("SET LOCAL client_encoding TO 'SQL_ASCII'", {}, kPostgresBeginning);
  if (lockable.empty()) return;
  connection().SetAnswerWithin(sessions_->access().rows_within);
  // Neither statement takes the transaction's snapshot.
  pipeline.Queue("SET LOCAL statement_timeout TO 0", {}, kPostgresBeginning);
  pipeline.Queue(absl::StrCat("LOCK TABLE ", lockable, " IN ACCESS SHARE MODE"), {}, kPostgresBeginning);
  if (!snapshot.empty())
    pipeline.Queue(absl::StrCat("SET TRANSACTION SNAPSHOT '", snapshot, "'"), {}, kPostgresBeginning);
}

}  // namespace mirror
