// 'mirrorctl init' and 'mirrorctl certs' as a user runs them: the binary, its output and exit code.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <toml++/toml.h>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "certs/key.h"
#include "certs/key_ring.h"
#include "certs/tls.h"
#include "tests/certs/test_keys.h"
#include "tests/support/places.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

extern char** environ;

namespace mirror::mirrorctl_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

struct Result {
  int exit_code = -1;
  std::string out, err;
};

class MirrorctlTest : public testing::Test {
 protected:
  void SetUp() override {
    if (access(kBinary.c_str(), X_OK) != 0) GTEST_SKIP() << "build the target mirrorctl first: " << kBinary;
  }

  Result Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), kBinary);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const std::string out = dir_ / "out", err = dir_ / "err";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t child = 0;
    EXPECT_EQ(posix_spawn(&child, kBinary.c_str(), &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, Unwrapped(ReadText(out)), Unwrapped(ReadText(err))};
  }

  // The folder that the tests give to init; it has a space on purpose.
  std::string Made(const std::string& name = "") const { return dir_ / ("a mirror" + name); }
  Result Init() { return Run({"init", "--dir", Made(), "--context-id", "Cust26759"}); }

  inline static const std::string kBinary = BinDir() + "/mirrorctl";
  TempDir dir_;
};

std::vector<std::string> KeysOf(const toml::table& table) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : table) keys.emplace_back(key.str());
  std::sort(keys.begin(), keys.end());
  return keys;
}

TEST_F(MirrorctlTest, InitMakesKeysThatFitAndNobodyElseCanRead) {
  const Result made = Init();
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(made.err, IsEmpty());
  EXPECT_THAT(made.out, AllOf(HasSubstr("mirror-server --config '" + Made("/mirror-server.toml") + "'"),
                              HasSubstr("mirror-agent once --config '" + Made("/mirror-agent.toml") + "'"),
                              HasSubstr("mirrorctl --config '" + Made("/mirrorctl.toml") + "' tenants")));
  for (const char* folder : {"/tls", "/admin", "/issuers", "/source", "/application"}) {
    EXPECT_EQ(ModeOf(Made(folder)), 0700u) << folder;
  }
  for (const char* key :
       {"/tls/ca.key", "/tls/server.key", "/admin/ca.key", "/admin/server.key", "/admin/operator.key",
        "/admin/viewer.key", "/source/source-1.key", "/application/application-1.key"}) {
    EXPECT_EQ(ModeOf(Made(key)), 0600u) << key;
  }
  for (const char* pair : {"/tls/server", "/admin/server", "/admin/operator", "/admin/viewer"}) {
    EXPECT_THAT(CheckTlsPair(Made(pair) + std::string(".crt"), Made(pair) + std::string(".key")), IsOk());
  }
  const auto ring = KeyRing::Load({{"Development Source", "development", Made("/issuers/development")}});
  ASSERT_THAT(ring, IsOk());
  const auto source = SigningKey::Load(Made("/source/source-1.key"), "source-1");
  ASSERT_THAT(source, IsOk());
  ASSERT_NE(ring->Find("source-1"), nullptr);
  EXPECT_TRUE(source->Matches(ring->Find("source-1")->key));
  const auto application = SigningKey::Load(Made("/application/application-1.key"), "application-1");
  ASSERT_THAT(application, IsOk());
  EXPECT_TRUE(application->Matches(PublicKey::Load(Made("/application/application-1.crt")).value()));
}

TEST_F(MirrorctlTest, OthersMayPassTheFolderOfInitWhateverTheUmask) {
  const mode_t before = umask(077);
  const Result made = Init();
  umask(before);
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_EQ(ModeOf(Made()), 0711u);
  for (const char* file : {"/mirror-server.toml", "/mirror-agent.toml", "/mirrorctl.toml"}) {
    EXPECT_EQ(ModeOf(Made(file)), 0600u) << file;
  }
}

TEST_F(MirrorctlTest, WithoutASourceInitSaysThatOneIsToBeAddedBeforeTheAgentRuns) {
  const Result without = Init();
  EXPECT_THAT(without.out, HasSubstr("# add a [[source]] with context_id = \"Cust26759\" and path"));
  WriteText(dir_ / "crm.db", "");
  const Result with =
      Run({"init", "--dir", Made("2"), "--context-id", "Cust26759", "--source", dir_ / "crm.db"});
  EXPECT_EQ(with.exit_code, 0) << with.err;
  EXPECT_THAT(with.out, Not(HasSubstr("[[source]]")));
}

