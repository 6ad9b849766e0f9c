// What a terminal shows of lines and tables: their width, and their colours.

#include "base/text/terminal.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <string>

#include "base/text/drawn_line.h"
#include "base/text/text_stream.h"
#include "base/text/text_table.h"
#include "tests/support/variable.h"

namespace mirror::terminal_test {
namespace {

/// A terminal of so many columns and lines.
class PseudoTerminal {
 public:
  PseudoTerminal(unsigned short columns, unsigned short lines) : master_(posix_openpt(O_RDWR | O_NOCTTY)) {
    grantpt(master_);
    unlockpt(master_);
    slave_ = open(ptsname(master_), O_RDWR | O_NOCTTY);
    const winsize size = {lines, columns, 0, 0};
    ioctl(slave_, TIOCSWINSZ, &size);
  }
  ~PseudoTerminal() {
    close(slave_);
    close(master_);
  }
  Terminal Seen() const { return TerminalAt(slave_); }

 private:
  int master_, slave_ = -1;
};

class TerminalTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* const name : {"COLUMNS", "NO_COLOR"}) unsetenv(name);
  }
  const Variable term_{"TERM", "xterm"};
};

TEST_F(TerminalTest, AFileHasAHundredCharactersWhateverTheEnvironmentSays) {
  const Variable columns("COLUMNS", "60");
  const int file = open("/dev/null", O_WRONLY);
  const Terminal seen = TerminalAt(file);
  close(file);
  EXPECT_EQ(seen.width, kTextWidth);
  EXPECT_EQ(seen.height, 0U);
  EXPECT_FALSE(seen.colours);
}

