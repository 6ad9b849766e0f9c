// Tenants that go from one server to another, and from one place to another: see server/tenant/move.h.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "certs/keyed_hash.h"
#include "server/plan/pause.h"
#include "server/store/postgres/place/placement.h"
#include "server/store/postgres/place/server_rows.h"
#include "server/tenant/backup.h"
#include "server/tenant/move.h"
#include "server/tenant/tenant_list.h"
#include "tests/server/tenant/servers_bench.h"

namespace mirror::moving_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr char kId[] = "0123456789abcdef", kOtherId[] = "fedcba9876543210";
constexpr char kAddress[] = "mirror2.example:7443";
const Position kMovedFive{Lsn{5}, "five"}, kMovedTen{Lsn{10}, "ten"};
const Rows kTwo = {{1, "Ada", 36}, {2, "Grace", 45}};

bool Always() { return true; }

/// Mirrors as files, and mirrors in two places of PostgreSQL.
class MovingTest : public ServersBench {
 protected:
  void Fill() override {
    PlacedHomesTest::Fill();
    ASSERT_NO_FATAL_FAILURE(FillSecondPlace());
    for (int i = 0; i < 2; ++i) {
      files_folders_.push_back(std::make_unique<ScratchFolder>());
      files_.push_back(std::make_unique<BenchServer>(
          OpenSqliteHome(files_folders_.back()->path(), SqliteOptions{}).value(), options_));
    }
    places_ = std::make_unique<BenchServer>(OpenHome(), options_);
  }

  static SourceCalls CallsAt(BenchServer& server, std::int64_t cycle = 0) {
    SourceCalls calls(**server.tenants->FindOrTakeIn(CallerOf("Cust")), "Cust");
    calls.cycle = cycle;
    return calls;
  }
  static void MirrorAt(BenchServer& server, const Rows& rows = kTwo) {
    CallsAt(server).Mirror(People(), rows, kMovedFive);
  }
  static absl::StatusOr<std::vector<std::string>> Parts(BenchServer& from, const std::string& id = kId) {
    std::vector<std::string> parts;
    const auto left_out = ExportMirror(*from.tenants, "Cust", id, Always, [&](std::string part) {
      parts.push_back(std::move(part));
      return true;
    });
    if (!left_out.ok()) return left_out.status();
    return parts;
  }
  static absl::StatusOr<MoveArrival::Report> Import(BenchServer& to, const std::vector<std::string>& parts,
                                                    const std::string& id = kId,
                                                    const std::string& place = "") {
    absl::StatusOr<MoveArrival> arrival = MoveArrival::Begin(*to.tenants, "Cust", id, place);
    if (!arrival.ok()) return arrival.status();
    for (const std::string& part : parts) {
      if (absl::Status added = arrival->Add(part); !added.ok()) return added;
    }
    return arrival->Finish(kNow, Always);
  }
  static absl::Status BeginAt(BenchServer& from, const std::string& id = kId) {
    return (*from.tenants->Find("Cust"))->BeginMove({.id = id}, kNow);
  }
  /// Up to the moment before the old side leaves; gives what the new one holds.
  static std::string CopyOver(BenchServer& from, BenchServer& to, const std::string& place = "") {
    EXPECT_THAT(BeginAt(from), IsOk());
    const auto parts = Parts(from);
    EXPECT_THAT(parts, IsOk());
    const auto report = Import(to, parts.value_or(std::vector<std::string>{}), kId, place);
    EXPECT_THAT(report, IsOk());
    return report.ok() ? report->contents : "";
  }
  static void Move(BenchServer& from, BenchServer& to, const std::string& place = "") {
    const std::string contents = CopyOver(from, to, place);
    ASSERT_THAT(Leave(*from.tenants, "Cust", kId, contents, kAddress, kNow, Always), IsOk());
    ASSERT_THAT(Arrive(*to.tenants, "Cust", kId, kNow), IsOk());
  }
  /// The source goes on from where it stood: nothing is populated.
  static void ExpectGoesOn(BenchServer& server, std::int64_t from_lsn = 5) {
    SourceCalls calls = CallsAt(server);
    ASSERT_NO_FATAL_FAILURE(calls.Begin());
    const TableAnswer answer = calls.Announced(People());
    EXPECT_EQ(answer.position.lsn.value, from_lsn);
    const Position next{Lsn{from_lsn + 5}, "next"};
    const BatchOutcome sent = calls.Send(
        People(), {.rows = {{3, "Edsger", 72}}, .base_lsn = from_lsn, .target = next, .commit = next});
    EXPECT_THAT(sent.status, IsOk());
    EXPECT_THAT(calls.Complete(), IsOk());
  }
  static Admission AskAt(BenchServer& server) {
    const auto admission = CallsAt(server).Authenticate("asks", false, /*probe=*/true);
    EXPECT_THAT(admission, IsOk());
    return admission.value_or(Admission{});
  }
  static std::string ContentsOf(BenchServer& server) {
    const auto look = LookAtMove(*server.tenants, "Cust", /*digest=*/true, Always);
    EXPECT_THAT(look, IsOk());
    return look.ok() ? look->contents : "";
  }
  static std::optional<MoveMark> MarkAt(BenchServer& server) {
    const auto look = LookAtMove(*server.tenants, "Cust", /*digest=*/false, Always);
    return look.ok() ? look->mark : std::nullopt;
  }

  static constexpr std::int64_t kNow = 1'700'000'100'000;
  std::vector<std::unique_ptr<ScratchFolder>> files_folders_;
  std::vector<std::unique_ptr<BenchServer>> files_;
  std::unique_ptr<BenchServer> places_;
};

