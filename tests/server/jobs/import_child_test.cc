// The server's side of an import: what it makes of a program that ends, lies, or does not end.

#include "server/jobs/import_child.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/jobs/read_import.h"
#include "tests/support/status_matchers.h"

namespace mirror::import_child_test {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

std::size_t OpenDescriptors() {
  std::size_t count = 0;
  for (const auto& one : std::filesystem::directory_iterator("/proc/self/fd"))
    count += one.exists() ? 1U : 1U;
  return count;
}

class ImportChildTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string bytes = "id,name\n";
    for (int i = 0; i < 200'000; ++i) absl::StrAppend(&bytes, i, ",some name that has a few letters\n");
    WriteFileText(file_, bytes);
  }
  std::unique_ptr<ImportChild> Start(const std::string& program = BinDir() + "/mirror-import",
                                     const ImportLimits& limits = {}) {
    const int file = open(file_.c_str(), O_RDONLY | O_CLOEXEC);
    auto child = ImportChild::Start(program, file, limits);
    close(file);
    EXPECT_THAT(child, IsOk());
    return child.ok() ? *std::move(child) : nullptr;
  }
  /// A program in the place of mirror-import: what a shell does.
  std::string Script(const std::string& commands) {
    std::string path = folder_.path() + "/program";
    WriteFileText(path, "#!/bin/sh\n" + commands + "\n");
    chmod(path.c_str(), 0700);
    return path;
  }
  /// One that says these bytes, and then does that.
  std::string Saying(const std::string& bytes, const std::string& then = "") {
    WriteFileText(folder_.path() + "/frames", bytes);
    return Script(absl::StrCat("/bin/cat '", folder_.path(), "/frames'\n", then));
  }
  const TempFolder folder_;
  const std::string file_ = folder_.path() + "/file.csv";
};

TEST_F(ImportChildTest, ItsProgramIsFoundBesideThisOne) {
  EXPECT_THAT(FindImportProgram(), IsOkAndHolds(BinDir() + "/mirror-import"));
}

