#ifndef MIRROR_TESTS_SERVER_HUB_HUB_BENCH_H_
#define MIRROR_TESTS_SERVER_HUB_HUB_BENCH_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/exchange/ledger.h"
#include "proto/wire/exchange/value_json.h"
#include "server/hub/hub.h"
#include "tests/server/hub/hub_place.h"
#include "tests/server/tenant/tenant_bench.h"

// A hub of two members, whose sources the test is.

namespace mirror {

inline TableSchema Companies() {
  return NamedTable("company", {KeyColumn("id", Type::kInt64), PlainColumn("vat", Type::kText),
                                PlainColumn("name", Type::kText), PlainColumn("city", Type::kText)});
}

/// A member: a mirror, and its source, which keeps notes of its cycles.
class HubSource {
 public:
  HubSource(const std::string& name, HubPlace& place, Events& events) : place_(place), name_(name) {
    options_.steady_now = &StillTime;
    options_.journal.keep_ms = 1;  // It is trimmed by who asks for it.
    Open(true, events);
  }
  /// As a server that is started again, whose configuration has a hub for it or none.
  void Open(bool has_hub, Events& events) {
    options_.journal.rules.clear();
    if (has_hub) options_.journal.rules.push_back({.journal = true});
    tenant_.reset();
    tenant_ = std::make_shared<Tenant>(
        name_, [this](bool create) { return place_.OpenStore(name_, create); }, options_, events,
        [](Tenant&) {});
    auto source = std::make_unique<SourceCalls>(*tenant_, name_);
    source->source_id = name_;
    if (source_ != nullptr) source->now = source_->now, source->cycle = source_->cycle;
    source_ = std::move(source);
  }

  const std::shared_ptr<Tenant>& tenant() const { return tenant_; }
  std::int64_t cycle() const { return source_->cycle; }
  std::int64_t now() const { return source_->now; }
  /// As what it announces its companies from its next cycle on.
  void SetTable(const TableSchema& table) { table_ = table; }
  /// Its next cycle sends all of its companies, as where they cannot be told by changes.
  void PopulateNext() { populates_ = true; }

  /// One cycle with these rows: of the first one all that there are.
  void Push(const Rows& companies, const Rows& ledger = {}, Operation operation = Operation::kInsert) {
    Begin();
    ASSERT_THAT(source_->Announce({Announced(), LedgerSchema()}), IsOk());
    Send(Announced(), companies, operation);
    Send(LedgerSchema(), ledger, Operation::kInsert);
    ASSERT_THAT(source_->Complete(), IsOk());
    completing_ = completed_ = source_->cycle;
  }
  /// Cycles that send nothing, until one began after that time.
  void PushBehind(std::int64_t time_ms) {
    do {
      Push({});
    } while (source_->now <= time_ms && !testing::Test::HasFatalFailure());
  }
  /// The table of companies is gone.
  void PushWithoutCompanies() {
    Begin();
    ASSERT_THAT(source_->Announce({LedgerSchema()}), IsOk());
    ASSERT_THAT(source_->Complete(), IsOk());
    completing_ = completed_ = source_->cycle;
    lsn_.erase("company");
  }
  /// It was dropped and made again, with these rows.
  void PushAnew(const Rows& companies) {
    lsn_.erase("company");
    Push(companies);
  }
  /// A cycle that was broken off behind its first rows.
  void BreakOff(const Rows& companies) {
    Begin();
    ASSERT_THAT(source_->Announce({Announced(), LedgerSchema()}), IsOk());
    completing_ = source_->cycle;
    ASSERT_THAT(
        source_
            ->Send(Announced(), {.rows = companies, .base_lsn = lsn_["company"], .target = Next("company")})
            .status,
        IsOk());
  }
  /// A cycle that was broken off before its first rows.
  void BreakOffBeforeRows() {
    Begin();
    ASSERT_THAT(source_->Announce({Announced(), LedgerSchema()}), IsOk());
    completing_ = source_->cycle;
  }
  /// It says that it knows a cycle to be completed that is so much later than its last one.
  void Claim(std::int64_t later) { completing_ = completed_ = completed_ + later; }
  /// As of a backup that is older than its last cycle.
  void RestoreSource(std::int64_t known) { completing_ = completed_ = known; }

  std::uint64_t table_id = 0;  ///< Of the table of companies; 0: the source has none.
  std::uint64_t identity = 0;  ///< The same, as a source tells it whose tables have no such number.

