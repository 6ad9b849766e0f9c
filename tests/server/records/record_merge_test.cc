#include "server/records/record_merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/processes.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::record_merge_test {
namespace {

using testing::HasSubstr;

RecordItem ItemOf(const std::string& external_id, const std::string& record) {
  auto attributes = ParseRecord(record);
  EXPECT_THAT(attributes, IsOk()) << record;
  return {.external_id = external_id, .attributes = attributes.value_or(std::vector<RecordAttribute>())};
}

/// `row` becomes what results.
absl::Status MergeRecord(const RecordMapper& mapper, const RecordItem& item, bool keeps_record,
                         PartnerRow* row) {
  MergedPartner merged(mapper, keeps_record, *row);
  const absl::StatusOr<bool> changes = merged.Merge(item);
  *row = merged.Take();
  return changes.status();
}

/// What is in the column of that name.
std::optional<std::string> InColumn(const RecordMapper& mapper, const PartnerRow& row,
                                    std::string_view name) {
  return row.columns.at(*mapper.table().Find(std::string(name)) - kOwnPartnerColumns);
}

TEST(RecordMergeTest, RecordsThatAreNoneSayWhy) {
  struct Case {
    std::string record, why;
  };
  for (const auto& [record, why] : std::vector<Case>{
           {"", kWrongQuotes},
           {"{\"a\":\"b\"c\"}", kWrongQuotes},
           {"{\\\"a\\\":1}", kWrongQuotes},
           {std::string("{}\0x", 4), kWrongQuotes},
           {"[]", "not a JSON object"},
           {"\"x\"", "not a JSON object"},
           {"{\"a\":1,\"a\":2}", "the same name"},
           {"{\"a\":" + std::string(40, '[') + std::string(40, ']') + "}", "deeper"},
           {R"({"a":"\u0000"})", "NUL"},
           {R"({"a\u0000":1})", "NUL"},
           {R"({"a":[{"b":["\u0000"]}]})", "NUL"},
       }) {
    EXPECT_THAT(ParseRecord(record), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why))) << record;
  }
}

TEST(RecordMergeTest, ColumnsGetTextsAndNumbersAsTheyWereWritten) {
  const RecordMapper mapper = RecordMapper::Default();
  PartnerRow row;
  const std::string record = R"({"CITY":"St. \"Gallen\"","POSTAL_CODE":09e1,"STREET":{"a":[1.50]}})";
  EXPECT_THAT(ParseRecord(record), StatusIs(absl::StatusCode::kInvalidArgument));  // 09 is no number.
  const std::string good =
      R"({"CITY":"St. \"Gallen\"","POSTAL_CODE":9.0e1,"STREET":{"a":[1.50]},"NAME":true})";
  ASSERT_THAT(MergeRecord(mapper, ItemOf("1", good), true, &row), IsOk());
  EXPECT_EQ(row.record, good);
  EXPECT_EQ(InColumn(mapper, row, "city"), "St. \"Gallen\"");
  EXPECT_EQ(InColumn(mapper, row, "postalCode"), "9.0e1");
  EXPECT_EQ(InColumn(mapper, row, "street"), R"({"a":[1.50]})");
  EXPECT_EQ(InColumn(mapper, row, "name"), "true");
  EXPECT_EQ(InColumn(mapper, row, "country"), std::nullopt);
}

TEST(RecordMergeTest, WhatIsAbsentStaysAndNullClears) {
  struct Case {
    std::string stored, sent, record;
    std::optional<std::string> city;
  };
  const RecordMapper mapper = RecordMapper::Default();
  for (const auto& [stored, sent, record, city] : std::vector<Case>{
           {R"({"CITY":"A","x":1})", R"({})", R"({"CITY":"A","x":1})", "A"},
           {R"({"CITY":"A","x":1})", R"({"CITY":"B"})", R"({"CITY":"B","x":1})", "B"},
           {R"({"CITY":"A","x":1})", R"({"CITY":null})", R"({"x":1})", std::nullopt},
           {R"({"CITY":"A","x":1})", R"({"x":null,"y":2})", R"({"CITY":"A","y":2})", "A"},
           {R"({"CITY":"A"})", R"({"c_i_t_y":"B"})", R"({"c_i_t_y":"B"})", "B"},
           {R"({"CITY":"A"})", R"({"city":null})", R"({})", std::nullopt},
           {R"({})", R"({"z":null})", R"({})", std::nullopt},
           // Of the top level alone.
           {R"({"o":{"a":1,"b":2}})", R"({"o":{"a":null}})", R"({"o":{"a":null}})", std::nullopt},
           // Names that the mapper does not know are compared as they are.
           {R"({"x":1})", R"({"X":2})", R"({"x":1,"X":2})", std::nullopt},
       }) {
    PartnerRow row;
    row.record = stored;
    ASSERT_THAT(MergeRecord(mapper, ItemOf("1", sent), true, &row), IsOk());
    EXPECT_EQ(row.record, record) << stored << " " << sent;
    EXPECT_EQ(InColumn(mapper, row, "city"), city) << stored << " " << sent;
  }
}

