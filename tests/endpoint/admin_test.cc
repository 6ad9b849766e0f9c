#include <grpcpp/client_context.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <latch>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "certs/issue.h"
#include "certs/tls.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "tests/certs/certificate_use.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/endpoint/raw_call.h"

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

const Position kFirst{Lsn{10}, "first"}, kSecond{Lsn{20}, "second"};

class AdminTest : public EndpointTest {
 protected:
  void SetUp() override {
    Install();
    operator_ = here_->Admin(Role::kOperator).value();
    viewer_ = here_->Admin(Role::kViewer).value();
  }

  using Stub = v1::MirrorAdmin::Stub;
  template <typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  template <typename Request, typename Response>
  static absl::Status Call(Stub& stub, Method<Request, Response> method, const Request& request,
                           Response* response) {
    grpc::ClientContext context;
    SetDeadline(&context);
    return ToAbsl((stub.*method)(&context, request, response));
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Act(Method<Request, Response> method, const Request& request) {
    Response response;
    if (absl::Status status = Call(*operator_, method, request, &response); !status.ok()) return status;
    return response;
  }

  v1::Tenant Tenant(const std::string& context_id) {
    v1::GetTenantRequest request;
    request.set_context_id(context_id);
    const absl::StatusOr<v1::Tenant> tenant = Act(&Stub::GetTenant, request);
    EXPECT_TRUE(tenant.ok()) << tenant.status();
    return tenant.ok() ? *tenant : v1::Tenant();
  }

  absl::Status Pause(const std::string& context_id, const std::string& reason) {
    v1::PauseTenantRequest request;
    request.set_context_id(context_id);
    request.set_reason(reason);
    return Act(&Stub::PauseTenant, request).status();
  }

  /// Calls of every method, about tenant `Cust`.
  struct Named {
    std::string name;
    bool needs_operator;
    std::function<absl::Status(Stub&)> call;
  };
  template <typename Request, typename Response>
  static Named Of(const std::string& name, bool needs_operator, Method<Request, Response> method,
                  Request request) {
    return {name, needs_operator, [method, request](Stub& stub) {
              Response response;
              return Call(stub, method, request, &response);
            }};
  }
  template <typename Request>
  static Request About(const std::string& context_id) {
    Request request;
    request.set_context_id(context_id);
    return request;
  }
  template <typename Request>
  static Request OfHub(const std::string& storage) {
    Request request;
    request.set_storage(storage);
    return request;
  }
  std::vector<Named> AllCalls(const std::string& tenant) const {
    v1::InvalidateLsnRequest invalidate = About<v1::InvalidateLsnRequest>(tenant);
    invalidate.set_all(true);
    v1::ResetTableRequest reset = About<v1::ResetTableRequest>(tenant);
    reset.set_all(true);
    reset.set_confirm(tenant);
    v1::DeleteMirrorRequest remove = About<v1::DeleteMirrorRequest>(tenant);
    remove.set_confirm(tenant);
    v1::BackupRequest backup = About<v1::BackupRequest>(tenant);
    backup.set_path(here_->dir() + "/backup.db");
    v1::RestoreRequest restore = About<v1::RestoreRequest>(tenant);
    restore.set_path(backup.path());
    restore.set_confirm(tenant);
    v1::ExplainGoldenRequest golden = OfHub<v1::ExplainGoldenRequest>(tenant);
    golden.set_golden_id("g1");
    return {
        Of("ListTenants", false, &Stub::ListTenants, v1::ListTenantsRequest()),
        Of("GetTenant", false, &Stub::GetTenant, About<v1::GetTenantRequest>(tenant)),
        Of("ListCycles", false, &Stub::ListCycles, About<v1::ListCyclesRequest>(tenant)),
        Of("GetTimeSeries", false, &Stub::GetTimeSeries, About<v1::GetTimeSeriesRequest>(tenant)),
        Of("ListTables", false, &Stub::ListTables, About<v1::ListTablesRequest>(tenant)),
        Of("ListIndexes", false, &Stub::ListIndexes, About<v1::ListIndexesRequest>(tenant)),
        Of("ListEvents", false, &Stub::ListEvents, About<v1::ListEventsRequest>(tenant)),
        Of("ListKeys", false, &Stub::ListKeys, v1::ListKeysRequest()),
        Of("ListStorages", false, &Stub::ListStorages, v1::ListStoragesRequest()),
        Of("ListImportJobs", false, &Stub::ListImportJobs, About<v1::ListImportJobsRequest>(tenant)),
        Of("ListApiKeys", false, &Stub::ListApiKeys, v1::ListApiKeysRequest()),
        Of("Diagnose", false, &Stub::Diagnose, About<v1::DiagnoseRequest>(tenant)),
        Of("ListHolds", false, &Stub::ListHolds, About<v1::ListHoldsRequest>(tenant)),
        Of("ListHubs", false, &Stub::ListHubs, v1::ListHubsRequest()),
        Of("ListDuplicates", false, &Stub::ListDuplicates, OfHub<v1::ListDuplicatesRequest>(tenant)),
        Of("ResumeHub", true, &Stub::ResumeHub, OfHub<v1::ResumeHubRequest>(tenant)),
        Of("DecideHub", true, &Stub::DecideHub, OfHub<v1::DecideHubRequest>(tenant)),
        Of("ListHeld", true, &Stub::ListHeld, OfHub<v1::ListHeldRequest>(tenant)),
        Of("ListRefused", true, &Stub::ListRefused, OfHub<v1::ListRefusedRequest>(tenant)),
        Of("ThawHub", true, &Stub::ThawHub, OfHub<v1::ThawHubRequest>(tenant)),
        Of("ExplainGolden", true, &Stub::ExplainGolden, golden),
        Of("MergeGolden", true, &Stub::MergeGolden, OfHub<v1::MergeGoldenRequest>(tenant)),
        Of("PartGolden", true, &Stub::PartGolden, OfHub<v1::PartGoldenRequest>(tenant)),
        Of("RebuildHub", true, &Stub::RebuildHub, OfHub<v1::RebuildHubRequest>(tenant)),
        Of("InvalidateLsn", true, &Stub::InvalidateLsn, invalidate),
        Of("ResetTable", true, &Stub::ResetTable, reset),
        Of("PauseTenant", true, &Stub::PauseTenant, About<v1::PauseTenantRequest>(tenant)),
        Of("ResumeTenant", true, &Stub::ResumeTenant, About<v1::ResumeTenantRequest>(tenant)),
        Of("ReloadKeys", true, &Stub::ReloadKeys, v1::ReloadKeysRequest()),
        Of("ListServers", true, &Stub::ListServers, v1::ListServersRequest()),
        Of("AcceptSource", true, &Stub::AcceptSource, About<v1::AcceptSourceRequest>(tenant)),
        Of("Verify", true, &Stub::Verify, About<v1::VerifyRequest>(tenant)),
        Of("Backup", true, &Stub::Backup, backup),
        Of("Restore", true, &Stub::Restore, restore),
        Of("CommitHold", true, &Stub::CommitHold, About<v1::CommitHoldRequest>(tenant)),
        Of("RollbackHold", true, &Stub::RollbackHold, About<v1::RollbackHoldRequest>(tenant)),
        Of("DeleteMirror", true, &Stub::DeleteMirror, remove),
    };
  }
  /// Of a call about a tenant for which no source and no hold is waiting, whose source tells of no index, and
  /// whose storage has no hub.
  static absl::StatusCode Answer(const std::string& name) {
    if (name == "AcceptSource" || name == "ListIndexes") return absl::StatusCode::kFailedPrecondition;
    for (const char* const not_found :
         {"CommitHold", "RollbackHold", "ListDuplicates", "ResumeHub", "DecideHub", "ThawHub", "ListHeld",
          "ListRefused", "ExplainGolden", "MergeGolden", "PartGolden", "RebuildHub"}) {
      if (name == not_found) return absl::StatusCode::kNotFound;
    }
    return absl::StatusCode::kOk;
  }

  std::unique_ptr<Stub> operator_, viewer_;
};

TEST_F(AdminTest, AClientWithoutACertificateOfTheAdminsAuthorityIsNotServed) {
  const std::string ca = here_->dir() + "/admin/ca.crt";
  const PairFiles strange_ca = {here_->dir() + "/strange-ca.crt", here_->dir() + "/strange-ca.key"};
  const PairFiles stranger = {here_->dir() + "/stranger.crt", here_->dir() + "/stranger.key"};
  ASSERT_THAT(IssueCa(strange_ca, "Strange CA", {}), IsOk());
  ASSERT_THAT(IssueAdmin(stranger, strange_ca, "stranger", Role::kOperator, {}), IsOk());
  for (const ClientTls& files : {ClientTls{ca, "", ""}, ClientTls{ca, stranger.certificate, stranger.key}}) {
    const auto credentials = MakeChannelCredentials(files);
    ASSERT_TRUE(credentials.ok()) << credentials.status();
    const auto stub = v1::MirrorAdmin::NewStub(OpenChannel(here_->admin_address(), *credentials));
    v1::ListTenantsResponse response;
    EXPECT_THAT(Call(*stub, &Stub::ListTenants, v1::ListTenantsRequest(), &response),
                StatusIs(absl::StatusCode::kUnavailable));
  }
  v1::ListTenantsResponse response;
  EXPECT_THAT(Call(*viewer_, &Stub::ListTenants, v1::ListTenantsRequest(), &response), IsOk());
}

TEST_F(AdminTest, ACertificateThatIsNotForClientsIsNotServedAndMirrorctlSaysWhy) {
  const std::string dir = here_->dir();
  const PairFiles ca = {dir + "/admin/ca.crt", dir + "/admin/ca.key"};
  int number = 0;
  for (const char* const use : {"", "serverAuth", "clientAuth"}) {
    const std::string name = absl::StrCat(dir, "/admin/use", ++number);
    const PairFiles files = {name + ".crt", name + ".key"};
    IssueForUse(files, ca, use, "URI:mirror:role:operator");
    const auto credentials = MakeChannelCredentials({ca.certificate, files.certificate, files.key});
    ASSERT_TRUE(credentials.ok()) << credentials.status();
    const auto stub = v1::MirrorAdmin::NewStub(OpenChannel(here_->admin_address(), *credentials));
    v1::ListTenantsResponse response;
    const absl::Status status = Call(*stub, &Stub::ListTenants, v1::ListTenantsRequest(), &response);
    const bool is_for_clients = std::string_view(use) == "clientAuth";
    EXPECT_EQ(status.code(), is_for_clients ? absl::StatusCode::kOk : absl::StatusCode::kUnavailable) << use;
    if (is_for_clients) continue;
    const std::string config = name + ".toml";
    WriteFileText(config, absl::StrCat("[endpoint]\naddress = \"", here_->admin_address(), "\"\nca = \"",
                                       ca.certificate, "\"\ncertificate = \"", files.certificate,
                                       "\"\nkey = \"", files.key, "\"\n"));
    const Finished asked = RunProgram(BinDir() + "/mirrorctl", {"--config", config, "tenants"});
    EXPECT_NE(asked.exit_code, 0);
    EXPECT_THAT(asked.errors, AllOf(HasSubstr("lacks clientAuth"), HasSubstr("issue-operator")));
    const Finished doctor = RunProgram(BinDir() + "/mirrorctl", {"--config", config, "doctor"});
    EXPECT_THAT(doctor.output + doctor.errors, HasSubstr("lacks clientAuth"));
  }
}

TEST_F(AdminTest, ACertificateWithoutARoleMayNothing) {
  const std::string dir = here_->dir();
  const PairFiles nobody = {dir + "/nobody.crt", dir + "/nobody.key"};
  ASSERT_THAT(IssueClient(nobody, {dir + "/admin/ca.crt", dir + "/admin/ca.key"}, "nobody", {}), IsOk());
  const auto credentials = MakeChannelCredentials({dir + "/admin/ca.crt", nobody.certificate, nobody.key});
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  const auto stub = v1::MirrorAdmin::NewStub(OpenChannel(here_->admin_address(), *credentials));
  for (const Named& named : AllCalls("Cust")) {
    EXPECT_THAT(named.call(*stub), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("role")))
        << named.name;
  }
}

