// Names that mean something to SQLite, as names of a source's tables and columns.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/client/source/logged_source.h"
#include "tests/support/sqlite_names.h"

namespace mirror::names_test {
namespace {

using NamesOfSources = LoggedSource;

TEST_F(NamesOfSources, OfEverythingInSqliteServeAsTablesAndColumns) {
  std::string made, changed;
  for (const std::string& name : SqliteNames()) {
    absl::StrAppend(&made, "CREATE TABLE \"", name, "\" (\"", name, "\" TEXT PRIMARY KEY, \"", name,
                    "_\" UNIQUE, v INTEGER); INSERT INTO \"", name, "\" VALUES ('a', 1, 1), ('b', 2, 2);");
    absl::StrAppend(&changed, "UPDATE \"", name, "\" SET v = 3 WHERE \"", name, "\" = 'a'; DELETE FROM \"",
                    name, "\" WHERE v = 2; INSERT INTO \"", name, "\" VALUES ('c', 4, 4);");
  }
  Start(absl::StrCat("BEGIN;", made, "COMMIT;"));
  app_->Run(absl::StrCat("BEGIN;", changed, "COMMIT;"));
  for (const auto& [table, sent] : Cycle()) {
    // What a trigger calls the row hides such a table in it.
    const bool hidden = table == "old" || table == "new";
    EXPECT_EQ(sent.action, hidden ? "populate" : "changes") << table;
  }
  ExpectEqual();
}

}  // namespace
}  // namespace mirror::names_test
