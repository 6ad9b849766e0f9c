// When the agent sends heartbeats, by a clock and an endpoint of the test's own.

#include "client/command/heartbeat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace mirror::heartbeat_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::SizeIs;
using Sent = HeartbeatSender::Sent;

class FakeSignal final : public ChangeSignal {
 public:
  absl::Status Mark() override { return absl::OkStatus(); }
  bool WritersWait() const override { return false; }
  Heard Wait(nanoseconds /*most*/, const std::stop_token& /*stop*/) override { return Heard::kNothing; }
  std::optional<HeartbeatSender::Time> QuietAt(const std::stop_token& /*stop*/) override { return quiet; }

  std::optional<HeartbeatSender::Time> quiet;
};

class HeartbeatSenderTest : public testing::Test {
 protected:
  HeartbeatSenderTest() { signal_.quiet = now_; }
  static HeartbeatTerms Terms(std::int64_t cycle = 7) { return {cycle, "holder", "source", {"b"}}; }
  /// A run that ends well.
  void Run(std::int64_t cycle = 7) {
    sender_.Begun();
    sender_.Ended(Terms(cycle));
  }
  Sent Send() { return sender_.SendIfDue(signal_, {}); }
  /// Lets the time pass until one is due.
  void Pass() {
    const auto due = sender_.UntilDue();
    ASSERT_TRUE(due);
    now_ += *due;
    signal_.quiet = now_;
  }

