// The conditions of partial indexes, as triggers have them.

#include "client/source/sqlite/log/log_sql.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mirror::index_condition_test {
namespace {

std::string Plain(const std::string& condition) {
  return PlainCondition(condition, {"status", "Deleted At", "a\"b", "active_since"});
}

TEST(IndexConditionTest, TextsInDoubleQuotesGetSingleOnes) {
  EXPECT_EQ(Plain("status = \"active\""), "status = 'active'");
  EXPECT_EQ(Plain("\"status\" = \"it's\""), "\"status\" = 'it''s'");
  EXPECT_EQ(Plain("status IN (\"a\",\"b\"\"c\")"), "status IN ('a','b\"c')");
  EXPECT_EQ(Plain("status <> \"\""), "status <> ''");
  EXPECT_EQ(Plain("status LIKE \"x%\" ESCAPE \"/\""), "status LIKE 'x%' ESCAPE '/'");
  EXPECT_EQ(Plain("status = \"open"), "status = 'open'") << "what is not closed ends with the text";
}

TEST(IndexConditionTest, NamesStayNames) {
  for (const char* const condition :
       {"\"STATUS\" IS NULL", "\"deleted at\" IS NULL", "\"a\"\"b\" > 1", "\"t\".\"status\" = 'x'",
        "\"t\" /* of t */ . \"status\" = 'x'", "\"lower\"(status) = 'x'", "status = 'x' COLLATE \"NOCASE\"",
        "CAST(status AS \"TEXT\") = '1'", "\"rowid\" > 5", "[status] = `status`", "status = '\"no\"'",
        "status = 'x' -- \"no\"", "status /* \"no\" */ = 'x'"})
    EXPECT_EQ(Plain(condition), condition);
}

TEST(IndexConditionTest, IsFoundBehindTheColumns) {
  EXPECT_EQ(ConditionOfIndex("CREATE UNIQUE INDEX \"a where (\" ON t(\"w(h\") wHERE v IS NULL"),
            " v IS NULL");
  EXPECT_EQ(ConditionOfIndex("CREATE UNIQUE INDEX i ON t(v)"), "");
}

}  // namespace
}  // namespace mirror::index_condition_test
