#include "base/text/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"
#include "tests/support/variable.h"

namespace mirror::config_file_test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

/// One key of every kind.
struct Values {
  std::string text, path = "none", word, needed;
  bool flag = false;
  std::uint16_t whole = 0;
  std::uint64_t size = 0;
  std::int64_t signed_size = 0, ms = -1;
  seconds span{-1};
  milliseconds fine_span{-1};
  std::optional<bool> absent_flag;
  std::vector<std::string> texts, some;
  std::map<std::string, std::uint32_t> each;
};

class ConfigFileTest : public testing::Test {
 protected:
  absl::Status Load(const std::string& text, bool needs = false) {
    std::ofstream(path_) << text;
    absl::StatusOr<ConfigFile> file = ConfigFile::Open(path_, "make one");
    if (!file.ok()) return file.status();
    ConfigForm form;
    form.prefix = "CONFIGTEST_";
    form.sections = {{"values", Keys(*file, needs)}, {"log", {{"level", SetText(&values_.word)}}}};
    form.blocks = {"block"};
    form.let_through = {"CONFIGTEST_OTHER_*"};
    if (absl::Status status = file->ReadSections(form); !status.ok()) return status;
    const absl::StatusOr<std::vector<ConfigTable>> blocks = file->Blocks("block");
    if (!blocks.ok()) return blocks.status();
    for (const ConfigTable& block : *blocks) {
      std::string name;
      if (absl::Status status = block.Read({{"name", SetText(&name), &name}}); !status.ok()) return status;
      names_.push_back(name);
    }
    return absl::OkStatus();
  }

  /// Of one line of [values].
  absl::Status LoadLine(const std::string& line) { return Load("[values]\n" + line + "\n"); }

  TempFolder folder_;
  std::string path_ = folder_.path() + "/test.toml";
  Values values_;
  std::vector<std::string> names_;

