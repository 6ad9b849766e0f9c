// mirror-harness hostile against a real server: every attack ends as it should, and the server stays small.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/places.h"
#include "tests/support/postgres_server.h"
#include "tests/support/sanitizers.h"

namespace mirror::hostile_test {
namespace {

using testing::HasSubstr;

/// A sanitizer keeps memory of its own.
#if MIRROR_THREAD_SANITIZER || MIRROR_ADDRESS_SANITIZER
constexpr bool kMemoryCounts = false;
#else
constexpr bool kMemoryCounts = true;
#endif
constexpr std::chrono::minutes kAttackTime(10);

class HostileTest : public EndpointTest {
 protected:
  /// The harness's own verdict on these attacks, all without any; each must have ended as expected.
  nlohmann::json Attack(const std::vector<std::string>& only) {
    ProcessOptions options;
    options.program = BinDir() + "/mirror-harness";
    options.arguments = {
        "hostile",   "--config",      AgentToml(), "--context-id", "Cust",
        "--seconds", "0.5",           "--json",    "--server-pid", absl::StrCat(here_->server().pid()),
        "--metrics", MetricsAddress()};
    if (!only.empty()) options.arguments.emplace_back("--only");
    options.arguments.insert(options.arguments.end(), only.begin(), only.end());
    options.stderr_file = here_->dir() + "/hostile.err";
    const auto run = Process::Start(options).value();
    const absl::StatusOr<int> code = run->Wait(kAttackTime);
    EXPECT_TRUE(code.ok()) << code.status();
    nlohmann::json report = nlohmann::json::parse(run->Output(), nullptr, false);
    EXPECT_TRUE(report.is_object()) << run->Output() << run->Errors();
    if (!report.is_object()) return nlohmann::json::object();
    for (const nlohmann::json& attack : report["attacks"]) {
      EXPECT_TRUE(attack["ok"].get<bool>()) << attack.dump(2);
    }
    EXPECT_EQ(report["honest_quiet"]["failures"], 0) << report["honest_quiet"].dump(2);
    EXPECT_EQ(report["honest_attacked"]["failures"], 0) << report["honest_attacked"].dump(2);
    if (kMemoryCounts) {
      EXPECT_LE(report["server_attacked"]["memory_mb"], report["memory_allowed_mb"]) << MemoryOf(report);
      EXPECT_EQ(code.value_or(-1), 0) << run->Errors();
    }
    return report;
  }

  /// The server's memory after each attack: which one took it.
  static std::string MemoryOf(const nlohmann::json& report) {
    std::string text;
    for (const nlohmann::json& attack : report["attacks"]) {
      absl::StrAppend(&text, attack["name"].get<std::string>(), " ",
                      attack["server"]["memory_mb"].get<double>(), " MB\n");
    }
    return text;
  }

  /// As the server's log says.
  std::string MetricsAddress() const {
    const std::string log = here_->ServerLog(), words = "the metrics are served on ";
    const std::size_t at = log.rfind(words);
    EXPECT_NE(at, std::string::npos);
    return at == std::string::npos ? ""
                                   : log.substr(at + words.size(), log.find('\n', at) - at - words.size());
  }

  /// The configuration that init made for the source, with the port that the server has now.
  std::string AgentToml() const {
    std::string path = here_->dir() + "/hostile-agent.toml",
                text = ReadFileText(here_->dir() + "/mirror-agent.toml");
    const std::size_t at = text.find("address = ");
    text.replace(at, text.find('\n', at) - at, absl::StrCat("address = \"", here_->address(), "\""));
    WriteFileText(path, text);
    return path;
  }
};

TEST_F(HostileTest, EveryAttackIsRefusedRightlyAndTheServerStaysSmall) {
  Install();
  const nlohmann::json report = Attack({});
  EXPECT_GE(report["attacks"].size(), 200U);
}

/// What the store itself has to tell: names, definitions, keys and values.
TEST_F(HostileTest, WhatPostgresCannotHoldIsRefusedRightly) {
  SKIP_WITHOUT_POSTGRES();
  Install({.postgres = true});
  EXPECT_GE(Attack({"names", "batches"})["attacks"].size(), 100U);
}

TEST_F(HostileTest, BodiesAndCrowdsAtTheMetricsAreRefusedAndTheServerStaysSmall) {
  Install();
  EXPECT_EQ(Attack({"metrics"})["attacks"].size(), 10U);
}

TEST_F(HostileTest, With256DescriptorsFloodsOfConnectionsAndTenantsAreSurvived) {
  if (!kMemoryCounts) {
    GTEST_SKIP() << "the undefined-behaviour sanitizer looks at objects through a pipe, and ends the server "
                    "when there is no descriptor left for it";
  }
  InstallationOptions options;
  options.bin_dir = BinDir();
  here_ = Installation::Init(options).value();
  here_->set_descriptor_limit(256);
  ASSERT_THAT(here_->Start(), IsOk());
  EXPECT_THAT(here_->ServerLog(), HasSubstr("may open 256 files"));
  const nlohmann::json report = Attack({"crowd", "storm", "silent", "tenants", "streams", "authenticate"});
  EXPECT_LE(report["server_attacked"]["descriptors"], 256);
}

TEST(HostileCommandTest, ListsItsAttacksAndRefusesNamesThatItDoesNotKnow) {
  const Finished list = RunProgram(BinDir() + "/mirror-harness", {"hostile", "--list"});
  EXPECT_EQ(list.exit_code, 0) << list.errors;
  EXPECT_THAT(list.output, HasSubstr("tokens/alg-none\tUNAUTHENTICATED\t"));
  const Finished wrong = RunProgram(BinDir() + "/mirror-harness", {"hostile", "--list", "--only", "frob"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.errors, HasSubstr("frob"));
}

}  // namespace
}  // namespace mirror::hostile_test
