#include "server/store/catalog/hook_cursor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "server/store/catalog/sqlite/sqlite_catalog.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror {
namespace {

TEST(HookCursorTest, ANewHookHearsOfWhatFollowsItAndAnOldOneOfWhatFollowsWhatItWasTold) {
  const ScratchFolder folder;
  std::uint64_t last = 0;
  {
    const auto file = CatalogFile::Open(folder.path());
    ASSERT_THAT(file, IsOk());
    const std::unique_ptr<HookCursor> cursor = MakeHookCursor(*file);
    EXPECT_THAT(cursor->Read("early"), IsOkAndHolds(0U));
    const std::unique_ptr<Catalog> catalog = MakeCatalog(*file);
    for (int i = 0; i < 3; ++i) {
      EventRecord event;
      event.kind = "a.kind";
      const absl::StatusOr<EventRecord> added = catalog->AddEvent(event);
      ASSERT_THAT(added, IsOk());
      last = added->id;
    }
    EXPECT_THAT(cursor->Read("early"), IsOkAndHolds(0U)) << "it was there before them";
    EXPECT_THAT(cursor->Read("late"), IsOkAndHolds(last));
    ASSERT_THAT(cursor->Write("early", last - 1), IsOk());
  }
  const auto file = CatalogFile::Open(folder.path());
  ASSERT_THAT(file, IsOk());
  const std::unique_ptr<HookCursor> cursor = MakeHookCursor(*file);
  EXPECT_THAT(cursor->Read("early"), IsOkAndHolds(last - 1)) << "after a restart, too";
  EXPECT_THAT(cursor->Read("late"), IsOkAndHolds(last));
}

}  // namespace
}  // namespace mirror
