#include "base/text/command_line.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/text/wrapped_text.h"

namespace mirror {
namespace {

/// A program with a command, a command of that, and options of each.
class CommandLine : public testing::Test {
 protected:
  CommandLine() {
    app_.formatter(std::make_shared<HelpFormat>());
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.add_option("--config", file_, "Which file");
    CLI::App* const tenants = app_.add_subcommand("tenants", "Show");
    tenants->add_flag("--wide", wide_,
                      std::string(20, 'w') +
                          " and so on, in many words that say little about it, "
                          "but go on and on until they are longer than a line");
    tenants->footer("Example:\n  program tenants --wide\n" + std::string(40, 'x') + " " +
                    std::string(70, 'y'));
    CLI::App* const hold = app_.add_subcommand("hold", "What waits");
    hold->require_subcommand(1);
    hold->add_subcommand("list", "Show")->add_option("id", file_)->required();
  }

  std::string Wrong(const std::string& line) {
    try {
      app_.parse(line);
    } catch (const CLI::ParseError& error) {
      return WrongUsageWords(app_, error);
    }
    return "";
  }

  CLI::App app_{"A program", "program"};
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

TEST_F(CommandLine, OtherMistakesAreToldAsTheyWere) {
  EXPECT_EQ(Wrong("tenants --wide"), "");
  EXPECT_EQ(Wrong("tenants more"), "The following argument was not expected: more");
  EXPECT_EQ(Wrong("hold list"), "id is required");
  EXPECT_EQ(Wrong(""), "A subcommand is required");
}

TEST_F(CommandLine, HelpFitsWithItsDescriptionsInTheirColumn) {
  const std::string help = app_.get_subcommand("tenants")->help();
  const std::vector<std::string> lines = absl::StrSplit(help, '\n');
  for (const std::string& line : lines) {
    EXPECT_LE(line.size(), kTextWidth) << line;
  }
  EXPECT_NE(help.find("\n  program tenants --wide\n"), std::string::npos) << help;
  EXPECT_NE(help.find("x\ny"), std::string::npos) << "a paragraph goes on at the left: " << help;
  EXPECT_NE(help.find("\n" + std::string(30, ' ')), std::string::npos) << help;
}

}  // namespace
}  // namespace mirror
