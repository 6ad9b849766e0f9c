#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/wire/mirror_client.h"
#include "tests/client/fake_endpoint.h"
#include "tests/support/status_matchers.h"

namespace mirror::fetch_deliveries_test {
namespace {

using testing::HasSubstr;

/// Answers fetches with what it is told to.
class DeliveringEndpoint : public FakeEndpoint {
 public:
  using FakeEndpoint::FakeEndpoint;
  /// A call whose client left may still write `answers`.
  ~DeliveringEndpoint() override { Stop(); }
  std::vector<v1::FetchDeliveriesResponse> answers;
  grpc::Status status;
  /// The last request. Its call is over, but the thread sanitizer does not see that gRPC tells so.
  v1::FetchDeliveriesRequest fetched() const {
    const std::lock_guard lock(mutex_);
    return fetched_;
  }
  v1::ReportDeliveriesRequest reported() const {
    const std::lock_guard lock(mutex_);
    return reported_;
  }

  grpc::Status FetchDeliveries(grpc::ServerContext* /*context*/, const v1::FetchDeliveriesRequest* request,
                               grpc::ServerWriter<v1::FetchDeliveriesResponse>* writer) override {
    {
      const std::lock_guard lock(mutex_);
      fetched_ = *request;
    }
    for (const v1::FetchDeliveriesResponse& answer : answers) writer->Write(answer);
    return status;
  }
  grpc::Status ReportDeliveries(grpc::ServerContext* /*context*/, const v1::ReportDeliveriesRequest* request,
                                v1::ReportDeliveriesResponse* /*response*/) override {
    const std::lock_guard lock(mutex_);
    reported_ = *request;
    return grpc::Status::OK;
  }

  v1::Delivery* Add(const std::string& id) {
    v1::Delivery* const delivery = answers.emplace_back().add_deliveries();
    delivery->set_delivery_id(id);
    return delivery;
  }

 private:
  mutable std::mutex mutex_;
  v1::FetchDeliveriesRequest fetched_;
  v1::ReportDeliveriesRequest reported_;
};

class FetchDeliveries : public testing::Test {
 protected:
  TempFolder folder_;
  DeliveringEndpoint endpoint_{folder_};
  MirrorClient client_ = endpoint_.Client();
};

TEST_F(FetchDeliveries, TakesAllThatIsOfferedInItsOrder) {
  endpoint_.Add("b");
  endpoint_.Add("a");
  endpoint_.answers.emplace_back().set_whole(true);
  const auto answer = client_.FetchDeliveries(7);
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(endpoint_.fetched().cycle(), 7);
  EXPECT_EQ(endpoint_.fetched().limit(), MirrorClient::kDeliveriesMax);
  ASSERT_EQ(answer->deliveries.size(), 2);
  EXPECT_EQ(answer->deliveries[0].delivery_id(), "b");
  EXPECT_TRUE(answer->whole);
  EXPECT_EQ(answer->waiting, "");
}

TEST_F(FetchDeliveries, SaysWhatIsWaitedFor) {
  endpoint_.answers.emplace_back().set_waiting("erp was never read");
  const auto answer = client_.FetchDeliveries(7);
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->waiting, "erp was never read");
  EXPECT_FALSE(answer->whole);
}

TEST_F(FetchDeliveries, CountsWhatWaitsWithoutTakingIt) {
  endpoint_.answers.emplace_back().set_open(12);
  EXPECT_THAT(client_.CountDeliveries(7), IsOkAndHolds(12U));
  EXPECT_TRUE(endpoint_.fetched().count_only());
  EXPECT_EQ(endpoint_.fetched().limit(), 1U) << "of an endpoint that does not count";
}

TEST_F(FetchDeliveries, KeepsWithinItsBounds) {
  for (int i = 0; i < 4; ++i) {
    v1::DeliveredValue* const value = endpoint_.Add(absl::StrCat("d", i))->add_columns();
    value->mutable_value()->set_text_value(std::string(6'000'000, 'x'));
  }
  endpoint_.answers.emplace_back().set_whole(true);
  const auto answer = client_.FetchDeliveries(7);
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->deliveries.size(), 2);
  EXPECT_FALSE(answer->whole);
}

TEST_F(FetchDeliveries, GivesTheEndpointsWords) {
  endpoint_.status = grpc::Status(grpc::StatusCode::ABORTED, "cycle 7 is not the last completed one");
  EXPECT_THAT(client_.FetchDeliveries(7),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("not the last completed")));
}

TEST_F(FetchDeliveries, ReportsWhatBecameOfThem) {
  v1::ReportDeliveriesRequest request;
  request.set_cycle(7);
  EXPECT_THAT(client_.ReportDeliveries(request), IsOk());
  EXPECT_EQ(endpoint_.reported().cycle(), 7);
}

}  // namespace
}  // namespace mirror::fetch_deliveries_test
