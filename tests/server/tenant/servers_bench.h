#ifndef MIRROR_TESTS_SERVER_TENANT_SERVERS_BENCH_H_
#define MIRROR_TESTS_SERVER_TENANT_SERVERS_BENCH_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/tenant/tenants.h"
#include "server/watch/events.h"
#include "tests/server/store/postgres/placed_homes.h"
#include "tests/server/tenant/tenant_bench.h"

namespace mirror {

/// What a server has of its own: connections, a map of tenants, and all that it keeps in memory.
struct BenchServer {
  BenchServer(std::unique_ptr<StoreHome> opened, const TenantsOptions& options)
      : home(std::move(opened)), events(catalog), tenants(Tenants::Open(*home, options, events).value()) {}

  std::unique_ptr<StoreHome> home;
  RememberingCatalog catalog;
  Events events;
  std::unique_ptr<Tenants> tenants;
};

/// Several servers over one control database and one place.
class ServersBench : public PlacedHomesTest {
 protected:
  ServersBench() {
    spdlog::set_level(spdlog::level::off);
    options_.tenant.steady_now = &StillTime;
  }

  void StartServers(std::size_t count) {
    while (servers_.size() < count) {
      servers_.push_back(std::make_unique<BenchServer>(OpenHome(/*with_second=*/false), options_));
    }
  }
  Tenants& TenantsOf(std::size_t server) { return *servers_.at(server)->tenants; }
  std::shared_ptr<Tenant> TenantAt(std::size_t server, const std::string& context_id = "Cust") {
    auto tenant = TenantsOf(server).FindOrTakeIn(CallerOf(context_id));
    EXPECT_THAT(tenant, IsOk());
    return tenant.ok() ? *tenant : nullptr;
  }
  static Caller CallerOf(const std::string& context_id) {
    return {.context_id = context_id, .issuer = "issuer", .environment = "prod"};
  }
  /// Of all servers, one after the other.
  std::vector<std::string> Kinds() {
    std::vector<std::string> all;
    for (const auto& server : servers_) {
      for (std::string& kind : server->catalog.Kinds()) all.push_back(std::move(kind));
    }
    return all;
  }

  /// The source's next call, at one server: what a source keeps goes along from call to call.
  SourceCalls& At(std::size_t server) {
    // A server that has not served the tenant yet finds it all the same.
    const auto found = TenantsOf(server).Find(CallerOf("Cust"));
    std::shared_ptr<Tenant> tenant = found.ok() ? *found : TenantAt(server);
    auto next = std::make_unique<SourceCalls>(*tenant, "Cust");
    if (calls_) {
      next->caller = calls_->caller;
      next->now = calls_->now;
      next->cycle = calls_->cycle;
      next->source_id = calls_->source_id;
    }
    calls_ = std::move(next);
    tenant_ = std::move(tenant);
    return *calls_;
  }
  /// At another server than the last one.
  SourceCalls& Next() {
    turn_ = (turn_ + 1) % servers_.size();
    return At(turn_);
  }
  /// That of the last call.
  Tenant& tenant() { return *tenant_; }
  std::int64_t now() const { return calls_->now; }

  /// Of `people`, as a partner reads it: "1 Ada 36; 2 Grace 45".
  std::string RowsNow(const std::string& columns = "id || ' ' || name || ' ' || age") {
    const auto rows = connection_->Query(
        "SELECT coalesce(string_agg(" + columns + ", '; ' ORDER BY id), '') FROM \"Mirror_Cust\".people", {},
        "");
    EXPECT_THAT(rows, IsOk());
    return rows.ok() ? rows->Text(0, 0) : "";
  }
  std::int64_t LsnOf(const std::string& table) {
    return Ask("SELECT lsn FROM \"Mirror_Cust\".\"Cust_mirroring\" WHERE table_key = '" + table + "'");
  }

  TenantsOptions options_;
  std::vector<std::unique_ptr<BenchServer>> servers_;

 private:
  std::size_t turn_ = 0;
  std::shared_ptr<Tenant> tenant_;
  std::unique_ptr<SourceCalls> calls_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SERVER_TENANT_SERVERS_BENCH_H_
