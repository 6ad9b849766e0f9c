// One cycle whose calls go to several servers in turn: what one keeps in memory must not be what another one
// has changed since.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/shared_clock.h"
#include "server/plan/tenant_rules.h"
#include "tests/server/tenant/servers_bench.h"

namespace mirror::servers_cycle_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr absl::StatusCode kAborted = absl::StatusCode::kAborted;
constexpr absl::StatusCode kFailedPrecondition = absl::StatusCode::kFailedPrecondition;

Position LineAt(std::int64_t lsn) { return {Lsn{lsn}, absl::StrCat("at ", lsn)}; }

class ServersCycle : public ServersBench {
 protected:
  /// One batch that takes `people` from one position to the next.
  static BatchSpec Step(Operation operation, Rows rows, std::int64_t from, std::int64_t to) {
    return {.operation = operation,
            .rows = std::move(rows),
            .base_lsn = from,
            .target = LineAt(to),
            .commit = LineAt(to)};
  }
  /// `people` with Ada at LSN 5, in a cycle of one server that is over.
  void MirrorAt(std::size_t server) { At(server).Mirror(People(), {{1, "Ada", 36}}, LineAt(5)); }
  absl::StatusOr<RangeDigest> DigestAt(std::size_t server, const Position& position) {
    SourceCalls& calls = At(server);
    auto reading = tenant().Read(calls.caller, calls.cycle, "people", position, calls.now);
    if (!reading.ok()) return reading.status();
    const TableSchema kept = KeptForm(*reading->table.schema);
    auto digests = reading->snapshot->Digest(kept, PlainColumns(kept), {}, [] { return true; });
    if (!digests.ok()) return digests.status();
    return digests->front();
  }
};

class ServersCycleOf : public ServersCycle, public testing::WithParamInterface<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Servers, ServersCycleOf, testing::Values(2, 3));

TEST_P(ServersCycleOf, EachCallOfACycleGoesToAnotherServer) {
  StartServers(GetParam());
  Next().Begin();
  for (std::size_t i = 0; i < GetParam(); ++i) {
    ASSERT_THAT(Next().Announce({People(), Pairs()}), IsOk()) << "the same once more";
  }
  const auto populate = [&](std::uint64_t seq, Rows rows) {
    BatchSpec spec{.rows = std::move(rows), .seq = seq, .target = LineAt(5)};
    if (seq == 1) spec.populate = PopulateReason::kRequested;
    if (seq == 3) spec.commit = LineAt(5);
    return Next().Send(People(), spec);
  };
  EXPECT_THAT(populate(1, {{1, "Ada", 36}}).status, IsOk());
  EXPECT_THAT(populate(2, {{2, "Grace", 45}}).status, IsOk());
  EXPECT_TRUE(populate(2, {{2, "Grace", 45}}).repeated) << "its answer was lost, and another server is asked";
  EXPECT_THAT(populate(3, {{3, "Joan", 20}}).status, IsOk());
  Next().Populate(Pairs(), {{1, "b", "v"}}, LineAt(5));
  ASSERT_THAT(Next().Complete(), IsOk());
  ASSERT_THAT(Next().Complete(), IsOk()) << "the same once more";
  EXPECT_EQ(RowsNow(), "1 Ada 36; 2 Grace 45; 3 Joan 20");

  Next().Begin();
  ASSERT_THAT(Next().Announce({People(), Pairs()}), IsOk());
  const auto send = [&](const BatchSpec& spec) { return Next().Send(People(), spec).status; };
  BatchSpec insert = Step(Operation::kInsert, {{4, "Edith", 50}}, 5, 8);
  insert.commit.reset();
  EXPECT_THAT(send(insert), IsOk());
  BatchSpec update = Step(Operation::kUpdate, {{1, 37}}, 5, 8);
  update.columns = {"id", "age"};
  update.seq = 2;
  update.commit.reset();
  EXPECT_THAT(send(update), IsOk());
  BatchSpec remove = Step(Operation::kDelete, {{2}}, 5, 8);
  remove.seq = 3;
  EXPECT_THAT(send(remove), IsOk());
  std::vector<RangeDigest> digests;
  for (std::size_t i = 0; i < GetParam(); ++i) {
    const auto digest = DigestAt(i, LineAt(8));
    ASSERT_THAT(digest, IsOk());
    EXPECT_EQ(digest->rows, 3U);
    EXPECT_EQ(digest->sum, digests.empty() ? digest->sum : digests.front().sum);
    digests.push_back(*digest);
  }
  const auto verdicts = Next().Complete({{.table = "people",
                                          .inserts = 1,
                                          .updates = 1,
                                          .deletes = 1,
                                          .row_count = 3,
                                          .digest = digests.front().sum}});
  ASSERT_THAT(verdicts, IsOk());
  ASSERT_THAT(*verdicts, SizeIs(1));
  EXPECT_EQ(verdicts->front().comparison, Comparison::kEqual) << verdicts->front().reason;
  EXPECT_EQ(RowsNow(), "1 Ada 37; 3 Joan 20; 4 Edith 50");
  EXPECT_EQ(LsnOf("people"), 8);

  for (const char* const bad : {"cycle.failed", "mirror.unavailable", "mirror.damaged", "mirror.went_back"})
    EXPECT_THAT(Kinds(), Not(Contains(bad)));
}

