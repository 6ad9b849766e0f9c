#include "certs/api_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::api_key_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

class ApiKeyTest : public testing::Test {
 protected:
  std::string folder() const { return scratch_.path() + "/apikeys"; }
  std::string Issue(const std::string& name, ApiRole role = ApiRole::kReader,
                    std::vector<std::string> storages = {"Acme*"}) const {
    const auto issued = IssueApiKey(folder(), {.name = name, .role = role, .storages = std::move(storages)});
    EXPECT_THAT(issued, IsOk());
    return issued.value_or("");
  }
  std::string Content(const std::string& name) const {
    std::stringstream text;
    text << std::ifstream(folder() + "/" + name + ".toml").rdbuf();
    return text.str();
  }
  void Write(const std::string& file, const std::string& text) const {
    std::ofstream(folder() + "/" + file) << text;
  }

  const TempFolder scratch_;
};

TEST_F(ApiKeyTest, AnIssuedKeyIsFoundAndStandsInNoFile) {
  const std::string key = Issue("crm", ApiRole::kWriter, {"Acme", "Beta-*"}), other = Issue("other");
  EXPECT_THAT(key, StartsWith("mk_"));
  EXPECT_GE(key.size(), 40U);
  EXPECT_NE(key, other);
  EXPECT_THAT(Content("crm"), Not(HasSubstr(key)));
  struct stat status = {};
  ASSERT_EQ(stat((folder() + "/crm.toml").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const auto found = ReadApiKeys(folder());
  ASSERT_THAT(found, IsOk());
  ASSERT_THAT(found->keys, SizeIs(2));
  EXPECT_THAT(found->left_out, IsEmpty());
  const ApiKey* const mine = FindApiKey(found->keys, key);
  ASSERT_NE(mine, nullptr);
  EXPECT_EQ(mine->name, "crm");
  EXPECT_EQ(mine->role, ApiRole::kWriter);
  EXPECT_THAT(mine->storages, ElementsAre("Acme", "Beta-*"));
  EXPECT_THAT(mine->issued, SizeIs(10));
}

TEST_F(ApiKeyTest, WhatIsNotTheWholeKeyIsNone) {
  const std::string key = Issue("crm");
  const auto found = ReadApiKeys(folder());
  ASSERT_THAT(found, IsOk());
  for (const std::string& sent :
       {std::string(), key.substr(1), key.substr(0, key.size() - 1), key + "x", key + " ",
        found->keys[0].sha256, std::string("crm"), std::string("*"), std::string(1 << 20, 'k')}) {
    EXPECT_EQ(FindApiKey(found->keys, sent), nullptr) << sent.substr(0, 80);
  }
  EXPECT_EQ(FindApiKey({}, key), nullptr);
}

/// A key that has no hash is nobody's, not everybody's.
TEST_F(ApiKeyTest, AKeyWithoutAHashIsFoundByNothing) {
  EXPECT_EQ(FindApiKey({ApiKey{.name = "x"}}, ""), nullptr);
}

TEST_F(ApiKeyTest, AMissingFolderHasNoKeys) {
  const auto found = ReadApiKeys(folder());
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(found->keys, IsEmpty());
}

TEST_F(ApiKeyTest, ARevokedKeyIsGone) {
  const std::string key = Issue("crm");
  ASSERT_THAT(RevokeApiKey(folder(), "crm"), IsOk());
  EXPECT_THAT(ReadApiKeys(folder())->keys, IsEmpty());
  EXPECT_THAT(RevokeApiKey(folder(), "crm"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("crm")));
  EXPECT_NE(Issue("crm"), key);
}

TEST_F(ApiKeyTest, ANameIsTakenOnce) {
  const std::string key = Issue("crm");
  EXPECT_THAT(IssueApiKey(folder(), {.name = "crm", .storages = {"*"}}),
              StatusIs(absl::StatusCode::kAlreadyExists));
  const auto found = ReadApiKeys(folder());
  ASSERT_THAT(found, IsOk());
  EXPECT_NE(FindApiKey(found->keys, key), nullptr);
}

TEST_F(ApiKeyTest, WrongNamesAndPatternsAreRefusedAndNothingIsMade) {
  for (const std::string& name :
       {std::string(), std::string("../x"), std::string("a/b"), std::string("a.b"), std::string("a b"),
        std::string("\xC3\xA4"), std::string("a\0b", 3), std::string(65, 'a')}) {
    EXPECT_THAT(IssueApiKey(folder(), {.name = name, .storages = {"*"}}),
                StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(RevokeApiKey(folder(), name), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  for (const std::vector<std::string>& storages : std::vector<std::vector<std::string>>{
           {}, {""}, {"Acme", ""}, {"a b"}, {"a\"b"}, {"a\nb"}, {"../x"}, {std::string(65, 'a')}}) {
    EXPECT_THAT(IssueApiKey(folder(), {.name = "good", .storages = storages}),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(ReadApiKeys(folder())->keys, IsEmpty());
  Issue(std::string(64, 'a'));
}

TEST_F(ApiKeyTest, FilesThatAreNoKeysAreLeftOutWithAReasonAndTheOthersStay) {
  Issue("good");
  const std::string hash(64, 'a'),
      whole = "[key]\nrole = \"owner\"\nstorages = [\"*\"]\nsha256 = \"" + hash + "\"\n";
  Write("no-toml.toml", "[key");
  Write("empty.toml", "");
  Write("role.toml", "[key]\nrole = \"god\"\nstorages = [\"*\"]\nsha256 = \"" + hash + "\"\n");
  Write("nowhere.toml", "[key]\nrole = \"owner\"\nstorages = []\nsha256 = \"" + hash + "\"\n");
  Write("short.toml", "[key]\nrole = \"owner\"\nstorages = [\"*\"]\nsha256 = \"abc\"\n");
  Write("unknown.toml", whole + "more = 1\n");
  Write("bad name.toml", whole);
  Write("ignored.txt", "not looked at");
  const auto found = ReadApiKeys(folder());
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(found->keys, ElementsAre(testing::Field(&ApiKey::name, "good")));
  EXPECT_THAT(found->left_out, SizeIs(7));
  for (const std::string& reason : found->left_out) {
    EXPECT_THAT(reason, HasSubstr("this file is not a key of the HTTP door: "));
    EXPECT_THAT(reason, Not(HasSubstr(hash)));
  }
}

TEST_F(ApiKeyTest, WhatIsNoKeyIsToldByItsFile) {
  Issue("good");
  Write("short.toml", "[key]\nrole = \"owner\"\nstorages = [\"*\"]\nsha256 = \"abc\"\n");
  Write("storage.toml", "[key]\nrole = \"owner\"\nstorages = [\"a b\"]\nsha256 = \"abc\"\n");
  Write("bad name.toml", "");
  const auto found = ReadApiKeys(folder());
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(found->left_out, ElementsAre(HasSubstr(folder() + "/bad name.toml: "),
                                           HasSubstr(folder() + "/short.toml: 'sha256' is not"),
                                           HasSubstr(folder() + "/storage.toml: 'a b' is not a pattern")));
}

/// As whom a server may run.
constexpr uid_t kOther = 65534;

std::vector<uid_t> OwnersOf(const std::vector<std::string>& paths) {
  std::vector<uid_t> owners;
  for (const std::string& path : paths) {
    struct stat status = {};
    EXPECT_EQ(lstat(path.c_str(), &status), 0) << path;
    owners.push_back(status.st_uid);
  }
  return owners;
}

TEST_F(ApiKeyTest, WhatRootMakesBelongsToTheOwnerOfTheConfiguration) {
  if (geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  const std::string configuration = scratch_.path() + "/mirror-server.toml";
  std::ofstream(configuration) << "";
  ASSERT_EQ(chown(configuration.c_str(), kOther, kOther), 0);
  const ApiKey key = {.name = "crm", .storages = {"*"}};
  ASSERT_THAT(IssueApiKey(folder(), key, configuration), IsOk());
  EXPECT_THAT(OwnersOf({folder(), folder() + "/crm.toml"}), ElementsAre(kOther, kOther));
  // A folder that root left closed is opened for it, too; one that is somebody's or open to a group is not.
  for (const auto& [mode, owner, becomes] :
       {std::tuple{0700U, 0U, kOther}, {0750U, 0U, 0U}, {0700U, 1U, 1U}}) {
    ASSERT_EQ(chown(folder().c_str(), owner, 0) | chmod(folder().c_str(), mode), 0);
    ASSERT_THAT(RevokeApiKey(folder(), "crm"), IsOk());
    ASSERT_THAT(IssueApiKey(folder(), key, configuration), IsOk());
    EXPECT_THAT(OwnersOf({folder(), folder() + "/crm.toml"}), ElementsAre(becomes, kOther)) << mode;
  }
}

TEST_F(ApiKeyTest, WithoutAConfigurationNothingIsMade) {
  if (geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  EXPECT_THAT(IssueApiKey(folder(), {.name = "crm", .storages = {"*"}}, scratch_.path() + "/none"),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_NE(access(folder().c_str(), F_OK), 0);
}

TEST_F(ApiKeyTest, KeysComeByName) {
  for (const char* const name : {"c", "a", "B"}) Issue(name);
  std::vector<std::string> names;
  const auto found = ReadApiKeys(folder());
  ASSERT_THAT(found, IsOk());
  for (const ApiKey& key : found->keys) names.push_back(key.name);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_THAT(names, SizeIs(3));
}

TEST_F(ApiKeyTest, PatternsAreComparedWithoutCase) {
  const ApiKey key = {.name = "x", .storages = {"Acme", "Beta-*", "*-test"}};
  for (const char* const storage : {"Acme", "ACME", "acme", "beta-", "BETA-x", "my-Test"})
    EXPECT_TRUE(key.IsFor(storage)) << storage;
  for (const char* const storage : {"", "Acme2", "MyAcme", "Beta", "test", "Gamma"})
    EXPECT_FALSE(key.IsFor(storage)) << storage;
  EXPECT_FALSE(ApiKey{.name = "none"}.IsFor("Acme"));
}

TEST_F(ApiKeyTest, EachRoleMayWhatThoseBeforeItMay) {
  EXPECT_LT(ApiRole::kReader, ApiRole::kWriter);
  EXPECT_LT(ApiRole::kWriter, ApiRole::kOwner);
  for (const ApiRole role : {ApiRole::kReader, ApiRole::kWriter, ApiRole::kOwner}) {
    Issue(std::string(ToString(role)), role);
  }
  const auto found = ReadApiKeys(folder());
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(found->keys, SizeIs(3));
  for (const ApiKey& key : found->keys) EXPECT_EQ(ToString(key.role), key.name);
}

}  // namespace
}  // namespace mirror::api_key_test
