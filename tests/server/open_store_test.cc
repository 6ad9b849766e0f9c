#include "server/open_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "certs/issue.h"
#include "server/place_check.h"
#include "server/store/postgres/place/server_rows.h"
#include "tests/support/postgres_database.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::open_store_test {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(OpenStoreTest, ByItselfItIsAFolder) {
  const TempFolder folder;
  ServerConfig config;
  config.data.dir = folder.path() + "/data";
  EXPECT_THAT(TryStore(config), IsOk());
  EXPECT_FALSE(std::filesystem::exists(config.data.dir));
  const auto opened = OpenConfiguredStore(config);
  ASSERT_THAT(opened, IsOk());
  EXPECT_TRUE(std::filesystem::exists(config.data.dir + "/catalog.db"));
  EXPECT_FALSE(opened->reconnect);
  EXPECT_FALSE(opened->look);
  EXPECT_THAT(OpenConfiguredStore(config).status(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("another mirror-server")));
}

TEST(OpenStoreTest, ACheckNamesAnIssuerOfWhomNoCertificateIsThere) {
  const TempFolder folder;
  ServerConfig config;
  config.data.dir = folder.path() + "/data";
  config.issuers = {{.name = "ERP", .environment = "test", .keys = folder.path() + "/keys"}};
  std::filesystem::create_directory(config.issuers[0].keys);
  EXPECT_THAT(CheckPlaces(config),
              IsOkAndHolds(testing::ElementsAre(
                  AllOf(HasSubstr("[[issuer]] 'ERP'"), HasSubstr("/keys', which has no certificate")))));
  ASSERT_THAT(IssueSigningKey({config.issuers[0].keys + "/erp-1.crt", folder.path() + "/erp-1.key"}, "erp-1",
                              Algorithm::kEs256, {}),
              IsOk());
  EXPECT_THAT(CheckPlaces(config), IsOkAndHolds(testing::IsEmpty()));
}

class OpenPostgresTest : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    config_.file = "mirror-server.toml";
    config_.data.dir = folder_.path() + "/data";
    config_.data.store = StoreKind::kPostgres;
    config_.postgres.control = conninfo_;
    config_.postgres.replicated = false;
    config_.postgres.places = {{.name = "p1", .conninfo = conninfo_, .connections = 2}};
  }
  std::string Database() { return connection_->Query("SELECT quote_ident(current_database())")->Text(0, 0); }
  std::int64_t Ask(const std::string& sql) { return connection_->Number(sql).value_or(-1); }

  TempFolder folder_;
  ServerConfig config_;
};

constexpr char kOurs[] =
    "SELECT count(*) FROM pg_namespace WHERE nspname = 'mirror_control' OR nspname LIKE 'Mirror\\_%'";

TEST_F(OpenPostgresTest, MirrorsAndCatalogAreInTheDatabase) {
  const auto opened = OpenConfiguredStore(config_);
  ASSERT_THAT(opened, IsOk());
  EXPECT_THAT(opened->home->Open("Cust26759", true, {}).status(), IsOk());
  EXPECT_EQ(Ask(kOurs), 2);
  EXPECT_FALSE(std::filesystem::exists(config_.data.dir + "/catalog.db"));
  EXPECT_EQ(opened->look().places.at(0).name, "p1");
  opened->reconnect();
  EXPECT_THAT(opened->home->Open("Cust26759", false, {}).status(), IsOk());
}

TEST_F(OpenPostgresTest, ACopyGoesOutsideOfTheDataFolder) {
  const auto opened = OpenConfiguredStore(config_);
  ASSERT_THAT(opened, IsOk());
  EXPECT_THAT(opened->home->CheckCopyOut(folder_.path() + "/x.db"), IsOk());
  EXPECT_THAT(opened->home->CheckCopyOut(config_.data.dir + "/x.db"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("is in the data folder")));
}

