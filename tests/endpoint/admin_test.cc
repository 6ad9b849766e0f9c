// What the operators' calls show and do.
#include <grpcpp/client_context.h>

#include <filesystem>
#include <string>
#include <vector>

#include "certs/issue.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "tests/endpoint/admin_fixture.h"

namespace mirror::admin_test {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

TEST_F(AdminTest, ABackupTellsHowFarItIs) {
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  v1::BackupRequest request;
  request.set_context_id("Cust");
  request.set_path(here_->dir() + "/watched.db");
  request.set_drill(true);
  const auto back_up = [&](Stub& stub, std::vector<v1::BackupProgress>* told) {
    grpc::ClientContext context;
    SetDeadline(&context);
    const auto stream = stub.BackupWatched(&context, request);
    v1::BackupProgress step;
    while (stream->Read(&step)) told->push_back(step);
    return ToAbsl(stream->Finish());
  };
  std::vector<v1::BackupProgress> told;
  EXPECT_THAT(back_up(*viewer_, &told), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(told, IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(request.path()));
  EXPECT_THAT(back_up(*operator_, &told), IsOk());
  // The first step is told at once, and the last one is the backup.
  ASSERT_GE(told.size(), 2U);
  EXPECT_EQ(told[0].doing(), "copying");
  EXPECT_GT(told[0].all(), 0U);
  EXPECT_LE(told[0].done(), told[0].all());
  EXPECT_EQ(told.back().made().bytes(), std::filesystem::file_size(request.path()));
  EXPECT_EQ(told.back().made().tables_size(), 1);
  told.clear();
  EXPECT_THAT(back_up(*operator_, &told),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("Name another file")));
  EXPECT_THAT(told, IsEmpty());
  request.set_path(here_->dir() + "/none/watched.db");
  EXPECT_THAT(back_up(*operator_, &told),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr(here_->dir() + "/none' is not a folder"), Not(HasSubstr(".part-")))));
}

TEST_F(AdminTest, TenantsAndTablesAreShownAsTheyStand) {
  const auto client = Client();
  Fill(*client, People(), {{1, "Ada", 36}, {2, "Bob", 40}}, kFirst);
  const std::int64_t cycle = Begin(*client, "holder");
  Announce(*client, cycle, {People(), Pairs()});
  const v1::Tenant tenant = Tenant("Cust");
  EXPECT_EQ(tenant.context_id(), "Cust");
  EXPECT_EQ(tenant.issuer(), "Development Source");
  EXPECT_EQ(tenant.environment(), "development");
  EXPECT_EQ(tenant.source_id(), "by-hand");
  EXPECT_EQ(tenant.cycle(), cycle);
  EXPECT_TRUE(tenant.active());
  EXPECT_GT(tenant.last_completed_ms(), 0);
  EXPECT_EQ(tenant.tables(), 2U);
  EXPECT_EQ(tenant.tables_unpopulated(), 1U);
  EXPECT_GT(tenant.bytes(), 0U);
  EXPECT_EQ(tenant.path(), here_->mirror_path());
  const absl::StatusOr<v1::ListTablesResponse> tables =
      Act(&Stub::ListTables, About<v1::ListTablesRequest>("Cust"));
  ASSERT_THAT(tables, IsOk());
  ASSERT_EQ(tables->tables_size(), 2);
  EXPECT_EQ(tables->tables(0).table(), "pairs");
  EXPECT_EQ(tables->tables(0).position().lsn(), -1);
  EXPECT_EQ(tables->tables(0).state(), "unpopulated");
  EXPECT_EQ(tables->tables(1).table(), "people");
  EXPECT_EQ(tables->tables(1).position().lsn(), 10);
  EXPECT_EQ(tables->tables(1).position().lineage(), "first");
  EXPECT_FALSE(tables->tables(1).has_pending());
  EXPECT_EQ(tables->tables(1).row_count(), 2);
  EXPECT_EQ(tables->tables(1).columns(), 3U);
  EXPECT_EQ(tables->tables(1).state(), "mirrored");
}

