#include "server/open_store.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "server/hub/postgres_hub_file.h"
#include "server/hub/sqlite_hub_file.h"
#include "server/store/catalog/sqlite_catalog.h"
#include "server/store/postgres/home/postgres_home.h"
#include "server/store/postgres/home/store_look.h"
#include "server/store/postgres/home/unavailable_places.h"
#include "server/store/postgres/place/control.h"
#include "server/store/postgres/place/placement.h"
#include "server/store/postgres/place/postgres_catalog.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/postgres/place/session.h"
#include "server/store/sqlite/sqlite_home.h"

namespace mirror {
namespace {

SqliteOptions SqliteOptionsOf(const ServerConfig& config) {
  SqliteOptions options;
  options.wal_bytes_max = config.data.wal_bytes_max;
  options.value_bytes_max = static_cast<std::int64_t>(config.limits.value_bytes_max);
  options.build_beside = true;
  return options;
}

/// Waits, if it takes only a moment, until newly signed tokens are accepted: needed after a kill. So
/// a caller that finds the port open is not refused.
void AwaitNewTokens(const StartMark& start) {
  constexpr std::chrono::milliseconds kMoment(1'000);
  const std::chrono::milliseconds wait(start.takes_tokens_from_ms() - NowMs());
  if (wait > std::chrono::milliseconds::zero() && wait <= kMoment) std::this_thread::sleep_for(wait);
}

absl::StatusOr<OpenedStore> OpenFolder(const ServerConfig& config) {
  ASSIGN_OR_RETURN(std::shared_ptr<CatalogFile> file, CatalogFile::Open(config.data.dir));
  SqliteOptions options = SqliteOptionsOf(config);
  options.claims_wait = true;
  const auto forgot_nonces = std::make_shared<std::function<void()>>();
  options.forgot_nonces = [forgot_nonces] { (*forgot_nonces)(); };
  ASSIGN_OR_RETURN(std::unique_ptr<StoreHome> home, OpenSqliteHome(config.data.dir, options));
  // Runs under the lock of the folder, which `home` holds.
  absl::StatusOr<std::unique_ptr<StartMark>> start =
      StartMark::Open(config.data.dir, NowMs(), BootOfMachine());
  if (!start.ok()) return start.status();
  *forgot_nonces = [start = start->get()] { start->ForgetNonces(NowMs()); };
  AwaitNewTokens(**start);
  return OpenedStore{
      .folder = nullptr,
      .catalog = MakeCatalog(file),
      .audit_log = MakeAuditLog(file),
      .look_log = MakeLookLog(file),
      .hook_cursor = MakeHookCursor(file),
      .home = std::move(home),
      .start = *std::move(start),
      .control = nullptr,
      .hub_files = {
          [dir = config.data.dir](const HubRules& rules) { return OpenSqliteHubFile(dir, rules); },
          [dir = config.data.dir](const HubRules& rules) { return RemoveSqliteHubFile(dir, rules); }},
      .reconnect = nullptr,
      .look = nullptr,
      .late = nullptr,
      .notes = {}};
}

ControlOptions ControlOf(const PostgresConfig& postgres) {
  return {.conninfo = postgres.control, .passfile = postgres.passfile};
}

PlaceOptions PlaceOf(const PostgresPlaceConfig& place, const PostgresConfig& postgres,
                     const std::string& session) {
  PlaceOptions options;
  options.application_name = session;
  options.name = place.name;
  options.conninfo = place.conninfo;
  options.passfile = postgres.passfile;
  options.connections = place.connections;
  options.relations_max = place.relations_max;
  if (place.citus) options.kind = PlaceKind::kCitus;
  return options;
}

PostgresStoreOptions PostgresOptionsOf(const ServerConfig& config) {
  PostgresStoreOptions options;
  options.value_bytes_max = static_cast<std::int64_t>(config.limits.value_bytes_max);
  options.merge_rows_max = config.postgres.merge_rows_max;
  options.replicated = config.postgres.replicated;
  return options;
}

/// Opens the places; those that do not answer stay closed.
absl::StatusOr<std::vector<std::shared_ptr<PostgresPlace>>> OpenPlaces(const PostgresConfig& postgres) {
  std::vector<std::shared_ptr<PostgresPlace>> places;
  const std::string session = SessionNameOf(ControlOf(postgres));
  for (const PostgresPlaceConfig& place : postgres.places) {
    std::shared_ptr<PostgresPlace> opened = PostgresPlace::Closed(PlaceOf(place, postgres, session));
    const absl::Status admitted = AdmitPlace(*opened, places, OtherPlaces::kWereAsked);
    if (!admitted.ok() && !DoesNotAnswer(admitted)) return admitted;
    places.push_back(std::move(opened));
  }
  return places;
}

std::vector<std::string> NotesOf(const PostgresConfig& postgres,
                                 const std::vector<std::shared_ptr<PostgresPlace>>& places) {
  std::vector<std::string> notes;
  for (const std::shared_ptr<PostgresPlace>& place : places) {
    std::string why = place->WhyClosed();
    if (why.empty() && postgres.replicated) why = WhyNotReplicated(*place);
    if (why.empty()) why = WhyNotTablesOnly(*place);
    if (!why.empty()) notes.push_back(std::move(why));
  }
  return notes;
}

std::vector<std::string> NamesOf(const PostgresConfig& postgres) {
  std::vector<std::string> names;
  for (const PostgresPlaceConfig& place : postgres.places) names.push_back(place.name);
  return names;
}

constexpr std::chrono::seconds kPoolerWithin{3};

/// Refuses a connection pooler before opening any database. The code that opens the
/// databases reports all else, also if they do not answer.
absl::Status CheckSessions(const PostgresConfig& postgres) {
  const auto check = [&](const std::string& what, const std::string& conninfo) {
    const absl::StatusOr<bool> pooled =
        IsPooled({.conninfo = conninfo, .passfile = postgres.passfile, .connect_within = kPoolerWithin});
    if (!pooled.ok() || !*pooled) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        what,
        ": a connection pooler in front of PostgreSQL lends one session to several connections, as PgBouncer "
        "does with pool_mode = transaction or statement. Settings and prepared statements of the server "
        "would reach other clients. Name PostgreSQL itself, or set pool_mode = session."));
  };
  absl::Status own = check("the control database", postgres.control);
  for (const PostgresPlaceConfig& place : postgres.places) {
    if (own.ok()) own = check(absl::StrCat("place '", place.name, "'"), place.conninfo);
  }
  return own;
}

/// Copies of mirrors are files that are made and checked here.
absl::StatusOr<std::shared_ptr<StoreHome>> OpenCopies(const ServerConfig& config) {
  const std::string dir = config.data.dir + "/copies";
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("the folder of copies '", dir, "' cannot be made: ", error.message()));
  }
  SqliteOptions options = SqliteOptionsOf(config);
  options.data_dir = config.data.dir;
  return OpenSqliteHome(dir, options);
}

