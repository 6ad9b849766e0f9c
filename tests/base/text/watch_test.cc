#include "base/text/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/interruption.h"
#include "base/text/text_stream.h"
#include "tests/support/sleeping_thread.h"

namespace mirror::watch_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// A watch of so many looks, which takes no time.
class WatchTest : public testing::Test {
 protected:
  int Run(const Look& look, int looks, bool json = false) {
    Watched watched;
    watched.what = "program tables";
    watched.every = std::chrono::seconds(5);
    watched.json = json;
    watched.terminal = [this] { return terminal_; };
    watched.time = [this] { return absl::StrCat("time ", ++asked_); };
    watched.ended = [this, looks](std::chrono::milliseconds every) {
      if (every == std::chrono::milliseconds(0)) return cut_off_;
      EXPECT_EQ(every, std::chrono::seconds(5));
      return ++waited_ == looks;
    };
    return Watch(watched, look, out_, err_);
  }
  /// The screens that were drawn, each in lines.
  std::vector<std::vector<std::string>> Screens() const {
    std::vector<std::vector<std::string>> screens;
    for (const std::string& screen : std::vector<std::string>(absl::StrSplit(out_.str(), "\x1b[H\x1b[?7l"))) {
      if (!screen.empty()) screens.push_back(absl::StrSplit(screen, "\x1b[K\n"));
    }
    return screens;
  }

  Terminal terminal_;
  std::ostringstream out_, err_;
  int asked_ = 0, waited_ = 0;
  bool cut_off_ = false;  ///< The end came during the look.
};

TEST_F(WatchTest, WithoutATerminalLooksStandOneBelowTheOther) {
  int count = 0;
  const int code = Run(
      [&](std::ostream& out, std::ostream& err) {
        out << "look " << ++count << '\n';
        if (count == 2) err << "away\n";
        return count == 3 ? 1 : 0;
      },
      3);
  EXPECT_EQ(code, 1) << "of the last look";
  EXPECT_EQ(out_.str(), "look 1\n\nlook 2\n\nlook 3\n");
  EXPECT_EQ(err_.str(), "away\n");
}

TEST_F(WatchTest, DocumentsFollowEachOtherOnATerminalToo) {
  terminal_.height = 24;
  Run([](std::ostream& out, std::ostream&) { return out << "{}\n", 0; }, 2, /*json=*/true);
  EXPECT_EQ(out_.str(), "{}\n{}\n");
}

TEST_F(WatchTest, OnATerminalALookTakesThePlaceOfTheOneBeforeWithItsErrors) {
  terminal_.height = 24;
  int count = 0;
  Run(
      [&](std::ostream& out, std::ostream& err) {
        out << "look " << ++count << '\n';
        if (count == 2) err << "no server answers\n";
        return 0;
      },
      2);
  EXPECT_THAT(Screens(),
              ElementsAre(ElementsAre("program tables, every 5 s, time 1", "", "look 1\x1b[K\x1b[J\x1b[?7h"),
                          ElementsAre("program tables, every 5 s, time 2", "", "look 2",
                                      "no server answers\x1b[K\x1b[J\x1b[?7h\n")));
  EXPECT_EQ(err_.str(), "");
}

TEST_F(WatchTest, WhatDoesNotFitTheHeightIsCounted) {
  terminal_.height = 6;
  Run(
      [&](std::ostream& out, std::ostream&) {
        for (int line = 1; line <= 5; ++line) out << "line " << line << '\n';
        terminal_.height = 7;
        return 0;
      },
      2);
  EXPECT_THAT(Screens(), ElementsAre(ElementsAre(HasSubstr("time 1"), "", "line 1", "line 2", "line 3",
                                                 "and 2 lines more than fit here\x1b[K\x1b[J\x1b[?7h"),
                                     ElementsAre(HasSubstr("time 2"), "", "line 1", "line 2", "line 3",
                                                 "line 4", "line 5\x1b[K\x1b[J\x1b[?7h\n")));
}

