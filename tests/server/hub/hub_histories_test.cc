// Random histories in which an operator merges and parts records, and hands out or drops what is held,
// between edits, deletions and deliveries: what the model's histories do not have.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/wire/exchange/value_json.h"
#include "server/hub/plan/derive.h"
#include "server/hub/plan/match_keys.h"
#include "tests/server/hub/hub_place.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::hub_histories_test {
namespace {

// With MIRROR_TEST_ROUNDS fewer than 30 of them: so many.
constexpr std::uint64_t kHistories = 30;
constexpr std::uint64_t kPostgresHistories = 3;  // Which take longer.
constexpr int kSteps = 60;

HubRules ThreeSystems() {
  HubRules rules;
  rules.storage = "Acme";
  rules.data_sources = {"crm", "erp", "shop"};
  HubEntity& entity = rules.entities.emplace_back();
  entity.name = "company";
  entity.match = {{"vat"}, {"name", "city"}};
  for (const char* const attribute : {"vat", "name", "city"}) {
    entity.attributes[attribute].kind = AttributeRule::Kind::kNewest;
  }
  for (const std::string& source : rules.data_sources) {
    HubMember& member = entity.members.emplace_back();
    member.data_source = source;
    member.table = "company";
    member.columns = {{"vat", "vat"}, {"name", "name"}, {"city", "city"}};
    member.inserts = member.updates = member.deletes = true;
  }
  return rules;
}

using Values = std::map<std::string, Literal>;

/// A database with its mirror, always pushed.
class System final : public MemberLook {
 public:
  const LookHead& head() const override { return head_; }
  absl::StatusOr<std::optional<std::int64_t>> SaltOf(std::int64_t number) override {
    return number == 0 ? std::nullopt : std::optional<std::int64_t>(number);
  }
  absl::Status ReadNews(std::int64_t number, const TakeNews& take) override {
    for (auto at = static_cast<std::size_t>(number); at < journal_.size(); ++at) {
      if (absl::Status status = take(journal_[at]); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<LedgerEntry>> ReadLedger(std::int64_t above,
                                                      std::optional<std::int64_t> /*since*/) override {
    return std::vector<LedgerEntry>(ledger_.begin() + above, ledger_.end());
  }
  absl::StatusOr<std::int64_t> LastLedgerNumber() override {
    return static_cast<std::int64_t>(ledger_.size());
  }
  absl::StatusOr<std::optional<SourceRow>> ReadRow(const HubMember&, const std::string& key) override {
    const auto row = rows_.find(key);
    return row == rows_.end() ? std::nullopt : std::optional<SourceRow>(SourceRow{row->second});
  }
  absl::Status ReadRows(const HubMember&, const TakeRow& take) override {
    for (const auto& [key, values] : rows_) {
      if (absl::Status status = take(key, SourceRow{values}); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  const std::map<std::string, Values>& rows() const { return rows_; }
  void Insert(Values values) { Write(NewKey(), std::move(values)); }
  void Write(const std::string& key, Values values) {
    rows_[key] = std::move(values);
    journal_.push_back({"company", key, false});
  }
  void Delete(const std::string& key) {
    rows_.erase(key);
    journal_.push_back({"company", key, true});
  }
  void CompleteCycle() {
    ++head_.completed_cycle;
    head_.last_entry = static_cast<std::int64_t>(journal_.size());
  }
  void Acknowledge(const HubAnchor& anchor) { head_.anchor = anchor; }

  /// As an agent does, under the locks of row and match keys.
  void Apply(const HubEntity& entity, const HubDelivery& delivery) {
    std::string key = delivery.key;
    Values values;
    if (delivery.operation == HubOperation::kInsert) {
      for (const auto& row : rows_) {
        const HubKeys keys =
            KeysOf(entity, [&](const std::string& attribute) { return &row.second.at(attribute); });
        for (const HubKey& one : keys) {
          if (delivery.match_keys.count(one) > 0) return;
        }
      }
      key = NewKey();
      values = {{"vat", Null{}}, {"name", Null{}}, {"city", Null{}}};
    } else {
      const auto row = rows_.find(key);
      if (row == rows_.end() || row->second != delivery.locked) return;
      values = row->second;
    }
    LedgerEntry entry{delivery.id, static_cast<std::int64_t>(ledger_.size()) + 1, delivery.operation,
                      "company", key};
    for (const auto& [column, wish] : delivery.columns) {
      values[column] = wish.value;
      entry.wrote[column] = {wish.version_ms, wish.value, wish.value};
    }
    ledger_.push_back(std::move(entry));
    delivery.operation == HubOperation::kDelete ? Delete(key) : Write(key, std::move(values));
  }

 private:
  std::string NewKey() { return absl::StrCat("[", ++last_key_, "]"); }

  LookHead head_{.anchor = {.journal_id = "journal"}};
  std::map<std::string, Values> rows_;
  std::vector<JournalNews> journal_;
  std::vector<LedgerEntry> ledger_;
  int last_key_ = 0;
};

class History {
 public:
  History(std::uint64_t seed, HubPlace& place) : random_(seed) {
    rules_.entities[0].delete_any = Chance(50);
    absl::StatusOr<std::unique_ptr<HubFile>> file = place.OpenHub(rules_);
    EXPECT_THAT(file.status(), IsOk());
    file_ = *std::move(file);
    for (int i = 0; i < 6; ++i) AnySystem().Insert(AnyValues());
  }

  /// What was done, for a failure.
  const std::string& told() const { return told_; }

  void Run() {
    EXPECT_THAT(Derive({}, {"crm", "erp", "shop"}), IsOk());
    for (int step = 0; step < kSteps && !testing::Test::HasFailure(); ++step) Step();
  }

 private:
  int Any(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  bool Chance(int percent) { return Any(100) < percent; }
  const std::string& AnyName() { return rules_.data_sources[static_cast<std::size_t>(Any(3))]; }
  System& AnySystem() { return systems_[AnyName()]; }
  Literal AnyText(const char* prefix) {
    return Chance(10) ? Literal(Null{}) : Literal(absl::StrCat(prefix, Any(4)));
  }
  Values AnyValues() { return {{"vat", AnyText("v")}, {"name", AnyText("n")}, {"city", AnyText("c")}}; }

  void Step();
  void Edit();
  void Deliver();
  void Hold();
  void DecideHeld(bool commit);
  void MergeAny();
  void PartAny();
  absl::Status Derive(const std::optional<HandDecision>& decision, const std::set<std::string>& who);
  std::set<std::string> Some();

  void CheckDropped();
  void Check();
  std::vector<MemberRow> Rows();
  std::map<std::string, HubDelivery> Deliveries();
  std::string Alive(const std::string& id);
  std::string Whole();

  std::mt19937_64 random_;
  HubRules rules_ = ThreeSystems();
  std::map<std::string, System> systems_;
  std::unique_ptr<HubFile> file_;
  std::int64_t now_ms_ = 1'700'000'000'000;
  int last_id_ = 0;
  std::set<std::pair<std::string, std::string>> parted_;
  std::map<std::string, HubDelivery> dropped_;
  std::string told_;
};

std::set<std::string> History::Some() {
  std::set<std::string> some = {AnyName(), AnyName()};
  return some;
}

absl::Status History::Derive(const std::optional<HandDecision>& decision, const std::set<std::string>& who) {
  DeriveInput input;
  input.now_ms = now_ms_ += 1'000;
  for (const std::string& name : who) {
    systems_[name].CompleteCycle();
    input.looks[name] = &systems_[name];
  }
  input.record_id = [this](const MemberRow&) { return absl::StrCat("g", ++last_id_); };
  input.delivery_id = [this](const HubDelivery&) { return absl::StrCat("d", ++last_id_); };
  input.token = [this](const std::string&) { return absl::StrCat("t", ++last_id_); };
  input.decision = decision;
  Derived derived;
  absl::Status status = file_->Transact([&](HubBook& book) {
    absl::StatusOr<Derived> done = mirror::Derive(rules_, input, &book);
    if (done.ok()) derived = *std::move(done);
    return done.status();
  });
  for (const std::string& name : derived.read) systems_[name].Acknowledge(derived.feeds.at(name).anchor);
  if (status.ok() && decision && !decision->rows.empty()) {
    parted_.emplace(Alive(decision->golden_id), derived.decided);
  }
  CheckDropped();
  return status;
}

void History::Edit() {
  const std::string name = AnyName();
  System& system = systems_[name];
  if (system.rows().empty() || Chance(25)) return system.Insert(AnyValues());
  auto row = system.rows().begin();
  std::advance(row, Any(static_cast<int>(system.rows().size())));
  const std::string key = row->first;
  if (Chance(20)) return system.Delete(key);
  Values values = row->second;
  const char* const columns[] = {"vat", "name", "city"};
  const char* const column = columns[Any(3)];
  values[column] = AnyText(std::string(1, column[0]).c_str());
  system.Write(key, std::move(values));
}

void History::Deliver() {
  const std::string name = AnyName();
  std::vector<HubDelivery> open;
  EXPECT_THAT(file_->Read([&](HubBook& book) {
    return book.ReadOpen(name, [&](HubDelivery delivery) -> absl::StatusOr<bool> {
      EXPECT_EQ(dropped_.count(delivery.id), 0U) << "an operator dropped it";
      open.push_back(std::move(delivery));
      return true;
    });
  }),
              IsOk());
  for (const HubDelivery& delivery : open) systems_[name].Apply(rules_.entities[0], delivery);
}

void History::Hold() {
  EXPECT_THAT(file_->Transact([](HubBook& book) {
    absl::StatusOr<HubState> state = book.ReadState();
    if (!state.ok()) return state.status();
    state->hold = true;
    return book.WriteState(*state);
  }),
              IsOk());
}

void History::DecideHeld(bool commit) {
  const std::map<std::string, HubDelivery> before = Deliveries();
  EXPECT_THAT(file_->DecideHeld(commit), IsOk());
  for (const auto& [id, delivery] : before) {
    if (!commit && delivery.state == DeliveryState::kHeld) dropped_[id] = delivery;
  }
}

void History::MergeAny() {
  const std::vector<MemberRow> rows = Rows();
  if (rows.empty()) return;
  const std::string one = rows[static_cast<std::size_t>(Any(static_cast<int>(rows.size())))].golden_id;
  const std::string other = rows[static_cast<std::size_t>(Any(static_cast<int>(rows.size())))].golden_id;
  const absl::Status status = Derive(HandDecision{.golden_id = one, .other_id = other}, Some());
  if (absl::IsInvalidArgument(status)) return;  // They are one already.
  EXPECT_THAT(status, IsOk());
  EXPECT_EQ(Alive(one), Alive(other));
  std::erase_if(parted_, [&](const auto& pair) { return Alive(pair.first) == Alive(pair.second); });
}

void History::PartAny() {
  const std::vector<MemberRow> rows = Rows();
  std::map<std::string, std::vector<RowRef>> records;
  for (const MemberRow& row : rows) records[row.golden_id].push_back(row.ref);
  std::erase_if(records, [](const auto& record) { return record.second.size() < 2; });
  if (records.empty()) return;
  auto record = records.begin();
  std::advance(record, Any(static_cast<int>(records.size())));
  HandDecision decision{.golden_id = record->first};
  const int count = 1 + Any(static_cast<int>(record->second.size()) - 1);
  for (int i = 0; i < count; ++i) decision.rows.push_back(record->second[static_cast<std::size_t>(i)]);
  // What is read first may have taken the rows elsewhere: then nothing is parted.
  const absl::Status status = Derive(decision, Some());
  EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
}

void History::Step() {
  const int what = Any(100);
  if (what < 40) {
    absl::StrAppend(&told_, " edit"), Edit();
  } else if (what < 60) {
    absl::StrAppend(&told_, " deliver"), Deliver();
  } else if (what < 68) {
    absl::StrAppend(&told_, " merge"), MergeAny();
  } else if (what < 80) {
    absl::StrAppend(&told_, " part"), PartAny();
  } else if (what < 86) {
    absl::StrAppend(&told_, " hold"), Hold();
  } else if (what < 92) {
    absl::StrAppend(&told_, " commit"), DecideHeld(true);
  } else {
    absl::StrAppend(&told_, " rollback"), DecideHeld(false);
  }
  EXPECT_THAT(Derive({}, Some()), IsOk());
  Check();
}

std::vector<MemberRow> History::Rows() {
  std::vector<MemberRow> rows;
  EXPECT_THAT(file_->Read([&](HubBook& book) {
    for (const std::string& name : rules_.data_sources) {
      const absl::StatusOr<std::vector<RowRef>> refs = book.UnreadRows(name, "company", -1);
      if (!refs.ok()) return refs.status();
      for (const RowRef& ref : *refs) rows.push_back(**book.ReadRow(ref));
    }
    return absl::OkStatus();
  }),
              IsOk());
  return rows;
}

std::map<std::string, HubDelivery> History::Deliveries() {
  std::map<std::string, HubDelivery> found;
  std::set<std::string> ids;
  for (const MemberRow& row : Rows()) ids.insert(row.golden_id);
  EXPECT_THAT(file_->Read([&](HubBook& book) {
    for (const std::string& id : ids) {
      const std::vector<HubDelivery> deliveries = *book.DeliveriesOf(id);
      for (const HubDelivery& delivery : deliveries) found[delivery.id] = delivery;
    }
    return absl::OkStatus();
  }),
              IsOk());
  return found;
}

std::string History::Alive(const std::string& id) {
  std::string alive;
  EXPECT_THAT(file_->Read([&](HubBook& book) {
    alive = *book.Alive(id);
    return absl::OkStatus();
  }),
              IsOk());
  return alive;
}

/// All that there is, but for when it was read.
std::string History::Whole() {
  std::string text;
  for (const MemberRow& row : Rows()) {
    absl::StrAppend(&text, row.ref.data_source, row.ref.key, " in ", row.golden_id, row.doomed, "\n");
  }
  for (const auto& [id, delivery] : Deliveries()) {
    absl::StrAppend(&text, id, " ", delivery.key, " ", static_cast<int>(delivery.state), "\n");
  }
  return text;
}

/// Behind each derivation: what was not wanted for one of them is forgotten, and may be wanted anew by the
/// next.
void History::CheckDropped() {
  const std::map<std::string, HubDelivery> deliveries = Deliveries();
  for (auto dropped = dropped_.begin(); dropped != dropped_.end();) {
    const auto now = deliveries.find(dropped->first);
    for (const auto& [id, delivery] : deliveries) {
      EXPECT_TRUE(id == dropped->first || !delivery.SameContent(dropped->second)) << "made again: " << id;
    }
    // Its content changed, or it is not wanted any more: what is wanted then is another one.
    if (now == deliveries.end()) {
      dropped = dropped_.erase(dropped);
      continue;
    }
    EXPECT_EQ(now->second.state, DeliveryState::kDropped) << dropped->first;
    ++dropped;
  }
}

void History::Check() {
  EXPECT_THAT(Derive({}, {"crm", "erp", "shop"}), IsOk());
  std::set<RowRef> known;
  for (const MemberRow& row : Rows()) {
    EXPECT_TRUE(known.insert(row.ref).second) << row.ref.key;
    EXPECT_EQ(Alive(row.golden_id), row.golden_id);
  }
  std::size_t rows = 0;
  for (const auto& [name, system] : systems_) rows += system.rows().size();
  EXPECT_EQ(known.size(), rows) << "every row is in one record";
  for (const auto& [one, other] : parted_) {
    EXPECT_NE(Alive(one), Alive(other)) << one << " and " << other << " were parted";
  }
  const std::string before = Whole();
  EXPECT_THAT(Derive({}, {"crm", "erp", "shop"}), IsOk());
  EXPECT_EQ(Whole(), before) << "nothing was new";
}

class HubHistories : public EitherHubPlace {};

TEST_P(HubHistories, WhatAnOperatorDecidesHoldsWhateverElseHappens) {
  const std::uint64_t seed = TestSeed();
  const std::uint64_t histories =
      GetParam() ? kPostgresHistories
                 : std::min(kHistories, FromEnvironment("MIRROR_TEST_ROUNDS", kHistories));
  for (std::uint64_t i = 0; i < histories && !testing::Test::HasFailure(); ++i) {
    {
      History history(seed + i, *place_);
      history.Run();
      EXPECT_FALSE(testing::Test::HasFailure())
          << "MIRROR_TEST_SEED=" << seed + i << " behind" << history.told();
    }
    place_->LoseHub();
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, HubHistories, testing::Bool(), NameOfStore);

}  // namespace
}  // namespace mirror::hub_histories_test
