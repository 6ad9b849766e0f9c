#include "base/text/find_config.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/text/config_file.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"
#include "tests/support/variable.h"

namespace mirror::find_config_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// With a home and an /etc of its own, in an empty current folder.
class FindConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    unsetenv("XDG_CONFIG_HOME");
    std::filesystem::create_directories(Path("here"));
    std::filesystem::create_directories(home_);
    std::filesystem::current_path(Path("here"));
  }
  void TearDown() override { std::filesystem::current_path(before_); }

  std::string Path(const std::string& name) const { return absl::StrCat(folder_.path(), "/", name); }
  void Write(const std::string& name) const {
    std::filesystem::create_directories(std::filesystem::path(Path(name)).parent_path());
    WriteFileText(Path(name), "");
  }
  absl::StatusOr<FoundConfig> Find(const std::string& name) const {
    return FindConfig("", name, Path("etc"));
  }
  std::string Found(const std::string& name) const {
    const absl::StatusOr<FoundConfig> found = Find(name);
    return found.ok() && found->searched ? found->path : std::string(found.status().message());
  }

  const std::filesystem::path before_ = std::filesystem::current_path();
  TempFolder folder_;
  const std::string home_ = Path("home");
  const Variable home_variable_{"HOME", home_.c_str()};
};

TEST_F(FindConfigTest, WhatIsNamedIsTakenAsItStands) {
  Write("etc/partner-mirror/mirrorctl.toml");
  const absl::StatusOr<FoundConfig> found = FindConfig("other.toml", "mirrorctl.toml", Path("etc"));
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->path, "other.toml");
  EXPECT_FALSE(found->searched);
}

TEST_F(FindConfigTest, TheNearestPlaceWins) {
  Write("etc/partner-mirror/mirror-agent.toml");
  EXPECT_EQ(Found("mirror-agent.toml"), Path("etc/partner-mirror/mirror-agent.toml"));
  Write("etc/partner-mirror-agent/mirror-agent.toml");
  EXPECT_EQ(Found("mirror-agent.toml"), Path("etc/partner-mirror-agent/mirror-agent.toml"));
  Write("home/.config/partner-mirror/mirror-agent.toml");
  EXPECT_EQ(Found("mirror-agent.toml"), Path("home/.config/partner-mirror/mirror-agent.toml"));
  Write("here/mirror-agent.toml");
  EXPECT_EQ(Found("mirror-agent.toml"), "mirror-agent.toml");
}

TEST_F(FindConfigTest, AStrangersFileInTheCurrentFolderIsPassedOver) {
  if (geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  Write("here/mirrorctl.toml");
  ASSERT_EQ(chown("mirrorctl.toml", 1234, 0), 0);
  EXPECT_THAT(
      Find("mirrorctl.toml"),
      StatusIs(absl::StatusCode::kNotFound, AllOf(HasSubstr("', and ./mirrorctl.toml is skipped"),
                                                  HasSubstr("user id 1234"), HasSubstr("Nothing was done"))));

  Write("etc/partner-mirror/mirrorctl.toml");
  const absl::StatusOr<FoundConfig> found = Find("mirrorctl.toml");
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->path, Path("etc/partner-mirror/mirrorctl.toml"));
  EXPECT_THAT(found->passed_over, HasSubstr("another user's (user id 1234)"));

  // Named, it is the one.
  EXPECT_EQ(FindConfig("mirrorctl.toml", "mirrorctl.toml", Path("etc"))->passed_over, "");
}

TEST_F(FindConfigTest, AFileThatOthersMayWriteIsPassedOverInTheCurrentFolder) {
  Write("here/mirrorctl.toml");
  Write("etc/partner-mirror/mirrorctl.toml");
  const std::string of_etc = Path("etc/partner-mirror/mirrorctl.toml");
  ASSERT_EQ(chmod(of_etc.c_str(), 0666), 0) << "whose folder is the administrator's";
  // With umask 002 a user's files are for its own group, too.
  ASSERT_EQ(chmod("mirrorctl.toml", 0664), 0);
  EXPECT_EQ(Found("mirrorctl.toml"), "mirrorctl.toml");
  ASSERT_EQ(chmod("mirrorctl.toml", 0646), 0);
  EXPECT_THAT(ConfigFile::Open("mirrorctl.toml", "").status(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("one that everybody may write")));
  const absl::StatusOr<FoundConfig> found = Find("mirrorctl.toml");
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->path, of_etc);
  EXPECT_THAT(
      found->passed_over,
      HasSubstr("./mirrorctl.toml is skipped, since it is one that everybody may write ('chmod go-w'"));
  if (geteuid() != 0) GTEST_SKIP() << "only root gives a file to any group";
  ASSERT_EQ(chmod("mirrorctl.toml", 0664), 0);
  ASSERT_EQ(chown("mirrorctl.toml", 0, 1234), 0);
  EXPECT_THAT(Find("mirrorctl.toml")->passed_over, HasSubstr("one that another group may write"));
  ASSERT_EQ(chmod("mirrorctl.toml", 0644), 0);
  EXPECT_EQ(Found("mirrorctl.toml"), "mirrorctl.toml");
}