TEST_F(MovingTest, GoesOnAtTheOtherServerWhereItStood) {
  MirrorAt(*files_[0]);
  ASSERT_NO_FATAL_FAILURE(Move(*files_[0], *places_));
  EXPECT_EQ(ContentsOf(*files_[0]), ContentsOf(*places_));
  ExpectGoesOn(*places_);
  EXPECT_THAT(places_->catalog.Kinds(), Contains("move.arrived"));
  EXPECT_THAT(files_[0]->catalog.Kinds(), Contains("move.begun"));
  EXPECT_THAT(files_[0]->catalog.Messages("move.left"), HasSubstr(kAddress));
  EXPECT_EQ(RowsNow("id || ' ' || name"), "1 Ada; 2 Grace; 3 Edsger");

  // And back, where what had left is kept beside.
  EXPECT_THAT(MoveArrival::Begin(*files_[0]->tenants, "Cust", kOtherId, "").status(), IsOk());
  ASSERT_NO_FATAL_FAILURE(Move(*places_, *files_[0]));
  ExpectGoesOn(*files_[0], 10);
  // And from files to files.
  ASSERT_NO_FATAL_FAILURE(Move(*files_[0], *files_[1]));
  ExpectGoesOn(*files_[1], 15);
}

TEST_F(MovingTest, IntoThePlaceThatIsNamed) {
  MirrorAt(*files_[0]);
  ASSERT_NO_FATAL_FAILURE(Move(*files_[0], *places_, "p2"));
  EXPECT_EQ(LookAtMove(*places_->tenants, "Cust", false, Always)->place, "p2");
  ExpectGoesOn(*places_);
  EXPECT_THAT(CheckRoom(*places_->tenants, {.context_id = "Other"}, "p3"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'p1', 'p2'")));
  EXPECT_THAT(CheckRoom(*files_[1]->tenants, {.context_id = "Other"}, "p1"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("files")));
}

TEST_F(MovingTest, WhatLeftIsReplacedWhereItIs) {
  MirrorAt(*places_);
  ASSERT_NO_FATAL_FAILURE(Move(*places_, *files_[0]));
  EXPECT_THAT(
      CheckRoom(*places_->tenants, {.context_id = "Cust"}, "p2"),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("'--place p1'"), HasSubstr("'mirrorctl delete Cust --confirm Cust'"))));
  ASSERT_NO_FATAL_FAILURE(Move(*files_[0], *places_, "p1"));
  ExpectGoesOn(*places_);
  EXPECT_EQ(Schemas("mirror\\_aside\\_%"), 1);
}

TEST_F(MovingTest, WhatLeftMakesRoomForAnotherPlaceOnceItIsDeleted) {
  MirrorAt(*places_);
  ASSERT_NO_FATAL_FAILURE(Move(*places_, *files_[0]));
  ASSERT_THAT(places_->tenants->Delete("Cust"), IsOk());
  ASSERT_NO_FATAL_FAILURE(Move(*files_[0], *places_, "p2"));
  EXPECT_EQ(LookAtMove(*places_->tenants, "Cust", false, Always)->place, "p2");
  ExpectGoesOn(*places_);
}

TEST_F(MovingTest, OneThatLeftIsNeitherLateNorAProblem) {
  MirrorAt(*files_[0]);
  ASSERT_NO_FATAL_FAILURE(Move(*files_[0], *places_));
  const TenantSummary summary = (*files_[0]->tenants->Find("Cust"))->summary();
  EXPECT_TRUE(summary.moving);
  EXPECT_THAT(summary.pause_reason, HasSubstr(kAddress));
  const ListedTenant listed{
      .context_id = "Cust", .summary = std::make_shared<const TenantSummary>(summary), .late = 1};
  EXPECT_EQ(StateOf(listed), TenantState::kPaused);
  EXPECT_EQ(UnpackSummary(PackSummary(summary))->moving, true);
  EXPECT_FALSE((*places_->tenants->Find("Cust"))->summary().moving);
}

TEST_F(MovingTest, NoSourceIsLetInWhileItMovesNorWhereItLeft) {
  MirrorAt(*files_[0]);
  CallsAt(*files_[0]).Begin();
  const std::string contents = CopyOver(*files_[0], *places_);
  for (BenchServer* const side : {files_[0].get(), places_.get()}) {
    const Admission told = AskAt(*side);
    EXPECT_TRUE(told.do_not_replicate);
    EXPECT_EQ(told.by, PausedBy::kMove);
    EXPECT_THAT(told.reason, HasSubstr("being moved"));
  }
  ASSERT_THAT(Leave(*files_[0]->tenants, "Cust", kId, contents, kAddress, kNow, Always), IsOk());
  EXPECT_TRUE(AskAt(*places_).do_not_replicate) << "it arrives when it is told so";
  EXPECT_THAT(AskAt(*files_[0]).reason, HasSubstr(kAddress));
  ASSERT_THAT(Arrive(*places_->tenants, "Cust", kId, kNow), IsOk());
  EXPECT_TRUE(AskAt(*files_[0]).do_not_replicate);
  EXPECT_FALSE(AskAt(*places_).do_not_replicate);

  const auto left = files_[0]->tenants->Find("Cust");
  EXPECT_THAT((*left)->Resume(kNow), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("--undo")));
  EXPECT_THAT((*left)->Pause("mine", kNow), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(MarkAt(*files_[0])->phase, MovePhase::kLeft);
}

