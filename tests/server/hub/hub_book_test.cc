// What every hub's book keeps, whatever it stands in.

#include "server/hub/plan/hub_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/hub/hub_book_bench.h"

namespace mirror::hub_book_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::UnorderedElementsAre;

TEST_P(HubBookTest, KeepsItsStateAndItsFeedsWhole) {
  HubFeed feed;
  feed.anchor = {"journal", 12, "token"};
  feed.salt = -5;
  feed.before = HubAnchor{"journal", 11, ""};
  feed.cycle = 4, feed.at = 5, feed.ledger_number = 6, feed.source_older = 7, feed.mirror_older = 8;
  feed.suspended = 9;
  feed.own_restore = feed.reread = true;
  Read([&](HubBook& book) {
    EXPECT_EQ(book.ReadFeeds()->at("crm"), HubFeed{});
    EXPECT_EQ(book.ReadState()->time, 0);
  });
  EXPECT_THAT(file_->IsNew(), IsOkAndHolds(true));
  Write([&](HubBook& book) {
    ASSERT_THAT(book.WriteFeed("crm", feed), IsOk());
    ASSERT_THAT(book.WriteFeed("erp", HubFeed{}), IsOk());
    ASSERT_THAT(book.WriteFeed("gone", feed), IsOk());
    ASSERT_THAT(book.WriteState({.time = 3, .hold = true, .records = 4, .deliveries = 5}), IsOk());
  });
  Open();
  EXPECT_THAT(file_->IsNew(), IsOkAndHolds(false));
  Read([&](HubBook& book) {
    const auto feeds = book.ReadFeeds();
    ASSERT_THAT(feeds, IsOk());
    EXPECT_THAT(*feeds, UnorderedElementsAre(Pair("crm", feed), Pair("erp", HubFeed{})));
    const auto state = book.ReadState();
    ASSERT_THAT(state, IsOk());
    EXPECT_EQ(state->time, 3);
    EXPECT_TRUE(state->hold);
    EXPECT_EQ(state->records, 4);
    EXPECT_EQ(state->deliveries, 5);
  });
}

