// 'mirrorctl --config A --config B tenants': one overview of several servers.

#include <gmock/gmock.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/mirrorctl/admin_endpoint.h"

namespace mirror::several_servers_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// A second server, with the same keys.
class SeveralServers : public AdminEndpoint {
 protected:
  void SetUp() override {
    AdminEndpoint::SetUp();
    const auto credentials = MakeServerCredentials({Path("server.crt"), Path("server.key"), Path("ca.crt")});
    ASSERT_THAT(credentials, IsOk());
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", *credentials, &other_port_);
    builder.RegisterService(&there_);
    other_server_ = builder.BuildAndStart();
    ASSERT_NE(other_server_, nullptr);
    WriteFileText(
        Path("other.toml"),
        absl::StrCat("[endpoint]\naddress = \"", OtherAddress(),
                     "\"\nca = \"ca.crt\"\ncertificate = \"operator.crt\"\nkey = \"operator.key\"\n"));
    fake_.tenants.add_tenants()->set_context_id("Here");
    there_.tenants.add_tenants()->set_context_id("There");
  }
  std::string OtherAddress() const { return absl::StrCat("127.0.0.1:", other_port_); }
  Finished Both(std::vector<std::string> words) {
    words.insert(words.begin(), {"--config", Path("other.toml")});
    return Run(words);
  }

  FakeAdmin there_;
  int other_port_ = 0;
  std::unique_ptr<grpc::Server> other_server_;
};

TEST_F(SeveralServers, TenantsOfEachStandBelowItsServer) {
  const Finished run = Both({"tenants"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  const std::size_t here = run.output.find(Address()), there = run.output.find(OtherAddress());
  ASSERT_NE(here, std::string::npos) << run.output;
  ASSERT_NE(there, std::string::npos) << run.output;
  EXPECT_LT(here, run.output.find("Here"));
  EXPECT_LT(run.output.find("Here"), there);
  EXPECT_LT(there, run.output.find("There"));
}

TEST_F(SeveralServers, ForMachinesTheyAreOneListThatNamesTheServers) {
  const Finished run = Both({"tenants", "--json"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  const auto list = nlohmann::json::parse(run.output, nullptr, false);
  ASSERT_TRUE(list.is_array()) << run.output;
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0]["context_id"], "Here");
  EXPECT_EQ(list[0]["server"], Address());
  EXPECT_EQ(list[1]["context_id"], "There");
  EXPECT_EQ(list[1]["server"], OtherAddress());
}

TEST_F(SeveralServers, OneThatIsAwayHidesNotTheOthers) {
  other_server_->Shutdown();
  const Finished run = Both({"tenants"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output, HasSubstr("Here"));
  EXPECT_THAT(run.errors, HasSubstr(OtherAddress()));
}

TEST_F(SeveralServers, AConfigurationThatIsNotThereHidesNotTheOthers) {
  std::filesystem::remove(Path("other.toml"));
  const Finished run = Both({"tenants"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.output, HasSubstr("Here"));
  EXPECT_THAT(run.errors,
              HasSubstr("is not there: name the mirrorctl.toml of each server with a --config of"));
  EXPECT_THAT(run.errors, Not(HasSubstr("--to-config")));
}

TEST_F(SeveralServers, OtherCommandsTakeOne) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"pause", "Cust"}, {"events"}, {"audit", "list"}, {"doctor"}}) {
    const Finished run = Both(words);
    EXPECT_EQ(run.exit_code, 2) << words.front();
    EXPECT_THAT(run.errors, HasSubstr("several --config go with 'tenants' alone")) << words.front();
  }
  EXPECT_TRUE(fake_.Calls().empty());
}

}  // namespace
}  // namespace mirror::several_servers_test