TEST_F(MovingTest, WhatIsNotServedTakesNoChangesOfAnOperator) {
  MirrorAt(*files_[0]);
  const std::string contents = CopyOver(*files_[0], *places_);
  ASSERT_THAT(Leave(*files_[0]->tenants, "Cust", kId, contents, kAddress, kNow, Always), IsOk());
  const auto refused =
      StatusIs(absl::StatusCode::kFailedPrecondition, AllOf(HasSubstr("--undo"), HasSubstr("move")));
  for (BenchServer* const side : {files_[0].get(), places_.get()}) {
    const std::shared_ptr<Tenant> tenant = *side->tenants->Find("Cust");
    EXPECT_THAT(tenant->Invalidate({}, kNow), refused);
    EXPECT_THAT(tenant->Reset({"people"}, kNow), refused);
    EXPECT_THAT(ResetMirror(*side->tenants, *tenant, kNow, Always), refused);
    EXPECT_THAT(tenant->AskToVerify({}, kNow), refused);
    EXPECT_THAT(tenant->DecideHold(1, HoldState::kCommit, kNow), refused);
    EXPECT_THAT(tenant->AcceptSource(kNow), refused);
  }
  EXPECT_THAT((*files_[0]->tenants->Find("Cust"))->Invalidate({}, kNow),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(kAddress)));
  EXPECT_EQ(ContentsOf(*files_[0]), contents);
  ASSERT_THAT(Arrive(*places_->tenants, "Cust", kId, kNow), IsOk());
  EXPECT_THAT((*places_->tenants->Find("Cust"))->Invalidate({}, kNow), IsOk());
}

TEST_F(MovingTest, StaysPausedWhereItWas) {
  MirrorAt(*files_[0]);
  ASSERT_THAT((*files_[0]->tenants->Find("Cust"))->Pause("stocktaking", kNow), IsOk());
  ASSERT_NO_FATAL_FAILURE(Move(*files_[0], *places_));
  EXPECT_EQ(AskAt(*places_).reason, "stocktaking");
  EXPECT_EQ(AskAt(*places_).by, PausedBy::kOperator);
  EXPECT_THAT((*places_->tenants->Find("Cust"))->Resume(kNow), IsOk());
  ExpectGoesOn(*places_);
}

TEST_F(MovingTest, AReasonOfAnOperatorIsNoMark) {
  MirrorAt(*files_[0]);
  const auto tenant = files_[0]->tenants->Find("Cust");
  const std::string forged = PackMark({.id = kId, .phase = MovePhase::kLeft});
  EXPECT_THAT((*tenant)->Pause(forged, kNow), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_FALSE(AskAt(*files_[0]).do_not_replicate);
}

TEST_F(MovingTest, WhatWasChangedMeanwhileIsNotLeftBehind) {
  MirrorAt(*files_[0]);
  const std::string contents = CopyOver(*files_[0], *places_);
  Partner(SqlitePath(files_folders_[0]->path(), "Cust")).Run("UPDATE people SET age = 37 WHERE id = 1");
  EXPECT_THAT(Leave(*files_[0]->tenants, "Cust", kId, contents, "", kNow, Always),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(MarkAt(*files_[0])->phase, MovePhase::kLeaving);
  // What is known of the rows counts as well.
  ASSERT_THAT(Drop(*places_->tenants, "Cust", kId, "", kNow, Always), IsOk());
  const std::string again = CopyOver(*files_[0], *places_);
  Partner(SqlitePath(files_folders_[0]->path(), "Cust")).Run("UPDATE \"Cust_mirroring\" SET lsn = -1");
  EXPECT_THAT(Leave(*files_[0]->tenants, "Cust", kId, again, "", kNow, Always),
              StatusIs(absl::StatusCode::kAborted));
}

TEST_F(MovingTest, AStepThatIsMadeOnceMoreIsHarmless) {
  MirrorAt(*files_[0]);
  const std::string contents = CopyOver(*files_[0], *places_);
  EXPECT_THAT(BeginAt(*files_[0]), IsOk());
  EXPECT_THAT(Leave(*files_[0]->tenants, "Cust", kId, ContentsOf(*places_), kAddress, kNow, Always),
              StatusIs(absl::StatusCode::kAborted))
      << "the cycle that BeginMove ended has another number";
  ASSERT_THAT(Drop(*places_->tenants, "Cust", kId, "", kNow, Always), IsOk());
  EXPECT_THAT(Drop(*places_->tenants, "Cust", kId, "", kNow, Always), IsOk());
  const auto again = Import(*places_, *Parts(*files_[0]));
  ASSERT_THAT(again, IsOk());
  EXPECT_NE(again->contents, contents);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Leave(*files_[0]->tenants, "Cust", kId, again->contents, kAddress, kNow, Always), IsOk());
  }
  EXPECT_THAT(BeginAt(*files_[0]), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Arrive(*places_->tenants, "Cust", kId, kNow), IsOk());
  EXPECT_THAT(Arrive(*places_->tenants, "Cust", kId, kNow), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(MovingTest, IsUndoneBeforeAndBehindTheSwitchUntilACycleBegins) {
  MirrorAt(*files_[0]);
  CopyOver(*files_[0], *places_);
  ASSERT_THAT(Drop(*places_->tenants, "Cust", kId, "", kNow, Always), IsOk());
  ASSERT_THAT(Stay(*files_[0]->tenants, "Cust", kId, kNow), IsOk());
  EXPECT_EQ(Schemas("Mirror\\_%"), 0);
  ExpectGoesOn(*files_[0]);

  ASSERT_NO_FATAL_FAILURE(Move(*files_[0], *places_));
  const std::string contents = MarkAt(*files_[0])->contents;
  EXPECT_THAT(Drop(*places_->tenants, "Cust", kId, "", kNow, Always),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Drop(*files_[1]->tenants, "Cust", kId, contents, kNow, Always),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("Name the server")));
  for (int i = 0; i < 2; ++i)
    ASSERT_THAT(Drop(*places_->tenants, "Cust", kId, contents, kNow, Always), IsOk());
  ASSERT_THAT(Stay(*files_[0]->tenants, "Cust", kId, kNow), IsOk());
  ExpectGoesOn(*files_[0], 10);

  ASSERT_NO_FATAL_FAILURE(Move(*files_[0], *places_));
  CallsAt(*places_).Begin();
  EXPECT_THAT(Drop(*places_->tenants, "Cust", kId, MarkAt(*files_[0])->contents, kNow, Always),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("changed there")));
  EXPECT_THAT(places_->tenants->Find("Cust"), IsOk());
}

