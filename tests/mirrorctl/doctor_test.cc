#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/text/wrapped_text.h"
#include "certs/issue.h"
#include "server/plan/move_mark.h"
#include "tests/mirrorctl/admin_endpoint.h"
#include "tests/support/installation.h"
#include "tests/support/mirror_file.h"
#include "tests/support/places.h"
#include "tests/support/sanitizers.h"
#include "tests/support/status_matchers.h"
#include "tools/mirrorctl/init/doctor_server.h"

// The real mirrorctl, the real server with TLS, a real source; each test breaks one thing.

namespace mirror::doctor_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::int64_t kDayS = 86'400;

/// What 'mirrorctl doctor' said.
struct Said {
  int exit_code = -1;
  std::string output, errors;
  std::vector<std::pair<std::string, std::string>> steps;  ///< "FAIL admin port" to words and what to do.
};

Said Read(const Finished& run) {
  Said said = {run.exit_code, run.output, run.errors, {}};
  const auto list = nlohmann::json::parse(run.output, nullptr, /*allow_exceptions=*/false);
  if (list.is_discarded()) return said;
  for (const auto& step : list) {
    const std::string outcome = step["outcome"], todo = step["do"];
    EXPECT_EQ(todo.empty(), outcome == "OK" || outcome == "SKIP") << run.output;
    said.steps.emplace_back(absl::StrCat(outcome, " ", std::string(step["step"])),
                            absl::StrCat(std::string(step["words"]), " DO ", todo));
  }
  return said;
}

/// Steps that need doing or were skipped.
std::vector<std::string> Needy(const Said& said) {
  std::vector<std::string> needy;
  for (const auto& [step, words] : said.steps) {
    if (!step.starts_with("OK")) needy.push_back(step);
  }
  return needy;
}

class Doctor : public testing::Test {
 protected:
  void Make(const InstallationOptions& more = {}) {
    InstallationOptions options = more;
    options.bin_dir = BinDir();
    auto made = Installation::Init(options);
    ASSERT_THAT(made, IsOk());
    here_ = *std::move(made);
    WriteFileText(Path("crm.db"), "");
    ASSERT_EQ(
        Sql("CREATE TABLE contact (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO contact VALUES (1, 'a');"
            "CREATE TABLE person (id INTEGER PRIMARY KEY, code TEXT UNIQUE)"),
        "");
  }
  /// Also starts the server and installs the change log.
  void Begin(const InstallationOptions& more = {}) {
    Make(more);
    ASSERT_THAT(here_->Start(), IsOk());
    Agent("install");
  }

  std::string Sql(const std::string& sql) const {
    return MirrorFile(here_->dir() + "/crm.db", "x").Execute(sql);
  }
  std::string Path(const std::string& name) const { return here_->dir() + "/" + name; }
  PairFiles Files(const std::string& stem) const { return {Path(stem + ".crt"), Path(stem + ".key")}; }
  static IssueOptions For(int days, std::int64_t from_s = 0) {
    IssueOptions options;
    options.days = days;
    options.now_s = from_s;
    options.replace = true;
    return options;
  }
  std::string Toml(const std::string& name) const { return ReadFileText(Path(name)); }
  void Replace(const std::string& name, const std::string& from, const std::string& to) const {
    const std::string text = Toml(name);
    ASSERT_THAT(text, HasSubstr(from));
    WriteFileText(Path(name), absl::StrReplaceAll(text, {{from, to}}));
  }

  /// mirror-agent.toml with the server's port and the source.
  std::string AgentToml() const {
    const std::string text = Toml("mirror-agent.toml");
    const std::string file = Path("agent.toml");
    WriteFileText(file, absl::StrCat(absl::StrReplaceAll(text, {{"127.0.0.1:7443", here_->address()}}),
                                     "[[source]]\ncontext_id = \"Cust\"\npath = \"crm.db\"\n"));
    return file;
  }
  Finished Agent(const std::string& command) const {
    return RunProgram(here_->program("mirror-agent"), {command, "--config", AgentToml()});
  }
  Said Examine(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"doctor", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Read(here_->Mirrorctl(arguments));
  }
  /// As on a source's machine, which has no mirrorctl.toml.
  Said ExamineSourceAlone() const {
    return Read(RunProgram(here_->program("mirrorctl"), {"doctor", "--json", "--source", AgentToml()}));
  }
  Said ExamineAll() const { return Examine({"--source", AgentToml()}); }

  std::unique_ptr<Installation> here_;
};

TEST_F(Doctor, WhatIsWellIsSaidLineByLineAndNeedsNothing) {
  Begin();
  ASSERT_EQ(Agent("once").exit_code, 0);
  const Finished run = here_->Mirrorctl({"doctor", "--source", AgentToml()});
  EXPECT_EQ(run.exit_code, 0) << run.output;
  EXPECT_EQ(run.errors, "");
  EXPECT_LE(run.width, kTextWidth) << run.output;
  for (const char* const step : {"configuration",  "admin name",        "admin port",
                                 "admin TLS",      "admin certificate", "admin identity",
                                 "admin call",     "server clock",      "server disk",
                                 "server sync",    "mirrors",           "server keys",
                                 "HTTP door",      "tenants",           "endpoint name",
                                 "endpoint port",  "endpoint TLS",      "endpoint certificate",
                                 "source key",     "application",       "source's keys",
                                 "Cust proof",     "endpoint clock",    "Cust database",
                                 "Cust change log"}) {
    EXPECT_THAT(run.output, HasSubstr(absl::StrCat("OK    ", step, " "))) << step;
  }
  EXPECT_THAT(run.output, HasSubstr(absl::StrCat("'", Path("mirrorctl.toml"), "' and '", AgentToml(), "'")));
  EXPECT_THAT(run.output, AllOf(HasSubstr("1 passes the integrity check"), HasSubstr("proved itself"),
                                HasSubstr("2 tables are logged as install left it"),
                                HasSubstr("steps, nothing needs doing\n"), Not(HasSubstr("do:"))));
  // It only asked: no cycle began, and none was ended.
  EXPECT_EQ(Agent("once").exit_code, 0);
}

