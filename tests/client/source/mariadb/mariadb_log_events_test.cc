// Bytes that are no events, and words of statements.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "client/source/mariadb/binlog_event.h"
#include "client/source/mariadb/statement_words.h"
#include "client/source/mariadb/value_text.h"
#include "tests/client/source/mariadb/read_binlog.h"

namespace mirror::mariadb_log_events_test {
namespace {

/// All that is read of an event, whatever it holds.
void ReadAllOf(const binlog::Event& event) {
  (void)binlog::ReadFormatDescription(event);
  (void)binlog::ReadRotate(event);
  (void)binlog::ReadGtid(event);
  (void)binlog::ReadGtidList(event);
  binlog::Query query;
  if (binlog::ReadQuery(event, &query).ok()) StatementWords(query.sql).IsDefinition();
  (void)binlog::ReadTableMap(event);
  binlog::RowsEvent rows;
  (void)binlog::ReadRows(event, &rows);
}

/// Rows by a map that may not be theirs.
void ReadRowsBy(const binlog::TableMap& map, const binlog::Event& event) {
  binlog::RowsEvent rows;
  if (!binlog::ReadRows(event, &rows).ok()) return;
  const binlog::RowSlicer slicer(map);
  binlog::Bytes bytes(rows.rows);
  std::vector<binlog::RowField> fields;
  std::string text;
  for (int row = 0; row < 1'000 && !bytes.empty() && slicer.Next(&bytes, rows.image, &fields); ++row) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      for (const binlog::StringUse use :
           {binlog::StringUse::kPlain, binlog::StringUse::kUuid, binlog::StringUse::kInet6})
        (void)binlog::RowText(map.columns[i], binlog::Charset::kLatin1, use).Write(fields[i].bytes, &text);
    }
  }
}

TEST(MariadbLogEvents, DamagedBytesAreNoEventsAndHarmNothing) {
  SKIP_WITHOUT_MARIADB();
  MariadbServer* const server = MariadbServer::SharedWithBinlog();
  ASSERT_NE(server, nullptr);
  const auto connection = Connected(*server, server->NewDatabase());
  const auto begin = ReadBinlogEnd(*connection);
  ASSERT_TRUE(begin.ok());
  Do(*connection,
     {"CREATE TABLE h (id INT PRIMARY KEY, a VARCHAR(300), b BLOB, c DECIMAL(20,5), d ENUM('x','y'), e "
      "SET('p','q'), f TIME(3), g DATETIME(6), h TIMESTAMP(2) NULL, i BIT(12), j BINARY(9), k UUID, l INET6)",
      "INSERT INTO h VALUES (1, 'a', 'b', 1.5, 'x', 'p,q', '1:2:3.4', NOW(6), NOW(), 5, 'j', UUID(), '::1')",
      "UPDATE h SET a = REPEAT('z', 200)", "DELETE FROM h", "SET GLOBAL log_bin_compress = ON",
      "INSERT INTO h (id, b) VALUES (2, REPEAT('q', 5000))", "SET GLOBAL log_bin_compress = OFF"});
  const std::vector<KeptEvent> events = EventsFrom(*server, *begin);
  binlog::TableMap map;
  const char* const set = std::getenv("MIRROR_TEST_SEED");
  const std::uint64_t seed = set != nullptr ? std::strtoull(set, nullptr, 10) : std::random_device{}();
  std::cout << "MIRROR_TEST_SEED=" << seed << "\n";
  std::mt19937_64 random(seed);
  for (const KeptEvent& kept : events) {
    if (kept.event.type == binlog::EventType::kTableMap) map = *binlog::ReadTableMap(kept.event);
    for (int round = 0; round < 300; ++round) {
      std::string body = kept.body;
      if (random() % 3 == 0 && !body.empty()) body.resize(random() % body.size());
      for (std::uint64_t i = random() % 4 + 1; i > 0 && !body.empty(); --i)
        body[random() % body.size()] = static_cast<char>(random() % 3 == 0 ? 0xff : random());
      binlog::Event event = kept.event;
      event.body = body;
      ReadAllOf(event);
      if (!map.columns.empty()) ReadRowsBy(map, event);
      if (event.type != binlog::EventType::kTableMap) continue;
      const auto damaged = binlog::ReadTableMap(event);
      if (!damaged.ok()) continue;
      for (const KeptEvent& other : events) {
        if (binlog::IsRows(other.event.type)) ReadRowsBy(*damaged, other.event);
      }
    }
  }
}

