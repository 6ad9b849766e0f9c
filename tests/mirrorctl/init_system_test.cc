// 'mirrorctl init --system' in a root folder of its own: what it makes for whom, and that a refusal leaves
// nothing.

#include "tools/mirrorctl/init/init_system.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <toml++/toml.h>
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "certs/key.h"
#include "certs/key_ring.h"
#include "certs/tls.h"
#include "tests/certs/test_keys.h"
#include "tests/support/places.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace {

/// Done once, behind the next chown() of this program.
std::function<void()>& BehindChown() {
  static std::function<void()> act;
  return act;
}

}  // namespace

/// In the place of libc's: between two steps of init nothing else can be done at a known moment.
extern "C" int chown(const char* path, uid_t owner, gid_t group) noexcept {
  const int done = fchownat(AT_FDCWD, path, owner, group, 0);
  if (const std::function<void()> act = std::exchange(BehindChown(), {})) act();
  return done;
}

namespace mirror::init_system_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kServer[] = "partner-mirror", kAgent[] = "partner-mirror-agent";
constexpr uid_t kServerId = 61'001, kAgentId = 61'002, kOwnerId = 61'003;

class InitSystemTest : public testing::Test {
 protected:
  void SetUp() override {
    // Its users, who are others, come this way.
    ASSERT_EQ(chmod(root_.path().c_str(), 0755), 0);
    for (const char* folder : {"etc", "var/lib", "srv/crm"}) Make(folder);
    WriteText(root_ / "srv/crm/crm.db", "");
    Users({kServer, kAgent});
  }

  void Make(const std::string& folder, unsigned mode = 0755) {
    std::filesystem::create_directories(root_ / folder);
    ASSERT_EQ(chmod((root_ / folder).c_str(), mode), 0);
  }
  /// Whoever runs the test has these names; root has others for them.
  void Users(const std::vector<std::string>& names) {
    std::string passwd;
    for (const std::string& name : names) {
      const uid_t id = geteuid() != 0 ? geteuid() : name == kAgent ? kAgentId : kServerId;
      absl::StrAppend(&passwd, name, ":x:", id, ":", geteuid() != 0 ? getegid() : id, "::/:/bin/sh\n");
    }
    WriteText(root_ / "etc/passwd", passwd);
  }
  int Init(InitOptions options, const std::string& source = "/srv/crm/crm.db") {
    options.context_id = "Cust26759";
    options.source = source;
    std::ostringstream out, err;
    Console console{out, err};
    InitSystem(std::move(options), root_.path(), console);
    out_ = out.str();
    err_ = err.str();
    return console.exit_code;
  }
  /// Path, mode and owner of everything that there is.
  std::vector<std::string> Everything() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_.path())) {
      struct stat info = {};
      EXPECT_EQ(lstat(entry.path().c_str(), &info), 0);
      all.push_back(absl::StrCat(entry.path().string(), " ", info.st_mode, " ", info.st_uid));
    }
    std::sort(all.begin(), all.end());
    return all;
  }
  std::string OfServer(const std::string& name) const { return root_ / ("etc/partner-mirror/" + name); }
  std::string OfAgent(const std::string& name) const { return root_ / ("etc/partner-mirror-agent/" + name); }
  /// What the program itself does with the same, killed at a fault point.
  Finished KilledAt(const std::string& point) const {
    return RunProgram(BinDir() + "/mirrorctl",
                      {"init", "--system", "--root", root_.path(), "--context-id", "Cust26759", "--source",
                       "/srv/crm/crm.db"},
                      {absl::StrCat("MIRROR_CRASH_AT=", point)});
  }
  std::string DropIn() const {
    return ReadText(root_ / "etc/systemd/system/mirror-agent.service.d/sources.conf");
  }

  TempDir root_;
  std::string out_, err_;
};

uid_t OwnerOf(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
  return info.st_uid;
}

TEST_F(InitSystemTest, WhetherTheSourceIsFollowedIsReadFromItsFileBelowTheRoot) {
  // The head of a database in WAL mode.
  WriteText(root_ / "srv/crm/crm.db", absl::StrCat(std::string("SQLite format 3\0\x10\0", 18), "\2\2"));
  ASSERT_EQ(Init({}), 0) << err_;
  EXPECT_THAT(ReadText(OfAgent("mirror-agent.toml")), HasSubstr("\nfollow = true "));
}