TEST_F(AdminTest, AViewerMayLookAndIsRefusedEveryCallThatActs) {
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  for (const Named& named : AllCalls("Cust")) {
    SCOPED_TRACE(named.name);
    const absl::Status status = named.call(*viewer_);
    if (named.needs_operator) {
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied,
                                   AllOf(HasSubstr("operator"), Not(HasSubstr("exactly one role")))));
    } else {
      EXPECT_THAT(status, StatusIs(Answer(named.name)));
    }
  }
  EXPECT_EQ(here_->mirror().Lsn("people"), 10);
  EXPECT_EQ(here_->mirror().RowCount("people"), 1);
}

TEST_F(AdminTest, EachCallAnswersOrSaysWhatIsMissingAndIsInTheAuditLog) {
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  for (const Named& named : AllCalls("Cust")) {
    SCOPED_TRACE(named.name);
    EXPECT_THAT(named.call(*operator_), StatusIs(Answer(named.name)));
  }
  EXPECT_FALSE(std::filesystem::exists(here_->mirror_path()));
  const MirrorFile catalog(here_->data_dir() + "/catalog.db", "");
  const std::vector<std::string> acts = catalog.Query("SELECT who, call, outcome FROM audit");
  const std::vector<std::string> looks = catalog.Query("SELECT who, call, outcome FROM looks");
  for (const Named& named : AllCalls("Cust")) {
    const bool is_act = named.needs_operator && named.name != "ListServers";
    EXPECT_THAT(is_act ? acts : looks,
                Contains(AllOf(HasSubstr("operator"), HasSubstr(named.name),
                               HasSubstr(absl::StatusCodeToString(Answer(named.name))))));
  }
}

