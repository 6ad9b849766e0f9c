// What mirrorctl completes by asking the server.

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "tests/mirrorctl/admin_endpoint.h"

namespace mirror::name_completion_test {
namespace {

class NameCompletion : public AdminEndpoint {
 protected:
  void SetUp() override {
    AdminEndpoint::SetUp();
    for (const char* name : {"Cust1", "Cust2", "b"}) fake_.tenants.add_tenants()->set_context_id(name);
    for (const char* name : {"contact", "person"}) fake_.tables.add_tables()->set_table(name);
    v1::Hold* const hold = fake_.holds.add_holds();
    hold->set_context_id("Cust1");
    hold->set_hold_id(3);
    v1::HubState* const hub = fake_.hubs.add_hubs();
    hub->set_storage("Acme");
    for (const char* name : {"crm", "erp"}) hub->add_members()->set_data_source(name);
  }

  /// What the shell's script is told; nothing is said beside it.
  std::string Complete(std::vector<std::string> words) {
    words.insert(words.begin(), {"complete", "--", "--config", Config()});
    const Finished finished = RunProgram(kBinary, words);
    EXPECT_EQ(finished.exit_code, 0);
    EXPECT_EQ(finished.errors, "");
    return finished.output;
  }
};

TEST_F(NameCompletion, TenantsTablesAndHoldsOfTheServer) {
  EXPECT_EQ(Complete({"tables", "Cu"}), "Cust1\nCust2\n:none\n");
  EXPECT_EQ(Complete({"tenants", ""}), "Cust1\nCust2\nb\n:none\n");
  EXPECT_EQ(Complete({"indexes", "Cust1", "p"}), "person\n:none\n");
  EXPECT_EQ(Complete({"invalidate", "Cust2", "--table", ""}), "contact\nperson\n:none\n");
  EXPECT_EQ(fake_.Calls().back(), "ListTables context_id: \"Cust2\"");
  EXPECT_EQ(Complete({"hold", "show", "Cust"}), "Cust1:3\n:none\n");
  EXPECT_EQ(Complete({"hub", "status", ""}), "Acme\n:none\n");
  EXPECT_EQ(Complete({"hub", "resume", "Acme", "c"}), "crm\n:none\n");
  EXPECT_EQ(fake_.Calls().back(), "ListHubs storage: \"Acme\"");
  EXPECT_EQ(Complete({"hub", "resume", "Acme", "--without", ""}), "crm\nerp\n:none\n");
  // Nothing is asked for what the program knows by itself.
  const std::size_t calls = fake_.Calls().size();
  EXPECT_EQ(Complete({"tenants", "--so"}), "--sort\tThe order of the tenants\n:none\n");
  EXPECT_EQ(Complete({"backup", "Cust1", ""}), ":files\n");
  EXPECT_EQ(fake_.Calls().size(), calls);
}

TEST_F(NameCompletion, AServerThatIsAwayOrRefusesSaysNothing) {
  fake_.refusal = grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "no");
  EXPECT_EQ(Complete({"tables", "Cu"}), ":none\n");
  server_->Shutdown();
  EXPECT_EQ(Complete({"tables", "Cu"}), ":none\n");
  WriteFileText(Config(), "[endpoint\n");
  EXPECT_EQ(Complete({"tables", "Cu"}), ":none\n");
}

TEST_F(NameCompletion, AServerThatDoesNotAnswerIsNotWaitedFor) {
  fake_.silent = true;
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(Complete({"tables", "Cu"}), ":none\n");
  // One second, and what a program with sanitizers takes to start.
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
}

}  // namespace
}  // namespace mirror::name_completion_test
