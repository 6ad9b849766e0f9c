#include "base/text/command_line.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/text/wrapped_text.h"

namespace mirror::command_line_test {
namespace {

/// A program with a command, a command of that, and options of each.
class CommandLine : public testing::Test {
 protected:
  CommandLine() {
    program_.RequireCommand();
    program_.OptionsBehindCommands();
    program_.Add("--config", file_, "Which file");
    const cli::Command tenants = program_.AddCommand("tenants", "Show");
    tenants.AddFlag("--wide", wide_,
                    std::string(20, 'w') +
                        " and so on, in many words that say little about it, "
                        "but go on and on until they are longer than a line");
    tenants.Footer("Example:\n  program tenants --wide\n" + std::string(40, 'x') + " " +
                   std::string(70, 'y'));
    const cli::Command hold = program_.AddCommand("hold", "What waits");
    hold.RequireCommand();
    hold.AddCommand("list", "Show").Add("id", file_, "Which one").Required();
  }

  cli::Outcome Parse(const std::string& line) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    std::vector<const char*> argv = {"program"};
    for (const std::string& word : words) argv.push_back(word.c_str());
    return program_.Parse(static_cast<int>(argv.size()), argv.data(), printed_);
  }
  std::string Wrong(const std::string& line) { return Parse(line).wrong; }