TEST(MariadbLogEvents, AChecksumThatIsWrongIsDamage) {
  std::string data(19, '\0');
  data[4] = 16;
  data += std::string(8, 'x');
  data[9] = static_cast<char>(data.size() + 4);
  data[13] = 1;
  const auto crc = static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(data.data()), static_cast<uInt>(data.size())));
  for (int i = 0; i < 4; ++i) data.push_back(static_cast<char>(crc >> 8 * i));
  EXPECT_TRUE(binlog::ReadEvent(data, true).ok());
  data[20] = 'y';
  const auto damaged = binlog::ReadEvent(data, true);
  EXPECT_EQ(damaged.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(damaged.status().message()), testing::HasSubstr("checksum"));
  EXPECT_EQ(binlog::ReadEvent(data.substr(0, 10), false).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(binlog::ReadEvent(data + "z", false).status().code(), absl::StatusCode::kDataLoss);
}

TEST(MariadbLogEvents, CompressedBytesThatClaimTooMuchAreRefused) {
  std::string plain;
  EXPECT_FALSE(binlog::Inflate(std::string("\x84\x7f\xff\xff\xffxx", 7), &plain).ok());
  EXPECT_FALSE(binlog::Inflate("", &plain).ok());
  EXPECT_FALSE(binlog::Inflate(std::string("\x90\x01x", 3), &plain).ok());
}

TEST(MariadbLogEvents, StatementsNameTablesInWhateverCaseAndQuotes) {
  EXPECT_TRUE(StatementWords("ALTER TABLE Contact ADD x INT").Names("contact"));
  EXPECT_TRUE(StatementWords("ALTER TABLE `a``b` ADD x INT").Names("a`b"));
  EXPECT_TRUE(StatementWords("/*!40000 ALTER TABLE contact */").Names("contact"));
  EXPECT_TRUE(StatementWords("rename table x to \"my table\"").Names("my table"));
  EXPECT_TRUE(StatementWords("ALTER TABLE STRASSE\xc3\x9f ADD x INT")
                  .Names("\xc3\x9c"
                         "bung"));
  EXPECT_FALSE(StatementWords("ALTER TABLE contacts ADD x INT").Names("contact"));
  EXPECT_TRUE(StatementWords("ANALYZE TABLE t").IsHarmless());
  EXPECT_FALSE(StatementWords("ANALYZE UPDATE t SET a = 1").IsHarmless());
  EXPECT_FALSE(StatementWords("/* GRANT */ ALTER TABLE t").IsHarmless());
}