TEST_P(HubBookTest, KeepsARowWithWhateverStandsInIt) {
  MemberRow row = RowOf("crm", absl::StrCat("[\"", std::string(5'000, 'k'), "\"]"), "g");
  row.says["vat"].value = Bytes{std::string("\0\xff", 2)};
  row.says["vat"].word = std::string("a\0b\xff", 4);
  row.changed_ms = 3;
  row.doomed = row.unsure = true;
  row.former = {{"h1", "h2"}, {}};
  row.work = {.read = true, .fresh = true, .made = true, .origin = "o", .turn = 2};
  Write([&](HubBook& book) {
    ASSERT_THAT(book.WriteRow(row, {"k1", "k2"}), IsOk());
    const auto read = book.ReadRow(row.ref);
    ASSERT_THAT(read, IsOk());
    ASSERT_TRUE(read->has_value());
    row.row_id = (*read)->row_id;
    row.indexed = {"k1", "k2"};
    EXPECT_EQ(**read, row);
    row.doomed = false;
    row.golden_id = "";
    ASSERT_THAT(book.WriteRow(row, {"k2"}), IsOk());
    row.indexed = {"k2"};
    EXPECT_EQ(**book.ReadRow(row.ref), row);
    EXPECT_THAT(book.FoundBy("company", "k1")->rows, IsEmpty());
    EXPECT_THAT(book.FoundBy("company", "k2")->rows, ElementsAre(row.ref));
    EXPECT_THAT(book.FoundBy("person", "k2")->rows, IsEmpty());
    EXPECT_EQ(book.CountAll()->at("crm").rows, 1U);
    ASSERT_THAT(book.RemoveRow(row), IsOk());
    EXPECT_FALSE((*book.ReadRow(row.ref)).has_value());
    EXPECT_THAT(book.FoundBy("company", "k2")->rows, IsEmpty());
    EXPECT_EQ(book.CountAll()->at("crm").rows, 0U);
  });
}

TEST_P(HubBookTest, FindsTheRowsOfARecordAndThoseThatWereNotRead) {
  Write([&](HubBook& book) {
    for (const char* const key : {"[1]", "[2]"}) {
      MemberRow row = RowOf("crm", key, "g");
      row.doomed = row.ref.key == "[2]";
      row.read_at = row.doomed ? 7 : 8;
      ASSERT_THAT(book.WriteRow(row, {}), IsOk());
    }
    ASSERT_THAT(book.WriteRow(RowOf("erp", "[1]", "other"), {}), IsOk());
    EXPECT_THAT(*book.RowsOf("g"), SizeIs(2));
    EXPECT_THAT(*book.RowsOf("nobody"), IsEmpty());
    EXPECT_THAT(*book.upkeep().DoomedRows(), ElementsAre(RowRef{"crm", "company", "[2]"}));
    EXPECT_THAT(*book.UnreadRows("crm", "company", 8), ElementsAre(RowRef{"crm", "company", "[2]"}));
    EXPECT_THAT(*book.UnreadRows("erp", "person", 8), IsEmpty());
  });
}

TEST_P(HubBookTest, ARecordStandsWherePartnersReadIt) {
  GoldenRecord record;
  record.id = "g";
  record.entity = "company";
  record.number = 3;
  record.values["vat"] = {std::string("NO 1"), 5, {"crm", "company", "[1]"}};
  record.values["City @ \"of\""] = {std::int64_t{-7}, 6, {"erp", "company", "[1]"}};
  record.had = {"crm", "erp"};
  record.frozen = {"vat"};
  record.turns["vat"] = {{1, Turn::Kind::kReplaced, "a"}, {2, Turn::Kind::kUndone, ""}};
  Write([&](HubBook& book) {
    ASSERT_THAT(book.WriteRecord(record, {"own"}), IsOk());
    ASSERT_THAT(book.WriteRow(RowOf("crm", "[1]", "g"), {}), IsOk());
    record.indexed = {"own"};
    EXPECT_EQ(**book.ReadRecord("g"), record);
    EXPECT_THAT(book.FoundBy("company", "own")->records, ElementsAre("g"));
  });
  EXPECT_EQ(place_->AskText("SELECT vat FROM golden_company"), "NO 1");
  EXPECT_EQ(
      place_->Ask("SELECT count(*) FROM golden_company WHERE CAST(\"City @ \"\"of\"\"\" AS text) = '-7'"), 1);
  EXPECT_EQ(place_->AskText("SELECT data_source FROM golden_company_member WHERE golden_id = 'g'"), "crm");
  GoldenRecord into = record;
  into.id = "into";
  into.number = 1;
  into.indexed = {};
  Write([&](HubBook& book) {
    ASSERT_THAT(book.WriteRecord(into, {"own"}), IsOk());
    ASSERT_THAT(book.MergeRecord(record, "into"), IsOk());
    EXPECT_THAT(book.Alive("g"), IsOkAndHolds("into"));
    EXPECT_THAT(book.Alive("into"), IsOkAndHolds("into"));
    EXPECT_THAT(book.Alive("nobody"), IsOkAndHolds(""));
    EXPECT_FALSE((*book.ReadRecord("g")).has_value());
    EXPECT_THAT(book.FoundBy("company", "own")->records, ElementsAre("into"));
  });
  EXPECT_EQ(place_->Ask("SELECT count(*) FROM golden_company"), 1);
  EXPECT_THAT(file_->CountRecords(), IsOkAndHolds(1U));
}

TEST_P(HubBookTest, GivesAllWorkUntilItIsDone) {
  constexpr int kRows = 1'200;  // More than are looked for at once.
  Write([&](HubBook& book) {
    GoldenRecord touched;
    touched.id = "touched";
    touched.entity = "company";
    touched.work.touched = true;
    ASSERT_THAT(book.WriteRecord(touched, {}), IsOk());
    for (int i = 0; i < kRows; ++i)
      ASSERT_THAT(book.WriteRow(RowOf("crm", absl::StrCat("[", i, "]")), {}), IsOk());
    int records = 0, rows = 0, again = 0;
    for (;;) {
      const auto work = book.NextWork();
      ASSERT_THAT(work, IsOk());
      if (!work->golden_id.empty()) {
        ++records;
        touched.work = {};
        ASSERT_THAT(book.WriteRecord(touched, {}), IsOk());
        continue;
      }
      if (!work->row) break;
      MemberRow row = **book.ReadRow(*work->row);
      ++rows;
      row.golden_id = "g";
      ASSERT_THAT(book.WriteRow(row, {}), IsOk());
      if (rows != kRows || again++ > 0) continue;
      // Two more, of which one was done already.
      row = **book.ReadRow({"crm", "company", "[3]"});
      row.golden_id = "";
      ASSERT_THAT(book.WriteRow(row, {}), IsOk());
      touched.work.touched = true;
      ASSERT_THAT(book.WriteRecord(touched, {}), IsOk());
    }
    EXPECT_EQ(rows, kRows + 1);
    EXPECT_EQ(records, 2);
  });
}

TEST_P(HubBookTest, HandsOutOpenDeliveriesInTheirOrderAndCountsThem) {
  Write([&](HubBook& book) {
    ASSERT_THAT(book.WriteDelivery(DeliveryOf("d", HubOperation::kDelete, 1)), IsOk());
    ASSERT_THAT(book.WriteDelivery(DeliveryOf("u", HubOperation::kUpdate, 2)), IsOk());
    ASSERT_THAT(book.WriteDelivery(DeliveryOf("late", HubOperation::kInsert, 3)), IsOk());
    HubDelivery person = DeliveryOf("child", HubOperation::kInsert, 4);
    person.table = "person";
    ASSERT_THAT(book.WriteDelivery(person), IsOk());
    ASSERT_THAT(book.WriteDelivery(DeliveryOf("parent", HubOperation::kInsert, 5)), IsOk());
    HubDelivery held = DeliveryOf("held", HubOperation::kUpdate, 6);
    held.state = DeliveryState::kHeld;
    ASSERT_THAT(book.WriteDelivery(held), IsOk());
    ASSERT_THAT(book.NoteRefused("late", {.until = 99, .reason = std::string("no\0\xff", 4)}), IsOk());
    ASSERT_THAT(book.WriteIssued("late", "g", 1), IsOk());
    EXPECT_THAT(book.IssuedFor("late"), IsOkAndHolds("g"));
    EXPECT_THAT(book.IssuedFor("nobody"), IsOkAndHolds(""));
    HubDelivery again = DeliveryOf("u", HubOperation::kUpdate, 2);
    again.needs = 44;
    ASSERT_THAT(book.WriteDelivery(again), IsOk());
    const HubCounts counts = book.CountAll()->at("erp");
    EXPECT_EQ(counts.inserts, 3U);
    EXPECT_EQ(counts.writes, 3U);
    EXPECT_EQ(counts.fresh_inserts, 3U);
    EXPECT_EQ(counts.fresh_writes, 3U);
  });
  std::vector<std::string> ids;
  Read([&](HubBook& book) {
    ASSERT_THAT(book.ReadOpen("erp",
                              [&](HubDelivery delivery) -> absl::StatusOr<bool> {
                                ids.push_back(delivery.id);
                                // Who takes them reads meanwhile.
                                EXPECT_THAT(book.ReadRecord("g"), IsOk());
                                if (delivery.id == "u") {
                                  EXPECT_EQ(delivery.needs, 44);
                                }
                                return true;
                              }),
                IsOk());
    EXPECT_THAT(*book.DeliveriesOf("g"), SizeIs(6));
  });
  EXPECT_THAT(ids, ElementsAre("parent", "child", "u", "d", "late"));
  Write([&](HubBook& book) {
    ASSERT_THAT(book.HoldFresh("erp", true), IsOk());
    ASSERT_THAT(book.EndFresh(), IsOk());
    ASSERT_THAT(book.RemoveDelivery(DeliveryOf("d", HubOperation::kDelete, 1)), IsOk());
  });
  Write([&](HubBook& book) {
    const HubCounts counts = book.CountAll()->at("erp");
    EXPECT_EQ(counts.writes, 2U);
    EXPECT_EQ(counts.fresh_writes + counts.fresh_inserts, 0U);
  });
  const auto figures = file_->CountAll();
  ASSERT_THAT(figures, IsOk());
  EXPECT_EQ(figures->at("erp").held, 4U);
  EXPECT_EQ(figures->at("erp").open, 1U);
  EXPECT_THAT(file_->DecideHeld(true), IsOkAndHolds(4U));
  EXPECT_EQ(file_->CountAll()->at("erp").refused, 1U);
}

TEST_P(HubBookTest, ARefusedDeliveryKeepsHowOftenAndWhy) {
  const Refusal once{.until = 99, .attempts = 1, .reason = "CHECK constraint failed: c"};
  const Refusal twice{.until = 199, .attempts = 2, .reason = "NOT NULL constraint failed: c"};
  Write([&](HubBook& book) {
    for (const char* const id : {"again", "once", "never"}) {
      ASSERT_THAT(book.WriteDelivery(DeliveryOf(id, HubOperation::kUpdate, 20 - id[0] % 10)), IsOk());
    }
    HubDelivery held = DeliveryOf("held", HubOperation::kUpdate, 30);
    held.state = DeliveryState::kHeld;
    ASSERT_THAT(book.WriteDelivery(held), IsOk());
    for (const char* const id : {"again", "once", "held"}) ASSERT_THAT(book.NoteRefused(id, once), IsOk());
    ASSERT_THAT(book.NoteRefused("again", twice), IsOk());
    ASSERT_THAT(book.NoteRefused("gone", once), IsOk());
  });
  Open();
  Read([&](HubBook& book) {
    std::map<std::string, std::optional<Refusal>> of_record, listed;
    const auto all = book.DeliveriesOf("g");
    ASSERT_THAT(all, IsOk());
    for (const HubDelivery& one : *all) of_record[one.id] = one.refused;
    EXPECT_THAT(of_record, ElementsAre(Pair("again", twice), Pair("held", once), Pair("never", std::nullopt),
                                       Pair("once", once)));
    std::vector<std::int64_t> numbers;
    ASSERT_THAT(book.ReadDeliveries(HubBook::Which::kRefused,
                                    [&](const HubDelivery& one) -> absl::StatusOr<bool> {
                                      listed[one.id] = one.refused;
                                      numbers.push_back(one.number);
                                      return true;
                                    }),
                IsOk());
    EXPECT_THAT(listed, ElementsAre(Pair("again", twice), Pair("once", once)));
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
  });
}

TEST_P(HubBookTest, WhatAnOperatorDroppedCountsForNothing) {
  Write([&](HubBook& book) {
    ASSERT_THAT(book.WriteDelivery(DeliveryOf("i", HubOperation::kInsert, 1)), IsOk());
    ASSERT_THAT(book.WriteDelivery(DeliveryOf("u", HubOperation::kUpdate, 2)), IsOk());
    ASSERT_THAT(book.HoldFresh("erp", true), IsOk());
    ASSERT_THAT(book.HoldFresh("erp", false), IsOk());
    ASSERT_THAT(book.EndFresh(), IsOk());
    EXPECT_EQ(book.CountAll()->at("erp").inserts, 1U);
    EXPECT_EQ(book.CountAll()->at("erp").writes, 1U);
  });
  EXPECT_THAT(file_->DecideHeld(false), IsOkAndHolds(2U));
  EXPECT_EQ(file_->CountAll()->at("erp").dropped, 2U);
  EXPECT_THAT(*file_->CountPlaces(DeliveryState::kDropped), SizeIs(2));
  EXPECT_THAT(*file_->CountPlaces(DeliveryState::kHeld), IsEmpty());
  const auto expect = [](HubBook& book, std::uint64_t inserts, std::uint64_t writes) {
    const HubCounts counts = book.CountAll()->at("erp");
    EXPECT_EQ(counts.inserts, inserts);
    EXPECT_EQ(counts.writes, writes);
  };
  Write([&](HubBook& book) {
    expect(book, 0, 0);
    ASSERT_THAT(book.WriteDelivery(DeliveryOf("other", HubOperation::kInsert, 3)), IsOk());
    expect(book, 1, 0);
    // Nor do they once they are gone.
    ASSERT_THAT(book.RemoveDelivery(DeliveryOf("i", HubOperation::kInsert, 1)), IsOk());
    ASSERT_THAT(book.RemoveDelivery(DeliveryOf("u", HubOperation::kUpdate, 2)), IsOk());
    expect(book, 1, 0);
  });
}

TEST_P(HubBookTest, HeldDeliveriesAreCountedByPlaceAndGivenFromTheOldest) {
  Write([&](HubBook& book) {
    for (int i = 1; i <= 3; ++i) {
      HubDelivery held = DeliveryOf(absl::StrCat("u", i), HubOperation::kUpdate, 10 - i);
      held.state = DeliveryState::kHeld;
      ASSERT_THAT(book.WriteDelivery(held), IsOk());
    }
    HubDelivery person = DeliveryOf("i", HubOperation::kInsert, 20);
    person.table = "person";
    person.state = DeliveryState::kHeld;
    ASSERT_THAT(book.WriteDelivery(person), IsOk());
    ASSERT_THAT(book.WriteDelivery(DeliveryOf("open", HubOperation::kUpdate, 1)), IsOk());
    HubDelivery dropped = DeliveryOf("dropped", HubOperation::kUpdate, 2);
    dropped.state = DeliveryState::kDropped;
    ASSERT_THAT(book.WriteDelivery(dropped), IsOk());
  });
  Read([&](HubBook& book) {
    std::vector<std::string> ids;
    std::size_t limit = 3;
    const HubBook::TakeOne take = [&](const HubDelivery& delivery) -> absl::StatusOr<bool> {
      EXPECT_EQ(delivery.columns, DeliveryOf("", HubOperation::kUpdate, 0).columns);
      ids.push_back(delivery.id);
      return ids.size() < limit;
    };
    ASSERT_THAT(book.ReadDeliveries(HubBook::Which::kHeld, take), IsOk());
    EXPECT_THAT(ids, ElementsAre("u3", "u2", "u1"));
    limit = 100;
    ids.clear();
    ASSERT_THAT(book.ReadDeliveries(HubBook::Which::kHeld, take), IsOk());
    EXPECT_THAT(ids, ElementsAre("u3", "u2", "u1", "i"));
  });
  EXPECT_THAT(*file_->CountPlaces(DeliveryState::kHeld),
              ElementsAre(Pair(DeliveryPlace{"erp", "company", HubOperation::kUpdate}, 3U),
                          Pair(DeliveryPlace{"erp", "person", HubOperation::kInsert}, 1U)));
}

TEST_P(HubBookTest, HandsOutManyWithoutLeavingOneOut) {
  constexpr int kMany = 1'100;  // More than are read at once.
  Write([&](HubBook& book) {
    for (int i = 0; i < kMany; ++i) {
      HubDelivery one =
          DeliveryOf(absl::StrCat("d", i), i % 2 == 0 ? HubOperation::kInsert : HubOperation::kUpdate, i);
      ASSERT_THAT(book.WriteDelivery(one), IsOk());
    }
  });
  Read([&](HubBook& book) {
    std::vector<std::int64_t> numbers;
    ASSERT_THAT(book.ReadOpen("erp",
                              [&](HubDelivery delivery) -> absl::StatusOr<bool> {
                                numbers.push_back(delivery.number);
                                return true;
                              }),
                IsOk());
    ASSERT_THAT(numbers, SizeIs(kMany));
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.begin() + kMany / 2));
    EXPECT_TRUE(std::is_sorted(numbers.begin() + kMany / 2, numbers.end()));
    int taken = 0;
    ASSERT_THAT(book.ReadOpen("erp", [&](HubDelivery) -> absl::StatusOr<bool> { return ++taken < 3; }),
                IsOk());
    EXPECT_EQ(taken, 3);
  });
}

TEST_P(HubBookTest, AfterAnErrorNothingOfTheTransactionIsThere) {
  const absl::Status status = file_->Transact([&](HubBook& book) -> absl::Status {
    EXPECT_THAT(book.WriteRow(RowOf("crm", "[1]"), {"k"}), IsOk());
    EXPECT_THAT(book.CountAll(), IsOk());
    return absl::DataLossError("for the test");
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("for the test")));
  Read([&](HubBook& book) {
    EXPECT_FALSE((*book.ReadRow({"crm", "company", "[1]"})).has_value());
    EXPECT_THAT(book.FoundBy("company", "k")->rows, IsEmpty());
    EXPECT_THAT(*book.CountAll(), IsEmpty());
  });
}

TEST_P(HubBookTest, WhatIsOnlyTriedIsGoneWhateverComesOfIt) {
  Write([&](HubBook& book) { ASSERT_THAT(book.WriteState({.time = 3}), IsOk()); });
  for (const absl::Status& end : {absl::OkStatus(), absl::DataLossError("for the test")}) {
    const absl::Status status = file_->Try([&](HubBook& book) {
      EXPECT_THAT(book.WriteState({.time = 4, .hold = true}), IsOk());
      EXPECT_THAT(book.WriteRow(RowOf("crm", "[1]", "g"), {"k"}), IsOk());
      EXPECT_THAT(book.WriteDelivery(DeliveryOf("d", HubOperation::kUpdate, 1)), IsOk());
      EXPECT_EQ(book.ReadState()->time, 4);
      EXPECT_THAT(book.FoundBy("company", "k")->rows, SizeIs(1));
      return end;
    });
    EXPECT_EQ(status.code(), end.code());
    Read([&](HubBook& book) {
      EXPECT_EQ(book.ReadState()->time, 3);
      EXPECT_FALSE(book.ReadState()->hold);
      EXPECT_FALSE((*book.ReadRow({"crm", "company", "[1]"})).has_value());
      EXPECT_THAT(book.FoundBy("company", "k")->rows, IsEmpty());
      EXPECT_THAT(*book.DeliveriesOf("g"), IsEmpty());
      EXPECT_THAT(*book.CountAll(), IsEmpty());
    });
  }
  // And what comes next is kept.
  Write([&](HubBook& book) { ASSERT_THAT(book.WriteState({.time = 5}), IsOk()); });
  Read([&](HubBook& book) { EXPECT_EQ(book.ReadState()->time, 5); });
}

TEST_P(HubBookTest, KeepsWhichRecordsWereParted) {
  const auto record = [](const std::string& id, std::set<std::string> apart) {
    GoldenRecord made;
    made.id = id;
    made.entity = "company";
    made.apart = std::move(apart);
    return made;
  };
  const auto apart = [](HubBook& book, const std::string& id) { return (*book.ReadRecord(id))->apart; };
  Write([&](HubBook& book) {
    for (const char* const id : {"a", "c", "d"}) ASSERT_THAT(book.WriteRecord(record(id, {}), {}), IsOk());
    ASSERT_THAT(book.WriteRecord(record("b", {"a", "c"}), {}), IsOk());
    // Of a pair each is apart from the other, whichever was written.
    EXPECT_THAT(apart(book, "a"), ElementsAre("b"));
    EXPECT_THAT(apart(book, "b"), ElementsAre("a", "c"));
    EXPECT_THAT(apart(book, "d"), IsEmpty());
  });
  Open();
  Write([&](HubBook& book) {
    EXPECT_THAT(apart(book, "c"), ElementsAre("b"));
    // Who takes it in is apart from what it was apart from, but not from itself.
    ASSERT_THAT(book.MergeRecord(record("b", {"a", "c"}), "c"), IsOk());
    EXPECT_THAT(apart(book, "a"), ElementsAre("c"));
    EXPECT_THAT(apart(book, "c"), ElementsAre("a"));
    ASSERT_THAT(book.WriteRecord(record("c", {}), {}), IsOk());
    EXPECT_THAT(apart(book, "a"), IsEmpty());
  });
  EXPECT_EQ(place_->Ask("SELECT count(*) FROM _hub_apart"), 0);
}

TEST_P(HubBookTest, GivesWhatThisDerivationMadeInItsOrder) {
  constexpr int kMany = 1'100;  // More than are read at once.
  Write([&](HubBook& book) {
    ASSERT_THAT(book.WriteDelivery(DeliveryOf("old", HubOperation::kUpdate, 0)), IsOk());
    ASSERT_THAT(book.EndFresh(), IsOk());
    for (int i = kMany; i > 0; --i) {
      HubDelivery one = DeliveryOf(absl::StrCat("d", i), HubOperation::kUpdate, i);
      one.data_source = i % 2 == 0 ? "crm" : "erp";
      ASSERT_THAT(book.WriteDelivery(one), IsOk());
    }
    ASSERT_THAT(book.HoldFresh("crm", false), IsOk());
    std::vector<std::int64_t> numbers;
    int held = 0;
    const HubBook::TakeOne take = [&](const HubDelivery& delivery) -> absl::StatusOr<bool> {
      numbers.push_back(delivery.number);
      if (delivery.state == DeliveryState::kHeld) ++held;
      return true;
    };
    ASSERT_THAT(book.ReadDeliveries(HubBook::Which::kFresh, take), IsOk());
    ASSERT_THAT(numbers, SizeIs(kMany));
    EXPECT_EQ(numbers.front(), 1);
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
    EXPECT_EQ(held, kMany / 2);
    int taken = 0;
    const HubBook::TakeOne fails = [&](const HubDelivery&) -> absl::StatusOr<bool> {
      return ++taken < 3 ? absl::StatusOr<bool>(true) : absl::CancelledError("for the test");
    };
    EXPECT_THAT(book.ReadDeliveries(HubBook::Which::kFresh, fails), StatusIs(absl::StatusCode::kCancelled));
    EXPECT_EQ(taken, 3);
  });
}

TEST_P(HubBookTest, PartedRecordsAreNoDuplicates) {
  Write([&](HubBook& book) {
    ASSERT_THAT(book.WriteRow(RowOf("crm", "[1]", "a"), {"k"}), IsOk());
    ASSERT_THAT(book.WriteRow(RowOf("erp", "[1]", "b"), {"k"}), IsOk());
  });
  EXPECT_THAT(*file_->FindDuplicates(10), SizeIs(1));
  Write([&](HubBook& book) {
    GoldenRecord record;
    record.id = "b";
    record.entity = "company";
    record.apart = {"a"};
    ASSERT_THAT(book.WriteRecord(record, {}), IsOk());
  });
  EXPECT_THAT(*file_->FindDuplicates(10), IsEmpty());
}

TEST_P(HubBookTest, FindsDuplicatesWithinAndApart) {
  Write([&](HubBook& book) {
    ASSERT_THAT(book.WriteRow(RowOf("crm", "[1]", "a"), {"k"}), IsOk());
    ASSERT_THAT(book.WriteRow(RowOf("crm", "[2]", "a"), {}), IsOk());
    ASSERT_THAT(book.WriteRow(RowOf("erp", "[1]", "b"), {"k"}), IsOk());
  });
  const auto found = file_->FindDuplicates(10);
  ASSERT_THAT(found, IsOk());
  ASSERT_THAT(*found, SizeIs(2));
  EXPECT_EQ(found->at(0).golden_id, "a");
  EXPECT_EQ(found->at(0).rows, 2U);
  EXPECT_EQ(found->at(1).golden_id, "a");
  EXPECT_EQ(found->at(1).other_id, "b");
  EXPECT_THAT(*file_->FindDuplicates(1), SizeIs(1));
}

TEST_P(HubBookTest, ThawedRecordsArePlannedAgain) {
  GoldenRecord record;
  record.id = "g";
  record.entity = "company";
  record.frozen = {"vat", "name"};
  Write([&](HubBook& book) {
    ASSERT_THAT(book.WriteRecord(record, {}), IsOk());
    ASSERT_THAT(book.WriteRow(RowOf("crm", "[1]", "g"), {}), IsOk());
    ASSERT_THAT(book.WriteRow(RowOf("crm", "[2]", "g"), {}), IsOk());
    GoldenRecord other = record;
    other.id = "h";
    other.number = 7;
    other.frozen = {};
    ASSERT_THAT(book.WriteRecord(other, {}), IsOk());
    ASSERT_THAT(book.WriteRow(RowOf("erp", "[1]", "h"), {}), IsOk());
  });
  absl::StatusOr<HubFile::Frozen> frozen = file_->FindFrozen(5);
  ASSERT_THAT(frozen, IsOk());
  EXPECT_EQ(frozen->records, 1U);
  EXPECT_EQ(frozen->of_data_source, (std::map<std::string, std::uint64_t>{{"crm", 1}}));
  EXPECT_EQ(frozen->first, (std::vector<HubFile::FrozenRecord>{{"company", "g", {"name", "vat"}}}));
  Write([&](HubBook& book) {
    EXPECT_THAT(book.upkeep().Thaw("another"), IsOkAndHolds(0U));
    EXPECT_THAT(book.upkeep().Thaw(""), IsOkAndHolds(1U));
    EXPECT_THAT(book.upkeep().Thaw(""), IsOkAndHolds(0U));
  });
  Write([&](HubBook& book) {
    EXPECT_EQ(book.NextWork()->golden_id, "g");
    EXPECT_THAT((*book.ReadRecord("g"))->frozen, IsEmpty());
  });
  frozen = file_->FindFrozen(5);
  ASSERT_THAT(frozen, IsOk());
  EXPECT_EQ(frozen->records, 0U);
  EXPECT_THAT(frozen->of_data_source, IsEmpty());
}

TEST_P(HubBookTest, OtherRulesReadAllAgainAndHold) {
  EXPECT_THAT(file_->TakeRules("one"), IsOkAndHolds(false));
  Write([&](HubBook& book) {
    HubFeed feed;
    feed.cycle = 3;
    ASSERT_THAT(book.WriteFeed("crm", feed), IsOk());
    ASSERT_THAT(book.WriteState({}), IsOk());
  });
  EXPECT_THAT(file_->TakeRules("one"), IsOkAndHolds(false));
  EXPECT_THAT(file_->TakeRules("other"), IsOkAndHolds(true));
  Read([&](HubBook& book) {
    EXPECT_TRUE(book.ReadFeeds()->at("crm").reread);
    EXPECT_FALSE(book.ReadFeeds()->at("erp").reread);
    EXPECT_TRUE(book.ReadState()->hold);
  });
}

TEST_P(HubBookTest, AnEntityGetsTheAttributesThatItLacks) {
  rules_.entities[0].attributes["phone"];
  rules_.entities[0].members[0].columns["phone"] = "phone";
  Open();
  GoldenRecord record;
  record.id = "g";
  record.entity = "company";
  record.values["phone"] = {std::string("7"), 1, {}};
  Write([&](HubBook& book) { ASSERT_THAT(book.WriteRecord(record, {}), IsOk()); });
  EXPECT_EQ(place_->AskText("SELECT phone FROM golden_company"), "7");
}

INSTANTIATE_TEST_SUITE_P(Stores, HubBookTest, testing::Bool(), NameOfStore);

}  // namespace
}  // namespace mirror::hub_book_test
