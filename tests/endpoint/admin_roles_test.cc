// Who may call what at the operators' door, and what is kept of it.
#include <grpcpp/client_context.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "certs/issue.h"
#include "certs/tls.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "tests/certs/certificate_use.h"
#include "tests/endpoint/admin_fixture.h"

namespace mirror::admin_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

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

}  // namespace
}  // namespace mirror::admin_test