 private:
  TableSchema Announced() const {
    TableSchema companies = table_;
    companies.table_id = table_id;
    return companies;
  }
  void Begin() {
    if (identity != 0) source_->identities["company"] = identity;
    source_->now += 1'000;
    source_->caller.nonce = absl::StrCat(name_, " ", source_->now);
    source_->caller.expires_ms = source_->now + 300'000;
    const absl::StatusOr<Admission> admission = tenant_->Authenticate(
        source_->caller, "holder", true, false, source_->now, SourceCycles{completing_, completed_});
    ASSERT_THAT(admission, IsOk());
    ASSERT_TRUE(admission->accepted);
    source_->cycle = admission->cycle;
  }
  Position Next(const std::string& table) const {
    const auto known = lsn_.find(table);
    return {Lsn{(known == lsn_.end() ? 0 : known->second) + 10}, "line"};
  }
  void Send(const TableSchema& table, const Rows& rows, Operation operation) {
    const bool first = lsn_.count(table.name) == 0;
    if (rows.empty() && !first) return;
    const Position target = Next(table.name);
    BatchSpec spec{.operation = operation, .rows = rows, .target = target, .commit = target};
    if (first) {
      spec.populate = PopulateReason::kMinusOne;
    } else if (table.name == "company" && std::exchange(populates_, false)) {
      spec.populate = PopulateReason::kRequested;
    } else {
      spec.base_lsn = lsn_[table.name];
    }
    ASSERT_THAT(source_->Send(table, spec).status, IsOk());
    lsn_[table.name] = target.lsn.value;
  }

  HubPlace& place_;
  const std::string name_;
  TenantOptions options_;
  std::shared_ptr<Tenant> tenant_;
  std::unique_ptr<SourceCalls> source_;
  TableSchema table_ = Companies();
  bool populates_ = false;
  std::map<std::string, std::int64_t> lsn_;
  std::int64_t completing_ = 0, completed_ = 0;
};

inline Row LedgerRow(const HubDelivery& delivery, std::int64_t number, const std::string& key,
                     const Wrote& wrote) {
  const char* const words[] = {"", "INSERT", "UPDATE", "DELETE"};
  return {delivery.id,
          number,
          words[static_cast<int>(delivery.operation)],
          delivery.table,
          key,
          "APPLIED",
          WroteJson(wrote),
          nullptr,
          0,
          0,
          number};
}
/// When a refused delivery is tried again.
inline constexpr std::int64_t kTriedAgainMs = 1'700'000'600'000;
inline Row RefusedRow(const HubDelivery& delivery, std::int64_t number, std::int64_t attempts,
                      const std::string& reason) {
  Row row = LedgerRow(delivery, number, delivery.key, {});
  if (delivery.key.empty()) row[4] = nullptr;
  row[5] = "REFUSED";
  row[6] = nullptr;
  row[7] = reason;
  row[8] = attempts;
  row[9] = kTriedAgainMs;
  return row;
}
/// As if the system had kept what it was given.
inline Wrote AsGiven(const HubDelivery& delivery) {
  Wrote wrote;
  for (const auto& [column, wish] : delivery.columns)
    wrote[column] = {wish.version_ms, wish.value, wish.value};
  return wrote;
}

class HubTest : public EitherHubPlace {
 protected:
  HubTest() : events_(catalog_) {}
  void Fill() override {
    crm_source_ = std::make_unique<HubSource>("crm", *place_, events_);
    erp_source_ = std::make_unique<HubSource>("erp", *place_, events_);
    spdlog::set_level(spdlog::level::off);
    rules_.storage = "Acme";
    rules_.data_sources = {"crm", "erp"};
    HubEntity& entity = rules_.entities.emplace_back();
    entity.name = "company";
    entity.match = {{"vat"}};
    entity.normalise = {{"vat", Normalise::kAlnum}};
    for (const char* const attribute : {"vat", "name", "city"}) {
      entity.attributes[attribute].kind = AttributeRule::Kind::kNewest;
    }
    for (const char* const source : {"crm", "erp"}) {
      HubMember& member = entity.members.emplace_back();
      member.data_source = source;
      member.table = "company";
      member.columns = {{"vat", "vat"}, {"name", "name"}, {"city", "city"}};
      member.inserts = member.updates = member.deletes = true;
    }
    Restart();
  }

  HubSource& crm() { return *crm_source_; }
  HubSource& erp() { return *erp_source_; }
  /// As another server would open it.
  std::unique_ptr<Hub> OpenHub() {
    return std::make_unique<Hub>(rules_, place_->files(),
                                 [this](const std::string& name) -> absl::StatusOr<std::shared_ptr<Tenant>> {
                                   if (deriving_) deriving_();
                                   if (missing_.count(name) > 0) return absl::NotFoundError("not there yet");
                                   return name == "crm" ? crm().tenant() : erp().tenant();
                                 });
  }
  void Restart() {
    hub_.reset();
    hub_ = OpenHub();
  }
  std::int64_t now() { return std::max(crm().now(), erp().now()); }
  void Derive() { ASSERT_THAT(hub_->Derive(now()), IsOk()); }
  HandedOut Fetch(const std::string& name) {
    absl::StatusOr<HandedOut> out = hub_->HandOut(name, (name == "crm" ? crm() : erp()).cycle(), 0);
    EXPECT_THAT(out, IsOk());
    return out.ok() ? *std::move(out) : HandedOut{};
  }
  std::int64_t Count(const std::string& sql) { return place_->Ask(sql); }

  RememberingCatalog catalog_;
  Events events_;
  std::unique_ptr<HubSource> crm_source_, erp_source_;
  std::set<std::string> missing_;   ///< Data sources that the hub does not find.
  std::function<void()> deriving_;  ///< Called where the hub looks for a data source; null: nothing.
  HubRules rules_;
  std::unique_ptr<Hub> hub_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SERVER_HUB_HUB_BENCH_H_