  cli::Program program_{"A program", "program", "program 1"};
  std::ostringstream printed_;
  std::string file_;
  bool wide_ = false;
};

TEST_F(CommandLine, WhatThereIsNotIsAnsweredWithWhatWasMeant) {
  EXPECT_EQ(Wrong("tenant"), "there is no command 'tenant'. Nothing was done. Did you mean 'tenants'?");
  EXPECT_EQ(Wrong("hold lst"), "there is no command 'lst'. Nothing was done. Did you mean 'list'?");
  EXPECT_EQ(Wrong("tenants --wid"), "there is no option '--wid'. Nothing was done. Did you mean '--wide'?");
  EXPECT_EQ(Wrong("tenants --confg=x"),
            "there is no option '--confg'. Nothing was done. Did you mean '--config'?");
  EXPECT_EQ(Wrong("hold list --confg x"),
            "there is no option '--confg'. Nothing was done. Did you mean '--config'?");
  EXPECT_EQ(Wrong("--confg x tenants"),
            "there is no option '--confg'. Nothing was done. Did you mean '--config'?");
  EXPECT_EQ(Wrong("--wide tenants"),
            "'--wide' belongs to the command 'tenants' and must follow it. Nothing was done.");
  EXPECT_EQ(Wrong("tenants --frobnicate"), "there is no option '--frobnicate'. Nothing was done.");
  EXPECT_EQ(Wrong("fr\x1b"), "there is no command 'fr\\x1b'. Nothing was done.");
}

TEST_F(CommandLine, ACommandOfAProgramBesideItIsNamedWithIt) {
  program_.SpeakToShells({.name = "program", .sisters = {{"other", {"status", "list"}}}});
  EXPECT_EQ(Wrong("status"), "there is no command 'status'. Nothing was done. Did you mean 'other status'?");
  EXPECT_EQ(Wrong("tenant"), "there is no command 'tenant'. Nothing was done. Did you mean 'tenants'?");
  EXPECT_EQ(Wrong("hold status"), "there is no command 'status'. Nothing was done.");
}

TEST_F(CommandLine, HelpWinsWhereverItStands) {
  const cli::Command tables = program_.AddCommand("tables", "Show tables");
  tables.Add("id", file_, "Which one").Required();
  tables.Check([] { return "wrong"; });
  EXPECT_TRUE(Parse("tables --help").answered);
  const std::string help = printed_.str();
  EXPECT_NE(help.find("Which one"), std::string::npos) << help;
  for (const char* const line : {"--help tables", "-h tables", "--help tables x", "tables --frob --help"}) {
    printed_.str("");
    EXPECT_TRUE(Parse(line).answered) << line;
    EXPECT_EQ(printed_.str(), help) << line;
  }
  EXPECT_FALSE(Parse("tables -- --help").answered) << "an argument";
}

TEST_F(CommandLine, OtherMistakesAreToldAsTheyWere) {
  EXPECT_EQ(Wrong("tenants --wide"), "");
  EXPECT_EQ(Wrong("tenants more"), "The following argument was not expected: more");
  EXPECT_EQ(Wrong("hold list"), "id is required");
  EXPECT_EQ(Wrong(""), "A subcommand is required");
}

TEST_F(CommandLine, HelpFitsWithItsDescriptionsInTheirColumn) {
  EXPECT_TRUE(Parse("tenants --help").answered);
  const std::string help = printed_.str();
  const std::vector<std::string> lines = absl::StrSplit(help, '\n');
  for (const std::string& line : lines) {
    EXPECT_LE(line.size(), kTextWidth) << line;
  }
  EXPECT_NE(help.find("\n  program tenants --wide\n"), std::string::npos) << help;
  EXPECT_NE(help.find("x\ny"), std::string::npos) << "a paragraph goes on at the left: " << help;
  EXPECT_NE(help.find("\n" + std::string(30, ' ')), std::string::npos) << help;
}

TEST_F(CommandLine, WhatACommandAsksForIsCheckedAndRunsOnce) {
  int runs = 0;
  std::vector<std::string> names;
  const cli::Command erase = program_.AddCommand("erase", "Remove");
  const cli::Option name = erase.Add("--name", names, "Which").Values(1, 3).AsItStands();
  const cli::Option all = erase.AddFlag("--all", wide_, "All of them");
  erase.Check([name, all] { return name.given() == all.given() ? "give either --name or --all" : ""; });
  erase.Run([&runs] { ++runs; });
  EXPECT_EQ(Wrong("erase"), "give either --name or --all");
  EXPECT_EQ(Wrong("erase --all --name a"), "give either --name or --all");
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(Wrong("erase --name [a,b] c"), "");
  EXPECT_EQ(names, (std::vector<std::string>{"[a,b]", "c"}));
  EXPECT_EQ(runs, 1);
  EXPECT_TRUE(erase.given());
}

TEST_F(CommandLine, AValueOutOfItsRangeIsAnsweredWithAdvice) {
  int every = 2;
  int count = 1;
  program_.Add("--every", every, "How often").Values(0, 1).Within(1, 60, "Seconds stand behind it.");
  program_.Add("--count", count, "How many").Within(1, 9);
  EXPECT_EQ(Wrong("tenants --every a*"), "--every: Value a* not in range 1 to 60. Seconds stand behind it.");
  EXPECT_EQ(Wrong("tenants --count 10"), "--count: Value 10 not in range 1 to 9");
  EXPECT_EQ(Wrong("tenants --every 60 --count 9"), "");
  EXPECT_EQ(every, 60);
}

TEST_F(CommandLine, HelpSaysInWordsWhatAValueIs) {
  int every = 2;
  std::vector<std::string> given;
  const cli::Command erase = program_.AddCommand("erase", "Remove");
  erase.Add("table", given, "Which");
  erase.Add("--every", every, "How often").ValueName("[SECONDS]").Values(0, 1).Within(1, 60).ShowDefault();
  erase.Add("--count", every, "How many").Within(1, 9);
  erase.Add("--order", file_, "Which first (or last)").OneOf({"old", "new"}).Variable("THE_ORDER");
  const cli::Option dir = erase.Add("--dir", file_, "Where").ExistingFolder().Required();
  erase.Add("--name", given, "Whose").Excludes(erase.AddFlag("--all", wide_, "All"));
  erase.AddFlag("--deep", wide_, "All below").Needs(dir);
  EXPECT_TRUE(Parse("erase --help").answered);
  const std::string help = printed_.str();
  EXPECT_NE(help.find("Usage: program erase [OPTIONS] [table...]\n"), std::string::npos) << help;
  constexpr std::size_t kColumn = 28;
  for (auto [names, words] : std::vector<std::pair<std::string, std::string>>{
           {"table", "Which"},
           {"--every [SECONDS]", "How often (1 to 60; default: 2)"},
           {"--count NUMBER", "How many (1 to 9)"},
           {"--order WORD", "Which first (or last; one of old, new; or the variable THE_ORDER)"},
           {"--dir FOLDER", "Where (required)"},
           {"--name TEXT...", "Whose (not with --all)"},
           {"--deep", "All below (only with --dir)"}}) {
    names.resize(kColumn, ' ');
    EXPECT_NE(help.find("  " + names + words + "\n"), std::string::npos) << names << help;
  }
}

TEST_F(CommandLine, TheVersionIsPrinted) {
  const cli::Outcome outcome = Parse("--version");
  EXPECT_TRUE(outcome.answered);
  EXPECT_EQ(outcome.wrong, "");
  EXPECT_EQ(printed_.str(), "program 1\n");
}

}  // namespace
}  // namespace mirror::command_line_test
