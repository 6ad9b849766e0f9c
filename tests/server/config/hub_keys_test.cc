#include "server/config/hub_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::hub_keys_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::UnorderedElementsAre;

/// 20 lines; the blocks begin in the 1st, 6th and 14th.
constexpr char kHub[] = R"([[hub]]
storage = "Acme"
entity = "company"
match = [["vat"], ["name", "city"]]
normalise = { vat = "alnum", name = "fold" }
[[hub.member]]
data_source = "crm"
tenant = "Cust26759"
table = "company"
columns = { vat = "vat_no", name = "name", city = "town" }
key = ["vat"]
changed = "updated_at"
write = ["insert", "update"]
[[hub.member]]
data_source = "erp"
table = "customer"
columns = { vat = "VAT", name = "NAME1", city = "CITY" }
[hub.attributes]
name = ["erp", "crm"]
city = "newest"
)";
/// Another entity of the same storage.
constexpr char kPeople[] = R"([[hub]]
storage = "Acme"
entity = "person"
match = [["mail"]]
complete = ["web", "crm"]
deletes = "any"
rows_percent = 5
[[hub.member]]
data_source = "crm"
table = "person"
columns = { mail = "mail", phone = "phone" }
changed = "at"
changed_format = "%d.%m.%Y"
write = ["delete"]
[[hub.member]]
data_source = "web"
table = "account"
columns = { mail = "login", phone = "tel" }
[hub.attributes]
phone = "most"
mail = "longest"
)";

class HubKeysTest : public testing::Test {
 protected:
  absl::StatusOr<std::vector<HubRules>> Read(const std::string& text) {
    WriteFileText(path(), text);
    const absl::StatusOr<ConfigFile> file = ConfigFile::Open(path(), "");
    if (!file.ok()) return file.status();
    return ReadHubs(*file);
  }
  std::string path() const { return folder_.path() + "/mirror-server.toml"; }

  TempFolder folder_;
};

TEST_F(HubKeysTest, AFileWithoutABlockHasNoHub) {
  EXPECT_THAT(Read("[data]\ndir = \"data\"\n"), IsOkAndHolds(IsEmpty()));
}

TEST_F(HubKeysTest, ARightBlockIsReadIntoRules) {
  const auto hubs = Read(kHub);

  ASSERT_THAT(hubs, IsOk());
  ASSERT_THAT(*hubs, SizeIs(1));
  HubRules expected{.storage = "Acme", .data_sources = {"crm", "erp"}, .tenants = {{"crm", "Cust26759"}}};
  HubEntity& company = expected.entities.emplace_back();
  company.name = "company";
  company.match = {{"vat"}, {"name", "city"}};
  company.normalise = {{"vat", Normalise::kAlnum}, {"name", Normalise::kFold}};
  company.attributes = {{"name", {AttributeRule::Kind::kOrder, {"erp", "crm"}}},
                        {"city", {AttributeRule::Kind::kNewest, {}}}};
  company.members = {{.data_source = "crm",
                      .table = "company",
                      .columns = {{"vat", "vat_no"}, {"name", "name"}, {"city", "town"}},
                      .inserts = true,
                      .updates = true,
                      .key = {"vat"},
                      .changed = "updated_at"},
                     {.data_source = "erp",
                      .table = "customer",
                      .columns = {{"vat", "VAT"}, {"name", "NAME1"}, {"city", "CITY"}}}};
  EXPECT_EQ(hubs->front(), expected);
  EXPECT_EQ(hubs->front().rows_percent, 20);
}

TEST_F(HubKeysTest, BlocksOfAStorageAreOneHubInTheirOrder) {
  const auto hubs = Read(absl::StrCat(kHub, kPeople));

  ASSERT_THAT(hubs, IsOk());
  ASSERT_THAT(*hubs, SizeIs(1));
  const HubRules& hub = hubs->front();
  EXPECT_THAT(hub.data_sources, ElementsAre("crm", "erp", "web"));
  EXPECT_EQ(hub.rows_percent, 5) << "the lowest counts";
  ASSERT_THAT(hub.entities, SizeIs(2));
  EXPECT_EQ(hub.entities[0].name, "company");
  EXPECT_FALSE(hub.entities[0].delete_any);
  const HubEntity& people = hub.entities[1];
  EXPECT_EQ(people.name, "person");
  EXPECT_TRUE(people.delete_any);
  EXPECT_THAT(people.complete, ElementsAre("web", "crm"));
  EXPECT_THAT(people.attributes,
              UnorderedElementsAre(Pair("phone", AttributeRule{AttributeRule::Kind::kMost, {}}),
                                   Pair("mail", AttributeRule{AttributeRule::Kind::kLongest, {}})));
  EXPECT_EQ(people.members[0].changed_format, "%d.%m.%Y");
  EXPECT_TRUE(people.members[0].deletes);
  EXPECT_FALSE(people.members[0].inserts);
  EXPECT_EQ(hub.Find("web", "account").entity, &people);
}