TEST_F(FindConfigTest, AStrangersLinkInTheCurrentFolderIsPassedOver) {
  if (geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  Write("etc/partner-mirror/mirrorctl.toml");
  Write("own.toml");
  std::filesystem::create_symlink(Path("own.toml"), "mirrorctl.toml");
  EXPECT_EQ(Found("mirrorctl.toml"), "mirrorctl.toml");
  ASSERT_EQ(lchown("mirrorctl.toml", 1234, 0), 0);
  EXPECT_EQ(Found("mirrorctl.toml"), Path("etc/partner-mirror/mirrorctl.toml"));
  ASSERT_EQ(lchown("mirrorctl.toml", 0, 0), 0);
  ASSERT_EQ(chown(Path("own.toml").c_str(), 1234, 0), 0);
  EXPECT_EQ(Found("mirrorctl.toml"), Path("etc/partner-mirror/mirrorctl.toml"));
}

TEST_F(FindConfigTest, AFileThatIsTakenIsNotPassedOver) {
  if (geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  Write("etc/partner-mirror/mirror-server.toml");
  ASSERT_EQ(chown(Path("etc/partner-mirror/mirror-server.toml").c_str(), 1234, 0), 0);
  std::filesystem::current_path(Path("etc/partner-mirror"));
  const absl::StatusOr<FoundConfig> found = Find("mirror-server.toml");
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->path, Path("etc/partner-mirror/mirror-server.toml"));
  EXPECT_EQ(found->passed_over, "");
}

TEST_F(FindConfigTest, AStrangersFileWhereAVariableLeadsIsPassedOver) {
  if (geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  Write("own/partner-mirror/mirrorctl.toml");
  Write("etc/partner-mirror/mirrorctl.toml");
  const std::string own = Path("own");
  const Variable of_another("XDG_CONFIG_HOME", own.c_str());
  ASSERT_EQ(chown(Path("own/partner-mirror/mirrorctl.toml").c_str(), 1234, 0), 0);
  const absl::StatusOr<FoundConfig> found = Find("mirrorctl.toml");
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->path, Path("etc/partner-mirror/mirrorctl.toml"));
  EXPECT_THAT(found->passed_over, HasSubstr(own + "/partner-mirror/mirrorctl.toml is skipped"));
}

TEST_F(FindConfigTest, AFileThatIsExchangedBehindTheLookIsNotRead) {
  if (geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  Write("here/mirrorctl.toml");
  ASSERT_EQ(Found("mirrorctl.toml"), "mirrorctl.toml");
  EXPECT_THAT(ConfigFile::Open("mirrorctl.toml", "").status(), IsOk());
  ASSERT_EQ(chown("mirrorctl.toml", 1234, 0), 0);
  EXPECT_THAT(ConfigFile::Open("mirrorctl.toml", "").status(),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       AllOf(HasSubstr("another user's (user id 1234)"), HasSubstr("was not read"))));
  ASSERT_THAT(FindConfig("mirrorctl.toml", "mirrorctl.toml", Path("etc")), IsOk());
  EXPECT_THAT(ConfigFile::Open("mirrorctl.toml", "").status(), IsOk()) << "named, it is the one";
}

TEST_F(FindConfigTest, AnotherFileOfTheSameOwnerIsNotReadEither) {
  Write("here/mirrorctl.toml");
  ASSERT_EQ(Found("mirrorctl.toml"), "mirrorctl.toml");
  const int descriptor = open("mirrorctl.toml", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(descriptor, 0);
  EXPECT_THAT(CheckConfigOwner("mirrorctl.toml", descriptor), IsOk());
  Write("here/next.toml");
  std::filesystem::rename("next.toml", "mirrorctl.toml");
  EXPECT_THAT(CheckConfigOwner("mirrorctl.toml", descriptor),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       AllOf(HasSubstr("was replaced while it was being checked. It was not read"),
                             Not(HasSubstr("another user's")))));
  EXPECT_THAT(CheckConfigOwner(Path("here/mirrorctl.toml"), descriptor), IsOk()) << "nobody found this path";
  close(descriptor);
}

TEST_F(FindConfigTest, WhereAVariableLeadsMayBeClosed) {
  Write("own/partner-mirror/mirrorctl.toml");
  Write("etc/partner-mirror/mirrorctl.toml");
  const std::string own = Path("own");
  const Variable closed("XDG_CONFIG_HOME", own.c_str());
  const uid_t before = geteuid();
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod(own.c_str(), 0), 0);
  if (before == 0) {
    ASSERT_EQ(seteuid(1234), 0);
  }
  const absl::StatusOr<FoundConfig> found = Find("mirrorctl.toml");
  ASSERT_EQ(seteuid(before), 0);
  ASSERT_EQ(chmod(own.c_str(), 0755), 0);
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->path, Path("etc/partner-mirror/mirrorctl.toml"));
  EXPECT_EQ(found->passed_over, absl::StrCat(own, "/partner-mirror/mirrorctl.toml is skipped, since this ",
                                             "user may not look there"));
}

