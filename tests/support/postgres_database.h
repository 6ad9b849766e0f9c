#ifndef MIRROR_TESTS_SUPPORT_POSTGRES_DATABASE_H_
#define MIRROR_TESTS_SUPPORT_POSTGRES_DATABASE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/target.h"
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

  /// Lets nobody into a database any more, and ends who is there.
  void Shut(const std::string& conninfo) {
    const std::string name = NameOf(conninfo);
    const auto other = Connect(server_->Conninfo("postgres"));
    ASSERT_THAT(other->Execute(absl::StrCat("ALTER DATABASE \"", name, "\" ALLOW_CONNECTIONS false")),
                IsOk());
    const auto ended = other->Query(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", {name});
    ASSERT_THAT(ended.status(), IsOk());
  }
  /// One that was shut, again.
  void LetIn(const std::string& conninfo) {
    ASSERT_THAT(
        Connect(server_->Conninfo("postgres"))
            ->Execute(absl::StrCat("ALTER DATABASE \"", NameOf(conninfo), "\" ALLOW_CONNECTIONS true")),
        IsOk());
  }

  PostgresServer* server_ = nullptr;
  std::string conninfo_;
  std::unique_ptr<postgres::Connection> connection_;

 private:
  static std::string NameOf(const std::string& conninfo) {
    const auto parameters = postgres::ReadConninfo(conninfo);
    EXPECT_THAT(parameters.status(), IsOk());
    return *postgres::FindParameter(*parameters, "dbname");
  }
  static absl::StatusOr<std::unique_ptr<postgres::Connection>> Open(const std::string& conninfo) {
    return postgres::Connection::Open({.conninfo = conninfo, .application_name = "mirror-test"});
  }
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_POSTGRES_DATABASE_H_