TEST_F(AdminTest, WhoeverLooksOrIsRefusedAddsNothingToTheAuditLog) {
  ASSERT_THAT(Pause("Cust", ""), StatusIs(absl::StatusCode::kNotFound));
  const MirrorFile catalog(here_->data_dir() + "/catalog.db", "");
  const std::string before = catalog.Value("SELECT max(id) FROM audit");
  for (int i = 0; i < 100; ++i) {
    v1::ListTenantsResponse tenants;
    EXPECT_THAT(Call(*viewer_, &Stub::ListTenants, v1::ListTenantsRequest(), &tenants), IsOk());
    v1::PauseTenantResponse paused;
    EXPECT_THAT(Call(*viewer_, &Stub::PauseTenant, About<v1::PauseTenantRequest>("Cust"), &paused),
                StatusIs(absl::StatusCode::kPermissionDenied));
  }
  EXPECT_EQ(catalog.Value("SELECT max(id) FROM audit"), before);
  EXPECT_EQ(catalog.Value("SELECT count(*) FROM looks WHERE who = 'viewer'"), "60")
      << "the others are counted";
  v1::ListAuditRequest request;
  request.set_looks(true);
  grpc::ClientContext context;
  SetDeadline(&context);
  const auto reader = viewer_->ListAudit(&context, request);
  v1::AuditEntry entry;
  int listed = 0, refused = 0;
  for (; reader->Read(&entry); ++listed) refused += entry.record().outcome() == "PERMISSION_DENIED" ? 1 : 0;
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(listed, 60);
  EXPECT_EQ(refused, 30);
}