 private:
  ConfigKeys Keys(const ConfigFile& file, bool needs) {
    return {{"text", SetText(&values_.text)},
            {"path", SetPath(&values_.path, file.folder())},
            {"word", SetOneOf(&values_.word, {"cdc", "window", "populate"})},
            {"flag", SetFlag(&values_.flag)},
            {"absent_flag", SetFlag(&values_.absent_flag)},
            {"whole", SetWhole(&values_.whole, 1, 65'535)},
            {"size", SetSize(&values_.size, 1'000, std::uint64_t{1} << 40)},
            {"signed_size", SetSize(&values_.signed_size, 0, std::numeric_limits<std::int64_t>::max())},
            {"ms", SetMilliseconds(&values_.ms, milliseconds(0), hours(24 * 30))},
            {"span", SetSpan(&values_.span, seconds(1), hours(24))},
            {"fine_span", SetSpan(&values_.fine_span, milliseconds(100), hours(24))},
            {"texts", SetTexts(&values_.texts, ListRule::kNamed)},
            {"some", SetSomeOf(&values_.some, {"ES256", "RS256"})},
            {"each", SetEach<std::uint32_t>(&values_.each, "columns and numbers, as { a = 1 }",
                                            [](std::uint32_t* one) { return SetWhole(one, 0, 9); })},
            {"needed", SetPath(&values_.needed, file.folder()), needs ? &values_.needed : nullptr}};
  }
};

TEST_F(ConfigFileTest, ASizeIsWrittenInManyWays) {
  for (const auto& [text, bytes] :
       std::vector<std::pair<std::string, std::uint64_t>>{{"1048576", 1048576},
                                                          {"\"1048576\"", 1048576},
                                                          {"\"4096b\"", 4096},
                                                          {"\"512mb\"", 512'000'000},
                                                          {"\"512 MB\"", 512'000'000},
                                                          {"\" 1Mb \"", 1'000'000},
                                                          {"\"1GB\"", 1'000'000'000},
                                                          {"\"16MiB\"", 16 << 20},
                                                          {"\"16mib\"", 16 << 20},
                                                          {"\"2 gib\"", 2ULL << 30},
                                                          {"\"1KIB\"", 1024},
                                                          {"\"3kb\"", 3'000}}) {
    EXPECT_THAT(LoadLine("size = " + text), IsOk()) << text;
    EXPECT_EQ(values_.size, bytes) << text;
  }
}

TEST_F(ConfigFileTest, ASizeThatIsNoneIsToldWhatIsAllowed) {
  for (const char* const text : {"\"\"", "\"MB\"", "\"-1MB\"", "\"1.5MB\"", "\"1 M\"", "\"1parsec\"", "999",
                                 "-5", "\"2TB\"", "\"1025GiB\"", "\"18446744073709551615GiB\"", "\"1MB 1MB\"",
                                 "\"18446744073709551616\"", "true", "[1]", "1.5"}) {
    EXPECT_THAT(LoadLine(absl::StrCat("size = ", text)),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(path_ + ":2: [values] 'size' must be a size from 1KB to 1024GiB"),
                               HasSubstr("KB, MB, GB, KiB, MiB or GiB"))))
        << text;
  }
  EXPECT_EQ(values_.size, 0U) << "what is refused is not kept";
  EXPECT_THAT(LoadLine("signed_size = \"9223372036854775807\""), IsOk());
  EXPECT_THAT(LoadLine("signed_size = \"9223372036854775808\""), Not(IsOk()));
}

TEST_F(ConfigFileTest, ATimeIsWrittenInManyWays) {
  for (const auto& [text, ms] : std::vector<std::pair<std::string, std::int64_t>>{{"0s", 0},
                                                                                  {"500ms", 500},
                                                                                  {"30s", 30'000},
                                                                                  {"20 m", 1'200'000},
                                                                                  {"2H", 7'200'000},
                                                                                  {" 7d ", 604'800'000}}) {
    EXPECT_THAT(LoadLine("ms = \"" + text + "\""), IsOk()) << text;
    EXPECT_EQ(values_.ms, ms) << text;
  }
  EXPECT_THAT(LoadLine("span = \"2000 MS\"\nfine_span = \"1500ms\""), IsOk());
  EXPECT_EQ(values_.span, seconds(2));
  EXPECT_EQ(values_.fine_span, milliseconds(1'500));
}

TEST_F(ConfigFileTest, ATimeThatIsNoneIsToldWhatIsAllowed) {
  for (const char* const text : {"\"\"", "\"10\"", "10", "\"0s\"", "\"25h\"", "\"1500ms\"", "\"-1s\"",
                                 "\"1w\"", "\"9223372036854775807d\"", "[\"1s\"]", "\"1h30m\""}) {
    EXPECT_THAT(
        LoadLine(absl::StrCat("span = ", text)),
        StatusIs(absl::StatusCode::kInvalidArgument,
                 HasSubstr(
                     ":2: [values] 'span' must be a time from 1s to 1d of whole seconds, a whole number with "
                     "ms, s, m, h or d")))
        << text;
  }
}

TEST_F(ConfigFileTest, AnEmptyValueIsRefusedButForAPathThatNeedNotBe) {
  EXPECT_THAT(LoadLine("text = \"\""),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'text' must not be empty")));
  EXPECT_THAT(LoadLine("path = \"\""), IsOk());
  EXPECT_EQ(values_.path, "");
  EXPECT_THAT(LoadLine("texts = [\"a\", \"\"]"), Not(IsOk()));
  EXPECT_THAT(LoadLine("texts = []"), IsOk());
  EXPECT_THAT(LoadLine("some = []"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at least one")));
  EXPECT_THAT(Load("\n[values]\nneeded = \"\"\n", true),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(":3: [values] 'needed' must not be empty (it may also come from "
                                 "CONFIGTEST_VALUES_NEEDED)")));
  EXPECT_THAT(Load("[values]\n", true),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(":1: [values] 'needed' is missing")));
  EXPECT_THAT(Load("", true),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(": [values] 'needed' is missing")));
  const Variable variable("CONFIGTEST_VALUES_NEEDED", "there/");
  EXPECT_THAT(Load("[values]\nneeded = \"\"\n", true), IsOk());
  EXPECT_EQ(values_.needed, folder_.path() + "/there");
}

TEST_F(ConfigFileTest, AKeyThatIsUnknownGetsTheNearestOneOrAll) {
  EXPECT_THAT(LoadLine("wole = 1"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(":2: [values] 'wole' is not a key; did you mean 'whole'?")));
  EXPECT_THAT(LoadLine("qqqqqq = 1"), StatusIs(absl::StatusCode::kInvalidArgument,
                                               HasSubstr("'qqqqqq' is not a key; there are: text, path")));
  EXPECT_THAT(Load("[value]\n"), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr(":1: 'value' is not a table of this file; did you mean "
                                                    "'values'?")));
  EXPECT_THAT(LoadLine("word = \"populated\""),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("must be one of \"cdc\", \"window\", \"populate\", not 'populated'; did you "
                                 "mean 'populate'?")));
  EXPECT_THAT(LoadLine("word = \"x\""),
              StatusIs(absl::StatusCode::kInvalidArgument, Not(HasSubstr("did you"))));
  EXPECT_THAT(LoadLine("some = [\"ES256\", \"HS256\"]"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("did you mean 'ES256'?")));
}

TEST_F(ConfigFileTest, OfSeveralMistakesTheFirstInTheFileIsNamed) {
  EXPECT_THAT(LoadLine("zz = 1\naa = 1"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(":2: [values] 'zz'")));
}

TEST_F(ConfigFileTest, AValueOfAnotherKindIsNamed) {
  for (const auto& [line, words] : std::vector<std::pair<std::string, std::string>>{
           {"text = 4", "must be a text, not a whole number"},
           {"text = 2024-01-01", "must be a text, not a date or time"},
           {"flag = 1", "must be true or false, not a whole number"},
           {"flag = \"true\"", "must be true or false, not a text"},
           {"whole = \"4\"", "must be a whole number from 1 to 65535, not a text"},
           {"whole = 1.0", "not a number with a fraction"},
           {"whole = 65536", "not 65536"},
           {"texts = \"a\"", "must be a list of texts, as [\"a\", \"b\"], not a text"},
           {"texts = [\"a\", 5]", "entry 2 is a whole number"},
           {"each = 1", "must be a table of columns and numbers, as { a = 1 }, not a whole number"},
           {"each = { b = 10 }", "'each' 'b' must be a whole number from 0 to 9, not 10"},
           {"text = \"a\\u0000b\"", "must not hold a NUL character"}}) {
    EXPECT_THAT(LoadLine(line), StatusIs(absl::StatusCode::kInvalidArgument,
                                         AllOf(HasSubstr(":2: [values] '"), HasSubstr(words))))
        << line;
  }
  EXPECT_THAT(Load("values = 1\n"), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr(":1: 'values' must be a table, written as [values]")));
  EXPECT_THAT(Load("[[values]]\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("must be a table")));
  EXPECT_THAT(LoadLine("absent_flag = false\neach = { a = 1, b = 2 }"), IsOk());
  EXPECT_EQ(values_.absent_flag, false);
  EXPECT_THAT(values_.each, ElementsAre(Pair("a", 1U), Pair("b", 2U)));
}

TEST_F(ConfigFileTest, BlocksHaveTwoBracketsAndWhatTheyNeed) {
  EXPECT_THAT(Load("[[block]]\nname = \"a\"\n[[block]]\nname = \"b\"\n"), IsOk());
  EXPECT_THAT(names_, ElementsAre("a", "b"));
  for (const char* const text : {"[block]\nname = \"a\"\n", "block = 1\n", "block = []\n"}) {
    EXPECT_THAT(Load(text),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(":1: 'block' must be written as [[block]], with two brackets")));
  }
  EXPECT_THAT(Load("\n[[block]]\n"), StatusIs(absl::StatusCode::kInvalidArgument,
                                              HasSubstr(":2: [[block]] has no 'name', which it needs")));
}

TEST_F(ConfigFileTest, AVariableTakesThePlaceOfTheFile) {
  const Variable whole("CONFIGTEST_VALUES_WHOLE", " 7 "), flag("CONFIGTEST_VALUES_FLAG", "true"),
      size("CONFIGTEST_VALUES_SIZE", "512 mb"), span("CONFIGTEST_VALUES_SPAN", "2M"),
      texts("CONFIGTEST_VALUES_TEXTS", "a , b"), empty("CONFIGTEST_VALUES_TEXT", ""),
      other("CONFIGTEST_OTHER_ONE", "x"), prefix("CONFIGTEST", "x");
  ASSERT_THAT(LoadLine("whole = 3\ntext = \"t\""), IsOk());
  EXPECT_EQ(values_.whole, 7);
  EXPECT_TRUE(values_.flag);
  EXPECT_EQ(values_.size, 512'000'000U);
  EXPECT_EQ(values_.span, seconds(120));
  EXPECT_THAT(values_.texts, ElementsAre("a", "b"));
  EXPECT_EQ(values_.text, "t");
  EXPECT_THAT(LoadLine("whole = 0"), Not(IsOk())) << "what the file says is checked nevertheless";
  const Variable wrong("CONFIGTEST_VALUES_WHOLE", "7x");
  EXPECT_THAT(LoadLine(""),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("CONFIGTEST_VALUES_WHOLE must be a whole number from 1 to 65535, "
                                 "not '7x'")));
}

TEST_F(ConfigFileTest, AVariableThatIsUnknownIsRefused) {
  for (const auto& [name, words] : std::vector<std::pair<const char*, std::string>>{
           {"CONFIGTEST_VALUES_WHOL",
            " is not a variable of [values]; did you mean 'CONFIGTEST_VALUES_WHOLE'?"},
           {"CONFIGTEST_VALUES_QQQQQQ",
            " is not a variable of [values]; there are: CONFIGTEST_VALUES_TEXT, "},
           {"CONFIGTEST_VALUE_WHOLE",
            " is not a variable of this program; did you mean 'CONFIGTEST_VALUES_WHOLE'?"},
           {"CONFIGTEST_BLOCK_NAME",
            " is not a variable of this program; the keys of [values], [log] have variables, as "
            "CONFIGTEST_VALUES_TEXT"},
           {"CONFIGTEST_OTHER", " is not a variable of this program"}}) {
    const Variable variable(name, "1");
    EXPECT_THAT(LoadLine(""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(name + words)));
  }
}

TEST_F(ConfigFileTest, AKeyThatStandsWhereItsPathBelongsIsNotShown) {
  for (const char* const line :
       {"path = \"\"\"-----BEGIN PRIVATE KEY-----\nMIGHAgEA\"\"\"",
        "path = \"-----BEGIN PRIVATE KEY----- MIGHAgEA\"", "path = \"MIGHAgEA\\nMIGHAgEA\""}) {
    EXPECT_THAT(LoadLine(line),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         testing::AllOf(HasSubstr("not the text in it"), Not(HasSubstr("MIGH")))));
  }
}

TEST_F(ConfigFileTest, AFileIsNotThereOrNoFileOrTooLarge) {
  EXPECT_THAT(ConfigFile::Open(folder_.path() + "/none", "make one").status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("is not there: make one")));
  EXPECT_THAT(ConfigFile::Open(folder_.path(), "name a file").status(),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       HasSubstr("'" + folder_.path() + "' is a folder, and not a file: name a file")));
  const std::string pipe = folder_.path() + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(ConfigFile::Open(pipe, "").status(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("must be a file")));
  std::ofstream(path_) << "#";
  std::filesystem::resize_file(path_, ConfigFile::kBytesMax + 1);
  EXPECT_THAT(ConfigFile::Open(path_, "").status(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("at most 16 MiB")));
}

TEST_F(ConfigFileTest, OneThatChangesWhileItIsReadIsNotUsed) {
  // Its length is told as 0 before.
  EXPECT_THAT(ConfigFile::Open("/proc/self/status", "").status(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("changed its length")));
}

TEST_F(ConfigFileTest, WhoMayNotReadIsToldAsWhomToRunIt) {
  if (geteuid() != 0) GTEST_SKIP() << "only root becomes another user";
  std::ofstream(path_) << "#";
  ASSERT_EQ(chmod(path_.c_str(), 0600), 0);
  ASSERT_EQ(seteuid(1234), 0);
  const absl::Status status = ConfigFile::Open(path_, "make one").status();
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kPermissionDenied,
                       HasSubstr("cannot be read (Permission denied): run it with sudo, or make one")));
}

