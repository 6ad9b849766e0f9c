// Requirements on the effect of a changed definition on existing rows.
#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/conformance.h"

namespace mirror::harness {
namespace {

constexpr char kBackfill[] = "table.proto, Column and Backfill";
constexpr char kAction[] = "mirror_client.proto, TableAction";
using Int = std::int64_t;

/// Returns a table with the columns id, name, small INT32 and big INT64, with column ids and a table id.
TableSchema Before(const std::string& name) {
  TableSchema table = ExamTable(name, {ExamKey("id", Type::kInt64), ExamColumn("name", Type::kText),
                                       ExamColumn("small", Type::kInt32), ExamColumn("big", Type::kInt64)});
  for (std::size_t i = 0; i < table.columns.size(); ++i) table.columns[i].column_id = i + 1;
  table.table_id = 5;
  return table;
}

const SentRows kBefore = {{Int{1}, std::string("Ada"), Int{10}, Int{100}},
                          {Int{2}, std::string("Bob"), Null{}, Int{7}}};

/// Makes a requirement: the endpoint changes the table in place, keeps the position, and the rows are then
/// `after`.
Requirement InPlace(std::string id, std::string sentence, std::function<void(TableSchema&)> change,
                    SentRows after) {
  return {"change." + id, std::move(sentence), kBackfill, [id, change, after](Exam& exam) {
            TableSchema table = Before("change_" + id);
            const v1::Position position = exam.Fill(table, kBefore);
            change(table);
            exam.Begin();
            const v1::TableStatus status = exam.Announce(table);
            Expect(status.action() == v1::TABLE_ACTION_ALTERED,
                   absl::StrCat(v1::TableAction_Name(status.action()), " ", status.reason()));
            Expect(status.position().SerializeAsString() == position.SerializeAsString(),
                   "its position changed");
            ExpectRows(exam.Read(table, position), after);
          }};
}

/// Makes a requirement: the endpoint asks for all rows again.
Requirement Anew(std::string id, std::string sentence, std::function<void(TableSchema&)> change) {
  return {"change." + id, std::move(sentence), kAction, [id, change](Exam& exam) {
            TableSchema table = Before("change_" + id);
            exam.Fill(table, kBefore);
            change(table);
            exam.Begin();
            const v1::TableStatus status = exam.Announce(table);
            Expect(status.action() == v1::TABLE_ACTION_REPOPULATE && status.position().lsn() == -1 &&
                       !status.reason().empty(),
                   absl::StrCat(v1::TableAction_Name(status.action()), " at ", status.position().lsn(), " ",
                                status.reason()));
          }};
}

Column Added(Backfill backfill) {
  Column column = ExamColumn("added", Type::kInt32);
  column.column_id = 9;
  column.backfill = backfill;
  return column;
}

SentRows With(const Sent& value) {
  SentRows rows = kBefore;
  for (SentRow& row : rows) row.push_back(value);
  return rows;
}

}  // namespace

std::vector<Requirement> SchemaChangeRequirements() {
  SentRows without = kBefore;
  for (SentRow& row : without) row.pop_back();
  return {
      InPlace(
          "added-null", "A column added with backfill NONE: old rows hold NULL, the position stays.",
          [](TableSchema& t) { t.columns.push_back(Added(Backfill::kNone)); }, With(Null{})),
      InPlace(
          "added-default", "A column added with backfill DEFAULT: the endpoint fills in the default.",
          [](TableSchema& t) {
            t.columns.push_back(Added(Backfill::kDefault));
            t.columns.back().default_value = Literal(Int{42});
            t.columns.back().nullable = false;
          },
          With(Int{42})),
      Anew("added-unknown", "A column added with backfill UNKNOWN: REPOPULATE.",
           [](TableSchema& t) { t.columns.push_back(Added(Backfill::kUnknown)); }),
      InPlace(
          "dropped", "A column that is no longer listed is dropped; the others stay.",
          [](TableSchema& t) { t.columns.pop_back(); }, without),
      InPlace(
          "renamed", "A column with the same column_id under another name keeps its values.",
          [](TableSchema& t) { t.columns[1].name = "title"; }, kBefore),
      InPlace(
          "widened", "A wider type keeps its values.",
          [](TableSchema& t) { t.columns[2].type = Type::kInt64; }, kBefore),
      InPlace(
          "nullable", "A change of NULL or NOT NULL is made in place.",
          [](TableSchema& t) { t.columns[1].nullable = false; }, kBefore),
      Anew("narrowed", "A narrower type: REPOPULATE.",
           [](TableSchema& t) { t.columns[3].type = Type::kInt32; }),
      Anew("key", "Another key: REPOPULATE.",
           [](TableSchema& t) {
             t.columns[1].key_position = 2;
             t.columns[1].nullable = false;
           }),
      Anew("table-id", "Another table under the same name: REPOPULATE.",
           [](TableSchema& t) { t.table_id = 6; }),
  };
}

}  // namespace mirror::harness