TEST_F(AdminTest, ATenantThatIsNotThereIsNotFound) {
  for (const Named& named : AllCalls("Nobody")) {
    if (named.name == "ListStorages" || named.name == "ListImportJobs" || named.name == "ListApiKeys")
      continue;
    if (named.name == "ListTenants" || named.name == "ListKeys" || named.name == "ListEvents" ||
        named.name == "ListStorages" || named.name == "ListApiKeys" || named.name == "ReloadKeys" ||
        named.name == "ListServers" || named.name == "ListHubs") {
      continue;
    }
    const char* const missing = named.name == "Restore" ? "backup.db" : "Nobody";
    EXPECT_THAT(named.call(*operator_), StatusIs(absl::StatusCode::kNotFound, HasSubstr(missing)))
        << named.name;
  }
  EXPECT_THAT(Events("backup.failed"), IsEmpty()) << "nobody's";
}

TEST_F(AdminTest, ATenantThatIsNamedInAnotherCaseIsTheSameOneInEveryCall) {
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::Tenant found;
  ASSERT_THAT(ToAbsl(operator_->GetTenant(&context, About<v1::GetTenantRequest>("cUST"), &found)), IsOk());
  EXPECT_EQ(found.context_id(), "Cust");
  const auto told = context.GetServerTrailingMetadata().find("mirror-context-id");
  ASSERT_NE(told, context.GetServerTrailingMetadata().end());
  EXPECT_EQ(std::string(told->second.data(), told->second.size()), "Cust");
  const auto events = Act(&Stub::ListEvents, About<v1::ListEventsRequest>("cUST"));
  ASSERT_THAT(events, IsOk());
  EXPECT_THAT(events->events(), Not(IsEmpty()));
  // Restore without the copy's name twice would replace a mirror.
  v1::RestoreRequest unconfirmed = About<v1::RestoreRequest>("cUST");
  unconfirmed.set_path(here_->dir() + "/backup.db");
  EXPECT_THAT(Act(&Stub::Restore, unconfirmed),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'confirm'")));

  for (const Named& named : AllCalls("cUST")) {
    SCOPED_TRACE(named.name);
    EXPECT_THAT(named.call(*operator_), StatusIs(Answer(named.name)));
  }
  EXPECT_FALSE(std::filesystem::exists(here_->mirror_path("cUST")));
  EXPECT_THAT(Act(&Stub::PauseTenant, About<v1::PauseTenantRequest>("cUST")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("tenant 'Cust' was deleted")));
  ASSERT_THAT(Act(&Stub::AllowTenant, About<v1::AllowTenantRequest>("cUST")), IsOk());
  for (const char* const kind : {"mirror.deleted", "tenant.allowed", "backup.made", "tenant.paused"}) {
    SCOPED_TRACE(kind);
    EXPECT_THAT(Events(kind), Not(IsEmpty()));
    for (const v1::Event& event : Events(kind)) EXPECT_EQ(event.context_id(), "Cust");
  }
}

TEST_F(AdminTest, KeysOfHeldRowsAreForOperators) {
  const auto client = Client();
  const auto rows = [](int from, int to) {
    Rows all;
    for (int i = from; i < to; ++i) all.push_back({i, "n", i});
    return all;
  };
  Fill(*client, People(), rows(0, 1'200), kFirst);
  const std::int64_t cycle = Begin(*client);
  Announce(*client, cycle, {People()});
  EXPECT_NE(Send(*client, cycle, Population(People(), rows(0, 100), kSecond)).code(), 0);
  v1::ListHoldsRequest request;
  const auto keys = [&](Stub& stub) -> absl::StatusOr<int> {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::ListHoldsResponse answer;
    const absl::Status status = ToAbsl(stub.ListHolds(&context, request, &answer));
    if (!status.ok()) return status;
    return answer.holds_size() == 1 ? answer.holds(0).keys_size() : -1;
  };
  EXPECT_THAT(keys(*viewer_), IsOkAndHolds(0));
  EXPECT_THAT(keys(*operator_), IsOkAndHolds(0));
  request.set_with_keys(true);
  EXPECT_THAT(keys(*viewer_), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(keys(*operator_), IsOkAndHolds(20));
}

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
                       AllOf(HasSubstr(here_->dir() + "/none' is no folder"), Not(HasSubstr(".part-")))));
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
    EXPECT_THAT(named.call(*operator_),
                StatusIs(absl::StatusCode::kNotFound, AllOf(HasSubstr("'Cust' is gone"), HasSubstr("backup"),
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

TEST_F(AdminTest, AReaderOfTheGroupFindsEachFolderAndFileOpenOnItsWayToTheMirror) {
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  using std::filesystem::perms;
  const auto may = [](const std::string& path, perms wanted) {
    return (std::filesystem::status(path).permissions() & wanted) == wanted;
  };
  EXPECT_TRUE(may(here_->dir(), perms::group_exec));
  EXPECT_TRUE(may(here_->data_dir(), perms::group_exec | perms::group_read));
  for (const char* suffix : {"", "-wal", "-shm"}) {
    EXPECT_TRUE(may(here_->mirror_path() + suffix, perms::group_read)) << suffix;
  }
}

TEST_F(AdminTest, HealthAnswersOnBothPortsAndReflectionDoesNot) {
  EXPECT_THAT(CheckHealth(here_->Channel().value()), IsOk());
  EXPECT_THAT(CheckHealth(here_->AdminChannel(Role::kViewer).value()), IsOk());
  EXPECT_THAT(ListServices(here_->Channel().value()), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(ListServices(here_->AdminChannel(Role::kViewer).value()),
              StatusIs(absl::StatusCode::kUnimplemented));
}

TEST_F(AdminTest, IdleStreamsOfAViewerLeaveRoomForOperators) {
  std::vector<std::unique_ptr<OpenCall>> idle;
  for (int connection = 0; connection < 4; ++connection) {
    const auto viewer = here_->AdminChannel(Role::kViewer).value();
    for (int i = 0; i < 45; ++i) {
      for (const char* const method : {kHealthCheckMethod, kHealthWatchMethod})
        idle.push_back(std::make_unique<OpenCall>(viewer, method));
    }
  }
  EXPECT_THAT(CheckHealth(here_->AdminChannel(Role::kOperator).value()), IsOk());
  v1::ListTenantsResponse response;
  const auto anew = here_->Admin(Role::kOperator).value();
  EXPECT_THAT(Call(*anew, &Stub::ListTenants, v1::ListTenantsRequest(), &response), IsOk());
}

TEST_F(AdminTest, ASecondServerOnThePortOrTheDataFolderIsRefusedWithASentence) {
  const std::string original = ReadFileText(here_->server_toml());
  // The same folder, other ports: the settings still say 0.
  Finished second = RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml()});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.errors, AllOf(HasSubstr("another mirror-server"), HasSubstr("data")));

  const std::string port = here_->address().substr(here_->address().find(':') + 1);
  ASSERT_THAT(here_->Set({"listen", "port", port}), IsOk());
  ASSERT_THAT(here_->Set({"data", "dir", "\"data2\""}), IsOk());
  second = RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml()});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.errors, AllOf(HasSubstr("another process listens"), HasSubstr(port)));
  WriteFileText(here_->server_toml(), original);
  Begin(*Client());
}

