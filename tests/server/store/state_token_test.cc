// What a token stands for, and what leaves it as it is.

#include "server/store/state_token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace mirror::state_token_test {
namespace {

using testing::HasSubstr;
using testing::Ne;

TableRecord Table(const std::string& name, std::int64_t lsn) {
  TableRecord record;
  record.table = name;
  record.schema_hash = "hash";
  record.position = {Lsn{lsn}, "line"};
  record.row_count = 3;
  return record;
}

MirrorState State() {
  MirrorState state;
  state.tenant.context_id = "Cust";
  state.tenant.issuer = "issuer";
  state.tenant.source_id = "source";
  state.tenant.cycle = 7;
  state.records = {Table("a", 1), Table("b", 2)};
  state.holds = {{.id = 1, .kind = HoldKind::kDeletes, .table = "a", .rows = 5, .rows_before = 9}};
  return state;
}

struct Change {
  std::string name;
  std::function<void(MirrorState*)> make;
};

class TokenChanges : public testing::TestWithParam<Change> {};

TEST_P(TokenChanges, WithTheState) {
  const Act act{.call = "ResetTable"};
  MirrorState changed = State();
  GetParam().make(&changed);
  EXPECT_NE(StateToken(act, changed), StateToken(act, State()));
  const Expected shown{StateToken(act, State())};
  EXPECT_THAT(shown.Check(act, State()), IsOk());
  const absl::Status refused = shown.Check(act, changed);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("Nothing was done")));
  EXPECT_TRUE(IsStaleToken(refused));
}

INSTANTIATE_TEST_SUITE_P(
    State, TokenChanges,
    testing::Values(
        Change{"Lsn", [](MirrorState* state) { ++state->records[1].position.lsn.value; }},
        Change{"Lineage", [](MirrorState* state) { state->records[0].position.lineage = "x"; }},
        Change{"Rows", [](MirrorState* state) { ++state->records[0].row_count; }},
        Change{"Definition", [](MirrorState* state) { state->records[0].schema_hash = "x"; }},
        Change{"Pending", [](MirrorState* state) { state->records[0].pending = Position{}; }},
        Change{"TableState", [](MirrorState* state) { state->records[0].state = TableState::kRepopulate; }},
        Change{"TableIsGone", [](MirrorState* state) { state->records.pop_back(); }},
        Change{"Hold", [](MirrorState* state) { ++state->holds[0].rows; }},
        Change{"HoldIsDecided", [](MirrorState* state) { state->holds[0].state = HoldState::kRollback; }},
        Change{"HoldIsGone", [](MirrorState* state) { state->holds.clear(); }},
        Change{"Source", [](MirrorState* state) { state->tenant.source_id = "other"; }},
        Change{"Owner", [](MirrorState* state) { state->tenant.issuer = "other"; }},
        Change{"Pause", [](MirrorState* state) { state->tenant.paused = true; }}),
    [](const auto& test) { return test.param.name; });

TEST(StateTokenTest, ACycleWithoutChangesLeavesItAsItIs) {
  MirrorState later = State();
  later.tenant.cycle = 8;
  later.tenant.active = true;
  later.tenant.progress_ms = 99;
  later.records[0].cycle = 8;
  later.records[0].seq = 3;
  std::reverse(later.records.begin(), later.records.end());
  EXPECT_EQ(StateToken({.call = "ResetTable"}, later), StateToken({.call = "ResetTable"}, State()));
}

TEST(StateTokenTest, EachBatchOfAnOpenCycleChangesIt) {
  MirrorState first = State(), second = State();
  first.records[0].pending = second.records[0].pending = Position{Lsn{5}, "line"};
  second.records[0].seq = 1;
  EXPECT_NE(StateToken({.call = "ResetTable"}, first), StateToken({.call = "ResetTable"}, second));
}

TEST(StateTokenTest, ATokenOfOneActAllowsNoOther) {
  const std::vector<Act> acts = {
      {.call = "ResetTable"},
      {.call = "InvalidateLsn"},
      {.call = "DeleteMirror"},
      {.call = "ResetTable", .tables = {"a"}},
      {.call = "ResetTable", .tables = {"b"}},
      {.call = "ResetTable", .tables = {"a", "b"}},
      {.call = "CommitHold", .tables = {"a"}, .more = "1"},
      {.call = "CommitHold", .tables = {"a"}, .more = "2"},
      {.call = "Restore", .more = "/backup/a.db 0123"},
      {.call = "Restore", .more = "/backup/a.db 4567"},
  };
  std::set<std::string> tokens;
  for (const Act& act : acts) {
    EXPECT_EQ(StateToken(act, State()).size(), 16U);
    tokens.insert(StateToken(act, State()));
  }
  EXPECT_EQ(tokens.size(), acts.size());
}

TEST(StateTokenTest, OnlyTheTablesThatAreMeantCount) {
  const Act of_a{.call = "ResetTable", .tables = {"A"}};
  MirrorState changed = State();
  ++changed.records[1].row_count;
  EXPECT_EQ(StateToken(of_a, changed), StateToken(of_a, State()));
  ++changed.records[0].row_count;
  EXPECT_THAT(StateToken(of_a, changed), Ne(StateToken(of_a, State())));
}

TEST(StateTokenTest, WithoutATokenEveryStateIsExpected) {
  EXPECT_THAT(Expected{}.Check({.call = "DeleteMirror"}, State()), IsOk());
  EXPECT_FALSE(IsStaleToken(absl::FailedPreconditionError("another reason")));
}

}  // namespace
}  // namespace mirror::state_token_test
