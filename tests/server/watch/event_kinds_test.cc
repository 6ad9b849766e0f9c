#include "server/watch/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace mirror::event_kinds_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(EventKindsTest, APatternMustMeanAKindThatThereIs) {
  for (const char* const pattern : {"", "*", "cycle.failed", "cycle.*", "*scrubbed", "mirror.*scrubbed"}) {
    EXPECT_THAT(CheckKindPattern(pattern), IsOk()) << pattern;
  }
  for (const char* const pattern : {"Nope", "cycle", "Cycle.failed", "nope.*", "cycle.failed ", "."}) {
    EXPECT_THAT(CheckKindPattern(pattern), StatusIs(absl::StatusCode::kInvalidArgument)) << pattern;
  }
}

TEST(EventKindsTest, TheRefusalNamesWhatThereIs) {
  EXPECT_THAT(CheckKindPattern("cycle.fail"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("'cycle.fail'"), HasSubstr("There are cycle.completed, cycle.ended"),
                             Not(HasSubstr("hold")))));
  EXPECT_THAT(CheckKindPattern("Nope"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("audit, backup, columns"), HasSubstr("cycle.* means"))));
}

}  // namespace
}  // namespace mirror::event_kinds_test
