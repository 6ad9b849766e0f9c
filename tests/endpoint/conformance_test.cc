// mirror-harness conformance against a real server: it meets every requirement of its own protocol.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/places.h"
#include "tests/support/postgres_server.h"

namespace mirror::conformance_test {
namespace {

using testing::HasSubstr;

constexpr std::chrono::minutes kExaminationTime(10);

class ConformanceTest : public EndpointTest {
 protected:
  struct Examined {
    int exit_code = -1;
    std::string output, errors;
  };
  Examined Examine(const std::vector<std::string>& more) {
    ProcessOptions options;
    options.program = BinDir() + "/mirror-harness";
    options.arguments = {"conformance", "--config", here_->dir() + "/mirror-agent.toml", "--target",
                         here_->address()};
    options.arguments.insert(options.arguments.end(), more.begin(), more.end());
    options.stderr_file = here_->dir() + "/conformance.err";
    const auto run = Process::Start(options).value();
    const absl::StatusOr<int> code = run->Wait(kExaminationTime);
    EXPECT_TRUE(code.ok()) << code.status();
    return {code.value_or(-1), run->Output(), run->Errors()};
  }
  void ExpectEveryRequirementMet();
};

void ConformanceTest::ExpectEveryRequirementMet() {
  const Examined examined = Examine({"--context", "Cust-examined", "--json"});
  const nlohmann::json report = nlohmann::json::parse(examined.output, nullptr, false);
  ASSERT_TRUE(report.is_object()) << examined.output << examined.errors;
  EXPECT_GE(report["requirements"].size(), 150U);
  std::set<std::string> ids;
  for (const nlohmann::json& requirement : report["requirements"]) {
    EXPECT_EQ(requirement["verdict"], "pass") << requirement.dump(2);
    EXPECT_TRUE(ids.insert(requirement["id"]).second) << requirement["id"] << " stands twice";
    EXPECT_NE(requirement["section"], "");
  }
  EXPECT_EQ(report["context_id"], "Cust-examined");
  EXPECT_EQ(examined.exit_code, 0) << examined.errors;
}

TEST_F(ConformanceTest, OursMeetsEveryRequirement) {
  Install();
  ExpectEveryRequirementMet();
}

TEST_F(ConformanceTest, OursMeetsEveryRequirementWithPostgres) {
  SKIP_WITHOUT_POSTGRES();
  Install({.postgres = true});
  ExpectEveryRequirementMet();
}

TEST_F(ConformanceTest, WhoIsNotThereIsNoFindingButAnError) {
  Install();
  here_->Kill();
  const Examined examined = Examine({"--context", "Cust-examined"});
  EXPECT_EQ(examined.exit_code, 1);
  EXPECT_EQ(examined.output, "");
  EXPECT_THAT(examined.errors, HasSubstr(here_->address()));
  EXPECT_EQ(Examine({"--json"}).exit_code, 1) << "no [[source]], and no --context";
}

}  // namespace
}  // namespace mirror::conformance_test