/// A derivation keeps a connection for as long as it takes: the other connections are too few for that.
absl::StatusOr<std::shared_ptr<PostgresControl>> OpenForHubs(
    const ServerConfig& config, const std::shared_ptr<PostgresControl>& control) {
  return config.hubs.empty() ? control : PostgresControl::Open(ControlOf(config.postgres));
}

/// The folder holds this server's own files: the audit log's head, and unfinished copies.
absl::StatusOr<OpenedStore> OpenDatabases(const ServerConfig& config) {
  ASSIGN_OR_RETURN(std::unique_ptr<FolderLock> folder, FolderLock::Take(config.data.dir));
  const PostgresConfig& postgres = config.postgres;
  const absl::StatusOr<std::vector<std::shared_ptr<PostgresPlace>>> places = OpenPlaces(postgres);
  if (!places.ok()) return places.status();
  const absl::StatusOr<std::shared_ptr<PostgresControl>> control = PostgresControl::Open(ControlOf(postgres));
  if (!control.ok()) return control.status();
  ASSIGN_OR_RETURN(std::shared_ptr<StoreHome> files, OpenCopies(config));
  ASSIGN_OR_RETURN(
      std::unique_ptr<StoreHome> home,
      OpenPostgresHome(*control, *places, {.store = PostgresOptionsOf(config), .files = std::move(files)}));
  absl::StatusOr<std::shared_ptr<PostgresControl>> hubs = OpenForHubs(config, *control);
  if (!hubs.ok()) return hubs.status();
  auto look = std::make_shared<StoreLook>(*control, *places);
  return OpenedStore{
      .folder = std::move(folder),
      .catalog = MakeCatalog(*control),
      .audit_log = MakeAuditLog(*control),
      .look_log = MakeLookLog(*control),
      .hook_cursor = MakeHookCursor(*control),
      .home = std::move(home),
      .start = nullptr,
      .control = *control,
      .hub_files = {[hubs = *hubs](const HubRules& rules) { return OpenPostgresHubFile(hubs, rules); },
                    [hubs = *hubs](const HubRules& rules) { return RemovePostgresHubFile(*hubs, rules); }},
      .reconnect =
          [control = *control, hubs = *hubs, places = *places] {
            control->Reconnect();
            hubs->Reconnect();
            for (const std::shared_ptr<PostgresPlace>& place : places) place->Reconnect();
          },
      .look = [look = std::move(look)] { return look->Look(); },
      .late = std::make_unique<UnavailablePlaces>(*control, *places),
      .notes = NotesOf(postgres, *places)};
}

}  // namespace

absl::StatusOr<OpenedStore> OpenConfiguredStore(const ServerConfig& config) {
  std::error_code error;
  std::filesystem::create_directories(config.data.dir, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("the data folder '", config.data.dir, "' cannot be made: ", error.message()));
  }
  return config.data.store == StoreKind::kPostgres ? OpenDatabases(config) : OpenFolder(config);
}

absl::Status CheckStoreFiles(const ServerConfig& config) {
  if (config.postgres.passfile.empty()) return absl::OkStatus();
  return ReadKeyFile(config.postgres.passfile, FileUse::kPassfile).status();
}

absl::StatusOr<TriedStore> TryStore(const ServerConfig& config) {
  if (config.data.store != StoreKind::kPostgres) return TriedStore();
  const PostgresConfig& postgres = config.postgres;
  RETURN_IF_ERROR(CheckSessions(postgres));
  ASSIGN_OR_RETURN(auto control, PostgresControl::Find(ControlOf(postgres)));
  ASSIGN_OR_RETURN(const std::vector<std::shared_ptr<PostgresPlace>> places, OpenPlaces(postgres));
  if (control != nullptr) RETURN_IF_ERROR(CheckPlacesAreKnown(*control, NamesOf(postgres)));
  return TriedStore{.control = std::move(control), .notes = NotesOf(postgres, places)};
}

}  // namespace mirror
