#include "base/text/manual_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>

namespace mirror::cli::manual_page_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

CommandTree Tool() {
  CommandTree tool{.name = "a-tool"};
  tool.help = "Does what it's told.";
  tool.usage = "a-tool [OPTIONS] SUBCOMMAND";
  tool.footer = "Reads \\n.\nExit codes: 0 done, 1 not. Example:\n  a-tool list 'x y'\n.hidden is left out";
  tool.options = {
      {.names = {"-h", "--help"}, .help = "Print this"},
      {.names = {"--config"}, .form = " TEXT (Env:A_CONFIG)", .help = "...", .variable = "A_CONFIG"}};
  CommandTree list{.name = "list"};
  list.help = "Show all";
  list.usage = "a-tool list [OPTIONS] [id]";
  list.arguments = {{.names = {"id"}, .form = " TEXT", .help = "Which one"}};
  list.options = {{.names = {"-h", "--help"}, .help = "Print this"},
                  {.names = {"--wide"}, .help = "Cut nothing"}};
  tool.commands = {list};
  return tool;
}

std::string Page(const std::string& date = "") {
  return ManualPage(Tool(),
                    {.name = "a-tool",
                     .version = "a-tool 1.2",
                     .variables = {{"B_HOME", "Where it's looked for."}},
                     .files = {{"/etc/a.toml", "What to do"}},
                     .see_also = {"b(1)", "c.toml(5)"}},
                    date);
}

TEST(ManualPage, Sections) {
  const std::string page = Page("2026-08-01");
  EXPECT_THAT(page, HasSubstr(".TH A\\-TOOL 1 \"2026\\-08\\-01\" \"a\\-tool 1.2\" \"Partner Mirror\"\n"));
  EXPECT_THAT(page, HasSubstr(".SH NAME\na\\-tool \\- does what it\\(aqs told\n"));
  EXPECT_THAT(page, HasSubstr(".SH SYNOPSIS\n\\fBa\\-tool [OPTIONS] SUBCOMMAND\\fR\n"));
  EXPECT_THAT(page, HasSubstr(".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nPrint this\n"));
  EXPECT_THAT(page, HasSubstr(".SH COMMANDS\n.SS list\nShow all\n"));
  EXPECT_THAT(page, HasSubstr(".TP\n\\fBid\\fR TEXT\nWhich one\n.TP\n\\fB\\-\\-wide\\fR\nCut nothing\n"));
  EXPECT_THAT(page,
              HasSubstr(".SH ENVIRONMENT\n.TP\n\\fBA_CONFIG\\fR\nStands in for \\fB\\-\\-config\\fR.\n"));
  EXPECT_THAT(page, HasSubstr(".TP\n\\fBB_HOME\\fR\nWhere it\\(aqs looked for.\n"
                              ".TP\n\\fBCOLUMNS\\fR\nHow many characters"));
  EXPECT_THAT(page, HasSubstr(".SH FILES\n.TP\n\\fI/etc/a.toml\\fR\nWhat to do\n"));
  EXPECT_THAT(page, HasSubstr(".SH EXIT STATUS\n0 done, 1 not.\n.SH EXAMPLES\n.RS 4\n.nf\na\\-tool list"));
  EXPECT_THAT(page, HasSubstr(".SH SEE ALSO\n\\fBb\\fR(1),\n\\fBc.toml\\fR(5)\n"));
  EXPECT_THAT(Page(), HasSubstr(".TH A\\-TOOL 1 \"\" "));
}

TEST(ManualPage, NothingIsACommandOfMan) {
  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr("\nReads \\en.\n"));
  EXPECT_THAT(page, HasSubstr("\n\\&.hidden is left out\n"));
  EXPECT_THAT(page, HasSubstr("\n\\&...\n"));
  EXPECT_THAT(page, HasSubstr(".nf\na\\-tool list \\(aqx y\\(aq\n.fi\n"));
  EXPECT_THAT(page, Not(HasSubstr("\n'")));
}

TEST(ManualPage, TheDateIsThatOfTheSources) {
  ASSERT_EQ(setenv("SOURCE_DATE_EPOCH", "86400", 1), 0);
  EXPECT_EQ(DateOfSources(), "1970-01-02");
  ASSERT_EQ(setenv("SOURCE_DATE_EPOCH", "soon", 1), 0);
  EXPECT_EQ(DateOfSources(), "");
  ASSERT_EQ(unsetenv("SOURCE_DATE_EPOCH"), 0);
  EXPECT_EQ(DateOfSources(), "");
}

}  // namespace
}  // namespace mirror::cli::manual_page_test