TEST(MariadbLogEvents, AStatementThatMayCallAFunctionIsNeitherHarmlessNorADefinition) {
  for (const char* const sql : {"CREATE TEMPORARY TABLE x AS SELECT f()",
                                "CREATE TEMPORARY TABLE x (a int) VALUES (f())",
                                "CREATE TEMPORARY TABLE x WITH c AS (SELECT f()) SELECT * FROM c",
                                "CREATE OR REPLACE TEMPORARY TABLE x SELECT f()",
                                "CREATE TABLE x AS SELECT f()",
                                "create /* a view */ table x select f()",
                                "/* app */ CREATE TABLE IF NOT EXISTS x SELECT f()",
                                "-- a view\nCREATE TABLE x SELECT f()",
                                "/*!50000 CREATE TABLE x SELECT f() */",
                                "SELECT f()",
                                "DO f()",
                                "UPDATE v SET a = 1",
                                "INSERT INTO other VALUES (1)",
                                "ANALYZE UPDATE v SET a = 1",
                                "SET STATEMENT max_statement_time = 1 FOR CREATE TABLE x SELECT f()",
                                "CALL p()",
                                "BEGIN NOT ATOMIC SELECT f(); END",
                                "/* DROP */ DELETE FROM v",
                                "",
                                "/*",
                                "/* ALTER TABLE x"}) {
    EXPECT_FALSE(StatementWords(sql).IsHarmless()) << sql;
    EXPECT_FALSE(StatementWords(sql).IsDefinition()) << sql;
  }
  for (const char* const sql :
       {"CREATE TEMPORARY TABLE x LIKE t", "CREATE TEMPORARY TABLE x (a int)",
        "CREATE TABLE p (a int) PARTITION BY RANGE (a) (PARTITION q VALUES LESS THAN (3))",
        "CREATE TABLE p (a int) PARTITION BY LIST (a) (PARTITION q VALUES IN (3))",
        "CREATE TABLE p (name varchar(50) PRIMARY KEY, `value` text, `values` int, KEY (value))",
        "CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW `v` AS SELECT * "
        "FROM t",
        "CREATE OR REPLACE VIEW v AS SELECT f()",
        "CREATE DEFINER=`root`@`%` TRIGGER g BEFORE INSERT ON o FOR "
        "EACH ROW SELECT f() INTO @a",
        "CREATE /*!50003 DEFINER=`r`@`%` */ FUNCTION f() RETURNS int RETURN (SELECT 1)",
        "/* app */ ALTER TABLE t ADD c int", "# app\n DROP TABLE t", "/*!40000 ALTER TABLE t DISABLE KEYS */",
        "/*M!100100 DROP TABLE t */", "RENAME TABLE a TO b", "SET PASSWORD FOR 'a'@'b' = ''",
        "DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `x`", "ANALYZE TABLE t"}) {
    EXPECT_TRUE(StatementWords(sql).IsDefinition()) << sql;
  }
}

TEST(MariadbLogEvents, OnlyAPlainTruncateIsTakenForOne) {
  EXPECT_EQ(StatementWords("TRUNCATE TABLE t").Truncates("d", "d"), "t");
  EXPECT_EQ(StatementWords("truncate `t`").Truncates("d", "d"), "t");
  EXPECT_EQ(StatementWords("TRUNCATE `d`.`t`").Truncates("other", "d"), "t");
  EXPECT_EQ(StatementWords("TRUNCATE t").Truncates("other", "d"), std::nullopt);
  EXPECT_EQ(StatementWords("TRUNCATE TABLE e.t").Truncates("d", "d"), std::nullopt);
  EXPECT_EQ(StatementWords("TRUNCATE TABLE t NOWAIT").Truncates("d", "d"), std::nullopt);
  EXPECT_EQ(StatementWords("TRUNCATE TABLE t /*x*/").Truncates("d", "d"), std::nullopt);
  EXPECT_EQ(StatementWords("TRUNCATE `d.t`").Truncates("d", "d"), std::nullopt);
  EXPECT_EQ(StatementWords("TRUNCATE `table t`").Truncates("d", "d"), std::nullopt);
}

TEST(MariadbLogEvents, PositionsAreWhatTheirTextsSay) {
  const BinlogPosition position{{"binlog.000003", 300}, {"binlog.000004", 1'234}, {{0, 1, 5}, {2, 7, 9}}, 42};
  EXPECT_EQ(ParseBinlogPosition(ToString(position)), position);
  const BinlogPosition none{{"b.000003", 4}, {"b.000003", 4}, {}};
  EXPECT_EQ(ParseBinlogPosition(ToString(none)), none);
  for (const char* const text : {"", "x", "a:1 b:2", "a:1 b:x 0-1-2 1", "a:1 b:2 0-1 1", ":1 b:2  1",
                                 "a:1 b:2 0-1-2", "a:1 b:2 0-1-2 x"})
    EXPECT_EQ(ParseBinlogPosition(text), std::nullopt) << text;
  EXPECT_TRUE(IsBefore({"b.999999", 9}, {"b.1000000", 4}));
}

}  // namespace
}  // namespace mirror::mariadb_log_events_test
