#include "server/tenant/records_planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/records/import_job.h"
#include "server/records/record_merge.h"
#include "server/store/home.h"
#include "server/store/sqlite/sqlite_home.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/tenant/kept_rejects.h"
#include "server/tenant/records_calls.h"
#include "tests/support/mirror_file.h"
#include "tests/support/plan_and_commit.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::records_planner_test {
namespace {

using testing::HasSubstr;
using testing::Ne;
using testing::Not;
using testing::SizeIs;

constexpr std::int64_t kNowMs = 1'700'000'000'000;
constexpr char kTenant[] = "Planned";

RecordItem Item(const std::string& id, const std::string& record) {
  absl::StatusOr<std::vector<RecordAttribute>> attributes = ParseRecord(record);
  EXPECT_THAT(attributes, IsOk());
  RecordItem item{.external_id = id};
  if (attributes.ok()) item.attributes = *std::move(attributes);
  return item;
}

RecordRequest UpsertOf(std::vector<RecordItem> items) { return {.items = std::move(items)}; }

RecordRequest DeleteOf(const std::string& id) {
  return {.operation = RecordOperation::kDelete, .items = {{.external_id = id}}};
}

/// Requests of one commit group, on a source of records in a SQLite file, as RecordsCalls plans them.
class RecordsPlannerTest : public testing::Test {
 protected:
  /// `hashed`: columns whose values are kept as hashes.
  void Make(const std::vector<std::string>& hashed) {
    ColumnRulesConfig config;
    if (!hashed.empty()) config.blocks.push_back({.hash = hashed});
    rules_.emplace(config, std::string(32, 's'), kTenant);
    absl::StatusOr<std::unique_ptr<StoreHome>> home = OpenSqliteHome(folder_.path(), SqliteOptions());
    ASSERT_THAT(home, IsOk());
    home_ = *std::move(home);
    const absl::StatusOr<MirrorContents> contents =
        NewRecordsMirror(kTenant, RecordMapper::Default(), *rules_, kNowMs);
    ASSERT_THAT(contents, IsOk());
    absl::StatusOr<std::unique_ptr<MirrorImport>> made = home_->NewImport(kTenant);
    ASSERT_THAT(made, IsOk());
    ASSERT_THAT((*made)->Begin(*contents), IsOk());
    ASSERT_THAT((*made)->Finish(), IsOk());
    absl::StatusOr<std::unique_ptr<Store>> store = home_->Open(kTenant, /*create=*/false, nullptr);
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }

  std::vector<RecordOutcome> Commit(const std::vector<RecordRequest>& group) {
    std::vector<const RecordRequest*> requests;
    for (const RecordRequest& request : group) requests.push_back(&request);
    std::vector<RecordOutcome> outcomes;
    std::optional<RecordsPlanner> planner;
    const auto committed =
        PlanAndCommit(*store_, [&](const TenantRecord& tenant) -> absl::StatusOr<std::optional<Plan>> {
          outcomes.clear();
          planner.emplace(*store_, *rules_, kNowMs);
          if (absl::Status begun = planner->Begin(tenant, requests, &form_); !begun.ok()) return begun;
          for (const RecordRequest* const request : requests) {
            absl::StatusOr<RecordOutcome> outcome = planner->Add(*request);
            if (!outcome.ok()) return outcome.status();
            outcomes.push_back(*std::move(outcome));
          }
          return planner->MakePlan();
        });
    EXPECT_THAT(committed, IsOk());
    return outcomes;
  }

  std::string Value(const std::string& column, const std::string& id) const {
    return MirrorFile(SqlitePath(folder_.path(), kTenant), kTenant)
        .Value("SELECT \"" + column + "\" FROM businesspartner WHERE externalId = '" + id + "'");
  }
  bool IsToBeErased() {
    const absl::StatusOr<TenantRecord> tenant = store_->records().ReadTenant();
    EXPECT_THAT(tenant, IsOk());
    return tenant.ok() && tenant->scrub;
  }

