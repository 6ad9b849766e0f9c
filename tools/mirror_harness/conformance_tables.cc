// Requirements on TableSchema, the agreement about tables.
#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/conformance.h"

namespace mirror::harness {
namespace {

constexpr char kSchema[] = "mirror_client.proto, TableSchema";
constexpr char kTable[] = "table.proto, Table and Column";

const SentRows kRows = {{std::int64_t{1}, std::string("Ada"), std::int64_t{36}},
                        {std::int64_t{2}, std::string("Bob"), Null{}}};

void ExpectAction(const v1::TableStatus& status, v1::TableAction wanted) {
  Expect(status.action() == wanted,
         absl::StrCat("table '", status.table(), "': expected ", v1::TableAction_Name(wanted), ", got ",
                      v1::TableAction_Name(status.action()), " ", status.reason()));
}

/// Makes a requirement: the table must be refused with a reason, and another table in the same call must be
/// accepted.
Requirement Refused(std::string id, std::string sentence, std::function<void(TableSchema&)> change) {
  return {std::move(id), std::move(sentence), kTable, [change](Exam& exam) {
            TableSchema bad = ExamPeople("bad");
            change(bad);
            exam.Begin();
            const std::vector<v1::TableStatus> answer = exam.Announce({bad, ExamPeople("good")});
            ExpectAction(answer[0], v1::TABLE_ACTION_REFUSED);
            Expect(!answer[0].wanted() && !answer[0].reason().empty(),
                   "the table is wanted, or refused without a reason");
            Expect(answer[1].wanted(), "the valid table beside it is not wanted");
          }};
}

std::vector<Requirement> Announcements() {
  return {
      {"tables.created",
       "A new table is CREATED and wanted, at LSN -1, with a hash and a rule for each column.", kSchema,
       [](Exam& exam) {
         exam.Begin();
         const v1::TableStatus status = exam.Announce(ExamPeople("created"));
         ExpectAction(status, v1::TABLE_ACTION_CREATED);
         Expect(status.wanted() && status.position().lsn() == -1 && !status.schema_hash().empty() &&
                    status.rules_size() == 3 && !status.has_pending(),
                status.ShortDebugString());
       }},
      {"tables.order", "There is an answer for each table, in the order of the request.", kSchema,
       [](Exam& exam) {
         exam.Begin();
         const std::vector<v1::TableStatus> answer =
             exam.Announce({ExamPeople("c"), ExamPeople("a"), ExamPeople("b")});
         Expect(answer[0].table() == "c" && answer[1].table() == "a" && answer[2].table() == "b",
                "another order");
       }},
      {"tables.repeated", "A TableSchema with the same bytes gets the same answer.", kSchema,
       [](Exam& exam) {
         exam.Begin();
         const v1::TableSchemaRequest request = exam.Announcement({ExamPeople("r1"), ExamPeople("r2")});
         const auto first = exam.client().TableSchema(request), second = exam.client().TableSchema(request);
         ExpectStatus(first.status(), absl::StatusCode::kOk, "TableSchema");
         ExpectStatus(second.status(), absl::StatusCode::kOk, "TableSchema again");
         Expect(first->SerializeAsString() == second->SerializeAsString(), "another answer");
       }},
      {"tables.changed-early", "A different TableSchema is accepted as long as no batch was applied.",
       kSchema,
       [](Exam& exam) {
         exam.Begin();
         exam.Announce({ExamPeople("e1")});
         exam.Announce({ExamPeople("e1"), ExamPeople("e2")});
       }},
      {"tables.changed-late", "A different TableSchema is FAILED_PRECONDITION once a batch was applied.",
       kSchema,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("late");
         exam.Begin();
         exam.Apply(exam.Population(table, exam.Announce(table), kRows));
         ExpectStatus(exam.client().TableSchema(exam.Announcement({table, ExamPeople("more")})).status(),
                      absl::StatusCode::kFailedPrecondition, "another announcement");
         exam.Announce(table);
       }},
  };
}

std::vector<Requirement> Definitions() {
  return {
      {"tables.unchanged",
       "A table with the same definition is UNCHANGED, with its position and the same hash.", kSchema,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("unchanged");
         exam.Begin();
         const v1::TableStatus before = exam.Announce(table);
         const v1::ChangeBatch batch = exam.Population(table, before, kRows);
         exam.Apply(batch);
         exam.Complete();
         exam.Begin();
         const v1::TableStatus status = exam.Announce(table);
         ExpectAction(status, v1::TABLE_ACTION_UNCHANGED);
         Expect(status.position().SerializeAsString() == batch.target().SerializeAsString() &&
                    status.schema_hash() == before.schema_hash() && !status.has_pending(),
                status.ShortDebugString());
       }},
      {"tables.hash", "Another definition has another hash.", kSchema,
       [](Exam& exam) {
         exam.Begin();
         const std::string first = exam.Announce(ExamPeople("hashed")).schema_hash();
         TableSchema other = ExamPeople("hashed");
         other.columns[2].type = Type::kInt64;
         Expect(exam.Announce(other).schema_hash() != first, "the same hash");
       }},
      {"tables.gone", "A table that is no longer listed, and then listed again, is created anew.", kSchema,
       [](Exam& exam) {
         exam.Fill(ExamPeople("gone"), kRows);
         exam.Begin();
         exam.Announce(ExamPeople("stays"));
         exam.Complete();
         exam.Begin();
         const v1::TableStatus status = exam.Announce(ExamPeople("gone"));
         ExpectAction(status, v1::TABLE_ACTION_CREATED);
         Expect(status.position().lsn() == -1, "it has its old position");
       }},
      {"tables.malformed-stays", "A table that is malformed in one cycle does not count as dropped.", kSchema,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("kept");
         const v1::Position position = exam.Fill(table, kRows);
         TableSchema bad = table;
         bad.columns[1].type = Type::kUnspecified;
         exam.Begin();
         ExpectAction(exam.Announce(bad), v1::TABLE_ACTION_REFUSED);
         exam.Complete();
         exam.Begin();
         ExpectAction(exam.Announce(table), v1::TABLE_ACTION_UNCHANGED);
         ExpectRows(exam.Read(table, position), kRows);
       }},
  };
}

