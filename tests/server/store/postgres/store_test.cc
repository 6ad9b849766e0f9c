#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/copy.h"
#include "server/plan/schema_plan.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/postgres/postgres_store.h"
#include "tests/support/plan_and_commit.h"
#include "tests/support/postgres_database.h"
#include "tests/support/rows.h"

// What a store in PostgreSQL has to do with a server that others use and that goes away: the contract of all
// stores has the rest.

namespace mirror::store_test {
namespace {

using absl::StatusCode;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr std::int64_t kCycle = 100, kNow = 5'000'000;

class PostgresStoreTest : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    proxy_ = std::make_unique<PostgresProxy>(*server_);
    place_ = PlaceAt(proxy_->Conninfo(conninfo_.substr(conninfo_.find("test_"))));
    store_ = Open();
    ASSERT_NE(store_, nullptr);
    BeginCycle();
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
  /// The cycle that ran is over, in the database itself.
  void ExpectNoCycle() {
    const TenantRecord tenant = store_->records().ReadTenant().value();
    EXPECT_FALSE(tenant.active);
    EXPECT_GT(tenant.cycle, kCycle);
    EXPECT_EQ(tenant.holder + tenant.announced, "");
  }
  static std::unique_ptr<PostgresPlace> PlaceAt(const std::string& conninfo,
                                                milliseconds hung_after = milliseconds(15'000)) {
    auto place =
        PostgresPlace::Open({.name = "p", .conninfo = conninfo, .connections = 2, .hung_after = hung_after});
    EXPECT_THAT(place, IsOk());
    return place.ok() ? *std::move(place) : nullptr;
  }
  std::unique_ptr<Store> Open(const PostgresStoreOptions& options = {}) {
    auto store = OpenPostgresStore(*place_, "ctx", /*create=*/true, options);
    EXPECT_THAT(store, IsOk());
    return store.ok() ? *std::move(store) : nullptr;
  }
  void Do(const std::string& sql) {
    ASSERT_THAT(connection_->Execute(absl::StrCat("SET search_path = \"Mirror_ctx\"; ", sql)), IsOk()) << sql;
  }
  std::int64_t Number(const std::string& sql) {
    Do("");
    return connection_->Number(sql).value();
  }

  static Plan InCycle(std::vector<Step> steps) {
    Plan plan;
    plan.cycle = kCycle;
    plan.now_ms = kNow;
    plan.steps = std::move(steps);
    return plan;
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
  void Create(const TableSchema& table) {
    const auto result = store_->Commit(InCycle({Making(table)}));
    ASSERT_THAT(result, IsOk());
    ASSERT_THAT(result->steps.at(0).status, IsOk());
  }
  /// A row of `people`, as it is pushed.
  absl::Status Push(int id, const Intent& intent = {{"people"}, false}) {
    const TestBatch made = MakeBatch(People(), {.rows = {{id, "Ada", 36}}});
    const auto committed = PlanAndCommit(
        *store_,
        [&](const TenantRecord&) -> absl::StatusOr<std::optional<Plan>> {
          return InCycle({StepAt("people", {ApplyRows{made.schema.get(), &*made.batch, false, kCycle}})});
        },
        intent);
    if (!committed.ok()) return committed.status();
    return (*committed)->result.steps.at(0).status;
  }
  std::int64_t PeopleThere() { return Number("SELECT count(*) FROM \"Mirror_ctx\".people"); }

  std::unique_ptr<PostgresProxy> proxy_;
  std::unique_ptr<PostgresPlace> place_;
  std::unique_ptr<Store> store_;
};

TEST_F(PostgresStoreTest, WhoWaitsToWriteALargeValueHasNoConnectionMeanwhile) {
  Create(People());
  const std::uint64_t large = PlaceOptions().value_room_bytes + 1;
  std::vector<std::unique_ptr<Store>> others;
  for (const char* const id : {"second", "third"}) {
    auto store = OpenPostgresStore(*place_, id, /*create=*/true, {});
    ASSERT_THAT(store, IsOk());
    others.push_back(*std::move(store));
  }
  auto work = store_->Begin({.tables = {"people"}, .changes_tables = false, .large_bytes = large});
  ASSERT_THAT(work, IsOk());

  std::atomic<bool> has_begun = false;
  std::thread waiting([&] {
    EXPECT_THAT(others[0]->Begin({.large_bytes = 1}), IsOk());
    has_begun = true;
  });
  while (place_->value_room().waiting() == 0) std::this_thread::yield();
  EXPECT_THAT(others[1]->Begin({}), IsOk()) << "the second of two connections, and nothing that is large";
  EXPECT_FALSE(has_begun);
  work->reset();
  waiting.join();
  EXPECT_TRUE(has_begun);
  EXPECT_EQ(place_->value_room().waiting(), 0U);
}

TEST_F(PostgresStoreTest, WhatIsNotThereIsMadeOnlyWhereItMayBe) {
  EXPECT_THAT(OpenPostgresStore(*place_, "other", false, {}).status(), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(OpenPostgresStore(*place_, "ctx", false, {}), IsOk());
  Do("CREATE SCHEMA \"Mirror_other\"");
  EXPECT_THAT(OpenPostgresStore(*place_, "other", true, {}).status(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("not the mirror of 'other'")));
  EXPECT_THAT(OpenPostgresStore(*place_, "other", true, {.schema = "Mirror_ctx"}).status(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("mirror of 'ctx'")));
  EXPECT_THAT(OpenPostgresStore(*place_, std::string(54, 'x'), true, {}).status(),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(PostgresStoreTest, APushIsThreeRoundTripsAndNoConnectionIsKept) {
  Create(People());
  ASSERT_THAT(Push(1), IsOk());
  ASSERT_THAT(Push(2), IsOk()) << "prepared from now on";
  const int before = proxy_->RoundTrips();
  ASSERT_THAT(Push(3), IsOk());
  EXPECT_LE(proxy_->RoundTrips() - before, 3);
  EXPECT_EQ(place_->counts(PlaceUse::kWrite).idle, place_->counts(PlaceUse::kWrite).open);
  EXPECT_EQ(PeopleThere(), 3);
}

TEST_F(PostgresStoreTest, ManyTablesAreAskedForInFewRoundTrips) {
  std::vector<Step> steps;
  constexpr int kTables = 40;
  for (int i = 0; i < kTables; ++i) steps.push_back(Making(People(absl::StrCat("t", i))));
  ASSERT_THAT(store_->Commit(InCycle(std::move(steps))), IsOk());
  store_ = Open();
  const int before = proxy_->RoundTrips();
  const auto committed =
      PlanAndCommit(*store_, [&](const TenantRecord&) -> absl::StatusOr<std::optional<Plan>> {
        std::vector<Step> same;
        for (int i = 0; i < kTables; ++i) {
          const std::string table = absl::StrCat("t", i);
          EXPECT_TRUE(store_->records().ReadSchema(table).value());
          EXPECT_THAT(store_->records().ReadLostColumns(table), IsOkAndHolds(SizeIs(0)));
          EXPECT_THAT(store_->records().ReadLosses(table), IsOkAndHolds(SizeIs(0)));
          same.push_back(StepAt(table, {}));
        }
        EXPECT_THAT(store_->records().ReadHolds(), IsOkAndHolds(SizeIs(0)));
        EXPECT_THAT(store_->records().ReadChecks(), IsOkAndHolds(SizeIs(0)));
        Plan plan = InCycle(std::move(same));
        plan.answers = [](const auto&) { return std::vector<SchemaAnswer>{{"t1", 1, ""}}; };
        plan.all_as_of = AllAsOf{kNow};
        return plan;
      });
  ASSERT_THAT(committed, IsOk());
  EXPECT_LE(proxy_->RoundTrips() - before, 12);
}

TEST_F(PostgresStoreTest, WhatIsLostOnTheWayIsNotThereAndTheNextCallGoesOn) {
  Create(People());
  proxy_->CutAt("INSERT INTO \"Mirror_ctx\".\"people\"", PostgresProxy::Cut::kBeforeTheAnswer);
  EXPECT_THAT(Push(1), StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(PeopleThere(), 0);
  EXPECT_THAT(Push(1), IsOk());
  EXPECT_EQ(PeopleThere(), 1);
}

TEST_F(PostgresStoreTest, ACommitWhoseAnswerIsLostMayHaveBeenApplied) {
  Create(People());
  // One that is prepared is not sent as a text.
  place_->Reconnect();
  proxy_->CutAt(std::string("COMMIT\0", 7), PostgresProxy::Cut::kBeforeTheAnswer);
  EXPECT_THAT(Push(1), StatusIs(StatusCode::kUnavailable, HasSubstr("the commit may have succeeded")));
  EXPECT_EQ(PeopleThere(), 1);
  EXPECT_EQ(store_->records().ReadTable("people")->value().seq, 2U) << "what is read next is what is there";
  EXPECT_THAT(Push(2), IsOk());
}

TEST_F(PostgresStoreTest, TwoStoresWriteInTurnsAndKnowWhatTheOtherAgreed) {
  Create(People());
  const auto other_place = PlaceAt(conninfo_);
  auto other = OpenPostgresStore(*other_place, "ctx", false, {});
  ASSERT_THAT(other, IsOk());
  for (int i = 0; i < 6; ++i) {
    std::swap(store_, *other);
    EXPECT_THAT(Push(i), IsOk()) << i;
  }
  EXPECT_EQ(PeopleThere(), 6);
  EXPECT_EQ(store_->records().ReadTable("people")->value().row_count, 6);

  TableSchema wider = People();
  wider.columns[1].length = 99;
  const std::int64_t version = (*other)->ReadDataVersion().value();
  ASSERT_THAT(store_->Commit(InCycle({StepAt("people", {AgreeSchema{wider}})})), IsOk());
  EXPECT_NE((*other)->ReadDataVersion().value(), version);
  const auto work = (*other)->Begin({});
  ASSERT_THAT(work, IsOk());
  EXPECT_EQ((*other)->records().ReadSchema("people").value()->columns[1].length, 99U);
}

TEST_F(PostgresStoreTest, WhoWaitsForLongIsToldWhoHasTheLock) {
  Do("BEGIN; SELECT * FROM _mirror_tenant FOR UPDATE");
  const auto started = std::chrono::steady_clock::now();
  EXPECT_THAT(store_->Begin({}).status(), StatusIs(StatusCode::kUnavailable, HasSubstr("mirror-test")));
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(8));
  ASSERT_THAT(connection_->Execute("ROLLBACK; BEGIN; LOCK TABLE \"Mirror_ctx\".ctx_mirroring"), IsOk());
  EXPECT_THAT(store_->Begin({}).status(), StatusIs(StatusCode::kUnavailable, HasSubstr("mirror-test")));
  ASSERT_THAT(connection_->Execute("ROLLBACK"), IsOk());
  EXPECT_THAT(store_->Begin({}).status(), IsOk());
}

TEST_F(PostgresStoreTest, ALockOnOneTableIsThatTablesAnswerAlone) {
  Create(People());
  Create(People("others"));
  const TestBatch kept = MakeBatch(People(), {.rows = {{1, "Ada", 36}}});
  const TestBatch free = MakeBatch(People("others"), {.rows = {{2, "Grace", 45}}});
  Do("BEGIN; LOCK TABLE people IN SHARE MODE");
  const auto result = store_->Commit(
      InCycle({StepAt("people", {ApplyRows{kept.schema.get(), &*kept.batch, false, kCycle}}),
               StepAt("others", {ApplyRows{free.schema.get(), &*free.batch, false, kCycle}})}));
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(
      result->steps.at(0).status,
      StatusIs(StatusCode::kAborted, AllOf(HasSubstr("'people'"), HasSubstr("same batch again is safe"))));
  EXPECT_THAT(result->steps.at(1).status, IsOk());
  ASSERT_THAT(connection_->Execute("ROLLBACK"), IsOk());
  EXPECT_EQ(PeopleThere(), 0);
  EXPECT_EQ(Number("SELECT count(*) FROM \"Mirror_ctx\".others"), 1);
  EXPECT_THAT(Push(1), IsOk());
  EXPECT_EQ(PeopleThere(), 1);
}

TEST_F(PostgresStoreTest, WhatIsTooLongForAnIndexOfTheMirrorsOwnIsWrittenAndTheIndexGoes) {
  Create(People());
  Create(People("others"));
  Plan index;
  index.now_ms = kNow;
  const OwnIndex own{absl::StrCat(kOwnIndexPrefix, "1_a"), "people"};
  index.index_changes = {{own, {{"name"}}}, {{absl::StrCat(kOwnIndexPrefix, "2_b"), "others"}, {{"name"}}}};
  ASSERT_THAT(store_->Commit(index), IsOk());
  const auto version = store_->ReadDataVersion();
  const TestBatch made = MakeBatch(People(), {.rows = {{1, "Ada", 36}, {2, Incompressible(3'000), 45}}});
  const ApplyRows apply{made.schema.get(), &*made.batch, false, kCycle};
  const auto alone = PlanAndCommit(*store_,
                                   [&](const TenantRecord&) -> absl::StatusOr<std::optional<Plan>> {
                                     return InCycle({StepAt("people", {apply})});
                                   },
                                   {{"people"}, false});
  ASSERT_THAT(alone, IsOk());
  EXPECT_THAT((*alone)->result.steps.at(0).status, IsOk());
  EXPECT_EQ(PeopleThere(), 2);
  EXPECT_NE(*store_->ReadDataVersion(), *version) << "who follows the source's indexes looks again";
  EXPECT_THAT(store_->records().ReadOwnIndexes(), IsOkAndHolds(SizeIs(1)));

  const TestBatch other = MakeBatch(People("others"), {.rows = {{1, Incompressible(20'000), 36}}});
  const TestBatch beside = MakeBatch(People(), {.rows = {{3, "Joan", 1}}});
  const auto group = [&] {
    return store_->Commit(
        InCycle({StepAt("others", {ApplyRows{other.schema.get(), &*other.batch, false, kCycle}}),
                 StepAt("people", {ApplyRows{beside.schema.get(), &*beside.batch, false, kCycle}})}));
  };
  auto together = group();
  ASSERT_THAT(together, IsOk());
  EXPECT_THAT(together->steps.at(0).status,
              StatusIs(StatusCode::kAborted, AllOf(HasSubstr("'others'"), HasSubstr("batch again is safe"))));
  EXPECT_THAT(together->steps.at(1).status, IsOk());
  together = group();
  ASSERT_THAT(together, IsOk());
  EXPECT_THAT(together->steps.at(0).status, IsOk());
  EXPECT_EQ(Number("SELECT count(*) FROM others"), 1);

  index.index_changes.pop_back();
  ASSERT_THAT(store_->Commit(index), IsOk());
  OwnIndex too_long = own;
  too_long.is_too_long = true;
  EXPECT_THAT(Open()->records().ReadOwnIndexes(), IsOkAndHolds(ElementsAre(too_long)));
}

TEST_F(PostgresStoreTest, WhatIsTooLongForAnotherIndexStaysRefused) {
  Create(People());
  Do("CREATE INDEX theirs ON people (name)");
  const TestBatch made = MakeBatch(People(), {.rows = {{1, Incompressible(3'000), 45}}});
  for (int i = 0; i < 2; ++i) {
    const auto result = store_->Commit(
        InCycle({StepAt("people", {ApplyRows{made.schema.get(), &*made.batch, false, kCycle}})}));
    ASSERT_THAT(result, IsOk());
    EXPECT_THAT(result->steps.at(0).status,
                StatusIs(StatusCode::kInvalidArgument, AllOf(HasSubstr("'theirs'"), HasSubstr("drop that"))));
  }
}

TEST_F(PostgresStoreTest, AServerThatHangsInACopyLosesTheLock) {
  Do("CREATE TABLE copied (a bigint)");
  store_.reset();
  place_ = PlaceAt(conninfo_, milliseconds(100));
  store_ = Open();
  const auto hung_as = [&](const char* name) {
    auto hung = postgres::Connection::Open({.conninfo = conninfo_, .application_name = name});
    EXPECT_THAT(hung, IsOk());
    EXPECT_THAT((*hung)->Execute("BEGIN; SELECT * FROM \"Mirror_ctx\"._mirror_tenant FOR UPDATE"), IsOk());
    return *std::move(hung);
  };
  {
    const auto hung = hung_as("mirror-server p2");
    auto copy =
        postgres::CopyIn::Begin(*hung, "COPY \"Mirror_ctx\".copied FROM STDIN (FORMAT binary)", "copying");
    ASSERT_THAT(copy, IsOk());
    EXPECT_THAT(store_->Begin({}).status(), IsOk());
    EXPECT_FALSE(copy->Finish().ok());
    EXPECT_FALSE(hung->Probe().ok());
  }
  const auto psql = hung_as("psql");
  EXPECT_THAT(store_->Begin({}).status(), StatusIs(StatusCode::kUnavailable, HasSubstr("psql")));
  EXPECT_THAT(psql->Probe(), IsOk()) << "nobody else's connection is ended";
}

TEST_F(PostgresStoreTest, AServerWhoseCopyTakesLongKeepsTheLock) {
  Do("CREATE TABLE copied (a bytea)");
  store_.reset();
  place_ = PlaceAt(conninfo_, milliseconds(100));
  store_ = Open();
  auto at_work = postgres::Connection::Open({.conninfo = conninfo_, .application_name = "mirror-server p2"});
  ASSERT_THAT(at_work, IsOk());
  ASSERT_THAT((*at_work)->Execute("BEGIN; SELECT * FROM \"Mirror_ctx\"._mirror_tenant FOR UPDATE"), IsOk());
  auto copy =
      postgres::CopyIn::Begin(**at_work, "COPY \"Mirror_ctx\".copied FROM STDIN (FORMAT binary)", "copying");
  ASSERT_THAT(copy, IsOk());
  // Whenever it is looked at, the process waits for its client; between the looks a piece comes.
  const std::string piece(200'000, 'x');
  std::atomic<bool> answered = false;
  std::thread sending([&] {
    const auto looking = Connect(conninfo_);
    while (
        !answered &&
        looking->Number("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'").value_or(0) ==
            0) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    EXPECT_THAT(copy->Add({{postgres::Value::Bytes(piece)}}), IsOk());
  });
  EXPECT_THAT(store_->Begin({}).status(),
              StatusIs(StatusCode::kUnavailable, HasSubstr("(mirror-server p2)")));
  answered = true;
  sending.join();
  EXPECT_THAT(copy->Finish(), IsOkAndHolds(1));
  EXPECT_THAT((*at_work)->Execute("COMMIT"), IsOk());
}

TEST_F(PostgresStoreTest, AServerThatIsAtWorkKeepsTheLock) {
  const auto other = Connect(conninfo_);
  ASSERT_THAT(other->Execute("SET application_name = 'mirror-server'; BEGIN; SELECT * FROM "
                             "\"Mirror_ctx\"._mirror_tenant FOR UPDATE"),
              IsOk());
  EXPECT_THAT(store_->Begin({}).status(), StatusIs(StatusCode::kUnavailable, HasSubstr("(mirror-server)")));
  EXPECT_THAT(other->Probe(), IsOk()) << "5 s are not 15";
}

TEST_F(PostgresStoreTest, ARestoredDatabaseIsNotWrittenToUntilItIsOpenedAgain) {
  Create(People());
  ASSERT_THAT(Push(1), IsOk());
  for (const char* const restore :
       {"UPDATE _mirror_tenant SET rev = 0", "UPDATE _mirror_tenant SET timeline = '00000007'",
        "UPDATE _mirror_tenant SET self_oid = 7"}) {
    SCOPED_TRACE(restore);
    EXPECT_EQ(store_->upkeep().WhyStale(), Stale::kNo);
    Do(restore);
    EXPECT_THAT(Push(2), StatusIs(StatusCode::kUnavailable, HasSubstr("restored")));
    EXPECT_EQ(store_->upkeep().WhyStale(), Stale::kWentBack);
    EXPECT_THAT(Push(2), StatusIs(StatusCode::kUnavailable)) << "until it is opened again";
    store_ = Open();
    EXPECT_EQ(store_->upkeep().WhyStale(), Stale::kNo) << "told once";
    ExpectNoCycle();
    BeginCycle();
    EXPECT_THAT(Push(2), IsOk());
  }
}

TEST_F(PostgresStoreTest, ARestoreWhileNobodyHasItOpenEndsTheCycleAndIsToldOnce) {
  Create(People());
  for (const char* const restore :
       {"UPDATE _mirror_tenant SET timeline = '00000007'", "UPDATE _mirror_tenant SET self_oid = 7"}) {
    SCOPED_TRACE(restore);
    store_.reset();
    Do(restore);
    store_ = Open();
    EXPECT_EQ(store_->upkeep().WhyStale(), Stale::kWentBack);
    ExpectNoCycle();
    EXPECT_THAT(store_->Begin({}).status(), StatusIs(StatusCode::kUnavailable, HasSubstr("restored")));
    store_ = Open();
    EXPECT_EQ(store_->upkeep().WhyStale(), Stale::kNo);
    BeginCycle();
  }
  EXPECT_THAT(Push(1), IsOk());
}

TEST_F(PostgresStoreTest, ARestoreThatAnotherServerTookOverIsWorkedWithByWhoHadItOpen) {
  Create(People());
  ASSERT_THAT(Push(1), IsOk());
  Do("CREATE TABLE copied (LIKE _mirror_tenant INCLUDING ALL); INSERT INTO copied SELECT * FROM "
     "_mirror_tenant; DROP TABLE _mirror_tenant; ALTER TABLE copied RENAME TO _mirror_tenant");
  const auto version = store_->ReadDataVersion();
  ASSERT_THAT(version, IsOk());
  auto other = OpenPostgresStore(*place_, "ctx", false, {});
  ASSERT_THAT(other, IsOk());
  EXPECT_EQ((*other)->upkeep().WhyStale(), Stale::kWentBack);
  EXPECT_THAT(store_->Begin({}).status(), IsOk()) << "that it went back was told, and its cycle ended";
  EXPECT_EQ(store_->upkeep().WhyStale(), Stale::kNo);
  const auto after = store_->ReadDataVersion();
  ASSERT_THAT(after, IsOk());
  EXPECT_NE(*version, *after) << "what is known of it is read again";
  ExpectNoCycle();
  BeginCycle();
  EXPECT_THAT(Push(2), IsOk());
}

TEST_F(PostgresStoreTest, AtAStandbyNothingIsWrittenAndTheSameCallAgainIsSafe) {
  const auto own = PostgresServer::Start();
  ASSERT_THAT(own, IsOk());
  store_.reset();
  place_ = PlaceAt((*own)->Conninfo());
  store_ = Open();
  BeginCycle();
  ASSERT_THAT((*own)->StartAsStandby(), IsOk());
  place_->Reconnect();
  EXPECT_THAT(store_->Begin({}).status(),
              StatusIs(StatusCode::kUnavailable,
                       AllOf(HasSubstr("is a standby now"), HasSubstr("same call again is safe"))));
  EXPECT_EQ(store_->upkeep().WhyStale(), Stale::kNo);
  EXPECT_THAT(OpenPostgresStore(*place_, "ctx", true, {}).status(), StatusIs(StatusCode::kUnavailable));
  EXPECT_THAT(OpenPostgresStore(*place_, "other", true, {}).status(), StatusIs(StatusCode::kUnavailable));
  store_.reset();
}

TEST_F(PostgresStoreTest, AMirrorThatIsServedElsewhereIsNotWrittenTo) {
  for (const char* const moved :
       {"UPDATE _mirror_tenant SET epoch = 2", "UPDATE _mirror_tenant SET epoch = 1, moved_to = 'p2'",
        "UPDATE _mirror_tenant SET moved_to = NULL, state = 'moving'"}) {
    SCOPED_TRACE(moved);
    Do(moved);
    EXPECT_THAT(store_->Begin({}).status(), StatusIs(StatusCode::kUnavailable));
    EXPECT_EQ(store_->upkeep().WhyStale(), Stale::kMoved);
  }
}

TEST_F(PostgresStoreTest, WhoReadsAMirrorThatIsServedElsewhereIsToldToo) {
  for (const char* const moved :
       {"UPDATE _mirror_tenant SET epoch = 2", "UPDATE _mirror_tenant SET epoch = 1, moved_to = 'p2'",
        "UPDATE _mirror_tenant SET moved_to = NULL, state = 'moving'"}) {
    SCOPED_TRACE(moved);
    EXPECT_THAT(store_->records().ReadTenant(), IsOk());
    EXPECT_THAT(store_->ReadDataVersion(), IsOk());
    Do(moved);
    EXPECT_THAT(store_->ReadDataVersion(), StatusIs(StatusCode::kUnavailable));
    EXPECT_THAT(store_->records().ReadTenant(),
                StatusIs(StatusCode::kUnavailable, HasSubstr("same call again is safe")));
    EXPECT_EQ(store_->upkeep().WhyStale(), Stale::kMoved);
    Do("UPDATE _mirror_tenant SET epoch = 1, moved_to = NULL, state = 'serving'");
    store_ = Open();
  }
}

TEST_F(PostgresStoreTest, OpeningAMirrorThatIsServedElsewhereChangesNothing) {
  Create(People());
  Do("UPDATE ctx_mirroring SET lsn = 5; ALTER TABLE people SET UNLOGGED");
  Do("UPDATE _mirror_tenant SET timeline = '00000007'; CREATE TABLE refuse ()");
  Do("INSERT INTO _mirror_state (kind, table_key, number) VALUES (14, 'refuse', 0)");
  const auto whole = [&] {
    Do("");
    return connection_->Query("SELECT t::text FROM _mirror_tenant AS t")->Text(0, 0);
  };
  for (const char* const moved :
       {"UPDATE _mirror_tenant SET epoch = 2", "UPDATE _mirror_tenant SET epoch = 1, moved_to = 'p2'",
        "UPDATE _mirror_tenant SET moved_to = NULL, state = 'moving'"}) {
    SCOPED_TRACE(moved);
    Do(moved);
    const std::string before = whole();
    EXPECT_THAT(OpenPostgresStore(*place_, "ctx", false, {}).status(),
                StatusIs(StatusCode::kUnavailable, HasSubstr("Nothing was applied")));
    EXPECT_EQ(whole(), before);
    EXPECT_EQ(Number("SELECT lsn FROM \"Mirror_ctx\".ctx_mirroring"), 5);
    EXPECT_EQ(Number("SELECT count(*) FROM pg_class WHERE relname = 'refuse'"), 1);
  }
}

TEST_F(PostgresStoreTest, WhoOpensAMirrorWithALaterEpochKeepsTheFormerServerOut) {
  const auto later = OpenPostgresStore(*place_, "ctx", false, {.epoch = 3});
  ASSERT_THAT(later, IsOk());
  EXPECT_THAT(store_->Begin({}).status(), StatusIs(StatusCode::kUnavailable, HasSubstr("elsewhere")));
  EXPECT_EQ(store_->upkeep().WhyStale(), Stale::kMoved);
  EXPECT_THAT((*later)->Begin({}).status(), IsOk());
  EXPECT_THAT(OpenPostgresStore(*place_, "ctx", false, {.epoch = 2}).status(),
              StatusIs(StatusCode::kUnavailable));
}

TEST_F(PostgresStoreTest, AMirrorThatNothingHasToBeWrittenToIsOpenedBesideALongCommit) {
  Do("BEGIN; SELECT * FROM _mirror_tenant FOR UPDATE");
  const auto started = std::chrono::steady_clock::now();
  EXPECT_THAT(OpenPostgresStore(*place_, "ctx", false, {}), IsOk());
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(3));
  ASSERT_THAT(connection_->Execute("ROLLBACK"), IsOk());
}

TEST_F(PostgresStoreTest, AMirrorOfALaterLayoutIsLeftAlone) {
  Do("UPDATE _mirror_tenant SET layout_min = 1000, program = '99.0'");
  EXPECT_THAT(store_->Begin({}).status(), StatusIs(StatusCode::kUnavailable, HasSubstr("99.0")));
  EXPECT_THAT(OpenPostgresStore(*place_, "ctx", false, {}).status(), StatusIs(StatusCode::kUnavailable));
}

TEST_F(PostgresStoreTest, AQuarantineIsThereWithoutTheMirrorsOwnTables) {
  EXPECT_EQ(store_->upkeep().Quarantined(), "");
  ASSERT_THAT(store_->upkeep().Quarantine("it's damaged"), IsOk());
  Do("DROP TABLE _mirror_state CASCADE");
  store_ = Open();
  EXPECT_EQ(store_->upkeep().Quarantined(), "it's damaged");
  EXPECT_THAT(store_->upkeep().CheckOwnTables(), StatusIs(StatusCode::kDataLoss, HasSubstr("_mirror_state")));
  EXPECT_THAT(store_->upkeep().CheckIntegrity(), StatusIs(StatusCode::kDataLoss));
  ASSERT_THAT(store_->upkeep().Release(), IsOk());
  store_ = Open();
  EXPECT_EQ(store_->upkeep().Quarantined(), "");
}

TEST_F(PostgresStoreTest, WhatARuleKeepsOutIsEmptiedThoughTheAgreementWasRefused) {
  Create(People());
  ASSERT_THAT(Push(1), IsOk());
  Do("CREATE VIEW names AS SELECT name FROM people; UPDATE ctx_mirroring SET lsn = 5");
  TableSchema hashed = People();
  hashed.columns[1] = PlainColumn("name", Type::kBytes);
  hashed.columns[2].rule = Rule::kHashed;
  const auto result = store_->Commit(InCycle({StepAt("people", {AgreeSchema{hashed}})}));
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->steps.at(0).status, StatusIs(StatusCode::kFailedPrecondition, HasSubstr("names")));
  EXPECT_EQ(Number("SELECT count(*) FROM people WHERE age IS NULL AND name = 'Ada'"), 1);
  EXPECT_EQ(store_->records().ReadTable("people")->value().position, Position{}) << "should the rule go";
  EXPECT_EQ(store_->records().ReadSchema("people").value(), People());
}

TEST_F(PostgresStoreTest, BesideRowsOfThePartnersTheMirrorsAreEmptiedThoughTheTableCouldNotBeChanged) {
  TableSchema people = People();
  people.deletes = Deletes::kIgnore;
  Create(people);
  Do("INSERT INTO people (id, name, age, _mirror_owned) VALUES (1, 'Ada', 36, 1), (2, 'Grace', 45, 0), "
     "(3, 'own', 7, NULL); ALTER TABLE people ADD COLUMN city text");
  TableSchema ruled = people;
  ruled.columns[1].rule = Rule::kMasked;
  ruled.columns[2].rule = Rule::kLeftOut;
  ruled.columns.push_back(PlainColumn("city", Type::kText));
  const auto result =
      store_->Commit(InCycle({StepAt("people", {PlanRefit(people, ruled).action, AgreeSchema{ruled}})}));
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->steps.at(0).status, StatusIs(StatusCode::kFailedPrecondition, HasSubstr("'city'")));
  EXPECT_EQ(Number("SELECT count(*) FROM people WHERE name IS NULL AND age IS NULL AND id < 3"), 2);
  EXPECT_EQ(Number("SELECT count(*) FROM people WHERE name = 'own' AND age = 7"), 1);
}

TEST_F(PostgresStoreTest, ATableThatACrashWouldEmptyIsPopulatedAnew) {
  Create(People());
  Do("UPDATE ctx_mirroring SET lsn = 5; ALTER TABLE people SET UNLOGGED");
  store_ = Open();
  EXPECT_EQ(store_->records().ReadTable("people")->value().position, Position{});
}

TEST_F(PostgresStoreTest, OneThatBecomesSuchATableWhileTheMirrorIsOpenIsTouched) {
  Create(People());
  EXPECT_THAT(store_->records().ReadTouchedTables(), IsOkAndHolds(SizeIs(0)));
  Do("ALTER TABLE people SET UNLOGGED");
  const auto touched = store_->records().ReadTouchedTables();
  ASSERT_THAT(touched, IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT((*touched)[0].lacks, HasSubstr("UNLOGGED"));
}

TEST_F(PostgresStoreTest, WhatIsTouchedIsOfTablesThatStandAsAgreedNow) {
  Create(People());
  Do("ALTER TABLE people ADD COLUMN theirs text");
  EXPECT_THAT(store_->records().ReadTouchedTables(), IsOkAndHolds(SizeIs(1)));
  for (const bool as_agreed : {false, true}) {
    Step step = StepAt("people", {});
    step.record->schema_hash = as_agreed ? SchemaHash(People()) : "another";
    ASSERT_THAT(store_->Commit(InCycle({step})), IsOk());
    EXPECT_THAT(store_->records().ReadTouchedTables(), IsOkAndHolds(SizeIs(as_agreed ? 1 : 0)));
  }
}

TEST_F(PostgresStoreTest, ARecordWhoseKeyOrNameSomebodyChangedCountsAsRemovedAndIsWrittenAnew) {
  for (const char* const changed : {"table_key = 'another'", "table_name = 'another'"}) {
    SCOPED_TRACE(changed);
    Create(People());
    Do(absl::StrCat("UPDATE \"ctx_mirroring\" SET ", changed));
    EXPECT_THAT(store_->records().ReadTables(), IsOkAndHolds(SizeIs(0)));
    EXPECT_THAT(store_->records().ReadTable("people"), IsOkAndHolds(std::optional<TableRecord>()));
    Step anew = StepAt("people", {AgreeSchema{People()}});
    const auto result = store_->Commit(InCycle({std::move(anew)}));
    ASSERT_THAT(result, IsOk());
    ASSERT_THAT(result->steps.at(0).status, IsOk());
    EXPECT_THAT(store_->records().ReadTables(), IsOkAndHolds(SizeIs(1)));
    EXPECT_EQ(Number("SELECT count(*) FROM \"ctx_mirroring\""), 1);
    Do("DELETE FROM \"ctx_mirroring\"; DELETE FROM _mirror_schema; DROP TABLE people");
  }
}

TEST_F(PostgresStoreTest, ATransactionTakesWhatWasFoundForItAndLooksAgainByItself) {
  Create(People());
  const auto touched_in_work = [&] {
    std::size_t touched = 0;
    const auto done = PlanAndCommit(*store_,
                                    [&](const TenantRecord&) -> absl::StatusOr<std::optional<Plan>> {
                                      const auto found = store_->records().ReadTouchedTables();
                                      if (!found.ok()) return found.status();
                                      touched = found->size();
                                      return std::optional<Plan>();
                                    },
                                    {});
    EXPECT_THAT(done.status(), IsOk());
    return touched;
  };
  EXPECT_THAT(store_->records().ReadTouchedTables(), IsOkAndHolds(SizeIs(0)));
  EXPECT_EQ(touched_in_work(), 0U);
  Do("ALTER TABLE people ADD COLUMN theirs int");
  EXPECT_EQ(touched_in_work(), 1U) << "nothing was found for this one";
  EXPECT_THAT(store_->records().ReadTouchedTables(), IsOkAndHolds(SizeIs(1)));
  EXPECT_EQ(touched_in_work(), 1U);
}

TEST_F(PostgresStoreTest, AScrubLeavesNoDeletedRowInTheTables) {
  Create(People());
  Do("INSERT INTO people SELECT i, repeat('x', 500), i FROM generate_series(1, 2000) AS i");
  Do("DELETE FROM people");
  const std::uint64_t before = store_->upkeep().BytesOnDisk();
  ASSERT_THAT(store_->upkeep().Scrub(), IsOk());
  EXPECT_LT(store_->upkeep().BytesOnDisk(), before);
  EXPECT_THAT(Push(99), IsOk());
}

TEST_F(PostgresStoreTest, AScrubIsNoneBesideWhoMaySeeDeletedRows) {
  Create(People());
  Do("INSERT INTO people SELECT i, repeat('x', 500), i FROM generate_series(1, 2000) AS i");
  const auto reader = Connect(conninfo_), elsewhere = Connect(server_->NewDatabase());
  ASSERT_THAT(
      reader->Execute("SET application_name = pg_dump; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1"),
      IsOk());
  Do("DELETE FROM people");
  EXPECT_THAT(store_->upkeep().Scrub(),
              StatusIs(StatusCode::kUnavailable, AllOf(HasSubstr("'pg_dump'"), HasSubstr("next cycle"))));
  // One that writes in another database is in each new snapshot, also in that of the rewriting.
  ASSERT_THAT(reader->Execute("COMMIT"), IsOk());
  ASSERT_THAT(elsewhere->Execute("SET application_name = other; BEGIN; SELECT pg_current_xact_id()"), IsOk());
  Do("INSERT INTO people VALUES (1); DELETE FROM people");
  EXPECT_THAT(store_->upkeep().Scrub(), StatusIs(StatusCode::kUnavailable, HasSubstr("'other'")));
  ASSERT_THAT(elsewhere->Execute("COMMIT"), IsOk());
  EXPECT_THAT(store_->upkeep().Scrub(), IsOk());
  EXPECT_EQ(Number("SELECT pg_relation_size('people')"), 0);
}

TEST_F(PostgresStoreTest, AScrubTidiesUpFirstAndIsNoneWhereThatCannotBe) {
  Do("CREATE TABLE old (id bigint); CREATE VIEW theirs AS SELECT * FROM old; INSERT INTO _mirror_state "
     "(kind, "
     "table_key, number) VALUES (14, 'old', 0)");
  EXPECT_THAT(store_->upkeep().Scrub(), StatusIs(StatusCode::kUnavailable, HasSubstr(": old.")));
  Do("DROP VIEW theirs");
  EXPECT_THAT(store_->upkeep().Scrub(), IsOk());
  EXPECT_EQ(Number("SELECT count(*) FROM pg_class WHERE relname = 'old'"), 0);
}

TEST_F(PostgresStoreTest, WhatIsLeftToBeDroppedGoesAtTheEndOfACycle) {
  Create(People());
  Do("CREATE TABLE old (id bigint); INSERT INTO _mirror_state (kind, table_key, number) VALUES (14, 'old', "
     "0)");
  const auto left = [&] { return Number("SELECT count(*) FROM pg_class WHERE relname = 'old'"); };
  ASSERT_THAT(Push(1), IsOk());
  EXPECT_EQ(left(), 1) << "a push does not wait for it";
  Plan end;
  end.now_ms = kNow;
  end.tenant = store_->records().ReadTenant().value();
  end.tenant->active = false;
  ASSERT_THAT(store_->Commit(end), IsOk());
  EXPECT_EQ(left(), 0);
}

TEST_F(PostgresStoreTest, NothingIsDroppedThatTheMirrorNeedsWhateverNameSomebodyWrote) {
  Create(People());
  Do("INSERT INTO _mirror_state (kind, table_key, number) VALUES (14, 'people', 0), (14, 'ctx_mirroring', "
     "0), "
     "(14, '_mirror_journal', 0)");
  EXPECT_THAT(store_->upkeep().Scrub(), IsOk());
  EXPECT_EQ(
      Number("SELECT count(*) FROM pg_class WHERE relname IN ('people', 'ctx_mirroring', '_mirror_journal')"),
      3);
  EXPECT_EQ(Number("SELECT count(*) FROM _mirror_state WHERE kind = 14"), 0);
  EXPECT_THAT(Push(1), IsOk());
}

TEST_F(PostgresStoreTest, WithATableNothingGoesThatIsSpelledOtherwise) {
  Create(People());
  // What a DBA renamed, or made himself, is his.
  Do("ALTER TABLE people RENAME TO \"PEOPLE\"; CREATE VIEW \"People\" AS SELECT 1 AS id");
  const auto relations = [&] {
    return Number("SELECT count(*) FROM pg_class WHERE relname IN ('People', 'PEOPLE', 'people')");
  };
  for (const Action& end : {Action(DropTable{}), Action(RetireTable{kNow})}) {
    Step step = StepAt("PEOPLE", {end});
    step.record.reset();
    const auto result = store_->Commit(InCycle({step}));
    ASSERT_THAT(result, IsOk());
    EXPECT_THAT(result->steps.at(0).status, IsOk());
    EXPECT_EQ(relations(), 2);
    Create(People());
    EXPECT_EQ(relations(), 3);
  }
  // As the mirror spells it, whatever the source says.
  Step drop = StepAt("PEOPLE", {DropTable{}});
  drop.record.reset();
  ASSERT_THAT(store_->Commit(InCycle({drop})), IsOk());
  EXPECT_EQ(relations(), 2);
}

TEST_F(PostgresStoreTest, AKeysIndexThatIsDamagedIsTold) {
  Create(People());
  for (int i = 0; i < 3; ++i) ASSERT_THAT(Push(i), IsOk());
  Do("CREATE EXTENSION amcheck SCHEMA public");
  EXPECT_THAT(store_->upkeep().CheckIntegrity(), IsOk());
  // A row that its key's index does not know.
  Do("UPDATE pg_index SET indisready = false WHERE indrelid = 'people'::regclass");
  Do("INSERT INTO people VALUES (7, 'Joan', 1)");
  Do("UPDATE pg_index SET indisready = true WHERE indrelid = 'people'::regclass");
  EXPECT_THAT(store_->upkeep().CheckIntegrity(),
              StatusIs(StatusCode::kDataLoss, AllOf(HasSubstr("'people'"), HasSubstr("REINDEX"))));
  Do("DROP EXTENSION amcheck; UPDATE pg_index SET indisvalid = false WHERE indrelid = 'people'::regclass");
  EXPECT_THAT(store_->upkeep().CheckIntegrity(), StatusIs(StatusCode::kDataLoss, HasSubstr("'people'")));
  // The next cycle makes it anew.
  Do("DROP TABLE people");
  EXPECT_THAT(store_->upkeep().CheckIntegrity(), IsOk());
}

TEST_F(PostgresStoreTest, WithoutAStandbyNothingIsCalledReplicated) {
  store_ = Open({.replicated = true});
  EXPECT_THAT(store_->MakeDurable(), StatusIs(StatusCode::kUnavailable, HasSubstr("standby")));
  EXPECT_FALSE(store_->IsDurable());
  store_ = Open();
  EXPECT_TRUE(store_->IsDurable());
  EXPECT_FALSE(store_->IsBuilding());
  EXPECT_THAT(store_->MakeDurable(), IsOk());
}

TEST_F(PostgresStoreTest, WhoWaitsForACommitThatWaitsForAStandbyIsToldThat) {
  const auto own = PostgresServer::Start();
  ASSERT_THAT(own, IsOk());
  const auto other = Connect((*own)->Conninfo());
  ASSERT_NE(other, nullptr);
  store_.reset();
  place_ = PlaceAt((*own)->Conninfo());
  store_ = Open({.replicated = true});
  const auto set = [&](const std::string& names) {
    EXPECT_THAT(other->Execute(absl::StrCat("ALTER SYSTEM SET synchronous_standby_names = '", names, "'")),
                IsOk());
    EXPECT_THAT(other->Query("SELECT pg_reload_conf(), pg_sleep(0.5)"), IsOk());
  };
  set("nobody");
  std::thread committing([&] { BeginCycle(); });
  while (*other->Number("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == 0) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  auto beside = OpenPostgresStore(*place_, "ctx", false, {});
  if (beside.ok()) {
    EXPECT_THAT((*beside)->Begin({}).status(),
                StatusIs(StatusCode::kUnavailable,
                         AllOf(HasSubstr("has held the mirror's lock for long: process "),
                               HasSubstr(", whose commit waits for a standby. Nothing was applied"))));
  }
  EXPECT_THAT(beside, IsOk());
  set("");
  committing.join();
  if (beside.ok()) beside->reset();
  store_.reset();
}

TEST_F(PostgresStoreTest, WhatNoStandbyHasIsNotCalledReplicatedWhenTheNamesGoMeanwhile) {
  const auto own = PostgresServer::Start();
  ASSERT_THAT(own, IsOk());
  const auto other = Connect((*own)->Conninfo());
  ASSERT_NE(other, nullptr);
  store_.reset();
  place_ = PlaceAt((*own)->Conninfo());
  store_ = Open({.replicated = true});
  const auto set = [&](const std::string& names) {
    EXPECT_THAT(other->Execute(absl::StrCat("ALTER SYSTEM SET synchronous_standby_names = '", names, "'")),
                IsOk());
    EXPECT_THAT(other->Query("SELECT pg_reload_conf(), pg_sleep(0.5)"), IsOk());
  };
  // PostgreSQL lets who waits for a standby go, and says nothing to it.
  const auto as_names_go = [&](const auto& commit) {
    set("nobody");
    std::thread emptying([&] {
      while (*other->Number("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == 0) {
        std::this_thread::sleep_for(milliseconds(10));
      }
      set("");
    });
    commit();
    emptying.join();
  };
  as_names_go([&] { BeginCycle(); });
  EXPECT_FALSE(store_->IsDurable());
  as_names_go([&] {
    EXPECT_THAT(store_->MakeDurable(), StatusIs(StatusCode::kUnavailable, HasSubstr("is on no standby")));
  });
  store_.reset();
}

}  // namespace
}  // namespace mirror::store_test
