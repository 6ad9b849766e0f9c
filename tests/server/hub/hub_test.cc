#include "server/hub/hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/wire/exchange/ledger.h"
#include "proto/wire/exchange/value_json.h"
#include "server/hub/sqlite/sqlite_hub_file.h"
#include "tests/server/tenant/tenant_bench.h"

namespace mirror {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TableSchema Companies() {
  return NamedTable("company", {KeyColumn("id", Type::kInt64), PlainColumn("vat", Type::kText),
                                PlainColumn("name", Type::kText), PlainColumn("city", Type::kText)});
}

/// A member: a mirror, and its source, which keeps notes of its cycles.
class Member {
 public:
  Member(const std::string& name, const std::string& folder, Events& events) : folder_(folder), name_(name) {
    options_.steady_now = &StillTime;
    options_.journal.rules.push_back({.journal = true});
    tenant_ = std::make_shared<Tenant>(
        name, [this](bool create) { return OpenSqliteStore(folder_, name_, create, {}); }, options_, events,
        [](Tenant&) {});
    source_ = std::make_unique<SourceCalls>(*tenant_, name);
    source_->source_id = name;
  }

  const std::shared_ptr<Tenant>& tenant() const { return tenant_; }
  std::int64_t cycle() const { return source_->cycle; }
  std::int64_t now() const { return source_->now; }

  /// One cycle with these rows: of the first one all that there are.
  void Push(const Rows& companies, const Rows& ledger = {}, Operation operation = Operation::kInsert) {
    Begin();
    ASSERT_THAT(source_->Announce({Companies(), LedgerSchema()}), IsOk());
    Send(Companies(), companies, operation);
    Send(LedgerSchema(), ledger, Operation::kInsert);
    ASSERT_THAT(source_->Complete(), IsOk());
    completing_ = completed_ = source_->cycle;
  }
  /// A cycle that was broken off behind its first rows.
  void BreakOff(const Rows& companies) {
    Begin();
    ASSERT_THAT(source_->Announce({Companies(), LedgerSchema()}), IsOk());
    completing_ = source_->cycle;
    ASSERT_THAT(
        source_
            ->Send(Companies(), {.rows = companies, .base_lsn = lsn_["company"], .target = Next("company")})
            .status,
        IsOk());
  }
  /// As of a backup that is older than its last cycle.
  void RestoreSource(std::int64_t known) { completing_ = completed_ = known; }

 private:
  void Begin() {
    source_->now += 1'000;
    source_->caller.nonce = absl::StrCat(name_, " ", source_->now);
    source_->caller.expires_ms = source_->now + 300'000;
    const absl::StatusOr<Admission> admission = tenant_->Authenticate(
        source_->caller, "holder", true, false, source_->now, KnownCycles{completing_, completed_});
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
    } else {
      spec.base_lsn = lsn_[table.name];
    }
    ASSERT_THAT(source_->Send(table, spec).status, IsOk());
    lsn_[table.name] = target.lsn.value;
  }

  const std::string folder_, name_;
  TenantOptions options_;
  std::shared_ptr<Tenant> tenant_;
  std::unique_ptr<SourceCalls> source_;
  std::map<std::string, std::int64_t> lsn_;
  std::int64_t completing_ = 0, completed_ = 0;
};

