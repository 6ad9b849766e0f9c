// The files that SQLite makes beside a source, where agent and application are different users.

#include "client/source/sqlite/file/beside_files.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>

#include "client/source/sqlite/log/change_log.h"
#include "client/source/sqlite/log/log_check.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::beside_files_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct PartiesCase {
  std::string name;
  BesideParties parties;
  std::string problem;
};

class BesideProblemTest : public testing::TestWithParam<PartiesCase> {};

TEST_P(BesideProblemTest, SaysWhetherTheOwnerIsLockedOut) {
  const std::string problem = BesideProblem(GetParam().parties);
  if (GetParam().problem.empty()) {
    EXPECT_EQ(problem, "");
  } else {
    EXPECT_THAT(problem, HasSubstr(GetParam().problem));
  }
}

constexpr uid_t kApp = 65'001, kAgent = 65'003;
constexpr gid_t kShared = 65'002, kOwn = 65'004;

INSTANTIATE_TEST_SUITE_P(
    Beside, BesideProblemTest,
    testing::Values(
        PartiesCase{"Root", {0640, kApp, kShared, 0, false, false, false}, ""},
        PartiesCase{"TheOwner", {0600, kApp, kShared, kApp, false, false, false}, ""},
        PartiesCase{"Everybody", {0666, kApp, kShared, kAgent, false, false, false}, ""},
        PartiesCase{"AMember", {0660, kApp, kShared, kAgent, true, false, true}, ""},
        PartiesCase{"AMemberOfAnUnknownOwner", {0660, kApp, kShared, kAgent, true, false, {}}, ""},
        PartiesCase{"ByTheFolder", {0660, kApp, kShared, kAgent, false, true, true}, ""},
        PartiesCase{"NotInTheGroup",
                    {0660, kApp, kShared, kAgent, false, false, true},
                    "this user is not in the group"},
        PartiesCase{"TheOwnerIsNotInTheGroup",
                    {0660, kApp, kShared, kAgent, true, false, false},
                    "its owner is not in the group"},
        PartiesCase{"TheGroupMayOnlyRead", {0640, kApp, kShared, kAgent, true, true, true}, "its mode 640"}),
    [](const auto& test) { return test.param.name; });

/// A database of an application's in a folder without setgid, and an agent that is another user.
class TwoUsers : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can be two users";
    ASSERT_EQ(chown(folder_.path().c_str(), kApp, kShared), 0);
    ASSERT_EQ(chmod(folder_.path().c_str(), 0770), 0);
  }
  void MakeDatabase(const std::string& journal_mode) {
    ASSERT_EQ(As(kApp, {}, [&] { Write("PRAGMA journal_mode = " + journal_mode + "; CREATE TABLE t(x)"); }),
              0);
    ASSERT_EQ(chmod(path_.c_str(), 0660), 0);
  }
  /// The exit code of a process of this user's, or the signal that ended it. The application's own group is
  /// that of its files.
  int As(uid_t user, const std::vector<gid_t>& groups, const std::function<void()>& work) {
    const pid_t child = fork();
    if (child == 0) {
      umask(0027);
      if (setgroups(groups.size(), groups.data()) != 0 || setgid(user == kApp ? kShared : kOwn) != 0 ||
          setuid(user) != 0) {
        _exit(99);
      }
      work();
      _exit(testing::Test::HasFailure() ? 98 : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
  }
  void Write(const std::string& sql) { Sql(path_, sql); }
  void ExpectShared(const std::string& suffix) {
    struct stat file = {};
    ASSERT_EQ(stat((path_ + suffix).c_str(), &file), 0) << suffix;
    EXPECT_EQ(file.st_gid, kShared) << suffix;
    EXPECT_EQ(file.st_mode & 0777, 0660U) << suffix;
  }
  ChangeLogOptions Options() { return {path_, "host"}; }

  TempFolder folder_;
  std::string path_ = folder_ / "source.db";
};

TEST_F(TwoUsers, TheApplicationGoesOnAfterAnAgentThatWasKilledInAWalSource) {
  MakeDatabase("WAL");
  EXPECT_EQ(As(kAgent, {kShared},
               [&] {
                 const auto log = ChangeLog::Install(Options());
                 EXPECT_THAT(log, IsOk());
                 if (log.ok()) raise(SIGKILL);
               }),
            SIGKILL);
  ExpectShared("-wal");
  ExpectShared("-shm");
  EXPECT_EQ(As(kApp, {}, [&] { Write("INSERT INTO t VALUES (1)"); }), 0);
}

TEST_F(TwoUsers, TheApplicationGoesOnAfterAnAgentThatWasKilledInAWriteWithARollbackJournal) {
  MakeDatabase("DELETE");
  EXPECT_EQ(As(kAgent, {kShared},
               [&] {
                 const auto file = SqliteFile::Open(path_, Use::kChange);
                 EXPECT_THAT(file, IsOk());
                 if (!file.ok()) return;
                 (void)(*file)->Change([&] {
                   EXPECT_THAT((*file)->Run("CREATE TABLE half_done(x)"), IsOk());
                   raise(SIGKILL);
                   return absl::OkStatus();
                 });
               }),
            SIGKILL);
  ExpectShared("-journal");
  EXPECT_EQ(As(kApp, {}, [&] { Write("INSERT INTO t VALUES (1); CREATE TABLE half_done(x)"); }), 0);
}

TEST_F(TwoUsers, AnAgentThatMayOnlyReadTheDatabaseMakesNothingAndSaysSo) {
  MakeDatabase("WAL");
  const auto names = folder_.Names();
  ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  EXPECT_EQ(As(kAgent, {kShared},
               [&] {
                 EXPECT_THAT(ChangeLog::Install(Options()).status(),
                             StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("its mode 640")));
                 EXPECT_THAT(ExamineLog(path_, {})->locks_out, HasSubstr("its mode 640"));
               }),
            0);
  EXPECT_EQ(folder_.Names(), names);
  EXPECT_EQ(As(kApp, {}, [&] { Write("INSERT INTO t VALUES (1)"); }), 0);
}

TEST_F(TwoUsers, AnAgentThatWouldLockTheApplicationOutMakesNothingAndSaysSo) {
  const struct passwd* const owner = getpwnam("daemon");
  if (owner == nullptr) GTEST_SKIP() << "there is no user whose groups are known";
  MakeDatabase("WAL");
  const auto names = folder_.Names();
  ASSERT_EQ(chown(path_.c_str(), owner->pw_uid, kShared), 0);
  EXPECT_EQ(As(kAgent, {kShared},
               [&] {
                 EXPECT_THAT(ChangeLog::Install(Options()).status(),
                             StatusIs(absl::StatusCode::kPermissionDenied,
                                      AllOf(HasSubstr("its owner is not in the group"), HasSubstr("chgrp"))));
                 EXPECT_THAT(ExamineLog(path_, {})->locks_out, HasSubstr("its owner is not in the group"));
               }),
            0);
  EXPECT_EQ(folder_.Names(), names);
  // As the words say.
  ASSERT_EQ(chown(path_.c_str(), owner->pw_uid, owner->pw_gid), 0);
  EXPECT_EQ(As(kAgent, {kShared, owner->pw_gid},
               [&] {
                 EXPECT_THAT(ChangeLog::Install(Options()).status(), IsOk());
                 EXPECT_EQ(ExamineLog(path_, {})->locks_out, "");
               }),
            0);
}

}  // namespace
}  // namespace mirror::beside_files_test