TEST_F(AdminTest, SigtermLetsCallsEndEndsTheCyclesAndTheNextStartIsClean) {
  const auto client = Client();
  Fill(*client, People(), {{1, "Ada", 36}}, kFirst);
  const std::int64_t cycle = Begin(*client, "holder", false);
  Announce(*client, cycle, {People()});
  auto stream = client->OpenRowStream().value();
  BatchSpec spec;
  spec.rows = {{2, "Bob", 40}};
  spec.base_lsn = 10;
  spec.target = {Lsn{20}, "second"};
  ASSERT_THAT(stream->Send(Request(cycle, {Message(People(), spec)})), IsOk());
  const absl::StatusOr<v1::RowDataResponse> answer = stream->Receive();
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->results(0).code(), 0);
  const absl::StatusOr<int> code = here_->Stop();
  ASSERT_THAT(code, IsOk());
  EXPECT_EQ(*code, 0) << here_->ServerLog();
  // Who reads so late may hear of the closed connection alone, which is the same to a source.
  EXPECT_THAT(stream->Receive(), StatusIs(absl::StatusCode::kUnavailable));
  // What was acknowledged is there, the cycle is over, and nothing is left of the log.
  EXPECT_EQ(here_->mirror().RowCount("people"), 2);
  EXPECT_EQ(here_->mirror().Value("SELECT active FROM _mirror_tenant"), "0");
  ASSERT_THAT(here_->Start(), IsOk());
  const auto again = Client();
  EXPECT_THAT(Complete(*again, cycle), StatusIs(absl::StatusCode::kAborted));
  const std::int64_t next = Begin(*again, "another", false);
  EXPECT_EQ(Announce(*again, next, {People()}).front().pending().lsn(), 20);
}