TEST_F(AdminTest, PauseEndsTheCycleAndSourcesAreToldNotToReplicate) {
  const auto client = Client();
  Fill(*client, People(), {{1, "Ada", 36}}, kFirst);
  const std::int64_t cycle = Begin(*client);
  Announce(*client, cycle, {People()});
  auto pause = About<v1::PauseTenantRequest>("cUST");
  pause.set_reason("upgrading the disk");
  const auto paused = Act(&Stub::PauseTenant, pause);
  ASSERT_THAT(paused, IsOk());
  EXPECT_EQ(paused->context_id(), "Cust");
  EXPECT_THAT(Complete(*client, cycle), StatusIs(absl::StatusCode::kAborted));
  const absl::StatusOr<v1::AuthenticateResponse> told = client->Authenticate("x", true, false);
  ASSERT_THAT(told, IsOk());
  EXPECT_FALSE(told->accepted());
  EXPECT_TRUE(told->do_not_replicate());
  EXPECT_EQ(told->do_not_replicate_by(), v1::DO_NOT_REPLICATE_BY_OPERATOR);
  EXPECT_EQ(told->reason(), "upgrading the disk");
  EXPECT_EQ(told->cycle(), 0);
  EXPECT_EQ(here_->mirror().Lsn("people"), 10);
  EXPECT_TRUE(Tenant("Cust").paused());
  ASSERT_THAT(Events("tenant.paused"), SizeIs(1));
  EXPECT_EQ(Events("tenant.paused").front().message(), "an operator paused the tenant: upgrading the disk");
  // Whatever matters travels with the file.
  ASSERT_THAT(here_->Restart(), IsOk());
  operator_ = here_->Admin().value();
  const auto again = Client();
  EXPECT_TRUE(again->Authenticate("x", true, false)->do_not_replicate());
  ASSERT_THAT(Act(&Stub::ResumeTenant, About<v1::ResumeTenantRequest>("Cust")), IsOk());
  Begin(*again);
  EXPECT_THAT(Pause("Cust", std::string(501, 'x')), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(AdminTest, InvalidateAndResetEndTheCycleAndTheNextOneRepairsTheMirror) {
  const auto client = Client();
  FakeSource source;
  source.CreateTable(People());
  source.CreateTable(Pairs());
  source.Put("people", {1, "Ada", 36});
  source.Put("pairs", {1, "b", "v"});
  Mirror(source, *client);

  std::int64_t cycle = Begin(*client, source.holder());
  v1::InvalidateLsnRequest invalidate = About<v1::InvalidateLsnRequest>("Cust");
  EXPECT_THAT(Act(&Stub::InvalidateLsn, invalidate), StatusIs(absl::StatusCode::kInvalidArgument));
  invalidate.add_tables("PEOPLE");
  const absl::StatusOr<v1::InvalidateLsnResponse> invalidated = Act(&Stub::InvalidateLsn, invalidate);
  ASSERT_THAT(invalidated, IsOk());
  EXPECT_THAT(invalidated->tables(), ElementsAre("people"));
  EXPECT_THAT(Complete(*client, cycle), StatusIs(absl::StatusCode::kAborted));
  FakeCycleReport report = Mirror(source, *client);
  EXPECT_EQ(report.tables.at("people").populate, PopulateReason::kMinusOne);
  EXPECT_EQ(report.tables.at("pairs").populate, PopulateReason::kNone);

  cycle = Begin(*client, source.holder());
  v1::ResetTableRequest reset = About<v1::ResetTableRequest>("Cust");
  reset.add_tables("people");
  reset.add_tables("strangers");
  EXPECT_THAT(Act(&Stub::ResetTable, reset), StatusIs(absl::StatusCode::kNotFound, HasSubstr("strangers")));
  EXPECT_THAT(Complete(*client, cycle), IsOk());
  reset.mutable_tables()->RemoveLast();
  ASSERT_THAT(Act(&Stub::ResetTable, reset), IsOk());
  EXPECT_THAT(here_->mirror().Tables(), ElementsAre("pairs"));
  report = Mirror(source, *client);
  EXPECT_EQ(report.tables.at("people").status.action(), v1::TABLE_ACTION_CREATED);
  reset.clear_tables();
  reset.set_all(true);
  EXPECT_THAT(Act(&Stub::ResetTable, reset),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("Nothing was dropped")));
  EXPECT_THAT(here_->mirror().Tables(), ElementsAre("pairs", "people"));
  reset.set_confirm("Cust");
  const absl::StatusOr<v1::ResetTableResponse> dropped = Act(&Stub::ResetTable, reset);
  ASSERT_THAT(dropped, IsOk());
  EXPECT_THAT(here_->mirror().Tables(), IsEmpty());
  EXPECT_THAT(MirrorFile(dropped->kept_path(), "Cust").Tables(), ElementsAre("pairs", "people"));
  Mirror(source, *client);
  ASSERT_THAT(Events("lsn.invalidated"), SizeIs(1));
  EXPECT_THAT(Events("lsn.invalidated").front().message(), HasSubstr("the LSN of 1 table to -1"));
  ASSERT_THAT(Events("tables.reset"), SizeIs(2));
  EXPECT_THAT(Events("tables.reset").front().message(),
              HasSubstr("dropped 1 table with the partner's indexes and triggers"));
  EXPECT_THAT(Events("tables.reset").back().message(), HasSubstr("dropped 2 tables"));
}

TEST_F(AdminTest, AMirrorFileThatIsGoneIsNotFoundInAnOperatorsWords) {
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(here_->mirror_path() + suffix);
  for (const Named& named : AllCalls("Cust")) {
    if (named.name == "Restore" || named.name == "DeleteMirror") continue;
    if (named.name == "ListStorages" || named.name == "ListImportJobs" || named.name == "ListApiKeys")
      continue;
    if (named.name == "ListTenants" || named.name == "ListKeys" || named.name == "ListEvents" ||
        named.name == "ReloadKeys" || named.name == "ListServers" || named.name == "Diagnose") {
      continue;
    }
    // Of a storage, not of a tenant.
    if (named.name.ends_with("Hub") || named.name == "ListHubs" || named.name == "ListDuplicates" ||
        named.name == "ListHeld" || named.name == "ListRefused" || named.name.ends_with("Golden")) {
      continue;
    }
    // What was is told whether the file is there or not.
    if (named.name == "ListCycles" || named.name == "GetTimeSeries") continue;
    EXPECT_THAT(named.call(*operator_), StatusIs(absl::StatusCode::kNotFound,
                                                 AllOf(HasSubstr("'Cust' is missing"), HasSubstr("backup"),
                                                       Not(HasSubstr("Authenticate")))))
        << named.name;
  }
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
}

TEST_F(AdminTest, DeleteNeedsTheNameTwiceAndTheSourceIsToldToStayAway) {
  const auto client = Client();
  FakeSource source;
  source.CreateTable(People());
  source.Put("people", {1, "Ada", 36});
  Mirror(source, *client);
  const std::int64_t cycle = Begin(*client, source.holder());
  v1::DeleteMirrorRequest request = About<v1::DeleteMirrorRequest>("Cust");
  EXPECT_THAT(Act(&Stub::DeleteMirror, request), StatusIs(absl::StatusCode::kInvalidArgument));
  request.set_confirm("cust");
  EXPECT_THAT(Act(&Stub::DeleteMirror, request), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_TRUE(std::filesystem::exists(here_->mirror_path()));
  request.set_confirm("Cust");
  ASSERT_THAT(Act(&Stub::DeleteMirror, request), IsOk());
  EXPECT_FALSE(std::filesystem::exists(here_->mirror_path()));
  EXPECT_THAT(Complete(*client, cycle),
              AnyOf(StatusIs(absl::StatusCode::kAborted), StatusIs(absl::StatusCode::kPermissionDenied)));
  EXPECT_FALSE(std::filesystem::exists(here_->mirror_path()));
  // Its source is told so, over a restart too, until an operator allows it.
  ASSERT_THAT(here_->Restart(), IsOk());
  operator_ = here_->Admin().value();
  const auto later = Client();
  for (const bool probe : {false, true}) {
    const absl::StatusOr<v1::AuthenticateResponse> told = later->Authenticate("x", true, probe);
    ASSERT_THAT(told, IsOk());
    EXPECT_FALSE(told->accepted());
    EXPECT_TRUE(told->do_not_replicate());
    EXPECT_EQ(told->do_not_replicate_by(), v1::DO_NOT_REPLICATE_BY_DELETED);
    EXPECT_THAT(told->reason(), HasSubstr("deleted"));
    EXPECT_GT(told->limits().tables_max(), 0U);
  }
  EXPECT_FALSE(std::filesystem::exists(here_->mirror_path()));
  const absl::StatusOr<v1::ListTenantsResponse> listed = Act(&Stub::ListTenants, v1::ListTenantsRequest());
  ASSERT_THAT(listed, IsOk());
  ASSERT_EQ(listed->tenants_size(), 1);
  EXPECT_EQ(listed->tenants(0).state(), "deleted");
  EXPECT_THAT(Act(&Stub::AllowTenant, About<v1::AllowTenantRequest>("Other")),
              StatusIs(absl::StatusCode::kNotFound));
  ASSERT_THAT(Act(&Stub::AllowTenant, About<v1::AllowTenantRequest>("Cust")), IsOk());
  Mirror(source, *later);
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM people"), "1");
}

TEST_F(AdminTest, TenantsAreListedByTheirStateWithoutTheirDatabases) {
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  v1::ListTenantsRequest request;
  request.set_problems(true);
  absl::StatusOr<v1::ListTenantsResponse> answer = Act(&Stub::ListTenants, request);
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->tenants_size(), 0);
  ASSERT_EQ(answer->totals_size(), 1);
  EXPECT_EQ(answer->totals(0).state(), "good");
  EXPECT_EQ(answer->totals(0).tenants(), 1U);
  request.set_problems(false);
  // What the list says is what the tenant itself says, also of a database that was closed by a restart.
  ASSERT_THAT(here_->Restart(), IsOk());
  operator_ = here_->Admin().value();
  answer = Act(&Stub::ListTenants, request);
  ASSERT_THAT(answer, IsOk());
  ASSERT_EQ(answer->tenants_size(), 1);
  const v1::Tenant before = answer->tenants(0);
  EXPECT_EQ(before.state(), "good");
  EXPECT_EQ(before.tables(), 1U);
  EXPECT_EQ(before.rows(), 1);
  EXPECT_EQ(before.issuer(), "Development Source");
  EXPECT_EQ(before.source_id(), "by-hand");
  EXPECT_GT(before.bytes(), 0U);
  v1::Tenant opened = Tenant("Cust");
  EXPECT_EQ(opened.last_completed_ms(), before.last_completed_ms());
  EXPECT_EQ(opened.cycle(), before.cycle());
  EXPECT_EQ(opened.state(), before.state());

  ASSERT_THAT(Pause("Cust", "inventory"), IsOk());
  request.add_states("paused");
  answer = Act(&Stub::ListTenants, request);
  ASSERT_THAT(answer, IsOk());
  ASSERT_EQ(answer->tenants_size(), 1);
  EXPECT_EQ(answer->tenants(0).pause_reason(), "inventory");
  request.set_page_token("nonsense");
  EXPECT_THAT(Act(&Stub::ListTenants, request), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(AdminTest, ACycleWithoutAChangeIsNoNewsUnlessTheOneBeforeFailed) {
  const auto client = Client();
  FakeSource source;
  source.CreateTable(People());
  source.Put("people", {1, "Ada", 36});
  Mirror(source, *client);
  ASSERT_THAT(Events("cycle.completed"), SizeIs(1));
  for (int i = 0; i < 3; ++i) Mirror(source, *client);
  EXPECT_THAT(Events("cycle.completed"), SizeIs(1));
  // One that ends without ReplicationCompleted is told, and so is the next that goes well.
  Begin(*client, source.holder());
  Mirror(source, *client);
  EXPECT_THAT(Events("cycle.failed"), SizeIs(1));
  EXPECT_THAT(Events("cycle.completed"), SizeIs(2));
  Mirror(source, *client);
  EXPECT_THAT(Events("cycle.completed"), SizeIs(2));
}

TEST_F(AdminTest, EventsAreListedAndWatchedAsTheyCome) {
  const auto client = Client();
  Fill(*client, People(), {{1, "Ada", 36}}, kFirst);
  const std::vector<v1::Event> created = Events("tenant.created");
  ASSERT_THAT(created, SizeIs(1));
  EXPECT_EQ(created.front().context_id(), "Cust");
  EXPECT_EQ(created.front().severity(), v1::SEVERITY_INFORMATION);
  EXPECT_GT(created.front().time_ms(), 0);
  EXPECT_THAT(Events("cycle.completed"), SizeIs(1));

  grpc::ClientContext context;
  SetDeadline(&context);
  v1::WatchEventsRequest request;
  request.set_context_id("Cust");
  request.set_after_id(created.front().id());
  const auto reader = viewer_->WatchEvents(&context, request);
  v1::Event event;
  std::uint64_t last = created.front().id();
  bool paused = false;
  ASSERT_TRUE(reader->Read(&event));
  ASSERT_THAT(Pause("Cust", "a reason"), IsOk());
  do {
    EXPECT_GT(event.id(), last);
    last = event.id();
    paused = event.kind() == "tenant.paused";
  } while (!paused && reader->Read(&event));
  EXPECT_TRUE(paused);
  context.TryCancel();
}

TEST_F(AdminTest, AKindOfEventsThatThereIsNotIsRefused) {
  v1::ListEventsRequest request;
  request.set_kind("cycle.fail");
  EXPECT_THAT(Act(&Stub::ListEvents, request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("cycle.failed")));

  // Else whoever watches waits for ever.
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::WatchEventsRequest watch;
  watch.set_kind("Nope");
  const auto reader = viewer_->WatchEvents(&context, watch);
  v1::Event event;
  EXPECT_FALSE(reader->Read(&event));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(AdminTest, KeysAreListedWithPublicFactsAndReadAgain) {
  const absl::StatusOr<v1::ListKeysResponse> keys = Act(&Stub::ListKeys, v1::ListKeysRequest());
  ASSERT_THAT(keys, IsOk());
  const PublicKey source = PublicKey::Load(here_->dir() + "/issuers/development/source-1.crt").value();
  bool found = false;
  for (const v1::KeyInfo& key : keys->keys()) {
    if (key.key_id() != "source-1") continue;
    found = true;
    EXPECT_EQ(key.issuer(), "Development Source");
    EXPECT_EQ(key.environment(), "development");
    EXPECT_EQ(key.algorithm(), "ES256");
    EXPECT_EQ(key.not_after(), *source.not_after());
    EXPECT_EQ(key.thumbprint().size(), 64U);
    EXPECT_EQ(key.state(), "valid");
  }
  EXPECT_TRUE(found);
  ASSERT_THAT(IssueSigningKey(
                  {here_->dir() + "/issuers/development/source-2.crt", here_->dir() + "/source/source-2.key"},
                  "source-2", Algorithm::kEs256, {}),
              IsOk());
  const absl::StatusOr<v1::ReloadKeysResponse> reloaded = Act(&Stub::ReloadKeys, v1::ReloadKeysRequest());
  ASSERT_THAT(reloaded, IsOk());
  EXPECT_EQ(reloaded->keys(), 2U);
  WriteFileText(here_->dir() + "/issuers/development/source-3.crt", "nothing");
  EXPECT_THAT(Act(&Stub::ReloadKeys, v1::ReloadKeysRequest()).status().message(), HasSubstr("source-3.crt"));
  std::filesystem::remove(here_->dir() + "/issuers/development/source-3.crt");
  const std::string own = here_->dir() + "/application/application-1.key";
  std::filesystem::permissions(own, std::filesystem::perms(0640));
  EXPECT_THAT(Act(&Stub::ReloadKeys, v1::ReloadKeysRequest()),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("application-1.key"), HasSubstr("the old ones stay in force"))));
  EXPECT_EQ(Act(&Stub::ListKeys, v1::ListKeysRequest())->keys_size(), keys->keys_size() + 1);
}

TEST_F(AdminTest, AServerWhoseMirrorsAreFilesIsTheOnlyOne) {
  const absl::StatusOr<v1::ListServersResponse> listed = Act(&Stub::ListServers, v1::ListServersRequest());
  ASSERT_THAT(listed, IsOk());
  ASSERT_EQ(listed->servers_size(), 1);
  const v1::ServerInfo& server = listed->servers(0);
  EXPECT_EQ(server.server_id(), "");
  EXPECT_EQ(server.admin_address(), here_->admin_address());
  EXPECT_TRUE(server.here());
  EXPECT_GT(server.started_ms(), 0);
  EXPECT_THAT(server.duties(), IsEmpty());
}

TEST_F(AdminTest, DiagnoseSpeaksOfDiskSyncAndEachStore) {
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  const absl::StatusOr<v1::DiagnoseResponse> diagnosis = Act(&Stub::Diagnose, v1::DiagnoseRequest());
  ASSERT_THAT(diagnosis, IsOk());
  EXPECT_GT(diagnosis->disk_free_bytes(), 0U);
  EXPECT_GT(diagnosis->fsync_us(), 0U);
  EXPECT_GT(diagnosis->open_tenants_max(), 0U);
  ASSERT_EQ(diagnosis->stores_size(), 1);
  EXPECT_EQ(diagnosis->stores(0).context_id(), "Cust");
  EXPECT_TRUE(diagnosis->stores(0).ok()) << diagnosis->stores(0).detail();
}

TEST_F(AdminTest, DiagnoseOfADiskThatFailsShowsTheRestAllTheSame) {
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  const std::string aside = here_->data_dir() + ".aside";
  std::filesystem::rename(here_->data_dir(), aside);
  const absl::StatusOr<v1::DiagnoseResponse> diagnosis =
      Act(&Stub::Diagnose, About<v1::DiagnoseRequest>("Cust"));
  std::filesystem::rename(aside, here_->data_dir());
  ASSERT_THAT(diagnosis, IsOk());
  EXPECT_THAT(diagnosis->findings(), Contains(HasSubstr("nothing can be written in the data folder")));
  EXPECT_GT(diagnosis->open_tenants_max(), 0U);
  ASSERT_EQ(diagnosis->stores_size(), 1);
  EXPECT_FALSE(diagnosis->stores(0).ok());
}

}  // namespace
}  // namespace mirror::admin_test
