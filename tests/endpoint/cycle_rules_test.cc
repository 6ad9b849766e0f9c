#include <chrono>
#include <cstdint>
#include <filesystem>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/endpoint/endpoint_fixture.h"

namespace mirror::cycle_rules_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Position kFirst{Lsn{10}, "first"};
const Position kSecond{Lsn{20}, "second"};

class CycleRulesTest : public EndpointTest {
 protected:
  /// Three rows of `people` at kFirst, and a new cycle in which they are announced.
  std::int64_t BeginFilled(MirrorClient& client) {
    Fill(client, people_, {{1, "Ada", 36}, {2, "Bob", 40}, {3, "Cid", 44}}, kFirst);
    const std::int64_t cycle = Begin(client);
    Announce(client, cycle, {people_});
    return cycle;
  }

  /// Net changes of the filled table.
  BatchSpec Changes(const Rows& rows, std::uint64_t seq = 1) const {
    BatchSpec spec;
    spec.rows = rows;
    spec.seq = seq;
    spec.base_lsn = kFirst.lsn.value;
    spec.target = kSecond;
    return spec;
  }

  std::vector<std::string> PeopleNow() const {
    return here_->mirror().Query("SELECT id, name FROM people ORDER BY id");
  }

  const TableSchema people_ = People();
};

