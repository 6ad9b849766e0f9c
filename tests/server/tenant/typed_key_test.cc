#include "server/tenant/kept_row.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mirror::typed_key_test {
namespace {

TableSchema TableWithKey(const std::vector<Type>& types) {
  TableSchema table{.name = "t"};
  std::uint32_t position = 0;
  for (const Type type : types) {
    table.columns.push_back({.name = std::string(1, static_cast<char>('a' + position)), .type = type});
    table.columns.back().key_position = ++position;
  }
  return table;
}

KeyPart Text(const std::string& text) { return {.kind = Kind::kText, .bytes = text}; }
KeyPart Integer(std::int64_t number) { return {.kind = Kind::kInteger, .integer = number}; }

TEST(TypedKeyTest, ValuesAreTypedAsInSqlOrAsJson) {
  const TableSchema number = TableWithKey({Type::kInt64});
  EXPECT_EQ(*ParseTypedKey(number, " 17 "), Key{Integer(17)});
  EXPECT_EQ(*ParseTypedKey(number, "[\"17\"]"), Key{Integer(17)});
  const TableSchema both = TableWithKey({Type::kText, Type::kInt32});
  EXPECT_EQ(*ParseTypedKey(both, "'O''Neil, A', -3"), (Key{Text("O'Neil, A"), Integer(-3)}));
  EXPECT_EQ(*ParseTypedKey(both, "[\"Ada\",3]"), (Key{Text("Ada"), Integer(3)}));
  EXPECT_EQ(*ParseTypedKey(TableWithKey({Type::kBytes}), "x'00fF'"),
            (Key{{.kind = Kind::kBlob, .bytes = std::string("\0\xff", 2)}}));
  EXPECT_EQ(*ParseTypedKey(TableWithKey({Type::kAny}), "'17'"), Key{Text("17")});
  EXPECT_EQ(*ParseTypedKey(TableWithKey({Type::kAny}), "17"), Key{Integer(17)});
}

TEST(TypedKeyTest, TheOnlyTextMayStandWithoutQuotes) {
  const TableSchema text = TableWithKey({Type::kText});
  EXPECT_EQ(*ParseTypedKey(text, "Ada, Countess"), Key{Text("Ada, Countess")});
  EXPECT_EQ(*ParseTypedKey(text, "'Ada'"), Key{Text("Ada")});
}

TEST(TypedKeyTest, ARefusalSaysTheColumnsAndNeverWhatWasTyped) {
  const TableSchema both = TableWithKey({Type::kText, Type::kInt32});
  for (const char* const typed :
       {"", "'secret", "'secret'", "'secret', x", "'secret', 3, 4", "[\"secret\"]"}) {
    const absl::StatusOr<Key> key = ParseTypedKey(both, typed);
    ASSERT_EQ(key.status().code(), absl::StatusCode::kInvalidArgument) << typed;
    EXPECT_EQ(std::string(key.status().message()).find("secret"), std::string::npos) << typed;
    EXPECT_NE(std::string(key.status().message()).find("a TEXT, b INT32"), std::string::npos)
        << key.status().message();
  }
}

}  // namespace
}  // namespace mirror::typed_key_test