TEST_F(WatchTest, ALookHasTheTerminalsWidthAndColours) {
  terminal_ = {.width = 40, .height = 24, .colours = true};
  Run(
      [](std::ostream& out, std::ostream&) {
        EXPECT_EQ(TerminalOf(out).width, 40U);
        out << Coloured{"bad", Colour::kRed} << '\n';
        return 0;
      },
      1);
  EXPECT_THAT(out_.str(), HasSubstr("\x1b[31mbad\x1b[0m"));
}

TEST_F(WatchTest, WhereThereIsNothingToLookAtItEndsAtOnce) {
  for (const std::size_t height : {0U, 24U}) {
    terminal_.height = height;
    out_.str("");
    err_.str("");
    EXPECT_EQ(Run([](std::ostream&, std::ostream& err) { return err << "wrong\n", 2; }, 9), 2);
    EXPECT_EQ(out_.str(), "");
    EXPECT_EQ(err_.str(), "wrong\n");
  }
  EXPECT_EQ(waited_, 0);
}

TEST_F(WatchTest, ItEndsWhenNobodyReads) {
  EXPECT_EQ(Run(
                [this](std::ostream&, std::ostream&) {
                  out_.setstate(std::ios::badbit);
                  return 1;
                },
                9),
            1);
  EXPECT_EQ(waited_, 0);
}

TEST_F(WatchTest, ALookThatTheEndCutOffIsNotShownAndDoesNotCount) {
  for (const std::size_t height : {0U, 24U}) {
    terminal_.height = height;
    cut_off_ = false;
    out_.str("");
    int count = 0;
    const Look look = [&](std::ostream& out, std::ostream& err) {
      if (++count == 1) return out << "look\n", 0;
      cut_off_ = true;
      return err << "cancelled\n", 1;
    };
    EXPECT_EQ(Run(look, 9), 0);
    EXPECT_EQ(count, 2);
    EXPECT_THAT(out_.str(), HasSubstr("look"));
    EXPECT_THAT(out_.str(), Not(HasSubstr("cancelled")));
    EXPECT_EQ(err_.str(), "");
    EXPECT_EQ(Run(look, 9), 1) << "where it is the only one";
  }
}

TEST(WatchHereTest, ASignalEndsIt) {
  const Interruption interruption;
  std::ostringstream out, err;
  int count = 0;
  const auto look = [&](std::ostream& shown, std::ostream&) {
    if (++count == 2) raise(SIGINT);
    shown << "look " << count << '\n';
    return 0;
  };
  EXPECT_EQ(WatchHere("program", 1, /*json=*/true, interruption, look, out, err), 0);
  EXPECT_EQ(out.str(), "look 1\n");
}

TEST(WatchHereTest, ASignalBetweenTwoLooksBeginsNoOther) {
  const Interruption interruption;
  SignalToSleeper signal(SIGINT);
  std::ostringstream out, err;
  int count = 0;
  const auto look = [&](std::ostream&, std::ostream&) {
    ++count;
    signal.Waits();
    return 0;
  };
  EXPECT_EQ(WatchHere("program", 3'600, /*json=*/true, interruption, look, out, err), 0);
  EXPECT_EQ(count, 1);
}

TEST(InterruptionTest, AConnectionThatEndsIsNotedUnlessItIsIgnored) {
  constexpr std::chrono::milliseconds kNow{0};
  {
    const Interruption interruption;
    raise(SIGHUP);
    EXPECT_TRUE(interruption.Wait(kNow));
  }
  struct sigaction ignored = {}, former = {};
  ignored.sa_handler = SIG_IGN;
  ASSERT_EQ(sigaction(SIGHUP, &ignored, &former), 0);
  {
    const Interruption behind_nohup;
    raise(SIGHUP);
    EXPECT_FALSE(behind_nohup.Wait(kNow));
  }
  sigaction(SIGHUP, &former, nullptr);
}

}  // namespace
}  // namespace mirror::watch_test
