// What two servers do to the data sources and mappers of one storage at once.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/records/record_mapper.h"
#include "tests/server/storages/storages_bench.h"

namespace mirror::storages_races_test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

/// `storages_` and `other_` are as two servers: each takes its own changes one after the other.
class StoragesRaces : public StoragesBench {
 protected:
  StoragesRaces() : other_(*tenants_, events_) { EXPECT_THAT(storages_->Create("Acme", "", kNow), IsOk()); }

  static RecordMapper Mapper(const std::string& column, const std::string& id = "m1") {
    return *RecordMapper::Make(id, {{"KDNR", "externalId"}, {column, column}}, true);
  }
  void PutNew(const std::string& column) {
    ASSERT_THAT(storages_->PutMapper("Acme", Mapper(column), /*is_new=*/true, kNow), IsOk());
  }
  std::string File(const std::string& context_id) { return SqlitePath(folder_.path(), context_id); }
  /// Of the tenant's documents, behind what is known here.
  void Rewrite(const std::string& context_id, const std::string& change) {
    Partner(File(context_id)).Run(absl::StrCat("UPDATE _mirror_documents SET text = ", change));
  }
  void MirrorPeople(const std::string& context_id) {
    const auto tenant =
        tenants_->FindOrTakeIn({.context_id = context_id, .issuer = "issuer", .environment = "prod"});
    ASSERT_THAT(tenant, IsOk());
    SourceCalls(**tenant, context_id).Mirror(People(), {{1, "Ada", 36}}, {Lsn{5}, "five"});
  }
  std::optional<std::string> MemberOf(const std::string& context_id) {
    const absl::StatusOr<std::optional<Document>> member = Find(context_id)->FindDocument(kMemberKind, "");
    EXPECT_THAT(member.status(), IsOk());
    if (!member.ok() || !*member) return std::nullopt;
    return (*member)->text;
  }
  std::string MapperOfTenant(const std::string& context_id) {
    const absl::StatusOr<RecordMapper> mapper = Find(context_id)->ReadMapper();
    return mapper.ok() ? MapperJson(*mapper) : mapper.status().ToString();
  }
  static void WaitUntil(const std::function<bool()>& is_so) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!is_so() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  }

  Storages other_;
};

TEST_F(StoragesRaces, AMapperThatADataSourceHasByNowStays) {
  PutNew("a");
  AddSource("Acme", "crm");
  ASSERT_EQ(storages_->FindSource("Acme", "crm")->mapper, "default");
  Rewrite("Acme", R"(replace(text, '"default"', '"m1"') WHERE kind = 'datasource' AND id = 'crm')");
  ASSERT_EQ(storages_->FindSource("Acme", "crm")->mapper, "default") << "what is known here is from before";
  const auto in_use = StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("by data source 'crm'"));
  EXPECT_THAT(storages_->PutMapper("Acme", Mapper("b"), /*is_new=*/false, kNow), in_use);
  EXPECT_THAT(storages_->DeleteMapper("Acme", "M1", kNow), in_use);
  EXPECT_EQ(MapperJson(*storages_->FindMapper("Acme", "m1")), MapperJson(Mapper("a")));
}

TEST_F(StoragesRaces, AMapperThatTheDefaultDataSourceHasByNowStays) {
  PutNew("a");
  ASSERT_EQ(storages_->FindSource("Acme", "")->mapper, "default");
  Rewrite("Acme", absl::StrCat("'", MapperJson(Mapper("a")), "' WHERE kind = 'source'"));
  ASSERT_EQ(storages_->FindSource("Acme", "")->mapper, "default") << "what is known here is from before";
  const auto in_use = StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("by data source 'default'"));
  EXPECT_THAT(storages_->DeleteMapper("Acme", "m1", kNow), in_use);
  EXPECT_THAT(storages_->PutMapper("Acme", Mapper("b"), /*is_new=*/false, kNow), in_use);
}

TEST_F(StoragesRaces, OfTwoNewMappersOfOneIdOneIsMade) {
  for (int turn = 0; turn < 40; ++turn) {
    const std::string id = absl::StrCat("m", turn);
    absl::Status second;
    std::thread beside([&] { second = other_.PutMapper("Acme", Mapper("b", id), /*is_new=*/true, kNow); });
    const absl::Status first = storages_->PutMapper("Acme", Mapper("a", id), /*is_new=*/true, kNow);
    beside.join();
    ASSERT_NE(first.ok(), second.ok()) << turn << " " << first << " " << second;
    EXPECT_THAT(first.ok() ? second : first, StatusIs(absl::StatusCode::kAlreadyExists));
    EXPECT_EQ(MapperJson(*storages_->FindMapper("Acme", id)), MapperJson(Mapper(first.ok() ? "a" : "b", id)));
  }
}

