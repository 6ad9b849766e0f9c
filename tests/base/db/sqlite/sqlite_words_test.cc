#include "base/db/sqlite/sqlite_words.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

namespace mirror::sqlite_words_test {
namespace {

TEST(SqliteWordsTest, StandInQuotesThatTheyDoNotEnd) {
  EXPECT_EQ(SqliteWords("near \"x\": syntax error"), "SQLite says \"near 'x': syntax error\"");
}

TEST(SqliteWordsTest, KnowWhichCodesAreOfAFileThatIsNotToBeHad) {
  EXPECT_TRUE(IsNoAccess(SQLITE_CANTOPEN_ISDIR));
  EXPECT_TRUE(IsNoAccess(SQLITE_READONLY_DIRECTORY));
  EXPECT_TRUE(IsNoAccess(SQLITE_PERM));
  EXPECT_FALSE(IsNoAccess(SQLITE_BUSY));
  EXPECT_FALSE(IsNoAccess(SQLITE_IOERR));
}

}  // namespace
}  // namespace mirror::sqlite_words_test