TEST_F(MirrorctlTest, InitWritesServerConfigurationWithEveryKey) {
  ASSERT_EQ(
      Run({"init", "--dir", Made(), "--context-id", "Cust26759", "--port", "9001", "--admin-port", "9002"})
          .exit_code,
      0);
  const toml::table server = toml::parse_file(Made("/mirror-server.toml"));
  EXPECT_THAT(KeysOf(server),
              ElementsAre("admin", "application", "breaker", "data", "hooks", "http", "issuer", "journal",
                          "limits", "listen", "log", "metrics", "tenant", "tokens"));
  EXPECT_THAT(KeysOf(*server["listen"].as_table()),
              ElementsAre("address", "certificate", "client_ca", "connections_max",
                          "connections_per_address_max", "key", "plaintext", "port", "proxies"));
  EXPECT_THAT(
      KeysOf(*server["limits"].as_table()),
      ElementsAre("batch_cells_max", "batch_rows_max", "bytes_in_flight_max", "bytes_in_flight_tenant_max",
                  "calls_max", "columns_max", "cycle_idle", "message_bytes_max", "nonces_max",
                  "streams_per_tenant_max", "tables_max", "value_bytes_max"));
  EXPECT_THAT(KeysOf(*server["metrics"].as_table()),
              ElementsAre("address", "allow_remote", "enabled", "port"));
  EXPECT_THAT(KeysOf(*server["http"].as_table()),
              ElementsAre("address", "api_keys", "base_paths", "body_limit", "body_time", "certificate",
                          "connections_max", "connections_per_address_max", "disk_free_min", "enabled",
                          "erase_within", "file_limit", "head_time", "header_limit", "job_lease", "job_time",
                          "jobs_max", "jobs_waiting_max", "key", "links_per_key", "plaintext", "port",
                          "public_url", "requests_max", "requests_per_key", "stream_time", "upload_kept",
                          "upload_limit", "uploads_max", "uploads_per_key"));
  EXPECT_EQ(server["http"]["enabled"].value<bool>(), false);
  EXPECT_EQ(server["metrics"]["port"].value<int>(), 7445);
  EXPECT_EQ(server["listen"]["port"].value<int>(), 9001);
  EXPECT_EQ(server["admin"]["port"].value<int>(), 9002);
  EXPECT_EQ(server["issuer"][0]["contexts"][0].value<std::string>(), "Cust26759");
  EXPECT_EQ(server["issuer"][0]["contexts"][1].value<std::string>(), "Cust26759-*");
  EXPECT_EQ(server["tokens"]["context_claim"].value<std::string>(),
            "http://schemes.superoffice.net/identity/ctx");
  // Every path is relative and there.
  for (const auto& [table, key] : std::vector<std::pair<std::string, std::string>>{{"listen", "certificate"},
                                                                                   {"listen", "key"},
                                                                                   {"admin", "certificate"},
                                                                                   {"admin", "key"},
                                                                                   {"admin", "client_ca"},
                                                                                   {"application", "key"}}) {
    const auto path = server[table][key].value<std::string>();
    ASSERT_TRUE(path) << table << key;
    EXPECT_TRUE(std::filesystem::path(*path).is_relative());
    EXPECT_TRUE(std::filesystem::exists(Made("/" + *path))) << *path;
  }
  const toml::table agent = toml::parse_file(Made("/mirror-agent.toml"));
  EXPECT_EQ(agent["endpoint"]["address"].value<std::string>(), "127.0.0.1:9001");
  EXPECT_FALSE(agent.contains("source"));
  const toml::table control = toml::parse_file(Made("/mirrorctl.toml"));
  EXPECT_EQ(control["endpoint"]["address"].value<std::string>(), "127.0.0.1:9002");
}

