#include "client/state/work_note.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/client/source/source_database.h"

namespace mirror::work_note_test {
namespace {

WorkNote::Clock::time_point g_now;
WorkNote::Clock::time_point Now() { return g_now; }

class WorkNoteTest : public testing::Test {
 protected:
  bool IsThere() const { return std::filesystem::exists(path()); }
  std::string path() const { return folder_ / "Cust.work.json"; }
  std::optional<WorkNote::Content> Load() const { return WorkNote::Load(folder_ / ".", "Cust"); }
  TempFolder folder_;
};

TEST_F(WorkNoteTest, IsThereAsLongAsALongRunLasts) {
  {
    WorkNote note(folder_ / ".", "Cust", 1'000, &Now);
    note.Show({"sending", "orders", 10, 100});
    EXPECT_FALSE(IsThere()) << "most runs are short";
    g_now += WorkNote::kInterval;
    note.Show({"comparing", "orders\n", 20, 100});
    ASSERT_TRUE(Load());
    EXPECT_EQ(Load()->begun_ms, 1'000);
    EXPECT_EQ(Load()->doing, "comparing");
    EXPECT_EQ(Load()->table, "orders\n");
    EXPECT_EQ(Load()->rows, 20U);
    EXPECT_EQ(Load()->expected, 100U);
    note.Show({"comparing", "orders", 30, 100});
    EXPECT_EQ(Load()->rows, 20U) << "too soon";
    g_now += WorkNote::kInterval;
    note.Show({"comparing", "orders", 40, 100});
    EXPECT_EQ(Load()->rows, 40U);
  }
  EXPECT_FALSE(IsThere());
}

TEST_F(WorkNoteTest, WhatAKilledRunLeftGoesWithTheNextAndDamageIsNone) {
  std::ofstream(path()) << R"({"begun_ms": 1, "doing": "sending", "table": "a", "rows": 1, "expected": 2})";
  ASSERT_TRUE(Load());
  for (const char* text : {"", "{", "[]", R"({"begun_ms": "x"})", R"({"begun_ms": 1, "doing": "sending"})"}) {
    std::ofstream(path()) << text;
    EXPECT_FALSE(Load()) << text;
  }
  const WorkNote note(folder_ / ".", "Cust", 1'000, &Now);
  EXPECT_FALSE(IsThere());
}

TEST_F(WorkNoteTest, AFolderThatCannotBeWrittenDisturbsNoRun) {
  WorkNote note(folder_ / "nowhere", "Cust", 1'000, &Now);
  g_now += WorkNote::kInterval;
  note.Show({"sending", "orders", 10, 100});
  EXPECT_FALSE(WorkNote::Load(folder_ / "nowhere", "Cust"));
}

}  // namespace
}  // namespace mirror::work_note_test