TEST(RecordMergeTest, OfTwoAttributesForOneColumnTheMappersFirstCounts) {
  const RecordMapper mapper = RecordMapper::Default();
  PartnerRow row;
  ASSERT_THAT(MergeRecord(mapper, ItemOf("1", R"({"NAME":"second","COMPANY_NAME":"first"})"), true, &row),
              IsOk());
  EXPECT_EQ(InColumn(mapper, row, "name"), "first");
  ASSERT_THAT(MergeRecord(mapper, ItemOf("1", R"({"COMPANY_NAME":null})"), true, &row), IsOk());
  EXPECT_EQ(InColumn(mapper, row, "name"), "second");
}

TEST(RecordMergeTest, WhatContradictsItselfIsRefusedAndTheRowStays) {
  const RecordMapper mapper = RecordMapper::Default();
  PartnerRow row;
  row.record = R"({"CITY":"A"})";
  const PartnerRow before = row;
  for (const char* const record :
       {R"({"CITY":"B","c ity":"C"})", R"({"CUSTOMER NUMBER":"2"})", R"({"CUSTOMER NUMBER":null})"}) {
    EXPECT_THAT(MergeRecord(mapper, ItemOf("1", record), true, &row),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << record;
    EXPECT_EQ(row, before);
  }
  EXPECT_THAT(MergeRecord(mapper, ItemOf("1", R"({"CUSTOMER NUMBER":"1"})"), true, &row), IsOk());
  row.record = "by hand";
  const PartnerRow by_hand = row;
  EXPECT_THAT(MergeRecord(mapper, ItemOf("1", "{}"), true, &row),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("stored")));
  EXPECT_EQ(row, by_hand);
}

TEST(RecordMergeTest, WithoutItsRecordASourceKeepsColumnsAlone) {
  const RecordMapper mapper = RecordMapper::Default();
  PartnerRow row;
  ASSERT_THAT(MergeRecord(mapper, ItemOf("1", R"({"CITY":"A","NAME":"N","x":1})"), false, &row), IsOk());
  ASSERT_THAT(MergeRecord(mapper, ItemOf("1", R"({"CITY":null})"), false, &row), IsOk());
  EXPECT_EQ(row.record, std::nullopt);
  EXPECT_EQ(InColumn(mapper, row, "city"), std::nullopt);
  EXPECT_EQ(InColumn(mapper, row, "name"), "N");
}

TEST(RecordMergeTest, ExternalIdsAreBoundedAndPlain) {
  std::string longest;
  for (int i = 0; i < 256; ++i) longest += "\xC3\xA4";
  for (const std::string& id : {std::string("0053"), std::string(" "), std::string("a,b/'\""), longest})
    EXPECT_THAT(CheckExternalId(id), IsOk());
  for (const std::string& id :
       {std::string(), longest + "x", std::string("a\n"), std::string("a\0b", 3), std::string("\x7f")})
    EXPECT_THAT(CheckExternalId(id), StatusIs(absl::StatusCode::kInvalidArgument));
}

/// {"a0":0,"a1":0,...}
std::string Wide(std::size_t attributes) {
  std::string record = "{";
  for (std::size_t i = 0; i < attributes; ++i) absl::StrAppend(&record, i == 0 ? "" : ",", "\"a", i, "\":0");
  return record + "}";
}

