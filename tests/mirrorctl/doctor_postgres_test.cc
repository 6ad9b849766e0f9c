// 'mirrorctl doctor --source' at a database of PostgreSQL, beside an endpoint that does not answer.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/config/config.h"
#include "tests/support/postgres_database.h"
#include "tools/mirrorctl/init/doctor_source.h"

namespace mirror::doctor_postgres_test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class DoctorPostgresTest : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    ASSERT_THAT(connection_->Execute("CREATE TABLE public.contact (id int PRIMARY KEY, name text)"), IsOk());
    // Nobody listens there.
    config_.endpoint.address = "127.0.0.1:1";
    config_.endpoint.plaintext = true;
    source_.context_id = "Cust";
    source_.kind = SourceKind::kPostgres;
    source_.path = "PostgreSQL at \"here\"";
    source_.server.dsn = conninfo_;
    source_.strategy = Strategy::kSynthetic;
  }
  std::string Examine() {
    config_.sources = {source_};
    std::ostringstream out, err;
    Console console{out, err};
    DoctorReport report(console, /*json=*/false);
    ExamineSource(config_, report);
    report.Finish();
    EXPECT_EQ(console.exit_code, 1) << "the endpoint is down";
    return out.str();
  }

  AgentConfig config_;
  SourceConfig source_;
};

TEST_F(DoctorPostgresTest, SaysLineByLineWhatTheSourceHas) {
  const std::string said = Examine();
  for (const char* const step : {"reach", "right LOGIN", "right CONNECT", "TLS", "version", "right USAGE",
                                 "right SELECT", "database", "change log"}) {
    EXPECT_THAT(said, ContainsRegex(absl::StrCat("\nOK    Cust ", step, " "))) << said;
  }
  EXPECT_THAT(said,
              AllOf(HasSubstr("can be read, 1 table"), HasSubstr("none, because strategy is \"synthetic\"")));
}

TEST_F(DoctorPostgresTest, WhereChangesAreLoggedWhatThatNeedsIsLookedAt) {
  source_.strategy = Strategy::kCdc;
  const std::string said = Examine();
  EXPECT_THAT(said, AllOf(ContainsRegex("\nFAIL  Cust wal_level +is replica"),
                          ContainsRegex("\nWARN  Cust slot +there is no slot '_mirror_cust'\n      do: run"),
                          ContainsRegex("\nWARN  Cust kept WAL "), Not(HasSubstr("Cust change log"))));
  source_.server.slot = "of_crm";
  EXPECT_THAT(Examine(), HasSubstr("there is no slot 'of_crm'"));
  // Of a single table, too.
  source_.strategy = Strategy::kSynthetic;
  TableConfig table;
  table.name = "contact";
  table.strategy = Strategy::kCdc;
  source_.tables = {table};
  EXPECT_THAT(Examine(), HasSubstr("Cust wal_level"));
}

TEST_F(DoctorPostgresTest, WhatCannotBeReachedIsTheOnlyFinding) {
  source_.server.dsn = "host=/nowhere dbname=crm user=reader";
  source_.strategy = Strategy::kCdc;
  EXPECT_THAT(Examine(),
              AllOf(ContainsRegex("\nFAIL  Cust reach "),
                    ContainsRegex("\nSKIP  Cust database +not checked, because 'Cust reach' failed"),
                    Not(HasSubstr("Cust wal_level")), Not(HasSubstr("Cust change log"))));
}

TEST_F(DoctorPostgresTest, ATableThatIsConfiguredAndNotThereIsToldOf) {
  TableConfig table;
  table.name = "no_such";
  source_.tables = {table};
  EXPECT_THAT(Examine(), ContainsRegex("\nFAIL  Cust table no_such "));
}

}  // namespace
}  // namespace mirror::doctor_postgres_test