TEST_F(MovingTest, OnlyTheMovesOwnStepsAreTaken) {
  MirrorAt(*files_[0]);
  EXPECT_THAT(Parts(*files_[0]), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Stay(*files_[0]->tenants, "Cust", kId, kNow), StatusIs(absl::StatusCode::kFailedPrecondition));
  const std::string contents = CopyOver(*files_[0], *places_);
  EXPECT_THAT(BeginAt(*files_[0], kOtherId), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Parts(*files_[0], kOtherId), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Leave(*files_[0]->tenants, "Cust", kOtherId, contents, "", kNow, Always),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Arrive(*places_->tenants, "Cust", kOtherId, kNow),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Drop(*places_->tenants, "Cust", kOtherId, contents, kNow, Always),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  // The sides are not taken for each other.
  EXPECT_THAT(Drop(*files_[0]->tenants, "Cust", kId, contents, kNow, Always),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Stay(*places_->tenants, "Cust", kId, kNow), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Leave(*places_->tenants, "Cust", kId, contents, "", kNow, Always),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Arrive(*files_[0]->tenants, "Cust", kId, kNow),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Import(*places_, *Parts(*files_[0])), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(MovingTest, WhatIsOnItsWayInWhenItIsTakenBackIsNotLeftBehind) {
  MirrorAt(*files_[0]);
  ASSERT_THAT(BeginAt(*files_[0]), IsOk());
  const std::vector<std::string> parts = *Parts(*files_[0]);
  for (BenchServer* const to : {files_[1].get(), places_.get()}) {
    absl::StatusOr<MoveArrival> arrival = MoveArrival::Begin(*to->tenants, "Cust", kId, "");
    ASSERT_THAT(arrival, IsOk());
    for (const std::string& part : parts) ASSERT_THAT(arrival->Add(part), IsOk());
    ASSERT_THAT(Drop(*to->tenants, "Cust", kOtherId, "", kNow, Always), IsOk()) << "another move";
    ASSERT_THAT(Drop(*to->tenants, "Cust", kId, "", kNow, Always), IsOk());
    EXPECT_THAT(arrival->Finish(kNow, Always).status(),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("was undone")));
    EXPECT_THAT(to->tenants->Find("Cust"), StatusIs(absl::StatusCode::kNotFound));
    // Taken back as soon as it is there, before it is answered.
    arrival = MoveArrival::Begin(*to->tenants, "Cust", kId, "");
    ASSERT_THAT(arrival, IsOk());
    for (const std::string& part : parts) ASSERT_THAT(arrival->Add(part), IsOk());
    int asked = 0;
    const auto undo_later = [&] {
      if (++asked == 1) to->tenants->arrivals.Undo(kId);
      return true;
    };
    EXPECT_FALSE(arrival->Finish(kNow, undo_later).ok());
    EXPECT_THAT(to->tenants->Find("Cust"), StatusIs(absl::StatusCode::kNotFound));
    // One that comes later is another one.
    EXPECT_THAT(Import(*to, parts), IsOk());
    ASSERT_THAT(Drop(*to->tenants, "Cust", kId, "", kNow, Always), IsOk());
  }
}

TEST_F(MovingTest, AnImportWhoseCallerIsGoneLeavesNothing) {
  MirrorAt(*files_[0]);
  ASSERT_THAT(BeginAt(*files_[0]), IsOk());
  const std::vector<std::string> parts = *Parts(*files_[0]);
  // Looked at before the copy is put there, and for each piece of it on its way into PostgreSQL.
  for (const int goes_on : {0, 1}) {
    absl::StatusOr<MoveArrival> arrival = MoveArrival::Begin(*places_->tenants, "Cust", kId, "");
    ASSERT_THAT(arrival, IsOk());
    for (const std::string& part : parts) ASSERT_THAT(arrival->Add(part), IsOk());
    int asked = 0;
    EXPECT_THAT(arrival->Finish(kNow, [&] { return asked++ < goes_on; }).status(),
                StatusIs(absl::StatusCode::kCancelled));
    EXPECT_THAT(places_->tenants->Find("Cust"), StatusIs(absl::StatusCode::kNotFound));
    EXPECT_EQ(Schemas("Mirror\\_%") + Schemas("mirror\\_import%"), 0);
  }
  EXPECT_THAT(Import(*places_, parts), IsOk());
}

TEST_F(MovingTest, ACopyThatNoMoveEndsIsSaidToBeDeleted) {
  MirrorAt(*files_[0]);
  CopyOver(*files_[0], *places_);
  ASSERT_THAT(Stay(*files_[0]->tenants, "Cust", kId, kNow), IsOk());
  EXPECT_THAT(CheckRoom(*places_->tenants, {.context_id = "Cust"}, ""),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("'mirrorctl delete Cust'")));
  ASSERT_THAT(places_->tenants->Delete("Cust"), IsOk());
  ASSERT_NO_FATAL_FAILURE(Move(*files_[0], *places_));
  ExpectGoesOn(*places_);
}

TEST_F(MovingTest, WhatArrivedIsLookedAtOnceAStandbyHasIt) {
  MirrorAt(*files_[0]);
  CopyOver(*files_[0], *places_);
  replicated_ = true;
  BenchServer replicated(OpenHome(), options_);
  EXPECT_THAT(LookAtMove(*replicated.tenants, "Cust", /*digest=*/false, Always), IsOk());
  EXPECT_THAT(LookAtMove(*replicated.tenants, "Cust", /*digest=*/true, Always),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("standby")));
}