TEST_F(Doctor, AServerThatIsDownIsTheOnlyThingToMend) {
  Begin();
  ASSERT_THAT(here_->Stop(), IsOkAndHolds(0));
  const Said said = ExamineAll();
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.steps,
              Contains(testing::Pair("FAIL admin port", AllOf(HasSubstr("Connection refused"),
                                                              HasSubstr("check that mirror-server runs")))));
  EXPECT_THAT(said.steps, Contains(testing::Pair("FAIL endpoint port", HasSubstr("[listen]"))));
  EXPECT_THAT(
      Needy(said),
      testing::ElementsAre("FAIL admin port", "SKIP admin TLS", "SKIP admin certificate", "SKIP admin call",
                           "SKIP server clock", "SKIP server disk", "SKIP server sync", "SKIP mirrors",
                           "SKIP server keys", "SKIP HTTP door", "SKIP tenants", "FAIL endpoint port",
                           "SKIP endpoint TLS", "SKIP endpoint certificate", "SKIP Cust proof"));
  EXPECT_THAT(said.steps,
              Contains(testing::Pair("SKIP Cust proof", HasSubstr("because 'endpoint port' failed"))));
  EXPECT_THAT(said.steps, Contains(testing::Pair("OK Cust change log", HasSubstr("2 tables"))));
  const Finished lines = here_->Mirrorctl({"doctor", "--source", AgentToml()});
  EXPECT_LE(lines.width, kTextWidth) << lines.output;
}

TEST_F(Doctor, ANameThatNobodyKnowsIsTheFirstStep) {
  Make();
  Replace("mirrorctl.toml", "address = \"127.0.0.1:7444\"", "address  = \"mirror.invalid:7444\"");
  const Said said = Examine();
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.steps, Contains(testing::Pair("FAIL admin name",
                                                 AllOf(HasSubstr("'mirror.invalid' cannot be resolved"),
                                                       HasSubstr("correct 'address'")))));
  EXPECT_THAT(said.steps, Contains(testing::Pair("SKIP admin port", HasSubstr("'admin name' failed"))));
}

TEST_F(Doctor, AnotherAuthorityIsNotBelieved) {
  Begin();
  std::filesystem::copy_file(Path("tls/ca.crt"), Path("admin/ca.crt"),
                             std::filesystem::copy_options::overwrite_existing);
  const Said said = Examine();
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.steps, Contains(testing::Pair("FAIL admin TLS", AllOf(HasSubstr("is not trusted"),
                                                                         HasSubstr("admin/ca.crt'")))));
  EXPECT_THAT(Needy(said), Contains("SKIP admin call"));
}

TEST_F(Doctor, APortWithoutTlsIsAnotherPort) {
  InstallationOptions options;
  options.settings = {{"listen", "plaintext", "true"}};
  Begin(options);
  // With two spaces: else the fixture puts the administration's address there.
  Replace("mirrorctl.toml", "address = ", absl::StrCat("address  = \"", here_->address(), "\"  # "));
  const Said said = Examine();
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.steps, Contains(testing::Pair(
                              "FAIL admin TLS", AllOf(HasSubstr("no TLS handshake"), HasSubstr("[admin]")))));
}

TEST_F(Doctor, AnExpiredServerCertificateIsSeenInTheHandshake) {
  Begin();
  // Put under the server while it runs, which looks at its files each second: with such a one it would not
  // start.
  ASSERT_THAT(IssueServer(Files("admin/server"), Files("admin/ca"), "mirror-admin", {},
                          For(5, std::time(nullptr) - 20 * kDayS)),
              IsOk());
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  Said said;
  do {
    said = Examine();
  } while (said.steps[3].first != "FAIL admin TLS" && std::chrono::steady_clock::now() < deadline);
  EXPECT_THAT(said.steps,
              Contains(testing::Pair("FAIL admin TLS", AllOf(HasSubstr("certificate has expired"),
                                                             HasSubstr("issue-tls --listener admin")))));
  EXPECT_THAT(said.steps, Contains(testing::Pair("FAIL admin certificate",
                                                 AllOf(HasSubstr("expired"), HasSubstr("days ago")))));
}

