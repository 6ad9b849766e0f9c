#include <grpcpp/client_context.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "certs/issue.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "tests/endpoint/endpoint_fixture.h"

// What a viewer may watch: tenants as they change, their last cycles, a day by minute.

namespace mirror::admin_looks_test {
namespace {

using testing::SizeIs;

const Position kPlace{Lsn{10}, "first"};

class AdminLooksTest : public EndpointTest {
 protected:
  void SetUp() override {
    Install();
    viewer_ = here_->Admin(Role::kViewer).value();
  }

  /// A watch, and all that it has told.
  struct Watch {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::TenantsNews>> reader;
    std::map<std::string, v1::Tenant> tenants;
    std::vector<std::string> gone;

    bool Read() {
      v1::TenantsNews news;
      if (!reader->Read(&news)) return false;
      for (const v1::Tenant& tenant : news.tenants()) tenants[tenant.context_id()] = tenant;
      gone.insert(gone.end(), news.gone().begin(), news.gone().end());
      complete = news.complete();
      return true;
    }
    bool complete = false;
  };
  std::unique_ptr<Watch> Begin(v1::MirrorAdmin::Stub& stub) {
    auto watch = std::make_unique<Watch>();
    SetDeadline(&watch->context);
    watch->reader = stub.WatchTenants(&watch->context, v1::WatchTenantsRequest());
    return watch;
  }
  std::vector<v1::PastCycle> Cycles(const std::string& context_id) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::ListCyclesRequest request;
    request.set_context_id(context_id);
    v1::ListCyclesResponse response;
    EXPECT_THAT(ToAbsl(viewer_->ListCycles(&context, request, &response)), IsOk());
    return {response.cycles().begin(), response.cycles().end()};
  }
  absl::StatusOr<v1::TimeSeries> Minutes(const std::string& context_id) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::GetTimeSeriesRequest request;
    request.set_context_id(context_id);
    v1::TimeSeries response;
    if (absl::Status status = ToAbsl(viewer_->GetTimeSeries(&context, request, &response)); !status.ok())
      return status;
    return response;
  }

  std::unique_ptr<v1::MirrorAdmin::Stub> viewer_;
};

TEST_F(AdminLooksTest, AWatchTellsAllTenantsThenWhatChanges) {
  const auto first = Client("Cust"), second = Client("Cust-2");
  Fill(*first, People(), {{std::int64_t{1}, "Ada", std::int64_t{36}}}, kPlace);
  const auto watch = Begin(*viewer_);
  ASSERT_TRUE(watch->Read());
  EXPECT_TRUE(watch->complete);
  ASSERT_THAT(watch->tenants, SizeIs(1));
  EXPECT_EQ(watch->tenants["Cust"].rows(), 1);
  EXPECT_EQ(watch->tenants["Cust"].state(), "good");

  const std::int64_t cycle = EndpointTest::Begin(*second);
  while (!watch->tenants.contains("Cust-2") || watch->tenants["Cust-2"].running_since_ms() == 0)
    ASSERT_TRUE(watch->Read());
  EXPECT_TRUE(watch->tenants["Cust-2"].active());
  Announce(*second, cycle, {People()});
  ASSERT_EQ(Send(*second, cycle,
                 Population(
                     People(),
                     {{std::int64_t{1}, "Ada", std::int64_t{36}}, {std::int64_t{2}, "Bob", std::int64_t{40}}},
                     kPlace))
                .code(),
            0);
  while (watch->tenants["Cust-2"].running_rows() != 2) ASSERT_TRUE(watch->Read());
  EXPECT_GT(watch->tenants["Cust-2"].rows_per_second(), 0U);
  ASSERT_THAT(Complete(*second, cycle), IsOk());
  while (watch->tenants["Cust-2"].running_since_ms() != 0) ASSERT_TRUE(watch->Read());
  EXPECT_EQ(watch->tenants["Cust-2"].rows(), 2);
  watch->context.TryCancel();
}

TEST_F(AdminLooksTest, FourWatchAtATimeAndWhoGoesMakesRoom) {
  std::vector<std::unique_ptr<Watch>> watches;
  for (int i = 0; i < 4; ++i) {
    watches.push_back(Begin(*viewer_));
    ASSERT_TRUE(watches.back()->Read());
  }
  const auto fifth = Begin(*viewer_);
  EXPECT_FALSE(fifth->Read());
  EXPECT_EQ(fifth->reader->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  watches.front()->context.TryCancel();
  // The server notices within its next look.
  while (true) {
    const auto next = Begin(*viewer_);
    if (next->Read()) {
      next->context.TryCancel();
      break;
    }
    ASSERT_EQ(next->reader->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
  for (const auto& watch : watches) watch->context.TryCancel();
}

TEST_F(AdminLooksTest, TheLastCyclesAreListedWithWhatTheyDid) {
  const auto client = Client("Cust");
  Fill(*client, People(),
       {{std::int64_t{1}, "Ada", std::int64_t{36}}, {std::int64_t{2}, "Bob", std::int64_t{40}}}, kPlace);
  const std::int64_t cut = EndpointTest::Begin(*client);
  const std::int64_t runs = EndpointTest::Begin(*client);
  const std::vector<v1::PastCycle> cycles = Cycles("cust");
  ASSERT_THAT(cycles, SizeIs(3));
  EXPECT_EQ(cycles[0].cycle(), runs);
  EXPECT_EQ(cycles[0].end(), "running");
  EXPECT_EQ(cycles[0].ended_ms(), 0);
  EXPECT_EQ(cycles[1].cycle(), cut);
  EXPECT_EQ(cycles[1].end(), "interrupted");
  EXPECT_NE(cycles[1].why(), "");
  EXPECT_EQ(cycles[2].end(), "completed");
  EXPECT_EQ(cycles[2].inserts(), 2U);
  EXPECT_GE(cycles[2].ended_ms(), cycles[2].began_ms());
}

TEST_F(AdminLooksTest, ADayByMinuteIsThereForAllAndForEach) {
  const auto client = Client("Cust");
  Fill(*client, People(), {{std::int64_t{1}, "Ada", std::int64_t{36}}}, kPlace);
  for (const std::string context_id : {"", "cust"}) {
    const absl::StatusOr<v1::TimeSeries> series = Minutes(context_id);
    ASSERT_THAT(series, IsOk());
    EXPECT_EQ(series->rows_size(), 1'440);
    EXPECT_EQ(series->lag_s_size(), 1'440);
    EXPECT_EQ(series->cycle_ms_size(), 1'440);
    EXPECT_EQ(series->begin_ms() % 60'000, 0);
  }
  EXPECT_THAT(Minutes("nobody"), StatusIs(absl::StatusCode::kNotFound, testing::_));
}

}  // namespace
}  // namespace mirror::admin_looks_test
