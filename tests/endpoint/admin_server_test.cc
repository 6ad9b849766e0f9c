// The server as its operators have it: files, health, configuration, how it starts and stops.
#include <algorithm>
#include <filesystem>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "certs/issue.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "tests/endpoint/admin_fixture.h"
#include "tests/endpoint/raw_call.h"

namespace mirror::admin_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST_F(AdminTest, AReaderOfTheGroupFindsEachFolderAndFileOpenOnItsWayToTheMirror) {
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  using std::filesystem::perms;
  const auto may = [](const std::string& path, perms wanted) {
    return (std::filesystem::status(path).permissions() & wanted) == wanted;
  };
  EXPECT_TRUE(may(here_->dir(), perms::group_exec));
  EXPECT_TRUE(may(here_->data_dir(), perms::group_exec | perms::group_read));
  for (const char* suffix : {"", "-wal", "-shm"}) {
    EXPECT_TRUE(may(here_->mirror_path() + suffix, perms::group_read)) << suffix;
  }
}

TEST_F(AdminTest, HealthAnswersOnBothPortsAndReflectionDoesNot) {
  EXPECT_THAT(CheckHealth(here_->Channel().value()), IsOk());
  EXPECT_THAT(CheckHealth(here_->AdminChannel(Role::kViewer).value()), IsOk());
  EXPECT_THAT(ListServices(here_->Channel().value()), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(ListServices(here_->AdminChannel(Role::kViewer).value()),
              StatusIs(absl::StatusCode::kUnimplemented));
}

TEST_F(AdminTest, IdleStreamsOfAViewerLeaveRoomForOperators) {
  std::vector<std::unique_ptr<OpenCall>> idle;
  for (int connection = 0; connection < 4; ++connection) {
    const auto viewer = here_->AdminChannel(Role::kViewer).value();
    for (int i = 0; i < 45; ++i) {
      for (const char* const method : {kHealthCheckMethod, kHealthWatchMethod})
        idle.push_back(std::make_unique<OpenCall>(viewer, method));
    }
  }
  EXPECT_THAT(CheckHealth(here_->AdminChannel(Role::kOperator).value()), IsOk());
  v1::ListTenantsResponse response;
  const auto anew = here_->Admin(Role::kOperator).value();
  EXPECT_THAT(Call(*anew, &Stub::ListTenants, v1::ListTenantsRequest(), &response), IsOk());
}

TEST_F(AdminTest, ASecondServerOnThePortOrTheDataFolderIsRefusedWithASentence) {
  const std::string original = ReadFileText(here_->server_toml());
  // The same folder, other ports: the settings still say 0.
  Finished second = RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml()});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.errors, AllOf(HasSubstr("another mirror-server"), HasSubstr("data")));

  const std::string port = here_->address().substr(here_->address().find(':') + 1);
  ASSERT_THAT(here_->Set({"listen", "port", port}), IsOk());
  ASSERT_THAT(here_->Set({"data", "dir", "\"data2\""}), IsOk());
  second = RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml()});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.errors, AllOf(HasSubstr("another process listens"), HasSubstr(port)));
  WriteFileText(here_->server_toml(), original);
  Begin(*Client());
}

TEST_F(AdminTest, SigtermLetsCallsEndEndsTheCyclesAndTheNextStartIsClean) {
  const auto client = Client();
  Fill(*client, People(), {{1, "Ada", 36}}, kFirst);
  const std::int64_t cycle = Begin(*client, "holder", false);
  Announce(*client, cycle, {People()});
  auto stream = client->OpenRowStream().value();
  BatchSpec spec;
  spec.rows = {{2, "Bob", 40}};
  spec.base_lsn = 10;
  spec.target = {Lsn{20}, "second"};
  ASSERT_THAT(stream->Send(Request(cycle, {Message(People(), spec)})), IsOk());
  const absl::StatusOr<v1::RowDataResponse> answer = stream->Receive();
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->results(0).code(), 0);
  const absl::StatusOr<int> code = here_->Stop();
  ASSERT_THAT(code, IsOk());
  EXPECT_EQ(*code, 0) << here_->ServerLog();
  // Who reads so late may hear of the closed connection alone, which is the same to a source.
  EXPECT_THAT(stream->Receive(), StatusIs(absl::StatusCode::kUnavailable));
  // What was acknowledged is there, the cycle is over, and nothing is left of the log.
  EXPECT_EQ(here_->mirror().RowCount("people"), 2);
  EXPECT_EQ(here_->mirror().Value("SELECT active FROM _mirror_tenant"), "0");
  ASSERT_THAT(here_->Start(), IsOk());
  const auto again = Client();
  EXPECT_THAT(Complete(*again, cycle), StatusIs(absl::StatusCode::kAborted));
  const std::int64_t next = Begin(*again, "another", false);
  EXPECT_EQ(Announce(*again, next, {People()}).front().pending().lsn(), 20);
}

