#include "server/rpc/row_pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/source/in_flight.h"
#include "server/tenant/mirror/commit_queue.h"
#include "tests/support/status_matchers.h"

namespace mirror::row_pipeline_test {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;

constexpr std::uint64_t kMega = 1 << 20;

/// Where threads wait for one another. Who waits for longer than kPatience has found an error.
class Meeting {
 public:
  void Do(const std::function<void()>& change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  bool WaitFor(const std::function<bool()>& condition) {
    constexpr std::chrono::seconds kPatience{60};
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, condition);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

/// A stream whose source sends `sizes` of messages, numbered 1, 2, ... in their cycle.
class RowPipelineTest : public testing::Test, protected RowStreamCall {
 protected:
  bool Read(v1::RowDataRequest* message, std::shared_ptr<void>*) override { return Read(message); }
  absl::Status Decode(const v1::RowDataRequest& message, RowRequest* rows, v1::RowDataResponse*) override {
    rows->cycle = message.cycle();
    absl::Status status;
    meeting_.Do([&] {
      decoded_.push_back(message.cycle());
      unanswered_at_decode_.push_back(read_ - answered_.size());
      if (message.cycle() == bad_) status = absl::InvalidArgumentError("message is bad");
    });
    return status;
  }
  bool Write(const std::vector<BatchOutcome>& outcomes, v1::RowDataResponse*) override {
    meeting_.Do([&] { answered_.push_back(static_cast<std::int64_t>(outcomes.front().seq)); });
    return listens_.load();
  }
  bool IsCancelled() const override { return cancelled_.load(); }
  void Abort(const absl::Status& status) override {
    meeting_.Do([&] { aborted_ = status; });
  }
  absl::Status Hold(std::uint64_t bytes) override {
    if (bytes > hold_max_) return absl::ResourceExhaustedError("too much in flight");
    held_ = bytes;
    return absl::OkStatus();
  }
  bool HoldAhead(std::uint64_t bytes) override {
    if (bytes > ahead_max_) return false;
    held_ = bytes;
    return true;
  }
  void SetWaiting(bool waits) override {
    meeting_.Do([&] { waits_ = waits; });
  }

  absl::Status Run() { return RowPipeline(*this).Run(); }

  virtual bool Read(v1::RowDataRequest* message) {
    std::size_t number = 0;
    meeting_.Do([&] {
      number = read_;
      unanswered_at_read_.push_back(read_ - answered_.size());
    });
    if (number < sizes_.size()) {
      message->Clear();
      message->set_cycle(static_cast<std::int64_t>(number + 1));
      message->add_parts()->set_data(std::string(sizes_[number], 'x'));
      meeting_.Do([&] { ++read_; });
      return true;
    }
    if (source_stays_) {
      // As a stream does: until the source goes on, half-closes, or the call is ended.
      meeting_.Do([&] { waiting_for_more_ = true; });
      EXPECT_TRUE(meeting_.WaitFor([&] { return !aborted_.ok() || cancelled_; }));
    }
    return false;
  }

  std::vector<RowAnswer> Apply(const std::vector<const RowRequest*>& requests) override {
    std::vector<RowAnswer> answers;
    meeting_.Do([&] {
      ++applying_;
      groups_.push_back(requests.size());
    });
    if (before_apply_) before_apply_(requests.front()->cycle);
    for (const RowRequest* const request : requests) {
      if (request->cycle == refused_) {
        answers.emplace_back(absl::AbortedError("the cycle is over"));
        continue;
      }
      answers.emplace_back(std::vector<BatchOutcome>{{.seq = static_cast<std::uint64_t>(request->cycle)}});
      meeting_.Do([&] { applied_.push_back(request->cycle); });
    }
    meeting_.Do([&] { EXPECT_EQ(applying_--, 1) << "two threads apply"; });
    return answers;
  }

  static std::vector<std::int64_t> UpTo(std::int64_t last) {
    std::vector<std::int64_t> numbers;
    for (std::int64_t i = 1; i <= last; ++i) numbers.push_back(i);
    return numbers;
  }

  Meeting meeting_;
  std::vector<std::size_t> sizes_;
  std::int64_t bad_ = 0, refused_ = 0;
  bool source_stays_ = false;
  std::function<void(std::int64_t first)> before_apply_;
  std::atomic<bool> listens_{true}, cancelled_{false};
  std::uint64_t hold_max_ = 1'000 * kMega, ahead_max_ = 1'000 * kMega;
  std::atomic<std::uint64_t> held_{0};

  std::size_t read_ = 0;
  std::vector<std::int64_t> decoded_, applied_, answered_;
  std::vector<std::size_t> unanswered_at_read_, unanswered_at_decode_, groups_;
  int applying_ = 0;
  bool waiting_for_more_ = false, waits_ = false;
  absl::Status aborted_;
};

TEST_F(RowPipelineTest, TheNextMessageIsDecodedWhileOneIsApplied) {
  sizes_ = {kMega, kMega, kMega};
  before_apply_ = [this](std::int64_t number) {
    if (number != 2) return;
    EXPECT_TRUE(meeting_.WaitFor([&] { return decoded_.size() == 3; })) << "decoded only after the apply";
  };

  EXPECT_THAT(Run(), IsOk());

  EXPECT_EQ(answered_, UpTo(3));
}

TEST_F(RowPipelineTest, EachMessageHasOneAnswerInOrder) {
  sizes_.assign(2'000, 10);

  EXPECT_THAT(Run(), IsOk());

  EXPECT_EQ(decoded_, UpTo(2'000));
  EXPECT_EQ(applied_, UpTo(2'000));
  EXPECT_EQ(answered_, UpTo(2'000));
}

TEST_F(RowPipelineTest, MessagesThatWaitAreAppliedTogetherUpToSoManyBytes) {
  sizes_ = {10, 10, 10, 10, 10, 10, kGroupBytesMax / 2, kGroupBytesMax / 2};
  before_apply_ = [this](std::int64_t number) {
    if (number == 2) {
      EXPECT_TRUE(meeting_.WaitFor([&] { return decoded_.size() == 8; }));
    }
  };

  EXPECT_THAT(Run(), IsOk());

  EXPECT_THAT(groups_, ElementsAre(1, 1, 5, 1));
  EXPECT_EQ(answered_, UpTo(8));
}

/// A source that waits for each answer until it has sent so many messages, then for none.
class SourceInStepTest : public RowPipelineTest {
 protected:
  bool Read(v1::RowDataRequest* message) override {
    std::size_t number = 0;
    meeting_.Do([&] {
      number = read_;
      reads_begun_ = number + 1;
      if (number > answered_.size() && number < in_step_until_) ++ahead_;
    });
    if (number < in_step_until_) {
      EXPECT_TRUE(meeting_.WaitFor([&] { return answered_.size() == number; }));
    }
    return RowPipelineTest::Read(message);
  }

  std::size_t in_step_until_ = 320, ahead_ = 0, reads_begun_ = 0;
};

TEST_F(SourceInStepTest, IsHardlyEverReadAhead) {
  sizes_.assign(in_step_until_, 10);

  EXPECT_THAT(Run(), IsOk());

  EXPECT_EQ(answered_, UpTo(320));
  // Four to see it, and one of sixteen to see whether it stays so.
  EXPECT_LE(ahead_, 4 + 320 / 16 + 1);
}

TEST_F(SourceInStepTest, IsReadAheadOfSoonAfterItWaitsNoMore) {
  sizes_.assign(400, 10);
  // The first look is at message 322: 323 is read while that is applied, and from then on each next one.
  before_apply_ = [this](std::int64_t number) {
    if (number < 322 || number == 400 || HasFailure()) return;
    const auto next = static_cast<std::size_t>(number) + 1;
    EXPECT_TRUE(meeting_.WaitFor([&] { return decoded_.size() >= next; })) << number;
  };

  EXPECT_THAT(Run(), IsOk());

  EXPECT_EQ(answered_, UpTo(400));
}

TEST_F(SourceInStepTest, IsReadAheadOfAlwaysWhileItsMessagesAreLarge) {
  in_step_until_ = 100;
  sizes_.assign(100, 20'000);
  before_apply_ = [this](std::int64_t number) {
    if (number < 2 || number == 100 || HasFailure()) return;
    const auto next = static_cast<std::size_t>(number) + 1;
    EXPECT_TRUE(meeting_.WaitFor([&] { return reads_begun_ >= next; })) << number;
  };

  EXPECT_THAT(Run(), IsOk());

  EXPECT_EQ(answered_, UpTo(100));
}

TEST_F(RowPipelineTest, AStreamIsNotReadOverItsMessages) {
  sizes_.assign(100, 10);
  before_apply_ = [this](std::int64_t number) {
    if (number < 2) return;
    EXPECT_TRUE(meeting_.WaitFor(
        [&] { return read_ - answered_.size() == kAheadMessagesMax || read_ == sizes_.size(); }));
  };

  EXPECT_THAT(Run(), IsOk());

  EXPECT_THAT(unanswered_at_read_, Each(Le(kAheadMessagesMax - 1)));
  EXPECT_EQ(answered_, UpTo(100));
}

TEST_F(RowPipelineTest, AStreamIsNotReadOverItsBytes) {
  constexpr std::size_t kWaiting = kAheadBytesMax / (2 * kMega);
  sizes_.assign(20, 2 * kMega);
  before_apply_ = [this](std::int64_t number) {
    if (number < 2) return;
    EXPECT_TRUE(
        meeting_.WaitFor([&] { return read_ - answered_.size() == 1 + kWaiting || read_ == sizes_.size(); }));
  };

  EXPECT_THAT(Run(), IsOk());

  EXPECT_THAT(unanswered_at_read_, Each(Le(kWaiting)));
  EXPECT_EQ(answered_, UpTo(20));
}

TEST_F(RowPipelineTest, WithoutRoomNothingIsReadAhead) {
  ahead_max_ = 0;
  sizes_.assign(20, kMega);

  EXPECT_THAT(Run(), IsOk());

  EXPECT_THAT(unanswered_at_read_, Each(0));
  EXPECT_EQ(answered_, UpTo(20));
}

TEST_F(RowPipelineTest, AMessageThatIsLargerThanTheRoomWaitsUndecodedForThoseBeforeIt) {
  ahead_max_ = 4 * kMega;
  sizes_ = {10, 10, 10 * kMega, 10};
  before_apply_ = [this](std::int64_t number) {
    if (number == 2) {
      EXPECT_TRUE(meeting_.WaitFor([&] { return read_ == 3; }));
    }
  };

  EXPECT_THAT(Run(), IsOk());

  EXPECT_EQ(unanswered_at_decode_[2], 1U) << "decoded beside what was not answered yet";
  EXPECT_EQ(answered_, UpTo(4));
}

TEST_F(RowPipelineTest, AMessageForWhichThereIsNeverRoomEndsTheStreamBehindTheAnswersBeforeIt) {
  hold_max_ = 4 * kMega;
  sizes_ = {10, 10, 10 * kMega, 10};

  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("too much in flight")));

  EXPECT_EQ(answered_, UpTo(2));
}

TEST_F(RowPipelineTest, AStreamThatWaitsHoldsLittle) {
  sizes_ = {kMega, 12 * kMega, 3 * kMega};
  source_stays_ = true;
  std::thread source([this] {
    EXPECT_TRUE(meeting_.WaitFor([&] { return waits_ && answered_.size() == 3; }));
    EXPECT_THAT(held_, AllOf(Ge(kStreamBytesMin), Le(kKeptMessageBytesMax + kStreamBytesMin)));
    meeting_.Do([&] { cancelled_ = true; });
  });

  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kCancelled));

  source.join();
}

TEST_F(RowPipelineTest, AStreamThatIsAppliedDoesNotWait) {
  sizes_.assign(3, 10);
  source_stays_ = true;
  before_apply_ = [this](std::int64_t number) {
    if (number != 3) return;
    // The other thread is in its read by now, with nothing to come.
    EXPECT_TRUE(meeting_.WaitFor([&] { return waiting_for_more_; }));
    meeting_.Do([&] { EXPECT_FALSE(waits_) << "it would be cancelled as idle"; });
  };
  std::thread source([this] {
    EXPECT_TRUE(meeting_.WaitFor([&] { return answered_.size() == 3 && waits_; }));
    meeting_.Do([&] { cancelled_ = true; });
  });

  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kCancelled));

  source.join();
  EXPECT_FALSE(waits_);
}

TEST_F(RowPipelineTest, WhatWaitsWhenTheCallIsCancelledIsNotApplied) {
  sizes_.assign(5, kMega);
  source_stays_ = true;
  before_apply_ = [this](std::int64_t number) {
    if (number != 2) return;
    EXPECT_TRUE(meeting_.WaitFor([&] { return decoded_.size() == 5; }));
    EXPECT_TRUE(meeting_.WaitFor([&] { return waiting_for_more_; }));
    meeting_.Do([&] { cancelled_ = true; });
    listens_ = false;
  };

  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kCancelled));

  EXPECT_EQ(applied_, UpTo(2));
}

TEST_F(RowPipelineTest, AnErrorEndsTheCallThoughTheSourceSendsNothingMore) {
  sizes_.assign(4, kMega);
  source_stays_ = true;
  refused_ = 3;
  before_apply_ = [this](std::int64_t number) {
    if (number == 3) {
      EXPECT_TRUE(meeting_.WaitFor([&] { return waiting_for_more_; }));
    }
  };

  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kAborted, HasSubstr("the cycle is over")));

  EXPECT_THAT(aborted_, StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(applied_, UpTo(2));
  EXPECT_EQ(answered_, UpTo(2));
}

TEST_F(RowPipelineTest, ABadMessageEndsTheStreamBehindTheAnswersBeforeIt) {
  sizes_.assign(6, 10);
  bad_ = 5;
  before_apply_ = [this](std::int64_t number) {
    if (number == 2) {
      EXPECT_TRUE(meeting_.WaitFor([&] { return decoded_.size() >= 5; }));
    }
  };

  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("message is bad")));

  EXPECT_EQ(answered_, UpTo(4));
}

TEST_F(RowPipelineTest, AStreamWithoutMessagesIsFine) {
  EXPECT_THAT(Run(), IsOk());
  EXPECT_THAT(answered_, IsEmpty());
}

}  // namespace
}  // namespace mirror::row_pipeline_test