/// What a program names as the keys of a section when it meets one that is none.
std::vector<std::string> KnownKeys(const std::string& program, const std::string& file,
                                   const std::string& section) {
  const std::string text = ReadText(file);
  const std::size_t end_of_header =
      text.find("]", text.find("\n[" + section)) + (section.starts_with("[") ? 2 : 1);
  WriteText(file, text.substr(0, end_of_header) + "\nfrobnicate = 1\n" +
                      text.substr(text.find('\n', end_of_header) + 1));
  const std::vector<std::string> more = program == "mirror-agent"
                                            ? std::vector<std::string>{"status"}
                                            : std::vector<std::string>{"--check-config"};
  std::vector<std::string> arguments = more;
  arguments.insert(arguments.end(), {"--config", file});
  const Finished run = RunProgram(BinDir() + "/" + program, arguments);
  WriteText(file, text);
  const std::string before = "'frobnicate' is not a key; there are";
  const std::size_t at = run.errors.find(before);
  EXPECT_NE(at, std::string::npos) << section << ": " << run.errors;
  if (at == std::string::npos) return {};
  const std::string list =
      run.errors.substr(at + before.size(), run.errors.find('\n', at) - at - before.size());
  std::vector<std::string> keys = absl::StrSplit(absl::StripPrefix(list, ":"), ',');
  for (std::string& key : keys) key = std::string(absl::StripAsciiWhitespace(key));
  std::sort(keys.begin(), keys.end());
  return keys;
}

TEST_F(MirrorctlTest, NoKeyIsMissingInWhatInitWrites) {
  WriteText(dir_ / "crm.db", "");
  ASSERT_EQ(
      Run({"init", "--dir", Made(), "--context-id", "Cust26759", "--source", dir_ / "crm.db"}).exit_code, 0);
  const std::string agent = Made("/mirror-agent.toml"), server = Made("/mirror-server.toml");
  const toml::table agent_toml = toml::parse_file(agent), server_toml = toml::parse_file(server);
  for (const char* section : {"endpoint", "identity", "agent", "log", "metrics"}) {
    EXPECT_EQ(KeysOf(*agent_toml[section].as_table()), KnownKeys("mirror-agent", agent, section)) << section;
  }
  for (const char* section :
       {"listen", "admin", "application", "data", "tokens", "limits", "breaker", "metrics", "log"}) {
    std::vector<std::string> known = KnownKeys("mirror-server", server, section);
    std::erase(known, "reflection");  // Gone: only files of before have it.
    EXPECT_EQ(KeysOf(*server_toml[section].as_table()), known) << section;
  }
  // Those of files and of servers, and what stands in a comment since it takes another one's place.
  std::vector<std::string> of_source = KeysOf(*agent_toml["source"][0].as_table());
  of_source.insert(of_source.end(), {"cron", "dialect", "dsn", "folder", "follow", "follow_delay",
                                     "max_stage", "max_wal", "password_file", "publication", "rejects",
                                     "schemas", "server_id", "settle", "slot", "snapshot_wait", "table"});
  std::sort(of_source.begin(), of_source.end());
  EXPECT_EQ(of_source, KnownKeys("mirror-agent", agent, "[source]"));
}

