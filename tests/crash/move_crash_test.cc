// kill -9 of the real servers at each step of 'mirrorctl move'. Whichever step it was, --resume ends the move
// and --undo takes it back: the source goes on from where it stood, at one side alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/support/fake_source.h"
#include "tests/support/installation.h"
#include "tests/support/places.h"
#include "tests/support/postgres_server.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::move_crash_test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

/// Where the points are passed, and whether the mirror has left behind them.
struct Point {
  std::string name;
  bool at_new = false;
  bool in_postgres = false;  ///< There alone.
};
const std::vector<Point>& Points() {
  static const std::vector<Point> kPoints = {
      {"move.begun"}, {"move.copied"},      {"move.received", true},      {"move.put", true},
      {"move.left"},  {"move.ended", true}, {"import.taken", true, true}, {"import.committed", true, true},
  };
  return kPoints;
}

struct Sides {
  std::string name;
  bool from_postgres = false, to_postgres = false;
};
void PrintTo(const Sides& sides, std::ostream* out) { *out << sides.name; }

class MoveCrash : public testing::Test {
 protected:
  void TearDown() override {
    for (const auto& side : {&old_, &new_}) {
      if (HasFailure() && *side) std::cerr << "--- a server's log\n" << (*side)->ServerLog() << "---\n";
    }
  }
  static void Start(Installation& side, const std::string& crash_at = "") {
    side.set_environment(crash_at.empty() ? std::vector<std::string>()
                                          : std::vector<std::string>{"MIRROR_CRASH_AT=" + crash_at});
    ASSERT_THAT(side.Start(), IsOk());
  }
  /// A tenant with a history at `side`.
  void Fill(Installation& side) {
    source_ = std::make_unique<FakeSource>(7);
    source_->CreateTable(People());
    source_->CreateTable(Pairs());
    for (int i = 0; i < 20; ++i) source_->Put("people", {i, absl::StrCat("name ", i), i});
    source_->Put("pairs", {1, "b", "v"});
    ASSERT_NO_FATAL_FAILURE(ExpectGoesOn(side, /*populates=*/true));
    ASSERT_NO_FATAL_FAILURE(ExpectGoesOn(side));
  }
  /// The source's next cycle goes on where it stood.
  void ExpectGoesOn(Installation& side, bool populates = false) {
    source_->Put("people", {1'000 + ++rounds_, "one more", rounds_});
    const std::unique_ptr<MirrorClient> client = side.Client().value();
    const FakeCycleReport report = source_->RunCycle(*client);
    ASSERT_TRUE(report.AllDone()) << report.Summary();
    EXPECT_EQ(report.tables.at("people").populate != PopulateReason::kNone, populates);
    EXPECT_EQ(Difference(*source_, side.mirror()), "");
  }
  static std::string Told(Installation& side) {
    const auto answer = side.Client().value()->Authenticate("asks", false, /*probe=*/true);
    if (!answer.ok()) return std::string(answer.status().message());
    return answer->do_not_replicate() ? answer->reason() : "";
  }
  static bool Died(Installation& side) {
    const absl::StatusOr<int> code = side.server().Wait(std::chrono::seconds(20));
    return code.ok() && *code == 128 + SIGKILL;
  }

  std::unique_ptr<Installation> old_, new_;
  std::unique_ptr<FakeSource> source_;
  int rounds_ = 0;
};

class MoveCrashTest : public MoveCrash, public testing::WithParamInterface<Sides> {
 protected:
  void SetUp() override {
    if (GetParam().from_postgres || GetParam().to_postgres) SKIP_WITHOUT_POSTGRES();
    old_ = Installation::Init({.bin_dir = BinDir(), .postgres = GetParam().from_postgres}).value();
    new_ = Installation::Init({.bin_dir = BinDir(), .postgres = GetParam().to_postgres}).value();
  }
  Finished Move(const std::string& how = "") {
    new_->Mirrorctl({"servers"});  // Its configuration names the ports of this start.
    std::vector<std::string> words = {
        "move", "cust", "--to-config", new_->dir() + "/mirrorctl.toml", "--address", "mirror2.example:7443"};
    if (!how.empty()) words.push_back(how);
    return old_->Mirrorctl(words);
  }
  void Forth() {
    const Finished done = Move();
    ASSERT_EQ(done.exit_code, 0) << done.errors;
    EXPECT_THAT(done.output, HasSubstr("Cust is moved"));
    EXPECT_THAT(Told(*old_), HasSubstr("mirror2.example:7443"));
  }
  /// The next round begins at the old side again.
  void Back() {
    new_->Mirrorctl({"servers"});
    const Finished undone = Move("--undo");
    ASSERT_EQ(undone.exit_code, 0) << undone.errors;
    EXPECT_EQ(Told(*old_), "");
  }
};

TEST_P(MoveCrashTest, GoesOnOrBackFromWhereverItWasKilled) {
  ASSERT_NO_FATAL_FAILURE(Start(*old_));
  ASSERT_NO_FATAL_FAILURE(Start(*new_));
  ASSERT_NO_FATAL_FAILURE(Fill(*old_));
  for (const Point& point : Points()) {
    if (point.in_postgres && !GetParam().to_postgres) continue;
    for (const char* const how : {"--resume", "--undo"}) {
      SCOPED_TRACE(absl::StrCat(point.name, " ", how));
      Installation& dies = point.at_new ? *new_ : *old_;
      dies.Kill();
      ASSERT_NO_FATAL_FAILURE(Start(dies, point.name));
      const Finished cut = Move();
      EXPECT_NE(cut.exit_code, 0) << "nobody can have been told that it was done";
      EXPECT_THAT(cut.errors, HasSubstr("--resume"));
      ASSERT_TRUE(Died(dies)) << "it is never passed: " << cut.errors;
      ASSERT_NO_FATAL_FAILURE(Start(dies));
      EXPECT_NE(Told(*old_), "") << "no source is let in where a move is under way";
      const Finished ended = Move(how);
      ASSERT_EQ(ended.exit_code, 0) << ended.errors;
      const bool moved = how == std::string("--resume");
      EXPECT_EQ(Told(moved ? *new_ : *old_), "");
      EXPECT_NE(Told(moved ? *old_ : *new_), "");
      if (moved) {
        ASSERT_NO_FATAL_FAILURE(Back());
      }
      ASSERT_NO_FATAL_FAILURE(ExpectGoesOn(*old_));
      if (HasFailure()) return;
    }
  }
  // Where an undoing is cut off, another one ends it.
  for (const std::string point : {"move.dropping", "move.dropped"}) {
    SCOPED_TRACE(point);
    ASSERT_NO_FATAL_FAILURE(Forth());
    new_->Kill();
    ASSERT_NO_FATAL_FAILURE(Start(*new_, point));
    EXPECT_NE(Move("--undo").exit_code, 0);
    ASSERT_TRUE(Died(*new_)) << "it is never passed";
    ASSERT_NO_FATAL_FAILURE(Start(*new_));
    EXPECT_NE(Told(*old_), "");
    ASSERT_NO_FATAL_FAILURE(Back());
    ASSERT_NO_FATAL_FAILURE(ExpectGoesOn(*old_));
  }
  ASSERT_NO_FATAL_FAILURE(Forth());
  ExpectGoesOn(*new_);
  const Finished late = Move("--undo");
  EXPECT_NE(late.exit_code, 0);
  EXPECT_THAT(late.errors, HasSubstr("changed there"));
  EXPECT_EQ(Move("--resume").exit_code, 0) << "once more is harmless";
  ExpectGoesOn(*new_);
  // The log of each side says which move a step was of.
  EXPECT_THAT(old_->Mirrorctl({"audit", "list", "--limit", "0", "--wide"}).output,
              ContainsRegex("LeaveMove Cust move [0-9a-f]{16} to "));
  EXPECT_THAT(new_->Mirrorctl({"audit", "list", "--limit", "0", "--wide"}).output,
              ContainsRegex("ImportMirror Cust move [0-9a-f]{16}"));
  // Both sides take what an operator does with them.
  EXPECT_EQ(old_->Mirrorctl({"delete", "Cust", "--confirm", "Cust"}).exit_code, 0);
  ExpectGoesOn(*new_);
}

INSTANTIATE_TEST_SUITE_P(Sides, MoveCrashTest,
                         testing::Values(Sides{"FilesToFiles"}, Sides{"FilesToPostgres", false, true},
                                         Sides{"PostgresToFiles", true, false}),
                         [](const auto& test) { return test.param.name; });

class PlaceMoveCrashTest : public MoveCrash {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_POSTGRES();
    second_ = PostgresServer::Shared()->NewDatabase();
    old_ = Installation::Init({.bin_dir = BinDir(),
                               .more_toml = absl::StrCat(
                                   "\n[[postgres.place]]\nname = \"second\"\nconninfo = \"", second_, "\"\n"),
                               .postgres = true})
               .value();
  }
  Finished Move(const std::string& place, const std::string& how = "") {
    std::vector<std::string> words = {"move", "Cust", "--place", place};
    if (!how.empty()) words.push_back(how);
    return old_->Mirrorctl(words);
  }
  /// As LookAtMove says.
  std::string Place() {
    v1::LookAtMoveRequest request;
    request.set_context_id("Cust");
    v1::MoveLook look;
    grpc::ClientContext context;
    const auto admin = old_->Admin().value();
    const grpc::Status status = admin->LookAtMove(&context, request, &look);
    return status.ok() ? look.place() : status.error_message();
  }
  std::string second_;
};

TEST_F(PlaceMoveCrashTest, GoesOnOrBackFromWhereverItWasKilled) {
  ASSERT_NO_FATAL_FAILURE(Start(*old_));
  ASSERT_NO_FATAL_FAILURE(Fill(*old_));
  for (const std::string point : {"move.begun", "move.filled", "move.fenced", "move.decided", "move.switched",
                                  "move.tidied", "move.ended"}) {
    for (const char* const how : {"--resume", "--undo"}) {
      SCOPED_TRACE(absl::StrCat(point, " ", how));
      const std::string from = Place(), to = from == "second" ? "p1" : "second";
      old_->Kill();
      ASSERT_NO_FATAL_FAILURE(Start(*old_, point));
      const Finished cut = Move(to);
      EXPECT_NE(cut.exit_code, 0);
      EXPECT_THAT(cut.errors, HasSubstr("--resume"));
      ASSERT_TRUE(Died(*old_)) << "it is never passed: " << cut.errors;
      ASSERT_NO_FATAL_FAILURE(Start(*old_));
      const bool decided = point != "move.begun" && point != "move.filled" && point != "move.fenced";
      const Finished ended = Move(to, how);
      if (point == "move.ended" && how == std::string("--undo")) {
        EXPECT_THAT(ended.errors, HasSubstr("no move"));
      } else if (decided && how == std::string("--undo")) {
        EXPECT_THAT(ended.errors, HasSubstr("--resume ends the move"));
        EXPECT_EQ(Move(to, "--resume").exit_code, 0);
      } else {
        EXPECT_EQ(ended.exit_code, 0) << ended.errors;
      }
      EXPECT_EQ(Place(), decided || how == std::string("--resume") ? to : from);
      EXPECT_EQ(Told(*old_), "");
      ASSERT_NO_FATAL_FAILURE(ExpectGoesOn(*old_));
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace mirror::move_crash_test
