// 'mirrorctl --config A --config B tenants': one overview of several servers.

#include <gmock/gmock.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/mirrorctl/admin_endpoint.h"

namespace mirror::several_servers_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using Json = nlohmann::json;

struct ListedTenant {
  std::string name, state;
  std::int64_t oldest_ms = 1;
};

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
    WriteOther("other.toml");
    for (FakeAdmin* const fake : {&fake_, &there_}) {
      fake->diagnosis.set_disk_free_bytes(5ULL << 30);
      fake->diagnosis.set_fsync_us(210);
    }
  }
  void WriteOther(const std::string& name) const {
    WriteFileText(
        Path(name),
        absl::StrCat("[endpoint]\naddress = \"", OtherAddress(),
                     "\"\nca = \"ca.crt\"\ncertificate = \"operator.crt\"\nkey = \"operator.key\"\n"));
  }
  std::string OtherAddress() const { return absl::StrCat("127.0.0.1:", other_port_); }
  Finished Both(std::vector<std::string> words) {
    words.insert(words.begin(), {"--config", Path("other.toml")});
    return Run(words);
  }
  /// As a server answers: each with 10 tables, 100 rows and 1 KB.
  static void Fill(FakeAdmin& fake, const std::vector<ListedTenant>& tenants) {
    std::map<std::string, std::uint32_t> totals;
    for (const ListedTenant& one : tenants) {
      v1::Tenant* const tenant = fake.tenants.add_tenants();
      tenant->set_context_id(one.name);
      tenant->set_state(one.state);
      tenant->set_oldest_source_ms(one.oldest_ms);
      tenant->set_tables(10);
      tenant->set_rows(100);
      tenant->set_bytes(1'024);
      ++totals[one.state];
    }
    for (const auto& [state, count] : totals) {
      v1::TenantCount* const total = fake.tenants.add_totals();
      total->set_state(state);
      total->set_tenants(count);
    }
  }
  /// "HERE Cust1", "THERE Cust2": server and tenant of each line.
  std::vector<std::string> Lines(const std::string& output) const {
    std::vector<std::string> lines;
    for (const absl::string_view line : absl::StrSplit(output, '\n')) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
      if (words.size() < 2) continue;
      if (words[0] == Address()) lines.push_back(absl::StrCat("HERE ", words[1]));
      if (words[0] == OtherAddress()) lines.push_back(absl::StrCat("THERE ", words[1]));
    }
    return lines;
  }

  FakeAdmin there_;
  int other_port_ = 0;
  std::unique_ptr<grpc::Server> other_server_;
};

