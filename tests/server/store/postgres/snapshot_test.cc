#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/wire/row_digest.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/postgres/postgres_snapshot.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/rows/own_schema.h"
#include "server/store/postgres/tables/kept_kinds.h"
#include "tests/support/postgres_database.h"
#include "tests/support/rows.h"

// What a snapshot of a mirror in PostgreSQL is when the mirror goes on: the contract of all stores has the
// rest.

namespace mirror::snapshot_test {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

class PostgresSnapshotTest : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    ASSERT_THAT(MakeOwnSchema(*connection_, "ctx", names_, 1), IsOk());
    OwnWrites writes;
    PostgresAgreed agreed = {.schema = table_, .generation = 1};
    AddKinds(table_, &agreed.kinds);
    WriteAgreed(writes, names_, agreed);
    WriteRecord(writes, names_, {.table = "people", .position = {Lsn{5}, "five"}, .row_count = 2});
    ASSERT_THAT(writes.Send(*connection_), IsOk());
    Run("CREATE TABLE \"Mirror_ctx\".people (id bigint PRIMARY KEY, name text, age bigint)");
    Run("INSERT INTO \"Mirror_ctx\".people VALUES (1, 'Ada', 36), (2, 'Grace', 45)");
    auto place = PostgresPlace::Open({.name = "p", .conninfo = conninfo_, .connections = 1});
    ASSERT_THAT(place, IsOk());
    place_ = *std::move(place);
  }
  void Run(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }
  std::unique_ptr<Snapshot> Look(std::chrono::milliseconds lasts = kPostgresSnapshotMax) {
    auto opened = OpenPostgresSnapshot(*place_, "ctx", names_, lasts);
    EXPECT_THAT(opened, IsOk());
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  absl::StatusOr<std::vector<RangeDigest>> Digest(Snapshot& snapshot, bool go_on = true) {
    return snapshot.Digest(table_, {0, 1, 2}, {}, [go_on] { return go_on; });
  }
  std::uint64_t Rows(Snapshot& snapshot) {
    const auto digests = Digest(snapshot);
    EXPECT_THAT(digests, IsOk());
    return digests.ok() ? digests->front().rows : 0;
  }

  const TableSchema table_ = People();
  const PostgresOwnTables names_{"ctx", SchemaOf("ctx")};
  std::unique_ptr<PostgresPlace> place_;
};

TEST_F(PostgresSnapshotTest, WhatIsCommittedBesideItIsNotSeen) {
  std::unique_ptr<Snapshot> before = Look();
  Run("INSERT INTO \"Mirror_ctx\".people VALUES (3, 'Joan', 1)");
  Run("UPDATE \"Mirror_ctx\".ctx_mirroring SET lsn = 7");
  Run("ALTER TABLE \"Mirror_ctx\".people ADD COLUMN note text");
  EXPECT_EQ(Rows(*before), 2U);
  EXPECT_EQ(before->ReadTable("PEOPLE")->value().position.lsn, Lsn{5});
  EXPECT_EQ(before->ReadTables()->size(), 1U);
  EXPECT_EQ(before->ReadSchema("people")->value(), table_);
  EXPECT_EQ(*before->ReadTable("other"), std::nullopt);
  EXPECT_EQ(*before->ReadSchema("other"), std::nullopt);
  before.reset();
  EXPECT_EQ(Rows(*Look()), 3U) << "the only connection was given back";
  EXPECT_EQ(place_->counts(PlaceUse::kScan).open, 1U);
}

TEST_F(PostgresSnapshotTest, ALongValueIsNotReadAsAWholeForItsDigest) {
  constexpr std::size_t kLong = 40'000'000;
  Run(absl::StrCat("UPDATE \"Mirror_ctx\".people SET name = repeat('x', ", kLong, ") WHERE id = 2"));
  RowDigest row;
  RangeDigest expected;
  for (const bool first : {true, false}) {
    row.AddInteger(first ? 1 : 2);
    row.AddText(first ? "Ada" : std::string(kLong, 'x'));
    row.AddInteger(first ? 36 : 45);
    expected.Add(row.Finish());
  }
  const auto digests = Digest(*Look());
  ASSERT_THAT(digests, IsOk());
  EXPECT_EQ(digests->front(), expected);
  EXPECT_EQ(place_->counts(PlaceUse::kScan).open, 1U) << "its connection is no larger than before";
  EXPECT_THAT(Look()->ReadRows(
                  table_, {0, 1, 2}, {}, 1, [] { return true; }, [](RowBlock*) { return absl::OkStatus(); }),
              IsOk());
  EXPECT_EQ(place_->counts(PlaceUse::kScan).open, 0U) << "what a whole value went through is closed";
}

