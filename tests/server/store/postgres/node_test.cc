#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/postgres/place/citus.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/postgres/postgres_store.h"
#include "tests/support/citus_double.h"
#include "tests/support/plan_and_commit.h"
#include "tests/support/postgres_database.h"
#include "tests/support/rows.h"

// Which of a cluster's servers is sent what. What a cluster answers is a matter of tests/citus.sh.

namespace mirror::node_test {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kCycle = 100, kNow = 5'000'000;
const Intent kRowsAlone{.tables = {"people"}, .changes_tables = false};

class PostgresNodes : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    double_ = std::make_unique<CitusDouble>(*server_, conninfo_);
    double_->coordinator().TakeSent();
    for (const int group : {1, 2}) double_->worker(group).TakeSent();
    auto place = PostgresPlace::Open(Options());
    ASSERT_THAT(place, IsOk());
    place_ = *std::move(place);
    store_ = Open();
    ASSERT_NE(store_, nullptr);
    BeginCycle();
    Commit({Making(People())}, {});
  }
  PlaceOptions Options() const {
    return {.name = "c1", .conninfo = double_->Conninfo(), .connections = 2, .kind = PlaceKind::kCitus};
  }
  std::unique_ptr<Store> Open() {
    auto store = OpenPostgresStore(*place_, "ctx", /*create=*/true, {});
    EXPECT_THAT(store, IsOk());
    return store.ok() ? *std::move(store) : nullptr;
  }
  void BeginCycle() {
    Plan plan;
    plan.now_ms = kNow;
    plan.tenant = store_->records().ReadTenant().value();
    plan.tenant->cycle = kCycle;
    plan.tenant->active = true;
    plan.tenant->holder = "agent";
    plan.tenant->announced = "tables";
    plan.tenant->progress_ms = kNow;
    ASSERT_THAT(store_->Commit(plan), IsOk());
  }
  Step StepAt(const std::string& table, std::vector<Action> actions) {
    Step step;
    step.table = table;
    step.expected = store_->records().ReadTable(table).value();
    step.record = step.expected.value_or(TableRecord{});
    step.record->table = table;
    step.record->seq += 1;
    step.record->cycle = kCycle;
    step.actions = std::move(actions);
    return step;
  }
  Step Making(const TableSchema& table) {
    Step step = StepAt(table.name, {CreateTable{table}, AgreeSchema{table}});
    step.record->schema_hash = SchemaHash(table);
    return step;
  }
  absl::Status TryCommit(const std::vector<Step>& steps, const Intent& intent) {
    const auto committed = PlanAndCommit(
        *store_,
        [&](const TenantRecord&) -> absl::StatusOr<std::optional<Plan>> {
          Plan plan;
          plan.cycle = kCycle;
          plan.now_ms = kNow;
          plan.steps = steps;
          return plan;
        },
        intent);
    return committed.ok() ? (*committed)->result.steps.at(0).status : committed.status();
  }
  void Commit(const std::vector<Step>& steps, const Intent& intent) {
    ASSERT_THAT(TryCommit(steps, intent), IsOk());
  }
  absl::Status Push(int id, const Intent& intent = kRowsAlone) {
    const TestBatch made = MakeBatch(People(), {.rows = {{id, "Ada", 36}}});
    // What is asked before is not the push's own.
    const Step step = StepAt("people", {ApplyRows{made.schema.get(), &*made.batch, false, kCycle}});
    for (const int group : {1, 2}) TakeSent(group);
    TakeSent(0);
    return TryCommit({step}, intent);
  }
  /// 0: the coordinator.
  std::string TakeSent(int group) {
    return group == 0 ? double_->coordinator().TakeSent() : double_->worker(group).TakeSent();
  }
  std::int64_t PeopleThere() {
    return connection_->Number("SELECT count(*) FROM \"Mirror_ctx\".people").value();
  }

  std::unique_ptr<CitusDouble> double_;
  std::unique_ptr<PostgresPlace> place_;
  std::unique_ptr<Store> store_;
};

const auto kSaysDefinitions = AnyOf(HasSubstr("CREATE "), HasSubstr("ALTER "), HasSubstr("DROP "),
                                    HasSubstr("LOCK TABLE"), HasSubstr("COMMENT ON"), HasSubstr("VACUUM"));

