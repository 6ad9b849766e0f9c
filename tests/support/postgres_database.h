#ifndef MIRROR_TESTS_SUPPORT_POSTGRES_DATABASE_H_
#define MIRROR_TESTS_SUPPORT_POSTGRES_DATABASE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "base/db/postgres/connection.h"
#include "tests/support/postgres_server.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// A test with an empty database of its own and a connection to it; left out where PostgreSQL is not
/// installed.
class PostgresDatabaseTest : public testing::Test {
 protected:
  void SetUp() final {
    SKIP_WITHOUT_POSTGRES();
    server_ = PostgresServer::Shared();
    ASSERT_NE(server_, nullptr);
    conninfo_ = server_->NewDatabase();
    auto opened = Open(conninfo_);
    ASSERT_THAT(opened, IsOk());
    connection_ = *std::move(opened);
    Fill();
  }
  /// What the database has before each test.
  virtual void Fill() {}

  static std::unique_ptr<postgres::Connection> Connect(const std::string& conninfo) {
    auto opened = Open(conninfo);
    EXPECT_THAT(opened, IsOk());
    return *std::move(opened);
  }

  PostgresServer* server_ = nullptr;
  std::string conninfo_;
  std::unique_ptr<postgres::Connection> connection_;

 private:
  static absl::StatusOr<std::unique_ptr<postgres::Connection>> Open(const std::string& conninfo) {
    return postgres::Connection::Open({.conninfo = conninfo, .application_name = "mirror-test"});
  }
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_POSTGRES_DATABASE_H_