TEST_F(CycleRulesTest, AWholeCycleTakesTheMirrorFromNothingToTheSourcesRows) {
  Install();
  for (const bool stream : {false, true}) {
    SCOPED_TRACE(stream ? "stream" : "unary");
    const auto client = Client(stream ? "Cust-stream" : "Cust-unary");
    FakeSource source(stream ? 1 : 2);
    source.CreateTable(People());
    source.CreateTable(Pairs());
    source.CreateTable(Keyless());
    source.CreateTable(People("empty"));
    for (int i = 0; i < 500; ++i) source.Put("people", {i, absl::StrCat("name ", i), i % 90});
    for (int i = 0; i < 50; ++i) source.Put("pairs", {i % 7, absl::StrCat("b", i), nullptr});
    for (int i = 0; i < 20; ++i) source.Put("keyless", {"twice", 7});
    FakeCycleOptions options;
    options.stream = stream;
    options.batches_per_request = 2;
    const FakeCycleReport first = Mirror(source, *client, options);
    EXPECT_EQ(first.tables.at("people").populate, PopulateReason::kMinusOne);

    source.Update("people", {3}, {{"name", "changed"}});
    source.Update("people", {4}, {{"age", nullptr}});
    source.Delete("people", {5});
    source.Put("people", {1'000, "new", 1});
    source.Update("people", {6}, {{"id", 2'000}});
    source.DeleteRow("keyless", {"twice", 7});
    const FakeCycleReport second = Mirror(source, *client, options);
    EXPECT_EQ(second.tables.at("people").populate, PopulateReason::kNone);
    EXPECT_EQ(second.tables.at("people").updates, 2U);
    EXPECT_EQ(second.tables.at("people").deletes, 2U);
    EXPECT_EQ(second.tables.at("keyless").populate, PopulateReason::kKeyless);
    EXPECT_TRUE(second.tables.at("pairs").advanced);
    EXPECT_EQ(here_->mirror(client->context_id()).Lsn("pairs"), source.lsn());

    // Nothing changed: nothing is sent.
    const FakeCycleReport third = Mirror(source, *client, options);
    EXPECT_EQ(third.requests, 0);
    EXPECT_EQ(third.tables.at("people").status.action(), v1::TABLE_ACTION_UNCHANGED);
  }
}

TEST_F(CycleRulesTest, ARefusedBatchChangesNothingAndTheServerServesTheNextCall) {
  InstallationOptions options;
  options.settings = {{"limits", "batch_rows_max", "1000"}, {"limits", "batch_cells_max", "2000"}};
  Install(options);
  const auto client = Client();
  const std::int64_t cycle = BeginFilled(*client);
  struct Case {
    std::string name;
    std::function<void(v1::ChangeBatch&)> change;
    absl::StatusCode want;
    std::vector<std::string> words;
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
  constexpr auto kExhausted = absl::StatusCode::kResourceExhausted;
  const auto rows = [this](Rows rows_of_it) {
    return [this, rows_of_it](v1::ChangeBatch& batch) { batch = Message(people_, Changes(rows_of_it)); };
  };
  Rows many;
  for (int i = 0; i < 1'001; ++i) many.push_back({i, "x", 1});
  const std::vector<Case> cases = {
      {"table not announced",
       [](auto& b) { b.set_table("strangers"); },
       kPrecondition,
       {"strangers", "TableSchema"}},
      {"another schema hash",
       [](auto& b) { b.set_schema_hash("0123"); },
       kPrecondition,
       {"people", "schema_hash"}},
      {"no schema hash", [](auto& b) { b.clear_schema_hash(); }, kPrecondition, {"people", "schema_hash"}},
      {"another base", [](auto& b) { b.set_base_lsn(9); }, kPrecondition, {"people", "10", "9"}},
      {"base below the bottom", [](auto& b) { b.set_base_lsn(-2); }, kInvalid, {"base_lsn"}},
      {"commit speaks of more batches",
       [](auto& b) {
         b.mutable_commit()->set_batches(2);
         b.mutable_commit()->mutable_position()->set_lsn(20);
       },
       kPrecondition,
       {"people", "2"}},
      {"commit at -1",
       [](auto& b) {
         b.mutable_commit()->set_batches(1);
         b.mutable_commit()->mutable_position()->set_lsn(-1);
       },
       kInvalid,
       {"commit"}},
      {"seq 0", [](auto& b) { b.set_seq(0); }, kInvalid, {"seq"}},
      {"no target", [](auto& b) { b.clear_target(); }, kInvalid, {"target"}},
      {"a lineage of 65 bytes",
       [](auto& b) { b.mutable_target()->set_lineage(std::string(65, 'x')); },
       kInvalid,
       {"64"}},
      {"no operation", [](auto& b) { b.set_operation(v1::OPERATION_UNSPECIFIED); }, kInvalid, {"operation"}},
      {"an operation of the future",
       [](auto& b) { b.set_operation(static_cast<v1::Operation>(99)); },
       kInvalid,
       {"operation"}},
      {"no rows and no reason to be", rows({}), kInvalid, {"people"}},
      {"insert without a column", [](auto& b) { b.mutable_columns()->RemoveLast(); }, kInvalid, {"age"}},
      {"a column twice", [](auto& b) { *b.add_columns() = b.columns(1); }, kInvalid, {"name"}},
      {"a column that is not there", [](auto& b) { b.mutable_columns(1)->set_column(99); }, kInvalid, {"99"}},
      {"fewer values than rows",
       [](auto& b) { b.mutable_columns(0)->mutable_ints()->RemoveLast(); },
       kInvalid,
       {"id"}},
      {"more values than rows", [](auto& b) { b.mutable_columns(0)->add_ints(7); }, kInvalid, {"id"}},
      {"lengths beyond the data",
       [](auto& b) { b.mutable_columns(1)->set_lengths(0, 4'000'000'000U); },
       kInvalid,
       {"name"}},
      {"lengths short of the data",
       [](auto& b) { b.mutable_columns(1)->set_lengths(0, 0); },
       kInvalid,
       {"name"}},
      {"numbers for a text", [](auto& b) { b.mutable_columns(1)->add_ints(5); }, kInvalid, {"name"}},
      {"a null bitmap of another length",
       [](auto& b) { b.mutable_columns(1)->set_nulls(std::string(9, '\xff')); },
       kInvalid,
       {"name"}},
      {"NULL in the key", rows({{nullptr, "x", 1}}), kInvalid, {"id", "row 0"}},
      {"a key twice", rows({{7, "x", 1}, {8, "y", 1}, {7, "z", 1}}), kInvalid, {"people"}},
      {"out of range",
       rows({{7, "x", 1}, {8, "y", std::int64_t{3'000'000'000}}}),
       kInvalid,
       {"age", "row 1"}},
      {"not UTF-8", rows({{7, "x", 1}, {8, "\xff\xfe", 1}}), kInvalid, {"name", "row 1"}},
      {"NUL in a text", rows({{7, std::string("a\0b", 3), 1}}), kInvalid, {"name", "row 0"}},
      {"too many rows", rows(many), kExhausted, {"1000"}},
      {"too many values", rows(Rows(many.begin(), many.begin() + 700)), kExhausted, {"2000"}},
  };
  const std::vector<std::string> before = PeopleNow();
  for (const Case& test : cases) {
    SCOPED_TRACE(test.name);
    v1::ChangeBatch batch = Message(people_, Changes({{7, "x", 1}, {8, "y", 2}}));
    test.change(batch);
    const v1::BatchResult result = Send(*client, cycle, batch);
    EXPECT_EQ(StatusOfResult(result).code(), test.want) << result.message();
    for (const std::string& word : test.words) EXPECT_THAT(result.message(), HasSubstr(word));
    EXPECT_EQ(result.applied_seq(), 0U);
    EXPECT_EQ(PeopleNow(), before);
    EXPECT_EQ(here_->mirror().Lsn("people"), 10);
  }
  BatchSpec good = Changes({{7, "x", 1}});
  good.commit = kSecond;
  const v1::BatchResult result = Send(*client, cycle, Message(people_, good));
  EXPECT_EQ(result.code(), 0) << result.message();
  EXPECT_EQ(result.lsn(), 20);
  EXPECT_THAT(PeopleNow(), SizeIs(4));
}

TEST_F(CycleRulesTest, APartOfAColumnThatIsNotThereIsRefused) {
  Install();
  const auto client = Client();
  v1::RowDataRequest request;
  request.set_cycle(BeginFilled(*client));
  v1::ValuePart* const part = request.add_parts();
  part->set_table("people");
  part->set_value_id(7);
  part->set_data("x");
  for (const std::uint32_t column : {3U, UINT32_MAX}) {
    part->set_column(column);
    const absl::StatusOr<v1::RowDataResponse> answer = client->RowData(request);
    ASSERT_THAT(answer, IsOk());
    ASSERT_EQ(answer->results_size(), 1);
    EXPECT_THAT(
        StatusOfResult(answer->results(0)),
        StatusIs(absl::StatusCode::kInvalidArgument,
                 AllOf(HasSubstr(absl::StrCat("column index ", column, "; ")), HasSubstr("not stored"))));
  }
  part->set_column(1);
  const absl::StatusOr<v1::RowDataResponse> taken = client->RowData(request);
  ASSERT_THAT(taken, IsOk());
  for (const v1::BatchResult& result : taken->results()) EXPECT_EQ(result.code(), 0) << result.message();
}

TEST_F(CycleRulesTest, ACallOfAnotherCycleIsAbortedWhetherOlderOrNewer) {
  Install();
  const auto client = Client();
  const std::int64_t cycle = BeginFilled(*client);
  const v1::ChangeBatch batch = Message(people_, Changes({{7, "x", 1}}));
  for (const std::int64_t other : {cycle - 1, cycle + 1, std::int64_t{0}, std::int64_t{-1}}) {
    SCOPED_TRACE(other);
    constexpr auto kAborted = absl::StatusCode::kAborted;
    EXPECT_THAT(client->RowData(Request(other, {batch})), StatusIs(kAborted, HasSubstr("Authenticate")));
    EXPECT_THAT(client->TableSchema(Announcement(other, {people_})), StatusIs(kAborted));
    v1::WipeRequest wipe;
    wipe.set_cycle(other);
    wipe.set_table("people");
    EncodePosition(kSecond, wipe.mutable_target());
    EXPECT_THAT(client->Wipe(wipe), StatusIs(kAborted));
    EXPECT_THAT(Complete(*client, other), StatusIs(kAborted));
    absl::StatusOr<std::unique_ptr<RowStream>> stream = client->OpenRowStream();
    ASSERT_THAT(stream, IsOk());
    ASSERT_THAT((*stream)->Send(Request(other, {batch})), IsOk());
    EXPECT_THAT((*stream)->Receive(), StatusIs(kAborted));
  }
  EXPECT_THAT(PeopleNow(), SizeIs(3));
  EXPECT_EQ(Send(*client, cycle, batch).code(), 0);
}

TEST_F(CycleRulesTest, AUnaryCallWaitsForTheBatchBeforeIt) {
  Install();
  const auto client = Client();
  const std::int64_t cycle = BeginFilled(*client);
  BatchSpec last = Changes({{9, "third", 3}}, 3);
  last.commit = kSecond;
  auto third = std::async(std::launch::async, [&] { return Send(*client, cycle, Message(people_, last)); });
  auto second = std::async(std::launch::async, [&] {
    return Send(*client, cycle, Message(people_, Changes({{8, "second", 2}}, 2)));
  });
  const v1::BatchResult first = Send(*client, cycle, Message(people_, Changes({{7, "first", 1}}, 1)));
  EXPECT_EQ(first.code(), 0) << first.message();
  EXPECT_EQ(second.get().code(), 0);
  EXPECT_EQ(third.get().code(), 0);
  EXPECT_EQ(here_->mirror().Lsn("people"), 20);
  EXPECT_THAT(PeopleNow(), SizeIs(6));
}

TEST_F(CycleRulesTest, AGapThatNobodyFillsIsAbortedWithWhatWasApplied) {
  Install();
  const auto client = Client();
  const std::int64_t cycle = BeginFilled(*client);
  ASSERT_EQ(Send(*client, cycle, Message(people_, Changes({{7, "first", 1}}, 1))).code(), 0);
  const auto begin = std::chrono::steady_clock::now();
  const v1::BatchResult result = Send(*client, cycle, Message(people_, Changes({{9, "third", 3}}, 3)));
  const auto waited = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(StatusOfResult(result).code(), absl::StatusCode::kAborted) << result.message();
  EXPECT_EQ(result.applied_seq(), 1U);
  EXPECT_GE(waited, std::chrono::milliseconds(4'900));
  EXPECT_EQ(Send(*client, cycle, Message(people_, Changes({{8, "second", 2}}, 2))).code(), 0);
  EXPECT_EQ(Send(*client, cycle, Message(people_, Changes({{9, "third", 3}}, 3))).code(), 0);
}

TEST_F(CycleRulesTest, AStreamAnswersInOrderAndARefusedBatchLeavesItOpen) {
  Install();
  const auto client = Client();
  const std::int64_t cycle = BeginFilled(*client);
  absl::StatusOr<std::unique_ptr<RowStream>> stream = client->OpenRowStream();
  ASSERT_THAT(stream, IsOk());
  const std::vector<BatchSpec> specs = {
      Changes({{7, "one", 1}}, 1),
      Changes({{9, "three", 3}}, 3),  // A gap: refused at once.
      Changes({{8, "\xff", 2}}, 2),   // Not UTF-8.
      Changes({{9, "three", 3}}, 3),  // Behind a refused one.
      Changes({{8, "two", 2}}, 2),    // The same seq again: accepted.
      Changes({{9, "three", 3}}, 3),
      Changes({{7, "one again", 1}}, 1),  // Applied before: acknowledged, not applied.
  };
  for (const BatchSpec& spec : specs)
    ASSERT_THAT((*stream)->Send(Request(cycle, {Message(people_, spec)})), IsOk());
  std::vector<int> codes;
  std::vector<std::uint64_t> seqs, applied;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const absl::StatusOr<v1::RowDataResponse> answer = (*stream)->Receive();
    ASSERT_THAT(answer, IsOk());
    ASSERT_EQ(answer->results_size(), 1);
    codes.push_back(answer->results(0).code());
    seqs.push_back(answer->results(0).seq());
    applied.push_back(answer->results(0).applied_seq());
    EXPECT_EQ(answer->results(0).repeated_batch(), i == 6);
  }
  EXPECT_THAT(codes, ElementsAre(0, 10, 3, 10, 0, 0, 0));
  EXPECT_THAT(seqs, ElementsAre(1, 3, 2, 3, 2, 3, 1));
  EXPECT_THAT(applied, ElementsAre(1, 1, 1, 1, 2, 3, 3));
  EXPECT_THAT((*stream)->Finish(), IsOk());
  EXPECT_EQ(here_->mirror().Value("SELECT name FROM people WHERE id = 7"), "one");
}

TEST_F(CycleRulesTest, ACommitCannotOvertakeARefusedBatch) {
  Install();
  const auto client = Client();
  const std::int64_t cycle = BeginFilled(*client);
  ASSERT_NE(Send(*client, cycle, Message(people_, Changes({{7, "\xff", 1}}, 1))).code(), 0);
  BatchSpec commit = Changes({}, 2);
  commit.commit = kSecond;
  EXPECT_EQ(StatusOfResult(Send(*client, cycle, Message(people_, commit))).code(),
            absl::StatusCode::kAborted);
  commit.commit_batches = 1;
  EXPECT_NE(Send(*client, cycle, Message(people_, commit)).code(), 0);
  EXPECT_EQ(here_->mirror().Lsn("people"), 10);
}

TEST_F(CycleRulesTest, AStreamEndsWithAbortedWhenItsCycleEnds) {
  Install();
  const auto client = Client();
  const std::int64_t cycle = BeginFilled(*client);
  absl::StatusOr<std::unique_ptr<RowStream>> stream = client->OpenRowStream();
  ASSERT_THAT(stream, IsOk());
  ASSERT_THAT((*stream)->Send(Request(cycle, {Message(people_, Changes({{7, "one", 1}}, 1))})), IsOk());
  ASSERT_THAT((*stream)->Receive(), IsOk());
  const auto restarted = Client();
  Begin(*restarted);
  ASSERT_THAT((*stream)->Send(Request(cycle, {Message(people_, Changes({{8, "two", 1}}, 2))})), IsOk());
  EXPECT_THAT((*stream)->Receive(), StatusIs(absl::StatusCode::kAborted, HasSubstr("Authenticate")));
  EXPECT_THAT(PeopleNow(), SizeIs(4));
}

TEST_F(CycleRulesTest, AStreamInFullFlightEndsWithTheReasonWhileItsSourceWaits) {
  Install();
  const auto client = Client();
  const std::int64_t cycle = BeginFilled(*client);
  absl::StatusOr<std::unique_ptr<RowStream>> stream = client->OpenRowStream();
  ASSERT_THAT(stream, IsOk());
  for (std::uint64_t seq = 1; seq <= 4; ++seq) {
    ASSERT_THAT((*stream)->Send(Request(cycle, {Message(people_, Changes({{7, "x", 1}}, seq))})), IsOk());
  }
  for (int i = 0; i < 4; ++i) ASSERT_THAT((*stream)->Receive(), IsOk());
  EXPECT_GT(Begin(*client), cycle);

  ASSERT_THAT((*stream)->Send(Request(cycle, {Message(people_, Changes({{8, "x", 1}}, 5))})), IsOk());

  EXPECT_THAT((*stream)->Receive(),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("Begin a new cycle with Authenticate")));
  EXPECT_THAT((*stream)->Finish(), StatusIs(absl::StatusCode::kAborted));
}

TEST_F(CycleRulesTest, ABatchThatIsSentAgainIsAcknowledgedAndNotAppliedTwice) {
  Install();
  const auto client = Client();
  UseMirror(*client);
  const TableSchema keyless = Keyless();
  const std::int64_t cycle = Begin(*client);
  Announce(*client, cycle, {keyless});
  BatchSpec spec;
  spec.rows = {{"same", 1}, {"same", 1}};
  spec.populate = PopulateReason::kMinusOne;
  EXPECT_FALSE(Send(*client, cycle, Message(keyless, spec)).repeated_batch());
  const v1::BatchResult again = Send(*client, cycle, Message(keyless, spec));
  EXPECT_EQ(again.code(), 0) << again.message();
  EXPECT_TRUE(again.repeated_batch());
  spec.seq = 2;
  spec.populate = PopulateReason::kNone;
  spec.commit = kFirst;
  EXPECT_FALSE(Send(*client, cycle, Message(keyless, spec)).repeated_batch());
  EXPECT_TRUE(Send(*client, cycle, Message(keyless, spec)).repeated_batch());
  EXPECT_EQ(here_->mirror().RowCount("keyless"), 4);
  // The answer to ReplicationCompleted may be lost too.
  EXPECT_THAT(Complete(*client, cycle), IsOk());
  EXPECT_THAT(Complete(*client, cycle), IsOk());
}

TEST_F(CycleRulesTest, WhatIsCalledDurableIsThereAfterKill) {
  Install();
  auto client = Client();
  const std::int64_t cycle = BeginFilled(*client);
  BatchSpec spec = Changes({{7, "x", 1}});
  const v1::BatchResult first = Send(*client, cycle, Message(people_, spec));
  spec = Changes({{8, "y", 1}}, 2);
  spec.commit = kSecond;
  const v1::BatchResult second = Send(*client, cycle, Message(people_, spec));
  ASSERT_EQ(second.code(), 0);
  EXPECT_TRUE(second.durable());
  here_->Kill();
  EXPECT_EQ(here_->mirror().Lsn("people"), 20);
  EXPECT_THAT(PeopleNow(), SizeIs(5));
  ASSERT_THAT(here_->Start(), IsOk());
  client = Client();
  // The cycle was not ended by anybody: it goes on.
  EXPECT_TRUE(Send(*client, cycle, Message(people_, spec)).repeated_batch());
  EXPECT_THAT(Complete(*client, cycle), IsOk());
}

TEST_F(CycleRulesTest, ACommitDoesNotOverwriteAnLsnThatWasSetByHandMeanwhile) {
  Install();
  const auto client = Client();
  const std::int64_t cycle = BeginFilled(*client);
  ASSERT_EQ(Send(*client, cycle, Message(people_, Changes({{7, "x", 1}}))).code(), 0);
  ASSERT_EQ(here_->mirror().Execute("UPDATE Cust_mirroring SET lsn = -1"), "");
  BatchSpec spec = Changes({}, 2);
  spec.commit = kSecond;
  const v1::BatchResult result = Send(*client, cycle, Message(people_, spec));
  EXPECT_EQ(StatusOfResult(result).code(), absl::StatusCode::kFailedPrecondition) << result.message();
  EXPECT_EQ(result.lsn(), -1);
  EXPECT_EQ(here_->mirror().Lsn("people"), -1);
  const std::int64_t next = Begin(*client);
  EXPECT_EQ(Announce(*client, next, {people_}).front().position().lsn(), -1);
}

TEST_F(CycleRulesTest, PendingSaysWhereADeadCycleWasGoing) {
  Install();
  const auto client = Client();
  const std::int64_t cycle = BeginFilled(*client);
  ASSERT_EQ(Send(*client, cycle, Message(people_, Changes({{7, "x", 1}}))).code(), 0);
  const std::int64_t next = Begin(*client);
  const v1::TableStatus status = Announce(*client, next, {people_}).front();
  EXPECT_EQ(status.position().lsn(), 10);
  EXPECT_EQ(status.position().lineage(), "first");
  EXPECT_EQ(status.pending().lsn(), 20);
  EXPECT_EQ(status.pending().lineage(), "second");
  BatchSpec spec = Changes({});
  spec.target = {Lsn{30}, "third"};
  spec.commit = spec.target;
  ASSERT_EQ(Send(*client, next, Message(people_, spec)).code(), 0);
  ASSERT_THAT(Complete(*client, next), IsOk());
  const std::int64_t last = Begin(*client);
  EXPECT_FALSE(Announce(*client, last, {people_}).front().has_pending());
}

TEST_F(CycleRulesTest, OfTwoSimultaneousCyclesOneProceedsAndTheOtherIsToldWhoIsBusy) {
  Install();
  for (int round = 0; round < 5; ++round) {
    const std::string tenant = absl::StrCat("Cust-", round);
    const auto a = Client(tenant), b = Client(tenant);
    const auto begin = [](MirrorClient* client, const std::string& holder) {
      return client->Authenticate(holder, true, false).value();
    };
    auto other = std::async(std::launch::async, begin, a.get(), "holder-a");
    const v1::AuthenticateResponse of_b = begin(b.get(), "holder-b");
    const v1::AuthenticateResponse of_a = other.get();
    ASSERT_NE(of_a.accepted(), of_b.accepted());
    const v1::AuthenticateResponse& winner = of_a.accepted() ? of_a : of_b;
    const v1::AuthenticateResponse& loser = of_a.accepted() ? of_b : of_a;
    EXPECT_EQ(loser.busy().cycle(), winner.cycle());
    EXPECT_EQ(loser.busy().holder(), of_a.accepted() ? "holder-a" : "holder-b");
    EXPECT_GT(loser.busy().since_ms(), 0);
    EXPECT_THAT(loser.reason(),
                AllOf(HasSubstr("has been running since 20"), HasSubstr("no progress for 600 s"),
                      HasSubstr(absl::StrCat("'mirrorctl resume ", tenant, "'"))));
    EXPECT_EQ(loser.cycle(), 0);
  }
}

TEST_F(CycleRulesTest, OnlyTheSameHolderTakesACycleOver) {
  Install();
  const auto client = Client();
  const std::int64_t cycle = Begin(*client, "mine", false);
  Announce(*client, cycle, {people_});
  for (const auto& [holder, take_over] : std::vector<std::pair<std::string, bool>>{
           {"other", true}, {"other", false}, {"mine", false}, {"", true}, {"MINE", true}}) {
    SCOPED_TRACE(holder);
    const absl::StatusOr<v1::AuthenticateResponse> admission = client->Authenticate(holder, take_over, false);
    ASSERT_THAT(admission, IsOk());
    EXPECT_FALSE(admission->accepted());
    EXPECT_EQ(admission->busy().holder(), "mine");
  }
  const std::int64_t next = Begin(*client, "mine", true);
  EXPECT_GT(next, cycle);
  EXPECT_THAT(Complete(*client, cycle), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(Complete(*client, next), IsOk());
}

TEST_F(CycleRulesTest, AProbeBeginsNoCycleAndMakesNoTenant) {
  Install();
  const auto stranger = Client("Cust-never");
  EXPECT_THAT(stranger->Authenticate("x", false, true), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_FALSE(std::filesystem::exists(here_->mirror_path("Cust-never")));
  const auto client = Client();
  const std::int64_t cycle = Begin(*client);
  const absl::StatusOr<v1::AuthenticateResponse> probe = client->Authenticate("x", false, true);
  ASSERT_THAT(probe, IsOk());
  EXPECT_FALSE(probe->accepted());
  EXPECT_EQ(probe->cycle(), 0);
  EXPECT_THAT(Complete(*client, cycle), IsOk());
}

TEST_F(CycleRulesTest, ACycleWithoutProgressEndsAfterItsTime) {
  InstallationOptions options;
  options.settings = {{"limits", "cycle_idle", "\"1s\""}};
  Install(options);
  const auto client = Client();
  const std::int64_t cycle = Begin(*client, "first", false);
  // Asked again and again, until the silent one lost its place.
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::int64_t next = 0;
  while (next == 0 && std::chrono::steady_clock::now() < deadline) {
    const absl::StatusOr<v1::AuthenticateResponse> admission = client->Authenticate("second", false, false);
    ASSERT_THAT(admission, IsOk());
    if (admission->accepted()) next = admission->cycle();
  }
  EXPECT_GE(next, cycle + 1'000);
  EXPECT_THAT(client->TableSchema(Announcement(cycle, {people_})), StatusIs(absl::StatusCode::kAborted));
}

TEST_F(CycleRulesTest, AnAnnouncementIsRepeatedFreelyAndChangedOnlyBeforeTheFirstBatch) {
  Install();
  const auto client = Client();
  UseMirror(*client);
  const std::int64_t cycle = Begin(*client);
  const v1::TableSchemaRequest request = Announcement(cycle, {people_});
  const absl::StatusOr<v1::TableSchemaResponse> first = client->TableSchema(request);
  const absl::StatusOr<v1::TableSchemaResponse> repeated = client->TableSchema(request);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(repeated, IsOk());
  EXPECT_EQ(first->SerializeAsString(), repeated->SerializeAsString());
  EXPECT_EQ(first->tables(0).action(), v1::TABLE_ACTION_CREATED);
  EXPECT_THAT(client->TableSchema(Announcement(cycle, {people_, Pairs()})), IsOk());
  ASSERT_EQ(Send(*client, cycle, Population(people_, {{1, "Ada", 36}}, kFirst)).code(), 0);
  EXPECT_THAT(client->TableSchema(Announcement(cycle, {people_, Pairs()})), IsOk());
  EXPECT_THAT(client->TableSchema(Announcement(cycle, {people_})),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("next")));
  EXPECT_THAT(here_->mirror().Tables(), ElementsAre("pairs", "people"));
}

TEST_F(CycleRulesTest, RowsThatTheMirrorDoesNotHaveAreNamedAndSentWhole) {
  Install();
  const auto client = Client();
  FakeSource source;
  source.CreateTable(people_);
  for (int i = 0; i < 300; ++i) source.Put("people", {i, "name", i});
  Mirror(source, *client);
  ASSERT_EQ(here_->mirror().Execute("DELETE FROM people WHERE id IN (3, 150, 151, 299)"), "");
  for (int i = 0; i < 300; ++i) source.Update("people", {i}, {{"name", "changed"}});
  for (const bool stream : {false, true}) {
    FakeCycleOptions options;
    options.stream = stream;
    const FakeCycleReport report = source.RunCycle(*client, options);
    EXPECT_TRUE(report.AllDone()) << report.Summary();
    EXPECT_EQ(Difference(source, here_->mirror()), "") << report.Summary();
    EXPECT_EQ(report.tables.at("people").inserts, 4U);
    ASSERT_EQ(here_->mirror().Execute("DELETE FROM people WHERE id IN (1, 100, 101, 298)"), "");
    for (int i = 0; i < 300; ++i) source.Update("people", {i}, {{"age", 99}});
  }

  Mirror(source, *client, {.populate_all = true});

  // By hand: whole or not at all, and the result names the rows of the batch.
  const std::int64_t cycle = Begin(*client);
  v1::TableSchemaRequest announcement = Announcement(cycle, {people_});
  announcement.set_source_id(source.source_id());
  const absl::StatusOr<v1::TableSchemaResponse> announced = client->TableSchema(announcement);
  ASSERT_THAT(announced, IsOk());
  const v1::TableStatus status = announced->tables(0);
  BatchSpec spec;
  spec.operation = Operation::kUpdate;
  spec.columns = {"id", "name"};
  spec.rows = {{1, "lost"}, {1'000, "lost"}, {2, "lost"}, {1'001, "lost"}};
  spec.base_lsn = status.position().lsn();
  const v1::BatchResult result = Send(*client, cycle, Message(people_, spec));
  EXPECT_EQ(StatusOfResult(result).code(), absl::StatusCode::kFailedPrecondition) << result.message();
  EXPECT_THAT(result.missing().rows(), ElementsAre(1, 3));
  EXPECT_FALSE(result.missing().more());
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM people WHERE name = 'lost'"), "0");
}

TEST_F(CycleRulesTest, MoreThanAThousandMissingRowsStopTheTableAndTheNextCyclePopulatesIt) {
  Install();
  const auto client = Client();
  FakeSource source;
  source.CreateTable(people_);
  for (int i = 0; i < 1'200; ++i) source.Put("people", {i, "name", i});
  FakeCycleOptions options;
  options.batch_rows = 2'000;
  Mirror(source, *client, options);
  ASSERT_EQ(here_->mirror().Execute("DELETE FROM people WHERE id < 1001"), "");
  for (int i = 0; i < 1'200; ++i) source.Update("people", {i}, {{"name", "changed"}});
  const FakeCycleReport stopped = source.RunCycle(*client, options);
  EXPECT_EQ(stopped.end, FakeCycleReport::End::kCompleted) << stopped.Summary();
  EXPECT_THAT(stopped.tables.at("people").error, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(here_->mirror().Lsn("people"), -1);
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM people WHERE name = 'changed'"), "0");
  EXPECT_THAT(Events("table.rows_missing"), SizeIs(1));
  const FakeCycleReport report = Mirror(source, *client, options);
  EXPECT_EQ(report.tables.at("people").populate, PopulateReason::kMinusOne);
}

TEST_F(CycleRulesTest, OneTableThatFailsDoesNotStopTheOthersOfItsRequest) {
  Install();
  const auto client = Client();
  UseMirror(*client);
  const TableSchema a = People("a"), b = People("b"), c = People("c");
  const std::int64_t cycle = Begin(*client);
  Announce(*client, cycle, {a, b, c});
  const absl::StatusOr<v1::RowDataResponse> answer = client->RowData(
      Request(cycle, {Population(a, {{1, "x", 1}}, kFirst), Population(b, {{1, "\xff", 1}}, kFirst),
                      Population(c, {{1, "x", 1}}, kFirst)}));
  ASSERT_THAT(answer, IsOk());
  ASSERT_EQ(answer->results_size(), 3);
  EXPECT_EQ(answer->results(0).code(), 0);
  EXPECT_EQ(answer->results(1).code(), 3) << answer->results(1).message();
  EXPECT_EQ(answer->results(2).code(), 0);
  const MirrorFile mirror = here_->mirror();
  EXPECT_EQ(mirror.Lsn("a"), 10);
  EXPECT_EQ(mirror.Lsn("b"), -1);
  EXPECT_EQ(mirror.Lsn("c"), 10);
}

TEST_F(CycleRulesTest, APartnersUniqueIndexThatRefusesABatchIsNamed) {
  Install();
  const auto client = Client();
  const std::int64_t cycle = BeginFilled(*client);
  ASSERT_EQ(here_->mirror().Execute("CREATE UNIQUE INDEX one_name ON people (name)"), "");
  const v1::BatchResult result =
      Send(*client, cycle, Message(people_, Changes({{7, "x", 1}, {8, "Ada", 1}})));
  EXPECT_EQ(StatusOfResult(result).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(result.message(), AllOf(HasSubstr("people"), HasSubstr("one_name")));
  EXPECT_THAT(PeopleNow(), SizeIs(3));
}

TEST_F(CycleRulesTest, InsertOverwritesDeleteOfNothingIsNoErrorAndAnEmptyCommitOnlyMovesTheLsn) {
  Install();
  const auto client = Client();
  const std::int64_t cycle = BeginFilled(*client);
  EXPECT_EQ(Send(*client, cycle, Message(people_, Changes({{1, "Eva", nullptr}}, 1))).code(), 0);
  BatchSpec gone = Changes({{3}, {77}}, 2);
  gone.operation = Operation::kDelete;
  EXPECT_EQ(Send(*client, cycle, Message(people_, gone)).code(), 0);
  EXPECT_THAT(PeopleNow(), ElementsAre("integer:1 | text:Eva", "integer:2 | text:Bob"));
  BatchSpec commit = Changes({}, 3);
  commit.commit = kSecond;
  EXPECT_EQ(Send(*client, cycle, Message(people_, commit)).lsn(), 20);
  EXPECT_THAT(PeopleNow(), SizeIs(2));
}

TEST_F(CycleRulesTest, BeforeItsLastBatchAPopulationHasNoLsnAndNoVisibleRow) {
  Install();
  const auto client = Client();
  UseMirror(*client);
  const std::int64_t cycle = Begin(*client);
  Announce(*client, cycle, {people_});
  for (int i = 1; i <= 50; ++i) {
    BatchSpec spec;
    spec.seq = static_cast<std::uint64_t>(i);
    spec.rows = {{i, "name", i}};
    if (i == 1) spec.populate = PopulateReason::kMinusOne;
    if (i == 50) spec.commit = kFirst;
    EXPECT_EQ(here_->mirror().Lsn("people"), -1);
    EXPECT_EQ(here_->mirror().RowCount("people"), 0);
    const v1::BatchResult result = Send(*client, cycle, Message(people_, spec));
    ASSERT_EQ(result.code(), 0) << result.message();
  }
  EXPECT_EQ(here_->mirror().Lsn("people"), 10);
  EXPECT_EQ(here_->mirror().RowCount("people"), 50);
}

TEST_F(CycleRulesTest, ATableAtMinusOneTakesOnlyAPopulation) {
  Install();
  const auto client = Client();
  const std::int64_t cycle = Begin(*client);
  Announce(*client, cycle, {people_});
  BatchSpec spec;
  spec.rows = {{1, "x", 1}};
  spec.commit = kFirst;
  const v1::BatchResult result = Send(*client, cycle, Message(people_, spec));
  EXPECT_EQ(StatusOfResult(result).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(result.message(), HasSubstr("populate"));
  EXPECT_EQ(here_->mirror().RowCount("people"), 0);
}

TEST_F(CycleRulesTest, ARequestOverTheLimitIsRefusedAndTheServerServesTheNextCall) {
  InstallationOptions options;
  options.settings = {{"limits", "message_bytes_max", "\"1MiB\""}};
  Install(options);
  const auto client = Client();
  const std::int64_t cycle = BeginFilled(*client);
  BatchSpec large = Changes({{7, std::string(2 << 20, 'x'), 1}});
  EXPECT_THAT(client->RowData(Request(cycle, {Message(people_, large)})),
              StatusIs(absl::StatusCode::kResourceExhausted));
  absl::StatusOr<std::unique_ptr<RowStream>> stream = client->OpenRowStream();
  ASSERT_THAT(stream, IsOk());
  // The stream may end before the message is out.
  (*stream)->Send(Request(cycle, {Message(people_, large)})).IgnoreError();
  EXPECT_THAT((*stream)->Receive(), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(Send(*client, cycle, Message(people_, Changes({{7, "x", 1}}))).code(), 0);
}

TEST_F(CycleRulesTest, ATenantHasOnlySoManyStreams) {
  Install();
  const auto client = Client();
  const std::int64_t cycle = BeginFilled(*client);
  std::vector<std::unique_ptr<RowStream>> streams;
  for (int i = 0; i < 4; ++i) {
    streams.push_back(client->OpenRowStream().value());
    ASSERT_THAT(streams.back()->Send(Request(cycle, {})), IsOk());
    ASSERT_THAT(streams.back()->Receive(), IsOk());
  }
  auto fifth = client->OpenRowStream().value();
  fifth->Send(Request(cycle, {})).IgnoreError();
  EXPECT_THAT(fifth->Receive(), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("4")));
  // Another tenant is not concerned, and one that ends makes room.
  const auto other = Client("Cust-other");
  const std::int64_t other_cycle = Begin(*other);
  auto of_other = other->OpenRowStream().value();
  ASSERT_THAT(of_other->Send(Request(other_cycle, {})), IsOk());
  EXPECT_THAT(of_other->Receive(), IsOk());
  ASSERT_THAT(streams.back()->Finish(), IsOk());
  streams.pop_back();
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  absl::Status last;
  do {
    auto again = client->OpenRowStream().value();
    again->Send(Request(cycle, {})).IgnoreError();
    last = again->Receive().status();
  } while (!last.ok() && std::chrono::steady_clock::now() < deadline);
  EXPECT_THAT(last, IsOk());
}

TEST_F(CycleRulesTest, TooManyTablesAreRefusedAltogetherAndTooManyColumnsForTheirTable) {
  InstallationOptions options;
  options.settings = {{"limits", "tables_max", "3"}, {"limits", "columns_max", "5"}};
  Install(options);
  const auto client = Client();
  UseMirror(*client);
  const std::int64_t cycle = Begin(*client);
  EXPECT_THAT(client->TableSchema(Announcement(cycle, {People("a"), People("b"), People("c"), People("d")})),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("3")));
  EXPECT_THAT(here_->mirror().Tables(), IsEmpty());
  TableSchema wide = People("wide");
  for (int i = 0; i < 3; ++i) wide.columns.push_back(PlainColumn(absl::StrCat("c", i), Type::kText));
  const std::vector<v1::TableStatus> answer = Announce(*client, cycle, {People("a"), wide});
  EXPECT_TRUE(answer[0].wanted());
  EXPECT_FALSE(answer[1].wanted());
  EXPECT_EQ(answer[1].action(), v1::TABLE_ACTION_REFUSED);
  EXPECT_THAT(answer[1].reason(), AllOf(HasSubstr("wide"), HasSubstr("5")));
  EXPECT_THAT(here_->mirror().Tables(), ElementsAre("a"));
}

TEST_F(CycleRulesTest, CompletedSaysWhetherTheCountsAreEqual) {
  Install();
  const auto client = Client();
  const std::int64_t cycle = BeginFilled(*client);
  v1::ReplicationCompletedRequest request;
  request.set_cycle(cycle);
  v1::TableSummary* summary = request.add_tables();
  summary->set_table("people");
  summary->set_row_count(4);
  request.add_tables()->set_table("people");
  summary = request.add_tables();
  summary->set_table("strangers");
  summary->set_row_count(4);
  const absl::StatusOr<v1::ReplicationCompletedResponse> answer = client->ReplicationCompleted(request);
  ASSERT_THAT(answer, IsOk());
  ASSERT_EQ(answer->tables_size(), 3);
  EXPECT_EQ(answer->tables(0).comparison(), v1::COMPARISON_DIFFERS);
  EXPECT_THAT(answer->tables(0).reason(), AllOf(HasSubstr("3"), HasSubstr("4")));
  EXPECT_EQ(answer->tables(1).comparison(), v1::COMPARISON_UNCHECKED);
  EXPECT_EQ(answer->tables(2).comparison(), v1::COMPARISON_UNCHECKED);
  EXPECT_THAT(Events("table.differs"), SizeIs(1));
}

}  // namespace
}  // namespace mirror::cycle_rules_test
