#include "server/plan/move_mark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/plan/pause.h"
#include "tests/support/status_matchers.h"

namespace mirror::move_mark_test {
namespace {

using testing::HasSubstr;

TEST(MoveMarkTest, IsReadAsItWasWritten) {
  for (const MovePhase phase :
       {MovePhase::kLeaving, MovePhase::kLeft, MovePhase::kArriving, MovePhase::kDropping}) {
    for (const MoveKind kind : {MoveKind::kServer, MoveKind::kPlace}) {
      for (const std::string& text : {std::string(), std::string("a b  c\n"), std::string("mirror-move x")}) {
        const MoveMark mark{.id = "01234567",
                            .phase = phase,
                            .kind = kind,
                            .target = text.empty() ? "" : "host:7443",
                            .contents = text.empty() ? "" : "00ff",
                            .was_paused = !text.empty(),
                            .reason = text};
        const auto read = MarkOf(true, PackMark(mark));
        ASSERT_TRUE(read) << PackMark(mark);
        EXPECT_EQ(*read, mark);
        TenantRecord tenant;
        SetMark(mark, &tenant);
        EXPECT_EQ(WhoPaused(tenant), PausedBy::kMove);
        EXPECT_THAT(PauseWords(true, tenant.pause_reason), HasSubstr("move"));
        TakeMarkOff(mark, &tenant);
        EXPECT_EQ(tenant.paused, mark.was_paused);
        EXPECT_EQ(tenant.pause_reason, mark.reason);
      }
    }
  }
}

TEST(MoveMarkTest, OtherReasonsAreNone) {
  const std::string good = PackMark({.id = "01234567"});
  EXPECT_FALSE(MarkOf(false, good)) << "it is not paused";
  for (const std::string& other :
       {std::string(), std::string("stocktaking"), std::string(kMissPause), good.substr(1),
        good.substr(0, good.size() - 1), std::string("mirror-move 0123456 leaving server - - running "),
        std::string("mirror-move 01234567 going server - - running "),
        std::string("mirror-move 01234567 left ship - - running "),
        std::string("mirror-move 01234567 left server - xyz running "),
        std::string("mirror-move 01234567 left server - - walking ")}) {
    EXPECT_FALSE(MarkOf(true, other)) << other;
    EXPECT_EQ(PauseWords(true, other), other);
  }
}

TEST(MoveMarkTest, ChecksWhatAnOperatorGives) {
  EXPECT_THAT(CheckMoveId("0123456789abcdef"), IsOk());
  for (const char* const bad : {"", "0123456", "0123456G", "01234567 "}) EXPECT_FALSE(CheckMoveId(bad).ok());
  EXPECT_THAT(CheckMoveTarget(""), IsOk());
  EXPECT_THAT(CheckMoveTarget("[::1]:7443"), IsOk());
  for (const std::string& bad : {std::string("a b"), std::string("-"), std::string(301, 'x'),
                                 std::string("\n"), std::string("m\xc3\xbc")}) {
    EXPECT_FALSE(CheckMoveTarget(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace mirror::move_mark_test
