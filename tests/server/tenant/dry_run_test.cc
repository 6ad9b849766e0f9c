// Acceptance H16 and H17: a dry run changes nothing, the act does what was counted, and what was shown before
// a push is not done behind it. In both stores.

#include "server/tenant/dry_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/store/contents_digest.h"
#include "server/store/sqlite/sqlite_home.h"
#include "server/tenant/backup.h"
#include "tests/server/tenant/servers_bench.h"
#include "tests/server/tenant/tenant_bench.h"

namespace mirror::dry_run_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Position kShownAt{Lsn{1}, "one"}, kPushedTo{Lsn{2}, "two"};
const Rows kThree = {{1, "Ada", 36}, {2, "Grace", 45}, {3, "Alan", 41}};

std::int64_t RowsOf(const Rows& rows) { return static_cast<std::int64_t>(rows.size()); }

/// Mirrors that are files.
class OfFiles : public testing::Test {
 protected:
  OfFiles() : events_(catalog_) {
    spdlog::set_level(spdlog::level::off);
    home_ = OpenSqliteHome(folder_.path(), SqliteOptions{}).value();
    all_ = Tenants::Open(*home_, options_, events_).value();
    tenant_ = all_->FindOrTakeIn({.context_id = "Cust", .issuer = "issuer", .environment = "prod"}).value();
    calls_ = std::make_unique<SourceCalls>(*tenant_, "Cust");
  }
  Tenants& tenants() { return *all_; }
  std::shared_ptr<Tenant> tenant() { return all_->Find("Cust").value(); }
  SourceCalls& source() { return *calls_; }
  void BySql(const std::string& sql) { Partner(SqlitePath(folder_.path(), "Cust")).Run(sql); }
  std::vector<std::string> Kinds() { return catalog_.Kinds(); }
  std::string copy() const { return copies_.path() + "/copy.db"; }

 private:
  ScratchFolder folder_, copies_;
  RememberingCatalog catalog_;
  Events events_;
  TenantsOptions options_;
  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<Tenants> all_;
  std::shared_ptr<Tenant> tenant_;
  std::unique_ptr<SourceCalls> calls_;
};

/// Mirrors in PostgreSQL, of one server of a fleet.
class OfPostgres : public ServersBench {
 protected:
  Tenants& tenants() {
    StartServers(1);
    return TenantsOf(0);
  }
  std::shared_ptr<Tenant> tenant() { return tenants().Find("Cust").value(); }
  SourceCalls& source() {
    StartServers(1);
    return At(0);
  }
  void BySql(const std::string& sql) { Do("SET search_path = \"Mirror_Cust\"; " + sql); }
  std::vector<std::string> Kinds() { return ServersBench::Kinds(); }
  std::string copy() const { return copies_.path() + "/copy.db"; }

 private:
  ScratchFolder copies_;
};

template <typename Bench>
class DryRunTest : public Bench {
 protected:
  void MirrorThree() { this->source().Mirror(People(), kThree, kShownAt); }
  /// A fourth comes.
  void Push() {
    SourceCalls& source = this->source();
    source.Begin();
    ASSERT_THAT(source.Announce({People()}), IsOk());
    BatchSpec spec{.rows = {{4, "Edsger", 40}}, .base_lsn = 1};
    spec.target = spec.commit.emplace(kPushedTo);
    ASSERT_THAT(source.Send(People(), spec).status, IsOk());
    ASSERT_THAT(source.Complete(), IsOk());
  }
  std::int64_t Now() { return this->source().now; }
  /// Over all that the mirror holds, rows included.
  std::string Everything() {
    const auto snapshot = this->tenant()->OpenSnapshot();
    EXPECT_THAT(snapshot.status(), IsOk());
    return snapshot.ok() ? DigestContents(**snapshot, [] { return true; }).value_or("") : "";
  }
  /// Nothing is another one behind it, and nobody was told anything.
  Consequences Looked(const std::function<absl::StatusOr<Consequences>()>& look) {
    const std::string before = Everything();
    const std::vector<std::string> told = this->Kinds();
    const absl::StatusOr<Consequences> counted = look();
    EXPECT_THAT(counted.status(), IsOk());
    EXPECT_EQ(Everything(), before);
    EXPECT_EQ(this->Kinds(), told);
    return counted.value_or(Consequences{});
  }
};

using Stores = testing::Types<OfFiles, OfPostgres>;
TYPED_TEST_SUITE(DryRunTest, Stores);

TYPED_TEST(DryRunTest, H16OfAResetTheCountsAreThoseOfTheAct) {
  this->MirrorThree();
  this->BySql("CREATE INDEX by_age ON people (age)");
  this->BySql("CREATE TABLE notes (id integer)");
  const Consequences shown =
      this->Looked([&] { return WouldReset(*this->tenant(), {"people"}, this->Now(), {.with_keys = true}); });
  ASSERT_THAT(shown.tables, SizeIs(1));
  EXPECT_EQ(shown.tables[0].table, "people");
  EXPECT_EQ(shown.tables[0].rows, RowsOf(kThree));
  EXPECT_EQ(shown.tables[0].partner_rows, 0);
  EXPECT_EQ(shown.tables[0].rows_to_send, RowsOf(kThree));
  EXPECT_THAT(shown.tables[0].objects, ElementsAre("index 'by_age'"));
  EXPECT_THAT(shown.tables[0].keys, ElementsAre("1", "2", "3"));

  EXPECT_THAT(this->tenant()->Reset({"people"}, this->Now(), {.expected = {shown.token}}), IsOk());
  EXPECT_THAT(*this->tenant()->Tables(), IsEmpty());
  EXPECT_THAT(this->Kinds(), Contains("tables.reset"));
}