TEST_F(InitSystemTest, BothSidesAreMadeWhereTheServicesLookForThem) {
  ASSERT_EQ(Init({}), 0) << err_;
  EXPECT_THAT(err_, IsEmpty());
  const toml::table server = toml::parse_file(OfServer("mirror-server.toml")),
                    agent = toml::parse_file(OfAgent("mirror-agent.toml"));
  EXPECT_EQ(server["data"]["dir"].value<std::string>(), "/var/lib/partner-mirror");
  EXPECT_EQ(agent["agent"]["state_dir"].value<std::string>(), "/var/lib/partner-mirror-agent");
  EXPECT_EQ(agent["source"][0]["path"].value<std::string>(), "/srv/crm/crm.db");
  EXPECT_EQ(agent["endpoint"]["address"].value<std::string>(), "127.0.0.1:7443");
  for (const auto& [table, key] : std::vector<std::pair<const char*, const char*>>{
           {"endpoint", "ca"}, {"identity", "key"}, {"identity", "application_certificate"}}) {
    EXPECT_TRUE(std::filesystem::exists(OfAgent(agent[table][key].value<std::string>().value_or("")))) << key;
  }
  const auto ring = KeyRing::Load({{"Development Source", "development", OfServer("issuers/development")}});
  ASSERT_THAT(ring, IsOk());
  const auto source = SigningKey::Load(OfAgent("source/source-1.key"), "source-1");
  ASSERT_THAT(source, IsOk());
  ASSERT_NE(ring->Find("source-1"), nullptr);
  EXPECT_TRUE(source->Matches(ring->Find("source-1")->key));
  EXPECT_EQ(ReadText(OfAgent("tls/ca.crt")), ReadText(OfServer("tls/ca.crt")));
  EXPECT_THAT(CheckTlsPair(OfServer("admin/operator.crt"), OfServer("admin/operator.key")), IsOk());
  // No secret of one side is on the other.
  EXPECT_FALSE(std::filesystem::exists(OfServer("source")));
  EXPECT_FALSE(std::filesystem::exists(OfServer("mirror-agent.toml")));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(OfAgent(""))) {
    EXPECT_TRUE(entry.path().extension() != ".key" || entry.path().filename() == "source-1.key")
        << entry.path();
  }
}

TEST_F(InitSystemTest, FoldersAndKeysAreClosed) {
  ASSERT_EQ(Init({}), 0) << err_;
  EXPECT_EQ(ModeOf(OfServer("")), 0750u);
  EXPECT_EQ(ModeOf(OfAgent("")), 0750u);
  EXPECT_EQ(ModeOf(root_ / "var/lib/partner-mirror"), 0750u);
  EXPECT_EQ(ModeOf(root_ / "var/lib/partner-mirror-agent"), 0700u);
  for (const std::string& folder : {OfServer("tls"), OfServer("admin")})
    EXPECT_EQ(ModeOf(folder), 0750u) << folder;
  for (const std::string& folder : {OfServer("issuers"), OfServer("application"), OfAgent("source")})
    EXPECT_EQ(ModeOf(folder), 0700u) << folder;
  for (const std::string& file :
       {OfServer("tls/server.key"), OfServer("admin/operator.key"), OfServer("application/columns.key"),
        OfServer("mirrorctl.toml"), OfAgent("source/source-1.key"), OfAgent("mirror-agent.toml")}) {
    EXPECT_EQ(ModeOf(file), 0600u) << file;
  }
}

TEST_F(InitSystemTest, TheCommandsThatComeNextAreTold) {
  ASSERT_EQ(Init({}), 0) << err_;
  const std::size_t server = out_.find("\n  systemctl enable --now mirror-server\n"),
                    install =
                        out_.find("\n  runuser -u partner-mirror-agent -- mirror-agent install --config "),
                    agent = out_.find("\n  systemctl enable --now mirror-agent\n"),
                    tables = out_.find("mirrorctl.toml tables Cust26759\n");
  EXPECT_LT(server, install) << out_;
  EXPECT_LT(install, agent);
  EXPECT_LT(agent, tables);
  EXPECT_NE(tables, std::string::npos);
  EXPECT_THAT(out_, Not(HasSubstr("[[source]]")));
}

TEST_F(InitSystemTest, WithoutASourceItIsToBeAddedFirst) {
  ASSERT_EQ(Init({}, ""), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("# add a [[source]] with context_id = \"Cust26759\""),
                          HasSubstr("ReadWritePaths=FOLDER")));
  EXPECT_FALSE(std::filesystem::exists(root_ / "etc/systemd"));
}

TEST_F(InitSystemTest, AFolderThatAPackageMadeIsTaken) {
  Make("etc/partner-mirror", 0750);
  Make("etc/partner-mirror-agent", 0750);
  Make("var/lib/partner-mirror", 0750);
  WriteText(OfServer("README"), "of the package");
  ASSERT_EQ(Init({}), 0) << err_;
  EXPECT_EQ(ReadText(OfServer("README")), "of the package");
  EXPECT_EQ(ModeOf(OfServer("")), 0750u);
}

TEST_F(InitSystemTest, AFolderWithKeysOrConfigurationsIsLeftAsItIs) {
  for (const char* there : {"etc/partner-mirror/tls", "etc/partner-mirror/mirrorctl.toml",
                            "etc/partner-mirror-agent/source", "etc/partner-mirror-agent/tls"}) {
    Make(there);
    const std::vector<std::string> before = Everything();
    EXPECT_EQ(Init({}), 1) << there;
    EXPECT_THAT(err_, AllOf(HasSubstr(there), HasSubstr("Nothing was changed")));
    EXPECT_EQ(Everything(), before);
    std::filesystem::remove_all(root_ / there);
  }
  ASSERT_EQ(Init({}), 0) << err_;
  const std::vector<std::string> before = Everything();
  EXPECT_EQ(Init({}), 1);
  EXPECT_THAT(err_, HasSubstr("init was run here before, and nothing was changed"));
  EXPECT_EQ(Everything(), before);
}