TEST_F(HubKeysTest, BlocksOfSeveralStoragesAreSeveralHubs) {
  const auto hubs =
      Read(absl::StrCat(kHub, absl::StrReplaceAll(kHub, {{"\"Acme\"", "\"Other\""}, {"Cust26759", "B"}})));

  ASSERT_THAT(hubs, IsOk());
  ASSERT_THAT(*hubs, SizeIs(2));
  std::vector<std::string> tenants;
  for (const HubRules& hub : *hubs) tenants.push_back(absl::StrCat(hub.storage, " ", hub.tenants.at("crm")));
  EXPECT_THAT(tenants, UnorderedElementsAre("Acme Cust26759", "Other B"));
}

/// The right file with something else in the place of a part of it.
struct Wrong {
  std::string name, part, instead;
  std::string where;  ///< "7: [[hub.member]] 'table'", what follows the file's name.
  std::string why;
};

class WrongHubTest : public HubKeysTest, public testing::WithParamInterface<Wrong> {};

TEST_P(WrongHubTest, IsNamedWithFileLineAndKey) {
  const Wrong& test = GetParam();
  const std::string text = absl::StrReplaceAll(kHub, {{test.part, test.instead}});
  ASSERT_NE(text, kHub);
  EXPECT_THAT(Read(text),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(absl::StrCat(path(), ":", test.where)), HasSubstr(test.why))));
}

