// A table that is dropped and made anew after a look of the agent has another identity in the next look.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/mariadb/connection.h"
#include "client/run/open_source.h"
#include "client/source/server/server_reader.h"
#include "tests/client/source/source_database.h"
#include "tests/support/mariadb/mariadb_server.h"
#include "tests/support/odbc/odbc_driver.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::made_anew_test {
namespace {

constexpr char kMake[] = "CREATE TABLE t (id INTEGER PRIMARY KEY)";

struct SettlesCase {
  std::string name;
  std::int64_t created_s, clock_ms, want_ms;
};

class SettlesInTest : public testing::TestWithParam<SettlesCase> {};

TEST_P(SettlesInTest, IsTheRestOfTheSecondAndATick) {
  EXPECT_EQ(SettlesIn(GetParam().created_s, GetParam().clock_ms), GetParam().want_ms);
}

INSTANTIATE_TEST_SUITE_P(
    All, SettlesInTest,
    testing::Values(SettlesCase{"MadeNow", 100, 100'000, 1'050},
                    SettlesCase{"LateInItsSecond", 100, 100'999, 51},
                    SettlesCase{"JustBehindIt", 100, 101'049, 1}, SettlesCase{"Settled", 100, 101'050, 0},
                    SettlesCase{"Old", 100, 500'000, 0}, SettlesCase{"OfAClockThatIsAhead", 101, 100'999, 0},
                    SettlesCase{"NotKnown", 0, 100, 0}, SettlesCase{"WithoutAClock", 100, 0, 0},
                    SettlesCase{"OfAnotherKind", INT64_MAX, 0, 0}),
    [](const auto& test) { return test.param.name; });

TEST(ReadSettledTest, TablesThatAreMadeAllTheTimeKeepItForThreeReadings) {
  int readings = 0;
  const auto tables = ReadSettled(
      [&](std::int64_t* clock_ms) -> absl::StatusOr<std::vector<std::int64_t>> {
        *clock_ms = 1'049 + 1'000 * ++readings;
        return std::vector<std::int64_t>{0, readings};
      },
      [](std::int64_t created) { return created; });
  EXPECT_THAT(tables, IsOkAndHolds(testing::ElementsAre(0, 3)));
}

std::uint64_t IdentityIn(const SourceConfig& source) {
  const auto schema = OpenSource(source, {})->Schema();
  EXPECT_THAT(schema, IsOk());
  if (!schema.ok() || schema->tables.size() != 1) return 0;
  EXPECT_NE(schema->tables[0].identity, 0U);
  return schema->tables[0].identity;
}

class MadeAnewInMariadbTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_MARIADB();
    server_ = MariadbServer::Shared();
    ASSERT_NE(server_, nullptr);
    database_ = server_->NewDatabase();
    auto opened = mariadb::Connection::Open({.dsn = server_->Dsn(database_)});
    ASSERT_THAT(opened, IsOk());
    connection_ = *std::move(opened);
  }
  void Sql(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }
  /// A user who may read the database and has no other right.
  std::string Reader() {
    Sql("CREATE OR REPLACE USER made_anew@localhost");
    Sql(absl::StrCat("GRANT SELECT ON ", database_, ".* TO made_anew@localhost"));
    return "made_anew";
  }
  /// Returns in the first tenth of a second, so that all of what follows can be of that second.
  void AwaitSecond() {
    absl::StatusOr<std::int64_t> part = 999'999;
    while (part.ok() && *part > 100'000)
      part = connection_->Number("SELECT MICROSECOND(SYSDATE(6))", "asking for the time");
    ASSERT_THAT(part, IsOk());
  }
  void ExpectAnother(const SourceConfig& source) {
    AwaitSecond();
    Sql(kMake);
    const std::uint64_t before = IdentityIn(source);
    Sql("INSERT INTO t VALUES (1)");
    Sql("TRUNCATE t");
    EXPECT_EQ(IdentityIn(source), before);
    AwaitSecond();
    Sql("ALTER TABLE t COMMENT = 'of the second'");
    const std::uint64_t altered = IdentityIn(source);
    Sql("DROP TABLE t");
    Sql(kMake);
    EXPECT_NE(IdentityIn(source), altered);
    Sql("DROP TABLE t");
  }

  MariadbServer* server_ = nullptr;
  std::string database_;
  std::unique_ptr<mariadb::Connection> connection_;
};

TEST_F(MadeAnewInMariadbTest, ATableHasAnotherIdentityAlsoWithinASecond) {
  for (const std::string& user : {std::string("root"), Reader()}) {
    SCOPED_TRACE(user);
    SourceConfig source;
    source.kind = SourceKind::kMariadb;
    source.server.dsn = server_->Dsn(database_, user);
    ExpectAnother(source);
  }
}

TEST_F(MadeAnewInMariadbTest, ByOdbcToo) {
  SKIP_WITHOUT_ODBC(MariadbOdbcDriver());
  SourceConfig source;
  source.kind = SourceKind::kOdbc;
  source.server.schema = "";
  source.server.dsn = absl::StrCat("DRIVER=", MariadbOdbcDriver(), ";SOCKET=", server_->socket(),
                                   ";UID=", Reader(), ";DATABASE=", database_);
  ExpectAnother(source);
}

/// It gets the place of the one before it, in the schema and in the file.
TEST(MadeAnewInSqliteTest, ByOdbcATableHasAnotherIdentity) {
  SKIP_WITHOUT_ODBC(SqliteOdbcDriver());
  const TempFolder folder;
  const std::string path = folder / "source.db";
  SourceConfig source;
  source.kind = SourceKind::kOdbc;
  source.server.schema = "";
  source.server.dsn = absl::StrCat("DRIVER=", SqliteOdbcDriver(), ";DATABASE=", path);
  Sql(path, kMake);
  const std::uint64_t before = IdentityIn(source);
  Sql(path, "INSERT INTO t VALUES (1)");
  EXPECT_EQ(IdentityIn(source), before);
  Sql(path, absl::StrCat("DROP TABLE t; ", kMake));
  EXPECT_NE(IdentityIn(source), before);
}

}  // namespace
}  // namespace mirror::made_anew_test
