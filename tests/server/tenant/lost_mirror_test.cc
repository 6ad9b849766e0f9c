// A mirror that is not in its place any more: the place went back to before it was made, or somebody took it
// away. The places are PostgreSQL servers that really go back.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/tenant/backup.h"
#include "tests/server/tenant/servers_bench.h"

namespace mirror::lost_mirror_test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
const Position kLostFive{Lsn{5}, "five"};

class LostMirror : public testing::Test {
 protected:
  void SetUp() override {
    spdlog::set_level(spdlog::level::off);
    SKIP_WITHOUT_POSTGRES();
    auto own = PostgresServer::Start();
    ASSERT_THAT(own, IsOk());
    own_ = *std::move(own);
    place_ = own_->NewDatabase();
    control_ = PostgresServer::Shared()->NewDatabase();
    options_.tenant.steady_now = &StillTime;
  }

  std::unique_ptr<BenchServer> NewServer() {
    auto control = PostgresControl::Open({.conninfo = control_});
    auto place = PostgresPlace::Open({.name = "p1", .conninfo = place_});
    folders_.push_back(std::make_unique<ScratchFolder>());
    auto files = OpenSqliteHome(folders_.back()->path(), SqliteOptions{});
    EXPECT_THAT(control.status(), IsOk());
    EXPECT_THAT(place.status(), IsOk());
    std::vector<std::shared_ptr<PostgresPlace>> places;
    places.push_back(*std::move(place));
    auto home = OpenPostgresHome(*std::move(control), places, {.files = *std::move(files)});
    EXPECT_THAT(home.status(), IsOk());
    return std::make_unique<BenchServer>(*std::move(home), options_);
  }
  std::shared_ptr<Tenant> TenantAt(BenchServer& server) {
    auto tenant = server.tenants->FindOrTakeIn(CallerOf());
    EXPECT_THAT(tenant, IsOk());
    return *tenant;
  }
  static Caller CallerOf() { return {.context_id = "Cust", .issuer = "issuer", .environment = "prod"}; }
  /// A whole cycle.
  void MirrorAt(BenchServer& server) {
    const std::shared_ptr<Tenant> tenant = TenantAt(server);
    SourceCalls calls(*tenant, "Cust");
    calls.now = now_ += 10'000;
    calls.Mirror(People(), {{1, "Ada", 36}}, kLostFive);
  }
  absl::StatusOr<Admission> AuthenticateAt(BenchServer& server, const std::string& issuer = "issuer") {
    const std::shared_ptr<Tenant> tenant = TenantAt(server);
    SourceCalls calls(*tenant, "Cust");
    calls.now = now_ += 10'000;
    calls.caller.issuer = issuer;
    return calls.Authenticate();
  }

  /// What a standby has that follows no further from here on.
  void FallBehind() {
    own_->Stop();
    fs::copy(own_->data(), own_->folder() + "/behind", fs::copy_options::recursive);
    const std::string owner = "chown -R --reference=" + own_->data() + " " + own_->folder() + "/behind";
    ASSERT_EQ(std::system(owner.c_str()), 0);
    fs::permissions(own_->folder() + "/behind", fs::perms::owner_all);
    ASSERT_THAT(own_->StartAgain(), IsOk());
  }
  /// That one is the primary now.
  void FailOver() {
    own_->Stop();
    fs::remove_all(own_->data());
    fs::rename(own_->folder() + "/behind", own_->data());
    Promote();
  }
  /// A standby that had all.
  void Promote() {
    ASSERT_THAT(own_->StartAsStandby(), IsOk());
    ASSERT_THAT(DoAt(own_->Conninfo(), "SELECT pg_promote()"), IsOk());
  }
  static absl::Status DoAt(const std::string& conninfo, const std::string& sql) {
    auto connection = postgres::Connection::Open({.conninfo = conninfo});
    return connection.ok() ? (*connection)->Execute(sql) : connection.status();
  }
  std::int64_t AskAt(const std::string& conninfo, const std::string& sql) {
    auto connection = postgres::Connection::Open({.conninfo = conninfo});
    EXPECT_THAT(connection, IsOk());
    return connection.ok() ? (*connection)->Number(sql).value_or(-1) : -1;
  }
  std::int64_t Rows() { return AskAt(place_, "SELECT count(*) FROM \"Mirror_Cust\".people"); }
  std::int64_t Schemas() {
    return AskAt(place_, "SELECT count(*) FROM pg_namespace WHERE nspname = 'Mirror_Cust'");
  }