TEST_F(AdminTest, SigtermEndsNoCallOfASourceAsIfItHadTakenItBack) {
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  constexpr std::size_t kSources = 8;
  std::latch begun(kSources);
  std::vector<absl::Status> ends(kSources);
  std::vector<std::thread> sources;
  for (absl::Status& end : ends) {
    sources.emplace_back([&] {
      const auto client = Client();
      end = Complete(*client, 999);
      begun.count_down();
      // There is no such cycle.
      while (absl::IsAborted(end)) end = Complete(*client, 999);
    });
  }
  begun.wait();
  ASSERT_THAT(here_->Stop(), IsOkAndHolds(0));
  for (std::thread& source : sources) source.join();
  for (const absl::Status& end : ends) {
    // The client makes UNAVAILABLE of CANCELLED, with these words.
    EXPECT_THAT(end, StatusIs(absl::StatusCode::kUnavailable, Not(HasSubstr("ended the call"))));
  }
}

TEST_F(AdminTest, AConfigurationThatIsWrongIsRefusedWithKeyAndLine) {
  struct Case {
    std::string section, key, value;
  };
  for (const Case& test : std::vector<Case>{{"listen", "port", "70000"},
                                            {"listen", "port", "\"7443\""},
                                            {"data", "drop_grace", "\"soon\""},
                                            {"tokens", "algorithms", "[\"none\"]"},
                                            {"limits", "message_bytes_max", "-1"},
                                            {"log", "level", "\"loud\""}}) {
    SCOPED_TRACE(absl::StrCat(test.key, " = ", test.value));
    const std::string original = ReadFileText(here_->server_toml());
    ASSERT_THAT(here_->Set({test.section, test.key, test.value}), IsOk());
    const std::string text = ReadFileText(here_->server_toml());
    const auto line =
        1 + std::count(text.begin(),
                       text.begin() + static_cast<std::ptrdiff_t>(
                                          text.find(absl::StrCat("\n", test.key, " = ", test.value)) + 1),
                       '\n');
    const Finished refused =
        RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml(), "--check-config"});
    EXPECT_EQ(refused.exit_code, 2) << refused.output;
    EXPECT_THAT(refused.errors, AllOf(HasSubstr(test.key), HasSubstr(absl::StrCat(":", line, ":"))));
    WriteFileText(here_->server_toml(), original);
  }
  const std::string original = ReadFileText(here_->server_toml());
  ASSERT_THAT(here_->Set({"data", "dir", "\"mirrorctl.toml\""}), IsOk());
  const Finished no_folder =
      RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml(), "--check-config"});
  EXPECT_EQ(no_folder.exit_code, 2);
  EXPECT_THAT(no_folder.errors, AllOf(HasSubstr("[data] 'dir'"), HasSubstr("not a folder")));
  EXPECT_THAT(RunProgram(here_->program("mirror-server"), {"--confg"}).errors, HasSubstr("mirror-server: "));
  WriteFileText(here_->server_toml(), original + "\n[limits2]\nx = 1\n");
  const Finished unknown =
      RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml(), "--check-config"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.errors, HasSubstr("limits2"));
  // A program of a hook may come later, but who checks wants to know of it now.
  WriteFileText(
      here_->server_toml(),
      original + "\n[[hook]]\nname = \"reports\"\non = [\"event\"]\ncommand = [\"/nowhere/reports\"]\n");
  const Finished no_program =
      RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml(), "--check-config"});
  EXPECT_EQ(no_program.exit_code, 2);
  EXPECT_THAT(no_program.errors, AllOf(HasSubstr("'reports'"), HasSubstr("'/nowhere/reports'")));
  // So it is with SQL, as far as it can be told without the partner's tables.
  for (const auto& [sql, words] : std::vector<std::pair<std::string, std::string>>{
           {"SELEC 1", "near \"SELEC\": syntax error"},
           {"INSERT INTO runs VALUES (:cycle); DELETE FORM runs", "near \"FORM\": syntax error"},
           {"SELECT nothing_of_the_kind(1)", "no such function"},
           {"ATTACH 'other.db' AS other", "not authorized"},
           {"INSERT INTO runs SELECT :cycle; UPDATE runs SET at = :json WHERE a = 'x;y'", ""}}) {
    WriteFileText(here_->server_toml(),
                  original + "\n[[hook]]\nname = \"runs\"\non = [\"completed\"]\nsql = \"" + sql + "\"\n");
    const Finished checked =
        RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml(), "--check-config"});
    EXPECT_EQ(checked.exit_code, words.empty() ? 0 : 2) << sql << checked.errors;
    if (words.empty()) continue;
    EXPECT_THAT(checked.errors, AllOf(HasSubstr("'runs'"), HasSubstr(words)));
  }
  WriteFileText(here_->server_toml(), original);
  ASSERT_THAT(here_->Set({"data", "dir", "\"data/of/next/year\""}), IsOk());
  const Finished to_be_made =
      RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml(), "--check-config"});
  EXPECT_EQ(to_be_made.exit_code, 0) << to_be_made.errors;
  EXPECT_THAT(to_be_made.output, AllOf(HasSubstr("data/of/next/year' does not exist yet"),
                                       HasSubstr("the server makes it when it starts")));
  WriteFileText(here_->server_toml(), original);
  ASSERT_THAT(here_->Set({"data", "dir", "\"/proc/nowhere/data\""}), IsOk());
  const Finished no_data =
      RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml(), "--check-config"});
  EXPECT_EQ(no_data.exit_code, 2);
  EXPECT_THAT(no_data.errors, HasSubstr("nothing can be made in '/proc'"));
}