TEST_F(MirrorctlTest, WithHostsEachCommandStandsUnderItsMachine) {
  const Result made =
      Run({"init", "--dir", Made(), "--context-id", "Cust26759", "--host", "mirror.example.org"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const std::size_t here = made.out.find("Next, here:\n  mirror-server --config '" +
                                         Made("/mirror-server.toml")),
                    there = made.out.find("On the source's machine"),
                    agent = made.out.find("  mirror-agent once"),
                    again = made.out.find("Then, here:\n  mirrorctl");
  EXPECT_TRUE(here < there && there < agent && agent < again && again != std::string::npos) << made.out;
  EXPECT_THAT(made.out, Not(HasSubstr("--config '" + Made("/mirror-agent.toml"))))
      << "that machine has another path";
  const Result alone = Run({"init", "--dir", Made("2"), "--context-id", "Cust26759"});
  EXPECT_THAT(alone.out, AllOf(HasSubstr("\nNext:\n"), Not(HasSubstr("machine"))));
}

TEST_F(MirrorctlTest, InitWritesASourcesPathSoThatItComesBackAsItIs) {
  const std::string source = dir_ / "odd \"na\\me\"\n\t\x7f \xc3\xa5.db";
  WriteText(source, "");
  const Result made = Run({"init", "--dir", Made(), "--context-id", "Cust26759", "--source", source});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const toml::table agent = toml::parse_file(Made("/mirror-agent.toml"));
  EXPECT_EQ(agent["source"][0]["path"].value<std::string>(), source);
  EXPECT_EQ(agent["source"][0]["context_id"].value<std::string>(), "Cust26759");
  EXPECT_EQ(agent["source"][0]["kind"].value<std::string>(), "sqlite");
}

TEST_F(MirrorctlTest, InitNeverTouchesWhatIsThere) {
  ASSERT_EQ(Init().exit_code, 0);
  const std::string server = ReadText(Made("/mirror-server.toml")), key = ReadText(Made("/tls/ca.key"));
  const Result again = Init();
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.out, IsEmpty());
  EXPECT_THAT(again.err, AllOf(HasSubstr("mirror-server.toml' exists"), HasSubstr("Choose another --dir")));
  // A half that is left of an init that was interrupted.
  std::filesystem::remove(Made("/mirror-server.toml"));
  const Result half = Init();
  EXPECT_EQ(half.exit_code, 1);
  EXPECT_THAT(half.err, HasSubstr("init is not complete"));
  EXPECT_EQ(ReadText(Made("/tls/ca.key")), key);
}

TEST_F(MirrorctlTest, InitRefusesAndMakesNothing) {
  WriteText(dir_ / "notes.txt", "SQLite format 2 was another one");
  const std::vector<std::pair<std::vector<std::string>, std::string>> refused = {
      {{"--context-id", "a", "--source", dir_ / "none.db"}, "is not a file"},
      {{"--context-id", "a", "--source", dir_.path()}, "is not a file"},
      {{"--context-id", "a", "--source", dir_ / "notes.txt"}, "is not a SQLite database"},
      {{"--context-id", "a", "--port", "7444"}, "cannot both listen on port 7444"}};
  for (const auto& [options, message] : refused) {
    std::vector<std::string> arguments = {"init", "--dir", Made()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Result result = Run(arguments);
    EXPECT_EQ(result.exit_code, 1) << message;
    EXPECT_THAT(result.err, HasSubstr(message));
    EXPECT_FALSE(std::filesystem::exists(Made()));
  }
}

TEST_F(MirrorctlTest, WrongUsageNamesTheProgramAndWhatIsWrong) {
  for (const std::string& context_id : {std::string("a b"), std::string(), std::string(65, 'a')}) {
    const Result malformed = Run({"init", "--dir", Made(), "--context-id", context_id});
    EXPECT_EQ(malformed.exit_code, 2);
    EXPECT_THAT(malformed.err, StartsWith("mirrorctl: the context id is malformed"));
    EXPECT_FALSE(std::filesystem::exists(Made()));
  }
  EXPECT_THAT(Run({"frob"}).err, StartsWith("mirrorctl: there is no command 'frob'"));
  EXPECT_THAT(Run({"tabels", "a"}).err, HasSubstr("Nothing was done. Did you mean 'tables'?\n"));
  EXPECT_THAT(Run({"hold", "comit", "a:1"}).err, HasSubstr("Did you mean 'commit'?\n"));
  EXPECT_THAT(Run({"frob"}).err, Not(HasSubstr("Did you mean")));
  EXPECT_THAT(Run({"certs", "frob"}).err, StartsWith("mirrorctl: there is no command 'frob'"));
  EXPECT_THAT(Run({"init"}).err,
              AllOf(StartsWith("mirrorctl: "), HasSubstr("--context-id"), HasSubstr("--dir")));
  EXPECT_THAT(Run({"init", "--http-port", "7447"}).err,
              AllOf(StartsWith("mirrorctl: --dir is required"), Not(HasSubstr("--context-id"))));
  EXPECT_THAT(Run({"init", "--dir", Made()}).err, StartsWith("mirrorctl: --context-id is required"));
  const Result sourced = Run({"init", "--dir", Made(), "--http-port", "7447", "--source", "crm.db"});
  EXPECT_EQ(sourced.exit_code, 2);
  EXPECT_THAT(sourced.err, StartsWith("mirrorctl: --context-id is required"));
  EXPECT_FALSE(std::filesystem::exists(Made()));
  for (const std::vector<std::string>& more :
       std::vector<std::vector<std::string>>{{}, {"--root", "/"}, {"--system", "--dir", Made()}}) {
    std::vector<std::string> words = {"init", "--context-id", "Cust26759"};
    words.insert(words.end(), more.begin(), more.end());
    const Result wrong = Run(words);
    EXPECT_EQ(wrong.exit_code, 2);
    EXPECT_THAT(wrong.err, AllOf(StartsWith("mirrorctl: "), HasSubstr("--system")));
  }
}

TEST_F(MirrorctlTest, WrongUsageIsTwoAndHelpIsZeroWithAnExample) {
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {},
           {"nonsense"},
           {"init"},
           {"init", "--dir", "x", "--context-id", "a", "--port", "0"},
           {"certs"},
           {"certs", "show"},
           {"certs", "issue-tls", "--dir", "x", "--name", "n", "--listener", "both"}}) {
    const Result result = Run(wrong);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, Not(IsEmpty()));
    EXPECT_THAT(result.out, IsEmpty());
  }
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{},
                                             {"init"},
                                             {"certs"},
                                             {"certs", "issue-source"},
                                             {"certs", "remove-source"},
                                             {"certs", "issue-application"},
                                             {"certs", "issue-tls"},
                                             {"certs", "issue-client"},
                                             {"certs", "issue-operator"},
                                             {"certs", "issue-viewer"},
                                             {"certs", "show"}}) {
    std::vector<std::string> arguments = command;
    arguments.push_back("--help");
    const Result result = Run(arguments);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, HasSubstr("Example"));
  }
  EXPECT_THAT(Run({"certs", "issue-application", "--help"}).out, Not(HasSubstr("source-2")));
  const Result version = Run({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.out, "mirrorctl " MIRROR_VERSION "\n");
}