  void CheckItGoesAndComesAgain() {
    Commit({UpsertOf({Item("1", R"({"CITY":"Bern","STREET":"a","COUNTRY":"CH"})")})});
    EXPECT_FALSE(IsToBeErased());
    const std::string id = Value("id", "1");
    const std::vector<RecordOutcome> outcomes =
        Commit({DeleteOf("1"), UpsertOf({Item("1", R"({"COUNTRY":"DE"})")})});
    ASSERT_THAT(outcomes, SizeIs(2));
    EXPECT_EQ(outcomes[0].deletes, 1U);
    EXPECT_EQ(outcomes[1].inserts, 1U);
    EXPECT_EQ(Value("country", "1"), "DE");
    EXPECT_EQ(Value("city", "1"), "null");
    EXPECT_EQ(Value("street", "1"), "null");
    EXPECT_THAT(Value("id", "1"), Ne(id));
    EXPECT_TRUE(IsToBeErased()) << "what was deleted is in the file, and nobody looks after it";
  }

  ScratchFolder folder_;
  std::optional<ColumnRules> rules_;
  std::shared_ptr<const RecordsForm> form_;
  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<Store> store_;
};

TEST_F(RecordsPlannerTest, ARequestThatIsTakenBackLeavesNothingOfWhatItTouched) {
  Make({"city"});
  ASSERT_THAT(Commit({UpsertOf({Item("1", R"({"CITY":"Bern","STREET":"a"})")})}), SizeIs(1));
  const std::string hashed = Value("city", "1");
  EXPECT_THAT(hashed, Ne("Bern"));
  RecordRequest refused = UpsertOf({Item("1", R"({"CITY":"Basel"})"), Item("2", "{}")});
  refused.items.back().failure = "it cannot be taken";
  refused.all_or_nothing = true;
  const std::vector<RecordOutcome> outcomes =
      Commit({std::move(refused), UpsertOf({Item("1", R"({"STREET":"b"})")})});
  ASSERT_THAT(outcomes, SizeIs(2));
  EXPECT_THAT(outcomes[0].status, StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_EQ(outcomes[1].updates, 1U);
  EXPECT_EQ(Value("street", "1"), "b");
  EXPECT_EQ(Value("city", "1"), hashed) << "what is stored was hashed once more";
}

TEST_F(RecordsPlannerTest, EachRequestSeesWhatThoseBeforeItLeaveAlsoWhereColumnsAreHashed) {
  Make({"city"});
  Commit({UpsertOf({Item("1", R"({"CITY":"Bern"})")}), UpsertOf({Item("2", R"({"CITY":"Basel"})")})});
  const std::string bern = Value("city", "1"), basel = Value("city", "2");
  EXPECT_THAT(bern, Ne(basel));
  Commit({UpsertOf({Item("1", R"({"CITY":"Basel"})")}), UpsertOf({Item("1", R"({"STREET":"b"})")})});
  EXPECT_EQ(Value("city", "1"), basel);
  EXPECT_EQ(Value("street", "1"), "b");
}

TEST_F(RecordsPlannerTest, ARowThatWentAndCameAgainInOneGroupHasNothingOfItsFormerSelf) {
  Make({});
  CheckItGoesAndComesAgain();
}

TEST_F(RecordsPlannerTest, TheSameWhereAColumnIsHashed) {
  Make({"city"});
  CheckItGoesAndComesAgain();
}

TEST_F(RecordsPlannerTest, ItemsOfOneIdKeepTheirMeaningEachByItself) {
  Make({});
  Commit({UpsertOf({Item("1", R"({"CITY":"Bern"})")})});
  RecordItem broken{.external_id = "1", .failure = "it is broken", .line = 3};
  const std::vector<RecordOutcome> outcomes =
      Commit({UpsertOf({Item("2", R"({"CITY":"A"})"), Item("1", R"({"CITY":"Bern"})"),
                        Item("2", R"({"CITY":"B"})"), broken, Item("1", R"({"EXTERNAL ID":"9"})"),
                        Item("2", R"({"STREET":"s"})"), Item("1", R"({"CITY":"Chur"})")})});
  ASSERT_THAT(outcomes, SizeIs(1));
  EXPECT_EQ(outcomes[0].inserts, 1U);
  EXPECT_EQ(outcomes[0].updates, 4U);
  EXPECT_EQ(outcomes[0].unchanged, 1U);
  ASSERT_THAT(outcomes[0].failures, SizeIs(2));
  EXPECT_EQ(outcomes[0].failures[0].message, "it is broken") << "in the order of the request";
  EXPECT_EQ(outcomes[0].failures[1].item, 4U);
  EXPECT_EQ(Value("record", "1"), R"({"CITY":"Chur"})");
  EXPECT_EQ(Value("record", "2"), R"({"CITY":"B","STREET":"s"})");
}

TEST_F(RecordsPlannerTest, WhatIsStoredOfOneTransactionsRowsIsBounded) {
  Make({});
  const std::string large(3'900'000, 'x');
  std::vector<RecordItem> small;
  for (int i = 0; i < 9; ++i) {
    Commit({UpsertOf({Item(std::to_string(i), R"({"A":")" + large + R"("})")})});
    small.push_back(Item(std::to_string(i), R"({"CITY":"z"})"));
  }
  const auto begin = [&](const RecordRequest& request) {
    absl::Status begun = absl::UnknownError("it was not asked");
    EXPECT_THAT(
        PlanAndCommit(*store_,
                      [&](const TenantRecord& tenant) -> absl::StatusOr<std::optional<Plan>> {
                        begun = RecordsPlanner(*store_, *rules_, kNowMs).Begin(tenant, {&request}, &form_);
                        return std::nullopt;
                      }),
        IsOk());
    return begun;
  };
  EXPECT_THAT(begin(UpsertOf(small)), StatusIs(absl::StatusCode::kOutOfRange));
  RecordRequest gone = UpsertOf(small);
  gone.operation = RecordOperation::kDelete;
  EXPECT_THAT(begin(gone), IsOk()) << "of rows that go, only their ids are read";
  small.resize(8);
  ASSERT_THAT(Commit({UpsertOf(small)}), SizeIs(1));
  EXPECT_EQ(Value("city", "7"), "z");
  EXPECT_EQ(Value("city", "8"), "null");
  const std::vector<RecordOutcome> outcomes = Commit({gone});
  EXPECT_EQ(outcomes[0].deletes, 9U);
  EXPECT_TRUE(IsToBeErased());
}

TEST_F(RecordsPlannerTest, TheValuesOfOneTransactionsStoredRowsAreBounded) {
  Make({});
  std::string many = "[0";
  for (std::size_t i = 1; i < 90'000; ++i) many += ",0";
  std::vector<RecordItem> small;
  for (int i = 0; i < 12; ++i) {
    Commit({UpsertOf({Item(std::to_string(i), R"({"A":)" + many + "]}")})});
    small.push_back(Item(std::to_string(i), R"({"CITY":"z"})"));
  }
  const RecordRequest all = UpsertOf(small);
  absl::Status begun;
  ASSERT_THAT(PlanAndCommit(*store_,
                            [&](const TenantRecord& tenant) -> absl::StatusOr<std::optional<Plan>> {
                              begun = RecordsPlanner(*store_, *rules_, kNowMs).Begin(tenant, {&all}, &form_);
                              return std::nullopt;
                            }),
              IsOk());
  EXPECT_THAT(begun, StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("more than 1,000,000 values")));
  small.pop_back();
  Commit({UpsertOf(small)});
  EXPECT_EQ(Value("city", "10"), "z");
  EXPECT_EQ(Value("city", "11"), "null");
}

TEST_F(RecordsPlannerTest, RejectsAreFoundByTheirExternalIdAndGoWithIt) {
  Make({});
  std::uint64_t number = 0;
  const auto reject = [&](const std::string& id, const std::string& raw) {
    return DocumentChange{kRejectKind, RejectId("Planned-0123456789ab", number++),
                          RejectText({.line = number, .external_id = id, .message = "wrong", .raw = raw})};
  };
  const auto count = [&](const std::string& kind) {
    const auto found = store_->records().ReadDocuments(kind, "", 1'000);
    EXPECT_THAT(found, IsOk());
    return found.ok() ? found->size() : 0;
  };
  RecordRequest upsert = UpsertOf({});
  // Others each time.
  upsert.documents = [&](const RecordOutcome&) {
    std::vector<DocumentChange> rejects;
    rejects.push_back(reject("5", "5,x,y"));
    rejects.push_back(reject("15", "15,5,y"));
    rejects.push_back(reject("q\"7", "\"q\"\"7\""));
    rejects.push_back(reject("5", "5,again"));
    rejects.push_back(reject("", "5,unknown"));
    return rejects;
  };
  Commit({upsert});
  EXPECT_EQ(count(kRejectKind), 5U);
  EXPECT_EQ(count(kRejectOfKind), 4U);
  const auto unknown = store_->records().ReadDocument(kRejectKind, RejectId("Planned-0123456789ab", 4));
  ASSERT_THAT(unknown, IsOk());
  EXPECT_THAT((*unknown)->text, Not(HasSubstr("5,unknown"))) << "no deletion would find it";
  EXPECT_EQ(Commit({DeleteOf("55")})[0].failures.size(), 1U);
  EXPECT_EQ(count(kRejectKind), 5U);
  EXPECT_FALSE(IsToBeErased());
  EXPECT_EQ(Commit({DeleteOf("5")})[0].failures.size(), 1U) << "it has no row, only rejects";
  EXPECT_EQ(count(kRejectKind), 3U);
  EXPECT_EQ(count(kRejectOfKind), 2U);
  EXPECT_TRUE(IsToBeErased());
  // Also those that the same transaction keeps.
  Commit({upsert, DeleteOf("q\"7")});
  EXPECT_EQ(count(kRejectKind), 6U);
  EXPECT_EQ(count(kRejectOfKind), 4U);
}

TEST_F(RecordsPlannerTest, WhatIsRememberedNamesNoExternalIdAndIsGivenAlsoWhereNothingCanBeWritten) {
  Make({});
  RecordRequest request = UpsertOf({Item("known-1", "{}"), {.external_id = "secret-id", .failure = "wrong"}});
  request.remember =
      RememberedRequest{.id = "key", .body_hash = "hash", .answer = [](const RecordOutcome& outcome) {
                          return std::to_string(outcome.inserts) + outcome.failures.at(0).external_id +
                                 outcome.failures.at(0).message;
                        }};
  EXPECT_THAT(Commit({request})[0].status, IsOk());
  const auto kept = store_->records().ReadDocument(kAnswerKind, "key");
  ASSERT_THAT(kept, IsOk());
  EXPECT_THAT((*kept)->text, Not(HasSubstr("secret-id")));
  EXPECT_EQ(Commit({request})[0].remembered, "1secret-idwrong");
  ASSERT_THAT(PlanAndCommit(*store_,
                            [&](const TenantRecord& tenant) -> absl::StatusOr<std::optional<Plan>> {
                              Plan plan;
                              plan.now_ms = kNowMs;
                              plan.tenant = tenant;
                              plan.tenant->paused = true;
                              return plan;
                            }),
              IsOk());
  const std::vector<RecordOutcome> outcomes = Commit({UpsertOf({Item("2", "{}")}), request});
  EXPECT_THAT(outcomes[0].status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(outcomes[1].remembered, "1secret-idwrong");
  request.remember->body_hash = "other";
  EXPECT_THAT(Commit({request})[0].status, StatusIs(absl::StatusCode::kOutOfRange));
}

TEST(RecordsFormTest, ARuleOnAColumnThatRowsAreFoundByIsRefused) {
  for (const char* const column : {"externalId", "id", "createdAt", "modifiedAt", "*"}) {
    for (auto list : {&ColumnRuleBlock::hash, &ColumnRuleBlock::mask, &ColumnRuleBlock::leave_out}) {
      ColumnRulesConfig config;
      config.blocks.emplace_back().*list = {column};
      EXPECT_THAT(PartnerTableOf(RecordMapper::Default(), ColumnRules(config, std::string(32, 's'), "A")),
                  StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("keeps its external ids")))
          << column;
    }
  }
  ColumnRulesConfig config;
  config.blocks = {{.hash = {"*"}}, {.plain = {"externalId", "id", "createdAt", "modifiedAt"}}};
  EXPECT_THAT(PartnerTableOf(RecordMapper::Default(), ColumnRules(config, std::string(32, 's'), "A")),
              IsOk());
}

}  // namespace
}  // namespace mirror::records_planner_test
