// What the administration's commands ask, print and answer with.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/text/wrapped_text.h"
#include "tests/mirrorctl/admin_endpoint.h"
#include "tools/mirrorctl/backup_progress.h"

namespace mirror::admin_commands_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::ordered_json;

class AdminCommands : public AdminEndpoint {
 protected:
  void SetUp() override {
    AdminEndpoint::SetUp();
    v1::Tenant* tenant = fake_.tenants.add_tenants();
    tenant->set_context_id("Cust26759");
    tenant->set_issuer("Development Source");
    tenant->set_cycle(7);
    tenant->set_active(true);
    tenant->set_last_completed_ms(1'714'564'800'999);
    tenant->set_paused(true);
    tenant->set_pause_reason("disk");
    tenant->set_tables(413);
    tenant->set_tables_unpopulated(2);
    tenant->set_bytes(3 << 19);
    tenant->set_rows(1'234'567);
    tenant->set_state("paused");
    v1::Tenant* other = fake_.tenants.add_tenants();
    other->set_context_id("b");
    other->set_state("incomplete");
    other->set_problem(true);
    for (const auto& [state, count] : {std::pair("incomplete", 1), std::pair("paused", 1)}) {
      v1::TenantCount* const total = fake_.tenants.add_totals();
      total->set_state(state);
      total->set_tenants(count);
    }

    AddTable("contact", 120, 15'607, "mirrored");
    AddTable("Order Details", -1, -1, "repopulate").mutable_pending()->set_lsn(130);
    AddTable("größe", 9'223'372'036'854'775'807, 0, "mirrored").mutable_position()->set_lineage("\x01\xff");

    AddEvent(fake_.events.add_events(), 5, "Cust26759", v1::SEVERITY_WARNING, "table.repopulate");
    AddEvent(fake_.events.add_events(), 9, "", v1::SEVERITY_INFORMATION, "server.start");
  }

  v1::TableInfo& AddTable(const std::string& name, std::int64_t lsn, std::int64_t rows,
                          const std::string& state) {
    v1::TableInfo& table = *fake_.tables.add_tables();
    table.set_table(name);
    table.mutable_position()->set_lsn(lsn);
    table.set_row_count(rows);
    table.set_state(state);
    table.set_columns(3);
    table.set_cycle(7);
    return table;
  }

  static void AddEvent(v1::Event* event, std::uint64_t id, const std::string& context_id,
                       v1::Severity severity, const std::string& kind) {
    event->set_id(id);
    event->set_time_ms(1'714'564'800'000);
    event->set_context_id(context_id);
    event->set_severity(severity);
    event->set_kind(kind);
    event->set_message("something happened");
  }
};

TEST_F(AdminCommands, TenantsAreALineEachWithTotals) {
  const Finished run = Run({"tenants"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.errors, "");
  EXPECT_THAT(run.output, testing::ContainsRegex(
                              "^tenant     state       cycle +data  tables       rows    size  note\n"
                              "Cust26759  paused      [0-9]+ d +-        413  1,234,567  1.5MiB  2 "
                              "tables unpopulated, paused: disk\n"
                              "b          incomplete  never +-          0          0      0B  -\n"
                              "\n2 tenants: 1 incomplete, 1 paused; 413 tables, 1,234,567 rows, 1.5MiB\n$"));
  EXPECT_THAT(fake_.Calls(), ElementsAre("ListTenants order: TENANT_ORDER_PROBLEMS"));
}

TEST_F(AdminCommands, WhyATenantsCyclesFailIsToldWithSinceWhen) {
  v1::Tenant* const tenant = fake_.tenants.mutable_tenants(1);
  tenant->set_state("failing");
  tenant->set_failing_since_ms(1'714'564'800'999);
  tenant->set_failure("the disk is full");
  tenant->set_tables_refused(2);
  EXPECT_THAT(Run({"tenants", "--wide"}).output,
              testing::ContainsRegex(
                  "b          failing  never .*  cycles have failed for [0-9]+ d: the disk is full, 2 "
                  "tables refused\n"));
}

TEST_F(AdminCommands, ATenantThatAHubSuspendedIsToldWithSinceWhenAndWhy) {
  EXPECT_TRUE(nlohmann::json::parse(Run({"tenants", "--json"}).output)[1]["hub"].is_null());
  v1::TenantInHub* const hub = fake_.tenants.mutable_tenants(1)->mutable_hub();
  hub->set_storage("Acme");
  hub->set_data_source("crm");
  hub->set_held(1'200);
  hub->set_refused(1);
  hub->set_stopped("hub 'Acme' cannot read it: the disk failed");
  EXPECT_THAT(
      Run({"tenants", "--wide"}).output,
      HasSubstr("hub 'Acme' cannot read it: the disk failed, 1,200 deliveries held, 1 delivery refused\n"));
  EXPECT_EQ(Run({"tenants"}).errors, "");
  hub->set_frozen(2);
  EXPECT_THAT(Run({"tenants", "--wide"}).output, HasSubstr("1 delivery refused, 2 golden records frozen\n"));
  hub->set_suspended_ms(1'714'564'800'999);
  hub->set_stopped("it is suspended in hub 'Acme' since long ago");
  const Finished run = Run({"tenants", "--wide"});
  EXPECT_THAT(run.output,
              testing::ContainsRegex("suspended in hub 'Acme' for [0-9]+ d, 1,200 deliveries held"));
  EXPECT_THAT(run.errors, HasSubstr("b: it is suspended in hub 'Acme' since long ago"));
  const auto json = nlohmann::json::parse(Run({"tenants", "--json"}).output)[1]["hub"];
  EXPECT_EQ(json["suspended_ms"], 1'714'564'800'999);
  EXPECT_EQ(json["data_source"], "crm");
  EXPECT_EQ(json["held"], 1'200);
  EXPECT_EQ(json["source_restored"], false);
}

TEST_F(AdminCommands, TenantsAreAskedForByNameStateAndOrderOverAllPages) {
  fake_.tenants.set_next_page_token("0/0/b");
  fake_.more_tenants.add_tenants()->set_context_id("c");
  *fake_.more_tenants.mutable_totals() = fake_.tenants.totals();
  const Finished run =
      Run({"tenants", "--failed", "--state", "held", "--state", "late", "Cust*", "--sort", "oldest"});
  EXPECT_EQ(run.exit_code, 1) << "there are some";
  EXPECT_EQ(run.errors, "");
  EXPECT_THAT(run.output, HasSubstr("\nc "));
  const std::string asked =
      R"(ListTenants name_pattern: "Cust*" states: "held" states: "late" problems: true )"
      "order: TENANT_ORDER_OLDEST";
  EXPECT_THAT(fake_.Calls(), ElementsAre(asked, asked + R"( page_token: "0/0/b")"));
  EXPECT_EQ(Run({"tenants", "--state", "nonsense"}).exit_code, 2);
  EXPECT_EQ(Run({"tenants", "--sort", "size"}).exit_code, 2);
}

TEST_F(AdminCommands, ANameThatMatchesNothingIsSaidBesideAnEmptyList) {
  fake_.events.clear_events();
  const Finished events = Run({"events", "Cust2675"});
  EXPECT_EQ(events.exit_code, 0);
  EXPECT_THAT(events.errors, HasSubstr("there is no such event of 'Cust2675'"));
  fake_.tenants.clear_tenants();
  const Finished tenants = Run({"tenants", "Cst*"});
  EXPECT_EQ(tenants.exit_code, 1);
  EXPECT_THAT(tenants.errors, HasSubstr("no tenant matches 'Cst*'. Nothing is shown."));
  EXPECT_EQ(Run({"tenants", "Cst*", "--json"}).exit_code, 1);
}

TEST_F(AdminCommands, FailedTenantsAreAnExitCodeAndNoneOfThemIsNot) {
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--json"}}) {
    std::vector<std::string> command = {"tenants", "Cust*", "--failed"};
    command.insert(command.end(), more.begin(), more.end());
    EXPECT_EQ(Run(command).exit_code, 1);
  }
  EXPECT_EQ(Run({"tenants"}).exit_code, 0) << "only --failed asks for them";
  // The pattern means tenants, and none of them has a problem.
  fake_.tenants.clear_tenants();
  const Finished none = Run({"tenants", "Cust*", "--failed"});
  EXPECT_EQ(none.exit_code, 0);
  EXPECT_EQ(none.errors, "mirrorctl: no tenant matches your request\n");
  // It means none.
  fake_.tenants.clear_totals();
  const Finished typo = Run({"tenants", "Cst*", "--failed"});
  EXPECT_EQ(typo.exit_code, 1);
  EXPECT_THAT(typo.errors, HasSubstr("no tenant matches 'Cst*'"));
}

TEST_F(AdminCommands, TablesThatTheSourceCouldNotSendAreCountedAndSaidWithTheReason) {
  v1::Tenant& tenant = *fake_.tenants.mutable_tenants(1);
  tenant.set_state("unsent");
  tenant.set_tables_unsent(2);
  tenant.set_tables_late(1);
  EXPECT_THAT(Run({"tenants", "--wide"}).output,
              HasSubstr("2 tables not sent by its source, 1 table too old\n"));
  EXPECT_EQ(Run({"tenants", "--state", "unsent"}).exit_code, 0);

  v1::TableInfo& contact = *fake_.tables.mutable_tables(0);
  v1::TableInfo& twin = AddTable("Contact", -1, -1, "unsent");
  twin.set_columns(0);
  for (v1::TableInfo* const table : {&contact, &twin}) {
    table->set_state("unsent");
    table->set_unsent(table == &twin ? "twin" : "rows");
    table->set_unsent_why(table == &twin ? "another table has the same name" : "reading its rows failed");
    table->set_unsent_since_ms(1'714'564'800'000);
  }
  const Finished run = Run({"tables", "Cust26759"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.output, testing::ContainsRegex("contact +120 +15,607 +unsent "));
  EXPECT_THAT(run.errors, AllOf(testing::ContainsRegex(
                                    "1 table was not sent by the source for [0-9]+ d [(]reading its rows "
                                    "failed[)]: contact"),
                                testing::ContainsRegex("[(]another table has the same name[)]: Contact"),
                                HasSubstr("'mirror-agent status' on the source's machine")));
  const Json tables = Json::parse(Run({"tables", "Cust26759", "--json"}).output);
  EXPECT_EQ(tables[0]["unsent"], "rows");
  EXPECT_EQ(tables[0]["unsent_why"], "reading its rows failed");
  EXPECT_EQ(tables[0]["unsent_since_ms"], 1'714'564'800'000);
}

TEST_F(AdminCommands, AListWithoutALineSaysSoBesideTheHeaderThatScriptsRead) {
  fake_.tenants.Clear();
  fake_.tables.Clear();
  fake_.events.Clear();
  fake_.holds.Clear();
  for (const auto& [command, words] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"tenants"}, "there are no tenants yet. A source's first cycle makes one"},
           {{"tenants", "--failed"}, "no tenant matches your request"},
           {{"tables", "Cust26759"}, "there are no tables"},
           {{"events"}, "there is no such event"},
           {{"hold", "list"}, "nothing is held"},
           {{"hold", "list", "Cust26759"}, "nothing of 'Cust26759' is held"}}) {
    const Finished run = Run(command);
    EXPECT_EQ(run.exit_code, 0);
    EXPECT_EQ(std::count(run.output.begin(), run.output.end(), '\n'), 1) << run.output;
    EXPECT_EQ(run.errors, "mirrorctl: " + words + "\n");
    std::vector<std::string> json = command;
    json.emplace_back("--json");
    const Finished document = Run(json);
    EXPECT_EQ(document.output, "[]\n");
    EXPECT_EQ(document.errors, "");
  }
}

TEST_F(AdminCommands, AServerOfBeforeShowsAllTenantsAndThatIsSaid) {
  fake_.tenants.clear_totals();
  const Finished run = Run({"tenants", "--failed"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.errors, HasSubstr("the server is older than this mirrorctl"));
}

TEST_F(AdminCommands, DamagedTenantIsToldOnStandardError) {
  const std::string why = "the file is no database, " + std::string(200, 'x');
  fake_.tenants.mutable_tenants(1)->set_quarantine(why);
  fake_.tenants.mutable_tenants(1)->set_state("damaged");
  const Finished run = Run({"tenants"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.errors, "mirrorctl: warning: b: " + why + "\n");
  EXPECT_THAT(run.output, HasSubstr("the file is no database, xxx"));
  EXPECT_THAT(run.output, HasSubstr("…\n"));
  EXPECT_THAT(Run({"tenants", "--wide"}).output, HasSubstr(why + "\n"));
}

/// Characters of the longest line.
std::size_t LongestLine(const std::string& text) {
  std::size_t longest = 0;
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  for (const std::string& line : lines) {
    std::size_t characters = 0;
    for (const char byte : line) characters += (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U ? 1U : 0U;
    longest = std::max(longest, characters);
  }
  return longest;
}

TEST_F(AdminCommands, NoLineIsLongerThanATerminalUnlessItIsAskedFor) {
  const std::string text = "a sentence with words " + std::string(300, 'y') + " and more of them";
  fake_.tenants.mutable_tenants(0)->set_context_id(std::string(64, 'T'));
  fake_.tenants.mutable_tenants(0)->set_pause_reason(text);
  AddTable("größe" + std::string(200, 't'), 9'223'372'036'854'775'807, 1'234'567'890'123, "repopulate");
  fake_.events.mutable_events(0)->set_message(text);
  fake_.events.mutable_events(0)->set_context_id(std::string(64, 'T'));
  v1::KeyInfo* const key = fake_.keys.add_keys();
  key->set_key_id("source-1");
  key->set_issuer(text);
  key->set_thumbprint(std::string(64, 'A'));
  v1::DiagnoseResponse::Store* const store = fake_.diagnosis.add_stores();
  store->set_context_id(std::string(64, 'T'));
  store->set_detail(text);
  v1::Hold* const hold = fake_.holds.add_holds();
  hold->set_context_id(std::string(64, 'T'));
  hold->set_table(text);
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"tenants"}, {"tables", "a"}, {"events"}, {"keys"}, {"diagnose"}, {"hold", "list"}}) {
    const std::string output = Run(command).output;
    EXPECT_LE(LongestLine(output), 100U) << output;
    std::vector<std::string> wide = command;
    wide.emplace_back("--wide");
    EXPECT_GT(LongestLine(Run(wide).output), 100U) << command[0];
  }
  // What wraps is all there.
  EXPECT_THAT(Run({"events"}).output, HasSubstr("and more of them\n"));
}

TEST_F(AdminCommands, HoldsNameTheirTableAndOneIsShownWithWhatDecidesIt) {
  v1::Hold* hold = fake_.holds.add_holds();
  hold->set_context_id("Cust26759");
  hold->set_hold_id(3);
  hold->set_kind("deletes");
  hold->set_table("contact");
  hold->set_rows(12'000);
  hold->set_rows_before(15'607);
  hold->set_state("waiting");
  hold->set_since_ms(1'714'564'800'000);
  hold->set_reason("12,000 of 15,607 rows of table 'contact' would be deleted");
  EXPECT_THAT(Run({"hold", "list"}).output,
              testing::ContainsRegex("^hold         kind     state      rows      of  since  table\n"
                                     "Cust26759:3  deletes  waiting  12,000  15,607  [0-9]+ d +contact\n$"));
  const Finished shown = Run({"hold", "show", "Cust26759:3"});
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_THAT(
      shown.output,
      AllOf(HasSubstr("rows          12,000 of 15,607\n"), HasSubstr("since         2024-05-01T12:00:00Z\n"),
            HasSubstr("reason        12,000 of 15,607"), HasSubstr("mirrorctl hold commit Cust26759:3\n")));
  EXPECT_EQ(Json::parse(Run({"hold", "show", "Cust26759:3", "--json"}).output)["table"], "contact");
  EXPECT_THAT(shown.output, HasSubstr("keys          not shown: "));
  EXPECT_EQ(Run({"hold", "show", "Cust26759:4"}).exit_code, 1);
  EXPECT_EQ(Run({"hold", "show", "Cust26759"}).exit_code, 2);
  EXPECT_THAT(fake_.Calls(), testing::Contains(R"(ListHolds context_id: "Cust26759" with_keys: true)"));
}

TEST_F(AdminCommands, AHoldNamesItsKeysToOperatorsAndHowManyMoreThereAre) {
  v1::Hold* hold = fake_.holds.add_holds();
  hold->set_context_id("Cust26759");
  hold->set_hold_id(3);
  hold->set_kind("population");
  hold->set_table("contact");
  hold->set_rows(12'002);
  for (const char* const key : {"17", "'Ada', \x1b[2J"}) hold->add_keys(key);
  const Finished shown = Run({"hold", "show", "Cust26759:3"});
  EXPECT_THAT(shown.output, HasSubstr("\nkeys          17\n              'Ada', \\x1b[2J\n"
                                      "              and 12,000 more\nallow once "));
  EXPECT_EQ(Json::parse(Run({"hold", "show", "Cust26759:3", "--json"}).output)["keys"].size(), 2U);
  EXPECT_THAT(Run({"hold", "list"}).output, Not(HasSubstr("Ada")));
  hold->set_rows(2);
  EXPECT_THAT(Run({"hold", "show", "Cust26759:3"}).output, Not(HasSubstr("more")));
  // Whoever may only look sees the rest of it.
  fake_.viewer = true;
  hold->clear_keys();
  const Finished looked = Run({"hold", "show", "Cust26759:3"});
  EXPECT_EQ(looked.exit_code, 0);
  EXPECT_THAT(looked.output, AllOf(HasSubstr("table         contact\n"), HasSubstr("not shown: ")));
}

TEST_F(AdminCommands, ABackupIsMadeByServersOfNowAndOfBefore) {
  fake_.backup.set_bytes(3 << 19);
  v1::BackupProgress& step = fake_.backup_steps.emplace_back();
  step.set_doing("copying");
  step.set_done(1 << 20);
  step.set_all(3 << 19);
  const Finished made = Run({"backup", "Cust26759", "/backup/a.db"});
  EXPECT_EQ(made.exit_code, 0) << made.errors;
  EXPECT_EQ(made.output, "copied        1.5MiB\nfile          /backup/a.db on the server's machine\n");
  EXPECT_EQ(made.errors, "") << "it took less than ten seconds, and nobody looks on";
  // A relative path is meant from here, and is told as it was sent.
  const std::string here = std::filesystem::current_path().string() + "/a.db";
  EXPECT_THAT(Run({"backup", "Cust26759", "./a.db"}).output,
              HasSubstr("\nfile          " + here + " on the server's"));
  EXPECT_THAT(fake_.Calls().back(), HasSubstr("path: \"" + here + "\""));
  EXPECT_THAT(Run({"backup", "Cust26759", "--drill"}).output, Not(HasSubstr("file  ")));
  fake_.of_before = true;
  EXPECT_EQ(Run({"backup", "Cust26759", "/backup/a.db"}).output, made.output);
  EXPECT_THAT(fake_.Calls().back(), StartsWith("Backup context_id"));
  fake_.of_before = false;
  fake_.refusal = grpc::Status(grpc::StatusCode::ALREADY_EXISTS, "it is there");
  EXPECT_EQ(Run({"backup", "Cust26759", "/backup/a.db"}).errors, "mirrorctl: ALREADY_EXISTS: it is there\n");
}

TEST_F(AdminCommands, ATenantThatIsSpelledOtherwiseIsToldAndNamedAsItIs) {
  const std::string same = Run({"tables", "Cust26759"}).output;
  fake_.spelled = "Cust26759";
  const Finished looked = Run({"tables", "cust26759"});
  EXPECT_EQ(looked.exit_code, 0);
  EXPECT_EQ(looked.output, same);
  EXPECT_EQ(looked.errors, "mirrorctl: 'cust26759' is the tenant 'Cust26759'\n");
  EXPECT_EQ(Run({"delete", "cust26759", "--confirm", "cust26759"}).output,
            "the mirror of Cust26759 is deleted; its source is told not to replicate until 'mirrorctl allow "
            "Cust26759'\n");
}

TEST_F(AdminCommands, ATenantOrTableThatThereIsNotIsAnsweredWithTheOneThatWasMeant) {
  fake_.not_found = "it is not there. Nothing was changed";
  for (const auto& [line, meant] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"pause", "Cust26795"}, "Did you mean 'Cust26759'?\n"},
           {{"reset", "Cust26759", "--table", "contcat"}, "Did you mean 'contact'?\n"},
           {{"invalidate", "Cust26759", "--table", "contact", "--table", "grösse"},
            "Did you mean 'größe'?\n"},
           {{"delete", "Cus26759", "--confirm", "Cus26759"}, "Did you mean 'Cust26759'?\n"},
           {{"backup", "Cust2675", "/backup/a.db"}, "Did you mean 'Cust26759'?\n"},
           {{"restore", "Cust2675", "/backup/a.db", "--confirm", "Cust2675"}, "Did you mean 'Cust26759'?\n"},
           {{"restore", "Cust26759", "/backup/a.db", "--confirm", "Cust26759"}, ""},
           {{"pause", "Nobody"}, ""},
           {{"reset", "Cust26759", "--table", "frobnicate"}, ""},
           {{"reset", "Cust26759", "--table", "contact"}, ""}}) {
    const Finished run = Run(line);
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_EQ(run.errors, "mirrorctl: NOT_FOUND: it is not there. Nothing was changed\n" + meant)
        << line.back();
  }
  fake_.not_found.clear();
  fake_.restore_refusal = grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "it is no mirror");
  EXPECT_EQ(Run({"restore", "Cust2675", "/crm.db", "--confirm", "Cust2675"}).errors,
            "mirrorctl: FAILED_PRECONDITION: it is no mirror\nDid you mean 'Cust26759'?\n");
  // Only then somebody else is asked for anything.
  const std::size_t before = fake_.Calls().size();
  EXPECT_EQ(Run({"pause", "Cust26759"}).exit_code, 0);
  EXPECT_EQ(fake_.Calls().size(), before + 1);
}