TEST_F(Doctor, WhatExpiresWithinAMonthIsToldByEverybody) {
  Make();
  const IssueOptions soon = For(20);
  ASSERT_THAT(IssueCa(Files("admin/ca"), "Test admin CA", soon), IsOk());
  ASSERT_THAT(IssueServer(Files("admin/server"), Files("admin/ca"), "mirror-admin", {}, soon), IsOk());
  ASSERT_THAT(IssueAdmin(Files("admin/operator"), Files("admin/ca"), "operator", Role::kOperator, soon),
              IsOk());
  ASSERT_THAT(IssueSigningKey({Path("issuers/development/source-2.crt"), Path("source/source-2.key")},
                              "source-2", Algorithm::kEs256, soon),
              IsOk());
  ASSERT_THAT(IssueSigningKey({Path("issuers/development/source-0.crt"), Path("source/source-0.key")},
                              "source-0", Algorithm::kEs256, For(5, std::time(nullptr) - 20 * kDayS)),
              IsOk());
  ASSERT_THAT(IssueSigningKey(Files("application/application-1"), "application-1", Algorithm::kEs256, soon),
              IsOk());
  ASSERT_THAT(here_->Start(), IsOk());
  Agent("install");
  ASSERT_EQ(Agent("once").exit_code, 0);
  const Said said = ExamineAll();
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.steps, Contains(testing::Pair("WARN admin certificate",
                                                 AllOf(HasSubstr(" days"), HasSubstr("--replace")))));
  EXPECT_THAT(said.steps, Contains(testing::Pair("WARN admin identity's end", HasSubstr("issue-operator"))));
  EXPECT_THAT(said.steps, Contains(testing::Pair("WARN server keys", AllOf(HasSubstr("source source-2"),
                                                                           HasSubstr("issue-source")))));
  EXPECT_THAT(said.steps, Contains(testing::Pair("FAIL server keys", HasSubstr("source source-0"))));
  EXPECT_THAT(said.steps, Contains(testing::Pair("WARN server keys", HasSubstr("application-1.crt"))));
  EXPECT_THAT(said.steps, Contains(testing::Pair("WARN source's keys", HasSubstr("application-1.crt"))));
  EXPECT_THAT(said.steps, Contains(testing::Pair("OK Cust proof", HasSubstr("proved itself"))));

  EXPECT_THAT(said.steps, Contains(testing::Pair("WARN admin authority", HasSubstr("admin/ca.crt'"))));
  EXPECT_THAT(said.steps, Contains(testing::Pair("WARN server keys", HasSubstr("admin_ca "))));

  // The server told at its start, and does not tell again at a reload.
  ASSERT_EQ(here_->Mirrorctl({"keys", "--reload"}).exit_code, 0);
  const auto events = nlohmann::json::parse(here_->Mirrorctl({"events", "--json"}).output);
  std::map<std::string, int> told;
  for (const auto& event : events) {
    if (event["kind"] != "key.expires") continue;
    for (const char* const name : {"source-2", "source-0", "application-1.crt", "admin/server.crt"}) {
      if (absl::StrContains(std::string(event["message"]), name)) ++told[name];
    }
    const bool over = absl::StrContains(std::string(event["message"]), "source-0");
    EXPECT_EQ(event["severity"], over ? "error" : "warning") << event;
  }
  EXPECT_EQ(told, (std::map<std::string, int>{
                      {"source-2", 1}, {"source-0", 1}, {"application-1.crt", 1}, {"admin/server.crt", 1}}));
  // And so does the agent.
  EXPECT_THAT(Agent("once").errors,
              HasSubstr("mirror-agent: warning: '" + Path("application/application-1.crt")));
}

TEST_F(Doctor, AnExpiredIdentityIsNotShownAndCallsAreSkipped) {
  Begin();
  ASSERT_THAT(IssueAdmin(Files("admin/operator"), Files("admin/ca"), "operator", Role::kOperator,
                         For(5, std::time(nullptr) - 20 * kDayS)),
              IsOk());
  const Said said = Examine();
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.steps, Contains(testing::Pair("OK admin TLS", HasSubstr("is trusted"))));
  EXPECT_THAT(said.steps, Contains(testing::Pair("FAIL admin identity", AllOf(HasSubstr("is valid from"),
                                                                              HasSubstr("issue-operator")))));
  EXPECT_THAT(said.steps, Contains(testing::Pair("SKIP admin call", HasSubstr("'admin identity' failed"))));
}