TYPED_TEST(DryRunTest, H16RowsThatThePartnerWroteAreCountedByThemselves) {
  this->MirrorThree();
  this->BySql("INSERT INTO people (id, name, age) VALUES (77, 'Own', 1)");
  const Consequences shown = this->Looked([&] { return WouldReset(*this->tenant(), {}, this->Now(), {}); });
  ASSERT_THAT(shown.tables, SizeIs(1));
  EXPECT_EQ(shown.tables[0].rows, RowsOf(kThree));
  EXPECT_EQ(shown.tables[0].partner_rows, 1);
  EXPECT_THAT(shown.notes, Contains(HasSubstr("copy of the whole mirror")));
}

TYPED_TEST(DryRunTest, H16OfAnInvalidationNothingGoes) {
  this->MirrorThree();
  const Consequences shown =
      this->Looked([&] { return WouldInvalidate(*this->tenant(), {}, this->Now(), {}); });
  ASSERT_THAT(shown.tables, SizeIs(1));
  EXPECT_EQ(shown.tables[0].rows, 0);
  EXPECT_EQ(shown.tables[0].rows_to_send, RowsOf(kThree));
  EXPECT_THAT(this->tenant()->Invalidate({}, this->Now(), {.expected = {shown.token}}),
              IsOkAndHolds(ElementsAre("people")));
}

TYPED_TEST(DryRunTest, H16OfADeletionWhatIsThePartnersIsCountedToo) {
  this->MirrorThree();
  this->BySql("CREATE TABLE notes (id integer)");
  const Consequences shown = this->Looked([&] { return WouldDelete(*this->tenant(), {}); });
  ASSERT_THAT(shown.tables, SizeIs(2));
  EXPECT_EQ(shown.tables[0].rows, RowsOf(kThree));
  EXPECT_EQ(shown.tables[1].table, "");
  EXPECT_THAT(shown.tables[1].objects, ElementsAre("table 'notes'"));

  EXPECT_THAT(this->tenants().Delete("Cust", Deleted::kAll, /*epoch=*/0, {shown.token}), IsOk());
  EXPECT_THAT(this->tenants().Find("Cust"), StatusIs(absl::StatusCode::kNotFound));
}

TYPED_TEST(DryRunTest, H16OfARestoreRowsAreComparedOneByOne) {
  this->MirrorThree();
  ASSERT_THAT(BackupMirror(this->tenants(), *this->tenant(), this->copy(), false, [] { return true; }),
              IsOk());
  this->source().Mirror(People(), {{1, "Ada", 37}, {3, "Alan", 41}, {4, "Edsger", 40}, {5, "Barbara", 39}},
                        kPushedTo);
  const auto look = [&](bool quick) {
    return this->Looked(
        [&] { return WouldRestore(this->tenants(), "Cust", this->copy(), quick, {.with_keys = true}); });
  };
  const Consequences shown = look(/*quick=*/false);
  ASSERT_THAT(shown.tables, SizeIs(1));
  ASSERT_TRUE(shown.tables[0].restored);
  EXPECT_EQ(*shown.tables[0].restored, (RestoredTable{.lsn_now = 2,
                                                      .lsn_then = 1,
                                                      .rows_now = 4,
                                                      .rows_then = 3,
                                                      .compared = true,
                                                      .only_now = 2,
                                                      .only_then = 1,
                                                      .different = 1}));
  EXPECT_EQ(shown.tables[0].rows, 2);
  EXPECT_THAT(shown.tables[0].keys, testing::UnorderedElementsAre("1", "4", "5"));
  const Consequences quick = look(/*quick=*/true);
  EXPECT_FALSE(quick.tables[0].restored->compared);
  EXPECT_EQ(quick.tables[0].restored->rows_then, 3);
  EXPECT_EQ(quick.token, shown.token);

  EXPECT_THAT(RestoreMirror(this->tenants(), "Cust", this->copy(), this->Now(), {shown.token}), IsOk());
  const auto tables = this->tenant()->Tables();
  ASSERT_THAT(tables, IsOk());
  EXPECT_EQ(tables->front().record.row_count, 3);
}

