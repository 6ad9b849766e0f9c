#include "client/source/postgres/log_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/lsn.h"
#include "tests/client/source/postgres/replication_source.h"

namespace mirror::log_stream_test {
namespace {

using absl::StatusCode;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class LogStreamTest : public ReplicationTest {};

TEST_F(LogStreamTest, EveryChangeIsTold) {
  Sql("CREATE TABLE t (id int PRIMARY KEY, v text, big text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL; "
      "CREATE TABLE other (id int PRIMARY KEY); CREATE TYPE mood AS ENUM ('sad'); "
      "CREATE TABLE p (id int PRIMARY KEY, m mood) PARTITION BY RANGE (id); "
      "CREATE TABLE p_low PARTITION OF p FOR VALUES FROM (0) TO (10); "
      "CREATE TABLE p_high PARTITION OF p FOR VALUES FROM (10) TO (20)");
  Publish("t, p");
  MakeSlot();
  const auto stream = OpenStream();
  ASSERT_NE(stream, nullptr);
  Sql("INSERT INTO t VALUES (1, 'a', repeat('x', 5000)), (2, NULL, '')");
  Sql("UPDATE t SET v = 'b' WHERE id = 1");
  Sql("UPDATE t SET id = 3 WHERE id = 1");
  Sql("DELETE FROM t WHERE id = 3; INSERT INTO other VALUES (1)");
  Sql("BEGIN; INSERT INTO t VALUES (9, '', NULL); ROLLBACK");
  Sql("INSERT INTO p VALUES (5, 'sad')");
  Sql("UPDATE p SET id = 15 WHERE id = 5");
  Sql("TRUNCATE t, p RESTART IDENTITY CASCADE");
  Sql("BEGIN; SELECT pg_logical_emit_message(false, 'other', 'now'); "
      "SELECT pg_logical_emit_message(true, 'other', 'with it'); ROLLBACK");
  EXPECT_THAT(
      EmitAndReadTo(*stream, "end").messages,
      ElementsAre("begin", "relation public.t d (id!, v, big)", "insert t ('1', 'a', '5000 bytes')",
                  "insert t ('2', null, '')", "commit",                                                //
                  "begin", "update t ('1', 'b', unchanged)", "commit",                                 //
                  "begin", "update t key ('1', null, null) ('3', 'b', unchanged)", "commit",           //
                  "begin", "delete t key ('3', null, null)", "commit",                                 //
                  "begin", "relation public.p_low d (id!, m)", "insert p_low ('5', 'sad')", "commit",  //
                  "begin", "delete p_low key ('5', null)", "relation public.p_high d (id!, m)",        //
                  "insert p_high ('15', 'sad')", "commit",                                             //
                  "begin", "truncate t p_low p_high cascade restart", "commit",                        //
                  "message at once other now", "begin", "message mirror end", "commit"));
}

TEST_F(LogStreamTest, ValuesAreTextsAsASessionOfTheSourceWritesThem) {
  Sql("SET TimeZone TO 'UTC'; CREATE TABLE t (id int PRIMARY KEY, a timestamptz, b interval, c bytea, d "
      "float8, e "
      "regtype)");
  // What a role or a database has as its default does not count.
  Sql("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET DateStyle TO ''German''', current_database()); "
      "EXECUTE "
      "format('ALTER DATABASE %I SET bytea_output TO ''escape''', current_database()); END $$");
  Publish("t");
  MakeSlot();
  const auto stream = OpenStream();
  ASSERT_NE(stream, nullptr);
  Sql("INSERT INTO t VALUES (1, '2024-02-03 04:05:06+00', '1 day 2 hours', '\\x00ff', 0.1, "
      "'pg_catalog.int4')");
  EXPECT_THAT(EmitAndReadTo(*stream, "end").messages[2],
              "insert t ('1', '2024-02-03 04:05:06+00', 'P1DT2H', '\\x00ff', '0.1', 'integer')");
}

TEST_F(LogStreamTest, AConfirmedPositionOutlivesTheStream) {
  Sql("CREATE TABLE t (id int PRIMARY KEY)");
  Publish("t");
  const std::uint64_t made = MakeSlot();
  auto stream = OpenStream();
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(stream->server().timeline, 1);
  EXPECT_EQ(stream->server().system_id, Text("SELECT system_identifier FROM pg_control_system()"));
  EXPECT_GE(stream->server_end(), made);
  Sql("INSERT INTO t VALUES (1)");
  const Come first = EmitAndReadTo(*stream, "A");
  EXPECT_GE(stream->server_end(), first.end.end_lsn);
  // At the begin of the commit's record: its transaction comes again, and none before it.
  ASSERT_THAT(stream->Confirm(first.last.commit_lsn), IsOk());
  AwaitText("SELECT confirmed_flush_lsn FROM pg_replication_slots",
            postgres::FormatLsn(first.last.commit_lsn));
  EXPECT_THAT(stream->Confirm(made), IsOk()) << "one that is lower changes nothing";
  EXPECT_THAT(stream->Confirm(first.end.end_lsn + (1U << 30)), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(ConfirmedLsn(), first.last.commit_lsn);
  Sql("INSERT INTO t VALUES (2)");
  EmitAndReadTo(*stream, "B");
  stream.reset();
  for (const std::uint64_t from : {std::uint64_t{0}, made, first.last.commit_lsn}) {
    stream = OpenStream(from);
    ASSERT_NE(stream, nullptr);
    const Come again = ReadTo(*stream, "B");
    EXPECT_THAT(again.messages,
                ElementsAre("begin", "message mirror A", "commit", "begin", "relation public.t d (id!)",
                            "insert t ('2')", "commit", "begin", "message mirror B", "commit"));
    stream.reset();
  }
  // Nothing of a position that was not confirmed stays.
  EXPECT_EQ(ConfirmedLsn(), first.last.commit_lsn);
  // And what the server keeps outlives the server.
  server_->Kill();
  ASSERT_THAT(server_->StartAgain(), IsOk());
  connection_ = Connect(conninfo_);
  stream = OpenStream(first.last.commit_lsn);
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(ReadTo(*stream, "A").messages[1], "message mirror A");
}

TEST_F(LogStreamTest, APositionThatIsNotThereYetIsToldAtOnce) {
  Publish();
  MakeSlot();
  const std::uint64_t beyond = *postgres::ParseLsn(Text("SELECT pg_current_wal_insert_lsn() + 1000000"));
  const absl::Status why = WhyNoStream(beyond);
  EXPECT_THAT(why, StatusIs(StatusCode::kOutOfRange, HasSubstr(postgres::FormatLsn(beyond))));
  EXPECT_EQ(LogTroubleOf(why), LogTrouble::kBehindEnd);
}

TEST_F(LogStreamTest, AStreamOutlivesTheServersPatience) {
  Sql("CREATE TABLE t (id int PRIMARY KEY)");
  Publish("t");
  MakeSlot();
  ASSERT_THAT(CreateSlot(*connection_, "second", std::chrono::seconds(20)), IsOk());
  access_.dsn = conninfo_ + " options='-c wal_sender_timeout=1500'";
  const auto waiting = OpenStream();
  const auto unheard = LogStream::Open(access_, "second", kPublication, 0);
  ASSERT_NE(waiting, nullptr);
  ASSERT_THAT(unheard, IsOk());
  // One that waits for what does not come, and one that nobody asks meanwhile.
  EXPECT_THAT(waiting->Next(milliseconds(4'000)), IsOkAndHolds(std::nullopt));
  EXPECT_EQ(Text("SELECT count(*) FROM pg_stat_replication"), "2");
  Sql("INSERT INTO t VALUES (1)");
  EXPECT_EQ(EmitAndReadTo(*waiting, "end").messages.size(), 7U);
  EXPECT_EQ(ReadTo(**unheard, "end").messages.size(), 7U);
}

TEST_F(LogStreamTest, AServerThatStopsWaitsForNoOne) {
  Publish();
  MakeSlot();
  const auto stream = OpenStream();
  ASSERT_NE(stream, nullptr);
  const Come come = EmitAndReadTo(*stream, "A");
  ASSERT_THAT(stream->Confirm(come.last.commit_lsn), IsOk());
  // What was confirmed is not all that has come: the server is not to wait for the rest.
  EXPECT_THAT(EmitMarker(*connection_, "B"), IsOk());
  absl::Status ended;
  std::thread reader([&] {
    while (ended.ok()) ended = stream->Next(milliseconds(100)).status();
  });
  connection_.reset();
  const auto begun = std::chrono::steady_clock::now();
  server_->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(30));
  reader.join();
  EXPECT_THAT(ended, StatusIs(StatusCode::kUnavailable));
  EXPECT_THAT(stream->Next(milliseconds(0)), StatusIs(StatusCode::kUnavailable));
  EXPECT_THAT(stream->Confirm(come.end.end_lsn), StatusIs(StatusCode::kUnavailable));
  EXPECT_THAT(WhyNoStream(), StatusIs(StatusCode::kUnavailable));
}

TEST_F(LogStreamTest, ItIsNoStandbyThatCommitsWaitFor) {
  Publish();
  MakeSlot();
  const auto stream = OpenStream();
  ASSERT_NE(stream, nullptr);
  const Come come = EmitAndReadTo(*stream, "A");
  ASSERT_THAT(stream->Confirm(come.last.commit_lsn), IsOk());
  AwaitText("SELECT count(*) FROM pg_replication_slots WHERE confirmed_flush_lsn = '" +
                postgres::FormatLsn(come.last.commit_lsn) + "'",
            "1");
  AwaitText("SELECT flush_lsn IS NULL AND replay_lsn IS NULL FROM pg_stat_replication", "t");
}

TEST_F(LogStreamTest, ASlotThatIsInUseNamesItsReader) {
  Publish();
  MakeSlot();
  auto first = OpenStream();
  ASSERT_NE(first, nullptr);
  const std::string pid = Text("SELECT active_pid FROM pg_replication_slots");
  const absl::Status why = WhyNoStream();
  EXPECT_THAT(why, StatusIs(StatusCode::kUnavailable,
                            AllOf(HasSubstr("active for PID " + pid), HasSubstr("application 'mirror-agent'"),
                                  HasSubstr("pg_terminate_backend(" + pid + ")"))));
  EXPECT_EQ(LogTroubleOf(why), LogTrouble::kInUse);
  // One that its reader is about to leave is waited for.
  std::thread leaves([&] {
    AwaitText("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mirror-agent'", "2");
    first.reset();
  });
  EXPECT_NE(OpenStream(), nullptr);
  leaves.join();
}

TEST_F(LogStreamTest, AReaderThatIsEndedIsToldSo) {
  Publish();
  MakeSlot();
  const auto stream = OpenStream();
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(Text("SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots"), "t");
  EXPECT_THAT(stream->Next(milliseconds(5'000)), StatusIs(StatusCode::kUnavailable, HasSubstr("was lost")));
}

TEST_F(LogStreamTest, ASlotThatCannotBeReadSaysWhy) {
  Publish();
  absl::Status why = WhyNoStream();
  EXPECT_THAT(why, StatusIs(StatusCode::kNotFound, HasSubstr("mirror-agent install")));
  EXPECT_EQ(LogTroubleOf(why), LogTrouble::kNoSlot);
  Sql(absl::StrCat("SELECT pg_create_physical_replication_slot('", kSlot, "')"));
  why = WhyNoStream();
  EXPECT_THAT(why, StatusIs(StatusCode::kFailedPrecondition, HasSubstr("another 'slot'")));
  EXPECT_EQ(LogTroubleOf(why), LogTrouble::kOtherSlot);
  Sql(absl::StrCat("SELECT pg_drop_replication_slot('", kSlot, "')"));
  MakeSlot();
  access_.dsn = server_->NewDatabase();
  EXPECT_EQ(LogTroubleOf(WhyNoStream()), LogTrouble::kOtherSlot);
}

class LostSlotTest : public ReplicationTest {
 protected:
  LostSlotTest() { settings_ = {"max_slot_wal_keep_size=1MB"}; }
};

TEST_F(LostSlotTest, AServerThatGaveTheSlotUpIsToldOf) {
  Publish();
  MakeSlot();
  const auto before = LookAtSlot(*connection_, kSlot);
  ASSERT_THAT(before, IsOk());
  ASSERT_TRUE(before->slot && before->slot->safe_wal_size);
  EXPECT_GT(*before->slot->safe_wal_size, 0);
  EXPECT_FALSE(before->slot->is_lost());
  for (int i = 0; i < 4; ++i) {
    Sql("SELECT pg_logical_emit_message(false, 'x', repeat('x', 600000)), pg_switch_wal()");
    Sql("CHECKPOINT");
  }
  const auto look = LookAtSlot(*connection_, kSlot);
  ASSERT_THAT(look, IsOk());
  EXPECT_TRUE(look->slot && look->slot->is_lost());
  const absl::Status why = WhyNoStream();
  EXPECT_THAT(why, StatusIs(StatusCode::kFailedPrecondition,
                            AllOf(HasSubstr("wal_status lost"), HasSubstr("max_slot_wal_keep_size"))));
  EXPECT_EQ(LogTroubleOf(why), LogTrouble::kLost);
  EXPECT_THAT(AdvanceSlot(*connection_, kSlot, 1), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(DropSlot(*connection_, kSlot, "mirror-agent"), IsOk());
  EXPECT_EQ(Text("SELECT count(*) FROM pg_replication_slots"), "0");
}

TEST_F(LogStreamTest, APublicationThatWasNotThereYetIsToldAndPassed) {
  Sql("CREATE TABLE t (id int PRIMARY KEY)");
  MakeSlot();
  Sql("INSERT INTO t VALUES (1)");
  const auto fails = [this] {
    const auto stream = OpenStream();
    absl::Status ended;
    for (int i = 0; stream != nullptr && ended.ok() && i < 20; ++i)
      ended = stream->Next(milliseconds(1'000)).status();
    EXPECT_EQ(LogTroubleOf(ended), LogTrouble::kNoPublication);
    EXPECT_THAT(ended, StatusIs(StatusCode::kFailedPrecondition, HasSubstr("the tables are compared")));
    return std::string(ended.message());
  };
  EXPECT_THAT(fails(), HasSubstr("the database has no publication"));
  Publish("t");
  EXPECT_THAT(fails(), HasSubstr("was created after the slot"));
  const std::uint64_t end = *postgres::ParseLsn(Text("SELECT pg_current_wal_flush_lsn()"));
  const auto moved = AdvanceSlot(*connection_, kSlot, end);
  ASSERT_THAT(moved, IsOk());
  EXPECT_LE(*moved, end);
  EXPECT_EQ(ConfirmedLsn(), *moved);
  const auto stream = OpenStream();
  ASSERT_NE(stream, nullptr);
  Sql("INSERT INTO t VALUES (2)");
  EXPECT_THAT(EmitAndReadTo(*stream, "end").messages,
              ElementsAre("begin", "relation public.t d (id!)", "insert t ('2')", "commit", "begin",
                          "message mirror end", "commit"));
  EXPECT_EQ(LogTroubleOf(AdvanceSlot(*connection_, kSlot, end + 1'000).status()), LogTrouble::kInUse);
}

TEST_F(LogStreamTest, EachRightThatIsMissingIsNamed) {
  Publish();
  MakeSlot();
  const std::string database = Text("SELECT quote_ident(current_database())");
  Sql("CREATE ROLE agent LOGIN; REVOKE CONNECT ON DATABASE " + database + " FROM PUBLIC");
  access_.dsn = conninfo_ + " user=agent";
  absl::Status why = WhyNoStream();
  EXPECT_THAT(why, StatusIs(StatusCode::kFailedPrecondition, HasSubstr("needs REPLICATION")));
  EXPECT_EQ(LogTroubleOf(why), LogTrouble::kDenied);
  Sql("ALTER ROLE agent REPLICATION");
  why = WhyNoStream();
  EXPECT_THAT(why, StatusIs(StatusCode::kFailedPrecondition,
                            AllOf(HasSubstr("GRANT CONNECT"), Not(HasSubstr("needs REPLICATION")))));
  Sql("GRANT CONNECT ON DATABASE " + database + " TO agent");
  EXPECT_THAT(WhyNoStream(), IsOk());
  Sql("ALTER ROLE agent NOLOGIN");
  EXPECT_EQ(LogTroubleOf(WhyNoStream()), LogTrouble::kDenied);
}

TEST_F(LogStreamTest, AServerThatIsFullIsToldOf) {
  Publish();
  MakeSlot();
  for (const char* const name : {"second", "third"})
    ASSERT_THAT(CreateSlot(*connection_, name, std::chrono::seconds(20)), IsOk());
  const absl::StatusOr<std::uint64_t> fourth = CreateSlot(*connection_, "fourth", std::chrono::seconds(20));
  EXPECT_THAT(fourth, StatusIs(StatusCode::kUnavailable, HasSubstr("max_replication_slots")));
  EXPECT_EQ(LogTroubleOf(fourth.status()), LogTrouble::kNoFreeSlot);
  std::vector<std::unique_ptr<LogStream>> streams;
  for (const char* const name : {"_mirror_test", "second", "third"}) {
    auto stream = LogStream::Open(access_, name, kPublication, 0);
    ASSERT_THAT(stream, IsOk());
    streams.push_back(*std::move(stream));
  }
  const absl::Status why = WhyNoStream();
  EXPECT_THAT(why, StatusIs(StatusCode::kUnavailable, HasSubstr("max_wal_senders")));
  EXPECT_EQ(LogTroubleOf(why), LogTrouble::kNoFreeSlot);
}

TEST(PlainServerTest, AServerWhoseLogTellsNothingIsToldOf) {
  SKIP_WITHOUT_POSTGRES();
  PostgresServer* const server = PostgresServer::Shared();
  ASSERT_NE(server, nullptr);
  PostgresAccess access;
  access.dsn = server->NewDatabase();
  const absl::Status why = LogStream::Open(access, "s", "p", 0).status();
  EXPECT_THAT(why, StatusIs(StatusCode::kFailedPrecondition, HasSubstr("wal_level = logical")));
  EXPECT_EQ(LogTroubleOf(why), LogTrouble::kNotLogical);
  const auto connection = postgres::Connection::Open({.conninfo = access.dsn});
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(LogTroubleOf(CreateSlot(**connection, "s", std::chrono::seconds(5)).status()),
            LogTrouble::kNotLogical);
}

TEST_F(LogStreamTest, DatabasesWithoutAnEncodingGiveTheirBytes) {
  Sql("CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0");
  connection_ = Connect(server_->Conninfo("bytes"));
  access_.dsn = server_->Conninfo("bytes");
  Sql("SET client_encoding TO 'SQL_ASCII'; CREATE TABLE public.t (id int PRIMARY KEY, v text)");
  Publish("public.t");
  MakeSlot();
  const auto stream = OpenStream();
  ASSERT_NE(stream, nullptr);
  Sql("INSERT INTO public.t VALUES (1, E'\\xff')");
  EXPECT_EQ(EmitAndReadTo(*stream, "end").messages[2], "insert t ('1', '\xff')");
}

}  // namespace
}  // namespace mirror::log_stream_test
