// What people read of a history: no value and no time is cut, however narrow their terminal is.

#include "tools/mirrorctl/admin/history_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace mirror::history_output_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::size_t kNarrow = 60;
constexpr char kEllipsis[] = "\xE2\x80\xA6";

/// Without the line ends and the blanks in front of lines that go on.
std::string Joined(const std::string& text) {
  std::string joined;
  std::copy_if(text.begin(), text.end(), std::back_inserter(joined),
               [](char c) { return c != '\n' && c != ' '; });
  return joined;
}

v1::Change Written(std::int64_t moment) {
  v1::Change change;
  change.set_operation("UPDATE");
  change.set_committed(true);
  change.set_moment(moment);
  change.set_lsn(123'456);
  change.set_done_ms(1'774'958'400'123);
  change.set_origin("cycle");
  return change;
}

TEST(HistoryOutputTest, VersionsHaveTheirTimesAndValuesWhole) {
  v1::ReadRowHistoryResponse row;
  auto* const version = row.add_versions();
  version->set_from_moment(4'711);
  version->set_to_moment(4'712);
  *version->mutable_made_by() = Written(4'711);
  *version->mutable_ended_by() = Written(4'712);
  const std::string value = absl::StrCat("{\"id\":1,\"name\":\"", std::string(200, 'x'), "\"}");
  version->set_row(value);
  std::ostringstream out;
  PrintVersions(out, row, kNarrow);
  EXPECT_THAT(out.str(), AllOf(HasSubstr("m:4711 2026-03-31T12:00:00.123Z"),
                               HasSubstr("m:4712 2026-03-31T12:00:00.123Z"), Not(HasSubstr(kEllipsis))));
  EXPECT_THAT(Joined(out.str()), HasSubstr(std::string(200, 'x')));
}

TEST(HistoryOutputTest, AnExplanationHasItsTimesAndValuesWhole) {
  v1::ExplainRowResponse row;
  auto* const column = row.add_columns();
  column->set_name("name");
  *column->mutable_writer() = Written(4'711);
  column->set_before(absl::StrCat("\"", std::string(150, 'y'), "\""));
  row.add_columns()->set_name("born");  // Written before the journal began.
  std::ostringstream out;
  PrintExplained(out, row, kNarrow);
  EXPECT_THAT(out.str(), AllOf(HasSubstr("2026-03-31T12:00:00.123Z"), HasSubstr("\nborn    older "),
                               Not(HasSubstr(kEllipsis))));
  EXPECT_THAT(Joined(out.str()), HasSubstr(std::string(150, 'y')));
}

TEST(HistoryOutputTest, ADifferenceSaysWhatChanged) {
  TextTable table = DifferenceTable(kNarrow);
  v1::RowDifference changed;
  changed.set_key("[1]");
  changed.set_before(R"({"id":1,"name":"Ada","age":36,"note":null})");
  changed.set_after(R"({"id":1,"name":"Bob","age":36,"note":"new"})");
  changed.add_columns("name");
  changed.add_columns("note");
  AddDifference(table, changed);
  v1::RowDifference came;
  came.set_key("[2]");
  came.set_after(R"({"id":2})");
  AddDifference(table, came);
  v1::RowDifference gone;
  gone.set_key("[3]");
  gone.set_before(R"({"id":3})");
  AddDifference(table, gone);
  std::ostringstream out;
  table.Print(out);
  EXPECT_THAT(out.str(), AllOf(HasSubstr("\"Ada\" -> \"Bob\""), HasSubstr("null -> \"new\""),
                               HasSubstr("inserted: {\"id\":2}"), HasSubstr("deleted: {\"id\":3}"),
                               Not(HasSubstr("36"))));
}

}  // namespace
}  // namespace mirror::history_output_test
