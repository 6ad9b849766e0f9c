// Whose a binlog is, and what of it waits.

#include "client/source/mariadb/binlog_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/source/mariadb/mariadb_log_source.h"

namespace mirror::binlog_server_test {
namespace {

using testing::Optional;

TEST(BinlogServerTest, AServerIsToldByItsNumberAndByWhatItHas) {
  const BinlogPosition read{{"b.000001", 4}, {"b.000001", 900}, {{0, 1, 50}, {3, 1, 7}}, 1};
  const auto of = [&](std::uint32_t id, std::vector<binlog::Gtid> has) {
    return DescentOf({.id = id, .at = {}, .has = std::move(has)}, read);
  };
  EXPECT_EQ(of(1, {}), BinlogDescent::kSame) << "restored or not, the groups say";
  EXPECT_EQ(of(2, {{0, 1, 50}, {0, 2, 60}, {3, 1, 7}}), BinlogDescent::kFollows);
  EXPECT_EQ(of(2, {{0, 1, 51}, {3, 1, 8}}), BinlogDescent::kFollows);
  EXPECT_EQ(of(2, {{0, 1, 49}, {0, 2, 60}, {3, 1, 7}}), BinlogDescent::kBehind);
  EXPECT_EQ(of(2, {{0, 1, 49}, {3, 1, 7}, {0, 1, 50}}), BinlogDescent::kFollows)
      << "a copy, and its own binlog";
  EXPECT_EQ(of(2, {{0, 2, 60}, {3, 1, 7}}), BinlogDescent::kBehind) << "it has something of it";
  EXPECT_EQ(of(2, {{0, 2, 60}, {3, 2, 7}}), BinlogDescent::kOther);
  EXPECT_EQ(of(2, {}), BinlogDescent::kOther);
  BinlogPosition empty = read;
  empty.gtids.clear();
  EXPECT_EQ(DescentOf({.id = 2, .at = {}, .has = {}}, empty), BinlogDescent::kBehind) << "that is safe";
  empty.server = 0;
  EXPECT_EQ(DescentOf({.id = 2, .at = {}, .has = {}}, empty), BinlogDescent::kSame);
}

TEST(BinlogServerTest, WhatIsBehindAPlaceIsCountedOverFiles) {
  const std::vector<BinlogPlace> files = {{"b.000008", 500}, {"b.000009", 1'000}, {"b.000010", 300}};
  EXPECT_EQ(BytesBehind(files, {"b.000010", 300}), 0);
  EXPECT_EQ(BytesBehind(files, {"b.000010", 100}), 200);
  EXPECT_EQ(BytesBehind(files, {"b.000008", 400}), 100 + 1'000 + 300);
  EXPECT_EQ(BytesBehind(files, {"b.000007", 9'000}), 1'800) << "of what is there still";
}

class MariadbFiguresTest : public MariadbLogTest {};

TEST_F(MariadbFiguresTest, SayWhatIsStagedAndUntilWhenTheRestIsKept) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)", "INSERT INTO t VALUES (1, 1), (2, 2)");
  Cycle();
  Sql("UPDATE t SET v = 3", "SET GLOBAL binlog_expire_logs_seconds = 86400");
  Cycle();
  LogFigures figures = log_->Figures();
  EXPECT_EQ(figures.lag, 0);
  EXPECT_THAT(figures.stage_rows, Optional(2));
  EXPECT_GT(figures.stage_bytes.value_or(0), 0);
  EXPECT_GE(figures.decoded.value_or(0), 2);
  EXPECT_EQ(figures.until_purged, 86'400.0) << "the file that is written to stays";
  EXPECT_FALSE(figures.retained || figures.safe || figures.unconfirmed || figures.snapshot_wait);
  Sql("SET GLOBAL binlog_expire_logs_seconds = 0");
  EXPECT_EQ(log_->Figures().until_purged, std::nullopt);
  const BinlogPlace before{"binlog.000001", 4}, last{"binlog.000002", 4};
  Sql("SET GLOBAL binlog_expire_logs_seconds = 3600");
  EXPECT_THAT(SecondsToPurge(*connection_, before, 10'000, last, 11'000), IsOkAndHolds(Optional(2'600.0)));
  EXPECT_THAT(SecondsToPurge(*connection_, before, 10'000, last, 20'000), IsOkAndHolds(Optional(0.0)));
  Sql("SET GLOBAL binlog_expire_logs_seconds = 0");
}

}  // namespace
}  // namespace mirror::binlog_server_test