TEST_F(ConfigFileTest, PathsOfALinkBeginWhereTheLinkStands) {
  std::ofstream(path_) << "#";
  const std::filesystem::path beside = std::filesystem::path(folder_.path()) / "beside";
  std::filesystem::create_directories(beside);
  std::filesystem::create_symlink(path_, beside / "link.toml");
  const absl::StatusOr<ConfigFile> file = ConfigFile::Open((beside / "link.toml").string(), "");
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(file->folder(), beside);
}

TEST_F(ConfigFileTest, TextThatWouldEndTheProcessIsRefused) {
  std::string deep = "a";
  for (int i = 0; i < 200'000; ++i) deep += ".a";
  const std::string lists(100'000, '[');
  for (const std::string& text :
       {"\n" + deep + " = 1\n", "\n[" + deep + "]\n", "\nb = { " + deep + " = 1 }\n",
        "\nb = [\n{ " + deep + " = 1}]\n", "\nb = '''\n'''\n" + deep + " = 1\n",
        "\n\"\\\"x\" = 1 # it's\n" + deep + " = 1\n"}) {
    EXPECT_THAT(Load(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a key has too many parts")))
        << text.substr(0, 30);
  }
  EXPECT_THAT(Load("b = " + lists),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(":1: not TOML: ")));
  for (const std::string& text : {std::string("a = '"), std::string("\"\\"), std::string("a = \"\"\"\\"),
                                  std::string("\0\1", 2), std::string("a = \"\xff\"")}) {
    EXPECT_FALSE(Load(text).ok()) << text;
  }
}

TEST_F(ConfigFileTest, DotsInTextsAndCommentsAreNoParts) {
  const std::string dots(5'000, '.');
  EXPECT_THAT(Load("# " + dots + "\n[values]\ntext = \"\\\"" + dots + "\"\nword = 'cdc' # '" + dots + "\n"),
              IsOk());
  EXPECT_THAT(LoadLine("text = '''" + dots + "\n\"'" + dots + "'''"), IsOk());
}

TEST_F(ConfigFileTest, APathOfAnotherProgramsFileIsReadAndNothingElse) {
  std::ofstream(path_) << "[http]\nunknown = 1\nkeys = \"of the door\"\nwrong = 3\n[[http_more]]\nkeys = 1\n";
  const absl::StatusOr<ConfigFile> file = ConfigFile::Open(path_, "make one");
  ASSERT_THAT(file, IsOk());
  EXPECT_THAT(file->PathOf("http", "keys"), IsOkAndHolds((file->folder() / "of the door").string()));
  EXPECT_THAT(file->PathOf("http", "none"), IsOkAndHolds(""));
  EXPECT_THAT(file->PathOf("none", "keys"), IsOkAndHolds(""));
  EXPECT_THAT(file->PathOf("http", "wrong"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(":4: [http] 'wrong' ")));
}

}  // namespace
}  // namespace mirror::config_file_test