Row LedgerRow(const HubDelivery& delivery, std::int64_t number, const std::string& key, const Wrote& wrote) {
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
/// As if the system had kept what it was given.
Wrote AsGiven(const HubDelivery& delivery) {
  Wrote wrote;
  for (const auto& [column, wish] : delivery.columns)
    wrote[column] = {wish.version_ms, wish.value, wish.value};
  return wrote;
}

class HubTest : public testing::Test {
 protected:
  HubTest() : events_(catalog_), crm_("crm", folder_.path(), events_), erp_("erp", folder_.path(), events_) {
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

  void Restart() {
    hub_ = std::make_unique<Hub>(
        rules_, [this](const HubRules& rules) { return OpenSqliteHubFile(folder_.path(), rules); },
        [this](const std::string& name) -> absl::StatusOr<std::shared_ptr<Tenant>> {
          return name == "crm" ? crm_.tenant() : erp_.tenant();
        });
  }
  std::string path() const { return folder_.path() + "/Mirror_Acme.hub.db"; }
  void Derive() { ASSERT_THAT(hub_->Derive(std::max(crm_.now(), erp_.now())), IsOk()); }
  HandedOut Fetch(const std::string& name) {
    absl::StatusOr<HandedOut> out = hub_->HandOut(name, (name == "crm" ? crm_ : erp_).cycle(), 0);
    EXPECT_THAT(out, IsOk());
    return out.ok() ? *std::move(out) : HandedOut{};
  }
  std::int64_t Count(const std::string& sql) { return Partner(path(), true).One(sql).integer; }

  ScratchFolder folder_;
  RememberingCatalog catalog_;
  Events events_;
  Member crm_, erp_;
  HubRules rules_;
  std::unique_ptr<Hub> hub_;
};

TEST_F(HubTest, OneCompanyInBothIsOneRecordAndIsInsertedNowhere) {  // S1
  crm_.Push({{1, "NO 1", "Ada", "Rome"}});
  erp_.Push({{7, "no-1", "Ada", "Rome"}});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member"), 2);
  // Both were there at first: the member that is named first counts.
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
  ASSERT_THAT(Fetch("erp").deliveries, SizeIs(1));
  EXPECT_EQ(Fetch("erp").deliveries[0].columns.begin()->second.value, Literal(std::string("NO 1")));
}

TEST_F(HubTest, WhatOneLacksIsInsertedThereAndItsNewKeyIsAMember) {  // S3
  crm_.Push({{1, "1", "Ada", "Rome"}});
  erp_.Push({});
  Derive();
  const HandedOut out = Fetch("erp");
  ASSERT_THAT(out.deliveries, SizeIs(1));
  EXPECT_TRUE(out.whole);
  EXPECT_EQ(out.deliveries[0].operation, HubOperation::kInsert);
  EXPECT_EQ(out.deliveries[0].columns.at("city").value, Literal(std::string("Rome")));
  erp_.Push({{9, "1", "Ada", "Rome"}}, {LedgerRow(out.deliveries[0], 1, "[9]", AsGiven(out.deliveries[0]))});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member WHERE joined_by = 'origin'"), 1);
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
}

TEST_F(HubTest, AnEditGoesToTheOtherUnderTheLockOfWhatIsKnown) {
  crm_.Push({{1, "1", "Ada", "Rome"}});
  erp_.Push({{7, "1", "Ada", "Rome"}});
  Derive();
  crm_.Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  Derive();
  const HandedOut out = Fetch("erp");
  ASSERT_THAT(out.deliveries, SizeIs(1));
  EXPECT_EQ(out.deliveries[0].key, "[7]");
  ASSERT_THAT(out.deliveries[0].columns, SizeIs(1));
  EXPECT_EQ(out.deliveries[0].columns.at("city").value, Literal(std::string("Oslo")));
  EXPECT_EQ(out.deliveries[0].locked.at("city"), Literal(std::string("Rome")));
  // The same again, until it is done: its id stays.
  Derive();
  EXPECT_EQ(Fetch("erp").deliveries.at(0).id, out.deliveries[0].id);
}

TEST_F(HubTest, NothingIsHandedOutBeforeEverybodyWasRead) {  // S6
  crm_.Push({{1, "1", "Ada", "Rome"}});
  Derive();
  const HandedOut out = Fetch("crm");
  EXPECT_THAT(out.deliveries, IsEmpty());
  EXPECT_THAT(out.waiting, HasSubstr("'erp' was not read yet"));
}

TEST_F(HubTest, ACycleThatWasBrokenOffIsNotLookedAt) {
  crm_.Push({{1, "1", "Ada", "Rome"}});
  erp_.Push({});
  Derive();
  crm_.BreakOff({{2, "2", "Bea", "Bern"}});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  const absl::StatusOr<std::vector<MemberState>> members = hub_->Members();
  ASSERT_THAT(members, IsOk());
  EXPECT_THAT(members->at(0).trouble, HasSubstr("waits for the rest"));
}

TEST_F(HubTest, ARestoredSourceSuspendsItsMemberUntilSomebodySaysWhatCounts) {  // S12
  crm_.Push({{1, "1", "Ada", "Rome"}});
  erp_.Push({{7, "1", "Ada", "Rome"}});
  Derive();
  crm_.Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  Derive();
  const HubDelivery taken = Fetch("erp").deliveries.at(0);
  erp_.Push({{7, "1", "Ada", "Oslo"}}, {LedgerRow(taken, 1, "[7]", AsGiven(taken))}, Operation::kUpdate);
  Derive();
  crm_.RestoreSource(1);
  crm_.Push({{1, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  Derive();
  EXPECT_THAT(Fetch("crm").waiting, HasSubstr("suspended"));
  EXPECT_THAT(hub_->Resume({{"crm", ResumeMode::kOurs}}, crm_.now()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("completed no cycle since")));
  crm_.Push({{1, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  EXPECT_THAT(hub_->Resume({{"crm", ResumeMode::kOurs}}, crm_.now()), IsOk());
  // Ours: the record's value is delivered.
  const HandedOut out = Fetch("crm");
  ASSERT_THAT(out.deliveries, SizeIs(1));
  EXPECT_EQ(out.deliveries[0].columns.at("city").value, Literal(std::string("Oslo")));
}

TEST_F(HubTest, ALostHubSuspendsAllAndHoldsWhatItDerives) {  // S11
  crm_.Push({{1, "1", "Ada", "Rome"}});
  erp_.Push({{7, "1", "Ada", "Oslo"}});
  Derive();
  hub_.reset();
  for (const char* const suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path() + suffix);
  Restart();
  Derive();
  EXPECT_THAT(Fetch("crm").waiting, HasSubstr("suspended"));
  crm_.Push({{1, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  erp_.Push({{7, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  ASSERT_THAT(hub_->Resume({{"crm", ResumeMode::kAsIs}, {"erp", ResumeMode::kAsIs}}, erp_.now()), IsOk());
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member"), 2);
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
  const absl::StatusOr<std::size_t> held = hub_->DecideHeld(true);
  ASSERT_THAT(held, IsOk());
  EXPECT_EQ(*held, 1U);
}

TEST_F(HubTest, ADeletedRowIsNotInsertedAgain) {  // S10
  crm_.Push({{1, "1", "Ada", "Rome"}});
  erp_.Push({{7, "1", "Ada", "Rome"}});
  Derive();
  erp_.Push({{7}}, {}, Operation::kDelete);
  Derive();
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());  // deletes = "none"
}

TEST_F(HubTest, OtherRulesAreDerivedAnewAndHeldUntilSomebodyCommits) {
  rules_.entities[0].attributes["city"] = {AttributeRule::Kind::kOrder, {"erp", "crm"}};
  hub_.reset();
  Restart();
  crm_.Push({{1, "1", "Ada", "Rome"}});
  erp_.Push({{7, "1", "Ada", "Bern"}});
  Derive();
  ASSERT_THAT(Fetch("crm").deliveries, SizeIs(1));  // Bern, the ERP's word.
  rules_.entities[0].attributes["city"].order = {"crm", "erp"};
  hub_.reset();
  Restart();
  Derive();
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  ASSERT_THAT(hub_->DecideHeld(true), IsOk());
  const HandedOut out = Fetch("erp");
  ASSERT_THAT(out.deliveries, SizeIs(1));
  EXPECT_EQ(out.deliveries[0].columns.at("city").value, Literal(std::string("Rome")));
}

TEST_F(HubTest, ARestartKnowsWhereItWas) {
  crm_.Push({{1, "1", "Ada", "Rome"}});
  erp_.Push({});
  Derive();
  const std::string id = Fetch("erp").deliveries.at(0).id;
  hub_.reset();
  Restart();
  Derive();
  EXPECT_EQ(Fetch("erp").deliveries.at(0).id, id);
}

}  // namespace
}  // namespace mirror
