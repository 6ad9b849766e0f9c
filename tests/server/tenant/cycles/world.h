#ifndef MIRROR_TESTS_SERVER_TENANT_CYCLES_WORLD_H_
#define MIRROR_TESTS_SERVER_TENANT_CYCLES_WORLD_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/tenant/tenants.h"
#include "server/watch/events.h"
#include "tests/server/tenant/cycles/ground.h"

namespace mirror::model {

constexpr std::size_t kTraceMax = 60;
/// Far ahead of any clock, so that the server's own clock never counts.
constexpr std::int64_t kStartMs = 4'102'444'800'000;

/// Events are not looked at here.
class NoCatalog final : public Catalog {
 public:
  absl::StatusOr<EventRecord> AddEvent(EventRecord event) override { return event; }
  absl::StatusOr<std::vector<EventRecord>> LastEvents(const EventFilter&, std::uint64_t,
                                                      std::uint32_t) override {
    return std::vector<EventRecord>();
  }
  absl::StatusOr<std::vector<EventRecord>> EventsAfter(const std::string&, std::uint64_t,
                                                       std::uint32_t) override {
    return std::vector<EventRecord>();
  }
};

/// The servers, the clock, and what was done last.
class World {
 public:
  World(Dice& dice, Counts& counts, Ground& ground, std::size_t servers = 1)
      : dice_(dice), counts_(counts), ground_(ground), open_max_(1 + dice.Below(2)), events_(catalog_) {
    ground.Draw(dice);
    servers_.resize(servers);
    for (Server& server : servers_) Start(server);
  }

  /// One of them: that a balancer gives the next call to.
  Tenants& tenants() { return *servers_[Any()].tenants; }
  bool is_shared() const { return servers_[0].home->IsShared(); }
  std::size_t servers() const { return servers_.size(); }
  Ground& ground() { return ground_; }
  /// One of them stops, `clean`: in good order, and starts again.
  void Restart(bool clean) {
    Server& server = servers_[Any()];
    if (clean) server.tenants->EndCycles();
    server.tenants.reset();
    server.home.reset();
    Start(server);
  }

  Dice& dice() { return dice_; }
  Counts& counts() { return counts_; }
  std::int64_t Now() { return now_ms_ += static_cast<std::int64_t>(dice_.Below(1'500)); }
  void Wait(std::int64_t ms) { now_ms_ += ms; }
  std::int64_t now_ms() const { return now_ms_; }

  void Trace(std::string line) {
    if (trace_.size() == kTraceMax) trace_.pop_front();
    trace_.push_back(std::move(line));
  }
  std::string LastSteps() const {
    std::string text;
    for (const std::string& line : trace_) absl::StrAppend(&text, "  ", Printable(line), "\n");
    return text;
  }

 private:
  struct Server {
    std::unique_ptr<StoreHome> home;
    std::unique_ptr<Tenants> tenants;
  };

  std::size_t Any() {
    if (servers_.size() == 1) return 0;
    const std::size_t server = dice_.Below(servers_.size());
    if (server != last_) Trace(absl::StrCat("-> server ", server));
    return last_ = server;
  }
  void Start(Server& server) {
    absl::StatusOr<std::unique_ptr<StoreHome>> home = ground_.OpenHome();
    Require(home.ok(), std::string(home.status().message()));
    server.home = *std::move(home);
    TenantsOptions options;
    options.open_max = open_max_;
    options.tenant.gap_wait_ms = 0;
    options.tenant.steady_now = [] { return std::chrono::steady_clock::time_point(); };
    absl::StatusOr<std::unique_ptr<Tenants>> tenants = Tenants::Open(*server.home, options, events_);
    Require(tenants.ok(), std::string(tenants.status().message()));
    server.tenants = *std::move(tenants);
  }

  Dice& dice_;
  Counts& counts_;
  Ground& ground_;
  const std::size_t open_max_;
  NoCatalog catalog_;
  Events events_;
  std::vector<Server> servers_;
  std::size_t last_ = 0;
  std::int64_t now_ms_ = kStartMs;
  std::deque<std::string> trace_;
};

}  // namespace mirror::model

#endif  // MIRROR_TESTS_SERVER_TENANT_CYCLES_WORLD_H_