TEST_F(InitSystemTest, WhatIsPutThereUntilTheFolderIsTakenIsSeenAndStays) {
  for (const char* folder : {"etc/partner-mirror", "etc/partner-mirror-agent"}) Make(folder, 0750);
  std::vector<std::string> with_it;
  BehindChown() = [&] {
    // The server's folder is taken, the agent's not yet.
    WriteText(OfAgent("mirror-agent.toml"), "somebody's");
    with_it = Everything();
  };
  EXPECT_EQ(Init({}), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("mirror-agent.toml' exists"), HasSubstr("init did not make this")));
  EXPECT_EQ(ReadText(OfAgent("mirror-agent.toml")), "somebody's");
  EXPECT_THAT(with_it, Not(IsEmpty()));
  EXPECT_EQ(Everything(), with_it);
}

TEST_F(InitSystemTest, WhatIsWrongMakesNothing) {
  WriteText(root_ / "srv/crm/a.txt", "no database at all");
  const std::vector<std::string> before = Everything();
  InitOptions host, contexts, ports;
  host.hosts = {"https://mirror.example.org"};
  contexts.contexts = {"Cust.*"};
  ports.port = ports.admin_port;
  for (const InitOptions& wrong : {host, contexts, ports}) EXPECT_EQ(Init(wrong), 1);
  for (const char* source : {"/srv/crm/none.db", "/srv/crm", "srv/crm/crm.db", "/srv/crm/a.txt"}) {
    EXPECT_EQ(Init({}, source), 1) << source;
    EXPECT_THAT(err_, HasSubstr("Nothing was made")) << source;
  }
  EXPECT_EQ(Everything(), before);
}

TEST_F(InitSystemTest, WhatFailsHalfWayIsRemovedAgain) {
  Make("etc/partner-mirror", 0751);
  WriteText(OfServer("README"), "of the package");
  std::filesystem::remove_all(root_ / "var/lib");
  WriteText(root_ / "var/lib", "a file");
  const std::vector<std::string> before = Everything();
  EXPECT_EQ(Init({}), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("/var/lib/partner-mirror"), HasSubstr("was removed again")));
  EXPECT_EQ(Everything(), before);
  // And at the last step but one: nobody makes a folder in a file.
  std::filesystem::remove(root_ / "var/lib");
  Make("var/lib");
  WriteText(root_ / "etc/systemd", "a file");
  const std::vector<std::string> again = Everything();
  EXPECT_EQ(Init({}), 1);
  EXPECT_EQ(Everything(), again);
}

TEST_F(InitSystemTest, AnInitThatWasKilledIsNoWholeOne) {
  for (const char* const point : {"init.begun", "init.filled"}) {
    SCOPED_TRACE(point);
    ASSERT_EQ(KilledAt(point).exit_code, 128 + SIGKILL);
    EXPECT_FALSE(std::filesystem::exists(OfServer("mirror-server.toml")));
    const std::vector<std::string> before = Everything();
    EXPECT_EQ(Init({}), 1);
    EXPECT_THAT(err_, AllOf(HasSubstr("an earlier init was cut off"), HasSubstr("Nothing was changed")));
    EXPECT_EQ(Everything(), before);
    // What it says to type.
    const std::size_t begin = err_.find("\n  rm -r "), end = err_.find('\n', begin + 1);
    ASSERT_NE(begin, std::string::npos) << err_;
    EXPECT_EQ(std::system(err_.substr(begin + 1, end - begin - 1).c_str()), 0) << err_;
    EXPECT_THAT(
        err_.substr(end),
        AllOf(StartsWith("\n  mirrorctl init --system --context-id Cust26759 --source /srv/crm/crm.db"),
              HasSubstr(absl::StrCat(" --root ", root_.path(), "\n"))));
  }
  ASSERT_EQ(Init({}), 0) << err_;
  EXPECT_FALSE(std::filesystem::exists(OfServer(".mirror-server.toml.unfinished")));
}

TEST_F(InitSystemTest, AfterAnInitThatWasKilledAnotherSourceMayBeWritten) {
  Make("srv/shop");
  WriteText(root_ / "srv/shop/shop.db", "");
  ASSERT_EQ(KilledAt("init.filled").exit_code, 128 + SIGKILL);
  EXPECT_EQ(Init({}, "/srv/shop/shop.db"), 1);
  const std::size_t begin = err_.find("\n  rm -r "), end = err_.find('\n', begin + 1);
  ASSERT_NE(begin, std::string::npos) << err_;
  ASSERT_EQ(std::system(err_.substr(begin + 1, end - begin - 1).c_str()), 0) << err_;
  ASSERT_EQ(Init({}, "/srv/shop/shop.db"), 0) << err_;
  EXPECT_THAT(DropIn(), HasSubstr("\nReadWritePaths=/srv/shop\n"));
}

TEST_F(InitSystemTest, SettingsThatSomebodyAddedToAreNotToBeRemoved) {
  ASSERT_EQ(KilledAt("init.filled").exit_code, 128 + SIGKILL);
  WriteText(root_ / "etc/systemd/system/mirror-agent.service.d/sources.conf", DropIn() + "Nice=5\n");
  EXPECT_EQ(Init({}), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("\n  rm -r "), Not(HasSubstr("sources.conf"))));
  for (const char* const folder : {"/home/ada", "/var/tmp/crm", "/srv/a b"}) {
    WriteText(root_ / "drop-in", DropInText(folder));
    EXPECT_TRUE(IsDropIn(root_ / "drop-in")) << folder;
  }
}

