// What 'mirrorctl move' asks both servers, and how it goes on where one of them refuses.

#include <gmock/gmock.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/mirrorctl/admin_endpoint.h"

namespace mirror::move_command_test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kMoveId[] = "0123456789abcdef";

/// The old side is AdminEndpoint's; both have the same keys.
class MoveCommand : public AdminEndpoint {
 protected:
  void SetUp() override {
    AdminEndpoint::SetUp();
    const auto credentials = MakeServerCredentials({Path("server.crt"), Path("server.key"), Path("ca.crt")});
    ASSERT_THAT(credentials, IsOk());
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", *credentials, &port);
    builder.RegisterService(&there_);
    new_side_ = builder.BuildAndStart();
    ASSERT_NE(new_side_, nullptr);
    WriteFileText(
        Path("other.toml"),
        absl::StrCat("[endpoint]\naddress = \"127.0.0.1:", port,
                     "\"\nca = \"ca.crt\"\ncertificate = \"operator.crt\"\nkey = \"operator.key\"\n"));
    Stands(v1::MOVE_PHASE_UNSPECIFIED);
  }
  static v1::MoveLook Look(v1::MovePhase phase) {
    v1::MoveLook look;
    look.set_context_id("Cust");
    look.set_issuer("Development Source");
    look.set_environment("prod");
    look.set_phase(phase);
    if (phase != v1::MOVE_PHASE_UNSPECIFIED) look.set_move_id(kMoveId);
    return look;
  }
  /// At the old side.
  void Stands(v1::MovePhase phase) { fake_.look = Look(phase); }
  Finished Move(const std::string& how = "") {
    std::vector<std::string> words = {"move", "Cust", "--to-config", Path("other.toml")};
    if (!how.empty()) words.push_back(how);
    return Run(words);
  }

  FakeAdmin there_;
  std::unique_ptr<grpc::Server> new_side_;
};

TEST_F(MoveCommand, GoesThroughItsSteps) {
  const Finished run = Move();
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(run.output, HasSubstr("Cust is moved"));
  EXPECT_THAT(fake_.Calls(), ElementsAre(StartsWith("LookAtMove"), "BeginMove", "ExportMirror", "LeaveMove"));
  EXPECT_THAT(there_.Calls(),
              ElementsAre("CheckRoom", StartsWith("LookAtMove"), "CheckRoom", "ImportMirror", "ArriveMove"));
}

TEST_F(MoveCommand, AnOtherConfigurationThatIsNotThereIsThatOfItsOption) {
  const Finished run = Run({"move", "Cust", "--to-config", Path("nofile.toml")});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.errors, AllOf(HasSubstr("nofile.toml' is not there"), HasSubstr("with --to-config"),
                                Not(HasSubstr("MIRRORCTL_CONFIG"))));
}

class RefusedMove : public MoveCommand, public testing::WithParamInterface<grpc::StatusCode> {};

TEST_P(RefusedMove, IsUndoneAtOnce) {
  there_.import_refusal = grpc::Status(GetParam(), "table 'a' cannot be kept here.");
  const Finished run = Move();
  EXPECT_NE(run.exit_code, 0);
  EXPECT_THAT(run.errors, AllOf(HasSubstr("cannot be kept here"), HasSubstr("the move was undone"),
                                Not(HasSubstr("--resume"))));
  EXPECT_THAT(fake_.Calls(), Contains("StayMove"));
  EXPECT_THAT(there_.Calls(), Not(Contains("DropMove"))) << "nothing arrived";
}

INSTANTIATE_TEST_SUITE_P(Codes, RefusedMove,
                         testing::Values(grpc::StatusCode::FAILED_PRECONDITION,
                                         grpc::StatusCode::INVALID_ARGUMENT,
                                         grpc::StatusCode::RESOURCE_EXHAUSTED));

TEST_F(MoveCommand, WhatMayHelpTheNextTimeKeepsTheSourceAway) {
  there_.import_refusal = grpc::Status(grpc::StatusCode::UNAVAILABLE, "the database is away");
  const Finished run = Move();
  EXPECT_NE(run.exit_code, 0);
  EXPECT_THAT(run.errors, AllOf(HasSubstr("is away"), HasSubstr("--resume"), HasSubstr("--undo")));
  EXPECT_THAT(fake_.Calls(), Not(Contains("StayMove")));
}

TEST_F(MoveCommand, AResumedOneIsCheckedBeforeItIsCopiedAndIsNotUndone) {
  Stands(v1::MOVE_PHASE_LEAVING);
  there_.room_refusal = grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "hashed with another key");
  const Finished run = Move("--resume");
  EXPECT_NE(run.exit_code, 0);
  EXPECT_THAT(run.errors, AllOf(HasSubstr("another key"), HasSubstr("--undo")));
  EXPECT_THAT(there_.Calls(), ElementsAre(StartsWith("LookAtMove"), "CheckRoom"));
  EXPECT_THAT(fake_.Calls(), Not(Contains("StayMove")));
}

