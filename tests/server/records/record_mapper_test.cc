#include "server/records/record_mapper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace mirror::record_mapper_test {
namespace {

using testing::HasSubstr;
using MapperColumns = std::vector<RecordMapper::Column>;

/// The column that an attribute becomes; empty: none.
std::string ColumnOf(const RecordMapper& mapper, const std::string& attribute) {
  const auto place = mapper.Find(attribute);
  return place ? mapper.table().columns[mapper.ColumnOf(*place)].name : "";
}

TEST(RecordMapperTest, TheDefaultKnowsTheNamesOfTheDocument) {
  const RecordMapper mapper = RecordMapper::Default();
  EXPECT_EQ(mapper.id(), kDefaultMapper);
  EXPECT_TRUE(mapper.keeps_unmapped());
  for (const auto& [attribute, column] :
       std::vector<std::pair<std::string, std::string>>{{"BP_EXTERNAL_ID", "externalId"},
                                                        {"EXTERNAL ID", "externalId"},
                                                        {"CUSTOMER NUMBER", "externalId"},
                                                        {"vendor_number", "externalId"},
                                                        {"COMPANY_NAME", "name"},
                                                        {"name", "name"},
                                                        {"COUNTRY_CODE", "country"},
                                                        {"CITY", "city"},
                                                        {"Postal Code", "postalCode"},
                                                        {"c_i_t y", "city"},
                                                        {"TAX NUMBER 4 TYPE", "taxNumber4Type"},
                                                        {"TAX NUMBER 5", ""},
                                                        {"CITY.", ""},
                                                        {"", ""}}) {
    EXPECT_EQ(ColumnOf(mapper, attribute), column) << attribute;
  }
  EXPECT_EQ(mapper.table().columns[0].name, kExternalIdColumn);
  EXPECT_EQ(mapper.table().columns[kOwnPartnerColumns - 1].name, kRecordColumn);
  EXPECT_TRUE(mapper.IsExternalId(*mapper.Find("customernumber")));
  EXPECT_FALSE(mapper.IsExternalId(*mapper.Find("city")));
}

TEST(RecordMapperTest, OfAHeaderTheFirstOfTheMapperIsTheExternalId) {
  const RecordMapper mapper = RecordMapper::Default();
  EXPECT_EQ(mapper.FindExternalId({"vendor number", "CITY", "Customer Number"}), 2U);
  EXPECT_EQ(mapper.FindExternalId({"vendor number", "CITY"}), 0U);
  EXPECT_EQ(mapper.FindExternalId({"CITY", "number"}), std::nullopt);
  EXPECT_EQ(mapper.FindExternalId({}), std::nullopt);
}

TEST(RecordMapperTest, WhatCannotBeOneIsRefused) {
  struct Case {
    MapperColumns columns;
    std::string why;
  };
  MapperColumns many = {{"ID", "externalId"}};
  for (std::size_t i = 0; i < kMapperColumnsMax; ++i) many.push_back({"a" + std::to_string(i), "b"});
  for (const auto& [columns, why] : std::vector<Case>{
           {{}, "none of its columns is 'externalId'"},
           {{{"A", "a"}}, "none of its columns is 'externalId'"},
           {{{"ID", "externalid"}}, ""},
           {{{"ID", "externalId"}, {"i_d", "a"}}, "two of its columns"},
           {{{"ID", "externalId"}, {"A", "record"}}, "the mirror's own"},
           {{{"ID", "externalId"}, {"A", "RECORD"}}, "the mirror's own"},
           {{{"ID", "externalId"}, {"A", "1a"}}, "cannot be a column"},
           {{{"ID", "externalId"}, {"A", "a\"b"}}, "cannot be a column"},
           {{{"ID", "externalId"}, {"A", std::string(64, 'a')}}, "cannot be a column"},
           {{{"ID", "externalId"}, {"A", "city"}, {"B", "City"}}, "the same column"},
           {{{"ID", "externalId"}, {"", "a"}}, ""},
           {many, "201 columns"},
       }) {
    EXPECT_THAT(RecordMapper::Make("m", columns, true),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  }
}

TEST(RecordMapperTest, SeveralAttributesCanBecomeOneColumn) {
  const auto mapper =
      RecordMapper::Make("m", {{"ID", "externalId"}, {"ORT", "city"}, {"TOWN", "city"}}, false);
  ASSERT_THAT(mapper, IsOk());
  EXPECT_EQ(mapper->table().columns.size(), kOwnPartnerColumns + 1);
  EXPECT_EQ(ColumnOf(*mapper, "town"), "city");
  EXPECT_NE(mapper->Find("town"), mapper->Find("ort"));
}

TEST(RecordMapperTest, AsJsonItGoesThereAndBack) {
  const auto mapper = RecordMapper::Make("m1", {{"KD\"NR", "externalId"}, {"ORT", "city"}}, false);
  ASSERT_THAT(mapper, IsOk());
  const std::string json = MapperJson(*mapper);
  const auto again = MapperOf(json);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->id(), "m1");
  EXPECT_EQ(again->columns(), mapper->columns());
  EXPECT_FALSE(again->keeps_unmapped());
  EXPECT_EQ(MapperJson(*again), json);
  for (const char* const wrong :
       {"", "[]", "{}", R"({"id":1,"columns":[]})", R"({"id":"m","columns":{}})",
        R"({"id":"m","columns":[1]})", R"({"id":"m","columns":[{"from":"a"}]})",
        R"({"id":"m","columns":[{"from":"a","to":"externalId"}],"unmapped":"lose"})"}) {
    EXPECT_THAT(MapperOf(std::string_view(wrong)), StatusIs(absl::StatusCode::kInvalidArgument)) << wrong;
  }
}

}  // namespace
}  // namespace mirror::record_mapper_test
