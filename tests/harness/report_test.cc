#include "tools/mirror_harness/synthetic/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/places.h"
#include "tests/support/processes.h"

namespace mirror::harness::report_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(ReportTest, WhenNoTenantWasServedTheReasonStandsInPlaceOfTheRates) {
  Options options;
  options.seed = 5;
  Report report;
  report.tenants_failed = options.tenants;
  report.first_failure = "tenant 'a-1', Authenticate: PERMISSION_DENIED: ask the operator";
  EXPECT_EQ(ReportText(options, report), "seed 5: nothing was sent: " + report.first_failure + "\n");
  EXPECT_THAT(ReportJson(options, report), HasSubstr("\"first_failure\": \"tenant 'a-1'"));
  report.totals.rows = 1;
  EXPECT_THAT(ReportText(options, report), HasSubstr("rows/s"));
}

TEST(HarnessTest, ASchemaFileThatIsNoJsonIsWrongUsageWithPlaceAndProgram) {
  const TempFolder folder;
  const std::string config = folder.path() + "/mirror-agent.toml", schema = folder.path() + "/not.json";
  WriteFileText(config, R"([endpoint]
address = "127.0.0.1:1"
[identity]
issuer = "i"
key = "k"
key_id = "k"
application_id = "a"
application_certificate = "c"
)");
  WriteFileText(schema, "[\n{]");
  const Finished run = RunProgram(BinDir() + "/mirror-harness",
                                  {"push", "--config", config, "--context-id", "Cust", "--schema", schema});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.errors,
              AllOf(HasSubstr("mirror-harness: " + schema + ":2:2: "), Not(HasSubstr("exception"))));
  EXPECT_THAT(RunProgram(BinDir() + "/mirror-harness", {"frob"}).errors, HasSubstr("mirror-harness: "));
}

}  // namespace
}  // namespace mirror::harness::report_test
