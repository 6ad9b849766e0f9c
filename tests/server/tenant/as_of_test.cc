// Which moment of a table a person means.

#include "server/tenant/as_of.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/memory/no_history.h"
#include "tests/support/status_matchers.h"

namespace mirror::as_of_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Commits of one table, oldest first, found as the stores do.
class Commits final : public NoJournalReader {
 public:
  absl::StatusOr<JournalBounds> ReadBounds() override {
    JournalBounds bounds;
    bounds.last.number = last_of_all;
    return bounds;
  }
  absl::StatusOr<std::vector<JournalEntry>> FindCommits(const std::string&, const AsOf& as_of) override {
    std::vector<JournalEntry> found;
    for (std::size_t i = 0; i < commits.size(); ++i) {
      const JournalCommit& commit = *commits[i].commit;
      const std::int64_t lsn = commit.position.lsn.value;
      const std::int64_t next =
          i + 1 == commits.size() ? INT64_MAX : commits[i + 1].commit->position.lsn.value;
      const bool passes =
          as_of.lsn && lsn <= *as_of.lsn && (next > *as_of.lsn || (next < lsn && lsn == *as_of.lsn));
      const bool is_before = (as_of.moment && commits[i].number <= *as_of.moment) ||
                             (as_of.unix_ms && commit.done_ms <= *as_of.unix_ms);
      if (passes || is_before) found.insert(found.begin(), commits[i]);
    }
    found.resize(std::min<std::size_t>(found.size(), as_of.lsn ? 3 : 1));
    return found;
  }

  std::vector<JournalEntry> commits;
  std::int64_t last_of_all = 0;
};

class OneTable final : public Snapshot {
 public:
  absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string&) override {
    TableRecord record;
    record.position.lsn = {lsn};
    return std::optional(record);
  }
  absl::StatusOr<std::vector<TableRecord>> ReadTables() override { return None(); }
  absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string&) override { return None(); }
  absl::StatusOr<std::vector<RangeDigest>> Digest(const TableSchema&, const std::vector<std::uint32_t>&,
                                                  const std::vector<KeyRange>&, const GoOn&) override {
    return None();
  }
  absl::Status ReadRows(const TableSchema&, const std::vector<std::uint32_t>&, const std::vector<KeyRange>&,
                        std::size_t, const GoOn&, const TakeRows&) override {
    return None();
  }
  JournalReader& journal() override { return journal_; }
  VersionReader& versions() override { return versions_; }
  absl::StatusOr<MirrorContents> ReadContents() override { return None(); }
  absl::Status CopyTo(const std::string&, const GoOnCopying&) override { return None(); }

  Commits journal_;
  std::int64_t lsn = 0;

 private:
  static absl::Status None() { return absl::UnimplementedError("this test has no rows"); }

  NoVersions versions_;
};

class FindMomentTest : public testing::Test {
 protected:
  FindMomentTest() { history_.schema.name = "people"; }

  void Commit(std::int64_t number, std::int64_t lsn, std::int64_t done_ms) {
    JournalEntry entry;
    entry.number = entry.moment = number;
    entry.table = "people";
    entry.commit = JournalCommit{.position = {Lsn{lsn}, "line"}, .done_ms = done_ms};
    snapshot_.journal_.commits.push_back(std::move(entry));
    snapshot_.journal_.last_of_all = number;
    snapshot_.lsn = lsn;
  }
  absl::StatusOr<std::int64_t> Find(const std::string& text) {
    const absl::StatusOr<FoundMoment> found = FindMoment(snapshot_, history_, text);
    if (!found.ok()) return found.status();
    return found->moment;
  }

  OneTable snapshot_;
  TableHistory history_;
};