TEST_F(InitSystemTest, FilesThatAnInitLeftWhenItWasKilledAreRemovedByTheNext) {
  for (const char* folder : {"etc/partner-mirror", "etc/partner-mirror-agent"}) Make(folder, 0750);
  const std::string killed = ".0123456789ABCDEF0123456789ABCDEF";
  const std::vector<std::string> left = {OfServer("..mirror-server.toml.unfinished" + killed),
                                         OfServer(".mirrorctl.toml" + killed),
                                         OfAgent(".mirror-agent.toml" + killed)};
  const std::vector<std::string> others = {OfServer(".mirrorctl.toml.swp"), OfServer(".README" + killed),
                                           OfAgent(".mirror-agent.toml.0123456789ABCDEF")};
  for (const std::string& path : left) WriteText(path, "a part");
  for (const std::string& path : others) WriteText(path, "somebody's");
  ASSERT_EQ(Init({}), 0) << err_;
  for (const std::string& path : left) EXPECT_FALSE(std::filesystem::exists(path)) << path;
  for (const std::string& path : others) EXPECT_TRUE(std::filesystem::exists(path)) << path;
}

TEST_F(InitSystemTest, APlaceOfAnotherKindIsRefused) {
  Make("etc/systemd/system/mirror-agent.service.d");
  const std::string drop_in = root_ / "etc/systemd/system/mirror-agent.service.d/sources.conf";
  ASSERT_EQ(mkfifo(drop_in.c_str(), 0600), 0);
  std::vector<std::string> before = Everything();
  EXPECT_EQ(Init({}), 1);
  EXPECT_THAT(err_, HasSubstr("sources.conf' is not a file. Nothing was made"));
  EXPECT_EQ(Everything(), before);
  std::filesystem::remove(drop_in);
  for (const char* name : {"var/lib/partner-mirror", "var/lib/partner-mirror-agent"}) {
    WriteText(root_ / name, "");
    before = Everything();
    EXPECT_EQ(Init({}), 1);
    EXPECT_THAT(err_, HasSubstr(absl::StrCat(name, "' is not a folder. Nothing was made")));
    EXPECT_EQ(Everything(), before);
    std::filesystem::remove(root_ / name);
  }
}

TEST_F(InitSystemTest, APathDoesNothingToTheTerminal) {
  Make("srv/crm/a\nb");
  WriteText(root_ / "srv/crm/a\nb/\x1b[31mcrm.db", "");
  ASSERT_EQ(Init({}, "/srv/crm/a\nb/\x1b[31mcrm.db"), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("the source /srv/crm/a\\nb/\\x1b[31mcrm.db\n"), Not(HasSubstr("\x1b")),
                          HasSubstr("the service may write in /srv/crm/a\\nb\n")));
  EXPECT_EQ(Init({}, "/srv/\x1b[31mnone.db"), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("/srv/\\x1b[31mnone.db"), Not(HasSubstr("\x1b"))));
}

TEST_F(InitSystemTest, CtrlCTakesBackWhatWasMade) {
  const std::vector<std::string> before = Everything();
  struct sigaction ignored = {}, former = {};
  ignored.sa_handler = SIG_IGN;
  ASSERT_EQ(sigaction(SIGINT, &ignored, &former), 0);
  // Init may end before the signal is there, and then it is tried again.
  for (int i = 0; i < 200; ++i) {
    std::atomic<bool> ended = false;
    std::thread presses([&] {
      struct sigaction now = {};
      while (!ended && (sigaction(SIGINT, nullptr, &now) != 0 || now.sa_handler == SIG_IGN)) {
      }
      if (!ended) kill(getpid(), SIGINT);
    });
    const int exit_code = Init({});
    ended = true;
    presses.join();
    if (exit_code != 0) break;
    for (const char* made : {"etc/partner-mirror", "etc/partner-mirror-agent", "etc/systemd",
                             "var/lib/partner-mirror", "var/lib/partner-mirror-agent"}) {
      std::filesystem::remove_all(root_ / made);
    }
  }
  sigaction(SIGINT, &former, nullptr);
  EXPECT_THAT(err_, HasSubstr("init was interrupted. What init had made was removed again."));
  EXPECT_EQ(Everything(), before);
}

TEST_F(InitSystemTest, ALinkLeadsOutOfNoRoot) {
  TempDir other;
  WriteText(other / "crm.db", "");
  for (const char* const name : {"etc/partner-mirror", "etc/partner-mirror-agent", "var/lib/partner-mirror",
                                 "var/lib", "etc/systemd", "etc/passwd", "etc", "srv/crm"}) {
    SCOPED_TRACE(name);
    TempDir kept;
    const bool was_there = std::filesystem::exists(root_ / name);
    if (was_there) std::filesystem::rename(root_ / name, kept / "it");
    std::filesystem::create_symlink(was_there ? kept / "it" : other.path(), root_ / name);
    const std::vector<std::string> before = Everything();
    EXPECT_EQ(Init({}), 1);
    EXPECT_THAT(err_,
                AllOf(HasSubstr(absl::StrCat("/", name, "' is a link")), HasSubstr("Nothing was made")));
    EXPECT_EQ(Everything(), before);
    std::filesystem::remove(root_ / name);
    if (was_there) std::filesystem::rename(kept / "it", root_ / name);
  }
  EXPECT_EQ(Init({}, "/../../srv/crm/../crm/crm.db"), 0) << err_;
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(other.path()), {}), 1);
  EXPECT_THAT(ReadText(OfAgent("mirror-agent.toml")), HasSubstr("path = \"/srv/crm/crm.db\"\n"));
}