TEST_F(MoveCommand, AnUndoneOneIsTakenBackAlsoWhereItsCopyIsStillOnItsWayIn) {
  Stands(v1::MOVE_PHASE_LEAVING);
  const Finished run = Move("--undo");
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(there_.Calls(), ElementsAre(StartsWith("LookAtMove"), "DropMove"));
  EXPECT_THAT(fake_.Calls(), Contains("StayMove"));
}

TEST_F(MoveCommand, AMoveToAPlaceThatIsCutOffIsLookedForWhereItShows) {
  fake_.refusal = grpc::Status(grpc::StatusCode::CANCELLED, "");
  const Finished run = Run({"move", "Cust", "--place", "p2"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.errors, AllOf(HasSubstr("'mirrorctl tenants'"), Not(HasSubstr("'mirrorctl tables'")),
                                HasSubstr("'mirrorctl move Cust --place p2 --resume'")));
}

TEST_F(MoveCommand, AMoveToAPlaceThatWasNotAnsweredSaysHowItStands) {
  fake_.place_refusal = grpc::Status(grpc::StatusCode::CANCELLED, "");
  const auto said = [&](v1::MovePhase phase, const std::string& place) {
    fake_.look = Look(phase);
    fake_.look->set_place(place);
    fake_.look->set_to_place(true);
    const Finished run = Run({"move", "Cust", "--place", "p2"});
    EXPECT_EQ(run.exit_code, 1);
    return run.errors;
  };
  EXPECT_THAT(said(v1::MOVE_PHASE_LEAVING, "p1"),
              AllOf(HasSubstr("is under way"), HasSubstr("--place p2 --resume'"), HasSubstr("--undo")));
  EXPECT_THAT(said(v1::MOVE_PHASE_UNSPECIFIED, "p1"),
              AllOf(HasSubstr("served from the place p1 as before"), Not(HasSubstr("--resume"))));
  EXPECT_THAT(said(v1::MOVE_PHASE_UNSPECIFIED, "p2"),
              AllOf(HasSubstr("is in the place p2 now"), Not(HasSubstr("--resume"))));
}

TEST_F(MoveCommand, AMoveWhoseBeginWasNotAnsweredSaysWhetherItBegan) {
  fake_.begin_refusal = grpc::Status(grpc::StatusCode::CANCELLED, "");
  const Finished run = Move();
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.errors, AllOf(HasSubstr("did not begin"), HasSubstr("is served here as before"),
                                Not(HasSubstr("--resume"))));
}

TEST_F(MoveCommand, ACopyThatStandsInAnotherPlaceThanIsNamedNowIsMadeAnew) {
  Stands(v1::MOVE_PHASE_LEAVING);
  there_.look = Look(v1::MOVE_PHASE_ARRIVING);
  there_.look->set_place("p1");
  const Finished same = Run({"move", "Cust", "--to-config", Path("other.toml"), "--place", "p1", "--resume"});
  EXPECT_EQ(same.exit_code, 0) << same.errors;
  EXPECT_THAT(there_.Calls(), AllOf(Not(Contains("DropMove")), Not(Contains("ImportMirror"))));
  const Finished other =
      Run({"move", "Cust", "--to-config", Path("other.toml"), "--place", "p2", "--resume"});
  EXPECT_EQ(other.exit_code, 0) << other.errors;
  EXPECT_THAT(there_.Calls(), AllOf(Contains("DropMove"), Contains("ImportMirror")));
}

TEST_F(MoveCommand, AResumedOneTellsSourcesTheAddressThatItBeganWith) {
  Stands(v1::MOVE_PHASE_LEAVING);
  fake_.look->set_target("other.example:7443");
  const Finished run = Move("--resume");
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(run.output, HasSubstr("give its agent other.example:7443"));
  EXPECT_EQ(fake_.left_for, "other.example:7443");
}

TEST_F(MoveCommand, TheEndWhoseAnswerWasLostIsTheEnd) {
  Stands(v1::MOVE_PHASE_LEFT);
  there_.arrival_refusal = grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "is not part of the move");
  there_.look = Look(v1::MOVE_PHASE_UNSPECIFIED);
  const Finished run = Move("--resume");
  EXPECT_EQ(run.exit_code, 0) << run.errors;
}

TEST_F(MoveCommand, AnotherSourcesMirrorOfThatNameIsNotTheOneThatArrived) {
  Stands(v1::MOVE_PHASE_LEFT);
  there_.arrival_refusal = grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "is not part of the move");
  there_.look = Look(v1::MOVE_PHASE_UNSPECIFIED);
  there_.look->set_issuer("Another Source");
  const Finished run = Move("--resume");
  EXPECT_NE(run.exit_code, 0);
  EXPECT_THAT(run.errors, HasSubstr("not part of the move"));
}

}  // namespace
}  // namespace mirror::move_command_test
