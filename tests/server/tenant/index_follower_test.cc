#include "server/tenant/mirror/index_follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "base/folded_name.h"
#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/memory/memory_store.h"

namespace mirror::index_follower_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(IndexFollowerTest, WhatAValueIsTooLongForIsToldOnceAndNotTriedAgain) {
  SourceObjects objects;
  objects.indexes = {{"by_name", false, {{"name"}}}};
  OwnIndex own = PlanFollow({{People(), objects, true}}, {}, true).at(0).index;
  own.is_too_long = true;
  const auto mirror = std::make_shared<MemoryMirror>();
  mirror->source_objects["people"] = {"people", objects};
  mirror->agreed["people"] = People();
  mirror->tables["people"] = {};
  mirror->records["people"] = {.table = "people", .position = {Lsn{5}, "five"}};
  mirror->own_indexes[FoldName(own.name)] = own;
  MemoryStore store(mirror, "ctx");
  IndexBook book;
  book.Set({.follow = {{"*", true}}});
  RememberingCatalog catalog;
  Events events(catalog);
  IndexFollower follower("ctx", book, &StillTime, events);
  for (int i = 0; i < 2; ++i) {
    follower.SetDue();
    ASSERT_THAT(follower.Follow(store, 1), IsOk());
  }
  const std::string told = catalog.Messages("indexes.failed");
  EXPECT_THAT(told, AllOf(HasSubstr(own.name), HasSubstr("'people'"), HasSubstr("mirrorctl invalidate")));
  EXPECT_EQ(told.find('\n'), told.size() - 1) << "once";
  EXPECT_THAT(store.records().ReadOwnIndexes(), IsOkAndHolds(testing::ElementsAre(own)));

  mirror->own_indexes.clear();  // As a population does it.
  follower.SetDue();
  ASSERT_THAT(follower.Follow(store, 1), IsOk());
  own.is_too_long = false;
  EXPECT_THAT(store.records().ReadOwnIndexes(), IsOkAndHolds(testing::ElementsAre(own)));
}

}  // namespace
}  // namespace mirror::index_follower_test