TEST_F(AdminCommands, SentencesFitATerminalAndAreWhole) {
  const std::string tenant = "Cust-" + std::string(55, 'x');
  const std::string words =
      "the disk did not keep what was written, so that nobody knows what the file holds; 'mirrorctl "
      "restore' puts a copy there, and 'mirrorctl reset' sets it aside";
  const std::string path = "/var/lib/partner-mirror/data/Mirror_" + tenant + ".db.kept-2026-11-22T06:55:00Z";
  fake_.tenants.mutable_tenants(0)->set_context_id(tenant);
  fake_.tenants.mutable_tenants(0)->set_quarantine(words);
  fake_.reset.set_kept_path(path);
  fake_.reset.add_tables("contact");
  fake_.restored.set_kept_path(path);
  v1::Hold* const hold = fake_.holds.add_holds();
  hold->set_hold_id(3);
  hold->set_context_id(tenant);
  hold->set_kind("deletes");
  hold->set_table("contact");
  hold->set_reason(words);
  hold->add_keys("'" + std::string(60, 'k') + "'");
  for (const auto& [line, said] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"tenants"}, tenant + ": " + words},
           {{"reset", tenant, "--all", "--confirm", tenant}, path},
           {{"restore", tenant, "/backup/a.db", "--confirm", tenant}, path},
           {{"hold", "show", tenant + ":3"}, "reason        " + words},
           {{"pause", tenant}, "'mirrorctl resume " + tenant + "'"},
           {{"delete", tenant, "--confirm", tenant}, "'mirrorctl allow " + tenant + "'"}}) {
    const Finished run = Run(line);
    SCOPED_TRACE(line.front());
    EXPECT_EQ(run.exit_code, 0) << run.errors;
    EXPECT_THAT(run.output + run.errors, HasSubstr(said));
    // The path alone is longer than a line.
    EXPECT_LE(run.width, said == path ? path.size() + kHangingIndent + 1 : kTextWidth)
        << run.output << run.errors;
  }
  fake_.refusal = grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, words);
  const Finished refused = Run({"tables", tenant});
  EXPECT_EQ(refused.errors, "mirrorctl: FAILED_PRECONDITION: " + words + "\n");
  EXPECT_LE(refused.width, kTextWidth);
}