TEST_F(PostgresSnapshotTest, ATableThatTookItsNameSinceIsNotReadInPart) {
  Run("CREATE TABLE \"Mirror_ctx\".other (LIKE \"Mirror_ctx\".people INCLUDING ALL)");
  Run("INSERT INTO \"Mirror_ctx\".other VALUES (1, 'a', 1), (2, 'b', 2)");
  const std::unique_ptr<Snapshot> snapshot = Look();
  Run("BEGIN; INSERT INTO \"Mirror_ctx\".other VALUES (3, 'c', 3); DROP TABLE \"Mirror_ctx\".people; ALTER "
      "TABLE "
      "\"Mirror_ctx\".other RENAME TO people; COMMIT");
  EXPECT_THAT(Digest(*snapshot), StatusIs(StatusCode::kUnavailable, HasSubstr("same call again is safe")));
}

TEST_F(PostgresSnapshotTest, ATableThatWasWrittenAnewSinceIsNotReadAsEmpty) {
  std::unique_ptr<Snapshot> snapshot = Look();
  Run("ALTER TABLE \"Mirror_ctx\".people ALTER COLUMN age TYPE bigint USING age + 1");
  EXPECT_THAT(Digest(*snapshot), StatusIs(StatusCode::kUnavailable, HasSubstr("same call again is safe")));
  snapshot.reset();
  EXPECT_EQ(Rows(*Look()), 2U);
}

TEST_F(PostgresSnapshotTest, AMirrorThatTookItsNameSinceIsNotReadInItsPlace) {
  std::unique_ptr<Snapshot> snapshot = Look();
  const auto before = snapshot->ReadContents();
  ASSERT_THAT(before, IsOk());
  EXPECT_EQ(before->records.size(), 1U);
  Run("ALTER SCHEMA \"Mirror_ctx\" RENAME TO aside");
  ASSERT_THAT(MakeOwnSchema(*connection_, "ctx", names_, 1), IsOk());
  EXPECT_THAT(snapshot->ReadContents(),
              StatusIs(StatusCode::kUnavailable, HasSubstr("same call again is safe")));
  snapshot.reset();
  const auto after = Look()->ReadContents();
  ASSERT_THAT(after, IsOk());
  EXPECT_EQ(after->records.size(), 0U);
}

TEST_F(PostgresSnapshotTest, OneThatWasMadeBeforeAndTookItsNameSinceIsNotReadEither) {
  const PostgresOwnTables import_names{"ctx", "import"};
  ASSERT_THAT(MakeOwnSchema(*connection_, "ctx", import_names, 1), IsOk());
  const std::unique_ptr<Snapshot> snapshot = Look();
  Run("BEGIN; ALTER SCHEMA \"Mirror_ctx\" RENAME TO aside; ALTER SCHEMA import RENAME TO \"Mirror_ctx\"; "
      "COMMIT");
  EXPECT_THAT(snapshot->ReadContents(), StatusIs(StatusCode::kUnavailable, HasSubstr("replaced this one")));
}

TEST_F(PostgresSnapshotTest, FromTheFirstReadingOnTheTableStays) {
  const std::unique_ptr<Snapshot> snapshot = Look();
  EXPECT_EQ(Rows(*snapshot), 2U);
  EXPECT_THAT(connection_->Execute("SET lock_timeout = '50ms'; DROP TABLE \"Mirror_ctx\".people"),
              StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(Rows(*snapshot), 2U);
}

TEST_F(PostgresSnapshotTest, OneThatTakesTooLongEnds) {
  const std::unique_ptr<Snapshot> late = Look(std::chrono::milliseconds(1));
  ASSERT_NE(late, nullptr);
  Run("SELECT pg_sleep(0.05)");
  EXPECT_THAT(Digest(*late), StatusIs(StatusCode::kUnavailable));
}

TEST_F(PostgresSnapshotTest, WhoCallsItOffAndATableThatIsGoneAreTold) {
  EXPECT_THAT(Digest(*Look(), /*go_on=*/false), StatusIs(StatusCode::kCancelled, HasSubstr("was cancelled")));
  Run("DROP TABLE \"Mirror_ctx\".people");
  EXPECT_THAT(Digest(*Look()), StatusIs(StatusCode::kFailedPrecondition, HasSubstr("dropped or changed")));
  EXPECT_THAT(Look()->CopyTo("/nowhere", nullptr), StatusIs(StatusCode::kUnimplemented));
}

TEST_F(PostgresSnapshotTest, AMirrorThatIsGoneIsDamage) {
  Run("DROP SCHEMA \"Mirror_ctx\" CASCADE");
  EXPECT_THAT(OpenPostgresSnapshot(*place_, "ctx", names_), StatusIs(StatusCode::kDataLoss));
}

}  // namespace
}  // namespace mirror::snapshot_test