TEST_F(ImportChildTest, NothingStaysWhenItIsOver) {
  const std::size_t before = OpenDescriptors();
  pid_t pid = -1;
  {
    const std::unique_ptr<ImportChild> child = Start();
    ASSERT_NE(child, nullptr);
    pid = child->pid();
    const ImportSeen seen = ReadImport(*child);
    EXPECT_THAT(seen.error, IsOk());
    EXPECT_EQ(seen.row_count, 200'000U);
    EXPECT_EQ(child->pid(), -1);
    EXPECT_THAT(child->Next(milliseconds(0)), StatusIs(absl::StatusCode::kFailedPrecondition));
  }
  EXPECT_EQ(waitpid(pid, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(ImportChildTest, AProgramThatIsKilledMayBeTriedAgain) {
  const std::unique_ptr<ImportChild> child = Start();
  ASSERT_NE(child, nullptr);
  ASSERT_THAT(child->Next(kPatience), IsOk());
  kill(child->pid(), SIGKILL);
  const ImportSeen seen = ReadImport(*child);
  EXPECT_THAT(seen.error,
              StatusIs(absl::StatusCode::kUnavailable,
                       StartsWith("the file could not be read: the program that parses it was killed")));
  EXPECT_FALSE(seen.end);
  EXPECT_EQ(child->pid(), -1);
}

TEST_F(ImportChildTest, ItGoesWithItsObject) {
  std::unique_ptr<ImportChild> child = Start();
  ASSERT_NE(child, nullptr);
  const pid_t pid = child->pid();
  ASSERT_THAT(child->Next(kPatience), IsOk());
  child.reset();
  EXPECT_EQ(kill(pid, 0), -1);
  child = Start();
  child->Stop();
  child->Stop();
  EXPECT_THAT(child->Next(kPatience), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ImportChildTest, WithoutAnythingToSayTheTimeoutPasses) {
  const std::unique_ptr<ImportChild> child = Start(Script("exec /bin/sleep 600"));
  ASSERT_NE(child, nullptr);
  for (int i = 0; i < 3; ++i) {
    const auto piece = child->Next(milliseconds(5));
    ASSERT_THAT(piece, IsOk());
    EXPECT_FALSE(piece->has_value());
  }
}

TEST_F(ImportChildTest, ItsTimeHasAnEnd) {
  const ImportLimits limits{milliseconds(300)};
  // One that is silent, and one that never stops talking.
  const std::string header = EncodeFrame(ImportHeader{{"id"}, false});
  const std::string step = EncodeFrame(ImportProgress{0, 1});
  WriteFileText(folder_.path() + "/step", step);
  for (const char* const program : {"exec /bin/sleep 600", "while :; do /bin/cat \"$0.step\"; done"}) {
    const std::string path = Saying(header, program);
    WriteFileText(path + ".step", step);
    const std::unique_ptr<ImportChild> child = Start(path, limits);
    ASSERT_NE(child, nullptr);
    const ImportSeen seen = ReadImport(*child);
    EXPECT_THAT(seen.error,
                StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("it took longer than allowed")));
    EXPECT_EQ(child->pid(), -1);
  }
}

TEST_F(ImportChildTest, AProgramThatIsNotThereIsNoImport) {
  const int file = open(file_.c_str(), O_RDONLY | O_CLOEXEC);
  const std::size_t before = OpenDescriptors();
  EXPECT_THAT(ImportChild::Start(folder_.path() + "/none", file),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("could not be started")));
  EXPECT_EQ(OpenDescriptors(), before);
  close(file);
}

TEST_F(ImportChildTest, WhatIsNoFileIsNotRead) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  auto child = ImportChild::Start(BinDir() + "/mirror-import", ends[0]);
  ASSERT_THAT(child, IsOk());
  EXPECT_THAT(ReadImport(**child).error,
              StatusIs(absl::StatusCode::kInternal, HasSubstr("ended with code 2")));
  close(ends[0]);
  close(ends[1]);
}

TEST_F(ImportChildTest, AProgramThatLiesIsEnded) {
  const std::string header = EncodeFrame(ImportHeader{{"id"}, false});
  const std::string end = EncodeFrame(ImportEnd{ImportOutcome::kDone, "", 0, 0});
  for (const std::string& bytes :
       {std::string("hello, world"), std::string(100'000, '\xff'), header + header, header + end + "x",
        header + EncodeFrame(ImportEnd{ImportOutcome::kDone, "", 5, 0}), EncodeFrame(ImportProgress{1, 2})}) {
    const std::unique_ptr<ImportChild> child = Start(Saying(bytes, "exec /bin/sleep 600"));
    ASSERT_NE(child, nullptr);
    const ImportSeen seen = ReadImport(*child);
    EXPECT_THAT(seen.error, StatusIs(absl::StatusCode::kInvalidArgument,
                                     HasSubstr("the program that parses it sent an invalid message")));
    EXPECT_EQ(child->pid(), -1);
  }
}

TEST_F(ImportChildTest, AProgramThatBreaksOffIsNoEnd) {
  const std::string header = EncodeFrame(ImportHeader{{"id"}, false});
  const struct {
    std::string then;
    absl::StatusCode code;
    std::string reason;
  } cases[] = {
      {"exit 3", absl::StatusCode::kInternal, "ended with code 3 before it was done"},
      {"kill -SEGV $$", absl::StatusCode::kInternal, "crashed (signal 11, Segmentation fault)"},
      {"kill -SYS $$", absl::StatusCode::kInternal, "crashed (signal 31, Bad system call)"},
      {"kill -XCPU $$", absl::StatusCode::kResourceExhausted, "too much processor time"},
      {"exec /bin/sleep 600 >&-", absl::StatusCode::kInternal, "stopped answering"},
  };
  for (const auto& one : cases) {
    const std::unique_ptr<ImportChild> child = Start(Saying(header, one.then));
    ASSERT_NE(child, nullptr);
    const ImportSeen seen = ReadImport(*child);
    EXPECT_THAT(seen.error, StatusIs(one.code, HasSubstr(one.reason)));
    EXPECT_EQ(child->pid(), -1);
  }
}

TEST_F(ImportChildTest, WhoSaidItsEndAndStaysIsEnded) {
  const std::string bytes =
      EncodeFrame(ImportHeader{{"id"}, false}) + EncodeFrame(ImportEnd{ImportOutcome::kDone, "", 0, 0});
  const std::unique_ptr<ImportChild> child = Start(Saying(bytes, "exec /bin/sleep 600"));
  ASSERT_NE(child, nullptr);
  const ImportSeen seen = ReadImport(*child);
  EXPECT_THAT(seen.error, IsOk());
  EXPECT_TRUE(seen.end);
  EXPECT_EQ(child->pid(), -1);
}

TEST_F(ImportChildTest, TheProgramGetsNoEnvironmentAndNoOtherDescriptor) {
  setenv("SESAME", "open", 1);
  const int of_ours = open(file_.c_str(), O_RDONLY);  // Without O_CLOEXEC.
  const std::string path =
      Script("/usr/bin/env > \"$0.env\"\n/bin/ls /proc/self/fd > \"$0.fds\"\n/bin/pwd > \"$0.pwd\"");
  const std::unique_ptr<ImportChild> child = Start(path);
  ASSERT_NE(child, nullptr);
  ReadImport(*child);
  EXPECT_THAT(ReadFileText(path + ".env"), testing::Not(HasSubstr("SESAME")));
  EXPECT_EQ(ReadFileText(path + ".pwd"), "/\n");
  // 3: of ls itself, which lists the folder.
  EXPECT_EQ(ReadFileText(path + ".fds"), "0\n1\n2\n3\n");
  close(of_ours);
}

TEST_F(ImportChildTest, SeveralRunBesideEachOther) {
  std::vector<std::thread> threads;
  std::vector<std::uint64_t> counts(4);
  for (std::uint64_t& count : counts) {
    threads.emplace_back([this, &count] { count = ReadImport(file_).row_count; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(counts, testing::Each(200'000U));
}

}  // namespace
}  // namespace mirror::import_child_test
