#include "base/text/wrapped_text.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/text/text_stream.h"
#include "base/text/text_table.h"
#include "tests/support/processes.h"

namespace mirror::wrapped_text_test {
namespace {

/// "word word ... " of so many characters, without a space at the end.
std::string Words(std::size_t characters) {
  std::string words;
  while (words.size() < characters) words += "word ";
  words.resize(characters);
  if (words.back() == ' ') words.back() = 'x';
  return words;
}

std::vector<std::string> Lines(const std::string& text) { return absl::StrSplit(text, '\n'); }

TEST(WrappedTextTest, ALineThatFitsStaysAndALongerOneGoesOnFurtherIn) {
  EXPECT_EQ(WrappedLine(""), "");
  EXPECT_EQ(WrappedLine(Words(100)), Words(100));
  EXPECT_EQ(WrappedLine("  note: " + Words(92)), "  note: " + Words(92));
  const std::vector<std::string> plain = Lines(WrappedLine(Words(150)));
  ASSERT_EQ(plain.size(), 2U);
  EXPECT_EQ(plain[0].size(), 94U) << "as many whole words as fit with the indent";
  EXPECT_TRUE(plain[1].starts_with("  word")) << plain[1];
  const std::vector<std::string> indented = Lines(WrappedLine("  note: " + Words(150)));
  ASSERT_EQ(indented.size(), 2U);
  EXPECT_TRUE(indented[1].starts_with("    word")) << indented[1];
  EXPECT_TRUE(Lines(WrappedLine("  note: " + Words(150), 0))[1].starts_with("  word"));
}

TEST(WrappedTextTest, WhatHasColumnsGoesOnBelowTheLastOne) {
  const std::string begin = "OK    admin authority         ";
  const std::vector<std::string> lines = Lines(WrappedLine(begin + Words(150)));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(lines[0].starts_with(begin + "word"));
  for (const int i : {1, 2})
    EXPECT_TRUE(lines[i].starts_with(std::string(begin.size(), ' ') + "word")) << lines[i];
  // Too far to the right to be a column, as two spaces within a sentence are.
  EXPECT_TRUE(Lines(WrappedLine(Words(60) + "  " + Words(60)))[1].starts_with("  word"));
}

TEST(WrappedTextTest, APathStaysWholeHoweverLongItIs) {
  const std::string path = absl::StrCat("'/srv/My Files/", std::string(120, 'x'), "/it's here.db'");
  for (const std::string& line :
       Lines(WrappedLine(absl::StrCat("the file ", path, " is not there: ", Words(90))))) {
    if (absl::StrContains(line, "/srv")) {
      EXPECT_EQ(line, "  " + path);
    } else {
      EXPECT_LE(line.size(), kTextWidth);
    }
  }
  const std::string bare = "/" + std::string(130, 'x');
  EXPECT_EQ(WrappedLine("see " + bare + " for more"), "see\n  " + bare + "\n  for more");
  EXPECT_EQ(WrappedLine(bare), bare) << "no empty line in front";
}

TEST(WrappedTextTest, WhatIsQuotedIsOneWordWhereItFitsALine) {
  const std::string command = "'mirrorctl hold commit Cust26759:3'";
  for (std::size_t before = 50; before < 100; ++before) {
    EXPECT_TRUE(
        absl::StrContains(WrappedLine(absl::StrCat(Words(before), " ", command, ", then go on")), command))
        << before;
  }
  // A quotation that is longer than a line is broken; an apostrophe begins none, and so does one without end.
  for (const std::string& text :
       {absl::StrCat("'", Words(200), "'"), absl::StrCat("this machine's ", Words(200), " the server's"),
        absl::StrCat("it has 'no end ", Words(200))}) {
    for (const std::string& line : Lines(WrappedLine(text))) EXPECT_LE(line.size(), kTextWidth) << line;
  }
}

TEST(WrappedTextTest, ANameOfSqlIsNeverBroken) {
  const std::string schema = absl::StrCat("\"", Words(60), " \"\"a\"\"\""),
                    table = absl::StrCat("\"", Words(60), "\"");
  const std::string name = absl::StrCat(schema, ".", table), backticks = absl::StrCat("`", Words(64), "`");
  for (std::size_t before = 1; before < 100; ++before) {
    const std::string wrapped = WrappedLine(
        absl::StrCat(Words(before), " GRANT SELECT ON ", name, " TO ", backticks, "; then go on"));
    EXPECT_TRUE(absl::StrContains(wrapped, name)) << wrapped;
    EXPECT_TRUE(absl::StrContains(wrapped, backticks)) << wrapped;
  }
  // What is too long for a name is none, and a quote without end begins none.
  for (const std::string& text : {absl::StrCat("\"", Words(300), "\""), absl::StrCat("5\" and ", Words(200)),
                                  absl::StrCat("`no end ", Words(300))}) {
    for (const std::string& line : Lines(WrappedLine(text))) EXPECT_LE(line.size(), kTextWidth) << line;
  }
}

TEST(WrappedTextTest, CharactersAreCountedAndNotBytes) {
  std::string umlauts;
  for (int i = 0; i < 20; ++i) umlauts += "äöüß ";
  umlauts.pop_back();
  EXPECT_EQ(WrappedLine(umlauts), umlauts);
  const std::vector<std::string> lines = Lines(WrappedLine(umlauts + " äöüß"));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(CharactersOf(lines[0]), 94U);
  EXPECT_EQ(CutTo("größer", 6), "größer");
  EXPECT_EQ(CutTo("größer", 5), "größ…");
  EXPECT_EQ(BytesOf("größer", 4), 6U);
  EXPECT_EQ(BytesOf("\xff\xff", 1), 1U) << "what is not UTF-8 counts by bytes";
}

TEST(WrappedTextTest, ACellOfATableIsCutWhereItHasNoSpaces) {
  EXPECT_EQ(Folded("one two", 3, LongWords::kCut), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(Folded("a 123456789 b", 4, LongWords::kCut),
            (std::vector<std::string>{"a", "1234", "5678", "9 b"}));
  EXPECT_EQ(Folded("größe", 4, LongWords::kCut), (std::vector<std::string>{"größ", "e"}));
  EXPECT_EQ(Folded("a 123456789 b", 4, LongWords::kWhole), (std::vector<std::string>{"a", "123456789", "b"}));
  EXPECT_EQ(Folded("", 4, LongWords::kCut), std::vector<std::string>{""});
}

TEST(WrappedTextTest, NothingIsLostAndEveryLineFits) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  const std::vector<std::string> parts = {
      "a", "word", "größe", " ", " ", " ", "'", "/x/y", "  ", "'mirrorctl hold'", ":"};
  int checked = 0;
  for (int round = 0; round < 2'000; ++round) {
    std::string line(random() % 9, ' ');
    for (std::size_t i = random() % 80; i > 0; --i) line += parts[random() % parts.size()];
    const std::string wrapped = WrappedLine(line);
    std::string given = line, kept = wrapped;
    for (std::string* const text : {&given, &kept})
      std::erase_if(*text, [](char c) { return c == ' ' || c == '\n'; });
    EXPECT_EQ(kept, given);
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    const bool has_long =
        std::any_of(words.begin(), words.end(), [](const std::string& word) { return word.size() > 40; });
    // A quotation with a slash may stand out, too.
    if (has_long || absl::StrContains(line, "'")) continue;
    ++checked;
    for (const std::string& one : Lines(wrapped)) EXPECT_LE(CharactersOf(one), kTextWidth) << line;
  }
  EXPECT_GT(checked, 20);
}

TEST(TextStreamTest, LinesAreWrappedAsTheyEndAndTheRestGoesOutWithAFlush) {
  std::ostringstream target;
  {
    TextStream out(target);
    out << "mirror-agent: " << Words(120);
    EXPECT_EQ(target.str(), "");
    out << '\n';
    EXPECT_EQ(target.str(), WrappedLine("mirror-agent: " + Words(120)) + "\n");
    target.str("");
    out << "half" << std::flush;
    EXPECT_EQ(target.str(), "half");
    out << " a line\nend";
  }
  EXPECT_EQ(target.str(), "half a line\nend");
}

TEST(TextStreamTest, TablesAndWhatIsNotForPeopleGoAsTheyAreInTheirOrder) {
  std::ostringstream target;
  TextStream out(target);
  const std::string json = "{\"a\": \"" + Words(200) + "\"}";
  out << "before ";
  AsItIs(out) << json << '\n';
  out << "behind\n";
  EXPECT_EQ(target.str(), absl::StrCat("before ", json, "\nbehind\n"));
  target.str("");
  TextTable table({{"table"}, {"words"}}, /*width=*/0);
  table.Add({"t", Words(200)});
  table.Print(out);
  EXPECT_EQ(target.str(), absl::StrCat("table  words\nt      ", Words(200), "\n"));
  std::ostringstream plain;
  EXPECT_EQ(&AsItIs(plain), &plain);
}

TEST(TextStreamTest, ATargetThatFailsIsNoticed) {
  std::ostringstream target;
  TextStream out(target);
  EXPECT_TRUE(out.flush());
  std::ostringstream said;
  EXPECT_EQ(ExitCode(0, out, said, "tool"), 0);
  EXPECT_EQ(said.str(), "");
  target.setstate(std::ios::badbit);
  EXPECT_FALSE(out << "line\n" << std::flush);
  EXPECT_EQ(ExitCode(0, out, said, "tool"), 1);
  EXPECT_EQ(said.str(), "tool: the output could not be written. Everything else was done.\n");
  said.str("");
  EXPECT_EQ(ExitCode(2, out, said, "tool"), 2);
  EXPECT_EQ(said.str(), "tool: the output could not be written.\n") << "something went wrong besides";
}

TEST(TextStreamTest, AReaderThatIsGoneIsNoError) {
  std::ostringstream target, said;
  TextStream out(target);
  target.setstate(std::ios::badbit);
  std::fflush(stdout);
  const int kept = dup(STDOUT_FILENO);
  std::array<int, 2> ends = {};
  ASSERT_EQ(pipe(ends.data()), 0);
  ASSERT_EQ(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
  close(ends[1]);
  const int while_it_reads = ExitCode(0, out, said, "tool");
  const std::string told = said.str();
  said.str("");
  close(ends[0]);
  const int done = ExitCode(0, out, said, "tool"), refused = ExitCode(2, out, said, "tool");
  ASSERT_EQ(dup2(kept, STDOUT_FILENO), STDOUT_FILENO);
  close(kept);
  EXPECT_EQ(while_it_reads, 1);
  EXPECT_NE(told, "");
  EXPECT_EQ(done, 0);
  EXPECT_EQ(refused, 2);
  EXPECT_EQ(said.str(), "");
}

TEST(UnwrappedTest, WhatWasWrappedIsWholeAgainAndNothingElseIsJoined) {
  std::string whole, wrapped;
  for (const std::string& line :
       {std::string("mirrorctl: short"), "mirrorctl: " + Words(300), std::string("table  lsn"),
        std::string("  a  1"), std::string(), "OK    admin authority         " + Words(180),
        "  note: " + Words(120), "  note: " + Words(95)}) {
    whole += line + "\n";
    wrapped += WrappedLine(line) + "\n";
  }
  EXPECT_EQ(Unwrapped(wrapped), whole);
  EXPECT_EQ(Unwrapped(""), "");
  EXPECT_EQ(Unwrapped("no end"), "no end");
}

}  // namespace
}  // namespace mirror::wrapped_text_test