TEST_F(FindConfigTest, TheOwnerIsToldToGiveHimselfTheRight) {
  EXPECT_EQ(AsItsOwner(Path("here/not/there.toml")),
            absl::StrCat("give yourself the right to '", Path("here"), "' with chmod"));
}

TEST_F(FindConfigTest, WhoMayNotLookIsToldWhatToDo) {
  if (geteuid() != 0) GTEST_SKIP() << "only root becomes another user";
  Write("etc/partner-mirror/mirrorctl.toml");
  std::filesystem::create_directories(Path("etc/partner-mirror-agent"));
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
  // Who becomes another user by its number alone keeps root's group.
  ASSERT_EQ(chmod(Path("etc/partner-mirror").c_str(), 0700), 0);
  const auto find_as_another = [this](const std::string& name) {
    EXPECT_EQ(seteuid(1234), 0);
    const absl::Status status = Find(name).status();
    EXPECT_EQ(seteuid(0), 0);
    return status;
  };
  EXPECT_THAT(find_as_another("mirrorctl.toml"),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       AllOf(HasSubstr("there is no 'mirrorctl.toml', and this user cannot see if there is"),
                             HasSubstr("Nothing was done: run it with sudo, or name"),
                             HasSubstr("'mirrorctl init'"))));
  // The agent's user, before there is a configuration.
  EXPECT_THAT(find_as_another("mirror-agent.toml"),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("'mirrorctl init'"), Not(HasSubstr("/partner-mirror/")))));
  ASSERT_EQ(chmod(Path("etc/partner-mirror-agent").c_str(), 0700), 0);
  ASSERT_EQ(chown(Path("etc/partner-mirror-agent").c_str(), 1, 0), 0);
  EXPECT_THAT(find_as_another("mirror-agent.toml"),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("run it with 'sudo -u ")));
}

