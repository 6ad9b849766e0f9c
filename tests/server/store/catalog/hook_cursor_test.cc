#include "server/store/catalog/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/kept_catalog.h"
#include "tests/support/status_matchers.h"

namespace mirror::hook_cursor_test {
namespace {

using HookCursorTest = CatalogOfEachKind;

TEST_P(HookCursorTest, ANewHookHearsOfWhatFollowsItAndAnOldOneOfWhatFollowsWhatItWasTold) {
  std::uint64_t last = 0;
  ASSERT_THAT(kept_->Open(), IsOk());
  EXPECT_THAT(kept_->cursor->Read("early"), IsOkAndHolds(0U));
  for (int i = 0; i < 3; ++i) {
    EventRecord event;
    event.kind = "a.kind";
    const absl::StatusOr<EventRecord> added = kept_->catalog->AddEvent(event);
    ASSERT_THAT(added, IsOk());
    last = added->id;
  }
  EXPECT_THAT(kept_->cursor->Read("early"), IsOkAndHolds(0U)) << "it was there before them";
  EXPECT_THAT(kept_->cursor->Read("late"), IsOkAndHolds(last));
  ASSERT_THAT(kept_->cursor->Write("early", last - 1), IsOk());

  ASSERT_THAT(kept_->Open(), IsOk());
  EXPECT_THAT(kept_->cursor->Read("early"), IsOkAndHolds(last - 1)) << "after a restart, too";
  EXPECT_THAT(kept_->cursor->Read("late"), IsOkAndHolds(last));
}

INSTANTIATE_FOR_EACH_CATALOG(HookCursorTest);

}  // namespace
}  // namespace mirror::hook_cursor_test
