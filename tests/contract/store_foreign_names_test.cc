#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/db/postgres/own_relations.h"
#include "server/store/postgres/place/own_names.h"
#include "tests/contract/postgres_backend.h"
#include "tests/support/hostile/hostile_role.h"

// Each relation that a mirror in PostgreSQL keeps for itself, in the hands of another role: nothing of it is
// read or written by any call, and what the message says to type mends it.

namespace mirror::store_foreign_names_test {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::HasSubstr;

constexpr char kSchema[] = "Mirror_ctx";

postgres::OwnRelations Own() { return OwnOf("ctx", PostgresOwnTables("ctx", kSchema)); }

class ForeignNames : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_POSTGRES();
    if (PostgresBackend::IsOnCluster()) GTEST_SKIP() << "its roles are made in a server of the test's own";
    PostgresServer* const server = PostgresServer::Shared();
    ASSERT_NE(server, nullptr);
    const std::string conninfo = server->NewDatabase();
    hostile_.emplace(*server, conninfo);
    PlaceOptions options{.name = "test", .conninfo = hostile_->KeeperConninfo()};
    if (!PostgresBackend::Citus().empty()) {
      double_.emplace(*server, conninfo);
      options.kind = PlaceKind::kCitus;
      options.conninfo = absl::StrReplaceAll(double_->Conninfo(), {{"user=mirror", "user=keeper"}});
    }
    auto place = PostgresPlace::Open(options);
    ASSERT_THAT(place.status(), IsOk());
    place_ = *std::move(place);
    store_ = Open("ctx");
    ASSERT_NE(store_, nullptr);
  }
  std::unique_ptr<Store> Open(const std::string& context_id) {
    auto store = OpenPostgresStore(*place_, context_id, /*create=*/true, {});
    EXPECT_THAT(store.status(), IsOk());
    return store.ok() ? *std::move(store) : nullptr;
  }
  /// What every call that reads or writes the mirror says.
  std::vector<std::pair<std::string, absl::Status>> CallAll() {
    StoreRecords& records = store_->records();
    StoreUpkeep& upkeep = store_->upkeep();
    // Ends at once: the others could not begin beside it.
    const auto begin = [this](const Intent& intent) { return store_->Begin(intent).status(); };
    const auto look = [this] { return store_->OpenSnapshot().status(); };
    return {
        {"ReadDataVersion", store_->ReadDataVersion().status()},
        {"OpenSnapshot", look()},
        {"Begin", begin({})},
        {"Begin, of a table", begin({.tables = {"people"}})},
        {"Begin, changing tables", begin({.changes_tables = true})},
        {"ReadTenant", records.ReadTenant().status()},
        {"ReadTable", records.ReadTable("people").status()},
        {"ReadTables", records.ReadTables().status()},
        {"ReadSchema", records.ReadSchema("people").status()},
        {"ReadLostColumns", records.ReadLostColumns("people").status()},
        {"ReadTouchedTables", records.ReadTouchedTables().status()},
        {"CountPartnerRows", records.CountPartnerRows("people").status()},
        {"AgreedTables", records.AgreedTables().status()},
        {"SetAside", records.SetAside("").status()},
        {"ReadAnswers", records.ReadAnswers().status()},
        {"ReadSourceObjects", records.ReadSourceObjects().status()},
        {"ReadOwnIndexes", records.ReadOwnIndexes().status()},
        {"ReadCycleNotes", records.ReadCycleNotes().status()},
        {"ReadChecks", records.ReadChecks().status()},
        {"ReadHolds", records.ReadHolds().status()},
        {"ReadLosses", records.ReadLosses("people").status()},
        {"ReadHook", records.ReadHook("hook").status()},
        {"ReadDocuments", records.ReadDocuments("kind", "", 1).status()},
        {"ReadListedDocuments", records.ReadListedDocuments().status()},
        {"ReadFreshness", records.ReadFreshness().status()},
        {"ReadReceiptHead", records.ReadReceiptHead().status()},
        {"ReadReceipts", records.ReadReceipts(0, 1).status()},
        {"ReadHistories", upkeep.ReadHistories().status()},
        {"CheckIntegrity", upkeep.CheckIntegrity()},
        {"CheckOwnTables", upkeep.CheckOwnTables()},
        {"Scrub", upkeep.Scrub()},
        {"opening it", OpenPostgresStore(*place_, "ctx", /*create=*/false, {}).status()},
    };
  }
  void NobodyReadsOrWrites(const std::string& name, const std::string& how) {
    SCOPED_TRACE(absl::StrCat(name, ", ", how));
    hostile_->Take(kSchema, name, how);
    for (const auto& [call, said] : CallAll()) {
      EXPECT_THAT(
          said, StatusIs(StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr(absl::StrCat("\"Mirror_ctx\".\"", name, "\"")), HasSubstr("DROP "))))
          << call;
      EXPECT_TRUE(postgres::IsForeign(said)) << call;
    }
    EXPECT_THAT(other_->records().ReadTenant().status(), IsOk()) << "another mirror";
    EXPECT_THAT(other_->Begin({}).status(), IsOk()) << "another mirror";
    EXPECT_FALSE(hostile_->Caught());
    hostile_->GiveBack(kSchema, name, how);
  }
  /// Calls that had opened nothing go on.
  void AllGoOn() {
    for (const auto& [call, said] : CallAll()) EXPECT_THAT(said, IsOk()) << call;
  }

  std::optional<HostileRole> hostile_;
  std::optional<CitusDouble> double_;
  std::unique_ptr<PostgresPlace> place_;
  std::unique_ptr<Store> store_, other_;
};

