#include "base/text/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/text/command_line.h"

namespace mirror::cli::completion_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

/// A program with a command that has arguments and options, and one that has commands.
class CompletionTest : public testing::Test {
 protected:
  CompletionTest() {
    program_.RequireCommand();
    program_.OptionsBehindCommands();
    program_.Add("--config", text_, "Which file").Completes(Besides::kFiles);
    const Command tables = program_.AddCommand("tables", "Show tables");
    tables.Add("context_id", text_, "Tenant").Required().Completes([](const TypedLine& line) {
      return std::vector<std::string>{"Cust1", "Cust2", "b", "with\ttab", line.Value("--config")};
    });
    tables.Add("--table", words_, "Names").Completes([](const TypedLine& line) {
      return std::vector<std::string>{line.Value("context_id") + "-a", "b"};
    });
    tables.AddFlag("--wide", wide_, "Cut nothing");
    tables.Add("--sort", text_, "Order").OneOf({"problems", "name"});
    tables.Add("--dir", text_, "Where").ExistingFolder();
    const Command show = program_.AddCommand("show", "Show one");
    show.Add("id", text_, "Nobody knows which there are");
    show.Add("--every", text_, "How often").Values(0, 1);
    const Command hold = program_.AddCommand("hold", "What waits");
    hold.RequireCommand();
    hold.AddCommand("list", "Show");
    program_.SpeakToShells({.name = "tool"});
  }

  Completion At(const std::vector<std::string>& words, const std::string& current) {
    return Complete(program_.Describe(), words, current);
  }
  std::vector<std::string> Words(const std::vector<std::string>& words, const std::string& current) {
    std::vector<std::string> candidates;
    for (const Candidate& candidate : At(words, current).candidates) candidates.push_back(candidate.word);
    return candidates;
  }

  Outcome Parse(std::vector<const char*> words) {
    words.insert(words.begin(), "tool");
    printed_.str("");
    return program_.Parse(static_cast<int>(words.size()), words.data(), printed_);
  }

  Program program_{"A tool", "tool", "tool 1"};
  std::ostringstream printed_;
  std::string text_;
  std::vector<std::string> words_;
  bool wide_ = false;
};

TEST_F(CompletionTest, CommandsFirstThenTheirArgumentsAndOptions) {
  EXPECT_THAT(Words({}, ""), ElementsAre("tables", "show", "hold", "help", "completion"));
  EXPECT_THAT(Words({}, "ho"), ElementsAre("hold"));
  EXPECT_THAT(Words({"hold"}, ""), ElementsAre("list"));
  EXPECT_THAT(Words({"tables"}, "Cust"), ElementsAre("Cust1", "Cust2"));
  EXPECT_THAT(Words({"tables"}, "--wi"), ElementsAre("--wide"));
  EXPECT_EQ(At({}, "ho").candidates.at(0).help, "What waits");
  // No further argument: what is left are options.
  EXPECT_THAT(Words({"tables", "Cust1"}, ""), IsSupersetOf({"--table", "--wide", "--config", "--help"}));
  EXPECT_THAT(Words({"frobnicate"}, "x"), IsEmpty());
}

TEST_F(CompletionTest, WhereAnArgumentBelongsNoOptionIsOffered) {
  EXPECT_THAT(Words({"show"}, ""), IsEmpty());
  EXPECT_THAT(Words({"show"}, "-"), IsSupersetOf({"--every", "--help"}));
  EXPECT_THAT(Words({"show", "x"}, ""), IsSupersetOf({"--every", "--help"}));
  EXPECT_THAT(Words({"show", "x", "--every"}, ""), IsEmpty()) << "a value may follow";
}

TEST_F(CompletionTest, AnOptionThatIsGivenIsNotOfferedAgainUnlessItMayBe) {
  EXPECT_THAT(Words({"--config", "x", "tables", "--wide", "Cust1"}, "--"),
              ElementsAre("--help", "--table", "--sort", "--dir", "--version"));
  EXPECT_THAT(Words({"tables", "--table", "a"}, "--t"), ElementsAre("--table"));
}