TEST_F(MirrorctlTest, ASourcesKeyIsExchangedInTwoSteps) {
  ASSERT_EQ(Init().exit_code, 0);
  const auto ids = [this] {
    std::vector<std::string> list;
    for (const KeyInfo& key : KeyRing::Load({{"S", "e", Made("/issuers/development")}}).value().keys()) {
      list.push_back(key.key_id);
    }
    return list;
  };
  const std::vector<std::string> where = {"--dir", Made(), "--issuer-folder", "issuers/development",
                                          "--key-id"};
  const auto certs = [&](const std::string& command, const std::string& key_id,
                         std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"certs", command};
    arguments.insert(arguments.end(), where.begin(), where.end());
    arguments.push_back(key_id);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  };
  const Result issued = certs("issue-source", "source-2", {"--algorithm", "RS256", "--days", "10"});
  ASSERT_EQ(issued.exit_code, 0) << issued.err;
  EXPECT_THAT(issued.out, HasSubstr("source-2.key"));
  EXPECT_THAT(ids(), ElementsAre("source-1", "source-2"));
  EXPECT_EQ(ModeOf(Made("/source/source-2.key")), 0600u);
  EXPECT_THAT(SigningKey::Load(Made("/source/source-2.key"), "source-2"), IsOk());
  EXPECT_EQ(certs("issue-source", "source-2").exit_code, 1) << "it exists";
  EXPECT_EQ(certs("issue-source", "../x").exit_code, 1);

  EXPECT_EQ(certs("remove-source", "source-1").exit_code, 0);
  EXPECT_THAT(ids(), ElementsAre("source-2"));
  EXPECT_TRUE(std::filesystem::exists(Made("/source/source-1.key")));
  const Result missing = certs("remove-source", "source-1");
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr("Nothing was changed"));
  EXPECT_THAT(certs("remove-source", "source-2").err, HasSubstr("no key is left"));
}

TEST_F(MirrorctlTest, ANewIssuersFolderIsMadeAndTheNextStepIsTold) {
  ASSERT_EQ(Init().exit_code, 0);
  const std::vector<std::string> arguments = {"certs",           "issue-source",       "--dir",    Made(),
                                              "--issuer-folder", "issuers/production", "--key-id", "prod-1"};
  const Result issued = Run(arguments);
  ASSERT_EQ(issued.exit_code, 0) << issued.err;
  EXPECT_THAT(issued.out, AllOf(HasSubstr("Next, here: add to mirror-server.toml\n  [[issuer]]"),
                                HasSubstr("keys = \"issuers/production\"")));
  // And at the source, which is another machine.
  const std::string at_the_source = issued.out.substr(issued.out.find("Then, at the source: "));
  EXPECT_THAT(
      at_the_source,
      AllOf(HasSubstr(Made("/source/prod-1.key")), HasSubstr("[identity] of mirror-agent.toml"),
            HasSubstr("\n  key_id = \"prod-1\"\n"), HasSubstr("mode 0600"), HasSubstr("once --dry-run")));
  // Made there, as tools/DEPLOYING.md has it, it is the certificate that travels.
  ASSERT_THAT(MakeFolder(dir_ / "agent"), IsOk());
  const Result there = Run(
      {"certs", "issue-source", "--dir", dir_ / "agent", "--issuer-folder", "public", "--key-id", "prod-2"});
  EXPECT_THAT(there.out,
              AllOf(HasSubstr("Next, at the mirror: put " + (dir_ / "agent/public/prod-2.crt") + " into"),
                    HasSubstr("Then, here: set"), Not(HasSubstr("add to mirror-server.toml"))));
  EXPECT_EQ(ModeOf(Made("/issuers/production")), 0700u);
  EXPECT_EQ(KeyRing::Load({{"S", "e", Made("/issuers/production")}}).value().size(), 1u);
  EXPECT_THAT(Run({"certs", "issue-source", "--help"}).out, HasSubstr("add an [[issuer]]"));
}

