#include "server/hub/postgres_hub_book.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>

namespace mirror::golden_text_test {
namespace {

TEST(GoldenTextTest, IsWhatPostgresKeeps) {
  EXPECT_EQ(GoldenText(Null{}), std::nullopt);
  EXPECT_EQ(GoldenText(std::int64_t{-3}), "-3");
  EXPECT_EQ(GoldenText(2.5), "2.5");
  EXPECT_EQ(GoldenText(std::string("Zürich")), "Zürich");
  EXPECT_EQ(GoldenText(Bytes{std::string("\0\xab", 2)}), "\\x00ab");
  EXPECT_EQ(GoldenText(std::string("a\0b", 3)),
            "a\xEF\xBF\xBD"
            "b");
}

}  // namespace
}  // namespace mirror::golden_text_test