TEST_F(AdminTest, SigtermEndsNoCallOfASourceAsIfItHadTakenItBack) {
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  constexpr std::size_t kSources = 8;
  std::latch begun(kSources);
  std::vector<absl::Status> ends(kSources);
  std::vector<std::thread> sources;
  for (absl::Status& end : ends) {
    sources.emplace_back([&] {
      const auto client = Client();
      end = Complete(*client, 999);
      begun.count_down();
      // There is no such cycle.
      while (absl::IsAborted(end)) end = Complete(*client, 999);
    });
  }
  begun.wait();
  ASSERT_THAT(here_->Stop(), IsOkAndHolds(0));
  for (std::thread& source : sources) source.join();
  for (const absl::Status& end : ends) {
    // The client makes UNAVAILABLE of CANCELLED, with these words.
    EXPECT_THAT(end, StatusIs(absl::StatusCode::kUnavailable, Not(HasSubstr("ended the call"))));
  }
}

TEST_F(AdminTest, AConfigurationThatIsWrongIsRefusedWithKeyAndLine) {
  struct Case {
    std::string section, key, value;
  };
  for (const Case& test : std::vector<Case>{{"listen", "port", "70000"},
                                            {"listen", "port", "\"7443\""},
                                            {"data", "drop_grace", "\"soon\""},
                                            {"tokens", "algorithms", "[\"none\"]"},
                                            {"limits", "message_bytes_max", "-1"},
                                            {"log", "level", "\"loud\""}}) {
    SCOPED_TRACE(absl::StrCat(test.key, " = ", test.value));
    const std::string original = ReadFileText(here_->server_toml());
    ASSERT_THAT(here_->Set({test.section, test.key, test.value}), IsOk());
    const std::string text = ReadFileText(here_->server_toml());
    const auto line =
        1 + std::count(text.begin(),
                       text.begin() + static_cast<std::ptrdiff_t>(
                                          text.find(absl::StrCat("\n", test.key, " = ", test.value)) + 1),
                       '\n');
    const Finished refused =
        RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml(), "--check-config"});
    EXPECT_EQ(refused.exit_code, 2) << refused.output;
    EXPECT_THAT(refused.errors, AllOf(HasSubstr(test.key), HasSubstr(absl::StrCat(":", line, ":"))));
    WriteFileText(here_->server_toml(), original);
  }
  const std::string original = ReadFileText(here_->server_toml());
  ASSERT_THAT(here_->Set({"data", "dir", "\"mirrorctl.toml\""}), IsOk());
  const Finished no_folder =
      RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml(), "--check-config"});
  EXPECT_EQ(no_folder.exit_code, 2);
  EXPECT_THAT(no_folder.errors, AllOf(HasSubstr("[data] 'dir'"), HasSubstr("not a folder")));
  EXPECT_THAT(RunProgram(here_->program("mirror-server"), {"--confg"}).errors, HasSubstr("mirror-server: "));
  WriteFileText(here_->server_toml(), original + "\n[limits2]\nx = 1\n");
  const Finished unknown =
      RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml(), "--check-config"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.errors, HasSubstr("limits2"));
  // A program of a hook may come later, but who checks wants to know of it now.
  WriteFileText(
      here_->server_toml(),
      original + "\n[[hook]]\nname = \"reports\"\non = [\"event\"]\ncommand = [\"/nowhere/reports\"]\n");
  const Finished no_program =
      RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml(), "--check-config"});
  EXPECT_EQ(no_program.exit_code, 2);
  EXPECT_THAT(no_program.errors, AllOf(HasSubstr("'reports'"), HasSubstr("'/nowhere/reports'")));
  // So it is with SQL, as far as it can be told without the partner's tables.
  for (const auto& [sql, words] : std::vector<std::pair<std::string, std::string>>{
           {"SELEC 1", "near \"SELEC\": syntax error"},
           {"INSERT INTO runs VALUES (:cycle); DELETE FORM runs", "near \"FORM\": syntax error"},
           {"SELECT nothing_of_the_kind(1)", "no such function"},
           {"ATTACH 'other.db' AS other", "not authorized"},
           {"INSERT INTO runs SELECT :cycle; UPDATE runs SET at = :json WHERE a = 'x;y'", ""}}) {
    WriteFileText(here_->server_toml(),
                  original + "\n[[hook]]\nname = \"runs\"\non = [\"completed\"]\nsql = \"" + sql + "\"\n");
    const Finished checked =
        RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml(), "--check-config"});
    EXPECT_EQ(checked.exit_code, words.empty() ? 0 : 2) << sql << checked.errors;
    if (words.empty()) continue;
    EXPECT_THAT(checked.errors, AllOf(HasSubstr("'runs'"), HasSubstr(words)));
  }
  WriteFileText(here_->server_toml(), original);
  ASSERT_THAT(here_->Set({"data", "dir", "\"data/of/next/year\""}), IsOk());
  const Finished to_be_made =
      RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml(), "--check-config"});
  EXPECT_EQ(to_be_made.exit_code, 0) << to_be_made.errors;
  EXPECT_THAT(to_be_made.output, AllOf(HasSubstr("data/of/next/year' does not exist yet"),
                                       HasSubstr("the server makes it when it starts")));
  WriteFileText(here_->server_toml(), original);
  ASSERT_THAT(here_->Set({"data", "dir", "\"/proc/nowhere/data\""}), IsOk());
  const Finished no_data =
      RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml(), "--check-config"});
  EXPECT_EQ(no_data.exit_code, 2);
  EXPECT_THAT(no_data.errors, HasSubstr("nothing can be made in '/proc'"));
}