TEST_F(ServersCycle, PartsOfOneValueComeByTwoServers) {
  StartServers(2);
  MirrorAt(0);
  Next().Begin();
  ASSERT_THAT(Next().Announce({People()}), IsOk());
  const auto send = [&](std::uint64_t offset, const std::string& data) {
    SourceCalls& calls = Next();
    EXPECT_THAT(tenant().Agreed(calls.caller, "people", ""), IsOk());
    RowRequest request;
    request.cycle = calls.cycle;
    request.parts.push_back({"people", 7, offset, data});
    const RowAnswer answer = tenant().Apply(calls.caller, request, false, calls.now);
    return answer.ok() && !answer->empty() ? answer->front().status : answer.status();
  };
  EXPECT_THAT(send(0, "Hedy"), IsOk());
  EXPECT_THAT(send(4, " Lam"), IsOk());
  EXPECT_THAT(send(8, "arr"), IsOk());

  EXPECT_THAT(
      Next().Send(People(), Step(Operation::kInsert, {{2, Large(7, 11, Kind::kText), 30}}, 5, 6)).status,
      IsOk());
  EXPECT_EQ(RowsNow(), "1 Ada 36; 2 Hedy Lamarr 30");
}

TEST_F(ServersCycle, AWipeAtOneServerIsWhatTheOtherPopulates) {
  StartServers(2);
  MirrorAt(0);
  At(0).Begin();
  ASSERT_THAT(At(0).Announce({People()}), IsOk());
  SourceCalls& calls = At(1);
  const auto wiped =
      tenant().Wipe(calls.caller, calls.cycle, "people", LineAt(6), PopulateReason::kRequested, calls.now);
  ASSERT_THAT(wiped, IsOk());
  ASSERT_THAT(wiped->status, IsOk());
  EXPECT_EQ(RowsNow(), "1 Ada 36") << "until the new ones are there";
  const BatchSpec last{.rows = {{9, "Nine", 9}}, .seq = 2, .target = LineAt(6), .commit = LineAt(6)};
  EXPECT_THAT(At(0).Send(People(), last).status, IsOk());
  ASSERT_THAT(At(1).Complete(), IsOk());
  EXPECT_EQ(RowsNow(), "9 Nine 9");
}

// --- What one server keeps in memory ---

TEST_F(ServersCycle, WhatAnotherServerAgreedAnewIsTheDefinitionOfAllCalls) {
  StartServers(2);
  MirrorAt(0);
  At(0).Begin();
  ASSERT_THAT(At(0).Announce({People(), Pairs()}), IsOk());
  EXPECT_THAT(tenant().Agreed(At(0).caller, "people", SchemaHash(People())), IsOk());
  TableSchema wider = People();
  wider.columns.push_back(PlainColumn("town", Type::kText));
  ASSERT_THAT(At(1).Announce({wider, Pairs()}), IsOk());

  SourceCalls& calls = At(0);
  const auto agreed = tenant().Agreed(calls.caller, "people", "");
  ASSERT_THAT(agreed, IsOk());
  EXPECT_EQ(agreed->hash, SchemaHash(wider));
  // It writes what others keep in memory, and reads no definition for that.
  EXPECT_THAT(calls.Send(Pairs(), {.rows = {{1, "b", "v"}}, .schema_hash = "no such"}).status,
              StatusIs(kFailedPrecondition));
  EXPECT_THAT(calls
                  .Send(wider, {.rows = {{1, "Ada", 36, nullptr}, {2, "Grace", 45, "New York"}},
                                .populate = PopulateReason::kMinusOne,
                                .target = LineAt(6),
                                .commit = LineAt(6)})
                  .status,
              IsOk());
  EXPECT_EQ(RowsNow("id || ' ' || coalesce(town, '-')"), "1 -; 2 New York");
  EXPECT_THAT(DigestAt(0, LineAt(6)), IsOk());
  EXPECT_THAT(DigestAt(1, LineAt(6)), IsOk());
}