/// The mapper goes, or is replaced, when the mirror of the data source is there, and no list has it yet.
TEST_F(StoragesRaces, ADataSourceIsListedWithTheMapperThatItWasMadeBy) {
  for (int turn = 0; turn < 10; ++turn) {
    PutNew("a");
    absl::Status changed;
    std::thread beside([&] {
      WaitUntil([&] { return std::filesystem::exists(File("Acme--crm")); });
      changed = turn % 2 == 0 ? other_.DeleteMapper("Acme", "m1", kNow)
                              : other_.PutMapper("Acme", Mapper("b"), /*is_new=*/false, kNow);
    });
    const absl::Status added = storages_->AddSource("Acme", {.id = "crm", .mapper = "m1"}, kNow).status();
    beside.join();
    ASSERT_NE(added.ok(), changed.ok()) << turn << " " << added << " " << changed;
    if (added.ok()) {
      EXPECT_THAT(changed, StatusIs(absl::StatusCode::kFailedPrecondition));
      ASSERT_THAT(storages_->DeleteSource("Acme", "crm", kNow), IsOk());
    } else {
      EXPECT_THAT(added, StatusIs(turn % 2 == 0 ? absl::StatusCode::kNotFound
                                                : absl::StatusCode::kFailedPrecondition));
    }
    EXPECT_THAT(storages_->ListSources("Acme").value(), SizeIs(1));
    EXPECT_THAT(tenants_->All(), SizeIs(1));
    EXPECT_FALSE(std::filesystem::exists(File("Acme--crm")));
    if (storages_->FindMapper("Acme", "m1").ok()) {
      ASSERT_THAT(storages_->DeleteMapper("Acme", "m1", kNow), IsOk());
    }
  }
}

TEST_F(StoragesRaces, ADataSourceTakesNoMapperThatGoesMeanwhile) {
  AddSource("Acme", "crm");
  const std::string usual = MapperJson(RecordMapper::Default());
  for (int turn = 0; turn < 30; ++turn) {
    const std::string source = turn % 2 == 0 ? "default" : "crm";
    PutNew("a");
    absl::Status deleted;
    std::thread beside([&] { deleted = other_.DeleteMapper("Acme", "m1", kNow); });
    const absl::Status changed = storages_->ChangeSource("Acme", source, "", "m1", kNow).status();
    beside.join();
    ASSERT_NE(changed.ok(), deleted.ok()) << turn << " " << changed << " " << deleted;
    EXPECT_EQ(storages_->FindSource("Acme", source)->mapper, changed.ok() ? "m1" : "default");
    EXPECT_EQ(MapperOfTenant(source == "crm" ? "Acme--crm" : "Acme"),
              changed.ok() ? MapperJson(Mapper("a")) : usual);
    if (!changed.ok()) continue;
    ASSERT_THAT(storages_->ChangeSource("Acme", source, "", "default", kNow), IsOk());
    ASSERT_THAT(storages_->DeleteMapper("Acme", "m1", kNow), IsOk());
  }
}

/// The name that it had is in the list that is known here.
TEST_F(StoragesRaces, ADataSourceThatCannotBeListedLeavesNothing) {
  AddSource("Acme", "crm");
  AddSource("Acme", "erp");
  MirrorPeople("Cust");
  const auto name_is = [&](const std::string& id, const std::string& name) {
    ASSERT_EQ(storages_->FindSource("Acme", id)->name, id);
    Rewrite("Acme", absl::StrCat("replace(text, '\"name\":\"", id, "\"', '\"name\":\"", name,
                                 "\"') WHERE kind = 'datasource' AND id = '", id, "'"));
    ASSERT_EQ(storages_->FindSource("Acme", id)->name, id) << "what is known here is from before";
  };
  const auto taken = StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("of the name"));
  name_is("crm", "One");
  EXPECT_THAT(storages_->AddSource("Acme", {.id = "x", .name = "One"}, kNow).status(), taken);
  EXPECT_THAT(tenants_->Find("Acme--x"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(std::filesystem::exists(File("Acme--x")));
  name_is("erp", "Two");
  const DataSource cycles{.id = "y", .name = "Two", .door = Door::kCycles, .tenant = "Cust"};
  EXPECT_THAT(storages_->AddSource("Acme", cycles, kNow).status(), taken);
  EXPECT_EQ(MemberOf("Cust"), std::nullopt);
  EXPECT_THAT(storages_->AddSource("Acme", {.id = "x"}, kNow), IsOk()) << "its id is free";
}

TEST_F(StoragesRaces, AnotherMapperThanItsNameHasNowIsNotTakenBack) {
  PutNew("a");
  ASSERT_THAT(storages_->AddSource("Acme", {.id = "crm", .mapper = "m1"}, kNow), IsOk());
  Partner(File("Acme")).Run("DELETE FROM _mirror_documents WHERE kind = 'datasource' AND id = 'crm'");
  // What is known of the list is from before.
  Storages behind(*tenants_, events_);
  ASSERT_THAT(behind.PutMapper("Acme", Mapper("b"), /*is_new=*/false, kNow), IsOk());
  ASSERT_THAT(behind.AddSource("Acme", {.id = "crm", .mapper = "m1"}, kNow), IsOk());
  EXPECT_EQ(MapperOfTenant("Acme--crm"), MapperJson(Mapper("b")));
}

TEST_F(StoragesRaces, ATenantThatAnotherStorageHasByNowStaysWithIt) {
  MirrorPeople("Cust");
  const DataSource cycles{.id = "c", .door = Door::kCycles, .tenant = "Cust"};
  ASSERT_THAT(storages_->AddSource("Acme", cycles, kNow), IsOk());
  Rewrite("Cust", "'Other' WHERE kind = 'member'");
  ASSERT_THAT(storages_->DeleteSource("Acme", "c", kNow), IsOk());
  EXPECT_EQ(MemberOf("Cust"), "Other");
}

}  // namespace
}  // namespace mirror::storages_races_test
