// What revokes the rights that the agent's user keeps in a server.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/db/mariadb/connection.h"
#include "base/db/postgres/connection.h"
#include "client/run/log_kinds.h"
#include "tests/support/mariadb/mariadb_server.h"
#include "tests/support/postgres_server.h"
#include "tests/support/status_matchers.h"

namespace mirror::kept_rights_test {
namespace {

TEST(KeptRightsTest, OfPostgresEachStatementRunsAndTakesWhatWasGranted) {
  SKIP_WITHOUT_POSTGRES();
  PostgresServer* const server = PostgresServer::Shared();
  ASSERT_NE(server, nullptr);
  const std::string conninfo = server->NewDatabase();
  const auto connection = postgres::Connection::Open(
      {.conninfo = conninfo, .settings = {{"default_transaction_read_only", "off"}}});
  ASSERT_THAT(connection, IsOk());
  const auto sql = [&](const std::string& statements) {
    ASSERT_THAT((*connection)->Execute(statements), IsOk()) << statements;
  };
  sql("DROP ROLE IF EXISTS \"Kept role\"; CREATE ROLE \"Kept role\" LOGIN REPLICATION;"
      "CREATE TABLE public.t (id serial PRIMARY KEY);"
      "GRANT USAGE ON SCHEMA public TO \"Kept role\"; GRANT SELECT ON public.t TO \"Kept role\";"
      "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO \"Kept role\"");
  SourceConfig source;
  source.kind = SourceKind::kPostgres;
  source.server.schema = "public";
  source.server.dsn = absl::StrCat(conninfo, " user='Kept role'");
  const auto revoke = RevokeInPostgres(source);
  ASSERT_THAT(revoke, IsOk());
  EXPECT_EQ(*revoke,
            "ALTER DEFAULT PRIVILEGES IN SCHEMA \"public\" REVOKE ALL ON TABLES FROM \"Kept role\"; "
            "REVOKE ALL ON ALL TABLES IN SCHEMA \"public\" FROM \"Kept role\"; "
            "REVOKE ALL ON SCHEMA \"public\" FROM \"Kept role\"; ALTER ROLE \"Kept role\" NOREPLICATION");
  sql(*revoke);
  EXPECT_THAT(RevokeInPostgres(source), IsOkAndHolds(std::string()));
  sql("DROP ROLE \"Kept role\"");
  source.server.dsn = conninfo;
  EXPECT_THAT(RevokeInPostgres(source), IsOkAndHolds(std::string())) << "a superuser";
  source.server.dsn = "host=/nowhere dbname=none";
  EXPECT_THAT(RevokeInPostgres(source), IsOkAndHolds(std::string())) << "nobody answers";
}

TEST(KeptRightsTest, OfMariadbEachStatementRunsAndTakesWhatWasGranted) {
  SKIP_WITHOUT_MARIADB();
  MariadbServer* const server = MariadbServer::Shared();
  ASSERT_NE(server, nullptr);
  const std::string database = server->NewDatabase();
  const auto connection = mariadb::Connection::Open({.dsn = server->Dsn(database)});
  ASSERT_THAT(connection, IsOk());
  const auto sql = [&](const std::string& statement) {
    ASSERT_THAT((*connection)->Execute(statement), IsOk()) << statement;
  };
  sql("CREATE OR REPLACE USER kept@localhost");
  sql("CREATE TABLE t (id INT PRIMARY KEY)");
  sql("GRANT SELECT ON `" + database + "`.* TO kept@localhost");
  sql("GRANT INSERT, UPDATE ON `" + database + "`.t TO kept@localhost");
  sql("GRANT REPLICATION SLAVE ON *.* TO kept@localhost");
  SourceConfig source;
  source.kind = SourceKind::kMariadb;
  source.server.dsn = server->Dsn(database, "kept");
  const auto revoke = RevokeInMariadb(source);
  ASSERT_THAT(revoke, IsOk());
  EXPECT_EQ(*revoke,
            absl::StrCat("REVOKE REPLICATION SLAVE ON *.* FROM 'kept'@'localhost'; REVOKE SELECT ON `",
                         database, "`.* FROM 'kept'@'localhost'; REVOKE INSERT, UPDATE ON `", database,
                         "`.`t` FROM 'kept'@'localhost'"));
  for (const auto statement : absl::StrSplit(*revoke, "; ")) sql(std::string(statement));
  // It may not use the database any more.
  EXPECT_THAT(RevokeInMariadb(source), IsOkAndHolds(std::string()));
  sql("DROP USER kept@localhost");
  source.server.dsn = server->Dsn(database, "root");
  EXPECT_THAT(RevokeInMariadb(source), IsOkAndHolds(std::string())) << "a superuser";
}

}  // namespace
}  // namespace mirror::kept_rights_test