TEST_F(ServersCycle, EachTellsASourceOfTablesThatTheOneBeforeItSent) {
  StartServers(2);
  MirrorAt(0);
  At(0).source_id = "another";
  At(0).Begin();
  EXPECT_EQ(At(0).Announced(People()).action, SchemaAction::kHeld);
  ASSERT_THAT(At(1).Complete(), IsOk());
  ASSERT_THAT(tenant().AcceptSource(now()), IsOk());
  TableSchema wider = People();
  wider.columns[2].type = Type::kInt64;
  for (const std::size_t server : {0U, 1U}) {
    At(server).Begin("holder", /*take_over=*/true);
    const TableAnswer told = At(1 - server).Announced(wider);
    EXPECT_TRUE(told.source_accepted) << told.reason;
    EXPECT_EQ(told.position, LineAt(5));
  }
  // A population ends that.
  At(0).Populate(wider, {{1, "Ada", 37}}, LineAt(6));
  At(1).Begin("holder", /*take_over=*/true);
  EXPECT_FALSE(At(0).Announced(wider).source_accepted);
  ASSERT_THAT(At(1).Complete(), IsOk());
  EXPECT_FALSE(tenant().Info()->record.source_accepted);
}

TEST_F(ServersCycle, WhatWasRefusedInACycleIsForgottenWithIt) {
  StartServers(2);
  MirrorAt(0);
  At(0).Begin();
  ASSERT_THAT(At(0).Announce({People()}), IsOk());
  const BatchSpec wrong = Step(Operation::kInsert, {{2, "Grace", 45}}, 3, 6);
  EXPECT_FALSE(At(0).Send(People(), wrong).status.ok());
  // Another server knows of it, too.
  BatchSpec behind = Step(Operation::kInsert, {{2, "Grace", 45}}, 5, 6);
  behind.seq = 2;
  EXPECT_FALSE(At(1).Send(People(), behind).status.ok());
  ASSERT_THAT(At(1).Complete(), IsOk());

  At(1).Begin();
  ASSERT_THAT(At(1).Announce({People()}), IsOk());
  EXPECT_THAT(At(0).Send(People(), Step(Operation::kInsert, {{2, "Grace", 45}}, 5, 6)).status, IsOk());
  ASSERT_THAT(At(0).Complete(), IsOk());
  EXPECT_EQ(RowsNow(), "1 Ada 36; 2 Grace 45");
}

TEST_F(ServersCycle, WhatAnOperatorDidAtAnotherServerCounts) {
  StartServers(2);
  MirrorAt(0);
  At(0).Begin();
  ASSERT_THAT(At(0).Announce({People()}), IsOk());
  At(1);
  ASSERT_THAT(tenant().Invalidate({}, now()), IsOk());

  EXPECT_THAT(At(0).Send(People(), Step(Operation::kInsert, {{2, "Grace", 45}}, 5, 6)).status,
              StatusIs(kAborted));
  At(0).Begin();
  EXPECT_EQ(At(0).Announced(People()).position.lsn, Lsn{}) << "it is to be populated";
  At(1);
  ASSERT_THAT(tenant().Reset({"people"}, now()), IsOk());
  ASSERT_THAT(tenant().Pause("for a while", now()), IsOk());
  const auto admission = At(0).Authenticate();
  ASSERT_THAT(admission, IsOk());
  EXPECT_EQ(admission->reason, "for a while");
}

