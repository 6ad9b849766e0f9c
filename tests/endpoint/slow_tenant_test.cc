#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/endpoint/let_in.h"
#include "tests/support/places.h"
#include "tests/support/sanitizers.h"

// One tenant's disk that does not answer is that tenant's own matter.

namespace mirror::slow_tenant_test {
namespace {

constexpr int kOthers = 20;

class SlowTenantTest : public EndpointTest {
 protected:
  virtual std::vector<Setting> More() const { return {}; }
  void SetUp() override {
    gate_ = folder_.path() + "/gate";
    std::ofstream(gate_) << "gate";
    lock_ = open(gate_.c_str(), O_RDWR | O_CLOEXEC);
    InstallationOptions options;
    options.settings = More();
    options.settings.push_back({"data", "open_tenants_max", "8"});
    // Where no space is in the path: the loader would take it for two.
    const std::string shim = folder_.path() + "/slow_sync.so";
    std::filesystem::copy_file(ShimPath("slow_sync"), shim);
    options.environment = {"LD_PRELOAD=" + shim, "MIRROR_SLOW_PATH=Mirror_Cust-slow.db",
                           "MIRROR_SLOW_GATE=" + gate_};
#if MIRROR_ADDRESS_SANITIZER
    options.environment.emplace_back("ASAN_OPTIONS=verify_asan_link_order=0");
#endif
    Install(options);
  }
  void TearDown() override {
    close(lock_);
    EndpointTest::TearDown();
  }

  void CloseGate() const { ASSERT_EQ(flock(lock_, LOCK_EX), 0); }
  void OpenGate() const { ASSERT_EQ(flock(lock_, LOCK_UN), 0); }
  /// Until a sync of the slow tenant stands before the gate.
  void WaitUntilSlow() const {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!std::filesystem::exists(gate_ + ".waiting")) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "no sync came to the gate";
      std::this_thread::yield();
    }
  }

  TempFolder folder_;
  std::string gate_;
  int lock_ = -1;
};

TEST_F(SlowTenantTest, TheCyclesOfTwentyOthersGoOnWhileOneTenantsDiskDoesNotAnswer) {
  constexpr int kCycles = 3, kCalls = 30;
  const TableSchema people = People();
  const auto slow = Client("Cust-slow");
  Fill(*slow, people, {{1, "Ada", 36}}, {Lsn{5}, "five"});
  const std::int64_t cycle = Begin(*slow);
  Announce(*slow, cycle, {people});
  CloseGate();
  const BatchSpec change = {.rows = {{2, "slow", 1}}, .base_lsn = 5, .target = {Lsn{10}, "ten"}};
  const v1::RowDataRequest request = Request(cycle, {Message(people, change)});
  // More calls than one tenant may have; each on a thread of its own here and, if it is admitted, there.
  std::vector<std::future<absl::Status>> calls;
  for (int i = 0; i < kCalls; ++i) {
    calls.push_back(std::async(std::launch::async, [&] { return slow->RowData(request).status(); }));
  }
  absl::StatusOr<std::unique_ptr<RowStream>> stream = slow->OpenRowStream();
  ASSERT_THAT(stream, IsOk());
  for (int i = 0; i < 4; ++i) ASSERT_THAT((*stream)->Send(request), IsOk());
  WaitUntilSlow();

  std::vector<std::thread> others;
  std::vector<FakeCycleReport> reports(kOthers * kCycles);
  std::vector<std::unique_ptr<MirrorClient>> clients;
  for (int t = 0; t < kOthers; ++t) clients.push_back(Client(absl::StrCat("Cust-", t)));
  for (int t = 0; t < kOthers; ++t) {
    others.emplace_back([&, t] {
      FakeSource source(static_cast<std::uint64_t>(100 + t));
      source.CreateTable(People());
      for (int c = 0; c < kCycles; ++c) {
        for (int i = 0; i < 20; ++i) source.Put("people", {i, absl::StrCat("of tenant ", t), c});
        FakeCycleOptions options;
        options.stream = (t + c) % 2 == 0;
        options.batch_rows = 10;
        reports[static_cast<std::size_t>(t * kCycles + c)] =
            RunCycleOnceLetIn(source, *clients[static_cast<std::size_t>(t)], options);
      }
    });
  }
  for (std::thread& other : others) other.join();

  for (const FakeCycleReport& report : reports) EXPECT_TRUE(report.AllDone()) << report.Summary();
  EXPECT_EQ(here_->mirror("Cust-slow").RowCount("people"), 1U) << "it was not slow at all";
  OpenGate();
  int applied = 0;
  for (std::future<absl::Status>& call : calls) {
    const absl::Status status = call.get();
    if (status.ok()) {
      ++applied;
    } else {
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                                   testing::HasSubstr("calls at a time already, which is its limit")));
    }
  }
  EXPECT_EQ(applied, 16) << "a quarter of calls_max";
  for (int i = 0; i < 4; ++i) EXPECT_THAT((*stream)->Receive(), IsOk());
  EXPECT_THAT((*stream)->Finish(), IsOk());
  EXPECT_EQ(here_->mirror("Cust-slow").RowCount("people"), 2U);
}