/// Into a record of an older server, which is wider than one may be, an item goes in a time of their sizes.
TEST(RecordMergeTest, AWideRecordIsMergedInOneGo) {
  const RecordMapper mapper = RecordMapper::Default();
  PartnerRow row{.external_id = "1", .record = Wide(200'000)};
  const PartnerRow before = row;
  const RecordItem item = ItemOf("1", Wide(kRecordAttributesMax));
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) ASSERT_THAT(MergeRecord(mapper, item, true, &row), IsOk());
  EXPECT_EQ(row.record, before.record);
  // One attribute looked for among all of them took four minutes.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

/// Random records against RFC 7396 of the top level, as nlohmann has it.
TEST(RecordMergeTest, RandomRecordsMergeAsThePlainModelSays) {
  std::mt19937_64 random(TestSeed());
  const auto below = [&random](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  const auto mapper = RecordMapper::Make("m", {{"ID", "externalId"}, {"k0", "c0"}, {"k1", "c1"}}, true);
  ASSERT_THAT(mapper, IsOk());
  for (int round = 0; round < 300; ++round) {
    PartnerRow row;
    std::map<std::string, nlohmann::json> model;
    for (int step = 0; step < 8; ++step) {
      nlohmann::json sent = nlohmann::json::object();
      for (int i = below(6); i > 0; --i) {
        const std::vector<nlohmann::json> values = {nullptr,          below(9),     "t",
                                                    {{"n", nullptr}}, {1, nullptr}, true};
        sent[absl::StrCat("k", below(5))] = values[static_cast<std::size_t>(below(6))];
      }
      for (const auto& [name, value] : sent.items()) {
        if (value.is_null()) {
          model.erase(name);
        } else {
          model[name] = value;
        }
      }
      ASSERT_THAT(MergeRecord(*mapper, ItemOf("1", sent.dump()), true, &row), IsOk());
      ASSERT_EQ(nlohmann::json::parse(*row.record), nlohmann::json(model)) << "round " << round;
      for (const int k : {0, 1}) {
        const auto found = model.find(absl::StrCat("k", k));
        std::optional<std::string> wanted;
        if (found != model.end())
          wanted = found->second.is_string() ? found->second.get<std::string>() : found->second.dump();
        ASSERT_EQ(InColumn(*mapper, row, absl::StrCat("c", k)), wanted) << "round " << round;
      }
    }
  }
}

/// Many values under one name: "[1,1,...]".
std::string Ones(std::size_t count) {
  std::string json = "[";
  for (std::size_t i = 0; i < count; ++i) json += i == 0 ? "1" : ",1";
  return json + "]";
}

RecordItem WithOnes(const std::string& name, std::size_t count) {
  return {.external_id = "1",
          .attributes = {{.name = name, .json = Ones(count), .text = Ones(count), .values = count + 1}}};
}

TEST(MergedPartnerTest, ARecordIsTakenApartOnceForAsManyItemsAsThereAre) {
  const RecordMapper mapper = RecordMapper::Default();
  std::string record = Wide(100'000);
  const auto begin = std::chrono::steady_clock::now();
  MergedPartner merged(mapper, true, {.external_id = "1", .record = record});
  for (int i = 0; i < 10'000; ++i) {
    const absl::StatusOr<bool> changes = merged.Merge(ItemOf("1", absl::StrCat("{\"a0\":", 1 + i / 2, "}")));
    ASSERT_THAT(changes, IsOk());
    EXPECT_EQ(*changes, i % 2 == 0) << i;
  }
  EXPECT_EQ(*merged.Take().record, record.replace(0, 7, "{\"a0\":5000"));
  // Each of them would take as long as the first one did: minutes.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

TEST(MergedPartnerTest, ARecordIsBoundedByBytesAndByValues) {
  const RecordMapper mapper = RecordMapper::Default();
  const std::string half(kRecordBytesMax / 2, 'x');
  PartnerRow row{.external_id = "1"};
  ASSERT_THAT(MergeRecord(mapper, ItemOf("1", "{\"a\":\"" + half + "\"}"), true, &row), IsOk());
  const PartnerRow before = row;
  EXPECT_THAT(MergeRecord(mapper, ItemOf("1", "{\"CITY\":\"C\",\"b\":\"" + half + "\"}"), true, &row),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("4194304 bytes, 2000 attributes and 100000 values")));
  EXPECT_EQ(row, before);
  // To the byte: {"a":"…","b":"…"}
  const std::string rest(kRecordBytesMax - row.record->size() - sizeof(",\"b\":\"\"") + 1, 'y');
  EXPECT_THAT(MergeRecord(mapper, ItemOf("1", "{\"b\":\"" + rest + "z\"}"), true, &row),
              StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_THAT(MergeRecord(mapper, ItemOf("1", "{\"b\":\"" + rest + "\"}"), true, &row), IsOk());
  EXPECT_EQ(row.record->size(), kRecordBytesMax);
  // In the place of what is there.
  EXPECT_THAT(MergeRecord(mapper, ItemOf("1", "{\"b\":\"\",\"c\":\"" + half.substr(100) + "\"}"), true, &row),
              IsOk());

  PartnerRow many{.external_id = "1"};
  ASSERT_THAT(MergeRecord(mapper, WithOnes("a", 60'000), true, &many), IsOk());
  EXPECT_THAT(MergeRecord(mapper, WithOnes("b", 40'000), true, &many),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("100005 values")));
  ASSERT_THAT(MergeRecord(mapper, WithOnes("b", 39'995), true, &many), IsOk());
  EXPECT_THAT(ParseRecord(*many.record), IsOk()) << "what is stored can be changed again";
  EXPECT_THAT(MergeRecord(mapper, WithOnes("b", 39'996), true, &many),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(MergeRecord(mapper, ItemOf("1", "{\"b\":null}"), true, &many), IsOk());
}

TEST(MergedPartnerTest, ARecordIsBoundedByAttributes) {
  const RecordMapper mapper = RecordMapper::Default();
  for (const bool keeps_record : {true, false}) {
    PartnerRow row{.external_id = "1"};
    EXPECT_THAT(MergeRecord(mapper, ItemOf("1", Wide(kRecordAttributesMax + 1)), keeps_record, &row),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("has 2001 attributes; at most 2000")));
    EXPECT_EQ(row.record, std::nullopt);
    EXPECT_THAT(MergeRecord(mapper, ItemOf("1", Wide(kRecordAttributesMax)), keeps_record, &row), IsOk());
  }
  PartnerRow row{.external_id = "1", .record = Wide(kRecordAttributesMax)};
  EXPECT_THAT(MergeRecord(mapper, ItemOf("1", R"({"x":1})"), true, &row),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2001 attributes and 4003 values")));
  EXPECT_THAT(MergeRecord(mapper, ItemOf("1", R"({"x":1,"a0":null})"), true, &row), IsOk());
  // Of an older server.
  row.record = Wide(kRecordAttributesMax + 1'000);
  EXPECT_THAT(MergeRecord(mapper, ItemOf("1", R"({"x":1})"), true, &row),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("3001 attributes")));
  EXPECT_THAT(MergeRecord(mapper, ItemOf("1", R"({"a0":1})"), true, &row), IsOk());
  EXPECT_THAT(MergeRecord(mapper, ItemOf("1", R"({"x":1,"a0":null})"), true, &row), IsOk());
  EXPECT_THAT(MergeRecord(mapper, ItemOf("1", R"({"x":null})"), true, &row), IsOk());
}

TEST(MergedPartnerTest, ColumnsAreBoundedWhereNoRecordIsKept) {
  const RecordMapper mapper = RecordMapper::Default();
  const std::string half(kRecordBytesMax / 2, 'x');
  PartnerRow row{.external_id = "1"};
  ASSERT_THAT(MergeRecord(mapper, ItemOf("1", "{\"CITY\":\"" + half + "\"}"), false, &row), IsOk());
  const PartnerRow before = row;
  EXPECT_THAT(
      MergeRecord(mapper, ItemOf("1", "{\"COUNTRY\":\"CH\",\"STREET\":\"" + half + "\"}"), false, &row),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bytes in its columns")));
  EXPECT_EQ(row, before);
}

TEST(MergedPartnerTest, WhatIsNullAndComesAgainStandsBehindTheOthers) {
  const RecordMapper mapper = RecordMapper::Default();
  MergedPartner merged(mapper, true, {.external_id = "1", .record = R"({"a":1,"CITY":"B","c":2})"});
  for (const char* const item :
       {R"({"a":null,"city":null})", R"({"a":3})", R"({"City":"D"})", R"({"c":4})"}) {
    const absl::StatusOr<bool> changes = merged.Merge(ItemOf("1", item));
    ASSERT_THAT(changes, IsOk());
    EXPECT_TRUE(*changes);
  }
  const PartnerRow row = merged.Take();
  EXPECT_EQ(row.record, R"({"c":4,"a":3,"City":"D"})");
  EXPECT_EQ(InColumn(mapper, row, "city"), "D");
}

TEST(MergedPartnerTest, WhatSomebodyChangedByHandIsWrittenAnew) {
  const RecordMapper mapper = RecordMapper::Default();
  PartnerRow row{.external_id = "1"};
  ASSERT_THAT(MergeRecord(mapper, ItemOf("1", R"({"CITY":"B"})"), true, &row), IsOk());
  const PartnerRow written = row;
  row.columns[*mapper.table().Find("city") - kOwnPartnerColumns] = "by hand";
  MergedPartner merged(mapper, true, row);
  EXPECT_THAT(merged.Merge(ItemOf("1", R"({"CITY":"B"})")), IsOkAndHolds(true));
  EXPECT_EQ(merged.Take(), written);
  MergedPartner again(mapper, true, written);
  EXPECT_THAT(again.Merge(ItemOf("1", R"({"CITY":"B"})")), IsOkAndHolds(false));
  MergedPartner broken(mapper, true, {.external_id = "1", .record = "no JSON"});
  EXPECT_THAT(broken.Merge(ItemOf("1", "{}")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a JSON object any more")));
  EXPECT_EQ(broken.Take().record, "no JSON");
}

}  // namespace
}  // namespace mirror::record_merge_test