TEST(BackupProgressTest, ALineIsDrawnOverOnATerminalAndComesEveryTenSecondsElsewhere) {
  static std::chrono::steady_clock::time_point now;
  const auto clock = [] { return now; };
  v1::BackupProgress step;
  step.set_doing("copying");
  step.set_all(5'000ULL << 20);
  std::ostringstream terminal, file;
  BackupProgress drawn(terminal, true, clock), written(file, false, clock);
  for (int i = 0; i < 4; ++i) {
    step.set_done(step.all() / 4 * static_cast<std::uint64_t>(i));
    drawn.Show(step);
    written.Show(step);
    now += std::chrono::seconds(5);
  }
  step.set_doing("comparing");
  step.set_done(2);
  step.set_all(7);
  drawn.Show(step);
  drawn.Clear();
  written.Clear();
  EXPECT_EQ(terminal.str(),
            "\r\x1b[Kcopying  0 of 5,000 MiB  0 %\r\x1b[Kcopying  1,250 of 5,000 MiB  25 %"
            "\r\x1b[Kcopying  2,500 of 5,000 MiB  50 %\r\x1b[Kcopying  3,750 of 5,000 MiB  75 %"
            "\r\x1b[Kcomparing  2 of 7 tables  28 %\r\x1b[K");
  EXPECT_EQ(file.str(), "copying  2,500 of 5,000 MiB  50 %\n");
}

TEST_F(AdminCommands, EventsAreAskedForBySeverityKindAndAge) {
  EXPECT_EQ(Run({"events", "--severity", "warning", "--kind", "cycle.*"}).exit_code, 0);
  EXPECT_EQ(Run({"events", "Cust26759", "--since", "12h"}).exit_code, 0);
  const std::vector<std::string> calls = fake_.Calls();
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0], R"(ListEvents limit: 100 severity: SEVERITY_WARNING kind: "cycle.*")");
  EXPECT_THAT(calls[1], testing::ContainsRegex("since_ms: [0-9]{13}"));
  for (const char* const wrong : {"12", "h", "-1h", "1y", "99999999999999999999d", "4000d"}) {
    EXPECT_EQ(Run({"events", std::string("--since=") + wrong}).exit_code, 2) << wrong;
  }
  EXPECT_EQ(Run({"events", "--severity", "loud"}).exit_code, 2);
  EXPECT_EQ(fake_.Calls().size(), 2U);
}

