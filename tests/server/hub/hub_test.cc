#include "server/hub/hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/wire/exchange/ledger.h"
#include "proto/wire/exchange/value_json.h"
#include "tests/server/hub/hub_place.h"
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
  Member(const std::string& name, HubPlace& place, Events& events) : place_(place), name_(name) {
    options_.steady_now = &StillTime;
    options_.journal.rules.push_back({.journal = true});
    tenant_ = std::make_shared<Tenant>(
        name, [this](bool create) { return place_.OpenStore(name_, create); }, options_, events,
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

  HubPlace& place_;
  const std::string name_;
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

class HubTest : public EitherHubPlace {
 protected:
  HubTest() : events_(catalog_) {}
  void Fill() override {
    crm_source_ = std::make_unique<Member>("crm", *place_, events_);
    erp_source_ = std::make_unique<Member>("erp", *place_, events_);
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

  Member& crm() { return *crm_source_; }
  Member& erp() { return *erp_source_; }
  /// As another server would open it.
  std::unique_ptr<Hub> OpenHub() {
    return std::make_unique<Hub>(
        rules_, [this](const HubRules& rules) { return place_->OpenHub(rules); },
        [this](const std::string& name) -> absl::StatusOr<std::shared_ptr<Tenant>> {
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
  std::unique_ptr<Member> crm_source_, erp_source_;
  HubRules rules_;
  std::unique_ptr<Hub> hub_;
};

TEST_P(HubTest, OneCompanyInBothIsOneRecordAndIsInsertedNowhere) {  // S1
  crm().Push({{1, "NO 1", "Ada", "Rome"}});
  erp().Push({{7, "no-1", "Ada", "Rome"}});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member"), 2);
  // Both were there at first: the member that is named first counts.
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
  ASSERT_THAT(Fetch("erp").deliveries, SizeIs(1));
  EXPECT_EQ(Fetch("erp").deliveries[0].columns.begin()->second.value, Literal(std::string("NO 1")));
}

TEST_P(HubTest, WhatOneLacksIsInsertedThereAndItsNewKeyIsAMember) {  // S3
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({});
  Derive();
  const HandedOut out = Fetch("erp");
  ASSERT_THAT(out.deliveries, SizeIs(1));
  EXPECT_TRUE(out.whole);
  EXPECT_EQ(out.deliveries[0].operation, HubOperation::kInsert);
  EXPECT_EQ(out.deliveries[0].columns.at("city").value, Literal(std::string("Rome")));
  erp().Push({{9, "1", "Ada", "Rome"}}, {LedgerRow(out.deliveries[0], 1, "[9]", AsGiven(out.deliveries[0]))});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member WHERE joined_by = 'origin'"), 1);
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
}

TEST_P(HubTest, AnEditGoesToTheOtherUnderTheLockOfWhatIsKnown) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  crm().Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
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

TEST_P(HubTest, NothingIsHandedOutBeforeEverybodyWasRead) {  // S6
  crm().Push({{1, "1", "Ada", "Rome"}});
  Derive();
  const HandedOut out = Fetch("crm");
  EXPECT_THAT(out.deliveries, IsEmpty());
  EXPECT_THAT(out.waiting, HasSubstr("'erp' was not read yet"));
}

TEST_P(HubTest, ACycleThatWasBrokenOffIsNotLookedAt) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({});
  Derive();
  crm().BreakOff({{2, "2", "Bea", "Bern"}});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  const absl::StatusOr<std::vector<MemberState>> members = hub_->Members();
  ASSERT_THAT(members, IsOk());
  EXPECT_THAT(members->at(0).trouble, HasSubstr("waits for the rest"));
}

TEST_P(HubTest, ARestoredSourceSuspendsItsMemberUntilSomebodySaysWhatCounts) {  // S12
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  crm().Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  Derive();
  const HubDelivery taken = Fetch("erp").deliveries.at(0);
  erp().Push({{7, "1", "Ada", "Oslo"}}, {LedgerRow(taken, 1, "[7]", AsGiven(taken))}, Operation::kUpdate);
  Derive();
  crm().RestoreSource(1);
  crm().Push({{1, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  Derive();
  EXPECT_THAT(Fetch("crm").waiting, HasSubstr("suspended"));
  EXPECT_THAT(hub_->Resume({{"crm", ResumeMode::kOurs}}, crm().now()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("completed no cycle since")));
  crm().Push({{1, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  EXPECT_THAT(hub_->Resume({{"crm", ResumeMode::kOurs}}, crm().now()), IsOk());
  // Ours: the record's value is delivered.
  const HandedOut out = Fetch("crm");
  ASSERT_THAT(out.deliveries, SizeIs(1));
  EXPECT_EQ(out.deliveries[0].columns.at("city").value, Literal(std::string("Oslo")));
}

TEST_P(HubTest, ALostHubSuspendsAllAndHoldsWhatItDerives) {  // S11
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Oslo"}});
  Derive();
  hub_.reset();
  place_->LoseHub();
  Restart();
  Derive();
  EXPECT_THAT(Fetch("crm").waiting, HasSubstr("suspended"));
  crm().Push({{1, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  erp().Push({{7, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  ASSERT_THAT(hub_->Resume({{"crm", ResumeMode::kAsIs}, {"erp", ResumeMode::kAsIs}}, erp().now()), IsOk());
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member"), 2);
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
  const absl::StatusOr<std::size_t> held = hub_->DecideHeld(true);
  ASSERT_THAT(held, IsOk());
  EXPECT_EQ(*held, 1U);
}

TEST_P(HubTest, ADeletedRowIsNotInsertedAgain) {  // S10
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  erp().Push({{7}}, {}, Operation::kDelete);
  Derive();
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());  // deletes = "none"
}

TEST_P(HubTest, OtherRulesAreDerivedAnewAndHeldUntilSomebodyCommits) {
  rules_.entities[0].attributes["city"] = {AttributeRule::Kind::kOrder, {"erp", "crm"}};
  hub_.reset();
  Restart();
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Bern"}});
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

TEST_P(HubTest, ARestartKnowsWhereItWas) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({});
  Derive();
  const std::string id = Fetch("erp").deliveries.at(0).id;
  hub_.reset();
  Restart();
  Derive();
  EXPECT_EQ(Fetch("erp").deliveries.at(0).id, id);
}

TEST_P(HubTest, AnotherServerHandsOutWhatOneDerived) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({});
  Derive();
  const std::string id = Fetch("erp").deliveries.at(0).id;
  if (!GetParam()) return;  // A file has one server.
  const std::unique_ptr<Hub> other = OpenHub();
  absl::StatusOr<HandedOut> out = other->HandOut("erp", erp().cycle(), 0);
  ASSERT_THAT(out, IsOk());
  ASSERT_THAT(out->deliveries, SizeIs(1));
  EXPECT_EQ(out->deliveries[0].id, id);
  // A cycle that nobody has derived yet.
  erp().Push({});
  out = other->HandOut("erp", erp().cycle(), 0);
  ASSERT_THAT(out, IsOk());
  EXPECT_THAT(out->deliveries, IsEmpty());
  EXPECT_THAT(out->waiting, HasSubstr("has not read this cycle"));
}

TEST_P(HubTest, ServersThatDeriveInTurnSuspendNobody) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  for (const char* const city : {"Oslo", "Bern", "Ulm"}) {
    crm().Push({{1, "1", "Ada", city}}, {}, Operation::kUpdate);
    if (!GetParam()) hub_.reset();
    hub_ = OpenHub();
    Derive();
    EXPECT_THAT(Fetch("crm").waiting, IsEmpty());
    const HandedOut out = Fetch("erp");
    ASSERT_THAT(out.deliveries, SizeIs(1));
    EXPECT_EQ(out.deliveries[0].columns.at("city").value, Literal(std::string(city)));
  }
}

TEST_P(HubTest, WhatIsNotedIsReadByTheNextDerivation) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  const absl::StatusOr<HubFile::News> first = hub_->ReadNews();
  ASSERT_THAT(first, IsOk());
  EXPECT_LT(first->read, first->noted);  // Nobody knows what was there before.
  Derive();
  const absl::StatusOr<HubFile::News> derived = hub_->ReadNews();
  ASSERT_THAT(derived, IsOk());
  EXPECT_EQ(derived->read, first->noted);
  ASSERT_THAT(hub_->NoteNews(), IsOk());
  const absl::StatusOr<HubFile::News> noted = hub_->ReadNews();
  ASSERT_THAT(noted, IsOk());
  EXPECT_EQ(noted->noted, derived->noted + 1);
  EXPECT_EQ(noted->read, derived->read);
}

INSTANTIATE_TEST_SUITE_P(Stores, HubTest, testing::Bool(), NameOfStore);

}  // namespace
}  // namespace mirror
