// Cycles of a source that an operator of the mirror let take another one's place: what that one sent is
// compared before anything is said of it, whatever comes in between.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/cycle/cycle.h"
#include "client/source/sqlite/sqlite_reader.h"
#include "proto/wire/codec.h"
#include "tests/client/cycle/one_record_log.h"
#include "tests/client/fake_endpoint.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::accepted_source_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Position kOfAnother = {Lsn{7}, "of another source"};

class AcceptedCycleTest : public testing::Test {
 protected:
  AcceptedCycleTest() {
    Sql(path_, "CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO a VALUES(1, 'x'), (2, 'y')");
    endpoint_.capabilities = {"digest_ranges"};
    FakeEndpoint::Table& table = endpoint_.tables["a"];
    EncodePosition(kOfAnother, &table.position);
    table.rows = 2;
    table.known = true;
    endpoint_.on_schema = [](v1::TableSchemaResponse* response) {
      response->mutable_tables(0)->set_source_accepted(true);
      return grpc::Status::OK;
    };
    endpoint_.on_digests = [this](const v1::DigestRangesRequest& request,
                                  v1::DigestRangesResponse* response) { return Digests(request, response); };
    log_.mends = false;
  }

  /// As of a mirror that holds the same rows.
  grpc::Status Digests(const v1::DigestRangesRequest& request, v1::DigestRangesResponse* response) const {
    EXPECT_EQ(DecodePosition(request.position()), kOfAnother);
    EXPECT_LE(request.ranges_size(), 1);
    SqliteReaderOptions source;
    source.path = path_;
    const auto reader = OpenSqliteReader(std::move(source));
    EXPECT_THAT(reader->Schema(), IsOk());
    const auto rows = reader->Digests("a", {0, 1});
    EXPECT_THAT(rows, IsOk());
    const auto piece = (*rows)->Next(1'000, /*each=*/false);
    EXPECT_THAT(piece, IsOk());
    auto* const digest = response->add_digests();
    digest->set_row_count(piece->digest.rows);
    digest->set_digest(piece->digest.sum);
    return grpc::Status::OK;
  }

  /// With another history than `log_` where one is not given: the run state.
  CycleReport Run(bool with_log = true) {
    SqliteReaderOptions source;
    source.path = path_;
    const auto reader = OpenSqliteReader(std::move(source));
    auto lock = LockFile::Acquire(folder_.path(), "Cust");
    auto state = RunState::Load(folder_.path(), "Cust");
    if (!lock.ok() || !state.ok()) {
      ADD_FAILURE() << lock.status() << state.status();
      return {};
    }
    MirrorClient client = endpoint_.Client();
    endpoint_.completed.Clear();
    endpoint_.Settle();
    CycleReport report = RunOnce({*reader, client, *lock, *state, with_log ? &log_ : nullptr}, options_);
    endpoint_.Settle();
    return report;
  }
  TakenOver IsTakenOver() { return RunState::Load(folder_.path(), "Cust")->tables().IsTakenOver("a"); }
  std::vector<std::string> Stale() const {
    return {endpoint_.completed.stale_tables().begin(), endpoint_.completed.stale_tables().end()};
  }

  TempFolder folder_;
  std::string path_ = folder_ / "source.db";
  FakeEndpoint endpoint_{folder_};
  OneRecordLog log_;
  CycleOptions options_;
};

TEST_F(AcceptedCycleTest, GoesOnFromWhatIsEqual) {
  const CycleReport report = Run();
  ASSERT_EQ(report.tables.size(), 1U) << report.status;
  EXPECT_EQ(report.tables[0].action, TableReport::Action::kNone);
  EXPECT_EQ(report.tables[0].equality, TableReport::Equality::kEqual);
  EXPECT_TRUE(report.Good()) << report.status;
  EXPECT_THAT(report.notes,
              Contains(HasSubstr("the agent compares 1 table that the other one sent with the source, and "
                                 "sends the differences: a")));
  EXPECT_EQ(endpoint_.Count("rows"), 0U);
  ASSERT_EQ(endpoint_.completed.tables_size(), 1);
  EXPECT_EQ(endpoint_.completed.tables(0).rows_differ(), 0U);
  EXPECT_THAT(Stale(), IsEmpty());
  EXPECT_EQ(IsTakenOver(), TakenOver::kNo);
}

TEST_F(AcceptedCycleTest, ThatEndInTheMiddleOfTheComparisonAreFollowedByOneThatCompares) {
  const auto digests = std::exchange(endpoint_.on_digests, [](const auto&, auto*) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "it stops");
  });
  const CycleReport cut = Run();
  EXPECT_THAT(cut.status, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(endpoint_.Count("completed"), 0U);
  EXPECT_EQ(IsTakenOver(), TakenOver::kYes);
  endpoint_.on_digests = digests;
  EXPECT_TRUE(Run().Good());
  EXPECT_EQ(endpoint_.completed.tables_size(), 1)
      << "the position is known by now, and was compared all the same";
}

TEST_F(AcceptedCycleTest, ThatCannotCompareLeaveTheTableStale) {
  endpoint_.on_digests = [](const auto&, auto*) {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "the table has a pending");
  };
  const CycleReport report = Run();
  EXPECT_FALSE(report.Good());
  EXPECT_THAT(report.tables.at(0).reason, HasSubstr("which may lack changes: the table has a pending"));
  EXPECT_THAT(Stale(), ElementsAre("a"));
  EXPECT_EQ(IsTakenOver(), TakenOver::kYes);
}

TEST_F(AcceptedCycleTest, OfAStoppedAgentLeaveTheTableStale) {
  std::atomic<bool> stop = true;
  options_.stop = &stop;
  const CycleReport report = Run();
  EXPECT_THAT(report.tables.at(0).reason, HasSubstr("the agent was stopped"));
  EXPECT_EQ(endpoint_.Count("digests"), 0U);
  EXPECT_THAT(Stale(), ElementsAre("a"));
  EXPECT_EQ(IsTakenOver(), TakenOver::kYes);
}

TEST_F(AcceptedCycleTest, CompareAlsoWhatIsKnownWhereTheAgentForgotThatItIsDue) {
  log_.known = kOfAnother;
  EXPECT_TRUE(Run().Good());
  const std::size_t asked = endpoint_.Count("digests");
  EXPECT_GT(asked, 0U);
  // Once the mirror does not say it any more, it is a table like any other.
  endpoint_.on_schema = {};
  EXPECT_TRUE(Run().Good());
  EXPECT_EQ(endpoint_.Count("digests"), asked);
}

TEST_F(AcceptedCycleTest, PopulateWhatTheStrategyCannotGoOnFromAndSayWhy) {
  const CycleReport report = Run(/*with_log=*/false);
  EXPECT_EQ(report.tables.at(0).action, TableReport::Action::kPopulate);
  EXPECT_EQ(report.tables.at(0).reason,
            "this source replaced another one, and its strategy cannot continue from the other one's rows");
  EXPECT_EQ(endpoint_.reasons["a"], v1::POPULATE_REASON_AHEAD);
  EXPECT_EQ(endpoint_.Count("digests"), 0U) << "what it sent itself need not be compared";
}

TEST_F(AcceptedCycleTest, OfAnEndpointThatCannotComparePopulate) {
  endpoint_.capabilities.clear();
  const CycleReport report = Run(/*with_log=*/false);
  EXPECT_THAT(report.tables.at(0).reason,
              HasSubstr("and the endpoint cannot compare the rows that the other one sent"));
}

}  // namespace
}  // namespace mirror::accepted_source_test
