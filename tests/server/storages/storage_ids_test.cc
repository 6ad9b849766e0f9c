#include "server/storages/storage_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace mirror::storage_ids_test {
namespace {

using testing::HasSubstr;

TEST(StorageIdsTest, IdsAreWordsWithSingleHyphensBetweenThem) {
  for (const std::string& id : {std::string("A"), std::string("acme-crm_2"), std::string("_"),
                                std::string("0"), std::string("a-b-c"), std::string(24, 'x')}) {
    EXPECT_TRUE(IsStorageId(id)) << id;
    EXPECT_THAT(CheckStorageId(id, "a storage"), IsOk());
  }
  for (const std::string& id :
       {std::string(), std::string("-a"), std::string("a-"), std::string("a--b"), std::string("a b"),
        std::string("a.b"), std::string("a/b"), std::string(25, 'x'), std::string("\xC3\xA4"),
        std::string("a\0b", 3), std::string("a\n")}) {
    EXPECT_FALSE(IsStorageId(id)) << id;
    EXPECT_THAT(CheckStorageId(id, "a storage"),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("the id of a storage")));
  }
}

TEST(StorageIdsTest, NamesAreFreeTextToAHundredCharacters) {
  std::string hundred;
  for (int i = 0; i < 100; ++i) hundred += "\xC3\xA4";
  EXPECT_THAT(CheckStorageName(hundred, "a storage"), IsOk());
  EXPECT_THAT(CheckStorageName("M\xC3\xBCller & S\xC3\xB6hne / x", "a storage"), IsOk());
  for (const std::string& name :
       {std::string(), hundred + "x", std::string("a\nb"), std::string("a\x7f"), std::string("a\0b", 3)}) {
    EXPECT_THAT(CheckStorageName(name, "a storage"), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(StorageIdsTest, AnIdIsMadeOfANameAndIsOne) {
  EXPECT_EQ(IdFromName("Acme"), "Acme");
  EXPECT_EQ(IdFromName("M\xC3\xBCller & S\xC3\xB6hne"), "M_ller___S_hne");
  EXPECT_EQ(IdFromName("a-b"), "a-b");
  EXPECT_EQ(IdFromName("-a--b-"), "_a-_b_");
  for (const std::string& name : {std::string("-"), std::string("../.."), std::string(100, 'x'),
                                  std::string("\xF0\x9F\x98\x80"), std::string("a--b")}) {
    EXPECT_TRUE(IsStorageId(IdFromName(name))) << name;
  }
}

TEST(StorageIdsTest, EachSourceIsATenantAndTheDefaultOneTheStorageItself) {
  EXPECT_EQ(TenantOfSource("Acme", "crm"), "Acme--crm");
  EXPECT_EQ(TenantOfSource("Acme", "default"), "Acme");
  EXPECT_EQ(TenantOfSource("Acme", "Default"), "Acme");
}

}  // namespace
}  // namespace mirror::storage_ids_test