// H10: the source was restored to LSN 101.
TEST_F(FindMomentTest, AnLsnThatPassedTwiceIsRefusedWithBothMoments) {
  Commit(2, 101, 10'000);
  Commit(4, 103, 20'000);
  Commit(6, 102, 30'000);
  Commit(9, 104, 40'000);
  EXPECT_THAT(Find("103"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("LSN 103 more than once"), HasSubstr("m:4"), HasSubstr("m:6"))));
  EXPECT_THAT(Find("104"), IsOkAndHolds(9));
  EXPECT_THAT(Find("101"), IsOkAndHolds(2));
  EXPECT_THAT(Find("m:4"), IsOkAndHolds(4));
  EXPECT_THAT(Find("m:5"), IsOkAndHolds(4));
  // Of the two only one is known.
  history_.known_from = 6;
  EXPECT_THAT(Find("103"), IsOkAndHolds(6));
}

// The source was restored to LSN 1, and has not come to 23 again.
TEST_F(FindMomentTest, AnLsnFromBeforeARestoreIsFoundThere) {
  Commit(1, 22, 10'000);
  Commit(2, 23, 20'000);
  Commit(3, 1, 30'000);
  Commit(4, 2, 40'000);
  EXPECT_THAT(Find("23"), IsOkAndHolds(2));
  EXPECT_THAT(Find("22"), IsOkAndHolds(1));
  EXPECT_THAT(Find("2"), IsOkAndHolds(4));
  EXPECT_THAT(Find("24"), StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("has not reached LSN 24 yet")));
}

TEST_F(FindMomentTest, WhatIsNotKeptOrHasNotComeIsRefused) {
  EXPECT_THAT(Find("m:1"), StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("known from moment 0")));
  Commit(5, 101, 10'000);
  snapshot_.journal_.last_of_all = 8;  // Of another table.
  history_.known_from = 5;
  EXPECT_THAT(Find("m:4"), StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("known from moment 5")));
  EXPECT_THAT(Find("100"), StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("known from moment 5")));
  EXPECT_THAT(Find("m:8"), IsOkAndHolds(5));
  EXPECT_THAT(Find("m:9"), StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("no moment 9 yet")));
  EXPECT_THAT(Find("102"), StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("has not reached LSN 102 yet")));
  EXPECT_THAT(Find("2999-01-01"), StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("is in the future")));
  EXPECT_THAT(Find("1970-01-02"), IsOkAndHolds(5));
}

TEST_F(FindMomentTest, TheFirstStateThatIsKeptCanBeAskedFor) {
  EXPECT_THAT(Find("m:0"), IsOkAndHolds(0)) << "nothing was committed since";
  Commit(2, 101, 10'000);
  history_.known_from = 5;  // Versions are kept since a commit of another table.
  snapshot_.journal_.last_of_all = 5;
  EXPECT_THAT(Find("m:0"), IsOkAndHolds(5));
  EXPECT_THAT(Find("m:5"), IsOkAndHolds(5)) << "as the refusal of others says";
  EXPECT_THAT(Find("m:3"), StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("m:0 is the first state")));
  const auto first = FindMoment(snapshot_, history_, "m:0");
  ASSERT_THAT(first, IsOk());
  EXPECT_FALSE(first->commit.commit);
  Commit(7, 102, 20'000);
  EXPECT_THAT(Find("m:0"), IsOkAndHolds(5));
  EXPECT_THAT(Find("m:7"), IsOkAndHolds(7));
  history_.known_from = 7;
  EXPECT_TRUE(FindMoment(snapshot_, history_, "m:0")->commit.commit);
}

TEST(ParseAsOfTest, WhatIsNoMomentIsRefused) {
  for (const char* const text : {"", "m:", "m:-1", "m:x", "-1", "2026-13-01", "tomorrow", "0x10", "1.5"}) {
    EXPECT_THAT(ParseAsOf(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a moment")))
        << text;
  }
  EXPECT_EQ(ParseAsOf("1234")->lsn, 1234);
  EXPECT_EQ(ParseAsOf("m:4711")->moment, 4711);
  EXPECT_EQ(ParseAsOf("2026-03-31T12:00:00Z")->unix_ms, 1'774'958'400'000);
}

}  // namespace
}  // namespace mirror::as_of_test
