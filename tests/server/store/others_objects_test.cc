// What others made of a mirror, read of the words of both stores.

#include "server/store/others_objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/rows.h"

namespace mirror::others_objects_test {
namespace {

using testing::ElementsAre;

TEST(OthersObjectsTest, EachHangsOnItsTable) {
  MirrorContents contents;
  contents.tables = {{People("people"), People("people")}, {People("it's"), People("it's")}};
  contents.left_out = {"column 'note' of table 'people'",
                       "index 'by_name' of 'people'",
                       "trigger 't' of 'it's'",
                       "index 'mine' of 'notes'",
                       "view 'sales'",
                       "rights of role 'bi'",
                       "table 'notes'",
                       "table 'old' that was set aside as '_mirror_dropped_1'",
                       "versions of rows of table 'people'",
                       "the journal of changes",
                       "what the running cycle brought for table 'people' and did not commit yet"};
  EXPECT_THAT(OthersObjects(contents),
              ElementsAre(OthersObject{"column 'note'", "people"}, OthersObject{"index 'by_name'", "people"},
                          OthersObject{"trigger 't'", "it's"}, OthersObject{"index 'mine' of 'notes'"},
                          OthersObject{"view 'sales'", "", /*is_view=*/true},
                          OthersObject{"rights of role 'bi'"}, OthersObject{"table 'notes'"}));
  EXPECT_THAT(TablesSetAside(contents), ElementsAre("table 'old' that was set aside as '_mirror_dropped_1'"));
}

}  // namespace
}  // namespace mirror::others_objects_test