INSTANTIATE_TEST_SUITE_P(
    Hub, WrongHubTest,
    testing::Values(
        Wrong{"NoStorage", "storage = \"Acme\"\n", "\n", "1: [[hub]]", "has no 'storage'"},
        Wrong{"StorageAsAPath", "\"Acme\"", "\"a/b\"", "2: [[hub]] 'storage'", "1 to 64 letters, digits"},
        Wrong{"EmptyStorage", "\"Acme\"", "\"\"", "2: [[hub]] 'storage'", "1 to 64 letters, digits"},
        Wrong{"NoEntity", "entity = \"company\"\n", "\n", "1: [[hub]]", "has no 'entity'"},
        Wrong{"LongEntity", "\"company\"\nmatch", "\"a23456789_123456789_123456789_123456789_1\"\nmatch",
              "3: [[hub]] 'entity'", "1 to 40 letters, digits"},
        Wrong{"NoMatch", "match = [[\"vat\"], [\"name\", \"city\"]]\n", "\n", "1: [[hub]]", "has no 'match'"},
        Wrong{"MatchOfTexts", "[[\"vat\"], [\"name\", \"city\"]]", "[\"vat\"]", "4: [[hub]] 'match'",
              "must be"},
        Wrong{"MatchOfNothing", "[[\"vat\"], [\"name\", \"city\"]]", "[]", "4: [[hub]] 'match'",
              "a list of lists of attributes"},
        Wrong{"MatchOfAnEmptyRule", "[[\"vat\"], [\"name\", \"city\"]]", "[[\"vat\"], []]",
              "4: [[hub]] 'match'", "at least one"},
        Wrong{"MatchThatOneMemberHas", ", name = \"NAME1\"", "", "4: [[hub]] 'match'",
              "a rule with 'name', but no two members have its attributes"},
        Wrong{"NormaliseWithATypingError", "\"alnum\"", "\"alnumm\"", "5: [[hub]] 'normalise' 'vat'",
              "did you mean 'alnum'?"},
        Wrong{"NormaliseOfNobody", "name = \"fold\" }", "fax = \"fold\" }", "5: [[hub]] 'normalise'",
              "has 'fax', which no member has"},
        Wrong{"KeyWithATypingError", "normalise =", "normalize =", "5: [[hub]] 'normalize'",
              "did you mean 'normalise'?"},
        Wrong{"CompleteOfNobody", "entity =", "complete = [\"web\"]\nentity =", "3: [[hub]] 'complete'",
              "has 'web', which is not one of its data sources"},
        Wrong{"DeletesWithAnotherWord", "entity =", "deletes = \"all\"\nentity =", "3: [[hub]] 'deletes'",
              "any"},
        Wrong{"MoreThanAllRows", "entity =", "rows_percent = 101\nentity =", "3: [[hub]] 'rows_percent'",
              "from 0 to 100"},
        Wrong{"RuleWithATypingError", "\"newest\"", "\"newst\"", "18: [[hub]] 'attributes' 'city'",
              "did you mean 'newest'?"},
        Wrong{"RuleOfNobody", "city = \"newest\"", "fax = \"newest\"", "18: [[hub]] 'attributes'",
              "has 'fax', which no member has"},
        Wrong{"OrderOfNobody", "[\"erp\", \"crm\"]", "[\"erp\", \"web\"]", "18: [[hub]] 'attributes'",
              "has 'web' for 'name', which is not one of its data sources"},
        Wrong{"NoDataSource", "data_source = \"erp\"\n", "", "14: [[hub.member]]", "has no 'data_source'"},
        Wrong{"DataSourceAsAPath", "\"erp\"\n", "\"e.p\"\n", "15: [[hub.member]] 'data_source'",
              "1 to 64 letters, digits"},
        Wrong{"EmptyTenant", "\"Cust26759\"", "\"\"", "8: [[hub.member]] 'tenant'", "1 to 64 letters"},
        Wrong{"NoTable", "table = \"customer\"\n", "", "14: [[hub.member]]", "has no 'table'"},
        Wrong{"NoColumns", "columns = { vat = \"VAT\", name = \"NAME1\", city = \"CITY\" }\n", "",
              "14: [[hub.member]]", "has no 'columns'"},
        Wrong{"EmptyColumns", "{ vat = \"VAT\", name = \"NAME1\", city = \"CITY\" }", "{}",
              "17: [[hub.member]] 'columns'", "is empty"},
        Wrong{"EmptyColumn", "\"NAME1\"", "\"\"", "17: [[hub.member]] 'columns' 'name'", "must not be empty"},
        Wrong{"AttributeWithoutAName", "name = \"NAME1\"", "\"\" = \"NAME1\"", "17: [[hub.member]] 'columns'",
              "characters are allowed in a name"},
        Wrong{"TheHubsOwnColumn", "name = \"NAME1\"", "golden_id = \"NAME1\"", "17: [[hub.member]] 'columns'",
              "cannot have 'golden_id'"},
        Wrong{"KeyOfNoColumn", "key = [\"vat\"]", "key = [\"id\"]", "11: [[hub.member]] 'key'",
              "names 'id', which is not one of 'columns'"},
        Wrong{"EmptyKey", "key = [\"vat\"]", "key = []", "11: [[hub.member]] 'key'", "at least one"},
        Wrong{"FormatWithoutAColumn", "changed = \"updated_at\"", "changed_format = \"%Y\"",
              "12: [[hub.member]] 'changed_format'", "needs 'changed', which is missing"},
        Wrong{"WriteWithATypingError", "\"update\"", "\"updat\"", "13: [[hub.member]] 'write'",
              "did you mean 'update'?"},
        Wrong{"TableTwice", "data_source = \"erp\"\ntable = \"customer\"",
              "data_source = \"crm\"\ntable = \"company\"", "16: [[hub.member]] 'table'",
              "'company' of 'crm' is there twice"},
        Wrong{"TwoTablesToInsertInto", "data_source = \"erp\"\ntable = \"customer\"\n",
              "data_source = \"crm\"\nwrite = [\"insert\"]\ntable = \"customer\"\n",
              "16: [[hub.member]] 'write'", "has \"insert\", but another table of 'crm' has it, too"},
        Wrong{"AnotherTenant", "data_source = \"erp\"\n", "data_source = \"crm\"\ntenant = \"B\"\n",
              "16: [[hub.member]] 'tenant'", "is 'Cust26759' in another [[hub.member]] of 'crm'"}),
    [](const auto& test) { return test.param.name; });

TEST_F(HubKeysTest, ATenantIsOfOneHub) {
  EXPECT_THAT(Read(absl::StrCat(kHub, absl::StrReplaceAll(kHub, {{"\"Acme\"", "\"Other\""}}))),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("has tenant 'Cust26759', which is a member of hub 'Acme', too")));
}