TEST_F(InitSystemTest, APipeInThePlaceOfUsersIsNotWaitedFor) {
  for (const char* const name : {"etc/passwd", "etc/group"}) {
    std::filesystem::remove(root_ / name);
    ASSERT_EQ(mkfifo((root_ / name).c_str(), 0600), 0);
    EXPECT_EQ(Init({}), 1);
    EXPECT_THAT(err_, HasSubstr(absl::StrCat("/", name, "' is not a file. Nothing was made")));
    std::filesystem::remove(root_ / name);
    Users({kServer, kAgent});
  }
}

TEST_F(InitSystemTest, AUserWithoutANumberIsRefused) {
  // The C library reads the greatest number as -1, which chown() takes for "leave it". It reads no "-1".
  for (const char* const numbers : {"4294967295:1000", "1000:4294967295"}) {
    WriteText(root_ / "etc/passwd", absl::StrCat(kServer, ":x:", numbers, "::/:/bin/sh\n"));
    EXPECT_EQ(Init({}), 1);
    EXPECT_THAT(err_, HasSubstr("the user 'partner-mirror' has the user or group number -1")) << numbers;
  }
  EXPECT_FALSE(std::filesystem::exists(OfServer("")));
}

TEST(SourcePathTest, LinksStayAndALinkThatIsLeftUpwardsIsResolved) {
  TempDir place;
  const std::string real = std::filesystem::canonical(place.path()).string();
  std::filesystem::create_directories(place / "releases/42/data");
  std::filesystem::create_symlink("releases/42/data", place / "current");
  WriteText(place / "crm.db", "");
  WriteText(place / "releases/42/crm.db", "");
  WriteText(place / "releases/42/data/crm.db", "");
  EXPECT_THAT(SourcePath(place / "current/../crm.db", ""), IsOkAndHolds(real + "/releases/42/crm.db"));
  EXPECT_THAT(SourcePath(place / "./current//crm.db", ""), IsOkAndHolds(place / "current/crm.db"));
  EXPECT_THAT(SourcePath(place / "releases/../crm.db", ""), IsOkAndHolds(real + "/crm.db"));
}

TEST_F(InitSystemTest, ALinkToAVolumeThatIsAwayIsSaidAndStays) {
  for (const char* const name : {"var/lib/partner-mirror", "etc/partner-mirror"}) {
    SCOPED_TRACE(name);
    std::filesystem::remove_all(root_ / name);
    std::filesystem::create_directories(std::filesystem::path(root_ / name).parent_path());
    std::filesystem::create_symlink("/nowhere/at/all", root_ / name);
    EXPECT_EQ(Init({}), 1);
    EXPECT_THAT(err_, HasSubstr("is a link that leads nowhere"));
    EXPECT_TRUE(std::filesystem::is_symlink(root_ / name));
    std::filesystem::remove(root_ / name);
  }
}

TEST_F(InitSystemTest, AMirrorAloneIsForSourcesElsewhere) {
  Users({kServer});
  InitOptions options;
  options.hosts = {"*.example.org", "mirror.example.org"};
  options.contexts = {"Cust*"};
  options.port = 9001;
  ASSERT_EQ(Init(options, ""), 0) << err_;
  const toml::table agent = toml::parse_file(OfServer("mirror-agent.toml"));
  EXPECT_EQ(agent["endpoint"]["address"].value<std::string>(), "mirror.example.org:9001");
  EXPECT_EQ(agent["agent"]["state_dir"].value<std::string>(), "/var/lib/partner-mirror-agent");
  // The source makes its key itself.
  EXPECT_TRUE(std::filesystem::is_empty(OfServer("issuers/development")));
  EXPECT_FALSE(std::filesystem::exists(OfServer("source")));
  EXPECT_FALSE(std::filesystem::exists(OfAgent("")));
  EXPECT_THAT(out_, AllOf(HasSubstr("tar -C /etc/partner-mirror -cf for-source.tar mirror-agent.toml"),
                          HasSubstr("mirrorctl certs issue-source --dir /etc/partner-mirror-agent"),
                          HasSubstr("/etc/partner-mirror/issuers/development/source-1.crt"),
                          HasSubstr("before mirror-agent is started:\n  # 'systemctl edit mirror-agent': "
                                    "[Service] ReadWritePaths=FOLDER of the source\n")));
}

TEST_F(InitSystemTest, WhatThisMachineCannotBeIsToldWithWhatToType) {
  InitOptions with_host, more;
  with_host.hosts = {"mirror.example.org"};
  more.contexts = {"Cust*"};
  more.port = 9001;
  const auto refused = [this](const std::vector<std::string>& users, const InitOptions& options,
                              const std::string& source) {
    Users(users);
    const std::vector<std::string> before = Everything();
    EXPECT_EQ(Init(options, source), 1);
    EXPECT_EQ(Everything(), before);
    EXPECT_THAT(err_, AllOf(StartsWith("mirrorctl: "), HasSubstr("Nothing was made")));
    return err_;
  };
  EXPECT_THAT(refused({}, {}, ""), HasSubstr("\n  apt install ./partner-mirror-"));
  EXPECT_THAT(
      refused({kAgent}, {}, ""),
      AllOf(HasSubstr("\n  mirrorctl init --system --context-id Cust26759 --host mirror.example.org\n"),
            HasSubstr("\n  mirrorctl certs issue-source --dir /etc/partner-mirror-agent "),
            HasSubstr("\n  chown -R partner-mirror-agent: /etc/partner-mirror-agent\n")));
  EXPECT_THAT(refused({kServer}, {}, ""), HasSubstr(" --host mirror.example.org\n"));
  for (const char* user : {kServer, kAgent}) {
    EXPECT_THAT(refused({user}, more, ""),
                HasSubstr(" --host mirror.example.org --contexts 'Cust*' --port 9001\n"));
  }
  EXPECT_THAT(refused({kServer}, with_host, "/srv/crm/crm.db"), HasSubstr("read on the agent's machine"));
}

