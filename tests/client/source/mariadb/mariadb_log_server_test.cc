// What becomes of positions when the server, its binlog or its settings are not what they were.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/client/source/mariadb/mariadb_log_source.h"
#include "tests/client/source/mariadb/read_binlog.h"

namespace mirror::mariadb_log_server_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class MariadbLogServer : public MariadbOwnLogTest {
 protected:
  void Again() {
    ASSERT_THAT(server_->StartAgain(), IsOk());
    Connect();
  }
  /// All but a new file, when nobody reads.
  void Purge() {
    // The server keeps files that it is sending.
    std::int64_t streams = 1;
    for (int i = 0; i < 500 && streams > 0; ++i) {
      streams =
          connection_
              ->Number("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND = 'Binlog Dump'")
              .value_or(1);
      if (streams > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ASSERT_EQ(streams, 0);
    Sql("FLUSH BINARY LOGS");
    const absl::StatusOr<BinlogPlace> end = ReadBinlogEnd(*connection_);
    ASSERT_THAT(end, IsOk());
    // It also keeps those of which it may still have to recover a commit, for a moment.
    std::string first;
    for (int i = 0; i < 500 && first != end->file; ++i) {
      Sql(absl::StrCat("PURGE BINARY LOGS TO '", end->file, "'"));
      const auto files = ReadBinlogFiles(*connection_);
      ASSERT_THAT(files, IsOk());
      first = files->front().file;
      if (first != end->file) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ASSERT_EQ(first, end->file);
  }
  std::string CopyPath() const { return server_->folder() + "/copy"; }
  void Copy(const std::string& from, const std::string& to) {
    ASSERT_EQ(std::system(absl::StrCat("rm -rf ", to, " && cp -a ", from, " ", to).c_str()), 0);
  }
};

TEST_F(MariadbLogServer, AServerThatIsKilledGoesOn) {
  Start();
  Sql("UPDATE t SET a = 'before' WHERE id = 1");
  server_->Kill();
  EXPECT_FALSE(TryCycle().ok());
  Again();
  Sql("UPDATE t SET a = 'after' WHERE id = 2");
  CycleAndExpect("t", "changes");
}

TEST_F(MariadbLogServer, ABinlogThatWasPurgedIsCompared) {
  Start();
  Close();
  Sql("UPDATE t SET a = 'unseen' WHERE id = 1");
  Purge();
  Sql("UPDATE t SET a = 'seen' WHERE id = 2");
  CycleAndExpect("t", "compare");
  EXPECT_EQ(standing_["t"], Standing::kKnown);
  EXPECT_THAT(notes_, Contains(HasSubstr("purged")));
  Sql("UPDATE t SET a = 'more' WHERE id = 3");
  CycleAndExpect("t", "changes");
}

TEST_F(MariadbLogServer, ADamagedBinlogSaysTheWayOn) {
  Start();
  Close();
  Sql("UPDATE t SET a = 'to be damaged' WHERE id = 1");
  const absl::StatusOr<BinlogPlace> end = ReadBinlogEnd(*connection_);
  ASSERT_THAT(end, IsOk());
  const std::string path = server_->data() + "/" + end->file;
  std::stringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  // Of the row; before it the statement stands there.
  const std::size_t at = content.str().rfind("to be damaged");
  ASSERT_NE(at, std::string::npos);
  std::fstream(path, std::ios::binary | std::ios::in | std::ios::out).seekp(static_cast<long>(at)) << 'X';
  EXPECT_THAT(TryCycle(), StatusIs(absl::StatusCode::kDataLoss,
                                   AllOf(HasSubstr("cannot be read after binlog."), HasSubstr("checksum"),
                                         HasSubstr("PURGE BINARY LOGS TO"))));
  Close();
  Purge();
  CycleAndExpect("t", "compare");
  Sql("UPDATE t SET a = 'more' WHERE id = 3");
  CycleAndExpect("t", "changes");
}

TEST_F(MariadbLogServer, ABinlogThatEndsBeforeThePositionIsAheadAndPopulated) {
  Start();
  Sql("FLUSH BINARY LOGS", "UPDATE t SET a = 'b' WHERE id = 1");
  Cycle();
  Close();
  Sql("RESET MASTER", "UPDATE t SET a = 'c' WHERE id = 2");
  CycleAndExpect("t", "populate");
  EXPECT_EQ(standing_["t"], Standing::kAhead);
  Sql("UPDATE t SET a = 'd' WHERE id = 2");
  CycleAndExpect("t", "changes");
}

TEST_F(MariadbLogServer, AColdCopyThatWentAnotherWayIsAMissThoughGtidAndPlaceAreTheSame) {
  Start();
  Close();
  server_->Stop();
  Copy(server_->data(), CopyPath());
  Again();
  Sql("UPDATE t SET a = 'one' WHERE id = 1");
  const absl::StatusOr<BinlogPlace> one = ReadBinlogEnd(*connection_);
  CycleAndExpect("t", "changes");
  Close();
  server_->Stop();
  Copy(CopyPath(), server_->data());
  Again();
  Sql("UPDATE t SET a = 'two' WHERE id = 2");
  const absl::StatusOr<BinlogPlace> two = ReadBinlogEnd(*connection_);
  ASSERT_EQ(*one, *two);
  CycleAndExpect("t", "populate");
  EXPECT_EQ(standing_["t"], Standing::kMiss);
}

TEST_F(MariadbLogServer, AColdCopyThatWasPutBackIsAhead) {
  Start();
  Close();
  server_->Stop();
  Copy(server_->data(), CopyPath());
  Again();
  Sql("UPDATE t SET a = 'lost' WHERE id = 1");
  Cycle();
  Close();
  server_->Stop();
  Copy(CopyPath(), server_->data());
  Again();
  CycleAndExpect("t", "populate");
  EXPECT_EQ(standing_["t"], Standing::kAhead);
}

TEST_F(MariadbLogServer, SettingsUnderWhichChangesAreMissedAreRefusedInWords) {
  const std::vector<std::pair<std::string, std::string>> settings = {
      {"binlog_format = STATEMENT", "binlog_format = ROW"},
      {"binlog_format = MIXED", "binlog_format = ROW"},
      {"binlog_row_image = MINIMAL", "binlog_row_image = FULL"},
      {"binlog_row_image = NOBLOB", "binlog_row_image = FULL"},
      {"binlog_row_metadata = MINIMAL", "binlog_row_metadata = FULL"},
      {"binlog_row_metadata = NO_LOG", "binlog_row_metadata = FULL"}};
  EXPECT_THAT(MariadbLog::Check(access_, 4242), IsOkAndHolds(IsEmpty()));
  for (const auto& [wrong, right] : settings) {
    Sql("SET GLOBAL " + wrong);
    EXPECT_THAT(MariadbLog::Check(access_, 4242), IsOkAndHolds(ElementsAre(HasSubstr(right)))) << wrong;
    Sql("SET GLOBAL " + right);
  }
  EXPECT_THAT(MariadbLog::Check(access_, 1), IsOkAndHolds(ElementsAre(HasSubstr("the server's own"))));
  EXPECT_THAT(MariadbLog::Check(access_, 0), IsOkAndHolds(ElementsAre(HasSubstr("server_id"))));
}

TEST_F(MariadbLogServer, EachRightThatIsMissingIsNamed) {
  Sql("CREATE USER least", absl::StrCat("GRANT SELECT ON ", database_, ".* TO least"));
  access_.dsn = server_->Dsn(database_, "least");
  EXPECT_THAT(MariadbLog::Check(access_, 4242),
              IsOkAndHolds(ElementsAre(HasSubstr("REPLICATION SLAVE"), HasSubstr("BINLOG MONITOR"))));
  Sql("GRANT BINLOG MONITOR ON *.* TO least");
  EXPECT_THAT(MariadbLog::Check(access_, 4242), IsOkAndHolds(ElementsAre(HasSubstr("REPLICATION SLAVE"))));
  Sql("GRANT REPLICATION SLAVE ON *.* TO least");
  EXPECT_THAT(MariadbLog::Check(access_, 4242), IsOkAndHolds(IsEmpty()));
  // With these alone all of it works.
  Start();
  Sql("UPDATE t SET a = 'least' WHERE id = 1");
  CycleAndExpect("t", "changes");
}

TEST_F(MariadbLogServer, FiltersOfTheBinlogAreRefused) {
  server_->Stop();
  ASSERT_THAT(server_->StartAgain({"--binlog-ignore-db=other"}), IsOk());
  EXPECT_THAT(MariadbLog::Check(access_, 4242), IsOkAndHolds(ElementsAre(HasSubstr("binlog_ignore_db"))));
  server_->Stop();
  ASSERT_THAT(server_->StartAgain({"--skip-log-bin"}), IsOk());
  EXPECT_THAT(MariadbLog::Check(access_, 4242), IsOkAndHolds(ElementsAre(HasSubstr("log_bin"))));
}

TEST_F(MariadbLogServer, BinlogsWithoutChecksumsAreRead) {
  Sql("SET GLOBAL binlog_checksum = NONE");
  Start();
  Sql("UPDATE t SET a = 'b' WHERE id = 1");
  CycleAndExpect("t", "changes");
  // The stream goes on in a file of the other kind.
  Sql("SET GLOBAL binlog_checksum = CRC32", "UPDATE t SET a = 'c' WHERE id = 1");
  CycleAndExpect("t", "changes");
  Close();
  Sql("SET GLOBAL binlog_checksum = NONE", "UPDATE t SET a = 'd' WHERE id = 1");
  CycleAndExpect("t", "changes");
  // Of one without them it begins in the middle.
  Close();
  Sql("UPDATE t SET a = 'e' WHERE id = 1");
  CycleAndExpect("t", "changes");
}

TEST_F(MariadbLogServer, CompressedAndEncryptedBinlogsAreRead) {
  Sql("SET GLOBAL log_bin_compress = ON", "SET GLOBAL log_bin_compress_min_len = 10");
  Start();
  Sql("UPDATE t SET a = REPEAT('long ', 1000)");
  CycleAndExpect("t", "changes");
  Sql("ALTER TABLE t ADD b INT");
  CycleAndExpect("t", "compare");
}

TEST_F(MariadbLogServer, StreamsEndWhereTheyWereToldAndSayWhyTheyCannotBegin) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)");
  const absl::StatusOr<BinlogPlace> end = ReadBinlogEnd(*connection_);
  ASSERT_THAT(end, IsOk());
  const std::vector<KeptEvent> events = EventsFrom(*server_, {end->file, 4});
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back().after, *end);
  const auto begin = [&](const BinlogPlace& place) -> absl::Status {
    auto stream =
        BinlogStream::Open({.connect = {.dsn = access_.dsn}, .server_id = 88, .from = place, .to_end = true});
    if (!stream.ok()) return stream.status();
    for (;;) {
      const auto event = (*stream)->Next();
      if (!event.ok()) return event.status();
      if (!*event) return absl::OkStatus();
    }
  };
  EXPECT_THAT(begin(*end), IsOk());
  EXPECT_EQ(begin({end->file, end->offset + 1'000}).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(begin({"binlog.000099", 4}).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(begin({end->file, end->offset - 3}).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(begin({end->file, 1ULL << 33}).code(), absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace mirror::mariadb_log_server_test