TEST_F(AdminCommands, WhatLosesRowsAsksOnceMoreAndSaysWhereTheOldFileIs) {
  fake_.restored.set_tables(1'234);
  fake_.restored.set_bytes(3 << 19);
  fake_.restored.set_kept_path("/data/Mirror_a.db.replaced-1");
  fake_.reset.set_kept_path("/data/Mirror_a.db.reset-1");
  EXPECT_EQ(Run({"restore", "a", "/copy.db"}).exit_code, 2);
  EXPECT_EQ(Run({"restore", "a", "/copy.db", "--confirm", "b"}).exit_code, 2);
  EXPECT_EQ(Run({"reset", "a", "--all"}).exit_code, 2);
  EXPECT_THAT(fake_.Calls(), IsEmpty());
  EXPECT_THAT(
      Run({"restore", "a", "/copy.db", "--confirm", "a"}).output,
      AllOf(StartsWith("a is restored: 1,234 tables, 1.5MiB;"), HasSubstr("/data/Mirror_a.db.replaced-1")));
  EXPECT_THAT(Run({"reset", "a", "--all", "--confirm", "a"}).errors, HasSubstr("/data/Mirror_a.db.reset-1"));
  EXPECT_THAT(Run({"allow", "a"}).output, StartsWith("a may be mirrored again"));
  EXPECT_THAT(fake_.Calls(), ElementsAre(R"(Restore context_id: "a" path: "/copy.db" confirm: "a")",
                                         R"(ResetTable context_id: "a" all: true confirm: "a")",
                                         R"(AllowTenant context_id: "a")"));
}

TEST_F(AdminCommands, JsonHasTheFieldsOfTheMessages) {
  const Json tenants = Json::parse(Run({"tenants", "--json"}).output);
  ASSERT_EQ(tenants.size(), 2U);
  EXPECT_EQ(
      tenants[0].dump(),
      R"({"context_id":"Cust26759","issuer":"Development Source","environment":"","source_id":"",)"
      R"("cycle":7,"active":true,"last_progress_ms":0,"last_completed_ms":1714564800999,"paused":true,)"
      R"("pause_reason":"disk","tables":413,"tables_unpopulated":2,"bytes":1572864,"quarantine":"",)"
      R"("path":"","holds":0,"waiting_source_id":"","state":"paused","problem":false,"rows":1234567,)"
      R"("oldest_source_ms":0,"tables_differing":0,"failing_since_ms":0,"last_failed_ms":0,"failure":"",)"
      R"("tables_refused":0,"tables_unsent":0,"tables_late":0,"running_since_ms":0,"running_rows":0,)"
      R"("running_rows_planned":0,"rows_per_second":0,"door":null,"hub":null})");

  const Json tables = Json::parse(Run({"tables", "Cust26759", "--json"}).output);
  ASSERT_EQ(tables.size(), 3U);
  EXPECT_EQ(
      tables[1].dump(),
      R"({"table":"Order Details","position":{"lsn":-1,"lineage":""},"pending":{"lsn":130,"lineage":""},)"
      R"("schema_hash":"","row_count":-1,"state":"repopulate","columns":3,"cycle":7,)"
      R"("equality":"unknown","compared_lsn":0,"compared_ms":0,"rows_differ":0,"verify_wanted":false,)"
      R"("source_time_ms":0,"freshness_target_ms":0,"unsent":"","unsent_why":"","unsent_since_ms":0})");
  EXPECT_EQ(tables[2]["position"].dump(), R"({"lsn":9223372036854775807,"lineage":"01ff"})");
  EXPECT_TRUE(tables[2]["pending"].is_null());
  EXPECT_EQ(tables[2]["table"], "größe");

  const Json events = Json::parse(Run({"events", "--json"}).output);
  EXPECT_EQ(events[0].dump(),
            R"({"id":5,"time_ms":1714564800000,"context_id":"Cust26759","severity":"warning",)"
            R"("kind":"table.repopulate","message":"something happened"})");
}

TEST_F(AdminCommands, NothingIsAHeaderOrAnEmptyArray) {
  fake_.tables.Clear();
  EXPECT_EQ(Run({"tables", "Cust26759"}).output, "table  lsn  rows  state  pending  cycle  data  equality\n");
  EXPECT_EQ(Run({"tables", "Cust26759", "--json"}).output, "[]\n");
}

TEST_F(AdminCommands, TablesBeginWithTheNameAndHaveTheLsnAsAColumn) {
  const Finished run = Run({"tables", "Cust26759"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.output,
            "table                          lsn    rows  state       pending  cycle  data  equality\n"
            "contact                        120  15,607  mirrored          -      7  -     unknown\n"
            "Order Details                   -1       -  repopulate      130      7  -     unknown\n"
            "größe          9223372036854775807       0  mirrored          -      7  -     unknown\n");
  EXPECT_THAT(fake_.Calls(), ElementsAre(R"(ListTables context_id: "Cust26759")"));
}

TEST_F(AdminCommands, IndexesArePrintedAsSqlAndNothingInThemIsActedOn) {
  v1::TableIndexes& table = *fake_.indexes.add_tables();
  table.set_table("contact");
  v1::SourceIndex& index = *table.mutable_source_objects()->add_indexes();
  index.set_name("by_name");
  index.set_unique(true);
  index.add_columns()->set_name("name");
  table.add_lines("-- table \"contact\"");
  table.add_lines("CREATE INDEX IF NOT EXISTS \"by_name\" ON \"contact\" (\"name\");");
  table.add_lines("-- \x1b[2J");
  const Finished run = Run({"indexes", "Cust26759", "contact", "Order Details"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_EQ(run.output,
            "-- table \"contact\"\nCREATE INDEX IF NOT EXISTS \"by_name\" ON \"contact\" (\"name\");\n"
            "-- \\x1b[2J\n");
  EXPECT_THAT(
      fake_.Calls(),
      ElementsAre(R"(ListIndexes context_id: "Cust26759" tables: "contact" tables: "Order Details")"));
  fake_.indexes.set_follow(true);
  EXPECT_THAT(Run({"indexes", "Cust26759"}).output, HasSubstr("makes these indexes itself"));
  const Json json = Json::parse(Run({"indexes", "Cust26759", "--json"}).output);
  EXPECT_EQ(json["follow"], true);
  EXPECT_EQ(json["tables"][0]["indexes"].dump(),
            R"([{"name":"by_name","unique":true,"columns":[{"name":"name","descending":false,)"
            R"("collation":"BINARY"}]}])");
  EXPECT_EQ(json["tables"][0]["lines"].size(), 3U);
}

TEST_F(AdminCommands, NamesAreAskedForAsTheyStand) {
  fake_.invalidated.add_tables("contact");
  fake_.invalidated.add_tables("Order Details");
  const Finished run = Run({"invalidate", "Cust26759", "--table", "contact", "Order Details", "events",
                            "--table", "[a,b]", "--table=--x", "--json"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_EQ(Json::parse(run.output).dump(),
            R"([{"table":"contact","position":{"lsn":-1}},{"table":"Order Details","position":{"lsn":-1}}])");
  EXPECT_THAT(
      fake_.Calls(),
      ElementsAre(R"(InvalidateLsn context_id: "Cust26759" tables: "contact" tables: "Order Details" )"
                  R"(tables: "events" tables: "[a,b]" tables: "--x")"));
}

TEST_F(AdminCommands, AResetOfAMirrorThatIsGoneSaysWhatComesNext) {
  const std::vector<std::string> reset = {"reset", "Cust26759", "--all", "--confirm", "Cust26759"};
  const Finished gone = Run(reset);
  EXPECT_EQ(gone.exit_code, 0);
  EXPECT_EQ(gone.output, "");
  EXPECT_EQ(Unwrapped(gone.errors),
            "mirrorctl: the mirror of Cust26759 starts empty, and the next cycle populates it; there was no "
            "old mirror to keep\n");
  fake_.reset.set_kept_path("postgres://p1/mirror_aside_1");
  EXPECT_THAT(Unwrapped(Run(reset).errors),
              AllOf(HasSubstr("is kept on the server as postgres://p1/mirror_aside_1"),
                    HasSubstr("starts empty"), Not(HasSubstr("no old mirror"))));
}

TEST_F(AdminCommands, InvalidatedAndResetTablesAreListed) {
  fake_.invalidated.add_tables("contact");
  fake_.reset.add_tables("person");
  EXPECT_EQ(Run({"invalidate", "Cust26759", "--all"}).output, "table    lsn\ncontact   -1\n");
  EXPECT_EQ(Run({"reset", "Cust26759", "--table", "person"}).output, "table\nperson\n");
  EXPECT_EQ(
      Json::parse(Run({"reset", "--all", "Cust26759", "--confirm", "Cust26759", "--json"}).output).dump(),
      R"([{"table":"person"}])");
  EXPECT_THAT(fake_.Calls(),
              ElementsAre(R"(InvalidateLsn context_id: "Cust26759" all: true)",
                          R"(ResetTable context_id: "Cust26759" tables: "person")",
                          R"(ResetTable context_id: "Cust26759" all: true confirm: "Cust26759")"));
}

TEST_F(AdminCommands, PauseResumeAndDeleteSayWhatIsTrueNow) {
  EXPECT_THAT(Run({"pause", "Cust26759", "--reason", "disk is exchanged"}).output,
              AllOf(StartsWith("Cust26759 is paused"), HasSubstr("mirrorctl resume Cust26759")));
  EXPECT_THAT(Run({"resume", "Cust26759"}).output, StartsWith("Cust26759 is resumed"));
  EXPECT_EQ(Run({"delete", "Cust26759", "--confirm", "Cust26759"}).output,
            "the mirror of Cust26759 is deleted; its source is told not to replicate until 'mirrorctl allow "
            "Cust26759'\n");
  EXPECT_THAT(fake_.Calls(), ElementsAre(R"(PauseTenant context_id: "Cust26759" reason: "disk is exchanged")",
                                         R"(ResumeTenant context_id: "Cust26759")",
                                         R"(DeleteMirror context_id: "Cust26759" confirm: "Cust26759")"));
  fake_.paused.set_context_id("Cust26759");
  fake_.resumed.set_context_id("Cust26759");
  EXPECT_THAT(Run({"pause", "cUST26759"}).output,
              AllOf(StartsWith("Cust26759 is paused"), HasSubstr("'mirrorctl resume Cust26759'")))
      << "as the server writes it";
  EXPECT_THAT(Run({"resume", "cUST26759"}).output, StartsWith("Cust26759 is resumed"));
}

TEST_F(AdminCommands, EventsAreLines) {
  const Finished run = Run({"events", "--limit", "2"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.output,
            "time                  severity     tenant     kind              message\n"
            "2024-05-01T12:00:00Z  warning      Cust26759  table.repopulate  something happened\n"
            "2024-05-01T12:00:00Z  information  -          server.start      something happened\n");
  EXPECT_THAT(fake_.Calls(), ElementsAre("ListEvents limit: 2"));
}

TEST_F(AdminCommands, FollowGoesOnAfterTheLastEventUntilInterrupted) {
  for (const int signal : {SIGINT, SIGTERM}) {
    fake_.later_events.resize(1);
    AddEvent(&fake_.later_events[0], 12, "Cust26759", v1::SEVERITY_ERROR, "tenant.quarantine");
    auto process = Process::Start(
        {kBinary, {"--config", Config(), "events", "Cust26759", "--follow", "--json"}, {}, "", Path("err")});
    ASSERT_THAT(process, IsOk());
    ASSERT_THAT((*process)->WaitForLine(R"({"id":12,)"), IsOk());
    (*process)->Signal(signal);
    EXPECT_THAT((*process)->Wait(), IsOkAndHolds(0));
    EXPECT_THAT((*process)->Output(), AllOf(StartsWith(R"({"id":5,)"), HasSubstr("\n{\"id\":9,")));
    EXPECT_EQ((*process)->Errors(), "");
  }
  const std::vector<std::string> calls = fake_.Calls();
  ASSERT_EQ(calls.size(), 4U);
  EXPECT_EQ(calls[1], R"(WatchEvents context_id: "Cust26759" after_id: 9)");
}

TEST_F(AdminCommands, FollowFailsWhenTheServerEndsIt) {
  fake_.watch_ends = true;
  fake_.later_events.resize(1);
  AddEvent(&fake_.later_events[0], 12, "A tenant with a long name", v1::SEVERITY_ERROR, "x");
  const Finished run = Run({"events", "--follow"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.errors, HasSubstr("ended the watch"));
  EXPECT_EQ(
      std::vector<std::string>(absl::StrSplit(run.output, '\n'))[3],
      "2024-05-01T12:00:00Z  error        A tenant with a long name  x                 something happened");
}

TEST_F(AdminCommands, KeysAreReReadBeforeTheyAreShown) {
  v1::KeyInfo* key = fake_.keys.add_keys();
  key->set_issuer("Development Source");
  key->set_environment("development");
  key->set_key_id("source-1");
  key->set_algorithm("ES256");
  key->set_not_after(1'714'564'800);
  key->set_thumbprint("AB12");
  key->set_state("not yet valid");
  const Finished run = Run({"keys", "--reload", "--wide"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(
      run.output,
      "key_id    algorithm  not_before  not_after             thumbprint  environment  state          issuer"
      "\n"
      "source-1  ES256      -           2024-05-01T12:00:00Z  AB12        development  not yet valid  "
      "Development Source\n");
  EXPECT_EQ(Json::parse(Run({"keys", "--json"}).output)[0].dump(),
            R"({"issuer":"Development Source","environment":"development","key_id":"source-1",)"
            R"("algorithm":"ES256","not_before_ms":null,"not_after_ms":1714564800000,"thumbprint":"AB12",)"
            R"("state":"not yet valid"})");
  EXPECT_THAT(fake_.Calls(), ElementsAre("ReloadKeys", "ListKeys", "ListKeys"));
  key->clear_environment();
  key->clear_not_after();
  key->clear_thumbprint();
  EXPECT_THAT(Run({"keys", "--json"}).output,
              AllOf(HasSubstr("\"environment\": null"), HasSubstr("\"not_after_ms\": null"),
                    HasSubstr("\"thumbprint\": null")));
}

TEST_F(AdminCommands, ServersSayWhatTheyDoForAll) {
  v1::ServerInfo* server = fake_.servers.add_servers();
  server->set_server_id("0123456789abcdef0123456789abcdef");
  server->set_host("db1");
  server->set_address("10.0.0.1:7443");
  server->set_admin_address("127.0.0.1:7444");
  server->set_version("0.2.0");
  server->set_rules("00112233aabbccdd");
  server->set_clock_ahead_ms(-61'500);
  server->set_started_ms(1'714'564'800'000);
  server->set_silent_ms(21'000);
  server->add_duties("hooks");
  server->add_duties("summaries");
  server = fake_.servers.add_servers();
  server->set_server_id("1123456789abcdef0123456789abcdef");
  server->set_host("db2");
  server->set_address("10.0.0.2:7443");
  server->set_started_ms(1'714'564'800'000);
  server->set_here(true);
  const Finished run = Run({"servers", "--wide"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.errors, "");
  EXPECT_THAT(run.output,
              testing::ContainsRegex("^host +address +admin_address +version +up +seen +clock +rules +"
                                     "duties\n"
                                     "db1 +10.0.0.1:7443 +127.0.0.1:7444 +0.2.0 +[0-9]+ d +21 s ago +-61 s "
                                     "+00112233aabbccdd +hooks, summaries\n"
                                     "db2 +10.0.0.2:7443 .+ answers +\\+0 s .+\n$"));
  const Json json = Json::parse(Run({"servers", "--json"}).output);
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json[0].dump(),
            R"({"server_id":"0123456789abcdef0123456789abcdef","host":"db1","address":"10.0.0.1:7443",)"
            R"("admin_address":"127.0.0.1:7444","version":"0.2.0","rules":"00112233aabbccdd",)"
            R"("clock_ahead_ms":-61500,"started_ms":1714564800000,"silent_ms":21000,)"
            R"("duties":["hooks","summaries"],"closed_places":[],"here":false})");
  EXPECT_THAT(fake_.Calls(), ElementsAre("ListServers", "ListServers"));
}

TEST_F(AdminCommands, ServersOfOneHostAreToldApartWhereALineIsShort) {
  for (const char* const port : {"17443", "17453"}) {
    v1::ServerInfo* const server = fake_.servers.add_servers();
    server->set_server_id(absl::StrCat("0123456789abcdef0123456789a", port));
    server->set_host("mirror-machine");
    server->set_address(absl::StrCat("127.0.0.1:", port));
    server->set_admin_address("127.0.0.1:7444");
    server->set_version("0.2.0");
    server->set_rules("00112233aabbccdd");
    server->add_duties("summaries");
  }
  EXPECT_THAT(Run({"servers"}).output, AllOf(HasSubstr(" 127.0.0.1:17443 "), HasSubstr(" 127.0.0.1:17453 "),
                                             Not(HasSubstr("00112233aabbccdd"))));
}

TEST_F(AdminCommands, RulesAreNeverCutToWhatIsEqual) {
  for (const char* const rules : {"bb4acc98ac300379", "bb4acc98084562ba"}) {
    v1::ServerInfo* const server = fake_.servers.add_servers();
    server->set_host("a-machine-whose-name-is-long");
    server->set_address(absl::StrCat("10.0.0.", fake_.servers.servers_size(), ":7443"));
    server->set_admin_address("127.0.0.1:7444");
    server->set_version("0.2.0");
    server->set_rules(rules);
    server->add_duties("idle_cycles");
    server->add_duties("summaries");
  }
  fake_.servers.mutable_servers(0)->set_here(true);
  EXPECT_THAT(Run({"servers"}).output,
              AllOf(HasSubstr(" bb4acc98a "), HasSubstr(" bb4acc980 "),
                    HasSubstr("\nservers with other rules than the server that answers: "
                              "a-machine-whose-name-is-long at 10.0.0.2:7443\n")));
  fake_.servers.mutable_servers(1)->set_rules("bb4acc98ac300379");
  EXPECT_THAT(Run({"servers"}).output, AllOf(HasSubstr(" bb4acc9 "), Not(HasSubstr("other rules"))));
}

TEST_F(AdminCommands, AServerWithFilesSaysThatItIsTheOnlyOne) {
  fake_.servers.add_servers()->set_here(true);
  const Finished run = Run({"servers"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.errors, "mirrorctl: this server is the only one: its mirrors are files\n");
}

TEST_F(AdminCommands, DiagnosisNamesDamagedMirrors) {
  fake_.diagnosis.set_disk_free_bytes(5ULL << 30);
  fake_.diagnosis.set_fsync_us(210);
  fake_.diagnosis.set_open_tenants(1);
  fake_.diagnosis.set_open_tenants_max(64);
  v1::DiagnoseResponse::Store* store = fake_.diagnosis.add_stores();
  store->set_context_id("Cust26759");
  store->set_ok(true);
  store = fake_.diagnosis.add_stores();
  store->set_context_id("b");
  store->set_detail("page 3 is never used");
  const Finished run = Run({"diagnose"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.output,
            "disk free     5.0GiB\nfsync         210 us\nopen tenants  1 of 64\n\n"
            "tenant     store  detail\n"
            "Cust26759  ok     -\n"
            "b          bad    page 3 is never used\n");
  EXPECT_EQ(run.errors, "mirrorctl: warning: the mirror of b did not pass its check\n");
  const Finished json = Run({"diagnose", "b", "--json"});
  EXPECT_EQ(json.exit_code, 1);
  EXPECT_EQ(
      Json::parse(json.output).dump(),
      R"({"disk_free_bytes":5368709120,"fsync_us":210,"open_tenants":1,"open_tenants_max":64,)"
      R"("findings":[],"stores":[)"
      R"({"context_id":"Cust26759","ok":true,"detail":""},)"
      R"({"context_id":"b","ok":false,"detail":"page 3 is never used"}],"server_time_ms":0,"keys":[]})");
  EXPECT_THAT(fake_.Calls(), ElementsAre("Diagnose", R"(Diagnose context_id: "b")"));
}

TEST_F(AdminCommands, DiagnosisOfAFullDiskShowsWhatItKnows) {
  fake_.diagnosis.add_findings("the data folder 'd': making a file: No space left on device");
  v1::DiagnoseResponse::Store* const store = fake_.diagnosis.add_stores();
  store->set_context_id("Cust26759");
  store->set_ok(true);
  const Finished run = Run({"diagnose"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output,
              AllOf(HasSubstr("disk free     0B\nfsync         -\n"), HasSubstr("Cust26759  ok")));
  EXPECT_THAT(run.errors, HasSubstr("No space left on device"));
  EXPECT_THAT(Run({"diagnose", "--json"}).output, HasSubstr("No space left on device"));
}

TEST_F(AdminCommands, TablesSayHowEqualTheyAre) {
  v1::TableInfo& equal = *fake_.tables.mutable_tables(0);
  equal.set_equality(v1::EQUALITY_EQUAL);
  equal.set_compared_lsn(120);
  equal.set_compared_ms(1714564800000);
  v1::TableInfo& differs = *fake_.tables.mutable_tables(1);
  differs.set_equality(v1::EQUALITY_DIFFERS);
  differs.set_rows_differ(3);
  differs.set_compared_lsn(130);
  differs.set_compared_ms(1714564800000);
  differs.set_verify_wanted(true);
  fake_.tables.mutable_tables(2)->set_equality(v1::EQUALITY_COUNT_EQUAL);
  const std::string said = Run({"tables", "Cust26759", "--wide"}).output;
  // Only rows that were compared are called equal.
  EXPECT_THAT(said, HasSubstr("  same number of rows\n"));
  EXPECT_EQ(Json::parse(Run({"tables", "Cust26759", "--json"}).output)[2]["equality"], "same number of rows");
  // Its own LSN stands in its own column.
  EXPECT_THAT(said, testing::ContainsRegex("  equal, [0-9]+ d ago\n"));
  EXPECT_THAT(said, testing::ContainsRegex("  differs in 3 rows, [0-9]+ d ago at LSN 130; to be compared\n"));
}

TEST_F(AdminCommands, TablesSayAsOfWhenTheyAre) {
  v1::TableInfo& known = *fake_.tables.mutable_tables(0);
  known.set_source_time_ms(1714564800000);
  known.set_freshness_target_ms(60'000);
  EXPECT_THAT(Run({"tables", "Cust26759"}).output, testing::ContainsRegex("  [0-9]+ d, too old  "));
  EXPECT_EQ(Json::parse(Run({"tables", "Cust26759", "--json"}).output)[0]["source_time_ms"], 1714564800000);
}

TEST_F(AdminCommands, BackupNeedsAFileOrADrillAndAHoldItsNumber) {
  EXPECT_EQ(Run({"backup", "Cust26759"}).exit_code, 2);
  EXPECT_EQ(Run({"hold"}).exit_code, 2);
  EXPECT_EQ(Run({"hold", "commit", "7"}).exit_code, 2);
  EXPECT_EQ(Run({"hold", "commit", "Cust26759:x"}).exit_code, 2);
  EXPECT_THAT(fake_.Calls(), testing::IsEmpty());
}

TEST_F(AdminCommands, TerminalNeverActsOnANameOrText) {
  fake_.tables.Clear();
  AddTable(
      "\x1b[2J\x07"
      "a\nb\tc\x7f",
      1, 1,
      "\xc2\x9b"
      "31m");  // ESC, BEL, DEL, and CSI in one character.
  AddTable(
      "\xe2\x80\xae"
      "fdp.\xf0\x9f\x98\x80\\n",
      1, 1, "mirrored");  // Right-to-left override.
  EXPECT_EQ(Run({"tables", "Cust26759"}).output,
            "table                   lsn  rows  state      pending  cycle  data  equality\n"
            "\\x1b[2J\\x07a\\nb\\tc\\x7f    1     1  \\u009b31m        -      7  -     unknown\n"
            "\\u202efdp.\xf0\x9f\x98\x80\\n             1     1  mirrored         -      7  -     unknown\n");
  const std::string json = Run({"tables", "Cust26759", "--json"}).output;
  for (const char byte : json) EXPECT_TRUE((byte >= ' ' && byte < 0x7F) || byte == '\n') << +byte;
  EXPECT_EQ(Json::parse(json)[0]["table"],
            "\x1b[2J\x07"
            "a\nb\tc\x7f");

  fake_.refusal = grpc::Status(grpc::StatusCode::NOT_FOUND, "no tenant '\x1b]0;x\x07'");
  EXPECT_EQ(Run({"tables", "Cust26759"}).errors, "mirrorctl: NOT_FOUND: no tenant '\\x1b]0;x\\x07'\n");
}

TEST_F(AdminCommands, ARefusalIsTheServersWordsBehindTheStatus) {
  const std::vector<std::pair<grpc::StatusCode, std::string>> names = {
      {grpc::StatusCode::PERMISSION_DENIED, "PERMISSION_DENIED"},
      {grpc::StatusCode::NOT_FOUND, "NOT_FOUND"},
      {grpc::StatusCode::FAILED_PRECONDITION, "FAILED_PRECONDITION"},
      {grpc::StatusCode::INVALID_ARGUMENT, "INVALID_ARGUMENT"},
      {grpc::StatusCode::UNAVAILABLE, "UNAVAILABLE"},
      {grpc::StatusCode::DATA_LOSS, "DATA_LOSS"},
      {grpc::StatusCode::RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED"},
      {grpc::StatusCode::UNIMPLEMENTED, "UNIMPLEMENTED"}};
  for (const auto& [code, name] : names) {
    fake_.refusal = grpc::Status(code, "not today. Ask tomorrow.");
    const Finished run = Run({"tenants"});
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_EQ(run.output, "");
    EXPECT_EQ(run.errors, "mirrorctl: " + name + ": not today. Ask tomorrow.\n");
  }
}

TEST_F(AdminCommands, AServerThatStopsDuringACallIsSaidToStop) {
  fake_.refusal = grpc::Status(grpc::StatusCode::CANCELLED, "CANCELLED");
  EXPECT_THAT(Run({"tenants"}).errors, AllOf(HasSubstr("ended the call, probably because it is stopping"),
                                             HasSubstr("nothing was changed")));
  EXPECT_THAT(Run({"pause", "a"}).errors, HasSubstr("it is not known whether the command took effect"));
}

TEST_F(AdminCommands, EveryCommandTellsARefusal) {
  fake_.refusal = grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "the role is viewer");
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"tenants"},
                                             {"tables", "a"},
                                             {"invalidate", "a", "--all"},
                                             {"reset", "a", "--all", "--confirm", "a"},
                                             {"pause", "a"},
                                             {"resume", "a"},
                                             {"delete", "a", "--confirm", "a"},
                                             {"events"},
                                             {"events", "--follow"},
                                             {"keys"},
                                             {"keys", "--reload"},
                                             {"diagnose"}}) {
    const Finished run = Run(command);
    EXPECT_EQ(run.exit_code, 1) << command[0];
    EXPECT_EQ(run.output, "") << command[0];
    EXPECT_EQ(run.errors, "mirrorctl: PERMISSION_DENIED: the role is viewer\n") << command[0];
  }
}

TEST_F(AdminCommands, WrongUsageIsTwoAndAsksNothing) {
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"tables"},
                                             {"tables", "a", "b"},
                                             {"invalidate", "a"},
                                             {"invalidate", "a", "--table"},
                                             {"invalidate", "a", "--all", "--table", "t"},
                                             {"reset", "a"},
                                             {"reset", "--all"},
                                             {"delete", "a"},
                                             {"delete", "a", "--confirm", "b"},
                                             {"delete", "a", "--confirm", "A"},
                                             {"events", "--limit", "0"},
                                             {"events", "--limit", "1001"},
                                             {"events", "--limit", "-1"},
                                             {"tenants", "--watch", "Cust*"},
                                             {"tenants", "--unknown"}}) {
    const Finished run = Run(wrong);
    EXPECT_EQ(run.exit_code, 2) << wrong[0];
    EXPECT_EQ(run.output, "") << wrong[0];
    EXPECT_THAT(run.errors, Not(IsEmpty())) << wrong[0];
  }
  EXPECT_THAT(fake_.Calls(), IsEmpty());
  EXPECT_THAT(Run({"delete", "a", "--confirm", "b"}).errors, HasSubstr("Nothing was deleted"));
  EXPECT_THAT(Run({"tenants", "--watch", "Cust*"}).errors, HasSubstr("SECONDS follow --watch"));
}

TEST_F(AdminCommands, HelpOfResetSaysWhatIsLost) {
  EXPECT_THAT(Run({"reset", "--help"}).output, HasSubstr("the partner's indexes and triggers"));
}

TEST_F(AdminCommands, HelpHasAnExampleForEachCommand) {
  for (const char* command : {"tenants", "tables", "invalidate", "reset", "pause", "resume", "delete",
                              "events", "keys", "diagnose"}) {
    const Finished run = Run({command, "--help"});
    EXPECT_EQ(run.exit_code, 0);
    EXPECT_THAT(run.output, HasSubstr(std::string("mirrorctl --config dev/mirrorctl.toml ") + command));
  }
}

}  // namespace
}  // namespace mirror::admin_commands_test
