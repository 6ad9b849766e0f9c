#include "server/store/postgres/place/control.h"

#include <initializer_list>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"
#include "server/store/catalog/catalog_records.h"
#include "server/store/postgres/place/control_records.h"
#include "server/store/postgres/place/schema_layout.h"
#include "server/store/postgres/place/session.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {
namespace {

using postgres::Trouble;

/// Text keys are sorted by their bytes.
constexpr char kMakeSchema[] = R"(
CREATE SCHEMA mirror_control;
REVOKE ALL ON SCHEMA mirror_control FROM PUBLIC;
CREATE TABLE mirror_control.fleet (one boolean PRIMARY KEY CHECK (one), layout bigint NOT NULL,
  layout_min bigint NOT NULL, program text NOT NULL);
CREATE TABLE mirror_control.event_head (one boolean PRIMARY KEY CHECK (one), id bigint NOT NULL)
  WITH (fillfactor = 50);
CREATE TABLE mirror_control.hook_waiting (context_id text COLLATE "C" PRIMARY KEY);
CREATE TABLE mirror_control.duty (duty text COLLATE "C" PRIMARY KEY, server_id text COLLATE "C" NOT NULL,
  until_ms bigint NOT NULL) WITH (fillfactor = 50);
)";
constexpr char kMakeIndex[] = "CREATE INDEX event_by_context ON mirror_control.event (context_id, id);\n";
constexpr char kRevokeJobTables[] =
    "REVOKE ALL ON mirror_control.upload_server, mirror_control.import_job, mirror_control.listed FROM "
    "PUBLIC;";

std::string Make(std::initializer_list<const OwnTable*> tables) {
  std::string sql;
  for (const OwnTable* const table : tables) absl::StrAppend(&sql, table->CreateSql(kInControl), ";\n");
  return sql;
}

std::string MakeTables() {
  return Make({&PlacementTable(), &EventTable(), &SummaryTable(), &OneAuditChainTable(), &AuditTable(),
               &LookTable(), &HookCursorTable(), &ServerTable()});
}

/// Layout 2 adds two things: which server has the files of import jobs, and the rows from which lists are
/// made.
std::string MakeJobTables() {
  return Make({&UploadServerTable(), &ImportJobTable(), &ListedTable()}) + kRevokeJobTables;
}

constexpr char kEndSchema[] = R"(
REVOKE ALL ON ALL TABLES IN SCHEMA mirror_control FROM PUBLIC;
INSERT INTO mirror_control.event_head VALUES (true, 0);
)";

postgres::ConnectAs ConnectTo(const ControlOptions& options) {
  return {.conninfo = options.conninfo,
          .passfile = options.passfile,
          .application_name = options.application_name,
          .tables_only = true};
}

postgres::PoolOptions PoolFor(const ControlOptions& options) {
  postgres::PoolOptions pool;
  pool.connect_as = ConnectTo(options);
  pool.connect_as.settings = SessionSettings(PlaceUse::kWrite);
  // A role without the right to set this can still use a control database, because that has no rows of
  // others.
  std::erase_if(pool.connect_as.settings,
                [](const auto& setting) { return setting.first == "session_replication_role"; });
  pool.name = "the control database";
  // No server frees the names, so one check for each connection is enough.
  pool.admit = [](postgres::Connection& connection) {
    return postgres::OwnGuard(ControlRelations()).Find(connection).status();
  };
  pool.connections = options.connections;
  return pool;
}

/// Adds advice to an error. `opened`: the control database was opened before, so this server may have served
/// mirrors.
absl::Status InControlWords(const absl::Status& status, bool opened) {
  const Trouble trouble = postgres::TroubleOf(status);
  if (trouble == Trouble::kNone) return status;
  const char* advice = "";
  if (trouble == Trouble::kUndefined) {
    advice =
        " Somebody dropped or changed something in its schema mirror_control: restore the schema from a "
        "backup. If the whole schema is missing, the next start of the server makes a new one.";
  } else if (trouble == Trouble::kDenied) {
    advice =
        " The server's role needs all rights on the schema mirror_control and on everything in it. If that "
        "role is the owner, somebody revoked rights: as that role or a superuser, type GRANT ALL ON SCHEMA "
        "mirror_control, and GRANT ALL ON ALL TABLES IN SCHEMA mirror_control, for that role. If it is not "
        "the owner, type ALTER … OWNER TO that role.";
  } else if (trouble == Trouble::kReadOnly) {
    advice =
        " It is a standby now, or is set to read-only: the next call looks for the primary, which "
        "'target_session_attrs=read-write' finds among the hosts of 'control'.";
  } else if (trouble == Trouble::kLost || trouble == Trouble::kNotReady) {
    advice = !opened ? " Check that this database runs, and that this machine reaches it."
                     : " The mirrors that this server has served are still served; other mirrors wait, and "
                       "their next call tries again.";
  }
  return absl::UnavailableError(absl::StrCat("the control database: ", std::string(status.message()),
                                             ". No mirrored row is affected.", advice));
}

/// Returns true if nothing was committed. After a refused write the next connection may reach the primary.
bool NothingLasts(const absl::Status& status) {
  const Trouble trouble = postgres::TroubleOf(status);
  return MayTryAgain(status) || trouble == Trouble::kLost || trouble == Trouble::kReadOnly;
}

absl::Status MakeSchema(postgres::Connection& connection) {
  const absl::Status made =
      connection.Execute(absl::StrCat(kMakeSchema, MakeTables(), kMakeIndex, MakeJobTables(), kEndSchema,
                                      "INSERT INTO mirror_control.fleet VALUES (true, ", kControlLayout, ", ",
                                      kControlLayoutMin, ", '", MIRROR_VERSION, "')"),
                         "making the schema mirror_control");
  return SchemaWasThere(made) ? absl::OkStatus() : made;
}