std::vector<Requirement> Names() {
  return {
      {"tables.source-id", "An announcement without a source_id is INVALID_ARGUMENT.", kSchema,
       [](Exam& exam) {
         exam.Begin();
         v1::TableSchemaRequest request = exam.Announcement({ExamPeople()});
         request.clear_source_id();
         ExpectStatus(exam.client().TableSchema(request).status(), absl::StatusCode::kInvalidArgument,
                      "no source_id");
       }},
      {"tables.names",
       "A name of up to 63 bytes is accepted, whatever it means to SQL or a file system; a longer one of up "
       "to 128 characters is accepted, too, or REFUSED with the reason.",
       kTable,
       [](Exam& exam) {
         for (const std::string& name :
              {std::string("a\";DROP TABLE people;--"), std::string("../x"), std::string("Grüße %s"),
               std::string(63, 'n'), std::string(128, 'n')}) {
           TableSchema table = ExamPeople(name);
           table.columns[1].name = "select \"from\" '";
           if (name.size() > 63 && exam.IsRefused(table)) continue;
           const v1::Position position = exam.Fill(table, kRows);
           exam.Begin();
           exam.Announce(table);
           ExpectRows(exam.Read(table, position), kRows);
         }
       }},
      {"tables.names-case",
       "Names are compared by ASCII case only: a batch may spell a table in another case.", kTable,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("Folded");
         exam.Begin();
         v1::ChangeBatch batch = exam.Population(table, exam.Announce(table), kRows);
         batch.set_table("fOLDED");
         const v1::BatchResult result = exam.Apply(batch);
         Expect(result.lsn() == batch.target().lsn(), "it was not committed");
       }},
  };
}

std::vector<Requirement> TableRefusals() {
  return {
      Refused("tables.malformed", "A malformed table is REFUSED by itself; the others are agreed.",
              [](TableSchema& table) { table.columns[1].type = Type::kUnspecified; }),
      Refused("tables.name-long", "A name of 129 characters is REFUSED, never cut.",
              [](TableSchema& table) { table.name = std::string(129, 'n'); }),
      Refused("tables.name-nul", "A name with NUL in it is REFUSED.",
              [](TableSchema& table) { table.name = std::string("a\0b", 3); }),
      Refused("tables.column-twice",
              "Two columns whose names differ in ASCII case only: the table is REFUSED.",
              [](TableSchema& table) { table.columns[2].name = "NAME"; }),
      Refused("tables.key-gap", "A key whose positions are not 1 to n is REFUSED.",
              [](TableSchema& table) { table.columns[0].key_position = 2; }),
      Refused("tables.no-columns", "A table without a column is REFUSED.",
              [](TableSchema& table) { table.columns.clear(); }),
      {"tables.twice", "Two tables whose names differ in ASCII case only are both REFUSED.", kTable,
       [](Exam& exam) {
         exam.Begin();
         for (const v1::TableStatus& status : exam.Announce({ExamPeople("twin"), ExamPeople("TWIN")})) {
           ExpectAction(status, v1::TABLE_ACTION_REFUSED);
         }
       }},
  };
}

}  // namespace

std::vector<Requirement> TableRequirements() {
  return Together({Announcements, Definitions, Names, TableRefusals});
}

}  // namespace mirror::harness
