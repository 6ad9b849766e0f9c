#include "server/storages/storages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/server/storages/storages_bench.h"

namespace mirror::storages_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class StoragesTest : public StoragesBench {
 protected:
  std::string NameOf(const std::string& source) {
    const absl::StatusOr<DataSource> found = storages_->FindSource("Acme", source);
    return found.ok() ? found->name : std::string(found.status().message());
  }

  /// A tenant that an agent mirrors.
  void MirrorPeople(const std::string& context_id) {
    const auto tenant =
        tenants_->FindOrTakeIn({.context_id = context_id, .issuer = "issuer", .environment = "prod"});
    ASSERT_THAT(tenant, IsOk());
    SourceCalls source(**tenant, context_id);
    source.Mirror(People(), {{1, "Ada", 36}}, Position{Lsn{5}, "five"});
  }
  std::uint64_t RowsOf(const std::string& context_id) {
    const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_->Find(context_id);
    EXPECT_THAT(tenant, IsOk());
    const absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = (*tenant)->OpenRecords();
    EXPECT_THAT(snapshot, IsOk());
    if (!snapshot.ok()) return 0;
    const absl::StatusOr<std::optional<TableRecord>> table = (*snapshot)->ReadTable(kPartnerTable);
    return table.ok() && *table ? static_cast<std::uint64_t>((*table)->row_count) : 0;
  }
};

TEST_F(StoragesTest, WhatChangesIsKnownAtOnce) {
  ASSERT_THAT(storages_->Create("Acme", "", kNow), IsOk());
  EXPECT_EQ(NameOf(""), "default");
  ASSERT_THAT(storages_->AddSource("Acme", {.id = "crm", .name = "One"}, kNow), IsOk());
  EXPECT_EQ(NameOf("crm"), "One");
  ASSERT_THAT(storages_->ChangeSource("Acme", "crm", "Two", "", kNow), IsOk());
  EXPECT_EQ(NameOf("crm"), "Two");
  EXPECT_EQ(NameOf("One"), "storage 'Acme' has no data source 'One'. Nothing was done.");
  ASSERT_THAT(
      storages_->PutMapper("Acme", *RecordMapper::Make("m1", {{"KDNR", "externalId"}}, true), true, kNow),
      IsOk());
  ASSERT_THAT(storages_->ChangeSource("Acme", "default", "", "m1", kNow), IsOk());
  EXPECT_EQ(storages_->FindSource("Acme", "")->mapper, "m1");
  ASSERT_THAT(storages_->DeleteSource("Acme", "crm", kNow), IsOk());
  EXPECT_EQ(NameOf("crm"), "storage 'Acme' has no data source 'crm'. Nothing was done.");
}