TEST_F(OpenPostgresTest, TheFolderIsOneServers) {
  const auto opened = OpenConfiguredStore(config_);
  ASSERT_THAT(opened, IsOk());
  EXPECT_THAT(OpenConfiguredStore(config_).status(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("another mirror-server")));
}

TEST_F(OpenPostgresTest, ACheckMakesNothing) {
  EXPECT_THAT(CheckPlaces(config_), IsOk());
  EXPECT_EQ(Ask(kOurs), 0);
}

TEST_F(OpenPostgresTest, ACheckSaysWhatIsMissingAndOfWhich) {
  ASSERT_THAT(connection_->Execute("CREATE ROLE open_store_plain LOGIN"), IsOk());
  config_.postgres.places[0].conninfo = absl::StrCat(conninfo_, " user=open_store_plain");
  EXPECT_THAT(CheckPlaces(config_),
              StatusIs(StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("mirror-server.toml: place 'p1'"),
                             HasSubstr("GRANT SET ON PARAMETER session_replication_role"))));
  config_.postgres.control = absl::StrCat(conninfo_, " user=open_store_plain");
  EXPECT_THAT(CheckPlaces(config_),
              StatusIs(StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("the control database"), HasSubstr("GRANT CREATE"),
                             Not(HasSubstr("session_replication_role")))));
  EXPECT_EQ(Ask(kOurs), 0);
  EXPECT_THAT(connection_->Execute("DROP ROLE open_store_plain"), IsOk());
}

TEST_F(OpenPostgresTest, APassfileThatOthersMayReadIsRefused) {
  config_.postgres.passfile = folder_.path() + "/pgpass";
  EXPECT_THAT(CheckStoreFiles(config_), StatusIs(StatusCode::kNotFound, HasSubstr("pgpass")));
  WriteFileText(config_.postgres.passfile, "# host:port:database:role:password\n");
  chmod(config_.postgres.passfile.c_str(), 0640);
  EXPECT_THAT(CheckStoreFiles(config_), StatusIs(StatusCode::kPermissionDenied, HasSubstr("pgpass")));
  EXPECT_THAT(OpenConfiguredStore(config_).status(), Not(IsOk()));
  chmod(config_.postgres.passfile.c_str(), 0600);
  EXPECT_THAT(CheckStoreFiles(config_), IsOk());
  EXPECT_THAT(OpenConfiguredStore(config_), IsOk());
}

TEST_F(OpenPostgresTest, APassfileIsSpokenOfAsOne) {
  config_.postgres.passfile = folder_.path() + "/pgpass";
  EXPECT_THAT(CheckStoreFiles(config_),
              StatusIs(StatusCode::kNotFound, AllOf(HasSubstr("host:port:database:role:password"),
                                                    Not(HasSubstr("mirrorctl certs")))));
  WriteFileText(config_.postgres.passfile, "");
  chmod(config_.postgres.passfile.c_str(), 0604);
  EXPECT_THAT(CheckStoreFiles(config_), StatusIs(StatusCode::kPermissionDenied,
                                                 AllOf(HasSubstr("holds passwords"), HasSubstr("mode 0604"),
                                                       Not(HasSubstr("hash_key")))));
}

TEST_F(OpenPostgresTest, TwoPlacesAreTwoDatabases) {
  config_.postgres.places.push_back(
      {.name = "p2", .conninfo = absl::StrCat(conninfo_, " application_name=other"), .connections = 2});
  const auto refused = StatusIs(StatusCode::kFailedPrecondition,
                                AllOf(HasSubstr("'p1' and 'p2'"), HasSubstr("the same database")));
  EXPECT_THAT(CheckPlaces(config_), refused);
  EXPECT_THAT(OpenConfiguredStore(config_).status(), refused);
  config_.postgres.places[1].conninfo = PostgresServer::Shared()->NewDatabase();
  EXPECT_THAT(CheckPlaces(config_), IsOk());
  EXPECT_THAT(OpenConfiguredStore(config_), IsOk());
}