TEST_F(InitSystemTest, OthersThanRootAreToldWhatToType) {
  if (geteuid() == 0) {
    ASSERT_EQ(seteuid(kOwnerId), 0);
  }
  std::ostringstream out, err;
  Console console{out, err};
  InitOptions options;
  options.context_id = "Cust26759";
  options.source = "/srv/my crm.db";
  options.hosts = {"a.example.org", "b.example.org"};
  options.admin_port = 9002;
  InitSystem(options, "", console);
  if (getuid() == 0) {
    ASSERT_EQ(seteuid(0), 0);
  }
  EXPECT_EQ(console.exit_code, 1);
  EXPECT_THAT(err.str(),
              HasSubstr("\n  sudo mirrorctl init --system --context-id Cust26759 --source '/srv/my "
                        "crm.db' --host a.example.org,b.example.org --admin-port 9002\n"));
  EXPECT_THAT(out.str(), IsEmpty());
}

TEST_F(InitSystemTest, TheServiceMayWriteInTheSourcesFolder) {
  ASSERT_EQ(Init({}), 0) << err_;
  EXPECT_THAT(DropIn(), HasSubstr("[Service]\nReadWritePaths=/srv/crm\n"));
  EXPECT_THAT(DropIn(), AllOf(Not(HasSubstr("ProtectHome")), Not(HasSubstr("PrivateTmp"))));
  EXPECT_EQ(ModeOf(root_ / "etc/systemd/system/mirror-agent.service.d/sources.conf"), 0644u);
}

TEST_F(InitSystemTest, AFolderWithOtherThingsIsNotWrittenByTheService) {
  WriteText(root_ / "srv/crm.db", "");
  ASSERT_EQ(Init({}, "/srv/crm.db"), 0) << err_;
  EXPECT_FALSE(std::filesystem::exists(root_ / "etc/systemd"));
  EXPECT_THAT(out_, AllOf(HasSubstr("/srv has other things in it. First:\n  # move the database"),
                          HasSubstr("ReadWritePaths=FOLDER"), HasSubstr("\n\nNext:\n  systemctl enable")));
}

TEST_F(InitSystemTest, AFolderInAHomeNeedsMore) {
  Make("home/ada/my crm");
  WriteText(root_ / "home/ada/my crm/100%.db", "");
  ASSERT_EQ(Init({}, "/home/ada/my crm/100%.db"), 0) << err_;
  EXPECT_THAT(DropIn(), HasSubstr("\nReadWritePaths=\"/home/ada/my crm\"\nProtectHome=no\n"));
}

TEST_F(InitSystemTest, SettingsOfAnotherHandStay) {
  Make("etc/systemd/system/mirror-agent.service.d");
  WriteText(root_ / "etc/systemd/system/mirror-agent.service.d/sources.conf", "[Service]\n");
  ASSERT_EQ(Init({}), 0) << err_;
  EXPECT_EQ(DropIn(), "[Service]\n");
  EXPECT_THAT(out_, AllOf(HasSubstr("existed already and was not changed"),
                          HasSubstr("  ReadWritePaths=/srv/crm\n")));
}

TEST_F(InitSystemTest, PathsAreWrittenAsSystemdReadsThem) {
  EXPECT_EQ(SystemdPath("/srv/crm"), "/srv/crm");
  EXPECT_EQ(SystemdPath("/srv/a b"), "\"/srv/a b\"");
  EXPECT_EQ(SystemdPath("/srv/it's"), "\"/srv/it's\"");
  EXPECT_EQ(SystemdPath("/srv/100%"), "\"/srv/100%%\"");
  EXPECT_EQ(SystemdPath("/srv/\"\\\n"), "\"/srv/\\\"\\\\\\x0a\"");
}

