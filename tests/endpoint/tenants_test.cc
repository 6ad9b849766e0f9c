#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/refusal.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/endpoint/let_in.h"
#include "tests/support/places.h"

namespace mirror::tenants_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class TenantsTest : public EndpointTest {};

TEST_F(TenantsTest, TwentyTenantsAtOnceEachHaveTheirOwnRowsWithFewDatabasesOpen) {
  InstallationOptions options;
  options.settings = {{"data", "open_tenants_max", "4"}};
  Install(options);
  constexpr int kTenants = 20, kCycles = 3;
  std::vector<std::unique_ptr<MirrorClient>> clients;
  std::vector<FakeSource> sources;
  for (int t = 0; t < kTenants; ++t) {
    clients.push_back(Client(absl::StrCat("Cust-", t)));
    FakeSource& source = sources.emplace_back(100 + t);
    source.CreateTable(People());
    source.CreateTable(Keyless());
    for (int i = 0; i < 40; ++i) source.Put("people", {i, absl::StrCat("of tenant ", t), t});
  }
  std::vector<FakeCycleReport> reports(kTenants * kCycles);
  std::vector<std::thread> threads;
  for (int t = 0; t < kTenants; ++t) {
    threads.emplace_back([&, t] {
      FakeSource& source = sources[static_cast<std::size_t>(t)];
      for (int c = 0; c < kCycles; ++c) {
        FakeCycleOptions cycle;
        cycle.stream = (t + c) % 2 == 0;
        cycle.batch_rows = 10;
        reports[static_cast<std::size_t>(t * kCycles + c)] =
            RunCycleOnceLetIn(source, *clients[static_cast<std::size_t>(t)], cycle);
        for (int i = 0; i < 20; ++i) source.Update("people", {i}, {{"age", t * 1'000 + c}});
        source.Put("keyless", {absl::StrCat("of tenant ", t), c});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const FakeCycleReport& report : reports) EXPECT_TRUE(report.AllDone()) << report.Summary();
  for (int t = 0; t < kTenants; ++t) {
    Mirror(sources[static_cast<std::size_t>(t)], *clients[static_cast<std::size_t>(t)]);
  }
  const auto stub = here_->Admin(Role::kViewer).value();
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::ListTenantsResponse tenants;
  ASSERT_TRUE(stub->ListTenants(&context, {}, &tenants).ok());
  EXPECT_EQ(tenants.tenants_size(), kTenants);
  for (const v1::Tenant& tenant : tenants.tenants()) {
    EXPECT_EQ(tenant.quarantine(), "");
    EXPECT_FALSE(tenant.active());
  }
  grpc::ClientContext again;
  SetDeadline(&again);
  v1::DiagnoseResponse diagnosis;
  ASSERT_TRUE(stub->Diagnose(&again, {}, &diagnosis).ok());
  EXPECT_LE(diagnosis.open_tenants(), 4U);
  EXPECT_EQ(diagnosis.open_tenants_max(), 4U);
  for (const auto& store : diagnosis.stores())
    EXPECT_TRUE(store.ok()) << store.context_id() << store.detail();
}

TEST_F(TenantsTest, FirstCyclesLeaveATenantThatIsThereWhatItNeeds) {
  InstallationOptions options;
  options.bin_dir = BinDir();
  here_ = Installation::Init(options).value();
  here_->set_descriptor_limit(200);
  ASSERT_THAT(here_->Start(), IsOk());
  const auto there = Client("Cust-there");
  FakeSource source;
  source.CreateTable(People());
  source.Put("people", {1, "Ada", 36});
  Mirror(source, *there);
  std::vector<std::unique_ptr<MirrorClient>> others;
  int begun = 0;
  for (int i = 0; i < 36; ++i) {
    others.push_back(Client(absl::StrCat("Cust-", i)));
    const auto answer = others.back()->Authenticate("first", true, false);
    if (answer.ok()) ++begun;
    if (!answer.ok()) {
      EXPECT_THAT(answer, StatusIs(absl::StatusCode::kResourceExhausted,
                                   AllOf(HasSubstr("new mirrors are being made"), HasSubstr("Try again"))));
    }
  }
  EXPECT_EQ(begun, 4);
  source.Put("people", {2, "Grace", 45});
  Mirror(source, *there);
}

TEST_F(TenantsTest, ASpellingThatDiffersInCaseIsRefusedAndNotTold) {
  InstallationOptions options;
  options.settings = {{"issuer", "contexts", "[\"*\"]"}};
  Install(options);
  const auto client = Client("Cust");
  FakeSource source;
  source.CreateTable(People());
  Mirror(source, *client);
  for (const char* spelling : {"cust", "CUST", "cUST"}) {
    SCOPED_TRACE(spelling);
    const auto other = Client(spelling);
    for (const bool probe : {false, true}) {
      EXPECT_THAT(other->Authenticate("x", true, probe),
                  StatusIs(absl::StatusCode::kPermissionDenied,
                           AllOf(HasSubstr("spelling"), HasSubstr("operator"), Not(HasSubstr("Cust'")),
                                 Not(HasSubstr("Authenticate")))));
      EXPECT_FALSE(HasNoMirrorYet(other->Authenticate("x", true, probe).status()));
    }
    EXPECT_THAT(other->TableSchema({}), StatusIs(absl::StatusCode::kPermissionDenied));
    EXPECT_FALSE(std::filesystem::exists(here_->mirror_path(spelling)));
  }
  // The same after a restart, when tenants were found again from their files.
  ASSERT_THAT(here_->Restart(), IsOk());
  EXPECT_THAT(Client("cust")->Authenticate("x", true, false), StatusIs(absl::StatusCode::kPermissionDenied));
  const auto again = Client("Cust");
  Mirror(source, *again);
}

TEST_F(TenantsTest, WithoutAutomaticProvisioningOnlyKnownTenantsAreServed) {
  Install();
  FakeSource source;
  source.CreateTable(People());
  const auto known = Client("Cust-known");
  Mirror(source, *known);
  const absl::Status looked = Client("Cust-later")->Authenticate("x", false, /*probe=*/true).status();
  EXPECT_TRUE(HasNoMirrorYet(looked)) << looked;
  EXPECT_EQ(looked.GetPayload(kNoMirrorPayload), absl::Cord("Cust-later")) << "not by its words alone";
  ASSERT_THAT(here_->Set({"data", "automatic_provisioning", "false"}), IsOk());
  ASSERT_THAT(here_->Restart(), IsOk());
  const auto stranger = Client("Cust-stranger");
  EXPECT_THAT(stranger->Authenticate("x", true, false),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("operator")));
  EXPECT_FALSE(HasNoMirrorYet(stranger->Authenticate("x", false, /*probe=*/true).status()));
  EXPECT_FALSE(std::filesystem::exists(here_->mirror_path("Cust-stranger")));
  const auto again = Client("Cust-known");
  source.Put("people", {1, "Ada", 36});
  Mirror(source, *again);
}

TEST_F(TenantsTest, ACallForATenantThatNeverAuthenticatedIsRefused) {
  Install();
  const auto stranger = Client("Cust-stranger");
  EXPECT_THAT(stranger->TableSchema(Announcement(1, {People()})),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("Authenticate")));
  EXPECT_THAT(stranger->RowData(Request(1, {})), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_FALSE(std::filesystem::exists(here_->mirror_path("Cust-stranger")));
}

TEST_F(TenantsTest, AnotherIssuersKeyMayNotTouchATenantEvenWhenItsListNamesIt) {
  // Two environments list the same tenants: the one that was first owns it.
  InstallationOptions options;
  options.bin_dir = BinDir();
  options.more_toml =
      "[[issuer]]\nname = \"Development Source\"\nenvironment = \"production\"\nkeys = "
      "\"issuers/production\"\n"
      "contexts = [\"Cust\"]\n";
  auto made = Installation::Init(options);
  ASSERT_TRUE(made.ok()) << made.status();
  here_ = *std::move(made);
  std::filesystem::create_directories(here_->dir() + "/issuers/production");
  const std::string private_half = here_->dir() + "/source/production-1.key";
  ASSERT_THAT(IssueSigningKey({here_->dir() + "/issuers/production/production-1.crt", private_half},
                              "production-1", Algorithm::kEs256, {}),
              IsOk());
  ASSERT_THAT(here_->Start(), IsOk());
  const auto owner = Client();
  const std::int64_t cycle = Begin(*owner);
  Announce(*owner, cycle, {People()});
  Identity identity = here_->SourceIdentity().value();
  identity.key = std::make_shared<const SigningKey>(SigningKey::Load(private_half, "production-1").value());
  MirrorClient other(here_->Channel().value(), identity, "Cust");
  EXPECT_THAT(other.Authenticate("x", true, false),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("another issuer or environment")));
  EXPECT_THAT(other.TableSchema(Announcement(cycle, {})), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(other.RowData(Request(cycle, {Population(People(), {{1, "x", 1}}, {Lsn{10}, "l"})})),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(Complete(other, cycle), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(here_->mirror().RowCount("people"), 0);
  EXPECT_THAT(Complete(*owner, cycle), IsOk());
}

TEST_F(TenantsTest, ASecondSourceThatAnnouncesItselfForATenantIsHeldUntilItIsAccepted) {
  Install();
  const auto client = Client();
  FakeSource first(1), second(2);
  first.CreateTable(People());
  second.CreateTable(People());
  Mirror(first, *client);
  Mirror(first, *client);
  EXPECT_THAT(Events("hold.source"), SizeIs(0));
  FakeCycleOptions options;
  options.holder = "other";
  EXPECT_FALSE(second.RunCycle(*client, options).AllDone());
  EXPECT_THAT(Events("hold.source"), SizeIs(1));
  ASSERT_EQ(here_->Mirrorctl({"accept-source", "Cust"}).exit_code, 0);
  EXPECT_TRUE(second.RunCycle(*client, options).AllDone());
  EXPECT_THAT(Events("hold.source"), SizeIs(1));
}

}  // namespace
}  // namespace mirror::tenants_test