TEST_F(FindConfigTest, TheAgentsFolderIsNobodyElses) {
  Write("etc/partner-mirror-agent/mirrorctl.toml");
  EXPECT_THAT(Find("mirrorctl.toml"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(FindConfigTest, AFolderOfConfigurationsMayBeElsewhereButNotAnywhere) {
  Write("own/partner-mirror/mirrorctl.toml");
  const std::string own = Path("own");
  const Variable elsewhere("XDG_CONFIG_HOME", own.c_str());
  EXPECT_EQ(Found("mirrorctl.toml"), Path("own/partner-mirror/mirrorctl.toml"));
  const Variable relative("XDG_CONFIG_HOME", "../own");
  Write("home/.config/partner-mirror/mirrorctl.toml");
  EXPECT_EQ(Found("mirrorctl.toml"), Path("home/.config/partner-mirror/mirrorctl.toml"));
}

TEST_F(FindConfigTest, ThePlacesAreNamedWhereThereIsNone) {
  const absl::StatusOr<FoundConfig> found = Find("mirror-server.toml");
  EXPECT_THAT(found, StatusIs(absl::StatusCode::kNotFound,
                              AllOf(HasSubstr("there is no 'mirror-server.toml' and no '"),
                                    HasSubstr(Path("home/.config/partner-mirror/mirror-server.toml")),
                                    HasSubstr(Path("etc/partner-mirror/mirror-server.toml")),
                                    HasSubstr("--config or in MIRROR_SERVER_CONFIG"),
                                    HasSubstr("'mirrorctl init' writes one"))));
}

TEST_F(FindConfigTest, WhatCannotBeSeenIsNotPassedOver) {
  // Too long a name: root may look into every folder.
  const std::string folder = "/" + std::string(300, 'x');
  const Variable other("XDG_CONFIG_HOME", folder.c_str());
  Write("etc/partner-mirror/mirrorctl.toml");
  EXPECT_THAT(Find("mirrorctl.toml"), StatusIs(absl::StatusCode::kPermissionDenied,
                                               AllOf(HasSubstr(folder), HasSubstr("cannot see if there"))));
}

TEST_F(FindConfigTest, TheHomeOfAnotherUserIsNotLookedInto) {
  Write("home/.config/partner-mirror/mirrorctl.toml");
  Write("etc/partner-mirror/mirrorctl.toml");
  EXPECT_EQ(Found("mirrorctl.toml"), Path("home/.config/partner-mirror/mirrorctl.toml"));
  if (geteuid() != 0) GTEST_SKIP() << "only root gives a folder away";
  ASSERT_EQ(chown(home_.c_str(), 1234, 0), 0);
  EXPECT_EQ(Found("mirrorctl.toml"), Path("etc/partner-mirror/mirrorctl.toml"));
}

TEST_F(FindConfigTest, ALinkThatLeadsNowhereIsFoundAndNotPassedOver) {
  Write("etc/partner-mirror/mirrorctl.toml");
  std::filesystem::create_symlink("gone.toml", "mirrorctl.toml");
  EXPECT_EQ(Found("mirrorctl.toml"), "mirrorctl.toml");
}

TEST(SayConfigTest, OnlyWhatWasSearchedForElsewhereIsSaid) {
  const auto said = [](const FoundConfig& found) {
    std::ostringstream out;
    SayConfig(found, "mirrorctl", out);
    return out.str();
  };
  EXPECT_EQ(said({"/etc/partner-mirror/mirrorctl.toml", true}),
            "mirrorctl: configuration /etc/partner-mirror/mirrorctl.toml\n");
  EXPECT_EQ(said({"/etc/partner-mirror/mirrorctl.toml", false}), "");
  EXPECT_EQ(said({"mirrorctl.toml", true}), "");
  EXPECT_EQ(said({"/etc/partner-mirror/mirrorctl.toml", true, "./mirrorctl.toml is skipped"}),
            "mirrorctl: ./mirrorctl.toml is skipped\n"
            "mirrorctl: configuration /etc/partner-mirror/mirrorctl.toml\n");
}

TEST(LetSearchTest, AnEmptyOptionIsRefusedAndAnEmptyVariableSaysNothing) {
  const auto wrong = [](const std::vector<const char*>& words, std::string* path) {
    const cli::Program program("A program", "program", "1");
    LetSearch(program, program.Add("--config", *path, "Which"), *path, "mirror-agent.toml");
    std::ostringstream out;
    return program.Parse(static_cast<int>(words.size()), words.data(), out).wrong;
  };
  std::string path;
  EXPECT_THAT(wrong({"program", "--config", ""}, &path), HasSubstr("--config must name a file"));
  EXPECT_EQ(wrong({"program"}, &path), "");
  EXPECT_EQ(path, "");
  const Variable empty("MIRROR_AGENT_CONFIG", "");
  EXPECT_EQ(wrong({"program"}, &path), "");
  EXPECT_EQ(path, "");
  const Variable named("MIRROR_AGENT_CONFIG", "a.toml");
  EXPECT_EQ(wrong({"program"}, &path), "");
  EXPECT_EQ(path, "a.toml");
  EXPECT_EQ(wrong({"program", "--config", "b.toml"}, &path), "");
  EXPECT_EQ(path, "b.toml");
}

}  // namespace
}  // namespace mirror::find_config_test
