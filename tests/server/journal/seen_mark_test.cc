#include "server/journal/seen_mark.h"

#include <gtest/gtest.h>

#include <string>

namespace mirror::seen_mark_test {
namespace {

SeenMark Mark() {
  return {.position = {Lsn{7}, std::string("li\0ne", 5)}, .cycle = 3, .seq = 12, .schema_hash = "hash"};
}

TEST(SeenMarkTest, EachWriteMovesIt) {
  const std::string text = ToText(Mark());
  EXPECT_TRUE(SawLastWrite(text, Mark()));
  SeenMark next = Mark();
  next.position.lsn = Lsn{8};
  EXPECT_FALSE(SawLastWrite(text, next));
  next = Mark();
  next.position.lineage = "other";
  EXPECT_FALSE(SawLastWrite(text, next));
  next = Mark();
  ++next.cycle;
  EXPECT_FALSE(SawLastWrite(text, next));
  next = Mark();
  ++next.seq;
  EXPECT_FALSE(SawLastWrite(text, next));
  next = Mark();
  next.schema_hash = "other";
  EXPECT_FALSE(SawLastWrite(text, next));
}

TEST(SeenMarkTest, APositionThatAnOperatorTookAwayIsNoWrite) {
  const std::string text = ToText(Mark());
  SeenMark invalid = Mark();
  invalid.position = {};
  EXPECT_TRUE(SawLastWrite(text, invalid));
  invalid.seq = 1;  // The mark's number begins with it.
  EXPECT_FALSE(SawLastWrite(text, invalid));
  EXPECT_FALSE(SawLastWrite(ToText(invalid), Mark()));
}

TEST(SeenMarkTest, TextsThatNobodyWroteAreNoMarks) {
  for (const char* const text : {"", " ", "ended", "3 12", "3 12 68617368 7"}) {
    EXPECT_FALSE(SawLastWrite(text, Mark())) << text;
  }
  EXPECT_FALSE(SawLastWrite(kSeenEnded, SeenMark{}));
}

}  // namespace
}  // namespace mirror::seen_mark_test
