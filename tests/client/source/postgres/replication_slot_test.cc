#include "client/source/postgres/replication_slot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/lsn.h"
#include "tests/client/source/postgres/replication_source.h"

namespace mirror::replication_slot_test {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::HasSubstr;

TEST(Lsn, IsReadAsItIsWritten) {
  EXPECT_EQ(postgres::FormatLsn(0x16'B374'D848), "16/B374D848");
  EXPECT_EQ(postgres::FormatLsn(0), "0/0");
  for (const std::uint64_t lsn : {std::uint64_t{0}, std::uint64_t{0x1'0000'0001}, ~std::uint64_t{0}})
    EXPECT_THAT(postgres::ParseLsn(postgres::FormatLsn(lsn)), IsOkAndHolds(lsn));
  EXPECT_THAT(postgres::ParseLsn("a/b"), IsOkAndHolds(std::uint64_t{0xa'0000'000b}));
  for (const char* const wrong : {"", "/", "1", "1/", "/1", "1/123456789", "1/g", "-1/1", "1/1 ", "1/1/1"})
    EXPECT_THAT(postgres::ParseLsn(wrong), StatusIs(StatusCode::kInvalidArgument)) << wrong;
}

TEST(SlotName, IsTheContextsWherePostgresTakesThat) {
  EXPECT_EQ(DefaultLogName("cust_42"), "_mirror_cust_42");
  const std::string changed = DefaultLogName("Cust-42");
  EXPECT_EQ(changed.substr(0, 16), "_mirror_cust_42_");
  EXPECT_EQ(changed.size(), 24U);
  EXPECT_NE(changed, DefaultLogName("cust.42"));
  EXPECT_NE(changed, DefaultLogName("CUST-42"));
  for (const std::string& context : {std::string(128, 'a'), std::string("\xc3\xa4 \n'"), std::string()}) {
    EXPECT_THAT(CheckSlotName(DefaultLogName(context)), IsOk()) << context;
  }
  EXPECT_NE(DefaultLogName(std::string(128, 'a')), DefaultLogName(std::string(127, 'a')));
  for (const char* const wrong : {"", "A", "a-b", "a b", "\xc3\xa4"})
    EXPECT_THAT(CheckSlotName(wrong), StatusIs(StatusCode::kInvalidArgument)) << wrong;
  EXPECT_THAT(CheckSlotName(std::string(64, 'a')), StatusIs(StatusCode::kInvalidArgument));
}

class ReplicationSlotTest : public ReplicationTest {};

TEST_F(ReplicationSlotTest, ItIsMadeSeenMovedAndDropped) {
  EXPECT_THAT(DropSlot(*connection_, kSlot, "mirror-agent"), IsOk()) << "there is none";
  auto look = LookAtSlot(*connection_, kSlot);
  ASSERT_THAT(look, IsOk());
  EXPECT_FALSE(look->slot);
  EXPECT_EQ(look->wal_level, "logical");
  EXPECT_EQ(look->slots, 0);
  EXPECT_EQ(look->slots_max, 3);
  EXPECT_EQ(look->sender_timeout, std::chrono::seconds(60));
  const std::uint64_t made = MakeSlot();
  look = LookAtSlot(*connection_, kSlot);
  ASSERT_TRUE(look.ok() && look->slot);
  EXPECT_EQ(look->slots, 1);
  EXPECT_EQ(look->slot->plugin, "pgoutput");
  EXPECT_EQ(look->slot->database, Text("SELECT current_database()"));
  EXPECT_TRUE(look->slot->here);
  EXPECT_EQ(look->slot->wal_status, "reserved");
  EXPECT_FALSE(look->slot->safe_wal_size) << "there is no limit";
  EXPECT_EQ(look->slot->confirmed_flush_lsn, made);
  EXPECT_GT(look->slot->restart_lsn, 0U);
  EXPECT_LE(look->slot->restart_lsn, made);
  EXPECT_EQ(look->slot->active_pid, 0);
  EXPECT_THAT(CreateSlot(*connection_, kSlot, std::chrono::seconds(1)), StatusIs(StatusCode::kAlreadyExists));
  EXPECT_THAT(CreateSlot(*connection_, "A", std::chrono::seconds(1)), StatusIs(StatusCode::kInvalidArgument));
  // Of a position that is lower it says where it is.
  EXPECT_THAT(AdvanceSlot(*connection_, kSlot, 1), IsOkAndHolds(made));
  const auto marker = EmitMarker(*connection_, "A");
  ASSERT_THAT(marker, IsOk());
  EXPECT_GT(*marker, made);
  const auto moved =
      AdvanceSlot(*connection_, kSlot, *postgres::ParseLsn(Text("SELECT pg_current_wal_flush_lsn()")));
  ASSERT_THAT(moved, IsOk());
  EXPECT_GE(*moved, *marker);
  EXPECT_THAT(DropSlot(*connection_, kSlot, "mirror-agent"), IsOk());
  EXPECT_EQ(LogTroubleOf(AdvanceSlot(*connection_, kSlot, *moved).status()), LogTrouble::kNoSlot);
}

TEST_F(ReplicationSlotTest, ItWaitsForOpenTransactionsAndNamesThem) {
  Sql("CREATE TABLE t (id int PRIMARY KEY)");
  const auto writer = Connect(conninfo_);
  ASSERT_THAT(writer->Execute("BEGIN; INSERT INTO public.t VALUES (1)"), IsOk());
  const absl::Status open = CreateSlot(*connection_, kSlot, std::chrono::milliseconds(200)).status();
  EXPECT_THAT(open, StatusIs(StatusCode::kUnavailable,
                             HasSubstr(absl::StrCat("process ", writer->server_pid(), " (role mirror"))));
  ASSERT_THAT(writer->Execute("PREPARE TRANSACTION 'forgotten'"), IsOk());
  const absl::Status prepared = CreateSlot(*connection_, kSlot, std::chrono::milliseconds(200)).status();
  EXPECT_THAT(prepared,
              StatusIs(StatusCode::kUnavailable, HasSubstr("the prepared transaction 'forgotten'")));
  EXPECT_EQ(Text("SELECT count(*) FROM pg_replication_slots"), "0");
  ASSERT_THAT(writer->Execute("ROLLBACK PREPARED 'forgotten'"), IsOk());
  MakeSlot();
  EXPECT_EQ(OpenTransactions(*connection_), "");
}

TEST_F(ReplicationSlotTest, OnlyTheAgentsOwnReaderIsEnded) {
  Publish();
  MakeSlot();
  access_.application_name = "somebody";
  auto stream = OpenStream();
  ASSERT_NE(stream, nullptr);
  const absl::Status why = DropSlot(*connection_, kSlot, "mirror-agent");
  EXPECT_EQ(LogTroubleOf(why), LogTrouble::kInUse);
  EXPECT_THAT(why, StatusIs(StatusCode::kUnavailable, HasSubstr("application 'somebody'")));
  EXPECT_THAT(DropSlot(*connection_, kSlot, "somebody"), IsOk());
  EXPECT_EQ(Text("SELECT count(*) FROM pg_replication_slots"), "0");
  EXPECT_THAT(stream->Next(std::chrono::seconds(5)), StatusIs(StatusCode::kUnavailable));
}

TEST_F(ReplicationSlotTest, OthersSlotsStay) {
  Sql(absl::StrCat("SELECT pg_create_physical_replication_slot('", kSlot, "')"));
  EXPECT_EQ(LogTroubleOf(DropSlot(*connection_, kSlot, "mirror-agent")), LogTrouble::kOtherSlot);
  EXPECT_THAT(CreateSlot(*connection_, kSlot, std::chrono::seconds(1)), StatusIs(StatusCode::kAlreadyExists));
  EXPECT_EQ(Text("SELECT count(*) FROM pg_replication_slots"), "1");
}

TEST_F(ReplicationSlotTest, WhoMayNotIsToldSo) {
  Sql("CREATE ROLE agent LOGIN");
  const auto agent = Connect(conninfo_ + " user=agent");
  const absl::Status why = CreateSlot(*agent, kSlot, std::chrono::seconds(5)).status();
  EXPECT_THAT(why, StatusIs(StatusCode::kFailedPrecondition, HasSubstr("needs REPLICATION")));
  EXPECT_EQ(LogTroubleOf(why), LogTrouble::kDenied);
  MakeSlot();
  EXPECT_EQ(LogTroubleOf(DropSlot(*agent, kSlot, "mirror-agent")), LogTrouble::kDenied);
}

class LogPlaceTest : public ReplicationTest {};

TEST_F(LogPlaceTest, MarkersAreWrittenByWhoMayOnlyRead) {
  Sql("CREATE ROLE reader LOGIN");
  access_.dsn = conninfo_ + " user=reader";
  PostgresSessions sessions(access_);
  const auto session = sessions.Take();
  ASSERT_THAT(session.status(), IsOk());
  const auto before = LookAtLog(**session);
  ASSERT_THAT(before, IsOk());
  EXPECT_FALSE(before->in_recovery);
  EXPECT_EQ(before->timeline, 1);
  const auto marker = EmitMarker(**session, "a 'token'");
  ASSERT_THAT(marker, IsOk());
  EXPECT_GT(*marker, before->flushed_lsn);
  EXPECT_GE(LookAtLog(**session)->flushed_lsn, *marker) << "it was written to disk";
  EXPECT_EQ((*session)->Command("SHOW synchronous_commit")->Text(0, 0), "on");
  EXPECT_EQ((*session)->Command("SHOW transaction_read_only")->Text(0, 0), "on");
  // With a standby that is gone other commits hang.
  Sql("ALTER SYSTEM SET synchronous_standby_names TO 'gone'");
  Sql("SELECT pg_reload_conf()");
  AwaitText("SHOW synchronous_standby_names", "gone");
  (*session)->SetAnswerWithin(std::chrono::seconds(20));
  EXPECT_THAT(EmitMarker(**session, "b"), IsOk());
}

TEST_F(LogPlaceTest, APromotedServerTellsWhereItCameFrom) {
  EXPECT_THAT(ReadTimelineHistory(access_, 1), IsOkAndHolds(testing::IsEmpty()));
  ASSERT_THAT(EmitMarker(*connection_, "A"), IsOk());
  const std::uint64_t before = LookAtLog(*connection_)->flushed_lsn;
  connection_.reset();
  ASSERT_THAT(server_->StartAsStandby(), IsOk());
  connection_ = Connect(conninfo_);
  const auto standby = LookAtLog(*connection_);
  ASSERT_THAT(standby, IsOk());
  EXPECT_TRUE(standby->in_recovery);
  EXPECT_EQ(standby->timeline, 1);
  EXPECT_GE(standby->flushed_lsn, before);
  EXPECT_FALSE(EmitMarker(*connection_, "B").ok());
  EXPECT_EQ(Text("SELECT pg_promote()"), "t");
  const auto promoted = LookAtLog(*connection_);
  ASSERT_THAT(promoted, IsOk());
  EXPECT_FALSE(promoted->in_recovery);
  EXPECT_EQ(promoted->timeline, 2);
  const auto history = ReadTimelineHistory(access_, 2);
  ASSERT_THAT(history, IsOk());
  ASSERT_EQ(history->size(), 1U);
  EXPECT_EQ(history->front().timeline, 1);
  EXPECT_GE(history->front().lsn, before);
  EXPECT_LE(history->front().lsn, promoted->flushed_lsn);
  EXPECT_TRUE(DescendsFrom(*history, 1));
  EXPECT_FALSE(DescendsFrom(*history, 2));
}

TEST(TimelineHistory, IsReadLineByLine) {
  const auto history =
      ParseTimelineHistory("# by hand\n\n1\t0/3000000\tno recovery target specified\n 2\t1/A\tbefore 2024\n");
  ASSERT_THAT(history, IsOk());
  ASSERT_EQ(history->size(), 2U);
  EXPECT_EQ((*history)[0].lsn, 0x3000000U);
  EXPECT_EQ((*history)[1].timeline, 2);
  EXPECT_EQ((*history)[1].lsn, 0x1'0000'000AU);
  for (const char* const wrong : {"1\n", "a\t0/1\n", "1\tx\n"})
    EXPECT_THAT(ParseTimelineHistory(wrong), StatusIs(StatusCode::kDataLoss)) << wrong;
}

}  // namespace
}  // namespace mirror::replication_slot_test