TEST_F(CompletionTest, ValuesOfOptions) {
  EXPECT_THAT(Words({"tables", "--sort"}, ""), ElementsAre("problems", "name"));
  EXPECT_THAT(Words({"tables"}, "--sort=n"), ElementsAre("--sort=name"));
  EXPECT_EQ(At({"--config"}, "").besides, Besides::kFiles);
  EXPECT_EQ(At({}, "--config=").besides, Besides::kFiles);
  EXPECT_EQ(At({"tables", "--dir"}, "x").besides, Besides::kFolders);
  EXPECT_EQ(At({"tables"}, "").besides, Besides::kNothing);
  // Several values, none twice, and those of a tenant.
  EXPECT_THAT(Words({"tables", "Cust1", "--table"}, ""), ElementsAre("Cust1-a", "b"));
  EXPECT_THAT(Words({"tables", "Cust1", "--table", "b"}, ""), ElementsAre("Cust1-a"));
  // A flag takes none.
  EXPECT_THAT(Words({"tables", "--wide"}, "b"), ElementsAre("b"));
}

TEST_F(CompletionTest, WhatAsksSeesTheLineAndMayRuleNoTerminal) {
  EXPECT_THAT(Words({"--config=Custom", "tables"}, "Cust"), ElementsAre("Cust1", "Cust2", "Custom"));
  EXPECT_THAT(Words({"tables"}, "with"), IsEmpty());
}

TEST_F(CompletionTest, BehindTwoDashesAreArgumentsAlone) {
  EXPECT_THAT(Words({"tables", "--"}, "Cust"), ElementsAre("Cust1", "Cust2"));
  EXPECT_THAT(Words({"tables", "--"}, "--"), IsEmpty());
}

TEST_F(CompletionTest, LinesForTheScripts) {
  EXPECT_EQ(CompletionLines({{{"a", "Help\nmore"}, {"b"}}, Besides::kNothing}), "a\tHelp\nb\n:none\n");
  EXPECT_EQ(CompletionLines({{}, Besides::kFiles}), ":files\n");
  EXPECT_EQ(CompletionLines({{}, Besides::kFolders}), ":folders\n");
}

TEST_F(CompletionTest, TheProgramAnswersTheScripts) {
  EXPECT_TRUE(Parse({"complete", "--", "tables", "--so"}).answered);
  EXPECT_EQ(printed_.str(), "--sort\tOrder\n:none\n");
  EXPECT_TRUE(Parse({"complete"}).answered);
  EXPECT_THAT(printed_.str(), StartsWith("tables\tShow tables\n"));
  EXPECT_TRUE(Parse({"complete", "--", "help", "hold", ""}).answered);
  EXPECT_EQ(printed_.str(), "list\n:none\n");
}

TEST_F(CompletionTest, AScriptForEachShellHoldsNoOption) {
  for (const std::string& shell : ShellsToComplete()) {
    EXPECT_TRUE(Parse({"completion", shell.c_str()}).answered);
    EXPECT_THAT(printed_.str(), HasSubstr("complete -- "));
    EXPECT_THAT(printed_.str(), Not(HasSubstr("--config")));
    EXPECT_THAT(printed_.str(), Not(HasSubstr("PROGRAM")));
    EXPECT_THAT(printed_.str(), Not(HasSubstr("FUNCTION")));
  }
  EXPECT_EQ(Parse({"completion", "fis"}).wrong,
            "there is no completion for the shell 'fis', only for these: bash, zsh, fish. Nothing was "
            "printed.");
}

TEST_F(CompletionTest, HelpOfACommandIsWhatItsOptionPrints) {
  const std::vector<std::vector<const char*>> commands = {
      {}, {"tables"}, {"hold"}, {"hold", "list"}, {"help"}};
  for (const std::vector<const char*>& command : commands) {
    std::vector<const char*> asked = command, helped = command;
    asked.push_back("--help");
    helped.insert(helped.begin(), "help");
    EXPECT_TRUE(Parse(asked).answered);
    const std::string by_option = printed_.str();
    EXPECT_TRUE(Parse(helped).answered);
    EXPECT_EQ(printed_.str(), by_option);
  }
  EXPECT_EQ(Parse({"help", "hold", "lst"}).wrong,
            "there is no command 'lst'. Nothing was done. Did you mean 'list'?");
}

