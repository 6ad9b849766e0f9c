#ifndef MIRROR_TESTS_CLIENT_SOURCE_SERVER_SOURCE_H_
#define MIRROR_TESTS_CLIENT_SOURCE_SERVER_SOURCE_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/db/mariadb/connection.h"
#include "base/db/postgres/connection.h"
#include "client/source/mariadb/mariadb_reader.h"
#include "client/source/postgres/postgres_reader.h"
#include "tests/client/source/reader_test.h"
#include "tests/support/mariadb/mariadb_server.h"
#include "tests/support/postgres_server.h"
#include "tests/support/status_matchers.h"

namespace mirror {

enum class ServerUnderTest : std::uint8_t { kPostgres, kMariadb };

/// A test with an empty database of its own in a server of each kind; left out where that is not installed.
class ServerDatabaseTest : public testing::TestWithParam<ServerUnderTest> {
 protected:
  /// A session that runs one statement after the other.
  using Session = std::function<absl::Status(const std::string& sql)>;

  void SetUp() final {
    if (GetParam() == ServerUnderTest::kPostgres) {
      SKIP_WITHOUT_POSTGRES();
      PostgresServer* const server = PostgresServer::Shared();
      ASSERT_NE(server, nullptr);
      dsn_ = server->NewDatabase();
    } else {
      SKIP_WITHOUT_MARIADB();
      MariadbServer* const server = MariadbServer::Shared();
      ASSERT_NE(server, nullptr);
      dsn_ = server->Dsn(server->NewDatabase());
    }
    session_ = NewSession();
    ASSERT_TRUE(session_);
    Fill();
  }
  /// What the database has before each test.
  virtual void Fill() {}

  Session NewSession() const {
    return GetParam() == ServerUnderTest::kPostgres ? PostgresSession(dsn_) : MariadbSession(dsn_);
  }
  template <typename... Statements>
  void Sql(const Statements&... statements) {
    const auto run = [this](const std::string& sql) { ASSERT_THAT(session_(sql), IsOk()) << sql; };
    (run(statements), ...);
  }
  /// Behind FROM: the numbers from 1 to `last`, called seq.
  static std::string Numbers(int last) {
    return GetParam() == ServerUnderTest::kPostgres ? absl::StrCat("generate_series(1, ", last, ") AS s(seq)")
                                                    : absl::StrCat("seq_1_to_", last);
  }

  std::string dsn_;

 private:
  static Session PostgresSession(const std::string& dsn) {
    auto opened = postgres::Connection::Open({.conninfo = dsn, .application_name = "mirror-test"});
    EXPECT_THAT(opened, IsOk());
    if (!opened.ok()) return nullptr;
    const std::shared_ptr<postgres::Connection> connection = *std::move(opened);
    EXPECT_THAT(connection->Execute("SET search_path TO public, pg_catalog; "
                                    "SET default_transaction_read_only TO off"),
                IsOk());
    return [connection](const std::string& sql) { return connection->Execute(sql); };
  }
  static Session MariadbSession(const std::string& dsn) {
    auto opened = mariadb::Connection::Open({.dsn = dsn});
    EXPECT_THAT(opened, IsOk());
    if (!opened.ok()) return nullptr;
    const std::shared_ptr<mariadb::Connection> connection = *std::move(opened);
    return [connection](const std::string& sql) { return connection->Execute(sql); };
  }

  Session session_;
};

/// A database of an application in a server of each kind, and a reader of it as a source.
class ServerSourceTest : public ReaderTest<ServerDatabaseTest> {
 protected:
  void Fill() override { Open(); }
  void Open() {
    if (GetParam() == ServerUnderTest::kPostgres) {
      PostgresReaderOptions options{options_};
      options.access.dsn = dsn_;
      reader_ = OpenPostgresReader(options);
    } else {
      MariadbReaderOptions options{options_};
      options.access.dsn = dsn_;
      reader_ = OpenMariadbReader(options);
    }
  }
  void Remember(const std::string& table, const std::string& record) override {
    options_.records[table] = record;
  }

  ServerReaderOptions options_;
};

inline std::string NameOfServer(const testing::TestParamInfo<ServerUnderTest>& test) {
  return test.param == ServerUnderTest::kPostgres ? "Postgres" : "Mariadb";
}

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_SERVER_SOURCE_H_
