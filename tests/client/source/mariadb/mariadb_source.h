#ifndef MIRROR_TESTS_CLIENT_SOURCE_MARIADB_MARIADB_SOURCE_H_
#define MIRROR_TESTS_CLIENT_SOURCE_MARIADB_MARIADB_SOURCE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/mariadb/connection.h"
#include "client/source/mariadb/mariadb_reader.h"
#include "tests/client/source/reader_test.h"
#include "tests/support/mariadb/mariadb_server.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// A test with an empty database of its own and a connection to it; left out where MariaDB is not installed.
class MariadbDatabaseTest : public testing::Test {
 protected:
  void SetUp() final {
    SKIP_WITHOUT_MARIADB();
    server_ = MariadbServer::Shared();
    ASSERT_NE(server_, nullptr);
    database_ = server_->NewDatabase();
    connection_ = Connect(server_->Dsn(database_));
    ASSERT_NE(connection_, nullptr);
    Fill();
  }
  /// What the database has before each test.
  virtual void Fill() {}

  static std::unique_ptr<mariadb::Connection> Connect(const std::string& dsn) {
    auto opened = mariadb::Connection::Open({.dsn = dsn});
    EXPECT_THAT(opened, IsOk());
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  void Sql(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }
  template <typename... More>
  void Sql(const std::string& sql, const More&... more) {
    Sql(sql);
    (Sql(more), ...);
  }
  std::string Text(const std::string& sql) {
    const auto rows = connection_->Query(sql);
    EXPECT_THAT(rows, IsOk()) << sql;
    return rows.ok() && rows->rows() > 0 ? rows->Text(0, 0) : "";
  }

  MariadbServer* server_ = nullptr;
  std::string database_;
  std::unique_ptr<mariadb::Connection> connection_;
};

/// A database of an application, and a reader of it as a source.
class MariadbSourceTest : public ReaderTest<MariadbDatabaseTest> {
 protected:
  void Fill() override {
    options_.access.dsn = server_->Dsn(database_);
    Open();
  }
  /// By a user with these rights alone.
  void OpenAs(const std::string& user, const std::string& grant) {
    // Users are of the whole server.
    Sql("CREATE OR REPLACE USER " + user + "@localhost");
    if (!grant.empty()) Sql(absl::StrCat("GRANT ", grant, " TO ", user, "@localhost"));
    options_.access.dsn = server_->Dsn(database_, user);
    Open();
  }
  void Open() { reader_ = OpenMariadbReader(options_); }
  void Remember(const std::string& table, const std::string& record) override {
    options_.records[table] = record;
  }

  MariadbReaderOptions options_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_MARIADB_MARIADB_SOURCE_H_