TEST_F(HubKeysTest, NamesOfTheHubsOwnTablesAreNoEntities) {
  for (const char* const name : {"Alias", "company_member"}) {
    EXPECT_THAT(
        Read(absl::StrReplaceAll(kHub, {{"entity = \"company\"", absl::StrCat("entity = \"", name, "\"")}})),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is a table of the hub's own")))
        << name;
  }
}

TEST_F(HubKeysTest, NamesThatDifferByCaseAreTheSame) {
  EXPECT_THAT(
      Read(absl::StrReplaceAll(kHub, {{"city = \"CITY\"", "city = \"CITY\", City = \"TOWN\""}})),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another attribute differs only in case")));
}

TEST_F(HubKeysTest, AHubWithoutAMemberIsRefused) {
  EXPECT_THAT(Read("[[hub]]\nstorage = \"Acme\"\nentity = \"company\"\nmatch = [[\"vat\"]]\n"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(absl::StrCat(path(), ":1: [[hub]] has no [[hub.member]]"))));
}

TEST_F(HubKeysTest, MembersHaveTwoBrackets) {
  EXPECT_THAT(Read("[[hub]]\nstorage = \"Acme\"\nentity = \"company\"\nmatch = [[\"vat\"]]\n[hub.member]\n"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(absl::StrCat(path(), ":5: 'member' must be written as [[hub.member]]"))));
}

TEST_F(HubKeysTest, AnEntityIsThereOnceInAStorage) {
  EXPECT_THAT(Read(absl::StrCat(kHub, absl::StrReplaceAll(kPeople, {{"\"person\"\nm", "\"company\"\nm"}}))),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(absl::StrCat(path(), ":23: [[hub]] 'entity' 'company' is there twice"))));
}

TEST_F(HubKeysTest, ATableHoldsRecordsOfOneEntity) {
  EXPECT_THAT(
      Read(absl::StrCat(kHub, absl::StrReplaceAll(kPeople, {{"table = \"person\"", "table = \"company\""}}))),
      StatusIs(
          absl::StatusCode::kInvalidArgument,
          HasSubstr(absl::StrCat(path(), ":30: [[hub.member]] 'table' 'company' of 'crm' is there twice"))));
}

TEST_F(HubKeysTest, ADataSourceIsOneTenantInAllEntities) {
  EXPECT_THAT(
      Read(absl::StrCat(kHub, absl::StrReplaceAll(
                                  kPeople, {{"table = \"person\"", "tenant = \"B\"\ntable = \"person\""}}))),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr(absl::StrCat(path(), ":30: [[hub.member]] 'tenant' is 'Cust26759'"))));
}

TEST_F(HubKeysTest, AnEmptyListWritesNothing) {
  const absl::StatusOr<std::vector<HubRules>> hubs =
      Read(absl::StrReplaceAll(kHub, {{"[\"insert\", \"update\"]", "[]"}}));
  ASSERT_THAT(hubs, IsOk());
  const HubMember& member = hubs->at(0).entities[0].members[0];
  EXPECT_FALSE(member.inserts || member.updates || member.deletes);
}

TEST_F(HubKeysTest, AHubIsTakenAgainIfAllOfItsTablesHaveAJournal) {
  const absl::StatusOr<std::vector<HubRules>> hubs = Read(kHub);
  ASSERT_THAT(hubs, IsOk());
  JournalConfig journal;
  EXPECT_FALSE(IsJournaled(*hubs, journal));
  journal.rules = HubJournal(*hubs);
  EXPECT_TRUE(IsJournaled(*hubs, journal));
  EXPECT_TRUE(IsJournaled({}, JournalConfig()));
  std::vector<HubRules> other = *hubs;
  other[0].rows_percent = 7;
  EXPECT_TRUE(IsJournaled(other, journal));
  other[0].entities[0].members[0].table = "another";
  EXPECT_FALSE(IsJournaled(other, journal));
  // The ledger has to have one, too; a rule of [[tenant.table]] is as good as a hub's.
  other = *hubs;
  for (HubMember& member : other[0].entities[0].members) other[0].tenants[member.data_source] = "Cust1";
  journal.rules = {{.context = "Cust1", .table = "*", .journal = true}};
  EXPECT_TRUE(IsJournaled(other, journal));
  journal.rules = {{.context = "Cust1", .table = other[0].entities[0].members[0].table, .journal = true}};
  EXPECT_FALSE(IsJournaled(other, journal));
}

}  // namespace
}  // namespace mirror::hub_keys_test