  HeartbeatSender::Time now_{std::chrono::hours(1)};
  double random_ = 0;
  absl::Status refuses_;
  milliseconds answer_{5'000};
  struct Call {
    HeartbeatTerms terms;
    milliseconds age;
  };
  std::vector<Call> sent_;
  FakeSignal signal_;
  HeartbeatSender sender_{
      [this](const HeartbeatTerms& terms, milliseconds age) -> absl::StatusOr<milliseconds> {
        sent_.push_back({terms, age});
        if (!refuses_.ok()) return refuses_;
        return answer_;
      },
      [this] { return now_; }, [this] { return random_; }};
};

TEST_F(HeartbeatSenderTest, SendsNothingBeforeARunWasCompleted) {
  EXPECT_EQ(sender_.UntilDue(), std::nullopt);
  EXPECT_EQ(Send(), Sent::kGone);
  sender_.Begun();
  sender_.Ended(std::nullopt);
  EXPECT_EQ(sender_.UntilDue(), std::nullopt);
  EXPECT_THAT(sent_, SizeIs(0));
}

TEST_F(HeartbeatSenderTest, SendsTheAgeOfTheLook) {
  Run();
  EXPECT_EQ(Send(), Sent::kGone);
  EXPECT_THAT(sent_, SizeIs(0)) << "none is due";
  Pass();
  now_ += milliseconds(250) + nanoseconds(1);
  EXPECT_EQ(Send(), Sent::kGone);
  ASSERT_THAT(sent_, SizeIs(1));
  EXPECT_EQ(sent_[0].terms.cycle, 7);
  EXPECT_EQ(sent_[0].terms.holder, "holder");
  EXPECT_EQ(sent_[0].terms.source_id, "source");
  EXPECT_EQ(sent_[0].age, milliseconds(251)) << "never rounded down";
  EXPECT_THAT(sent_[0].terms.stale, ElementsAre("b"));
}

TEST_F(HeartbeatSenderTest, TheAnswerSaysWhenTheNextOneIsDue) {
  Run();
  Pass();
  Send();
  EXPECT_EQ(sender_.UntilDue(), seconds(5));
  Run(8);
  EXPECT_EQ(sender_.UntilDue(), seconds(5)) << "the end of the cycle told the times";
  for (const auto& [answered, due] : {std::pair(60'000, seconds(10)), std::pair(1'000, seconds(1))}) {
    answer_ = milliseconds(answered);
    Pass();
    Send();
    EXPECT_EQ(sender_.UntilDue(), due);
  }
  answer_ = milliseconds(0);
  Pass();
  Send();
  EXPECT_EQ(sender_.UntilDue(), milliseconds(100)) << "never without end";
}

TEST_F(HeartbeatSenderTest, SendsNoneIfTheSourceIsNotProvenQuiet) {
  Run();
  Pass();
  signal_.quiet.reset();
  EXPECT_EQ(Send(), Sent::kGone);
  EXPECT_THAT(sent_, SizeIs(0));
  EXPECT_EQ(sender_.UntilDue(), seconds(1)) << "the source is asked again soon";
  Pass();
  signal_.quiet = now_ - std::chrono::hours(1) - milliseconds(1);
  Send();
  EXPECT_THAT(sent_, SizeIs(0)) << "the look is too old";
  Pass();
  Send();
  EXPECT_THAT(sent_, SizeIs(1));
}

TEST_F(HeartbeatSenderTest, SendsNoneWhileARunIsUnderWay) {
  Run();
  Pass();
  sender_.Begun();
  EXPECT_EQ(sender_.UntilDue(), std::nullopt);
  Send();
  EXPECT_THAT(sent_, SizeIs(0));
}

TEST_F(HeartbeatSenderTest, ARefusalAsksForARunAndASecondOneEndsThem) {
  refuses_ = absl::AbortedError("held");
  Run();
  Pass();
  EXPECT_EQ(Send(), Sent::kRefused);
  EXPECT_EQ(sender_.UntilDue(), std::nullopt);
  Run(8);
  Pass();
  EXPECT_EQ(Send(), Sent::kGone) << "another run would not help";
  EXPECT_EQ(sender_.UntilDue(), std::nullopt);
  Run(9);
  Pass();
  EXPECT_EQ(Send(), Sent::kRefused) << "the next run begins anew";
  refuses_ = absl::OkStatus();
  Run(10);
  Pass();
  EXPECT_EQ(Send(), Sent::kGone);
  EXPECT_EQ(sender_.UntilDue(), seconds(5));
}

TEST_F(HeartbeatSenderTest, AnEndpointWithoutTheCallIsNotAskedAgain) {
  refuses_ = absl::UnimplementedError("");
  Run();
  Pass();
  EXPECT_EQ(Send(), Sent::kGone);
  EXPECT_EQ(sender_.UntilDue(), std::nullopt);
  Run(8);
  EXPECT_EQ(sender_.UntilDue(), std::nullopt);
  EXPECT_THAT(sent_, SizeIs(1));
}

TEST_F(HeartbeatSenderTest, AfterAFailureItWaitsFiveToThirtySeconds) {
  for (const absl::Status& failure :
       {absl::UnavailableError(""), absl::DeadlineExceededError(""), absl::UnauthenticatedError("")}) {
    refuses_ = failure;
    Run();
    Pass();
    random_ = 0;
    EXPECT_EQ(Send(), Sent::kGone);
    EXPECT_EQ(sender_.UntilDue(), seconds(5));
    Pass();
    random_ = 1;
    EXPECT_EQ(Send(), Sent::kGone);
    EXPECT_EQ(sender_.UntilDue(), seconds(30));
  }
}

TEST_F(HeartbeatSenderTest, AnyOtherErrorEndsThemUntilTheNextRun) {
  for (const absl::Status& failure : {absl::InvalidArgumentError(""), absl::PermissionDeniedError(""),
                                      absl::DataLossError(""), absl::InternalError("")}) {
    refuses_ = failure;
    Run();
    Pass();
    EXPECT_EQ(Send(), Sent::kGone);
    EXPECT_EQ(sender_.UntilDue(), std::nullopt);
  }
}

/// Whatever happens: each heartbeat is of the last completed run, and its age is never less than the look's.
TEST_F(HeartbeatSenderTest, NeverSendsOneThatIsNotOfTheLastRun) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](unsigned count) { return static_cast<int>(random() % count); };
  std::optional<std::int64_t> cycle;
  for (int step = 0; step < 5'000; ++step) {
    now_ += milliseconds(below(2'000));
    const std::size_t before = sent_.size();
    switch (below(6)) {
      case 0:
        sender_.Begun();
        cycle.reset();
        break;
      case 1:
        sender_.Begun();
        cycle = below(4) == 0 ? std::nullopt : std::optional<std::int64_t>(step);
        sender_.Ended(cycle ? std::optional(Terms(*cycle)) : std::nullopt);
        break;
      case 2:
        refuses_ = below(3) == 0   ? absl::AbortedError("")
                   : below(3) == 0 ? absl::UnavailableError("")
                                   : absl::OkStatus();
        break;
      default:
        signal_.quiet.reset();
        if (below(3) != 0) signal_.quiet = now_ - milliseconds(below(3'000));
        Send();
    }
    if (sent_.size() == before) continue;
    ASSERT_EQ(sent_.size(), before + 1);
    ASSERT_TRUE(cycle && signal_.quiet);
    ASSERT_EQ(sent_.back().terms.cycle, *cycle);
    ASSERT_GE(sent_.back().age, now_ - *signal_.quiet);
  }
  EXPECT_GT(sent_.size(), 0U);
}

}  // namespace
}  // namespace mirror::heartbeat_test
