// What the tests' own support promises of the programs that it starts.

#include "tests/support/processes.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

namespace mirror::processes_test {
namespace {

constexpr char kRace[] = "echo ready; echo 'WARNING: ThreadSanitizer: data race (pid=7)' >&2";

TEST(ProcessesTest, ASanitizersWordsFailTheTestThatStartedTheProgram) {
  EXPECT_NONFATAL_FAILURE(RunProgram("/bin/sh", {"-c", kRace}), "ThreadSanitizer: data race");
  EXPECT_NONFATAL_FAILURE(RunProgram("/bin/sh", {"-c", "echo 'a.cc:3:1: runtime error: shift' >&2; exit 1"}),
                          "runtime error: shift");
}

TEST(ProcessesTest, SoTheyDoWhenTheProgramIsKilled) {
  static const TempFolder folder;
  EXPECT_NONFATAL_FAILURE(
      {
        const auto process = Process::Start({"/bin/sh",
                                             {"-c", std::string(kRace) + "; echo told; exec sleep 100"},
                                             {},
                                             "",
                                             folder.path() + "/errors"})
                                 .value();
        EXPECT_TRUE(process->WaitForLine("told").ok());
        process->Signal(SIGKILL);
        EXPECT_TRUE(process->Wait().ok());
      },
      "ThreadSanitizer");
}

TEST(ProcessesTest, WhatAFormerProgramWroteIntoTheSameFileDoesNotCountAgain) {
  const TempFolder folder;
  const std::string errors = folder.path() + "/errors";
  WriteFileText(errors, "WARNING: ThreadSanitizer: data race\n");
  const auto process = Process::Start({"/bin/sh", {"-c", "echo fine >&2"}, {}, "", errors}).value();
  EXPECT_TRUE(process->Wait().ok());
}

TEST(ProcessesTest, OtherWordsAreNoSanitizers) {
  EXPECT_EQ(SanitizerWords("mirror-server: the sanitizer is off\nan error\n"), "");
  EXPECT_EQ(SanitizerWords("one\n==7==ERROR: LeakSanitizer: detected memory leaks\n"),
            "==7==ERROR: LeakSanitizer: detected memory leaks\n");
}

}  // namespace
}  // namespace mirror::processes_test