TEST(Completion, BehindAnOptionThatMayTakeAWordNoArgumentIsOffered) {
  std::string pattern;
  int every_s = 2;
  const Program program("A tool", "tool", "tool 1");
  program.OptionsBehindCommands();
  const Command tenants = program.AddCommand("tenants", "Show tenants");
  tenants.Add("pattern", pattern, "Which").Completes([](const TypedLine&) {
    return std::vector<std::string>{"Cust"};
  });
  tenants.Add("--watch", every_s, "How often").Values(0, 1);
  tenants.AddCommand("list", "Show all");
  const auto words = [&](const std::vector<std::string>& before, const std::string& current) {
    std::vector<std::string> candidates;
    for (const Candidate& one : Complete(program.Describe(), before, current).candidates)
      candidates.push_back(one.word);
    return candidates;
  };
  std::ostringstream out;
  const std::vector<const char*> swallowed = {"tool", "tenants", "--watch", "Cust"};
  EXPECT_NE(program.Parse(static_cast<int>(swallowed.size()), swallowed.data(), out).wrong, "");
  EXPECT_THAT(words({"tenants", "--watch"}, ""), ElementsAre("list"));
  EXPECT_THAT(words({"tenants", "--watch"}, "Cu"), IsEmpty());
  EXPECT_THAT(words({"tenants", "--watch", "5"}, "Cu"), ElementsAre("Cust"));
  EXPECT_THAT(words({"tenants", "--watch", "--"}, "Cu"), ElementsAre("Cust"));
}

TEST(Completion, AProgramWithoutCommandsStaysAsItIs) {
  std::string file;
  Program program("A server", "", "server 1");
  program.Add("--config", file, "Which file").Required();
  program.SpeakToShells({.name = "server", .section = 8});
  const auto parse = [&](std::vector<const char*> words) {
    std::ostringstream out;
    words.insert(words.begin(), "/bin/server");
    const Outcome outcome = program.Parse(static_cast<int>(words.size()), words.data(), out);
    return outcome.answered ? out.str() : "wrong: " + outcome.wrong;
  };
  EXPECT_EQ(parse({"complete", "--", "--c"}), "--config\tWhich file\n:none\n");
  EXPECT_THAT(parse({"complete", "--", ""}), StartsWith("help\tShow the help\ncompletion\t"));
  EXPECT_EQ(parse({"complete", "--", "completion", "f"}), "fish\n:none\n");
  EXPECT_EQ(parse({"complete", "--", "--config", "x", "h"}), ":none\n");
  EXPECT_EQ(parse({"hlep"}), "wrong: there is no command 'hlep'. Nothing was done. Did you mean 'help'?");
  EXPECT_EQ(parse({"run"}),
            "wrong: there is no command 'run'. Nothing was done. Leave it out: server takes only options.");
  for (const char* const word : {"help", "completion"}) {
    EXPECT_THAT(parse({"--config", "x", word}),
                StartsWith(absl::StrCat("wrong: '", word, "' must be the first word, as in 'server ", word)));
  }
  EXPECT_THAT(parse({"help", "completion"}),
              AllOf(HasSubstr("Usage: /bin/server completion "), HasSubstr("bash, zsh or fish"),
                    HasSubstr("server completion fish | source")));
  EXPECT_THAT(parse({"help", "help"}), StartsWith("wrong: 'help' must be the first word"));
  EXPECT_THAT(parse({"help", "run"}), HasSubstr("Leave it out"));
  EXPECT_THAT(parse({"completion", "fish"}), HasSubstr("complete -c server"));
  EXPECT_THAT(parse({"manual"}), StartsWith(".TH SERVER 8 "));
  EXPECT_EQ(parse({"help"}), parse({"--help"}));
  EXPECT_EQ(parse({"--config", "x"}), "wrong: ");
  EXPECT_EQ(file, "x");
}

}  // namespace
}  // namespace mirror::cli::completion_test