TEST_F(OpenPostgresTest, APlaceThatDoesNotAnswerKeepsNobodyFromStarting) {
  const std::string second = server_->NewDatabase();
  config_.postgres.places.push_back({.name = "p2", .conninfo = second, .connections = 2});
  Shut(second);
  const auto said = testing::ElementsAre(HasSubstr("the place 'p2' has not answered"));
  EXPECT_THAT(CheckPlaces(config_), IsOkAndHolds(said));
  const auto opened = OpenConfiguredStore(config_);
  ASSERT_THAT(opened, IsOk());
  EXPECT_THAT(opened->notes, said);
  EXPECT_THAT(opened->late->FindClosed(), testing::ElementsAre("p2"));
  const StoreState state = opened->look();
  EXPECT_TRUE(state.places.at(0).is_up);
  EXPECT_FALSE(state.places.at(1).is_up);
}

TEST_F(OpenPostgresTest, AServerStartsAlsoWhereNoPlaceAnswersButNotWithoutItsControlDatabase) {
  config_.postgres.places[0].conninfo = server_->NewDatabase();
  Shut(config_.postgres.places[0].conninfo);
  {
    const auto opened = OpenConfiguredStore(config_);
    ASSERT_THAT(opened, IsOk());
    EXPECT_THAT(opened->home->Recover(), IsOkAndHolds(testing::IsEmpty()));
    EXPECT_THAT(opened->late->FindClosed(), testing::ElementsAre("p1"));
  }
  config_.postgres.control = config_.postgres.places[0].conninfo;
  EXPECT_THAT(CheckPlaces(config_),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("the control database")));
  EXPECT_THAT(OpenConfiguredStore(config_).status(),
              StatusIs(StatusCode::kUnavailable, HasSubstr("the control database")));
}

TEST_F(OpenPostgresTest, AFailureNamesThePlace) {
  config_.postgres.places[0].conninfo = absl::StrCat(conninfo_, " dbname=none");
  EXPECT_THAT(OpenConfiguredStore(config_).status().message(),
              AllOf(HasSubstr("place 'p1'"), HasSubstr("none")));
}

// What a start would refuse of a control database that is there already.

TEST_F(OpenPostgresTest, ACheckKnowsWhichPlacesHaveMirrors) {
  {
    const auto opened = OpenConfiguredStore(config_);
    ASSERT_THAT(opened, IsOk());
    ASSERT_THAT(opened->home->Open("Cust26759", true, {}).status(), IsOk());
  }
  EXPECT_THAT(CheckPlaces(config_), IsOk());
  config_.postgres.places[0].name = "p9";
  const auto refused =
      StatusIs(StatusCode::kFailedPrecondition, AllOf(HasSubstr("does not name"), HasSubstr("'p1' (1)")));
  EXPECT_THAT(CheckPlaces(config_), refused);
  EXPECT_THAT(OpenConfiguredStore(config_).status(), refused);
}

TEST_F(OpenPostgresTest, ACheckLooksAtTheLayout) {
  ASSERT_THAT(OpenConfiguredStore(config_), IsOk());
  ASSERT_THAT(connection_->Execute("UPDATE mirror_control.fleet SET layout_min = 3, program = '9.9'"),
              IsOk());
  EXPECT_THAT(CheckPlaces(config_),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("set up by version 9.9")));
  EXPECT_THAT(OpenConfiguredStore(config_).status().message(), HasSubstr("version 9.9"));
}

TEST_F(OpenPostgresTest, ACheckFindsASchemaOfSomebodyElse) {
  ASSERT_THAT(connection_->Execute("CREATE SCHEMA mirror_control"), IsOk());
  EXPECT_THAT(CheckPlaces(config_),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("that no mirror-server made")));
  EXPECT_THAT(OpenConfiguredStore(config_).status(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("that no mirror-server made")));
}