TEST_F(Doctor, AClockThatIsBehindIsTheOnlyFinding) {
  Begin();
  // As from a machine that is two hours ahead of this one: certificates are valid from an hour before.
  ASSERT_THAT(IssueAdmin(Files("admin/operator"), Files("admin/ca"), "operator", Role::kOperator,
                         For(5, std::time(nullptr) + 2 * 3'600)),
              IsOk());
  const Said said = ExamineAll();
  EXPECT_EQ(said.exit_code, 1);
  ASSERT_EQ(said.steps.size(), 3U);
  EXPECT_EQ(said.steps[1].first, "FAIL clock here");
  EXPECT_THAT(said.steps[1].second, testing::ContainsRegex("the clock is behind by (59|60) min or more"));
  EXPECT_EQ(said.steps[2].first, "SKIP everything else");
}

TEST_F(Doctor, AClockThatIsBehindIsTheOnlyFindingAtASourceToo) {
  Begin();
  ASSERT_THAT(IssueSigningKey(Files("application/application-1"), "application-1", Algorithm::kEs256,
                              For(5, std::time(nullptr) + 2 * 3'600)),
              IsOk());
  for (const Said& said : {ExamineSourceAlone(), ExamineAll()}) {
    EXPECT_EQ(said.exit_code, 1);
    ASSERT_EQ(said.steps.size(), 3U) << said.output;
    EXPECT_EQ(said.steps[1].first, "FAIL clock here");
    EXPECT_THAT(said.steps[1].second,
                AllOf(HasSubstr("application-1.crt"), HasSubstr("the clock is behind by")));
    EXPECT_EQ(said.steps[2].first, "SKIP everything else");
  }
}

TEST_F(Doctor, AServersCertificateThatHasNotBegunSpeaksOfTheClockFirst) {
  Begin();
  ASSERT_THAT(IssueServer(Files("tls/server"), Files("tls/ca"), "mirror-server", {},
                          For(5, std::time(nullptr) + 2 * 3'600)),
              IsOk());
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  Said said;
  do {
    said = ExamineSourceAlone();
  } while (said.steps[3].first != "FAIL endpoint TLS" && std::chrono::steady_clock::now() < deadline);
  EXPECT_THAT(said.steps, Contains(testing::Pair("FAIL endpoint TLS",
                                                 AllOf(HasSubstr("this machine's clock may be behind"),
                                                       HasSubstr("set the clock by a time service"),
                                                       HasSubstr("if the clock is right")))));
}

TEST_F(Doctor, AnIdentityOfAnotherAuthorityIsRefusedByTheServer) {
  Begin();
  ASSERT_THAT(IssueAdmin(Files("admin/operator"), Files("tls/ca"), "operator", Role::kOperator, For(100)),
              IsOk());
  const Said said = Examine();
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.steps, Contains(testing::Pair("FAIL admin TLS",
                                                 AllOf(HasSubstr("ended the connection after the handshake"),
                                                       HasSubstr("client_ca")))));
  ASSERT_THAT(here_->Stop(), IsOkAndHolds(0));
  EXPECT_THAT(Examine().steps, Contains(testing::Pair("WARN admin identity", HasSubstr("is not signed by"))));
}

TEST_F(Doctor, AnIdentityWithoutARoleOrOpenToOthersIsNone) {
  Begin();
  chmod(Path("admin/operator.key").c_str(), 0644);
  EXPECT_THAT(Examine().steps, Contains(testing::Pair("FAIL admin identity", HasSubstr("others may read"))));
  ASSERT_THAT(IssueClient(Files("admin/operator"), Files("admin/ca"), "operator", For(100)), IsOk());
  EXPECT_THAT(Examine().steps,
              Contains(testing::Pair("FAIL admin identity",
                                     AllOf(HasSubstr("names 0 URIs"), HasSubstr("mirror:role:viewer")))));
  // A viewer may look.
  ASSERT_THAT(IssueAdmin(Files("admin/operator"), Files("admin/ca"), "eve", Role::kViewer, For(100)), IsOk());
  EXPECT_EQ(Examine().exit_code, 0);
}

TEST_F(Doctor, WhatTheAgentsUserMayNotWriteIsNamed) {
  if (geteuid() != 0) GTEST_SKIP() << "asks for another user";
  Begin();
  constexpr uid_t kAgentId = 61'002;
  ASSERT_EQ(chown(Path("agent-state").c_str(), kAgentId, kAgentId), 0);
  const std::string above = std::filesystem::path(here_->dir()).parent_path().string();
  ASSERT_EQ(chmod(above.c_str(), 0755), 0);
  const auto found = [&] { return ExamineAll().steps; };
  EXPECT_THAT(found(),
              Contains(testing::Pair(
                  "FAIL Cust database",
                  AllOf(HasSubstr(absl::StrCat("the user '61002', who runs the agent, may not write '",
                                               Path("crm.db"), "'")),
                        HasSubstr("move the database into a folder of its own")))));
  ASSERT_EQ(chmod(Path("crm.db").c_str(), 0666), 0);
  EXPECT_THAT(found(), Contains(testing::Pair("FAIL Cust database", HasSubstr("make files in the folder"))));
  EXPECT_THAT(found(), Contains(testing::Pair("SKIP Cust change log", HasSubstr("'Cust database' failed"))));
  // What that user makes beside it keeps the owner out.
  ASSERT_EQ(chmod(here_->dir().c_str(), 0777), 0);
  EXPECT_THAT(found(), Contains(testing::Pair("OK Cust database", HasSubstr("can be read"))));
  constexpr uid_t kDaemon = 1;
  ASSERT_EQ(chown(Path("crm.db").c_str(), kDaemon, kAgentId), 0);
  ASSERT_EQ(chmod(Path("crm.db").c_str(), 0660), 0);
  EXPECT_THAT(found(),
              Contains(testing::Pair("FAIL Cust database", HasSubstr("its owner is not in the group"))));
}

void GiveWhole(const std::string& folder, uid_t user) {
  ASSERT_EQ(chown(folder.c_str(), user, user), 0);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    ASSERT_EQ(lchown(entry.path().c_str(), user, user), 0);
}

std::vector<std::string> RootsFilesIn(const std::string& folder) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    struct stat info = {};
    if (lstat(entry.path().c_str(), &info) == 0 && info.st_uid == 0) found.push_back(entry.path().string());
  }
  return found;
}

TEST_F(Doctor, RootLeavesNothingInFoldersOfTheServices) {
  if (geteuid() != 0) GTEST_SKIP() << "gives folders to other users";
  Begin();
  ASSERT_EQ(Agent("once").exit_code, 0);
  constexpr uid_t kServerId = 61'001, kAgentId = 61'002;
  ASSERT_NO_FATAL_FAILURE(GiveWhole(Path("agent-state"), kAgentId));
  for (const char* const command : {"once", "verify", "run", "install", "uninstall"}) {
    const Finished refused = Agent(command);
    EXPECT_EQ(refused.exit_code, 2) << command;
    EXPECT_THAT(
        refused.errors,
        AllOf(HasSubstr("a folder of the user '61002'"),
              HasSubstr(absl::StrCat("--clear-groups -- ", here_->program("mirror-agent"), " ", command))));
  }
  const std::vector<std::string> looks = {"status", "pointers"};
  for (const std::string& command : looks) EXPECT_EQ(Agent(command).exit_code, 0) << command;
  EXPECT_EQ(
      RunProgram(here_->program("mirror-agent"), {"once", "--dry-run", "--config", AgentToml()}).exit_code,
      0);
  EXPECT_THAT(RootsFilesIn(Path("agent-state")), IsEmpty());
  ASSERT_THAT(here_->Stop(), IsOkAndHolds(0));
  ASSERT_NO_FATAL_FAILURE(GiveWhole(here_->data_dir(), kServerId));
  const auto serve = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"--config", here_->server_toml()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunProgram(here_->program("mirror-server"), arguments);
  };
  const Finished refused = serve({});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.errors, HasSubstr("a folder of the user '61001'"));
  EXPECT_EQ(serve({"--check-config"}).exit_code, 0);
  EXPECT_THAT(RootsFilesIn(here_->data_dir()), IsEmpty());
}

TEST_F(Doctor, WhatTheSourceSignsWithMustBeItsOwnAndClosed) {
  Begin();
  chmod(Path("source/source-1.key").c_str(), 0640);
  Said said = ExamineAll();
  EXPECT_THAT(said.steps,
              Contains(testing::Pair("FAIL source key", AllOf(HasSubstr("mode 0640"), HasSubstr("'key'")))));
  EXPECT_THAT(said.steps, Contains(testing::Pair("SKIP Cust proof", HasSubstr("'source key' failed"))));
  // Another key of the same name: the server does not know it.
  ASSERT_THAT(IssueSigningKey({Path("source/other.crt"), Path("source/source-1.key")}, "source-1",
                              Algorithm::kEs256, For(100)),
              IsOk());
  said = ExamineAll();
  EXPECT_THAT(said.steps, Contains(testing::Pair("OK source key", HasSubstr("ES256"))));
  EXPECT_THAT(said.steps, Contains(testing::Pair("FAIL Cust proof", HasSubstr("'mirrorctl keys'"))));
  EXPECT_EQ(said.exit_code, 1);
}

TEST_F(Doctor, AnEndpointThatCannotProveItselfIsNone) {
  Begin();
  ASSERT_EQ(Agent("once").exit_code, 0);
  ASSERT_THAT(IssueSigningKey({Path("application/application-1.crt"), Path("application/unused.key")},
                              "application-1", Algorithm::kEs256, For(100)),
              IsOk());
  const Said said = ExamineAll();
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(Needy(said), Contains("FAIL Cust proof"));
}

TEST_F(Doctor, ATenantWithoutAMirrorOrPausedIsToldOf) {
  Begin();
  EXPECT_THAT(ExamineAll().steps,
              Contains(testing::Pair("WARN Cust proof", AllOf(HasSubstr("no mirror of this tenant yet"),
                                                              HasSubstr("run a cycle")))));
  ASSERT_EQ(Agent("once").exit_code, 0);
  ASSERT_EQ(here_->Mirrorctl({"pause", "Cust", "--reason", "disk is exchanged"}).exit_code, 0);
  EXPECT_THAT(ExamineAll().steps,
              Contains(testing::Pair("WARN Cust proof", AllOf(HasSubstr("disk is exchanged"),
                                                              HasSubstr("mirrorctl resume Cust")))));
}

struct SkewCase {
  std::string name, shift, outcome, words;
};
class DoctorOfClocks : public Doctor, public testing::WithParamInterface<SkewCase> {};

TEST_P(DoctorOfClocks, AreComparedWithTheServers) {
  const SkewCase& test = GetParam();
  TempFolder folder;
  // Where no space is in the path: the loader would take it for two.
  const std::string shim = folder.path() + "/bad_disk.so";
  std::filesystem::copy_file(ShimPath("bad_disk"), shim);
  InstallationOptions options;
  options.environment = {"LD_PRELOAD=" + shim, "MIRROR_CLOCK_SHIFT=" + test.shift};
#if MIRROR_ADDRESS_SANITIZER
  options.environment.emplace_back("ASAN_OPTIONS=verify_asan_link_order=0");
#endif
  Begin(options);
  const Said said = Examine();
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.steps, Contains(testing::Pair(test.outcome + " server clock",
                                                 AllOf(HasSubstr(test.words), HasSubstr("time service")))));
  // Who has only a source learns it from what the endpoint answers, before it is told of anything else.
  const bool far = test.outcome == "FAIL";
  EXPECT_EQ(Agent("once").exit_code, far ? 1 : 0);
  const Said alone = ExamineSourceAlone();
  EXPECT_EQ(alone.exit_code, 1);
  EXPECT_THAT(alone.steps, Contains(testing::Pair(test.outcome + " endpoint clock",
                                                  AllOf(HasSubstr(test.words), HasSubstr("time service")))));
  ASSERT_THAT(Needy(alone), testing::SizeIs(far ? 2 : 1));
  EXPECT_THAT(alone.steps,
              Contains(testing::Pair(far ? "SKIP Cust proof" : "OK Cust proof",
                                     HasSubstr(far ? "'endpoint clock' failed" : "proved itself"))));
}