TEST_F(AdminTest, AReloadNamesTheSectionsThatOnlyARestartBringsInForce) {
  ASSERT_THAT(Act(&Stub::ReloadKeys, v1::ReloadKeysRequest()), IsOk());
  EXPECT_THAT(Events("keys.reloaded").back().message(), Not(HasSubstr("restart")));
  ASSERT_THAT(here_->Set({"limits", "tables_max", "77"}), IsOk());
  ASSERT_THAT(here_->Set({"breaker", "miss_window", "\"2h\""}), IsOk());
  ASSERT_THAT(Act(&Stub::ReloadKeys, v1::ReloadKeysRequest()), IsOk());
  const v1::Event told = Events("keys.reloaded").back();
  EXPECT_THAT(
      told.message(),
      HasSubstr(
          "changes in [limits], [breaker] since the start are not in force: restart the server for them"));
  EXPECT_EQ(told.severity(), v1::SEVERITY_WARNING);
  WriteFileText(
      here_->server_toml(),
      ReadFileText(here_->server_toml()) +
          "\n[[tenant]]\ncontext_id = \"Cust*\"\n[[tenant.table]]\nname = \"people\"\nbreaker = false\n");
  ASSERT_THAT(Act(&Stub::ReloadKeys, v1::ReloadKeysRequest()), IsOk());
  EXPECT_THAT(Events("keys.reloaded").back().message(),
              HasSubstr("changes in [limits], [[tenant]], [breaker] since"));
}

TEST_F(AdminTest, StoppedIsTheLastWordAndTheFolderIsFreeThen) {
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  ASSERT_THAT(here_->Stop(), IsOkAndHolds(0));
  const std::string log = here_->server().Errors();
  EXPECT_THAT(log.substr(log.rfind('\n', log.size() - 2) + 1), HasSubstr(" info stopped"));
}

}  // namespace
}  // namespace mirror::admin_test
