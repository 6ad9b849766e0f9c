#include "server/http/http_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace mirror::counts_json_test {
namespace {

TEST(CountsJsonTest, AnAnswerThatIsRememberedSaysWhenItsRowsWereErased) {
  // An id that looks like the member itself.
  const std::string odd = R"(","erasedAt":null)";
  JsonWriter json;
  json.Begin('{');
  WriteCounts(1, {{odd, "there is no business partner of this external id", 0}}, std::nullopt, &json);
  const std::string answer = json.End('}').Take();
  const nlohmann::json erased = nlohmann::json::parse(WithErasedAt(answer, 1'000));
  EXPECT_EQ(erased["erasedAt"], "1970-01-01T00:00:01.000Z");
  EXPECT_EQ(erased["failures"][0]["externalId"], odd);
  EXPECT_EQ(erased["numberOfDeletes"], 1);
  EXPECT_EQ(WithErasedAt("{}", 1'000), "{}");
}

}  // namespace
}  // namespace mirror::counts_json_test