TEST_F(MovingTest, WhatIsNotTheWholeMirrorIsRefused) {
  MirrorAt(*files_[0]);
  ASSERT_THAT(BeginAt(*files_[0]), IsOk());
  const std::vector<std::string> parts = *Parts(*files_[0]);
  std::vector<std::string> cut = parts, damaged = parts;
  cut.back().resize(cut.back().size() / 2);
  std::fill(damaged.front().begin() + 4'096, damaged.front().begin() + 4'200, 'x');
  for (BenchServer* const to : {files_[1].get(), places_.get()}) {
    for (const std::vector<std::string>& bad :
         {cut, damaged, std::vector<std::string>{}, std::vector<std::string>{"no database at all"}}) {
      EXPECT_THAT(Import(*to, bad), StatusIs(absl::StatusCode::kFailedPrecondition));
    }
    EXPECT_THAT(Import(*to, {parts.front(), ""}), StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(Import(*to, parts, kOtherId), StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_THAT(MoveArrival::Begin(*to->tenants, "../up", kId, "").status(),
                StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(MoveArrival::Begin(*to->tenants, "Cust", "no id", "").status(),
                StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(to->tenants->Find("Cust"), StatusIs(absl::StatusCode::kNotFound));
  }
  absl::StatusOr<MoveArrival> other = MoveArrival::Begin(*places_->tenants, "Other", kId, "");
  ASSERT_THAT(other, IsOk());
  for (const std::string& part : parts) ASSERT_THAT(other->Add(part), IsOk());
  EXPECT_THAT(other->Finish(kNow, Always).status(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(Schemas("Mirror\\_%"), 0);
}

TEST_F(MovingTest, AMirrorThatIsThereIsLeftAsItIs) {
  MirrorAt(*files_[0]);
  MirrorAt(*places_, {{9, "Alan", 41}});
  EXPECT_THAT(CheckRoom(*places_->tenants, {.context_id = "Cust"}, ""),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("already")));
  EXPECT_THAT(CheckRoom(*places_->tenants, {.context_id = "CUST"}, ""),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_THAT(BeginAt(*files_[0]), IsOk());
  EXPECT_THAT(Import(*places_, *Parts(*files_[0])), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(RowsNow("id || ' ' || name"), "9 Alan");
}

TEST_F(MovingTest, OneThatCameMeanwhileIsLeftAsItIs) {
  MirrorAt(*files_[0]);
  ASSERT_THAT(BeginAt(*files_[0]), IsOk());
  const auto parts = *Parts(*files_[0]);
  for (BenchServer* const to : {files_[1].get(), places_.get()}) {
    absl::StatusOr<MoveArrival> arrival = MoveArrival::Begin(*to->tenants, "Cust", kId, "");
    ASSERT_THAT(arrival, IsOk());
    for (const std::string& part : parts) ASSERT_THAT(arrival->Add(part), IsOk());
    MirrorAt(*to, {{9, "Alan", 41}});
    EXPECT_THAT(arrival->Finish(kNow, Always).status(), StatusIs(absl::StatusCode::kFailedPrecondition));
    ExpectGoesOn(*to);
  }
}

TEST_F(MovingTest, TakingItBackLeavesWhatWasSetAsideWhereItWasGoing) {
  const auto files_of = [](const std::string& folder) {
    std::int64_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      files += entry.path().filename().string().find(".db.") == std::string::npos ? 0 : 1;
    return files;
  };
  for (BenchServer* const side : {files_[1].get(), places_.get()}) {
    const auto kept = [&] {
      return side == places_.get() ? Schemas("mirror\\_aside%") : files_of(files_folders_[1]->path());
    };
    MirrorAt(*side);
    ASSERT_NO_FATAL_FAILURE(Move(*side, *files_[0]));
    EXPECT_EQ(kept(), 0);
    CopyOver(*files_[0], *side);
    const std::int64_t left = kept();
    EXPECT_GT(left, 0);
    ASSERT_THAT(Drop(*side->tenants, "Cust", kId, "", kNow, Always), IsOk());
    EXPECT_EQ(kept(), left);
    EXPECT_THAT(side->catalog.Kinds(), Contains("move.undone"));
    EXPECT_THAT(side->tenants->Find("Cust").status(), StatusIs(absl::StatusCode::kNotFound));
    ASSERT_THAT(Stay(*files_[0]->tenants, "Cust", kId, kNow), IsOk());
    ASSERT_NO_FATAL_FAILURE(ExpectGoesOn(*files_[0]));
    ASSERT_THAT(files_[0]->tenants->Delete("Cust"), IsOk());
    ASSERT_THAT(files_[0]->tenants->Allow("Cust"), IsOk());
  }
}

TEST_F(MovingTest, ABackupOfOneThatLeftIsNoMoveAnyMore) {
  MirrorAt(*files_[0]);
  ASSERT_NO_FATAL_FAILURE(Move(*files_[0], *places_));
  const ScratchFolder folder;
  const std::string path = folder.path() + "/copy.db";
  const auto left = files_[0]->tenants->Find("Cust");
  ASSERT_THAT(BackupMirror(*files_[0]->tenants, **left, path, /*drill=*/false, Always), IsOk());
  ASSERT_THAT(RestoreMirror(*files_[1]->tenants, "Cust", path, kNow), IsOk());
  EXPECT_EQ(AskAt(*files_[1]).by, PausedBy::kOperator);
  EXPECT_THAT((*files_[1]->tenants->Find("Cust"))->Resume(kNow), IsOk());
  ExpectGoesOn(*files_[1]);
  // Where it left, it stays so, whatever is restored.
  ASSERT_THAT(RestoreMirror(*files_[0]->tenants, "Cust", path, kNow), IsOk());
  EXPECT_EQ(MarkAt(*files_[0])->phase, MovePhase::kLeft);
}

TEST_F(MovingTest, TheSideThatRemainsServesItBehindABackupADeletionAndARestore) {
  MirrorAt(*files_[0]);
  const ScratchFolder folder;
  const std::string contents = CopyOver(*files_[0], *places_);
  ASSERT_THAT(Leave(*files_[0]->tenants, "Cust", kId, contents, kAddress, kNow, Always), IsOk());
  // Once as if the new side were gone, which never served it, and once as if the old one were.
  for (BenchServer* const side : {files_[0].get(), places_.get()}) {
    const std::string path = folder.path() + (side == places_.get() ? "/new.db" : "/old.db");
    const std::shared_ptr<Tenant> moving = *side->tenants->Find("Cust");
    ASSERT_THAT(BackupMirror(*side->tenants, *moving, path, /*drill=*/false, Always), IsOk());
    ASSERT_THAT(side->tenants->Delete("Cust"), IsOk());
    ASSERT_THAT(RestoreMirror(*side->tenants, "Cust", path, kNow), IsOk());
    EXPECT_EQ(AskAt(*side).by, PausedBy::kOperator);
    ASSERT_THAT((*side->tenants->Find("Cust"))->Resume(kNow), IsOk());
    ASSERT_NO_FATAL_FAILURE(ExpectGoesOn(*side));
  }
}

TEST_F(MovingTest, ColumnsThatAreHashedNeedTheSameKey) {
  EXPECT_THAT(CheckRoom(*places_->tenants, {.context_id = "Cust", .hash_key = "12345"}, ""),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("hash_key")));
  EXPECT_THAT(CheckRoom(*places_->tenants, {.context_id = "Cust", .bytes = UINT64_MAX}, ""),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(places_->tenants->All(), IsEmpty());
}

TEST_F(MovingTest, ACopyThatHasNoRoomWhereItLeavesIsNotBegun) {
  MirrorAt(*files_[0]);
  ASSERT_THAT(BeginAt(*files_[0]), IsOk());
  const std::string path = SqlitePath(files_folders_[0]->path(), "Cust");
  const std::uintmax_t bytes = std::filesystem::file_size(path);
  // A hole at its end takes no room.
  std::filesystem::resize_file(path, bytes + 2 * std::filesystem::space(path).free);
  EXPECT_THAT(CheckRoomToLeave(*files_[0]->tenants, **files_[0]->tenants->Find("Cust")),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("that it leaves")));
  EXPECT_THAT(Parts(*files_[0]), StatusIs(absl::StatusCode::kResourceExhausted));
  std::filesystem::resize_file(path, bytes);
  EXPECT_THAT(Parts(*files_[0]), IsOk());
}

TEST_F(MovingTest, OneThatWasDeletedAndComesIsToldToBeLetIn) {
  MirrorAt(*places_);
  MirrorAt(*files_[0]);
  ASSERT_THAT(files_[0]->tenants->Delete("Cust"), IsOk());
  ASSERT_NO_FATAL_FAILURE(Move(*places_, *files_[0]));
  EXPECT_THAT(files_[0]->catalog.Kinds(), Contains("tenant.allowed"));
  ASSERT_NO_FATAL_FAILURE(ExpectGoesOn(*files_[0]));
  ASSERT_NO_FATAL_FAILURE(Move(*files_[0], *files_[1]));
  EXPECT_THAT(files_[1]->catalog.Kinds(), Not(Contains("tenant.allowed"))) << "it was not deleted there";
}

TEST_F(MovingTest, OneThatComesOverADeletionInPostgresIsToldToBeLetInToo) {
  MirrorAt(*places_);
  const ScratchFolder folder;
  const std::string path = folder.path() + "/copy.db";
  ASSERT_THAT(
      BackupMirror(*places_->tenants, **places_->tenants->Find("Cust"), path, /*drill=*/false, Always),
      IsOk());
  ASSERT_THAT(places_->tenants->Delete("Cust"), IsOk());
  ASSERT_THAT(RestoreMirror(*places_->tenants, "Cust", path, kNow), IsOk());
  EXPECT_THAT(places_->catalog.Kinds(), Contains("tenant.allowed").Times(1));
  ASSERT_NO_FATAL_FAILURE(ExpectGoesOn(*places_));

  ASSERT_THAT(places_->tenants->Delete("Cust"), IsOk());
  MirrorAt(*files_[0]);
  ASSERT_NO_FATAL_FAILURE(Move(*files_[0], *places_));
  EXPECT_THAT(places_->catalog.Kinds(), Contains("tenant.allowed").Times(2));
  ASSERT_NO_FATAL_FAILURE(ExpectGoesOn(*places_));
}

// --- Between two places of one fleet ---

absl::StatusOr<PlaceMoveReport> ToPlace(BenchServer& server, const std::string& place,
                                        PlaceMoveWish wish = PlaceMoveWish::kBegin) {
  return MoveToPlace(*server.tenants, "Cust", place, wish, 1'700'000'100'000, Always);
}

class PlaceMovingTest : public MovingTest {
 protected:
  void Fill() override {
    MovingTest::Fill();
    other_ = std::make_unique<BenchServer>(OpenHome(), options_);
    MirrorAt(*places_);
    ASSERT_EQ(PlaceAt(*places_), "p1");
  }
  static std::string PlaceAt(BenchServer& server) {
    return LookAtMove(*server.tenants, "Cust", false, Always)->place;
  }
  std::unique_ptr<BenchServer> other_;  ///< Of the same fleet.
};

TEST_F(PlaceMovingTest, GoesOnThereAtEveryServer) {
  const std::shared_ptr<Tenant> open_at_other = *other_->tenants->FindOrTakeIn(CallerOf("Cust"));
  SourceCalls at_other(*open_at_other, "Cust");
  ASSERT_THAT(at_other.Authenticate("asks", false, true), IsOk());
  const std::string before = ContentsOf(*places_);
  const auto report = ToPlace(*places_, "p2");
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->from, "p1");
  EXPECT_THAT(report->kept, HasSubstr("postgres://p1/mirror_aside_"));
  EXPECT_EQ(PlaceAt(*places_), "p2");
  EXPECT_EQ(Ask("SELECT count(*) FROM pg_namespace WHERE nspname = 'Mirror_Cust'"), 0);
  EXPECT_EQ(second_->Number("SELECT count(*) FROM \"Mirror_Cust\".people").value_or(-1), 2);
  EXPECT_FALSE(MarkAt(*places_));
  EXPECT_THAT(places_->catalog.Kinds(), Contains("move.placed"));

  // Another server has it open where it was, and its very next call goes on.
  at_other.Begin();
  EXPECT_EQ(at_other.Announced(People()).position, kMovedFive);
  EXPECT_THAT(at_other.Complete(), IsOk());
  for (const char* const bad : {"mirror.damaged", "mirror.unavailable"}) {
    EXPECT_THAT(other_->catalog.Kinds(), Not(Contains(bad)));
  }
  ASSERT_THAT(ToPlace(*other_, "p1"), IsOk());
  ExpectGoesOn(*places_);
  ASSERT_THAT(places_->tenants->Delete("Cust"), IsOk());
  EXPECT_EQ(Schemas("Mirror\\_%") + Schemas("mirror\\_aside%") + Schemas("mirror\\_import%"), 0)
      << "with all that was set aside";
  EXPECT_NE(before, "");
}

TEST_F(PlaceMovingTest, TakesOneConnectionOfEachUse) {
  connections_ = 1;
  BenchServer narrow(OpenHome(), options_);
  ASSERT_THAT(ToPlace(narrow, "p2"), IsOk());
  EXPECT_EQ(PlaceAt(narrow), "p2");
}

TEST_F(PlaceMovingTest, RefusesWhatIsNoMove) {
  EXPECT_THAT(ToPlace(*places_, "p1"), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("already")));
  EXPECT_THAT(ToPlace(*places_, "p3"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ToPlace(*places_, ""), StatusIs(absl::StatusCode::kInvalidArgument));
  MirrorAt(*files_[0]);
  EXPECT_THAT(ToPlace(*files_[0], "p1"), StatusIs(absl::StatusCode::kInvalidArgument));
  for (const PlaceMoveWish wish : {PlaceMoveWish::kResume, PlaceMoveWish::kUndo}) {
    EXPECT_THAT(ToPlace(*places_, "p2", wish), StatusIs(absl::StatusCode::kFailedPrecondition));
  }
  EXPECT_THAT(MoveToPlace(*places_->tenants, "Nobody", "p2", PlaceMoveWish::kBegin, kNow, Always),
              StatusIs(absl::StatusCode::kNotFound));
  ExpectGoesOn(*places_);
}

TEST_F(PlaceMovingTest, OneThatHasEndedCanBeResumedAndNotUndone) {
  ASSERT_THAT(ToPlace(*places_, "p2"), IsOk());
  EXPECT_THAT(ToPlace(*places_, "p2", PlaceMoveWish::kResume), IsOk());
  EXPECT_THAT(ToPlace(*places_, "p2", PlaceMoveWish::kUndo),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no move")));
  EXPECT_EQ(PlaceAt(*places_), "p2");
  ExpectGoesOn(*places_);
}

TEST_F(PlaceMovingTest, WhatAServerCouldNotServeIsNotMovedThere) {
  const ServerRow other = {
      .server_id = "other", .host = "db2", .address = "10.0.0.12:7443", .places = {"p1"}};
  ASSERT_THAT(Beat(*control_, other).status(), IsOk());
  EXPECT_THAT(ToPlace(*places_, "p2"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("10.0.0.12:7443"), HasSubstr("does not name the place 'p2'"))));
  EXPECT_EQ(PlaceAt(*places_), "p1");
  ExpectGoesOn(*places_);
  Do("UPDATE mirror_control.server SET seen_ms = seen_ms - 20000");
  EXPECT_THAT(ToPlace(*places_, "p2"), IsOk()) << "it is gone";
}

TEST_F(PlaceMovingTest, WhatStandsInTheWayUndoesIt) {
  ASSERT_THAT(second_->Execute("CREATE SCHEMA \"Mirror_Cust\"; CREATE TABLE \"Mirror_Cust\".mine (a int)"),
              IsOk());
  EXPECT_THAT(ToPlace(*places_, "p2").status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("The move was undone")));
  EXPECT_EQ(second_->Number("SELECT count(*) FROM \"Mirror_Cust\".mine").value_or(-1), 0);
  EXPECT_FALSE(MarkAt(*places_));
  ExpectGoesOn(*places_);
}

TEST_F(PlaceMovingTest, AnEmptySchemaStandsInNoWay) {
  ASSERT_THAT(second_->Execute("CREATE SCHEMA \"Mirror_Cust\""), IsOk());
  ASSERT_THAT(ToPlace(*places_, "p2"), IsOk());
  EXPECT_EQ(PlaceAt(*places_), "p2");
  ExpectGoesOn(*places_);
}

TEST_F(PlaceMovingTest, WhatNoStandbyHasIsNotSwitchedTo) {
  replicated_ = true;
  BenchServer replicated(OpenHome(), options_);
  EXPECT_THAT(ToPlace(replicated, "p2").status(),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("synchronous_standby_names"), HasSubstr("The move was undone"))));
  EXPECT_EQ(PlaceAt(*places_), "p1");
  EXPECT_EQ(Schemas("Mirror\\_Cust"), 1) << "the copy is gone";
  ExpectGoesOn(*places_);
}

TEST_F(PlaceMovingTest, ACancelledOneIsUndone) {
  const auto cancelled =
      MoveToPlace(*places_->tenants, "Cust", "p2", PlaceMoveWish::kBegin, kNow, [] { return false; });
  EXPECT_THAT(cancelled.status(), StatusIs(absl::StatusCode::kCancelled, HasSubstr("undone")));
  EXPECT_EQ(second_
                ->Number("SELECT count(*) FROM pg_namespace WHERE nspname ~ '(?i)^mirror_' AND nspname <> "
                         "'mirror_place'")
                .value_or(-1),
            0);
  ExpectGoesOn(*places_);
}

TEST_F(PlaceMovingTest, AMoveToAnotherServerIsNoneToAPlace) {
  ASSERT_THAT(BeginAt(*places_), IsOk());
  EXPECT_THAT(ToPlace(*places_, "p2"), StatusIs(absl::StatusCode::kFailedPrecondition));
  for (const PlaceMoveWish wish : {PlaceMoveWish::kResume, PlaceMoveWish::kUndo}) {
    EXPECT_THAT(ToPlace(*places_, "p2", wish), StatusIs(absl::StatusCode::kFailedPrecondition));
  }
  EXPECT_THAT(Stay(*places_->tenants, "Cust", kId, kNow), IsOk());
  ExpectGoesOn(*places_);
}

TEST_F(PlaceMovingTest, AControlDatabaseThatIsMadeAnewFindsTheOneThatIsServed) {
  ASSERT_THAT(ToPlace(*places_, "p2"), IsOk());
  ASSERT_THAT(connection_->Execute("DROP SCHEMA mirror_control CASCADE"), IsOk());
  BenchServer anew(OpenHome(), options_);
  EXPECT_EQ(PlaceAt(anew), "p2");
  ExpectGoesOn(anew);
}

TEST_F(PlaceMovingTest, AControlDatabaseThatWentBackFindsTheOneThatIsServed) {
  Do("CREATE TABLE public.backup AS SELECT * FROM mirror_control.tenant");
  const std::string go_back =
      "DELETE FROM mirror_control.tenant; INSERT INTO mirror_control.tenant SELECT * FROM public.backup";
  ASSERT_THAT(ToPlace(*places_, "p2"), IsOk());
  Do(go_back);
  ExpectGoesOn(*other_);
  EXPECT_EQ(PlaceAt(*other_), "p2") << "at a server that runs";
  Do(go_back);
  BenchServer anew(OpenHome(), options_);
  EXPECT_EQ(PlaceAt(anew), "p2") << "at one that starts";
  ExpectGoesOn(anew, /*from_lsn=*/10);
}

TEST_F(PlaceMovingTest, IsUndoneWhileThePlaceToWhichItWentIsDownAndIsNotDecidedBehindThat) {
  ASSERT_THAT((*places_->tenants->Find("Cust"))
                  ->BeginMove({.id = kId, .kind = MoveKind::kPlace, .target = "p2"}, kNow),
              IsOk());
  Do("UPDATE \"Mirror_Cust\"._mirror_tenant SET state = 'moving', moved_to = 'p2'");
  const std::int64_t epoch = Ask("SELECT epoch FROM mirror_control.tenant");
  const std::string database = second_->Query("SELECT quote_ident(current_database())")->Text(0, 0);
  second_.reset();
  Do(absl::StrCat("ALTER DATABASE ", database, " ALLOW_CONNECTIONS false"));
  EXPECT_GE(Ask(absl::StrCat("SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE "
                             "quote_ident(datname) = '",
                             database, "'")),
            0);
  EXPECT_THAT(ToPlace(*places_, "p2", PlaceMoveWish::kUndo), IsOk());
  EXPECT_THAT(MovePlacementTo(*control_, "Cust", "p1", "p2", epoch + 1), IsOkAndHolds(false)) << "it is late";
  ExpectGoesOn(*places_);
  Do(absl::StrCat("ALTER DATABASE ", database, " ALLOW_CONNECTIONS true"));
  second_ = Connect(second_conninfo_);
}

TEST_F(PlaceMovingTest, OneThatAnotherServerUndidIsNotSwitched) {
  const std::shared_ptr<Tenant> tenant = *places_->tenants->Find("Cust");
  ASSERT_THAT(tenant->BeginMove({.id = kId, .kind = MoveKind::kPlace, .target = "p2"}, kNow), IsOk());
  const auto move = places_->tenants->home().places().NewMove("Cust", "p2").value();
  {
    const auto snapshot = tenant->OpenSnapshot();
    ASSERT_THAT(snapshot.status(), IsOk());
    const auto copied = move->CopyOf(**snapshot, [](std::uint64_t, std::uint64_t) { return true; });
    ASSERT_THAT(copied.status(), IsOk());
  }
  ASSERT_THAT((*other_->tenants->Find("Cust"))->EndMove(kId, "move.undone", "it was undone", kNow), IsOk());
  EXPECT_THAT(move->Switch(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(PlaceAt(*other_), "p1");
  ExpectGoesOn(*other_);
}

}  // namespace
}  // namespace mirror::moving_test