TEST_F(ForeignNames, AreAllThatAMirrorMakes) {
  const postgres::OwnRelations own = Own();
  std::vector<std::string> names = own.tables;
  names.insert(names.end(), own.views.begin(), own.views.end());
  names.insert(names.end(), own.indexes.begin(), own.indexes.end());
  auto connection = postgres::Connection::Open({.conninfo = hostile_->KeeperConninfo()});
  ASSERT_THAT(connection.status(), IsOk());
  const auto made =
      (*connection)
          ->Query(
              "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = "
              "'\"Mirror_ctx\"'::regnamespace AND (c.relkind IN ('r', 'v') OR c.relkind = 'i' AND "
              "NOT EXISTS (SELECT FROM pg_constraint n WHERE n.conindid = c.oid))");
  ASSERT_THAT(made.status(), IsOk());
  std::vector<std::string> there;
  for (int row = 0; row < made->rows(); ++row) there.push_back(made->Text(row, 0));
  EXPECT_THAT(names, testing::UnorderedElementsAreArray(there));
}

class ForeignTables : public ForeignNames, public testing::WithParamInterface<std::string> {};

TEST_P(ForeignTables, AreNotReadOrWrittenAndTheOthersGoOn) {
  other_ = Open("other");
  for (const char* const how : {"view", "table", "trigger", "rule"}) NobodyReadsOrWrites(GetParam(), how);
  AllGoOn();
}

INSTANTIATE_TEST_SUITE_P(Own, ForeignTables, testing::ValuesIn(Own().tables), [](const auto& info) {
  return absl::StrReplaceAll(info.param, {{"_mirror_", ""}});
});

TEST_F(ForeignNames, OfViewsAndIndexesStopTheMirrorToo) {
  other_ = Open("other");
  for (const std::string& name : Own().views) {
    for (const char* const how : {"view", "table"}) NobodyReadsOrWrites(name, how);
  }
  for (const std::string& name : Own().indexes) {
    for (const char* const how : {"index", "table"}) NobodyReadsOrWrites(name, how);
  }
  AllGoOn();
}

}  // namespace
}  // namespace mirror::store_foreign_names_test