TEST_F(OpenPostgresTest, ACheckLooksWhichKeyOtherServersHashWith) {
  const auto opened = OpenConfiguredStore(config_);
  ASSERT_THAT(opened, IsOk());
  ASSERT_THAT(
      Beat(*opened->control,
           {.server_id = "other", .host = "elsewhere", .address = "10.0.0.11:7443", .hash_key = "another"})
          .status(),
      IsOk());
  EXPECT_THAT(CheckPlaces(config_),
              StatusIs(StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("10.0.0.11:7443"), HasSubstr("hashes columns with another key"))));
}

TEST_F(OpenPostgresTest, APlaceIsOfOneControlDatabaseAsLongAsItsServersRun) {
  ServerConfig other = config_;
  other.data.dir = folder_.path() + "/other";
  other.postgres.control = PostgresServer::Shared()->NewDatabase();
  const auto refused =
      StatusIs(StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("the place 'p1' is in use by servers whose [postgres] 'control' "
                               "is another database"),
                     HasSubstr("stop all")));
  {
    const auto opened = OpenConfiguredStore(config_);
    ASSERT_THAT(opened, IsOk());
    ASSERT_THAT(opened->home->Open("Cust26759", true, {}).status(), IsOk());
    EXPECT_THAT(CheckPlaces(other), refused);
    EXPECT_THAT(OpenConfiguredStore(other).status(), refused);
    ServerConfig further = config_;
    further.data.dir = folder_.path() + "/further";
    EXPECT_THAT(OpenConfiguredStore(further), IsOk()) << "one more of the same";
  }
  // One that is lost is made anew, with the mirrors that stand in the places.
  EXPECT_THAT(CheckPlaces(other), IsOk());
  const auto anew = OpenConfiguredStore(other);
  ASSERT_THAT(anew, IsOk());
  EXPECT_THAT(anew->home->Recover(), IsOkAndHolds(testing::SizeIs(1)));
}

TEST_F(OpenPostgresTest, AStandbyThatNobodyNamedIsSaidAtAStartAndBeforeAndByALook) {
  EXPECT_THAT(CheckPlaces(config_), IsOkAndHolds(testing::IsEmpty()));
  config_.postgres.replicated = true;
  const auto said =
      testing::ElementsAre(AllOf(HasSubstr("synchronous_standby_names is empty in the place 'p1'"),
                                 HasSubstr("no cycle completes"), HasSubstr("Name a standby")));
  EXPECT_THAT(CheckPlaces(config_), IsOkAndHolds(said));
  EXPECT_EQ(Ask(kOurs), 0);
  const auto opened = OpenConfiguredStore(config_);
  ASSERT_THAT(opened, IsOk());
  EXPECT_THAT(opened->notes, said);
  EXPECT_THAT(opened->home->TryWriting(), said);
}

TEST_F(OpenPostgresTest, WhatCannotBeWrittenIsSaidOfEachDatabase) {
  const auto opened = OpenConfiguredStore(config_);
  ASSERT_THAT(opened, IsOk());
  ASSERT_THAT(opened->home->Open("Cust26759", true, {}).status(), IsOk());
  EXPECT_THAT(opened->home->TryWriting(), testing::IsEmpty());
  EXPECT_EQ(Ask("SELECT count(*) FROM pg_class WHERE relname LIKE 'write_test%'"), 0);
  // As on a full disk: commits go through, and no table grows.
  ASSERT_THAT(connection_->Execute(
                  absl::StrCat("ALTER DATABASE ", Database(), " SET default_transaction_read_only = on")),
              IsOk());
  opened->reconnect();
  EXPECT_THAT(opened->home->TryWriting(),
              testing::ElementsAre(AllOf(HasSubstr("nothing can be written in the control database: "),
                                         Not(HasSubstr("database: the control database"))),
                                   HasSubstr("nothing can be written in the place 'p1': ")));
}

}  // namespace
}  // namespace mirror::open_store_test