TEST_F(PostgresNodes, RowsGoToTheirNodeAndDefinitionsToTheCoordinator) {
  EXPECT_THAT(TakeSent(1), Not(kSaysDefinitions));
  EXPECT_THAT(TakeSent(0),
              AllOf(HasSubstr("CREATE SCHEMA"), HasSubstr("CREATE TABLE"),
                    HasSubstr("citus.enable_schema_based_sharding"), HasSubstr("SET LOCAL lock_timeout"),
                    HasSubstr("SET LOCAL session_replication_role = 'replica'")));
  ASSERT_THAT(Push(1), IsOk());
  EXPECT_THAT(TakeSent(1), AllOf(HasSubstr("people"), HasSubstr("FOR UPDATE"), Not(kSaysDefinitions)));
  ASSERT_THAT(Push(2), IsOk());
  EXPECT_THAT(TakeSent(1), AllOf(HasSubstr("people"), Not(kSaysDefinitions)));
  EXPECT_EQ(TakeSent(0), "") << "the coordinator has no part in it";
  EXPECT_EQ(PeopleThere(), 2);
  EXPECT_THAT(store_->records().ReadTables(), IsOk());
  EXPECT_THAT(store_->OpenSnapshot().status(), IsOk());
  EXPECT_EQ(TakeSent(0), "");
  EXPECT_THAT(TakeSent(2), "");
}

TEST_F(PostgresNodes, WhatMayChangeTablesIsTheCoordinators) {
  ASSERT_THAT(Push(1, {}), IsOk());
  EXPECT_EQ(TakeSent(1), "");
  EXPECT_THAT(TakeSent(0), HasSubstr("people"));
}

TEST_F(PostgresNodes, APlanThatTurnsOutToChangeTablesIsMadeAgainAtTheCoordinator) {
  TableSchema other = People();
  other.name = "others";
  const Step step = Making(other);
  TakeSent(0);
  TakeSent(1);
  Commit({step}, kRowsAlone);
  EXPECT_THAT(TakeSent(1), AllOf(HasSubstr("FOR UPDATE"), Not(kSaysDefinitions)));
  EXPECT_THAT(TakeSent(0), HasSubstr("CREATE TABLE"));
  EXPECT_TRUE(store_->records().ReadSchema("others").value().has_value());
}

TEST_F(PostgresNodes, AMirrorThatWasMovedIsFoundAndItsCycleGoesOn) {
  ASSERT_THAT(Push(1), IsOk());
  double_->MoveTo(2);
  ASSERT_THAT(Push(2), IsOk());
  EXPECT_THAT(TakeSent(1), HasSubstr("FOR UPDATE")) << "it was asked first, as the one that had it";
  EXPECT_THAT(TakeSent(2), HasSubstr("people"));
  EXPECT_EQ(store_->upkeep().WhyStale(), Stale::kNo);
  EXPECT_EQ(PeopleThere(), 2);
  ASSERT_THAT(Push(3), IsOk());
  EXPECT_EQ(TakeSent(1), "");
  EXPECT_TRUE(store_->records().ReadTenant()->active);
}

TEST_F(PostgresNodes, ANewMirrorDidNotGoBackAndOneWhoseNodeDidSaysSo) {
  EXPECT_EQ(store_->upkeep().WhyStale(), Stale::kNo);
  store_ = Open();
  EXPECT_EQ(store_->upkeep().WhyStale(), Stale::kNo);
  // As a standby of the worker's that took over would find it.
  double_->Do("UPDATE \"Mirror_ctx\"._mirror_tenant SET timeline = '1/000000FF'");
  EXPECT_THAT(Push(1), StatusIs(StatusCode::kUnavailable, HasSubstr("a standby took over")));
  EXPECT_EQ(store_->upkeep().WhyStale(), Stale::kWentBack);
  store_ = Open();
  EXPECT_FALSE(store_->records().ReadTenant()->active);
}

TEST_F(PostgresNodes, TheCoordinatorsOwnLogSaysNothingOfTheRows) {
  ASSERT_THAT(Push(1), IsOk());
  ASSERT_THAT(Push(2, {}), IsOk());
  EXPECT_EQ(store_->upkeep().WhyStale(), Stale::kNo);
}