TEST_F(StoragesTest, AStorageMadeAnewHasNothingOfTheFormerOne) {
  ASSERT_THAT(storages_->Create("Acme", "", kNow), IsOk());
  ASSERT_THAT(storages_->AddSource("Acme", {.id = "crm", .name = "One"}, kNow), IsOk());
  EXPECT_EQ(NameOf("crm"), "One");
  ASSERT_THAT(storages_->Delete("Acme", kNow), IsOk());
  EXPECT_THAT(storages_->FindSource("Acme", ""), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_THAT(storages_->Create("Acme Inc.", "Acme", kNow), IsOk());
  EXPECT_EQ(storages_->Find("Acme")->name, "Acme Inc.");
  EXPECT_EQ(NameOf("crm"), "storage 'Acme' has no data source 'crm'. Nothing was done.");
}

TEST_F(StoragesTest, AnIdIsFreeWhoseMirrorCouldNotBeMade) {
  const std::string in_the_way = absl::StrCat(folder_.path(), "/", kWorkFolder);
  std::filesystem::remove_all(in_the_way);
  WriteFileText(in_the_way, "no folder");
  EXPECT_THAT(storages_->Create("A", "A", kNow), StatusIs(absl::StatusCode::kUnavailable));
  std::filesystem::remove(in_the_way);
  EXPECT_THAT(storages_->Create("A", "A", kNow), IsOk());
}

TEST_F(StoragesTest, AnOperatorsDeletionIsKnownAtOnce) {
  ASSERT_THAT(storages_->Create("Acme", "", kNow), IsOk());
  EXPECT_EQ(NameOf(""), "default");
  ASSERT_THAT(tenants_->Delete("Acme"), IsOk());
  EXPECT_THAT(storages_->FindSource("Acme", ""), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_THAT(tenants_->Allow("Acme"), IsOk());
  ASSERT_THAT(storages_->Create("Other name", "Acme", kNow), IsOk());
  EXPECT_EQ(storages_->Find("Acme")->name, "Other name");
}

/// A file that is put in the mirror's place, as a restore does, brings the storage that it has.
TEST_F(StoragesTest, ARestoredStorageHasItsOwnSources) {
  ASSERT_THAT(storages_->Create("Acme", "", kNow), IsOk());
  ASSERT_THAT(storages_->AddSource("Acme", {.id = "crm", .name = "One"}, kNow), IsOk());
  const absl::StatusOr<std::shared_ptr<Tenant>> root = tenants_->Find("Acme");
  ASSERT_THAT(root, IsOk());
  ASSERT_TRUE((*root)->CloseIfIdle());
  const std::string file = SqlitePath(folder_.path(), "Acme"), copy = folder_.path() + "/copy";
  std::filesystem::copy_file(file, copy);
  ASSERT_THAT(storages_->ChangeSource("Acme", "crm", "Two", "", kNow), IsOk());
  EXPECT_EQ(NameOf("crm"), "Two");
  ASSERT_TRUE((*root)->CloseIfIdle());
  std::filesystem::copy_file(copy, file, std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(NameOf("crm"), "One");
}

TEST_F(StoragesTest, ATenantOfAnAgentStaysWhereADataSourceWouldHaveItsName) {
  MirrorPeople("Acme--crm");
  ASSERT_THAT(storages_->Create("Acme", "", kNow), IsOk());
  EXPECT_THAT(storages_->AddSource("Acme", {.id = "crm"}, kNow),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("not the storage's")));
  EXPECT_EQ(ReadMirror(SqlitePath(folder_.path(), "Acme--crm"), People()).size(), 1U);
}

TEST_F(StoragesTest, ADataSourceThatNoListHasIsListedAgainWithItsRows) {
  ASSERT_THAT(storages_->Create("Acme", "", kNow), IsOk());
  const std::string file = SqlitePath(folder_.path(), "Acme"), copy = folder_.path() + "/copy";
  const absl::StatusOr<std::shared_ptr<Tenant>> root = tenants_->Find("Acme");
  ASSERT_TRUE((*root)->CloseIfIdle());
  std::filesystem::copy_file(file, copy);
  ASSERT_THAT(
      storages_->PutMapper("Acme", *RecordMapper::Make("m1", {{"KDNR", "externalId"}}, true), true, kNow),
      IsOk());
  ASSERT_THAT(storages_->AddSource("Acme", {.id = "crm", .mapper = "m1"}, kNow), IsOk());
  ASSERT_THAT(Upsert("Acme--crm", {"53"}).status, IsOk());
  ASSERT_TRUE((*root)->CloseIfIdle());
  std::filesystem::copy_file(copy, file, std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(storages_->FindSource("Acme", "crm"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(storages_->AddSource("Acme", {.id = "crm"}, kNow),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("its mapper is 'm1'")));
  EXPECT_EQ(RowsOf("Acme--crm"), 1U);
  ASSERT_THAT(
      storages_->PutMapper("Acme", *RecordMapper::Make("m1", {{"KDNR", "externalId"}}, true), true, kNow),
      IsOk());
  std::uint64_t rows = 0;
  ASSERT_THAT(storages_->AddSource("Acme", {.id = "crm", .mapper = "m1"}, kNow, &rows), IsOk());
  EXPECT_EQ(NameOf("crm"), "crm");
  EXPECT_EQ(RowsOf("Acme--crm"), 1U);
  EXPECT_EQ(rows, 1U);
  EXPECT_THAT(catalog_.Messages("tenant.created"),
              HasSubstr("was taken back over HTTP, with 1 row that was there"));
}

/// What is known here of the storage's sources is from before.
TEST_F(StoragesTest, WhatAnotherServerDidToADataSourceMeanwhileStays) {
  ASSERT_THAT(storages_->Create("Acme", "", kNow), IsOk());
  ASSERT_THAT(storages_->AddSource("Acme", {.id = "crm", .name = "One"}, kNow), IsOk());
  ASSERT_THAT(storages_->AddSource("Acme", {.id = "erp", .name = "Two"}, kNow), IsOk());
  /// Behind what is known here.
  const auto there = [&](const std::string& change) {
    const std::size_t known = storages_->ListSources("Acme")->size();
    Partner(SqlitePath(folder_.path(), "Acme")).Run(absl::StrCat(change, " AND kind = 'datasource'"));
    ASSERT_EQ(storages_->ListSources("Acme")->size(), known);
  };
  there("UPDATE _mirror_documents SET text = replace(text, 'Two', 'Three') WHERE id = 'erp'");
  ASSERT_EQ(NameOf("erp"), "Two");
  EXPECT_THAT(storages_->ChangeSource("Acme", "crm", "Three", "", kNow),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("of the name 'Three' exists already")));
  there("UPDATE _mirror_documents SET text = replace(text, 'default', 'other') WHERE id = 'erp'");
  ASSERT_THAT(storages_->ChangeSource("Acme", "erp", "Five", "", kNow), IsOk());
  EXPECT_EQ(NameOf("erp"), "Five");
  EXPECT_EQ(storages_->FindSource("Acme", "erp")->mapper, "other") << "the other one's change is not lost";
  there("DELETE FROM _mirror_documents WHERE id = 'crm'");
  EXPECT_THAT(storages_->ChangeSource("Acme", "crm", "Four", "", kNow),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(storages_->ListSources("Acme")->size(), 2U);
}

TEST_F(StoragesTest, ATenantOfAStorageThatIsGoneIsFree) {
  MirrorPeople("Cust1");
  ASSERT_THAT(storages_->Create("Acme", "", kNow), IsOk());
  ASSERT_THAT(storages_->Create("Other", "", kNow), IsOk());
  const DataSource crm{.id = "crm", .door = Door::kCycles, .tenant = "Cust1"};
  ASSERT_THAT(storages_->AddSource("Acme", crm, kNow), IsOk());
  EXPECT_THAT(storages_->Find("Cust1"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(storages_->AddSource("Other", crm, kNow),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       testing::AllOf(HasSubstr("another storage"), testing::Not(HasSubstr("Acme")))));
  ASSERT_THAT(tenants_->Delete("Acme"), IsOk());
  EXPECT_EQ(storages_->Find("Cust1")->id, "Cust1");
  ASSERT_THAT(storages_->AddSource("Other", crm, kNow), IsOk());
  EXPECT_THAT(storages_->Find("Cust1"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(StoragesTest, IdsInNamesAreComparedWithoutCase) {
  ASSERT_THAT(storages_->Create("Acme", "", kNow), IsOk());
  ASSERT_THAT(storages_->AddSource("Acme", {.id = "a", .name = "crm2"}, kNow), IsOk());
  EXPECT_THAT(storages_->AddSource("Acme", {.id = "CRM2"}, kNow), StatusIs(absl::StatusCode::kAlreadyExists));
}

/// A kill between the deletion of a data source's tenant and the end of the call.
TEST_F(StoragesTest, ADeletionThatWasBegunEndsWithTheNext) {
  ASSERT_THAT(storages_->Create("Acme", "", kNow), IsOk());
  ASSERT_THAT(storages_->AddSource("Acme", {.id = "crm"}, kNow), IsOk());
  ASSERT_THAT(tenants_->Delete("Acme--crm"), IsOk());
  EXPECT_THAT(storages_->TenantOf(*storages_->FindSource("Acme", "crm")),
              StatusIs(absl::StatusCode::kNotFound));
  ASSERT_THAT(storages_->DeleteSource("Acme", "crm", kNow), IsOk());
  EXPECT_THAT(storages_->AddSource("Acme", {.id = "crm"}, kNow), IsOk());
}

TEST_F(StoragesTest, NoDataSourceIsLeftOfAStorageThatIsDeletedMeanwhile) {
  for (int turn = 0; turn < 5; ++turn) {
    ASSERT_THAT(storages_->Create("Acme", "", kNow), IsOk());
    std::thread adding([&] {
      for (const char* const id : {"a", "b", "c", "d"})
        storages_->AddSource("Acme", {.id = id}, kNow).IgnoreError();
    });
    EXPECT_THAT(storages_->Delete("Acme", kNow), IsOk());
    adding.join();
    if (storages_->Find("Acme").ok()) {
      EXPECT_THAT(storages_->Delete("Acme", kNow), IsOk());
    }
    EXPECT_THAT(tenants_->All(), IsEmpty());
  }
}

}  // namespace
}  // namespace mirror::storages_test