TYPED_TEST(DryRunTest, H17WhatWasShownBeforeAPushIsNotDoneBehindIt) {
  this->MirrorThree();
  ASSERT_THAT(BackupMirror(this->tenants(), *this->tenant(), this->copy(), false, [] { return true; }),
              IsOk());
  Tenant& tenant = *this->tenant();
  const Consequences invalidated = *WouldInvalidate(tenant, {}, this->Now(), {});
  const Consequences reset = *WouldReset(tenant, {"people"}, this->Now(), {});
  const Consequences all = *WouldReset(tenant, {}, this->Now(), {});
  const Consequences deleted = *WouldDelete(tenant, {});
  const Consequences restored = *WouldRestore(this->tenants(), "Cust", this->copy(), false, {});
  this->Push();
  const std::string before = this->Everything();
  const auto is_refused = [](const absl::Status& status) {
    return status.code() == absl::StatusCode::kFailedPrecondition && IsStaleToken(status);
  };
  const std::int64_t now = this->Now();
  const auto always = [] { return true; };

  EXPECT_TRUE(is_refused(tenant.Invalidate({}, now, {.expected = {invalidated.token}}).status()));
  EXPECT_TRUE(is_refused(tenant.Reset({"people"}, now, {.expected = {reset.token}}).status()));
  EXPECT_TRUE(is_refused(ResetMirror(this->tenants(), tenant, now, always, {all.token}).status()));
  EXPECT_TRUE(is_refused(this->tenants().Delete("Cust", Deleted::kAll, /*epoch=*/0, {deleted.token})));
  EXPECT_TRUE(
      is_refused(RestoreMirror(this->tenants(), "Cust", this->copy(), now, {restored.token}).status()));
  EXPECT_EQ(this->Everything(), before);
  EXPECT_EQ(this->tenant().get(), &tenant) << "a deletion that is refused leaves the tenant open";
  // Once more, as it is by now.
  const absl::StatusOr<Consequences> again = WouldReset(tenant, {"people"}, now, {});
  ASSERT_THAT(again.status(), IsOk());
  EXPECT_THAT(StaleWords(again), StatusIs(absl::StatusCode::kFailedPrecondition,
                                          testing::AllOf(HasSubstr("Nothing was done"), HasSubstr("4 rows"),
                                                         HasSubstr(again->token))));
  EXPECT_THAT(tenant.Reset({"people"}, now, {.expected = {again->token}}), IsOk());
}

TYPED_TEST(DryRunTest, AnotherCopyAtThePathIsNotWhatWasShown) {
  this->MirrorThree();
  ASSERT_THAT(BackupMirror(this->tenants(), *this->tenant(), this->copy(), false, [] { return true; }),
              IsOk());
  this->Push();
  const Consequences shown = *WouldRestore(this->tenants(), "Cust", this->copy(), true, {});
  std::filesystem::remove(this->copy());
  ASSERT_THAT(BackupMirror(this->tenants(), *this->tenant(), this->copy(), false, [] { return true; }),
              IsOk());
  EXPECT_TRUE(IsStaleToken(
      RestoreMirror(this->tenants(), "Cust", this->copy(), this->Now(), {shown.token}).status()));
}

TYPED_TEST(DryRunTest, AnActThatWouldBeRefusedIsRefusedInADryRunToo) {
  this->MirrorThree();
  EXPECT_THAT(WouldReset(*this->tenant(), {"nothing"}, this->Now(), {}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no table 'nothing'")));
  EXPECT_THAT(WouldAcceptSource(*this->tenant(), this->Now(), {}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no other source")));
  EXPECT_THAT(WouldCommitHold(*this->tenant(), 99, this->Now(), {}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no hold 99")));
}

TYPED_TEST(DryRunTest, H16OfAHoldRowsMayGoAsOfNow) {
  Rows many;
  for (int i = 1; i <= 2'000; ++i) many.push_back({i, "n", i});
  this->source().Mirror(People(), many, kShownAt);
  SourceCalls& source = this->source();
  source.Begin();
  ASSERT_THAT(source.Announce({People()}), IsOk());
  BatchSpec spec{.operation = Operation::kDelete, .base_lsn = 1};
  for (int i = 1; i <= 1'500; ++i) spec.rows.push_back({i});
  spec.planned = Planned{.deletes = spec.rows.size()};
  spec.target = spec.commit.emplace(kPushedTo);
  ASSERT_TRUE(source.Send(People(), spec).held);
  ASSERT_THAT(source.Complete(), IsOk());
  const std::vector<Hold> holds = this->tenant()->Holds().value();
  ASSERT_THAT(holds, SizeIs(1));

  const Consequences shown = this->Looked(
      [&] { return WouldCommitHold(*this->tenant(), holds[0].id, this->Now(), {.with_keys = true}); });
  ASSERT_THAT(shown.tables, SizeIs(1));
  EXPECT_EQ(shown.tables[0].rows, 1'500);
  EXPECT_THAT(shown.tables[0].keys, Contains("1"));
  EXPECT_THAT(shown.notes, Contains(HasSubstr("2,000 rows now")));
  EXPECT_THAT(this->tenant()->DecideHold(holds[0].id, HoldState::kCommit, this->Now(),
                                         {.expected = {"0123456789abcdef"}}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(this->tenant()->Holds()->front().state, HoldState::kWaiting);
  EXPECT_THAT(
      this->tenant()->DecideHold(holds[0].id, HoldState::kCommit, this->Now(), {.expected = {shown.token}}),
      IsOk());
}

}  // namespace
}  // namespace mirror::dry_run_test