constexpr char kReadingLayout[] = "looking at its layout";
const SchemaLayout& Layout() {
  static const SchemaLayout layout{
      .table = "mirror_control.fleet", .present = kControlLayout, .steps = {{2, MakeJobTables()}}};
  return layout;
}

/// Returns whether a schema of that name exists that a server made.
absl::StatusOr<bool> IsThere(postgres::Connection& connection) {
  ASSIGN_OR_RETURN(const auto found, postgres::OwnGuard(ControlRelations()).Find(connection));
  if (found.names.contains("fleet")) return true;
  if (!found.has_schema) return false;
  return absl::FailedPreconditionError(
      "the control database has a schema mirror_control that no mirror-server made. Nothing was changed: "
      "rename it, or name another database.");
}

absl::Status CheckLayout(postgres::Connection& connection) {
  ASSIGN_OR_RETURN(const auto row, connection.Query("SELECT layout_min, program FROM mirror_control.fleet",
                                                    {}, kReadingLayout));
  if (row.rows() == 1 && row.Int(0, 0) > kControlLayout) {
    return absl::UnavailableError(
        absl::StrCat("the control database was set up by version ", row.Text(0, 1), " and this is ",
                     MIRROR_VERSION, ", which cannot read it. Nothing was changed: upgrade this server to ",
                     row.Text(0, 1), " or later."));
  }
  return absl::OkStatus();
}

absl::Status MakeOrCheck(postgres::Connection& connection) {
  ASSIGN_OR_RETURN(const bool there, IsThere(connection));
  absl::Status ready = absl::OkStatus();
  if (!there) {
    // Another server, or another role, may be making it now.
    ready = MakeSchema(connection);
    if (ready.ok()) ready = IsThere(connection).status();
  }
  if (ready.ok()) ready = CheckLayout(connection);
  return ready.ok() ? RaiseLayout(connection, Layout()) : ready;
}

/// Connects to a suitable database. Errors: those of CheckPlace() and of the connection.
absl::StatusOr<std::unique_ptr<postgres::Connection>> Connect(const ControlOptions& options) {
  auto connection = postgres::Connection::Open(ConnectTo(options));
  if (!connection.ok()) return InControlWords(connection.status(), /*opened=*/false);
  RETURN_IF_ERROR(CheckPlace(**connection, PlaceHolds::kControl));
  return connection;
}

}  // namespace

postgres::OwnRelations ControlRelations() {
  return {
      .schema = "mirror_control",
      .tables = {"fleet", "tenant", "event_head", "event", "summary", "audit_chain", "audit", "looks",
                 "hook_cursor", "hook_waiting", "server", "duty", "upload_server", "import_job", "listed"},
      .indexes = {"event_by_context"}};
}

PostgresControl::PostgresControl(const ControlOptions& options)
    : options_(options), pool_(PoolFor(options)) {}

absl::StatusOr<std::shared_ptr<PostgresControl>> PostgresControl::Open(const ControlOptions& options) {
  ASSIGN_OR_RETURN(const auto connection, Connect(options));
  if (absl::Status made = MakeOrCheck(*connection); !made.ok()) return InControlWords(made, /*opened=*/false);
  return std::shared_ptr<PostgresControl>(new PostgresControl(options));
}

absl::StatusOr<std::shared_ptr<PostgresControl>> PostgresControl::Find(const ControlOptions& options) {
  ASSIGN_OR_RETURN(const auto connection, Connect(options));
  const absl::StatusOr<bool> there = IsThere(*connection);
  if (!there.ok()) return InControlWords(there.status(), /*opened=*/false);
  if (!*there) return nullptr;
  if (absl::Status checked = CheckLayout(*connection); !checked.ok())
    return InControlWords(checked, /*opened=*/false);
  return std::shared_ptr<PostgresControl>(new PostgresControl(options));
}

absl::Status PostgresControl::Run(const Work& work) {
  for (bool again = false;; again = true) {
    absl::Status done;
    {
      absl::StatusOr<postgres::Lease> lease = pool_.Take(options_.patience);
      done = lease.ok() ? work(**lease) : lease.status();
    }
    if (done.ok() || again || !NothingLasts(done)) return InControlWords(done, /*opened=*/true);
  }
}

absl::StatusOr<postgres::Rows> PostgresControl::Query(const std::string& sql, postgres::Values values,
                                                      std::string_view doing) {
  absl::StatusOr<postgres::Rows> rows;
  RETURN_IF_ERROR(Run([&](postgres::Connection& connection) {
    rows = connection.Query(sql, values, doing);
    return rows.status();
  }));
  return rows;
}

bool PostgresControl::Answers(std::chrono::milliseconds within) {
  const absl::StatusOr<postgres::Lease> lease = pool_.Take(options_.patience);
  if (!lease.ok()) return postgres::TroubleOf(lease.status()) == Trouble::kTooMany;
  (*lease)->SetAnswerWithin(within);
  return (*lease)->Probe().ok();
}

absl::Status PostgresControl::Write(const Work& work, Awaits awaits) {
  return Run([&](postgres::Connection& connection) -> absl::Status {
    postgres::Transaction transaction(connection);
    postgres::Pipeline pipeline(connection);
    transaction.Begin(pipeline);
    if (awaits == Awaits::kNobody) pipeline.Queue("SELECT set_config('synchronous_commit', 'local', true)");
    RETURN_IF_ERROR(pipeline.Run().status());
    RETURN_IF_ERROR(work(connection));
    return transaction.Commit();
  });
}

}  // namespace mirror