  std::unique_ptr<PostgresServer> own_;
  std::string place_, control_;
  TenantsOptions options_;
  std::vector<std::unique_ptr<ScratchFolder>> folders_;
  std::int64_t now_ = 1'700'000'000'000;
};

TEST_F(LostMirror, APlaceThatWentBackToBeforeItHasItMadeAnew) {
  const auto server = NewServer(), other = NewServer();
  FallBehind();
  MirrorAt(*server);
  TenantAt(*other);
  FailOver();
  ASSERT_EQ(Schemas(), 0);

  MirrorAt(*server);
  EXPECT_EQ(Rows(), 1);
  EXPECT_THAT(server->catalog.Messages("mirror.lost"), HasSubstr("whose state is older than the mirror"));
  EXPECT_EQ(server->catalog.LastSeverity("mirror.lost"), Severity::kWarning);
  EXPECT_THAT(server->catalog.Kinds(), Not(Contains("mirror.damaged")));
  MirrorAt(*other);
  EXPECT_EQ(Rows(), 1);
  EXPECT_THAT(other->catalog.Kinds(), Not(Contains("mirror.lost"))) << "by then it was there";
}

TEST_F(LostMirror, AServerThatStartsBehindTheFailoverMakesItAnew) {
  const auto server = NewServer();
  FallBehind();
  MirrorAt(*server);
  FailOver();
  const auto later = NewServer();
  EXPECT_THAT(later->tenants->Find("Cust").status(), IsOk());
  MirrorAt(*later);
  EXPECT_EQ(Rows(), 1);
  EXPECT_THAT(later->catalog.Kinds(), Contains("mirror.lost"));
}

TEST_F(LostMirror, TheOneInItsPlaceIsItsOwnersAndStaysPaused) {
  const auto server = NewServer();
  FallBehind();
  MirrorAt(*server);
  ASSERT_THAT(TenantAt(*server)->Pause("moving house", now_), IsOk());
  FailOver();
  EXPECT_THAT(AuthenticateAt(*server, "stranger"), StatusIs(absl::StatusCode::kPermissionDenied));
  const auto admission = AuthenticateAt(*server);
  ASSERT_THAT(admission, IsOk());
  EXPECT_TRUE(admission->do_not_replicate);
  EXPECT_THAT(admission->reason, HasSubstr("moving house"));
}

TEST_F(LostMirror, WhereTheControlDatabaseWentBackTooWhoKnewItTells) {
  control_ = own_->NewDatabase();
  const auto server = NewServer(), other = NewServer();
  FallBehind();
  MirrorAt(*server);
  MirrorAt(*other);
  FailOver();
  EXPECT_THAT(other->tenants->AllKnown(), IsEmpty());
  EXPECT_THAT(other->catalog.Messages("mirror.lost"), HasSubstr("their states are older"));
  MirrorAt(*server);
  EXPECT_EQ(Rows(), 1);
  EXPECT_THAT(server->catalog.Messages("mirror.lost"), HasSubstr("their states are older"));
}