TEST_F(ServersCycle, IndexesAreMadeByWhoeverEndsTheCycle) {
  IndexRules rules;
  rules.configured.push_back({.table = "people", .index = {.name = "by_age", .columns = {{.name = "age"}}}});
  options_.tenant.indexes->Set(rules);
  StartServers(2);
  const auto indexes = [&] {
    return Ask("SELECT count(*) FROM pg_indexes WHERE schemaname = 'Mirror_Cust' AND tablename = 'people'");
  };
  // One that has nothing to do is not due any more.
  At(0).Begin();
  ASSERT_THAT(At(0).Announce({Pairs()}), IsOk());
  At(0).Populate(Pairs(), {{1, "b", "v"}}, LineAt(5));
  ASSERT_THAT(At(0).Complete(), IsOk());

  At(1).Begin();
  ASSERT_THAT(At(1).Announce({People(), Pairs()}), IsOk());
  At(1).Populate(People(), {{1, "Ada", 36}}, LineAt(6));
  const std::int64_t before = indexes();
  ASSERT_THAT(At(0).Complete(), IsOk());
  EXPECT_EQ(indexes(), before + 1);
}

TEST_F(ServersCycle, AReadingThatGoesOnKeepsItsCycleAliveEverywhere) {
  StartServers(2);
  MirrorAt(0);
  At(0).Begin();
  ASSERT_THAT(At(0).Announce({People()}), IsOk());
  const std::int64_t began = now(), cycle = At(0).cycle;
  ASSERT_THAT(DigestAt(1, LineAt(5)), IsOk());
  for (std::int64_t s = 0; s <= 900; s += 10) tenant().ReadOn(cycle, began + s * 1'000, StillTime());

  SourceCalls& calls = At(0);
  calls.now = began + 905'000;
  EXPECT_THAT(calls.Send(People(), Step(Operation::kInsert, {{2, "Grace", 45}}, 5, 6)).status, IsOk());
  At(1).now = began + 905'000 + 601'000;
  EXPECT_THAT(At(1).Complete(), StatusIs(kAborted, HasSubstr("no progress")));
}

TEST_F(ServersCycle, TheEndOfACycleAtTwoServersAtOnceIsTheEndAtBoth) {
  StartServers(2);
  for (int round = 0; round < 20; ++round) {
    At(0).Begin();
    ASSERT_THAT(At(0).Announce({People()}), IsOk());
    SourceCalls first(*TenantAt(0), "Cust"), second(*TenantAt(1), "Cust");
    for (SourceCalls* const calls : {&first, &second}) calls->cycle = At(0).cycle;
    for (SourceCalls* const calls : {&first, &second}) calls->now = now();
    std::thread other([&] { EXPECT_THAT(second.Complete(), IsOk()); });
    EXPECT_THAT(first.Complete(), IsOk());
    other.join();
  }
}

// --- A server that stops ---

TEST_F(ServersCycle, ACycleOutlivesTheServerThatServedIt) {
  StartServers(2);
  MirrorAt(0);
  At(0).Begin();
  ASSERT_THAT(At(0).Announce({People()}), IsOk());
  BatchSpec first = Step(Operation::kInsert, {{2, "Grace", 45}}, 5, 7);
  first.commit.reset();
  EXPECT_THAT(At(0).Send(People(), first).status, IsOk());
  At(1);
  TenantsOf(0).EndCycles();
  BatchSpec next = Step(Operation::kInsert, {{3, "Joan", 20}}, 5, 7);
  next.seq = 2;
  EXPECT_THAT(At(1).Send(People(), next).status, IsOk());
  ASSERT_THAT(At(1).Complete(), IsOk());
  EXPECT_EQ(RowsNow(), "1 Ada 36; 2 Grace 45; 3 Joan 20");
  EXPECT_THAT(Kinds(), Not(Contains("cycle.ended")));
}

TEST_F(ServersCycle, ACycleWhoseServerDiedBeforeAnybodyHeardOfItIsEndedByAnother) {
  StartServers(3);
  MirrorAt(0);
  for (const std::size_t other : {1, 2}) TenantsOf(other).AllKnown();
  At(0).now = NowMs();
  At(0).Begin();
  TenantsOf(1).EndIdleCycles(/*of_others=*/true);
  EXPECT_EQ(Ask("SELECT count(*) FROM \"Mirror_Cust\"._mirror_tenant WHERE active"), 1)
      << "it is not idle yet";
  Do("UPDATE \"Mirror_Cust\"._mirror_tenant SET progress_ms = progress_ms - 700000; CREATE SCHEMA "
     "\"Mirror_Alien\"; CREATE TABLE \"Mirror_Alien\"._mirror_tenant (a int)");
  TenantsOf(2).EndIdleCycles(/*of_others=*/false);
  EXPECT_EQ(Ask("SELECT count(*) FROM \"Mirror_Cust\"._mirror_tenant WHERE active"), 1)
      << "that is another's";
  TenantsOf(2).EndIdleCycles(/*of_others=*/true);
  EXPECT_EQ(Ask("SELECT count(*) FROM \"Mirror_Cust\"._mirror_tenant WHERE active"), 0);
  EXPECT_THAT(servers_[2]->catalog.Messages("cycle.failed"), HasSubstr("made no progress for 600 s"));
}

TEST_F(ServersCycle, TheSizeOfAMirrorStandsInItsSummary) {
  StartServers(1);
  MirrorAt(0);
  const std::shared_ptr<const TenantSummary> summary = tenant().shared_summary();
  ASSERT_NE(summary, nullptr);
  EXPECT_GT(summary->bytes, 8'192U);
  EXPECT_EQ(UnpackSummary(PackSummary(*summary))->bytes, summary->bytes);
}

TEST_F(ServersCycle, TheSizeOfAMirrorWhoseRowsBecameFarMoreIsAskedForAtOnce) {
  StartServers(1);
  MirrorAt(0);
  const std::uint64_t before = tenant().shared_summary()->bytes;
  Rows rows;
  for (std::int64_t id = 1; id <= 5'000; ++id) rows.push_back({id, std::string(100, 'x'), 30});
  // The clock stands still: the minute since it was asked for is never over.
  At(0).Mirror(People(), rows, LineAt(6));
  EXPECT_GT(tenant().shared_summary()->bytes, before + 400'000);
}

// --- A clock that was ahead ---

TEST_F(ServersCycle, TimesFarAheadInTheRowOfAMirrorDoNotCount) {
  StartServers(2);
  MirrorAt(0);
  At(0).now = NowMs();
  At(0).Begin();
  // As a server with a wrong clock left it: the latest time seen, and a sign of life.
  Do("UPDATE \"Mirror_Cust\"._mirror_tenant SET clock_ms = clock_ms + 900000, "
     "progress_ms = progress_ms + 900000");
  TenantsOf(1).EndIdleCycles(/*of_others=*/true);
  EXPECT_EQ(Ask("SELECT count(*) FROM \"Mirror_Cust\"._mirror_tenant WHERE active"), 0);
  At(1).Begin();
  EXPECT_EQ(Ask("SELECT clock_ms FROM \"Mirror_Cust\"._mirror_tenant"), now());
  ASSERT_THAT(At(0).Announce({People()}), IsOk());
  ASSERT_THAT(At(1).Complete(), IsOk());

  // Less far ahead it counts: a token that was used by then may be forgotten.
  Do("UPDATE \"Mirror_Cust\"._mirror_tenant SET clock_ms = clock_ms + 290000");
  SourceCalls& calls = At(0);
  calls.caller.nonce = "one of before";
  calls.caller.expires_ms = now() + 280'000;
  EXPECT_TRUE(absl::IsUnauthenticated(
      tenant().Authenticate(calls.caller, "holder", /*take_over=*/false, /*probe=*/false, now()).status()));
}

TEST_F(ServersCycle, TimesAreJudgedByTheClockThatWroteThemAndNotByThatOfThePlace) {
  StartServers(1);
  MirrorAt(0);
  constexpr std::int64_t kHourMs = 3'600'000;
  SetSharedClock(NowMs() + kHourMs);
  At(0).now = SharedNowMs();
  At(0).Begin();
  StoreHome& home = *servers_[0]->home;
  EXPECT_THAT(home.FindIdle(now() - kHourMs), IsOkAndHolds(IsEmpty()));
  SetSharedClock(NowMs());
  EXPECT_THAT(home.FindIdle(now() - kHourMs), IsOkAndHolds(ElementsAre("Cust")));
}

}  // namespace
}  // namespace mirror::servers_cycle_test
