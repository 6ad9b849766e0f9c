#include "tools/mirror_harness/synthetic/sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace mirror::harness::sender_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// An endpoint that knows only order and which keys are there, of tables whose first column is the key.
class FakeStream : public RowStream {
 public:
  absl::Status Send(const v1::RowDataRequest& request) override {
    v1::RowDataResponse answer;
    for (const v1::ChangeBatch& batch : request.batches()) Apply(batch, answer.add_results());
    answers_.push_back(answer);
    most_in_flight = std::max(most_in_flight, answers_.size());
    return absl::OkStatus();
  }
  absl::StatusOr<v1::RowDataResponse> Receive() override {
    if (answers_.empty()) return absl::InternalError("nothing is in flight");
    v1::RowDataResponse answer = answers_.front();
    answers_.pop_front();
    return answer;
  }
  absl::Status Finish() override { return absl::OkStatus(); }

  std::map<std::string, std::set<std::int64_t>> keys;
  std::map<std::string, std::uint64_t> applied;
  std::string refuse;  ///< A table that takes nothing.
  std::size_t most_in_flight = 0;

 private:
  void Apply(const v1::ChangeBatch& batch, v1::BatchResult* result) {
    std::uint64_t& done = applied[batch.table()];
    std::set<std::int64_t>& rows = keys[batch.table()];
    result->set_table(batch.table());
    result->set_seq(batch.seq());
    result->set_applied_seq(done);
    if (batch.table() == refuse) {
      result->set_code(static_cast<int>(absl::StatusCode::kInvalidArgument));
      result->set_message("no");
      return;
    }
    if (batch.seq() != done + 1) {
      result->set_code(static_cast<int>(absl::StatusCode::kAborted));
      return;
    }
    const auto& batch_keys = batch.columns(0).ints();
    if (batch.operation() == v1::OPERATION_UPDATE) {
      for (int i = 0; i < batch_keys.size(); ++i) {
        if (!rows.contains(batch_keys[i])) result->mutable_missing()->add_rows(static_cast<std::uint32_t>(i));
      }
      if (result->missing().rows_size() > 0) {
        result->set_code(static_cast<int>(absl::StatusCode::kFailedPrecondition));
        return;
      }
    }
    for (const std::int64_t key : batch_keys) {
      if (batch.operation() == v1::OPERATION_DELETE) rows.erase(key);
      if (batch.operation() == v1::OPERATION_INSERT) rows.insert(key);
    }
    result->set_applied_seq(done = batch.seq());
    if (batch.has_commit() && batch.commit().batches() == batch.seq()) {
      result->set_lsn(batch.commit().position().lsn());
    }
  }

  std::deque<v1::RowDataResponse> answers_;
};

class SenderTest : public testing::Test {
 protected:
  SenderTest() : meter_(0) {
    for (int i = 0; i < 3; ++i)
      models_.push_back(*RowModel::Make(BenchTable(static_cast<std::uint32_t>(i), 4), 1, 100));
    for (std::size_t i = 0; i < 3; ++i) {
      TableJob job;
      job.table = i;
      job.model = &models_[i];
      job.target = {{9}, "x"};
      jobs_.push_back(job);
    }
    options_.size.bytes = 1'000;
  }
  void Send() { ASSERT_THAT(SendOver(&stream_, options_, {all_, all_, all_}, &jobs_, &meter_), IsOk()); }

  const std::vector<std::uint32_t> all_ = {0, 1, 2, 3};
  std::vector<RowModel> models_;
  std::vector<TableJob> jobs_;
  SendOptions options_;
  FakeStream stream_;
  Meter meter_;
};

TEST_F(SenderTest, SendsEveryRowAndKeepsTheWindow) {
  options_.window = 3;
  for (TableJob& job : jobs_) job.plans = PlanPopulation(*job.model, all_, options_.size);
  ASSERT_GT(jobs_[0].plans.size(), 2U);
  Send();
  for (const TableJob& job : jobs_) {
    EXPECT_TRUE(job.committed) << job.failure;
    EXPECT_EQ(stream_.keys[job.model->schema().name].size(), 100U);
  }
  EXPECT_LE(stream_.most_in_flight, 3U);
  EXPECT_EQ(meter_.totals().rows, 300U);
}

TEST_F(SenderTest, MissingRowsAreSentAsInsertsAndWhatWasInFlightBehindThemAgain) {
  TableChanges changes;
  changes.updates.push_back({{0, 1}, {}});
  for (std::int64_t key = 1; key <= 100; ++key) changes.updates[0].keys.push_back(key);
  jobs_.resize(1);
  jobs_[0].plans = PlanChanges(models_[0], changes, all_, options_.size);
  const std::size_t plans = jobs_[0].plans.size();
  ASSERT_GT(plans, 1U);
  std::set<std::int64_t>& keys = stream_.keys[models_[0].schema().name];
  for (std::int64_t key = 1; key <= 98; ++key) {
    if (key != 5 && key != 6) keys.insert(key);
  }
  Send();
  EXPECT_TRUE(jobs_[0].committed) << jobs_[0].failure;
  EXPECT_EQ(keys.size(), 100U);
  EXPECT_EQ(jobs_[0].plans.size(), plans + 2);
}

TEST_F(SenderTest, ARefusedTableFailsAloneAndSaysWhy) {
  for (TableJob& job : jobs_) job.plans = PlanPopulation(*job.model, all_, options_.size);
  stream_.refuse = models_[1].schema().name;
  Send();
  EXPECT_TRUE(jobs_[0].committed);
  EXPECT_FALSE(jobs_[1].committed);
  EXPECT_THAT(jobs_[1].failure, HasSubstr("batch 1 was refused. INVALID_ARGUMENT: no"));
  EXPECT_TRUE(jobs_[2].committed);
}

TEST(InsertMissingTest, ABatchWithoutARowLeftBecomesTheInsert) {
  const RowModel model = *RowModel::Make(BenchTable(1, 4), 1, 10);
  TableJob job;
  job.model = &model;
  job.plans.push_back({Operation::kUpdate, {0, 1}, {0, 0, {3, 4}}});
  ASSERT_THAT(InsertMissing({0, 1}, 1, {0, 1, 2, 3}, &job), IsOk());
  ASSERT_EQ(job.plans.size(), 1U);
  EXPECT_EQ(job.plans[0].operation, Operation::kInsert);
  EXPECT_THAT(job.plans[0].rows.keys, ElementsAre(3, 4));
}

}  // namespace
}  // namespace mirror::harness::sender_test