TEST_F(LostMirror, WhatSomebodyDroppedBehindAFailoverIsNotMadeAnew) {
  const auto server = NewServer();
  MirrorAt(*server);
  Promote();
  ASSERT_THAT(DoAt(place_, "DROP SCHEMA \"Mirror_Cust\" CASCADE"), IsOk());
  EXPECT_THAT(AuthenticateAt(*server), StatusIs(kDataLoss, HasSubstr("somebody dropped or renamed it")));
  EXPECT_EQ(server->catalog.LastSeverity("mirror.lost"), Severity::kError);
  EXPECT_THAT(server->catalog.Messages("mirror.lost"),
              HasSubstr("mirrorctl reset Cust --all --confirm Cust' lets the next cycle populate a new one"));
  EXPECT_THAT(server->catalog.Kinds(), Not(Contains("mirror.damaged")));
  EXPECT_THAT(AuthenticateAt(*server), StatusIs(kDataLoss, HasSubstr("is lost")));
  EXPECT_EQ(Schemas(), 0);

  ASSERT_THAT(ResetMirror(*server->tenants, *TenantAt(*server), now_, [] { return true; }), IsOk());
  MirrorAt(*server);
  EXPECT_EQ(Rows(), 1);
}

TEST_F(LostMirror, AServerThatStartsKnowsOfWhatSomebodyTookAwayUntilItIsBack) {
  MirrorAt(*NewServer());
  ASSERT_THAT(DoAt(place_, "ALTER SCHEMA \"Mirror_Cust\" RENAME TO elsewhere"), IsOk());
  const auto later = NewServer();
  const auto summary = [&] { return later->tenants->Find("Cust").value()->summary(); };
  EXPECT_TRUE(summary().quarantined);
  EXPECT_THAT(summary().quarantine,
              AllOf(HasSubstr("somebody dropped or renamed it"), HasSubstr("mirrorctl diagnose Cust")));
  ASSERT_THAT(DoAt(place_, "ALTER SCHEMA elsewhere RENAME TO \"Mirror_Cust\""), IsOk());
  ASSERT_THAT(TenantAt(*later)->Holds(), IsOk());
  EXPECT_FALSE(summary().quarantined);
}

TEST_F(LostMirror, AnOlderCopyOnTheSameTimelineProvesNothing) {
  const auto server = NewServer();
  FallBehind();
  MirrorAt(*server);
  own_->Stop();
  fs::remove_all(own_->data());
  fs::rename(own_->folder() + "/behind", own_->data());
  ASSERT_THAT(own_->StartAgain(), IsOk());
  EXPECT_THAT(AuthenticateAt(*server), StatusIs(kDataLoss, HasSubstr("is lost")));
  EXPECT_EQ(Schemas(), 0);
}

TEST_F(LostMirror, AnotherDatabaseOfTheServerThatWentBackProvesNothing) {
  const auto server = NewServer();
  MirrorAt(*server);
  const std::string copy = own_->NewDatabase();
  ASSERT_THAT(DoAt(copy, "CREATE SCHEMA mirror_place; CREATE TABLE mirror_place.mark (mark text)"), IsOk());
  Promote();
  place_ = copy;
  const auto wrong = NewServer();
  EXPECT_THAT(AuthenticateAt(*wrong), StatusIs(kDataLoss, HasSubstr("is now another database")));
  EXPECT_EQ(Schemas(), 0);
}

TEST_F(LostMirror, WhatSomebodyBroughtThereIsNoProofAnyMore) {
  const auto server = NewServer();
  MirrorAt(*server);
  ASSERT_THAT(DoAt(place_, "DELETE FROM mirror_place.mark"), IsOk());
  const auto later = NewServer();
  ASSERT_THAT(TenantAt(*later)->Holds(), IsOk());
  Promote();
  ASSERT_THAT(DoAt(place_, "ALTER SCHEMA \"Mirror_Cust\" RENAME TO elsewhere"), IsOk());
  EXPECT_THAT(AuthenticateAt(*later), StatusIs(kDataLoss, HasSubstr("is lost")));
}

}  // namespace
}  // namespace mirror::lost_mirror_test
