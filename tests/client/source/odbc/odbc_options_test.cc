// Options that the agent gives to drivers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/source/odbc/odbc_dialect.h"
#include "tests/support/status_matchers.h"

namespace mirror::odbc_options_test {
namespace {

std::string FirstOf(const std::string& dsn, OdbcDialectKind kind = OdbcDialectKind::kAuto,
                    const std::string& driver = "") {
  auto to = odbc::ConnectionString::Parse(dsn);
  EXPECT_THAT(to.status(), IsOk());
  AddFileOptions(kind, driver, &*to);
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

TEST(OdbcOptionsTest, ADriverThatOnlyAConnectionToldLeavesNoFilesBehindEither) {
  using testing::HasSubstr;
  const std::string postgres = FirstOf("DSN=crm", OdbcDialectKind::kAuto, "psqlodbcw.so");
  EXPECT_THAT(postgres, testing::AllOf(HasSubstr("CommLog=0"), HasSubstr("Debug=0")));
  EXPECT_THAT(FirstOf("DSN=crm", OdbcDialectKind::kAuto, "libsqlite3odbc.so"), HasSubstr("NoCreat=1"));
  EXPECT_THAT(FirstOf("DSN=crm", OdbcDialectKind::kAuto, "libmaodbc.so"), testing::Not(HasSubstr("CommLog")));
}

}  // namespace
}  // namespace mirror::odbc_options_test