INSTANTIATE_TEST_SUITE_P(Clocks, DoctorOfClocks,
                         testing::Values(SkewCase{"Ahead", "30", "WARN", "s ahead of this machine's"},
                                         SkewCase{"FarAhead", "600", "FAIL",
                                                  "tokens that are made here are refused"},
                                         SkewCase{"FarBehind", "-600", "FAIL", "min behind this machine's"}),
                         [](const auto& test) { return test.param.name; });

TEST(DoctorClockTest, AnAnswerThatCameLateIsNoClockThatIsBehind) {
  struct Case {
    std::int64_t server_ms, asked_ms, after_ms;
    bool is_good;
    std::string words;
  };
  const std::vector<Case> cases = {
      {100'000, 99'900, 100'100, true, "the same as here, within 5 s"},
      {100'000, 99'900, 160'000, true, "the same as here, within 60 s: the answer took so long"},
      {160'000, 99'900, 160'000, true, "the same as here, within 60 s: the answer took so long"},
      {90'000, 100'000, 160'000, true, "the server's clock is 10 s behind this machine's"},
      {170'000, 100'000, 160'000, true, "the server's clock is 10 s ahead of this machine's"},
      {10'000, 100'000, 160'000, false, "the server's clock is 90 s behind this machine's"},
      // This machine's was set back meanwhile.
      {100'000, 100'000, 99'000, true, "the same as here, within 5 s"},
  };
  for (const Case& one : cases) {
    std::ostringstream out, err;
    Console console{out, err};
    DoctorReport report(console, /*json=*/true);
    EXPECT_EQ(ExamineClock("clock", one.server_ms, one.asked_ms, one.after_ms, report), one.is_good);
    report.Finish();
    EXPECT_THAT(out.str(), HasSubstr(one.words));
  }
}

struct LogCase {
  std::string name, sql, outcome, words, next;
  friend std::ostream& operator<<(std::ostream& out, const LogCase& test) { return out << test.name; }
};
class DoctorOfLogs : public Doctor, public testing::WithParamInterface<LogCase> {};

TEST_P(DoctorOfLogs, SaysWhatIsNotAsInstallLeftIt) {
  const LogCase& test = GetParam();
  Begin();
  EXPECT_THAT(ExamineAll().steps,
              Contains(testing::Pair("OK Cust change log", HasSubstr("as install left it"))));
  ASSERT_EQ(Sql(test.sql), "");
  const Said said = ExamineAll();
  EXPECT_THAT(said.steps, Contains(testing::Pair(test.outcome + " Cust change log",
                                                 AllOf(HasSubstr(test.words), HasSubstr(test.next)))));
  if (test.outcome == "OK") return;
  // What it says to do is what helps.
  if (absl::StrContains(test.next, "uninstall")) {
    ASSERT_EQ(Agent("uninstall").exit_code, 0);
  }
  ASSERT_EQ(Agent("install").exit_code, 0);
  EXPECT_THAT(ExamineAll().steps,
              Contains(testing::Pair("OK Cust change log", HasSubstr("as install left it"))));
  EXPECT_EQ(Sql("INSERT INTO contact VALUES (77, 'z'); INSERT INTO person VALUES (77, 'z')"), "");
}

INSTANTIATE_TEST_SUITE_P(
    Logs, DoctorOfLogs,
    testing::Values(LogCase{"LogDropped", "DROP TABLE _mirror_log_1", "FAIL",
                            "every INSERT, UPDATE and DELETE of the application on contact fails",
                            "run 'mirror-agent install' at once"},
                    LogCase{"TriggerDropped", "DROP TRIGGER _mirror_2_update", "WARN",
                            "table 'person': a trigger of its log is gone", "mirror-agent install"},
                    LogCase{"TriggerAnother",
                            "DROP TRIGGER _mirror_1_delete; CREATE TRIGGER _mirror_1_delete AFTER DELETE ON "
                            "contact BEGIN SELECT 1; END",
                            "WARN", "a trigger of its log was changed", "mirror-agent install"},
                    LogCase{"TriggerThatFails",
                            "DROP TRIGGER _mirror_1_insert; CREATE TRIGGER _mirror_1_insert AFTER INSERT ON "
                            "contact BEGIN INSERT INTO _mirror_log_1 (m0) VALUES (\"active\"); END",
                            "FAIL", "table 'contact': the triggers of the change log make writes",
                            "mirror-agent install"},
                    LogCase{"LogEmptied", "DELETE FROM _mirror_log_2", "WARN",
                            "table 'person': its log was emptied", "mirror-agent install"},
                    LogCase{"OwnTableDropped", "DROP TABLE _mirror_tables", "FAIL", "were dropped or emptied",
                            "'mirror-agent uninstall' and 'mirror-agent install'"},
                    LogCase{"TableAdded", "CREATE TABLE late (id INTEGER PRIMARY KEY)", "OK",
                            "the next cycle adds late", ""}),
    [](const auto& test) { return test.param.name; });

TEST_F(Doctor, AChangeLogOfAnotherTenantIsToldOf) {
  Begin();
  ASSERT_EQ(Sql("UPDATE _mirror_owner SET context_id = 'Other'"), "");
  EXPECT_THAT(
      ExamineAll().steps,
      Contains(testing::Pair("FAIL Cust change log", HasSubstr("belongs to another agent: tenant 'Other'"))));
}

TEST_F(Doctor, ASourceThatIsNotThereOrWithoutALogIsToldOf) {
  Begin();
  ASSERT_EQ(Agent("uninstall").exit_code, 0);
  EXPECT_THAT(ExamineAll().steps,
              Contains(testing::Pair("WARN Cust change log",
                                     AllOf(HasSubstr("not installed"), HasSubstr("mirror-agent install")))));
  // That an application's writes are kept waiting by nothing was looked at without a trace.
  EXPECT_FALSE(std::filesystem::exists(Path("crm.db-wal")));
  std::filesystem::remove(Path("crm.db"));
  const Said said = ExamineAll();
  EXPECT_THAT(said.steps, Contains(testing::Pair("FAIL Cust database", HasSubstr("is not there"))));
  EXPECT_THAT(said.steps,
              Contains(testing::Pair("SKIP Cust change log", HasSubstr("'Cust database' failed"))));
}

TEST_F(Doctor, ATenantThatWaitsForAnOperatorIsToldOf) {
  Begin();
  ASSERT_EQ(Agent("once").exit_code, 0);
  EXPECT_EQ(Examine().exit_code, 0);
  ASSERT_EQ(here_->Mirrorctl({"pause", "Cust", "--reason", "disk is exchanged"}).exit_code, 0);
  const Said said = Examine();
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.steps,
              Contains(testing::Pair("WARN tenants", AllOf(HasSubstr("Cust is paused: disk is exchanged"),
                                                           HasSubstr("mirrorctl resume Cust")))));
}

TEST_F(Doctor, AnInstallationWithoutFreshnessTargetsIsToldWhatToAdd) {
  Make();
  const std::string written = Toml("mirror-server.toml");
  Replace("mirror-server.toml", "\nfreshness = ", "\n# freshness = ");
  ASSERT_THAT(here_->Start(), IsOk());
  Agent("install");
  EXPECT_THAT(Needy(ExamineAll()), Not(Contains("HINT freshness"))) << "no table is there yet";
  ASSERT_EQ(Agent("once").exit_code, 0);
  Said said = ExamineAll();
  EXPECT_EQ(said.exit_code, 0) << said.output;
  EXPECT_THAT(Needy(said), testing::ElementsAre("HINT freshness"));
  EXPECT_THAT(said.steps,
              Contains(testing::Pair("HINT freshness", AllOf(HasSubstr("[[tenant]]\ncontext_id = \"*\"\n"),
                                                             HasSubstr("freshness = \"60m\""),
                                                             HasSubstr("mirror-agent.toml (\"20m\")")))));
  // Another interval is another target.
  const std::string agent = absl::StrCat(Toml("agent.toml"), "interval = \"90s\"\n");
  WriteFileText(Path("other.toml"), agent);
  said = Examine({"--source", Path("other.toml")});
  EXPECT_THAT(said.steps, Contains(testing::Pair("HINT freshness", HasSubstr("freshness = \"270s\""))));
  // What is told is what helps.
  WriteFileText(Path("mirror-server.toml"), written);
  ASSERT_THAT(here_->Restart(), IsOk());
  EXPECT_THAT(Needy(ExamineAll()), IsEmpty());
}

TEST_F(Doctor, AWrongConfigurationIsWrongUsage) {
  Begin();
  const Finished no_source = here_->Mirrorctl({"doctor", "--source", Path("none.toml")});
  EXPECT_EQ(no_source.exit_code, 2);
  EXPECT_THAT(no_source.errors, HasSubstr("none.toml' does not exist. Nothing was checked: --source takes"));
  EXPECT_EQ(no_source.output, "");
  WriteFileText(Path("some.db"), std::string("SQLite format 3\0", 16) + std::string(84, 'x'));
  const Finished database = here_->Mirrorctl({"doctor", "--source", Path("some.db")});
  EXPECT_EQ(database.exit_code, 2);
  EXPECT_THAT(database.errors, HasSubstr("is a database. Nothing was checked: --source takes"));
  EXPECT_EQ(RunProgram(here_->program("mirrorctl"), {"--config", Path("none.toml"), "doctor"}).exit_code, 2);
  EXPECT_EQ(here_->Mirrorctl({"doctor", "--sauce"}).exit_code, 2);
  EXPECT_THAT(here_->Mirrorctl({"doctor", "--help"}).output,
              HasSubstr("doctor --source dev/mirror-agent.toml"));
}

// --- What a server says of itself, by one that says what a test wants ------------------------

class DoctorOfServers : public AdminEndpoint {
 protected:
  Said Examine() { return Read(Run({"doctor", "--json"})); }
  void SetUp() override {
    AdminEndpoint::SetUp();
    fake_.diagnosis.set_disk_free_bytes(5ULL << 30);
    fake_.diagnosis.set_fsync_us(210);
  }
};

TEST_F(DoctorOfServers, DiskSyncAndDamagedMirrorsAreToldWithWhatToDo) {
  EXPECT_EQ(Examine().exit_code, 0);
  fake_.diagnosis.set_disk_free_bytes(500ULL << 20);
  fake_.diagnosis.set_fsync_us(400'000);
  v1::DiagnoseResponse::Store* const store = fake_.diagnosis.add_stores();
  store->set_context_id("Cust26759");
  store->set_detail("page 3 is never used");
  Said said = Examine();
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.steps, Contains(testing::Pair("WARN server disk",
                                                 AllOf(HasSubstr("500.0MiB free"), HasSubstr("make room")))));
  EXPECT_THAT(said.steps, Contains(testing::Pair("WARN server sync", HasSubstr("400000 us"))));
  EXPECT_THAT(said.steps,
              Contains(testing::Pair("FAIL mirrors", AllOf(HasSubstr("Cust26759: page 3 is never used"),
                                                           HasSubstr("mirrorctl restore Cust26759 FILE")))));
  fake_.diagnosis.set_disk_free_bytes(0);
  fake_.diagnosis.set_fsync_us(0);
  fake_.diagnosis.add_findings("the data folder 'd': making a file: No space left on device");
  said = Examine();
  EXPECT_THAT(said.steps, Contains(testing::Pair("FAIL server disk", HasSubstr("No space left on device"))));
  EXPECT_THAT(said.steps, Contains(testing::Pair("SKIP server sync", HasSubstr("'server disk' failed"))));
}

TEST_F(DoctorOfServers, ADiskThatTheServerCannotAskIsNoFailure) {
  fake_.diagnosis.set_disk_free_bytes(0);
  fake_.diagnosis.set_disk_is_elsewhere(true);
  const Said said = Examine();
  EXPECT_EQ(said.exit_code, 0);
  EXPECT_THAT(said.steps, Contains(testing::Pair("OK server disk", HasSubstr("does not say how much room"))));
  EXPECT_THAT(Run({"diagnose"}).output, HasSubstr("disk free     -\n"));
  EXPECT_THAT(Run({"diagnose", "--json"}).output, HasSubstr("\"disk_free_bytes\": null"));
}

TEST_F(DoctorOfServers, ADatabaseThatIsDownIsNoDiskToMakeRoomOn) {
  fake_.diagnosis.set_disk_is_elsewhere(true);
  fake_.diagnosis.add_findings("nothing can be written in the place 'p1': it is away");
  const Said said = Examine();
  EXPECT_THAT(said.steps,
              Contains(testing::Pair("FAIL server disk", AllOf(HasSubstr("check that the named database"),
                                                               Not(HasSubstr("make room"))))));
}

TEST_F(DoctorOfServers, AMissingFreshnessTargetIsAHintWithTheLinesToAdd) {
  v1::Tenant* const tenant = fake_.tenants.add_tenants();
  tenant->set_context_id("Cust");
  tenant->set_tables(2);
  for (const char* name : {"contact", "person"}) fake_.tables.add_tables()->set_table(name);
  const Finished run = Run({"doctor"});
  EXPECT_EQ(run.exit_code, 0) << "nothing is wrong";
  EXPECT_THAT(run.output, HasSubstr("HINT  freshness               no table has a freshness target"));
  EXPECT_THAT(run.output, HasSubstr("add these lines to mirror-server.toml, and restart the server\n"
                                    "          [[tenant]]\n"
                                    "          context_id = \"*\"\n"
                                    "          freshness = \"60m\"\n"));
  EXPECT_THAT(run.output, HasSubstr("nothing needs doing"));
  const auto hints = [this] {
    std::vector<std::string> needy = Needy(Examine());
    std::erase_if(needy, [](const std::string& step) { return step != "HINT freshness"; });
    return needy.size();
  };
  EXPECT_EQ(hints(), 1U);
  for (int i = 0; i < 50; ++i) {
    v1::Tenant* const more = fake_.tenants.add_tenants();
    more->set_context_id(absl::StrCat("More", i));
    more->set_tables(2);
  }
  const std::size_t before = fake_.Calls().size();
  EXPECT_EQ(hints(), 1U) << "once, whatever there are";
  EXPECT_LT(fake_.Calls().size() - before, 40U) << "each look may open a mirror";
  fake_.tables.mutable_tables(1)->set_freshness_target_ms(1'000);
  EXPECT_EQ(hints(), 0U);
  fake_.tables.mutable_tables(1)->set_freshness_target_ms(0);
  fake_.tenants.clear_tenants();
  v1::Tenant* const records = fake_.tenants.add_tenants();
  records->set_context_id("Acme--crm");
  records->set_tables(1);
  records->set_door("records");
  EXPECT_EQ(hints(), 0U) << "records have no source that could be late";
}

TEST_F(DoctorOfServers, AMirrorOfAMoveIsNotToBeResumed) {
  const auto said_of = [this](const MoveMark& mark) {
    v1::Tenant* const tenant = fake_.tenants.mutable_tenants()->Add();
    tenant->set_context_id("Cust");
    tenant->set_paused(true);
    tenant->set_pause_reason(PauseWords(true, PackMark(mark)));
    const Said said = Examine();
    fake_.tenants.clear_tenants();
    return said.steps;
  };
  EXPECT_THAT(said_of({.id = "0123456789", .phase = MovePhase::kLeft, .target = "b:7443", .contents = "ab"}),
              Contains(testing::Pair("WARN tenants", AllOf(HasSubstr("mirrorctl delete Cust --confirm Cust"),
                                                           Not(HasSubstr("mirrorctl resume"))))));
  for (const MovePhase phase : {MovePhase::kLeaving, MovePhase::kArriving, MovePhase::kDropping}) {
    EXPECT_THAT(said_of({.id = "0123456789", .phase = phase}),
                Contains(testing::Pair("WARN tenants", AllOf(HasSubstr("mirrorctl move Cust ... --resume"),
                                                             Not(HasSubstr("mirrorctl resume"))))));
  }
}

TEST_F(DoctorOfServers, AHubThatWaitsForAnOperatorIsTold) {
  for (const auto& [step, words] : Examine().steps)
    EXPECT_THAT(step, Not(HasSubstr("hubs"))) << "there is none";
  v1::HubState* const hub = fake_.hubs.add_hubs();
  hub->set_storage("Acme");
  hub->set_records(7);
  hub->add_members()->set_data_source("crm");
  EXPECT_THAT(Examine().steps, Contains(testing::Pair("OK hubs", HasSubstr("'Acme' has 7 golden records"))));
  hub->mutable_members(0)->set_suspended_ms(1);
  hub->mutable_members(0)->set_held(2);
  v1::Tenant* const tenant = fake_.tenants.add_tenants();
  tenant->set_context_id("Cust");
  tenant->mutable_hub()->set_suspended_ms(1);
  const Said said = Examine();
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.steps,
              AllOf(Contains(testing::Pair("WARN hubs", AllOf(HasSubstr("'crm' is suspended"),
                                                              HasSubstr("mirrorctl hub resume Acme")))),
                    Contains(testing::Pair("WARN hubs", AllOf(HasSubstr("2 deliveries of hub 'Acme'"),
                                                              HasSubstr("hub hold commit Acme")))),
                    Contains(testing::Pair("OK tenants", HasSubstr("except those that a hub")))));
}

TEST_F(DoctorOfServers, ServersThatAreConfiguredOtherwiseAreTold) {
  const auto add = [this](const std::string& host, const std::string& rules, std::int64_t silent_ms) {
    v1::ServerInfo* const server = fake_.servers.add_servers();
    server->set_host(host);
    server->set_address("10.0.0.1:7443");
    server->set_rules(rules);
    server->set_silent_ms(silent_ms);
    return server;
  };
  add("db1", "bb4acc98ac300379", 0)->set_here(true);
  add("db1", "0000000000000000", 9'000);   // Its last start.
  add("db0", "0000000000000000", 16'000);  // It is gone.
  add("db2", "bb4acc98ac300379", 0);
  EXPECT_THAT(Examine().steps, Contains(testing::Pair("OK servers", HasSubstr("the same rules"))));
  add("db3", "bb4acc98084562ba", 0);
  const Said said = Examine();
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.steps,
              Contains(testing::Pair("WARN servers", AllOf(HasSubstr(": db3 at 10.0.0.1:7443 DO "),
                                                           HasSubstr("restart those that had another")))));
}

TEST_F(DoctorOfServers, AnAnswerThatIsARefusalIsAStep) {
  fake_.refusal = grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "the role is viewer");
  const Said said = Examine();
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.steps, Contains(testing::Pair("FAIL admin call", HasSubstr("the role is viewer"))));
  EXPECT_THAT(Needy(said), Contains("SKIP mirrors"));
}

}  // namespace
}  // namespace mirror::doctor_test
