// Options that the agent gives to drivers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/source/odbc/odbc_dialect.h"
#include "tests/support/status_matchers.h"

namespace mirror::odbc_options_test {
namespace {

std::string FirstOf(const std::string& dsn, OdbcDialectKind kind = OdbcDialectKind::kAuto) {
  auto to = odbc::ConnectionString::Parse(dsn);
  EXPECT_THAT(to.status(), IsOk());
  AddFirstOptions(kind, &*to);
  return to->ToString();
}

TEST(OdbcOptionsTest, NoDriverLeavesFilesBehind) {
  using testing::HasSubstr;
  for (const char* const dsn :
       {"DRIVER={PostgreSQL Unicode};SERVER=db1", "DRIVER=/usr/lib/odbc/psqlodbcw.so"}) {
    EXPECT_THAT(FirstOf(dsn), HasSubstr("CommLog=0")) << dsn;
    EXPECT_THAT(FirstOf(dsn), HasSubstr("Debug=0")) << dsn;
  }
  EXPECT_THAT(FirstOf("DSN=crm", OdbcDialectKind::kPostgres), HasSubstr("CommLog=0"));
  EXPECT_THAT(FirstOf("DRIVER=psqlodbcw.so;CommLog=1"), testing::Not(HasSubstr("CommLog=0")))
      << "what is given stays";
  EXPECT_THAT(FirstOf("DRIVER={MariaDB Unicode};SERVER=db1"), testing::Not(HasSubstr("CommLog")));
  EXPECT_THAT(FirstOf("DRIVER=SQLite3;DATABASE=/srv/crm.db"), HasSubstr("NoCreat=1"));
}

TEST(OdbcOptionsTest, ConnectionsThatReadRowsOfPostgresWriteNoLogEither) {
  auto to = odbc::ConnectionString::Parse("DSN=crm");
  ASSERT_THAT(to.status(), IsOk());
  MakeOdbcPostgres("")->AddOptions("psqlodbcw.so", &*to);
  ASSERT_NE(to->Find("commlog"), nullptr);
  EXPECT_EQ(*to->Find("commlog"), "0");
  ASSERT_NE(to->Find("debug"), nullptr);
  EXPECT_EQ(*to->Find("debug"), "0");
}

}  // namespace
}  // namespace mirror::odbc_options_test
