#include "client/source/mariadb/binlog_intake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/client/source/server/staged_source.h"
#include "tests/support/status_matchers.h"

namespace mirror::binlog_intake_test {
namespace {

using binlog::EventType;

class BinlogIntakeTest : public testing::Test {
 protected:
  void Begin(std::size_t fold_bytes) {
    stage_.options().fold_bytes = fold_bytes;
    stage_.Open();
    ASSERT_THAT(stage_->SetTable(ModelStagedTable(1)), IsOk());
    intake_ = std::make_unique<BinlogIntake>(*stage_, 100, BinlogPosition(), "");
    auto tables = std::make_shared<BinlogTables>();
    tables->database = "d";
    tables->tables["t"].id = 1;
    intake_->SetTables(tables);
    // There is nothing that it has to be compared with.
    ASSERT_THAT(Take(EventType::kFormatDescription, ""), IsOk());
  }
  absl::Status Take(EventType type, const std::string& body) {
    binlog::Event event;
    event.type = type;
    event.time_s = event.server_id = 1;
    event.next_position = static_cast<std::uint32_t>(place_ + 100);
    event.body = body;
    const BinlogPlace before{"binlog.000001", place_};
    place_ += 100;
    return intake_->Take(event, before, {"binlog.000001", place_});
  }
  /// A group of one statement, which changes a definition.
  absl::Status TakeStatement(const std::string& sql) {
    constexpr char kStandaloneDdl = 0x21;
    const std::string group = '\1' + std::string(11, '\0') + kStandaloneDdl + std::string(6, '\0');
    if (absl::Status begun = Take(EventType::kGtid, group); !begun.ok()) return begun;
    return Take(EventType::kQuery, std::string(8, '\0') + '\1' + std::string(4, '\0') + 'd' + '\0' + sql);
  }

  StageFolder stage_;
  std::unique_ptr<BinlogIntake> intake_;
  std::uint64_t place_ = 4;
};

TEST_F(BinlogIntakeTest, ATableIsGivenUpHoweverItsChangesAreWritten) {
  Begin(1);
  ASSERT_THAT(TakeStatement("ALTER TABLE t ADD c int"), IsOk());
  // The stage has written by itself, and the process dies before it was told to.
  stage_.Open();
  EXPECT_THAT(stage_->Place(), IsOkAndHolds(101));
  const auto tables = stage_->Tables();
  ASSERT_THAT(tables, IsOk());
  EXPECT_EQ((*tables)[0].floor, 101);
  EXPECT_THAT((*tables)[0].gone_because, testing::HasSubstr("definition"));
}

TEST_F(BinlogIntakeTest, WhatTheStageForgotIsNotPassedOver) {
  Begin(64'000'000);
  ASSERT_THAT(intake_->Mark("m1", 0, 1), IsOk());
  ASSERT_THAT(intake_->Flush(), IsOk());
  ASSERT_THAT(TakeStatement("ALTER TABLE t ADD c int"), IsOk());
  for (const char* const end : {"", "-wal", "-shm"}) std::filesystem::remove(stage_.options().path + end);
  ASSERT_THAT(stage_->SetTable(ModelStagedTable(1)), IsOk());
  // Whoever asks for a position meets that first; who reads the binlog is told, too.
  EXPECT_THAT(intake_->Mark("m2", 0, 1), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(intake_->Mark("m3", 0, 1), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(Take(EventType::kHeartbeat, ""), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(intake_->Flush(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(stage_->LastMark(), IsOkAndHolds(std::nullopt));
}

}  // namespace
}  // namespace mirror::binlog_intake_test
