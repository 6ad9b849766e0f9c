// RowDataRequest.completed: the end of a cycle with its last rows, over the wire.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "tests/endpoint/endpoint_fixture.h"

namespace mirror::last_rows_test {
namespace {

using testing::HasSubstr;

const Position kFirst{Lsn{10}, "first"};
const Position kSecond{Lsn{20}, "second"};

class LastRowsTest : public EndpointTest {
 protected:
  /// people has Ada at kFirst, and a cycle runs in which it is announced.
  void BeginBehindOne() {
    Install();
    client_ = Client();
    Fill(*client_, people_, {{1, "Ada", 36}}, kFirst);
    cycle_ = Begin(*client_);
    Announce(*client_, cycle_, {people_});
  }
  v1::RowDataRequest LastOnes() const {
    v1::RowDataRequest request = Request(
        cycle_,
        {Message(people_, {.rows = {{2, "Joan", 1}}, .base_lsn = 10, .target = kSecond, .commit = kSecond})});
    request.mutable_completed()->set_cycle(cycle_);
    v1::TableSummary* const summary = request.mutable_completed()->add_tables();
    summary->set_table("people");
    summary->set_row_count(2);
    return request;
  }
  /// Where the next cycle finds the table.
  std::int64_t NextLsn() {
    const std::int64_t cycle = Begin(*client_);
    return Announce(*client_, cycle, {people_}).front().position().lsn();
  }

  const TableSchema people_ = People();
  std::unique_ptr<MirrorClient> client_;
  std::int64_t cycle_ = 0;
};

TEST_F(LastRowsTest, EndTheirCycle) {
  BeginBehindOne();
  const auto answer = client_->RowData(LastOnes());
  ASSERT_THAT(answer, IsOk());
  ASSERT_EQ(answer->results_size(), 1);
  EXPECT_EQ(answer->results(0).code(), 0) << answer->results(0).message();
  EXPECT_TRUE(answer->results(0).durable());
  ASSERT_TRUE(answer->has_completed());
  ASSERT_EQ(answer->completed().tables_size(), 1);
  EXPECT_EQ(answer->completed().tables(0).comparison(), v1::COMPARISON_EQUAL);
  EXPECT_EQ(answer->completed().signed_receipts().empty(), answer->results(0).receipt().empty());

  // The source did not get that answer, and asks once more.
  EXPECT_THAT(client_->RowData(LastOnes()), StatusIs(absl::StatusCode::kAborted));
  const auto completed = client_->ReplicationCompleted(LastOnes().completed());
  ASSERT_THAT(completed, IsOk());
  EXPECT_EQ(completed->tables(0).comparison(), v1::COMPARISON_EQUAL);
  EXPECT_EQ(NextLsn(), 20);
}

/// ReplicationCompleted says what.
TEST_F(LastRowsTest, WhoseEndIsWrongAreAppliedAndTheCycleGoesOn) {
  BeginBehindOne();
  std::int64_t lsn = 10;
  const auto goes_on = [&](const auto& spoil) {
    v1::RowDataRequest request = LastOnes();
    request.mutable_batches(0)->set_base_lsn(lsn);
    request.mutable_batches(0)->mutable_target()->set_lsn(++lsn);
    request.mutable_batches(0)->mutable_commit()->mutable_position()->set_lsn(lsn);
    spoil(request.mutable_completed());
    const auto answer = client_->RowData(request);
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->results(0).code(), 0) << answer->results(0).message();
    EXPECT_FALSE(answer->has_completed());
    EXPECT_THAT(Complete(*client_, cycle_), IsOk());
    cycle_ = Begin(*client_);
    EXPECT_EQ(Announce(*client_, cycle_, {people_}).front().position().lsn(), lsn);
  };
  goes_on([&](auto* completed) { completed->set_cycle(cycle_ - 1); });
  goes_on([](auto* completed) { completed->set_source_time_ms(-1); });
  goes_on([](auto* completed) {
    for (int i = 0; i < 11'000; ++i) completed->add_stale_tables("people");
  });
}

TEST_F(LastRowsTest, OverAStreamTheCycleGoesOn) {
  BeginBehindOne();
  const auto stream = client_->OpenRowStream();
  ASSERT_THAT(stream, IsOk());
  ASSERT_THAT((*stream)->Send(LastOnes()), IsOk());
  const auto answer = (*stream)->Receive();
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->results(0).code(), 0);
  EXPECT_FALSE(answer->has_completed());
  EXPECT_THAT((*stream)->Finish(), IsOk());
  EXPECT_THAT(Complete(*client_, cycle_), IsOk());
}

TEST_F(LastRowsTest, WaitForTheBatchBeforeThem) {
  BeginBehindOne();
  v1::RowDataRequest last = LastOnes();
  last.mutable_batches(0)->set_seq(2);
  last.mutable_batches(0)->mutable_commit()->set_batches(2);
  last.mutable_completed()->mutable_tables(0)->set_row_count(3);
  const auto other = Client();
  auto ended = std::async(std::launch::async, [&] { return other->RowData(last); });
  const v1::ChangeBatch first =
      Message(people_, {.rows = {{3, "Mary", 1}}, .base_lsn = 10, .target = kSecond});
  EXPECT_EQ(Send(*client_, cycle_, first).code(), 0);
  const auto answer = ended.get();
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->results(0).code(), 0) << answer->results(0).message();
  ASSERT_TRUE(answer->has_completed());
  EXPECT_EQ(answer->completed().tables(0).comparison(), v1::COMPARISON_EQUAL);
}

TEST_F(LastRowsTest, WithAPartThatIsRefusedTheCycleGoesOn) {
  BeginBehindOne();
  v1::RowDataRequest request = LastOnes();
  v1::ValuePart* const part = request.add_parts();
  part->set_table("people");
  part->set_value_id(1);
  const auto answer = client_->RowData(request);
  ASSERT_THAT(answer, IsOk());
  ASSERT_EQ(answer->results_size(), 2);
  EXPECT_NE(answer->results(0).code(), 0) << "a part without a byte";
  EXPECT_EQ(answer->results(1).code(), 0);
  EXPECT_FALSE(answer->has_completed());
  EXPECT_THAT(Complete(*client_, cycle_), IsOk());
}

TEST_F(LastRowsTest, OfWhichOneIsRefusedLeaveTheCycleRunning) {
  BeginBehindOne();
  v1::RowDataRequest request = LastOnes();
  request.mutable_batches(0)->set_base_lsn(9);
  const auto answer = client_->RowData(request);
  ASSERT_THAT(answer, IsOk());
  EXPECT_NE(answer->results(0).code(), 0);
  EXPECT_FALSE(answer->has_completed());
  EXPECT_EQ(Send(*client_, cycle_, LastOnes().batches(0)).code(), 0);
  EXPECT_THAT(Complete(*client_, cycle_), IsOk());
}

}  // namespace
}  // namespace mirror::last_rows_test