TEST_F(InitSystemTest, ThePassfileOfADatabaseIsTheServersAlone) {
  InitOptions options;
  options.postgres = "postgresql://mirror@db.example.org/mirrors?sslmode=verify-full";
  ASSERT_EQ(Init(options), 0) << err_;
  struct stat info = {};
  ASSERT_EQ(stat(OfServer("pgpass").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  EXPECT_EQ(info.st_uid, geteuid() == 0 ? kServerId : geteuid());
  EXPECT_THAT(ReadText(OfServer("mirror-server.toml")), HasSubstr("store = \"postgres\""));
  EXPECT_THAT(out_, HasSubstr("write it only into /etc/partner-mirror/pgpass,"));
}

TEST_F(InitSystemTest, ASourceOnAServerIsReadByTheAgentAloneAndNeedsNoFolder) {
  ASSERT_EQ(Init({}, "postgresql://reader@db.example.org/crm?sslmode=verify-full"), 0) << err_;
  struct stat info = {};
  ASSERT_EQ(stat(OfAgent("source/pgpass").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  EXPECT_EQ(info.st_uid, geteuid() == 0 ? kAgentId : geteuid());
  const toml::table agent = toml::parse_file(OfAgent("mirror-agent.toml"));
  EXPECT_EQ(agent["source"][0]["dsn"].value<std::string>(),
            "host=db.example.org dbname=crm user=reader sslmode=verify-full");
  EXPECT_EQ(agent["source"][0]["password_file"].value<std::string>(), "source/pgpass");
  EXPECT_FALSE(std::filesystem::exists(root_ / "etc/systemd"));
  EXPECT_THAT(out_, AllOf(HasSubstr("CREATE ROLE \"reader\" LOGIN"),
                          HasSubstr("write it only into /etc/partner-mirror-agent/source/pgpass,"),
                          Not(HasSubstr("add a [[source]]")), Not(HasSubstr("ReadWritePaths"))));
}

TEST_F(InitSystemTest, APasswordOfASourceIsRefusedAndMakesNothing) {
  const std::vector<std::string> before = Everything();
  EXPECT_EQ(Init({}, "postgresql://reader:hunter2@db/crm"), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("holds a password"), Not(HasSubstr("hunter2"))));
  EXPECT_EQ(Everything(), before);
}

// What follows has other users than whoever runs the test, and needs root.
class InitSystemAsRoot : public InitSystemTest {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "gives files to other users";
    InitSystemTest::SetUp();
    WriteText(
        root_ / "etc/passwd",
        absl::StrCat(kServer, ":x:", kServerId, ":", kServerId, "::/:/bin/sh\n", kAgent, ":x:", kAgentId, ":",
                     kAgentId, "::/:/bin/sh\ncrm:x:", kOwnerId, ":", kOwnerId, "::/home/crm/:/bin/sh\n"));
    Group("");
  }
  void Group(const std::string& members) {
    WriteText(root_ / "etc/group", absl::StrCat("crm:x:", kOwnerId, ":", members, "\n"));
  }
  void Own(const std::string& name, uid_t owner, mode_t mode) {
    ASSERT_EQ(chown((root_ / name).c_str(), owner, owner), 0);
    ASSERT_EQ(chmod((root_ / name).c_str(), mode), 0);
  }
};

TEST_F(InitSystemAsRoot, EachServiceHasWhatItNeedsAndTheOperatorsSideIsRoots) {
  ASSERT_EQ(Init({}), 0) << err_;
  for (const char* name : {"mirror-server.toml", "tls/server.key", "admin/server.key", "issuers",
                           "issuers/development/source-1.crt", "application/application-1.key"}) {
    EXPECT_EQ(OwnerOf(OfServer(name)), kServerId) << name;
  }
  for (const char* name :
       {"mirrorctl.toml", "tls/ca.key", "admin/ca.key", "admin/operator.key", "admin/viewer.key"})
    EXPECT_EQ(OwnerOf(OfServer(name)), 0u) << name;
  // The server reads these and cannot put others in their place.
  for (const char* name : {"tls/ca.crt", "tls/server.crt", "admin/ca.crt", "admin/server.crt"}) {
    EXPECT_EQ(OwnerOf(OfServer(name)), 0u) << name;
    EXPECT_EQ(ModeOf(OfServer(name)), 0644u) << name;
  }
  // Who may write in a folder could put others in the place of root's files.
  for (const char* name : {"", "tls", "admin"}) {
    struct stat info = {};
    ASSERT_EQ(stat(OfServer(name).c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, 0u) << name;
    EXPECT_EQ(info.st_gid, kServerId) << name;
    EXPECT_EQ(info.st_mode & 07777, 0750u) << name;
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(OfAgent("")))
    EXPECT_EQ(OwnerOf(entry.path()), kAgentId) << entry.path();
  EXPECT_EQ(OwnerOf(OfAgent("")), kAgentId);
  EXPECT_EQ(OwnerOf(root_ / "var/lib/partner-mirror"), kServerId);
  EXPECT_EQ(OwnerOf(root_ / "var/lib/partner-mirror-agent"), kAgentId);
  EXPECT_EQ(OwnerOf(root_ / "etc/systemd/system/mirror-agent.service.d/sources.conf"), 0u);
}

TEST_F(InitSystemAsRoot, AnEmptyFolderOfRootsIsGivenToItsService) {
  // As an init leaves it that is killed between two steps.
  for (const char* name : {"var/lib/partner-mirror", "var/lib/partner-mirror-agent"}) Make(name, 0700);
  ASSERT_EQ(Init({}), 0) << err_;
  EXPECT_EQ(OwnerOf(root_ / "var/lib/partner-mirror"), kServerId);
  EXPECT_EQ(ModeOf(root_ / "var/lib/partner-mirror"), 0750u);
  EXPECT_EQ(OwnerOf(root_ / "var/lib/partner-mirror-agent"), kAgentId);
  for (const char* made : {"etc/partner-mirror", "etc/partner-mirror-agent"})
    std::filesystem::remove_all(root_ / made);
  // With data, or of somebody's, it is a former one.
  Own("var/lib/partner-mirror", 0, 0700);
  WriteText(root_ / "var/lib/partner-mirror/data", "");
  Own("var/lib/partner-mirror-agent", kOwnerId, 0711);
  ASSERT_EQ(Init({}), 0) << err_;
  EXPECT_EQ(OwnerOf(root_ / "var/lib/partner-mirror"), 0u);
  EXPECT_EQ(OwnerOf(root_ / "var/lib/partner-mirror-agent"), kOwnerId);
}

TEST_F(InitSystemAsRoot, UsersAreNeitherRootNorEachOther) {
  const auto with = [this](uid_t server, uid_t agent) {
    WriteText(root_ / "etc/passwd", absl::StrCat(kServer, ":x:", server, ":", kServerId, "::/:/bin/sh\n",
                                                 kAgent, ":x:", agent, ":", kAgentId, "::/:/bin/sh\n"));
    EXPECT_EQ(Init({}), 1);
    EXPECT_FALSE(std::filesystem::exists(OfServer("")));
    return err_;
  };
  EXPECT_THAT(with(0, kAgentId), HasSubstr("'partner-mirror' has 0 as its number"));
  EXPECT_THAT(with(kServerId, 0), HasSubstr("'partner-mirror-agent' has 0 as its number"));
  EXPECT_THAT(with(kServerId, kServerId), HasSubstr("both have the number 61001"));
}

TEST_F(InitSystemAsRoot, ASourceThatTheAgentCannotWriteIsToldAndNotChanged) {
  Own("srv/crm", kOwnerId, 0755);
  Own("srv/crm/crm.db", kOwnerId, 0644);
  WriteText(root_ / "srv/crm/crm.db-wal", "");
  ASSERT_EQ(Init({}), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("\n  usermod -a -G crm partner-mirror-agent\n"
                              "  chgrp crm /srv/crm /srv/crm/crm.db /srv/crm/crm.db-wal\n"
                              "  chmod g+rwxs /srv/crm\n"
                              "  chmod g+rw /srv/crm/crm.db /srv/crm/crm.db-wal\n"));
  EXPECT_EQ(ModeOf(root_ / "srv/crm"), 0755u);
  EXPECT_EQ(OwnerOf(root_ / "srv/crm/crm.db"), kOwnerId);
}

TEST_F(InitSystemAsRoot, AMemberOfTheSourcesGroupNeedsNoMore) {
  Own("srv/crm", kOwnerId, 02770);
  Own("srv/crm/crm.db", kOwnerId, 0660);
  Group(kAgent);
  ASSERT_EQ(Init({}), 0) << err_;
  EXPECT_THAT(out_, AllOf(Not(HasSubstr("First:")), HasSubstr("\n\nNext:\n  systemctl enable")));
}

TEST_F(InitSystemAsRoot, WhatIsRootsIsToBeGivenToTheAgent) {
  Own("srv/crm/crm.db", 0, 0644);
  ASSERT_EQ(Init({}), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("\n  chown partner-mirror-agent: /srv/crm /srv/crm/crm.db\n"));
}

TEST_F(InitSystemAsRoot, ASharedFolderIsNeitherToBeGivenAwayNorTheServices) {
  Make("var/lib/dpkg");
  Make("usr/local/bin");
  Make("home/crm");
  Own("home/crm", kOwnerId, 0755);
  Make("srv/drop", 01777);
  for (const auto& [folder, owner] : std::vector<std::pair<std::string, uid_t>>{{"/var/lib", 0u},
                                                                                {"/usr/local", 0u},
                                                                                {"/home/crm", 0u},
                                                                                {"/home/crm", kOwnerId},
                                                                                {"/srv/drop", kOwnerId}}) {
    WriteText(root_ / (folder + "/crm.db"), "");
    Own(folder + "/crm.db", owner, 0644);
    ASSERT_EQ(Init({}, folder + "/crm.db"), 0) << err_;
    EXPECT_THAT(out_, AllOf(HasSubstr(folder + " has other things in it. First:\n  # move the database"),
                            Not(HasSubstr("chown")), Not(HasSubstr("chmod")), Not(HasSubstr("usermod"))));
    EXPECT_FALSE(std::filesystem::exists(root_ / "etc/systemd"));
    for (const char* made : {"etc/partner-mirror", "etc/partner-mirror-agent"})
      std::filesystem::remove_all(root_ / made);
  }
}

TEST_F(InitSystemAsRoot, ADatabaseOfRootsInAnothersFolderIsSharedWithThatOne) {
  Own("srv/crm", kOwnerId, 0755);
  Own("srv/crm/crm.db", 0, 0644);
  ASSERT_EQ(Init({}), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("\n  usermod -a -G crm partner-mirror-agent\n"
                                    "  chgrp crm /srv/crm /srv/crm/crm.db\n"),
                          Not(HasSubstr("chown"))));
}

TEST_F(InitSystemAsRoot, AClosedFolderAboveIsNamed) {
  Make("srv/ada/crm");
  WriteText(root_ / "srv/ada/crm/crm.db", "");
  Own("srv/ada/crm", kOwnerId, 0755);
  Own("srv/ada/crm/crm.db", kOwnerId, 0644);
  Own("srv/ada", kOwnerId, 0700);
  ASSERT_EQ(Init({}, "/srv/ada/crm/crm.db"), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("\n  setfacl -m u:partner-mirror-agent:--x /srv/ada "),
                          HasSubstr("\n  chgrp crm /srv/ada/crm /srv/ada/crm/crm.db\n")));
}

}  // namespace
}  // namespace mirror::init_system_test