TEST_F(MirrorctlTest, AKeyWhoseCertificateCannotBeWrittenIsNotWrittenEither) {
  ASSERT_EQ(Init().exit_code, 0);
  for (const char* folder : {"issuers/a/b", "mirror-server.toml"}) {
    const Result refused =
        Run({"certs", "issue-source", "--dir", Made(), "--issuer-folder", folder, "--key-id", "prod-1"});
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.err, HasSubstr(folder));
    EXPECT_FALSE(std::filesystem::exists(Made("/source/prod-1.key"))) << folder;
  }
}

TEST_F(MirrorctlTest, OtherPairsAreIssuedFromTheFoldersCa) {
  ASSERT_EQ(Init().exit_code, 0);
  const auto certs = [this](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "certs");
    arguments.insert(arguments.end(), {"--dir", Made()});
    return Run(arguments).exit_code;
  };
  EXPECT_EQ(certs({"issue-application", "--key-id", "application-2"}), 0);
  EXPECT_EQ(certs({"issue-operator", "--name", "alice"}), 0);
  EXPECT_EQ(certs({"issue-viewer", "--name", "bob"}), 0);
  EXPECT_EQ(certs({"issue-client", "--name", "agent-1"}), 0);
  EXPECT_EQ(certs({"issue-tls", "--name", "server", "--host", "mirror.example.org"}), 1) << "it exists";
  EXPECT_EQ(certs({"issue-tls", "--name", "server", "--host", "mirror.example.org", "--replace"}), 0);
  EXPECT_EQ(certs({"issue-tls", "--name", "second", "--listener", "admin"}), 0);
  for (const char* pair : {"/admin/alice", "/admin/bob", "/tls/agent-1", "/tls/server", "/admin/second"}) {
    EXPECT_THAT(CheckTlsPair(Made(pair) + std::string(".crt"), Made(pair) + std::string(".key")), IsOk());
  }
}

TEST_F(MirrorctlTest, ShowTellsWhoseACertificateIs) {
  ASSERT_EQ(Init().exit_code, 0);
  const std::string path = Made("/issuers/development/source-1.crt");
  const Result lines = Run({"certs", "show", path, Made("/tls/ca.crt")});
  EXPECT_EQ(lines.exit_code, 0);
  EXPECT_THAT(lines.out, AllOf(StartsWith("file        " + path +
                                          "\nsubject     CN=source-1,O=Mirror\nkey_id      source-1\n"
                                          "algorithm   ES256\nvalid       2"),
                               testing::ContainsRegex(
                                   "\nvalid       [0-9TZ:-]{20} to [0-9TZ:-]{20}\nthumbprint  [0-9a-f]{64}\n"
                                   "\nfile        [^\n]*/tls/ca.crt\n")));
  const Result json = Run({"certs", "show", "--json", path});
  const auto list = nlohmann::json::parse(json.out);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0]["key_id"], "source-1");
  EXPECT_EQ(list[0]["thumbprint"].get<std::string>().size(), 64u);
  const Result half = Run({"certs", "show", dir_ / "none.crt", path});
  EXPECT_EQ(half.exit_code, 1);
  EXPECT_THAT(half.err, HasSubstr("none.crt"));
  EXPECT_THAT(half.out, StartsWith("file        " + path + "\n"));
}

}  // namespace
}  // namespace mirror::mirrorctl_test