TEST_F(PostgresNodes, ANodeThatIsGoneIsNamedAndHoldsUpItsOwnRowsAlone) {
  ASSERT_THAT(Push(1), IsOk());
  const std::string folder = double_->worker(1).folder();
  const TestBatch made = MakeBatch(People(), {.rows = {{2, "Ada", 36}}});
  const Step step = StepAt("people", {ApplyRows{made.schema.get(), &*made.batch, false, kCycle}});
  double_->Stop(1);
  EXPECT_THAT(
      TryCommit({step}, kRowsAlone),
      StatusIs(StatusCode::kUnavailable, HasSubstr(absl::StrCat("place 'c1', worker ", folder, ":5432"))));
  // Moved, or under another name, it is found by the call that comes next.
  double_->MoveTo(2);
  EXPECT_THAT(TryCommit({step}, kRowsAlone), IsOk());
}

TEST_F(PostgresNodes, TheCoordinatorMayHoldRowsItself) {
  double_->MoveTo(0);
  place_->ForgetNode("\"Mirror_ctx\".\"_mirror_tenant\"");
  store_ = Open();
  TableSchema other = People();
  other.name = "others";
  TakeSent(0);
  TakeSent(1);
  const Step step = Making(other);
  Commit({step}, kRowsAlone);
  EXPECT_EQ(TakeSent(1), "");
  EXPECT_THAT(TakeSent(0), HasSubstr("CREATE TABLE"));
}

TEST_F(PostgresNodes, WhatAClusterLacksIsSaidWithWhatToType) {
  const auto says = [&](const std::string& sql, const std::string& back, const std::string& words) {
    double_->Do(absl::StrCat("SET allow_system_table_mods = on; ", sql));
    EXPECT_THAT(PostgresPlace::Open(Options()).status(),
                StatusIs(StatusCode::kFailedPrecondition, AllOf(HasSubstr("place 'c1'"), HasSubstr(words))));
    double_->Do(back);
  };
  says("UPDATE pg_extension SET extversion = '12.1-1' WHERE extname = 'citus'",
       "UPDATE pg_extension SET extversion = '13.2-1' WHERE extname = 'citus'",
       "its Citus is 12.1-1, and mirrors need 13 or later");
  says("UPDATE pg_dist_local_group SET groupid = 1", "UPDATE pg_dist_local_group SET groupid = 0",
       "name the coordinator");
  says("UPDATE pg_dist_node SET shouldhaveshards = false",
       "UPDATE pg_dist_node SET shouldhaveshards = true WHERE groupid > 0", "SELECT citus_add_node(");
  says("UPDATE pg_dist_node SET metadatasynced = false WHERE groupid = 2",
       "UPDATE pg_dist_node SET metadatasynced = true", "SELECT start_metadata_sync_to_all_nodes()");
  EXPECT_THAT(PostgresPlace::Open(Options()).status(), IsOk());
  double_->Do("SET allow_system_table_mods = on; DELETE FROM pg_extension WHERE extname = 'citus'");
  EXPECT_THAT(PostgresPlace::Open(Options()).status(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("type CREATE EXTENSION citus")));
}

TEST(CitusConninfo, OfANodeDiffersInWhereItIs) {
  const auto at =
      ConninfoAt("postgresql://mirror@db1,db2:6000/mirrors?sslmode=verify-full&application_name=it%27s",
                 {2, "w 1", 9701});
  ASSERT_THAT(at, IsOk());
  const auto parameters = postgres::ReadConninfo(*at);
  ASSERT_THAT(parameters, IsOk());
  const auto is = [&](const char* keyword) { return *postgres::FindParameter(*parameters, keyword); };
  EXPECT_EQ(is("host"), "w 1");
  EXPECT_EQ(is("port"), "9701");
  EXPECT_EQ(is("dbname"), "mirrors");
  EXPECT_EQ(is("user"), "mirror");
  EXPECT_EQ(is("sslmode"), "verify-full");
  EXPECT_EQ(is("application_name"), "it's");
}

}  // namespace
}  // namespace mirror::node_test