TEST_F(TerminalTest, ATerminalHasItsOwnSizeWithinReason) {
  EXPECT_EQ(PseudoTerminal(132, 50).Seen().width, 132U);
  EXPECT_EQ(PseudoTerminal(132, 50).Seen().height, 50U);
  EXPECT_EQ(PseudoTerminal(10, 50).Seen().width, 40U);
  EXPECT_EQ(PseudoTerminal(1'000, 50).Seen().width, 300U);
  EXPECT_EQ(PseudoTerminal(0, 0).Seen().width, kTextWidth) << "one that does not know";
  EXPECT_EQ(PseudoTerminal(0, 0).Seen().height, 24U);
}

TEST_F(TerminalTest, TheEnvironmentWins) {
  const Variable columns("COLUMNS", "60");
  EXPECT_EQ(PseudoTerminal(132, 50).Seen().width, 60U);
  for (const char* const nonsense : {"", "x", "-5", "0"}) {
    const Variable wrong("COLUMNS", nonsense);
    EXPECT_EQ(PseudoTerminal(132, 50).Seen().width, 132U) << nonsense;
  }
}

TEST_F(TerminalTest, ColoursAreKeptOff) {
  EXPECT_TRUE(PseudoTerminal(80, 25).Seen().colours);
  {
    const Variable off("NO_COLOR", "1");
    EXPECT_FALSE(PseudoTerminal(80, 25).Seen().colours);
  }
  {
    const Variable empty("NO_COLOR", "");
    EXPECT_TRUE(PseudoTerminal(80, 25).Seen().colours);
  }
  const Variable dumb("TERM", "dumb");
  EXPECT_FALSE(PseudoTerminal(80, 25).Seen().colours);
}

TEST(ColouredTest, OnlyAStreamOfATerminalShowsColours) {
  const auto written = [](const Terminal& terminal) {
    std::ostringstream target;
    TextStream out(target, terminal);
    out << "program: " << kWarningWord << " it rains\n";
    out.flush();
    return target.str();
  };
  EXPECT_EQ(written({}), "program: warning: it rains\n");
  EXPECT_EQ(written({.colours = true}), "program: \x1b[33mwarning:\x1b[0m it rains\n");
  std::ostringstream plain;
  plain << kWarningWord;
  EXPECT_EQ(plain.str(), "warning:");
}

TEST(ColouredTest, ABrokenLineIsAsLongWithColoursAsWithout) {
  std::ostringstream target;
  TextStream out(target, {.width = 40, .colours = true});
  out << Coloured{"FAIL", Colour::kRed} << "  a word and one more word and then "
      << Coloured{"late", Colour::kGreen} << '\n';
  EXPECT_EQ(target.str(), "\x1b[31mFAIL\x1b[0m  a word and one more word and then\n      late\n");
}

TEST(ColouredTable, AColourHasNoWidthAndNoTextHoldsOne) {
  const auto printed = [](const Terminal& terminal) {
    TextTable table({{"tenant"}, {"state"}, {"rows", true}, {"note"}});
    table.Add({"a", {"failing", Colour::kRed}, "7", {"cycles have \x1b[32m failed", Colour::kRed}});
    table.Add({"b", {"good", Colour::kGreen}, "12", ""});
    std::ostringstream target;
    TextStream out(target, terminal);
    table.Print(out);
    return target.str();
  };
  EXPECT_EQ(printed({}),
            "tenant  state    rows  note\n"
            "a       failing     7  cycles have \\x1b[32m failed\n"
            "b       good       12  -\n");
  EXPECT_EQ(printed({.colours = true}),
            "tenant  state    rows  note\n"
            "a       \x1b[31mfailing\x1b[0m     7  \x1b[31mcycles have \\x1b[32m failed\x1b[0m\n"
            "b       \x1b[32mgood\x1b[0m       12  -\n");
}

TEST(TableWidth, ATableFitsItsStream) {
  const auto printed = [](std::size_t width) {
    TextTable table({{"table"}, {"words"}});
    table.Add({std::string(60, 't'), std::string(60, 'w')});
    std::ostringstream target;
    TextStream out(target, {.width = width});
    table.Print(out);
    std::size_t widest = 0;
    std::istringstream in(target.str());
    for (std::string line; std::getline(in, line);) widest = std::max(widest, CharactersOf(line));
    return widest;
  };
  EXPECT_EQ(printed(40), 40U);
  EXPECT_EQ(printed(100), 100U);
  EXPECT_EQ(printed(300), 122U) << "and is no wider than it needs";
}

/// What a table of tables prints on a terminal.
std::string OnTerminal(std::size_t width, const std::string& name = "Album") {
  TextTable table({{"table"},
                   {.name = "rows", .number = true, .goes = 2},
                   {"state"},
                   {.name = "cycle", .number = true, .goes = 1},
                   {"equality"}});
  table.Add({name, "347", "mirrored", "1795420462836", "count equal, 1 s ago"});
  std::ostringstream target;
  TextStream out(target, {.width = width, .height = 20});
  table.Print(out);
  return target.str();
}

TEST(NarrowTerminal, ColumnsThatCanBeDoneWithoutGoBeforeARowTakesTwoLines) {
  EXPECT_EQ(OnTerminal(80),
            "table  rows  state             cycle  equality\n"
            "Album   347  mirrored  1795420462836  count equal, 1 s ago\n");
  EXPECT_EQ(OnTerminal(50),
            "table  rows  state     equality\n"
            "Album   347  mirrored  count equal, 1 s ago\n"
            "not shown: cycle (--wide)\n");
  EXPECT_EQ(OnTerminal(40),
            "table  state     equality\n"
            "Album  mirrored  count equal, 1 s ago\n"
            "not shown: rows, cycle (--wide)\n");
  // A name is cut after that; all columns for the first few letters of one would be too many.
  EXPECT_EQ(OnTerminal(60, std::string(40, 'n')), "table                         state     equality\n" +
                                                      std::string(27, 'n') +
                                                      "…  mirrored  count equal, 1 s ago\n"
                                                      "not shown: rows, cycle (--wide)\n");
}

TEST(NarrowTerminal, ANameIsCutBeforeAShortLastColumnTakesTwoLines) {
  TextTable table({{"table"}, {"equality"}});
  table.Add({std::string(25, 'n'), std::string(34, 'e')});
  std::ostringstream target;
  TextStream out(target, {.width = 60, .height = 20});
  table.Print(out);
  EXPECT_EQ(target.str(), "table                     equality\n" + std::string(23, 'n') + "…  " +
                              std::string(34, 'e') + "\n");
}

TEST(NarrowTerminal, EverythingStaysInAFileAndWhereNothingIsToBeCut) {
  for (const std::size_t width : {kStreamWidth, std::size_t{0}}) {
    TextTable table({{.name = "table", .goes = 1}, {"words"}}, width);
    table.Add({std::string(60, 't'), std::string(60, 'w')});
    std::ostringstream target;
    TextStream out(target, {.width = 80, .height = width == 0 ? std::size_t{20} : std::size_t{0}});
    table.Print(out);
    EXPECT_TRUE(target.str().starts_with("table")) << target.str();
  }
}

TEST(NarrowTerminal, AColumnThatGoesLaterTakesTheHeaderWithIt) {
  TextTable table({{"time"}, {.name = "kind", .goes = 1}, {"message"}});
  std::ostringstream target;
  TextStream out(target, {.width = 40, .height = 20});
  table.Add({"1", "a", "b"});
  table.Print(out);
  table.Add({"2", std::string(30, 'k'), std::string(30, 'm')});
  table.Print(out);
  EXPECT_EQ(target.str(), "time  kind  message\n1     a     b\ntime  message\n2     " + std::string(30, 'm') +
                              "\nnot shown: kind (--wide)\n");
  target.str("");
  table.Add({"3", "a", "b"});
  table.Print(out);
  EXPECT_EQ(target.str(), "3     b\n") << "it is said once";
}

TEST(NarrowTerminal, WhereNothingShowsAllColumnsNoneIsNamedForIt) {
  TextTable table({{"table"}, {.name = "lsn", .goes = 1}, {"result"}}, kStreamWidth, /*indent=*/2,
                  /*all=*/"");
  table.Add({"Album", std::string(20, '1'), std::string(30, 'r')});
  std::ostringstream target;
  TextStream out(target, {.width = 40, .height = 20});
  table.Print(out);
  EXPECT_TRUE(target.str().ends_with("\n  not shown: lsn\n")) << target.str();
}

TEST(NarrowTerminal, ATableWithoutARowIsAHeaderInAFileAlone) {
  for (const std::size_t height : {std::size_t{0}, std::size_t{20}}) {
    TextTable table({{"table"}, {"words"}});
    std::ostringstream target;
    TextStream out(target, {.height = height});
    table.Print(out);
    EXPECT_EQ(target.str(), height == 0 ? "table  words\n" : "");
    EXPECT_FALSE(table.any());
  }
}

TEST(LineWidth, DrawnLinesAndWrappedOnesFitTheirStream) {
  std::ostringstream target;
  TextStream out(target, {.width = 40});
  DrawnLine drawn(out, /*terminal=*/true, std::chrono::milliseconds(0), &DrawnLine::Clock::now);
  drawn.Show(std::string(60, 'x'));
  EXPECT_EQ(target.str(), "\r\x1b[K" + std::string(39, 'x') + "…");
  target.str("");
  out << std::string(30, 'a') << ' ' << std::string(30, 'b') << '\n';
  EXPECT_EQ(target.str(), std::string(30, 'a') + "\n  " + std::string(30, 'b') + "\n");
}

}  // namespace
}  // namespace mirror::terminal_test
