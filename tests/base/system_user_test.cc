#include "base/system_user.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::system_user_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uid_t kNobodys = 61'007;

class OwnFolderTest : public testing::Test {
 protected:
  absl::Status Check(const std::string& name = "") const {
    return CheckOwnFolder(folder_.path() + name, "/etc/a b.toml");
  }
  void Give(uid_t user) { ASSERT_EQ(chown(folder_.path().c_str(), user, user), 0); }

  TempFolder folder_;
};

TEST_F(OwnFolderTest, OnesOwnIsWrittenByEverybody) {
  EXPECT_THAT(Check(), IsOk());
  EXPECT_THAT(Check("/not/there/yet"), IsOk());
}

TEST_F(OwnFolderTest, RootIsToldWhatToTypeInAnothersFolder) {
  if (geteuid() != 0) GTEST_SKIP() << "gives a folder to another user";
  Give(kNobodys);
  for (const char* const name : {"", "/not/there/yet"}) {
    EXPECT_THAT(Check(name),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr("a folder of the user '61007'"), HasSubstr("Nothing was done"),
                               HasSubstr("Type: 'setpriv --reuid=61007 --regid=61007 --clear-groups -- "),
                               HasSubstr("base_test"), HasSubstr(" --config /etc/a\\ b.toml'"))));
  }
  const passwd* const known = getpwnam("daemon");
  if (known == nullptr) return;
  Give(known->pw_uid);
  EXPECT_THAT(Check(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("Type: 'runuser -u daemon -- ")));
}

TEST_F(OwnFolderTest, AnOwnerWhomAUserNamespaceHidesIsNotTakenForNobody) {
  if (geteuid() != 0) GTEST_SKIP() << "gives a folder to another user";
  Give(kNobodys);
  constexpr int kNotAllowed = 2;
  // Only a process with one thread gets a namespace of its own.
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWUSER) != 0) _exit(kNotAllowed);
    WriteFileText("/proc/self/uid_map", "0 0 1\n");
    const absl::Status own = Check();
    _exit(geteuid() == 0 && absl::IsFailedPrecondition(own) &&
                  absl::StrContains(own.message(), "that it does not map") &&
                  !absl::StrContains(own.message(), "runuser")
              ? 0
              : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNotAllowed) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(OwnFolderTest, OthersThanRootAreLeftToTheSystem) {
  if (geteuid() != 0) GTEST_SKIP() << "is another user for a moment";
  Give(kNobodys);
  ASSERT_EQ(seteuid(kNobodys + 1), 0);
  const absl::Status own = Check();
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_THAT(own, IsOk());
}

class MissingRightTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "asks for another user";
    ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
    ASSERT_EQ(mkdir(crm_.c_str(), 0755), 0);
    for (const char* const name : {"/crm.db", "/crm.db-wal"}) {
      WriteFileText(crm_ + name, "");
      Own(name, 0666);
    }
    Own("", 0777);
  }
  void Own(const std::string& name, mode_t mode) { ASSERT_EQ(chmod((crm_ + name).c_str(), mode), 0); }
  std::string Missing(DatabaseUse use) const {
    return MissingRight({"agent", kNobodys, kNobodys, {kNobodys}}, "", crm_ + "/crm.db", use);
  }

  TempFolder folder_;
  const std::string crm_ = folder_.path() + "/crm";
};

TEST_F(MissingRightTest, TheFirstThatIsMissingIsNamed) {
  EXPECT_THAT(Missing(DatabaseUse::kWrite), IsEmpty());
  Own("/crm.db-wal", 0644);
  EXPECT_THAT(Missing(DatabaseUse::kRead), IsEmpty());
  EXPECT_EQ(Missing(DatabaseUse::kWrite), absl::StrCat("may not write '", crm_, "/crm.db-wal'"));
  Own("/crm.db-wal", 0600);
  EXPECT_EQ(Missing(DatabaseUse::kRead), absl::StrCat("may not read '", crm_, "/crm.db-wal'"));
  Own("", 0755);
  EXPECT_EQ(Missing(DatabaseUse::kWrite), absl::StrCat("may not make files in the folder '", crm_, "'"));
  Own("/crm.db", 0644);
  EXPECT_EQ(Missing(DatabaseUse::kWrite), absl::StrCat("may not write '", crm_, "/crm.db'"));
  Own("/crm.db", 0600);
  EXPECT_EQ(Missing(DatabaseUse::kRead), absl::StrCat("may not read '", crm_, "/crm.db'"));
  Own("", 0700);
  EXPECT_EQ(Missing(DatabaseUse::kRead), absl::StrCat("may not enter the folder '", crm_, "'"));
}

TEST_F(MissingRightTest, AReadOnlyFileSystemIsNamedAsOne) {
  std::string read = "?", written = "?";
  bool mounted = false;
  // Mounts of a thread of its own are nobody else's.
  std::thread([&] {
    mounted = unshare(CLONE_NEWNS) == 0 && mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
              mount(crm_.c_str(), crm_.c_str(), nullptr, MS_BIND, nullptr) == 0 &&
              mount("", crm_.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0;
    read = Missing(DatabaseUse::kRead);
    written = Missing(DatabaseUse::kWrite);
  }).join();
  if (!mounted) GTEST_SKIP() << "nothing may be mounted here";
  EXPECT_THAT(read, IsEmpty());
  EXPECT_THAT(written,
              AllOf(HasSubstr(absl::StrCat("finds '", crm_, "/crm.db' read-only: its file system is")),
                    HasSubstr("ReadWritePaths=")));
}

TEST(ThisUserTest, HasTheGroupsOfTheProcess) {
  const SystemUser user = ThisUser();
  EXPECT_EQ(user.id, geteuid());
  EXPECT_EQ(user.group, getegid());
  EXPECT_EQ(user.groups.size(), static_cast<std::size_t>(getgroups(0, nullptr)));
}

}  // namespace
}  // namespace mirror::system_user_test
