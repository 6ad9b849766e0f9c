// What only a hub has that stands in PostgreSQL.

#include "server/hub/postgres_hub_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/hub/hub_book_bench.h"

namespace mirror::postgres_hub_test {
namespace {

using testing::HasSubstr;

class PostgresHubTest : public HubBookTest {};

TEST_P(PostgresHubTest, NobodyElseHasTheHubWhileOneDerives) {
  auto other = place_->OpenHub(rules_);
  ASSERT_THAT(other.status(), IsOk());
  bool ran = false;
  ASSERT_THAT(file_->Alone([&] {
    const absl::Status refused = (*other)->Alone([&] { return ran = true, absl::OkStatus(); });
    EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("another server is at work")));
    return file_->CheckAlone();
  }),
              IsOk());
  EXPECT_FALSE(ran);
  EXPECT_THAT((*other)->Alone([&] { return ran = true, absl::OkStatus(); }), IsOk());
  EXPECT_TRUE(ran);
}

TEST_P(PostgresHubTest, WhoLostItsConnectionHearsOfIt) {
  int tries = 0;
  const absl::Status done = file_->Alone([&] {
    if (++tries > 1) return absl::OkStatus();
    EXPECT_THAT(postgres_place().partner().Execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'"),
                IsOk());
    const absl::Status lost = file_->CheckAlone();
    EXPECT_FALSE(lost.ok());
    return lost;
  });
  EXPECT_THAT(done, IsOk());
  EXPECT_EQ(tries, 2);
}

TEST_P(PostgresHubTest, ASchemaOfOthersIsLeftAlone) {
  file_.reset();
  place_->LoseHub();
  ASSERT_THAT(postgres_place().partner().Execute("CREATE SCHEMA mirror_hub_acme"), IsOk());
  EXPECT_THAT(place_->OpenHub(rules_).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not that of hub 'Acme'")));
}

TEST_P(PostgresHubTest, ALaterLayoutIsRefusedUnlessItSaysThatThisProgramReadsIt) {
  place_->SetLayout(9);
  EXPECT_THAT(place_->OpenHub(rules_).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("version 9.0")));
  place_->Change("UPDATE _hub SET layout_min = 2");
  EXPECT_THAT(place_->OpenHub(rules_), IsOk());
}

TEST_P(PostgresHubTest, ADroppedSchemaIsToldAndMadeAnew) {
  ASSERT_THAT(file_->NoteNews(), IsOk());
  place_->LoseHub();
  EXPECT_THAT(file_->NoteNews(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("mirror_hub_acme")));
  EXPECT_THAT(file_->IsNew(), IsOkAndHolds(true));
  EXPECT_LT(file_->ReadNews()->read, file_->ReadNews()->noted);
}

TEST_P(PostgresHubTest, PartnersReadWhatTheyAreGranted) {
  postgres::Connection& owner = postgres_place().partner();
  ASSERT_THAT(owner.Execute("DROP ROLE IF EXISTS hub_reader; CREATE ROLE hub_reader"), IsOk());
  EXPECT_THAT(owner.Execute("SET ROLE hub_reader; SELECT count(*) FROM golden_company").code(),
              testing::AnyOf(absl::StatusCode::kPermissionDenied, absl::StatusCode::kNotFound));
  ASSERT_THAT(
      owner.Execute("RESET ROLE; GRANT USAGE ON SCHEMA mirror_hub_acme TO hub_reader; GRANT SELECT ON "
                    "golden_company, golden_company_member, golden_alias TO hub_reader"),
      IsOk());
  EXPECT_THAT(owner.Execute("SET ROLE hub_reader; SELECT count(*) FROM golden_company; SELECT count(*) FROM "
                            "golden_company_member"),
              IsOk());
  EXPECT_THAT(owner.Execute("SELECT count(*) FROM _hub_rows").code(), absl::StatusCode::kPermissionDenied);
  ASSERT_THAT(owner.Execute("RESET ROLE; DROP OWNED BY hub_reader; DROP ROLE hub_reader"), IsOk());
}

INSTANTIATE_TEST_SUITE_P(Stores, PostgresHubTest, testing::Values(true), NameOfStore);

}  // namespace
}  // namespace mirror::postgres_hub_test
