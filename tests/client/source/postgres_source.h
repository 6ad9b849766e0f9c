#ifndef MIRROR_TESTS_CLIENT_SOURCE_POSTGRES_SOURCE_H_
#define MIRROR_TESTS_CLIENT_SOURCE_POSTGRES_SOURCE_H_

#include <gtest/gtest.h>

#include <string>

#include "client/source/postgres/postgres_reader.h"
#include "tests/client/source/reader_test.h"
#include "tests/support/postgres_database.h"
#include "tests/support/processes.h"

namespace mirror {

/// A database of an application, and a reader of it as a source.
class PostgresSourceTest : public ReaderTest<PostgresDatabaseTest> {
 protected:
  void Fill() override {
    Sql("SET search_path TO public, pg_catalog; SET default_transaction_read_only TO off");
    options_.access.dsn = conninfo_;
    Open();
  }

  void Sql(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }
  std::string Text(const std::string& sql) {
    const auto rows = connection_->Query(sql);
    EXPECT_THAT(rows, IsOk()) << sql;
    return rows.ok() && rows->rows() > 0 ? rows->Text(0, 0) : "";
  }
  /// What psql writes as errors when it runs this as a script. Connection shows no message that was raised.
  std::string PsqlSays(const std::string& sql) {
    return RunProgram("/usr/bin/psql", {"-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", conninfo_, "-c", sql})
        .errors;
  }
  /// By a role with these rights alone.
  void OpenAs(const std::string& role, const std::string& grants) {
    // Roles are of the whole server.
    Sql("DROP ROLE IF EXISTS " + role + "; CREATE ROLE " + role + " LOGIN; " + grants);
    options_.access.dsn = conninfo_ + " user=" + role;
    Open();
  }
  void Open() { reader_ = OpenPostgresReader(options_); }
  void Remember(const std::string& table, const std::string& record) override {
    options_.records[table] = record;
  }

  PostgresReaderOptions options_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_POSTGRES_SOURCE_H_
