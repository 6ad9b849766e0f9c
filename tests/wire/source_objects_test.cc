#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "proto/wire/source_objects_codec.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

// Indexes and foreign keys as they are announced: what cannot be meant is refused before anybody makes SQL of
// it.

namespace mirror::source_objects_test {
namespace {

using testing::HasSubstr;
using testing::Optional;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

SourceObjects Everything() {
  SourceObjects objects;
  objects.indexes = {
      {"by_name", true, {{"name", true, Collation::kNocase}, {"age", false, Collation::kRtrim}}},
      {"a \"quoted\" one; DROP TABLE people", false, {{"age"}}}};
  objects.foreign_keys = {
      {{"age"}, "ages", {"years"}, ForeignKeyAction::kCascade, ForeignKeyAction::kSetNull},
      {{"name", "age"}, "names", {}, ForeignKeyAction::kNoAction, ForeignKeyAction::kRestrict}};
  objects.untold = {{"half", UntoldReason::kPartial}, {"lower", UntoldReason::kExpression}};
  objects.more = 3;
  return objects;
}

v1::SourceObjects Message(const SourceObjects& objects) {
  v1::SourceObjects message;
  EncodeObjects(objects, &message);
  return message;
}

TEST(SourceObjectsTest, AreGivenBackAsTheyWereEncodedAndPacked) {
  EXPECT_THAT(DecodeObjects(Message(Everything()), People()), IsOkAndHolds(Everything()));
  EXPECT_THAT(UnpackObjects(PackObjects(Everything())), Optional(Everything()));
  EXPECT_THAT(UnpackObjects(PackObjects({})), Optional(SourceObjects{}));
  EXPECT_EQ(UnpackObjects("\x0a\xff\xff"), std::nullopt);
}

TEST(SourceObjectsTest, WhatALaterVersionKnowsIsNotTold) {
  v1::SourceObjects message = Message(Everything());
  message.mutable_indexes(1)->mutable_columns(0)->set_collation(static_cast<v1::Collation>(77));
  message.mutable_foreign_keys(0)->set_on_delete(static_cast<v1::ForeignKeyAction>(77));
  const absl::StatusOr<SourceObjects> objects = DecodeObjects(message, People());
  ASSERT_THAT(objects, IsOk());
  EXPECT_EQ(objects->indexes.size(), 1U);
  EXPECT_EQ(objects->untold.back(),
            (UntoldIndex{"a \"quoted\" one; DROP TABLE people", UntoldReason::kCollation}));
  EXPECT_EQ(objects->foreign_keys[0].on_delete, ForeignKeyAction::kUnspecified);
}

TEST(SourceObjectsTest, WhatCannotBeMeantIsRefusedInWords) {
  const struct {
    std::function<void(SourceObjects&)> spoil;
    std::string words;
  } cases[] = {
      {[](SourceObjects& o) { o.indexes[0].columns[0].name = "shoe size"; }, "not one of its columns"},
      {[](SourceObjects& o) { o.indexes[0].columns[0].name = std::string("na\0me", 5); }, "NUL"},
      {[](SourceObjects& o) { o.indexes[0].columns[1].name = "NAME"; }, "twice"},
      {[](SourceObjects& o) { o.indexes[0].columns.clear(); }, "0 columns"},
      {[](SourceObjects& o) { o.indexes[0].name = ""; }, "characters"},
      {[](SourceObjects& o) { o.indexes[0].name = std::string(129, 'x'); }, "129"},
      {[](SourceObjects& o) { o.indexes[0].name = std::string("a\0b", 3); }, "NUL"},
      {[](SourceObjects& o) { o.indexes[0].name = "HALF"; }, "two indexes"},
      {[](SourceObjects& o) { o.untold[0].name = "Lower"; }, "two indexes"},
      {[](SourceObjects& o) { o.untold[0].name = "\xff"; }, "UTF-8"},
      {[](SourceObjects& o) { o.foreign_keys[0].table = ""; }, "characters"},
      {[](SourceObjects& o) { o.foreign_keys[0].columns[0] = "nobody"; }, "not one of its columns"},
      {[](SourceObjects& o) { o.foreign_keys[0].table_columns.emplace_back("b"); }, "points at 2"},
      {[](SourceObjects& o) { o.foreign_keys[0].table_columns[0] = std::string("\0", 1); }, "NUL"},
      {[](SourceObjects& o) { o.indexes.resize(kSourceObjectsMax + 1, o.indexes[0]); }, "64"},
      {[](SourceObjects& o) { o.foreign_keys.resize(kSourceObjectsMax + 1, o.foreign_keys[0]); }, "64"},
      {[](SourceObjects& o) { o.untold.resize(100'000, o.untold[0]); }, "64"},
      {[](SourceObjects& o) { o.indexes[0].columns.resize(kObjectColumnsMax + 1, {"name"}); }, "32"},
  };
  for (const auto& spoiled : cases) {
    SourceObjects objects = Everything();
    spoiled.spoil(objects);
    EXPECT_THAT(CheckObjects(objects, People()), StatusIs(kInvalid, HasSubstr(spoiled.words)));
    EXPECT_THAT(DecodeObjects(Message(objects), People()), StatusIs(kInvalid));
  }
}

TEST(SourceObjectsTest, EntriesAreAllThatTheMessageHolds) {
  // Two indexes of three columns, two foreign keys with three and one names, two untold, and the message.
  EXPECT_EQ(EntriesOf(Everything()), 1U + 2 + 3 + 2 + 4 + 2);
}

}  // namespace
}  // namespace mirror::source_objects_test