TEST_F(SlowTenantTest, ACycleThatBeginsAfterItsCallerLeftIsInNobodysWay) {
  const auto client = Client("Cust-slow");
  Fill(*client, People(), {{1, "Ada", 36}}, {Lsn{5}, "five"});
  const std::int64_t cycle = Begin(*client);
  Announce(*client, cycle, {People()});
  const BatchSpec change = {.rows = {{2, "Grace", 45}}, .base_lsn = 5, .target = {Lsn{10}, "ten"}};
  ASSERT_THAT(client->RowData(Request(cycle, {Message(People(), change)})), IsOk());
  CloseGate();
  std::future<absl::Status> completion =
      std::async(std::launch::async, [&] { return Complete(*client, cycle); });
  WaitUntilSlow();
  const auto leaves = Client("Cust-slow");
  leaves->set_patience({.authenticate = std::chrono::milliseconds(500)});
  EXPECT_THAT(leaves->Authenticate("left", false, false), StatusIs(absl::StatusCode::kDeadlineExceeded))
      << "it waits for the completion, which stands before the gate";
  OpenGate();
  EXPECT_THAT(completion.get(), IsOk());
  const auto comes = Client("Cust-slow");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (bool accepted = false; !accepted;) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the cycle that nobody knows of still runs";
    const auto answer = comes->Authenticate("comes", false, false);
    ASSERT_THAT(answer, IsOk());
    accepted = answer->accepted();
  }
}

/// As many calls at a time as a hundred tenants make.
class CrowdTest : public SlowTenantTest {
 protected:
  std::vector<Setting> More() const override { return {{"limits", "calls_max", "512"}}; }
};

TEST_F(CrowdTest, AHundredTenantsAtOnceBesideASlowOneHaveTheirOwnRowsAndNoOthers) {
  constexpr int kCrowd = 100, kCycles = 3;
  const TableSchema people = People();
  const auto slow = Client("Cust-slow");
  Fill(*slow, people, {{1, "Ada", 36}}, {Lsn{5}, "five"});
  const std::int64_t cycle = Begin(*slow);
  Announce(*slow, cycle, {people});
  CloseGate();
  const BatchSpec change = {.rows = {{2, "slow", 1}}, .base_lsn = 5, .target = {Lsn{10}, "ten"}};
  const v1::RowDataRequest request = Request(cycle, {Message(people, change)});
  std::future<absl::Status> call =
      std::async(std::launch::async, [&] { return slow->RowData(request).status(); });
  WaitUntilSlow();

  std::vector<std::unique_ptr<MirrorClient>> clients;
  std::vector<FakeSource> sources;
  for (int t = 0; t < kCrowd; ++t) {
    clients.push_back(Client(absl::StrCat("Cust-", t)));
    sources.emplace_back(static_cast<std::uint64_t>(100 + t)).CreateTable(people);
  }
  std::vector<FakeCycleReport> reports(kCrowd * kCycles);
  const auto cycle_of = [&](int t, int c) {
    const auto at = static_cast<std::size_t>(t);
    for (int i = 0; i < 10; ++i) sources[at].Put("people", {i, absl::StrCat("of tenant ", t), c});
    FakeCycleOptions options;
    options.stream = (t + c) % 2 == 0;
    options.batch_rows = 5;
    reports[at * kCycles + static_cast<std::size_t>(c)] = sources[at].RunCycle(*clients[at], options);
  };
  // One after the other: a hundred handshakes at once would measure the processor.
  for (int t = 0; t < kCrowd; ++t) cycle_of(t, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < kCrowd; ++t) {
    threads.emplace_back([&, t] {
      for (int c = 1; c < kCycles; ++c) cycle_of(t, c);
    });
  }
  for (std::thread& thread : threads) thread.join();

  for (const FakeCycleReport& report : reports) EXPECT_TRUE(report.AllDone()) << report.Summary();
  for (int t = 0; t < kCrowd; ++t) {
    const auto at = static_cast<std::size_t>(t);
    EXPECT_EQ(Difference(sources[at], here_->mirror(absl::StrCat("Cust-", t))), "") << "tenant " << t;
  }
  EXPECT_EQ(here_->mirror("Cust-slow").RowCount("people"), 1) << "it was not slow at all";
  OpenGate();
  EXPECT_THAT(call.get(), IsOk());
  EXPECT_EQ(here_->mirror("Cust-slow").RowCount("people"), 2);
}

}  // namespace
}  // namespace mirror::slow_tenant_test