TEST_F(AdminTest, AReloadNamesTheSectionsThatOnlyARestartBringsInForce) {
  ASSERT_THAT(Act(&Stub::ReloadKeys, v1::ReloadKeysRequest()), IsOk());
  EXPECT_THAT(Events("keys.reloaded").back().message(), Not(HasSubstr("restart")));
  ASSERT_THAT(here_->Set({"limits", "tables_max", "77"}), IsOk());
  ASSERT_THAT(here_->Set({"breaker", "miss_window", "\"2h\""}), IsOk());
  ASSERT_THAT(Act(&Stub::ReloadKeys, v1::ReloadKeysRequest()), IsOk());
  const v1::Event told = Events("keys.reloaded").back();
  EXPECT_THAT(
      told.message(),
      HasSubstr(
          "changes in [limits], [breaker] since the start are not in force: restart the server for them"));
  EXPECT_EQ(told.severity(), v1::SEVERITY_WARNING);
  WriteFileText(
      here_->server_toml(),
      ReadFileText(here_->server_toml()) +
          "\n[[tenant]]\ncontext_id = \"Cust*\"\n[[tenant.table]]\nname = \"people\"\nbreaker = false\n");
  ASSERT_THAT(Act(&Stub::ReloadKeys, v1::ReloadKeysRequest()), IsOk());
  EXPECT_THAT(Events("keys.reloaded").back().message(),
              HasSubstr("changes in [limits], [[tenant]], [breaker] since"));
}

TEST_F(AdminTest, StoppedIsTheLastWordAndTheFolderIsFreeThen) {
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  ASSERT_THAT(here_->Stop(), IsOkAndHolds(0));
  const std::string log = here_->server().Errors();
  EXPECT_THAT(log.substr(log.rfind('\n', log.size() - 2) + 1), HasSubstr(" info stopped"));
}

}  // namespace
}  // namespace mirror::admin_test