TEST_F(SeveralServers, TenantsAreOneListThatNamesTheServerOfEach) {
  Fill(fake_, {{"Cust1", "held"}, {"Cust2", "good"}});
  Fill(there_, {{"Cust3", "failing"}, {"Cust1", "held"}, {"Cust4", "good"}});
  const Finished run = Both({"tenants"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(run.output, StartsWith("server "));
  EXPECT_THAT(Lines(run.output),
              ElementsAre("THERE Cust3", "HERE Cust1", "THERE Cust1", "HERE Cust2", "THERE Cust4"));
  EXPECT_THAT(run.output,
              HasSubstr("\n5 tenants at 2 servers: 1 failing, 2 held, 2 good; 50 tables, 500 rows, "
                        "5.0KiB\n"));
}

TEST_F(SeveralServers, TheOrderIsThatOfAllTogether) {
  Fill(fake_, {{"b", "good", 30}, {"d", "good", 10}});
  Fill(there_, {{"A", "good", 20}, {"c", "deleted", 0}});
  EXPECT_THAT(Lines(Both({"tenants", "--sort", "name"}).output),
              ElementsAre("THERE A", "HERE b", "THERE c", "HERE d"));
  EXPECT_THAT(Lines(Both({"tenants", "--sort", "oldest"}).output),
              ElementsAre("HERE d", "THERE A", "HERE b", "THERE c"))
      << "one that was deleted has no data";
}

TEST_F(SeveralServers, AStateOfANewerServerStandsWithTheProblemsWhereItIsOne) {
  Fill(fake_, {{"Here", "failing"}, {"Fine", "good"}});
  Fill(there_, {{"Odd", "haunted"}, {"New", "fabulous"}});
  there_.tenants.mutable_tenants(0)->set_problem(true);
  EXPECT_THAT(Lines(Both({"tenants"}).output),
              ElementsAre("THERE Odd", "HERE Here", "HERE Fine", "THERE New"));
}

TEST_F(SeveralServers, ForMachinesTheyAreOneListThatNamesTheServers) {
  Fill(fake_, {{"Here", "good"}});
  Fill(there_, {{"There", "failing"}});
  const Finished run = Both({"tenants", "--json"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  const Json list = Json::parse(run.output, nullptr, false);
  ASSERT_TRUE(list.is_array()) << run.output;
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0]["context_id"], "There");
  EXPECT_EQ(list[0]["server"], OtherAddress());
  EXPECT_EQ(list[1]["context_id"], "Here");
  EXPECT_EQ(list[1]["server"], Address());
}

TEST_F(SeveralServers, APatternIsAMistakeOnlyWhereNoServerHasSuchATenant) {
  Fill(fake_, {{"Cust1", "good"}});
  Finished run = Both({"tenants", "Cust*"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_EQ(run.errors, "");
  fake_.tenants.Clear();
  run = Both({"tenants", "Cst*"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.errors, HasSubstr("no tenant at 2 servers matches 'Cst*'"));
  EXPECT_EQ(Both({"tenants", "Cst*", "--json"}).output, "[]\n");
  other_server_->Shutdown();
  run = Both({"tenants", "Cst*"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.errors, AllOf(HasSubstr(OtherAddress()), HasSubstr("no tenant at 1 of 2 servers matches")));
}

TEST_F(SeveralServers, FailedTenantsOfAnyServerAreAnExitCode) {
  Fill(fake_, {{"Cust1", "good"}});
  Fill(there_, {{"Cust2", "good"}});
  // What a server answers when it is asked for problems, and has none.
  fake_.tenants.clear_tenants();
  there_.tenants.clear_tenants();
  Finished run = Both({"tenants", "Cust*", "--failed"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(run.errors, HasSubstr("no tenant at 2 servers matches your request"));
  Fill(there_, {{"Cust3", "failing"}});
  run = Both({"tenants", "Cust*", "--failed"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(Lines(run.output), ElementsAre("THERE Cust3"));
  EXPECT_THAT(run.output, HasSubstr("3 tenants at 2 servers: 1 failing, 2 good; shown: 1, with 10 tables"));
}

TEST_F(SeveralServers, OneThatIsAwayHidesNotTheOthers) {
  Fill(fake_, {{"Here", "good"}});
  other_server_->Shutdown();
  const Finished run = Both({"tenants"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(Lines(run.output), ElementsAre("HERE Here"));
  EXPECT_THAT(run.output, HasSubstr("1 tenant at 1 of 2 servers: 1 good"));
  EXPECT_THAT(run.errors, HasSubstr(OtherAddress()));
}

TEST_F(SeveralServers, WhereNoneAnswersNothingIsSaidOfTenants) {
  server_->Shutdown();
  other_server_->Shutdown();
  const Finished run = Both({"tenants", "Cust*"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.output, "");
  EXPECT_THAT(run.errors,
              AllOf(HasSubstr(Address()), HasSubstr(OtherAddress()), Not(HasSubstr("no tenant"))));
  EXPECT_EQ(Both({"tenants", "--json"}).output, "[]\n");
}

TEST_F(SeveralServers, WhatAServerRefusesNamesThatServer) {
  Fill(fake_, {{"Here", "good"}});
  there_.refusal = grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "the role is viewer");
  const Finished run = Both({"tenants"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(Lines(run.output), ElementsAre("HERE Here"));
  EXPECT_THAT(run.errors, HasSubstr(absl::StrCat(OtherAddress(), ": PERMISSION_DENIED: the role is viewer")));
}

TEST_F(SeveralServers, AConfigurationThatIsNotThereHidesNotTheOthers) {
  Fill(fake_, {{"Here", "good"}});
  const Finished run = Run({"--config", Path("nowhere.toml"), "tenants"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(Lines(run.output), ElementsAre("HERE Here"));
  EXPECT_THAT(run.output, HasSubstr("at 1 of 2 servers"));
  EXPECT_THAT(run.errors,
              AllOf(HasSubstr("nowhere.toml"), HasSubstr("of each server with a --config of its own")));
}

TEST_F(SeveralServers, AServerThatIsNamedTwiceIsAskedOnce) {
  Fill(fake_, {{"Here", "good"}});
  Fill(there_, {{"There", "good"}});
  WriteOther("again.toml");
  const Finished run = Both({"tenants", "--config", Path("again.toml")});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(Lines(run.output), ElementsAre("HERE Here", "THERE There"));
  EXPECT_THAT(run.output, HasSubstr("2 tenants at 2 servers"));
  EXPECT_THAT(run.errors, AllOf(HasSubstr("again.toml' is ignored"), HasSubstr(OtherAddress())));
}

TEST_F(SeveralServers, VariablesOfOneServerDoNotCountForSeveral) {
  Fill(fake_, {{"Here", "good"}});
  Fill(there_, {{"There", "good"}});
  const Finished run = RunProgram(kBinary, {"--config", Config(), "--config", Path("other.toml"), "tenants"},
                                  {"MIRRORCTL_ENDPOINT_ADDRESS=127.0.0.1:1"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(Lines(run.output), ElementsAre("HERE Here", "THERE There"));
}

TEST_F(SeveralServers, EventsAreOneListByTimeAndTheNewestOfAll) {
  for (const auto& [fake, times] :
       {std::pair(&fake_, std::vector{1'000, 4'000}), std::pair(&there_, std::vector{2'000, 3'000})}) {
    for (const int time_ms : times) {
      v1::Event* const event = fake->events.add_events();
      event->set_time_ms(time_ms);
      event->set_context_id(absl::StrCat("T", time_ms));
      event->set_severity(v1::SEVERITY_WARNING);
      event->set_kind("cycle.failed");
      event->set_message(std::string(200, 'm'));
    }
  }
  Finished run = Both({"events"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  const Json list = Json::parse(Both({"events", "--json", "--limit", "3"}).output, nullptr, false);
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0]["context_id"], "T2000");
  EXPECT_EQ(list[0]["server"], OtherAddress());
  EXPECT_EQ(list[2]["context_id"], "T4000");
  EXPECT_EQ(list[2]["server"], Address());
  EXPECT_THAT(run.output, HasSubstr("1970-01-01T00:00:01Z")) << "no time is cut";
  const std::size_t first = run.output.find("T1000"), second = run.output.find("T2000"),
                    last = run.output.find("T4000");
  EXPECT_LT(first, second);
  EXPECT_LT(second, last);
  EXPECT_NE(last, std::string::npos);
  run = Both({"events", "--follow"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.errors, HasSubstr("--follow works with only one --config"));
}

TEST_F(SeveralServers, HoldsAreOneListThatNamesTheServerOfEach) {
  for (FakeAdmin* const fake : {&fake_, &there_}) {
    v1::Hold* const hold = fake->holds.add_holds();
    hold->set_context_id("Cust1");
    hold->set_hold_id(3);
    hold->set_kind("deletes");
    hold->set_state("waiting");
  }
  EXPECT_THAT(Lines(Both({"hold", "list"}).output), ElementsAre("HERE Cust1:3", "THERE Cust1:3"));
  fake_.holds.Clear();
  there_.holds.Clear();
  EXPECT_THAT(Both({"hold", "list"}).errors, HasSubstr("nothing is held at 2 servers"));
}

TEST_F(SeveralServers, ATenantOfOneServerIsNotMissedAtTheOthers) {
  fake_.refusal = grpc::Status(grpc::StatusCode::NOT_FOUND, "there is no tenant 'Cust1'");
  Finished run = Both({"hold", "list", "Cust1"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(run.errors, HasSubstr("nothing of 'Cust1' is held at 1 of 2 servers"));
  there_.refusal = fake_.refusal;
  run = Both({"hold", "list", "Cust1"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.errors, HasSubstr("there is no tenant 'Cust1'"));
}

TEST_F(SeveralServers, TheDoctorLooksAtEachAndEndsWithTheWorst) {
  Finished run = Both({"doctor"});
  EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
  EXPECT_THAT(run.output,
              AllOf(StartsWith(absl::StrCat(Address(), "  ", Config(), "\nOK    configuration")),
                    HasSubstr(absl::StrCat("\n\n", OtherAddress(), "  ", Path("other.toml"), "\nOK "))));
  EXPECT_THAT(run.output, HasSubstr("steps, nothing needs doing"));
  there_.diagnosis.set_fsync_us(400'000);
  const Json list = Json::parse(Both({"doctor", "--json"}).output, nullptr, false);
  ASSERT_TRUE(list.is_array());
  std::set<std::string> servers;
  std::vector<std::string> needy;
  for (const Json& step : list) {
    servers.insert(step["server"]);
    if (step["outcome"] != "OK")
      needy.push_back(absl::StrCat(std::string(step["server"]), " ", std::string(step["step"])));
  }
  EXPECT_THAT(servers, testing::UnorderedElementsAre(Address(), OtherAddress()));
  EXPECT_THAT(needy, ElementsAre(absl::StrCat(OtherAddress(), " server sync")));
  EXPECT_EQ(Both({"doctor"}).exit_code, 1);
  // A server that is away, and a file that is not there, keep it from no other one.
  server_->Shutdown();
  run = Both({"doctor", "--config", Path("nowhere.toml")});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.errors, HasSubstr("nowhere.toml"));
  EXPECT_THAT(run.output, AllOf(HasSubstr("FAIL  admin port"), HasSubstr("400000 us")));
}

TEST_F(SeveralServers, OtherCommandsTakeOne) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"pause", "Cust"},
                                                {"tables", "Cust"},
                                                {"audit", "list"},
                                                {"hold", "commit", "Cust:1"},
                                                {"hub", "status"}}) {
    const Finished run = Both(words);
    EXPECT_EQ(run.exit_code, 2) << words.front();
    EXPECT_THAT(run.errors,
                HasSubstr("several --config are only for 'tenants', 'events', 'hold list' and 'doctor'"))
        << words.front();
  }
  EXPECT_EQ(Run({"--config", "", "tenants"}).exit_code, 2);
  EXPECT_THAT(fake_.Calls(), IsEmpty());
  EXPECT_THAT(there_.Calls(), IsEmpty());
}

TEST_F(SeveralServers, NamesAreCompletedFromAllOfThem) {
  Fill(fake_, {{"Cust1", "good"}, {"Cust2", "good"}});
  Fill(there_, {{"Cust2", "good"}, {"Cust3", "good"}});
  const auto complete = [this](const std::vector<std::string>& words) {
    std::vector<std::string> all = {"complete", "--", "--config", Config(), "--config", Path("other.toml")};
    all.insert(all.end(), words.begin(), words.end());
    return RunProgram(kBinary, all).output;
  };
  EXPECT_EQ(complete({"tenants", "Cu"}), "Cust1\nCust2\nCust3\n:none\n");
  EXPECT_EQ(complete({"events", "Cust3"}), "Cust3\n:none\n");
  EXPECT_THAT(complete({"doctor", "--con"}), HasSubstr("--config"));
  EXPECT_EQ(complete({"tenants", "--config", ""}), ":files\n");
  other_server_->Shutdown();
  EXPECT_EQ(complete({"tenants", "Cu"}), "Cust1\nCust2\n:none\n");
}

}  // namespace
}  // namespace mirror::several_servers_test
