// Requirements on ChangeBatch: the rules for rows, and their effect.

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/conformance.h"

namespace mirror::harness {
namespace {

constexpr char kData[] = "change_batch.proto, ColumnData";
constexpr char kResult[] = "change_batch.proto, BatchResult";

using Int = std::int64_t;
const SentRow kBob = {Int{2}, std::string("Bob"), Null{}}, kCid = {Int{3}, std::string("Cid"), Int{44}};

/// Makes a requirement: a batch of two new rows with one mistake must be refused as a whole.
Requirement Wrong(std::string id, std::string sentence, absl::StatusCode wanted,
                  std::function<void(v1::ChangeBatch&)> change, const char* section = kData) {
  return {std::move(id), std::move(sentence), section, [wanted, change](Exam& exam) {
            const TableSchema table = ExamPeople("wrong");
            const v1::TableStatus status = exam.Filled(table, {kAda});
            v1::ChangeBatch batch = exam.Batch(table, status, v1::OPERATION_INSERT, {kBob, kCid});
            change(batch);
            const v1::BatchResult result = exam.Send(batch);
            ExpectResult(result, wanted, "the batch");
            Expect(result.applied_seq() == 0 && !result.message().empty(),
                   "its result says that it was applied, or has no message");
            ExpectRows(exam.Read(table, status.position()), {kAda});
          }};
}

std::vector<Requirement> WrongData() {
  return {
      Wrong("batch.array-short", "An array with fewer entries than rows is INVALID_ARGUMENT.", kInvalid,
            [](auto& b) { b.mutable_columns(0)->mutable_ints()->RemoveLast(); }),
      Wrong("batch.array-long", "An array with more entries than rows is INVALID_ARGUMENT.", kInvalid,
            [](auto& b) { b.mutable_columns(0)->add_ints(9); }),
      Wrong("batch.lengths", "Lengths that do not add up to the data are INVALID_ARGUMENT.", kInvalid,
            [](auto& b) { b.mutable_columns(1)->set_lengths(0, 4'000'000'000U); }),
      Wrong("batch.nulls", "A bitmap of NULLs of another length is INVALID_ARGUMENT.", kInvalid,
            [](auto& b) { b.mutable_columns(2)->set_nulls(std::string(5, '\1')); }),
      Wrong("batch.utf8", "A text that is not UTF-8 is INVALID_ARGUMENT.", kInvalid,
            [](auto& b) {
              b.mutable_columns(1)->set_data(
                  "B\xff"
                  "bCid");
            }),
      Wrong("batch.nul", "NUL in a text is INVALID_ARGUMENT.", kInvalid,
            [](auto& b) { b.mutable_columns(1)->set_data(std::string("B\0bCid", 6)); }),
      Wrong("batch.range", "A number beyond its type is INVALID_ARGUMENT.", kInvalid,
            [](auto& b) { b.mutable_columns(2)->set_ints(1, 3'000'000'000); }),
      Wrong("batch.key-twice", "A key twice in one batch is INVALID_ARGUMENT.", kInvalid,
            [](auto& b) { b.mutable_columns(0)->set_ints(1, 2); }),
      Wrong("batch.key-null", "NULL in the key is INVALID_ARGUMENT.", kInvalid,
            [](auto& b) { b.mutable_columns(0)->set_nulls("\1"); }),
      Wrong("batch.column-unknown", "A column index that the table does not have is INVALID_ARGUMENT.",
            kInvalid, [](auto& b) { b.mutable_columns(2)->set_column(9); }),
      Wrong("batch.column-twice", "A column twice is INVALID_ARGUMENT.", kInvalid,
            [](auto& b) { *b.mutable_columns(2) = b.columns(1); }),
  };
}

std::vector<Requirement> WrongBatches() {
  return {
      Wrong(
          "batch.operation", "Rows without an operation are INVALID_ARGUMENT.", kInvalid,
          [](auto& b) { b.clear_operation(); }, kBatch),
      Wrong(
          "batch.seq-zero", "A batch with seq 0 is INVALID_ARGUMENT.", kInvalid,
          [](auto& b) { b.set_seq(0); }, kBatch),
      Wrong(
          "batch.target", "A first batch without a target is INVALID_ARGUMENT.", kInvalid,
          [](auto& b) { b.clear_target(); }, kBatch),
      Wrong(
          "batch.lineage", "A lineage of more than 64 bytes is INVALID_ARGUMENT.", kInvalid,
          [](auto& b) { b.mutable_target()->set_lineage(std::string(65, 'x')); }, kBatch),
      Wrong(
          "batch.hash", "A batch under another schema hash is FAILED_PRECONDITION.", kPrecondition,
          [](auto& b) { b.set_schema_hash("another"); }, kBatch),
      Wrong(
          "batch.table", "A batch of a table that was not announced is FAILED_PRECONDITION.", kPrecondition,
          [](auto& b) { b.set_table("strangers"); }, kBatch),
  };
}

std::vector<Requirement> Refusals() {
  return {
      {"batch.message", "The message of a refused value names table, column and row.", kResult,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("named");
         v1::ChangeBatch batch =
             exam.Batch(table, exam.Filled(table, {kAda}), v1::OPERATION_INSERT, {kBob, kCid});
         batch.mutable_columns(2)->set_ints(1, 3'000'000'000);
         const std::string message = exam.Send(batch).message();
         for (const char* word : {"named", "age", "1"}) {
           Expect(absl::StrContains(message, word), absl::StrCat("no '", word, "' in: ", message));
         }
       }},
      {"batch.alone", "A refused batch does not stop the others of its request.", kResult,
       [](Exam& exam) {
         const TableSchema a = ExamPeople("alone_a"), b = ExamPeople("alone_b"), c = ExamPeople("alone_c");
         exam.Begin();
         const std::vector<v1::TableStatus> status = exam.Announce({a, b, c});
         v1::RowDataRequest request =
             exam.Request({exam.Population(a, status[0], {kAda}), exam.Population(b, status[1], {kAda}),
                           exam.Population(c, status[2], {kAda})});
         request.mutable_batches(1)->mutable_columns(1)->set_data("\xff\xff\xff");
         const absl::StatusOr<v1::RowDataResponse> answer = exam.client().RowData(request);
         ExpectStatus(answer.status(), absl::StatusCode::kOk, "the call");
         Expect(answer->results_size() == 3, "not one result for each batch");
         ExpectResult(answer->results(0), absl::StatusCode::kOk, "the first batch");
         ExpectResult(answer->results(1), kInvalid, "the broken batch");
         ExpectResult(answer->results(2), absl::StatusCode::kOk, "the last batch");
         exam.Begin();
         const std::vector<v1::TableStatus> next = exam.Announce({a, b, c});
         for (const int i : {0, 2}) {
           const auto at = static_cast<std::size_t>(i);
           Expect(next[at].position().lsn() == request.batches(i).target().lsn(),
                  next[at].ShortDebugString());
         }
         Expect(next[1].position().lsn() == -1, next[1].ShortDebugString());
       }},
  };
}

std::vector<Requirement> Operations() {
  return {
      {"rows.insert", "An INSERT of an existing key replaces the row.", kBatch,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("upsert");
         const SentRow eva = {Int{1}, std::string("Eva"), Null{}};
         v1::ChangeBatch batch =
             exam.Batch(table, exam.Filled(table, {kAda, kBob}), v1::OPERATION_INSERT, {eva, kCid});
         AddCommit(&batch);
         exam.Apply(batch);
         ExpectRows(exam.Read(table, batch.target()), {eva, kBob, kCid});
       }},
      {"rows.update", "An UPDATE changes only the columns that it has.", kBatch,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("partial");
         v1::ChangeBatch batch = exam.Batch(table, exam.Filled(table, {kAda, kBob}), v1::OPERATION_UPDATE,
                                            {{Int{1}, Int{37}}, {Int{2}, Int{40}}}, {"id", "age"});
         AddCommit(&batch);
         exam.Apply(batch);
         ExpectRows(exam.Read(table, batch.target()),
                    {{Int{1}, std::string("Ada"), Int{37}}, {Int{2}, std::string("Bob"), Int{40}}});
       }},
      {"rows.delete", "A DELETE removes rows; a missing row is not an error.", kBatch,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("removed");
         v1::ChangeBatch batch = exam.Batch(table, exam.Filled(table, {kAda, kBob}), v1::OPERATION_DELETE,
                                            {{Int{1}}, {Int{77}}}, {"id"});
         AddCommit(&batch);
         exam.Apply(batch);
         ExpectRows(exam.Read(table, batch.target()), {kBob});
       }},
  };
}

std::vector<Requirement> MissingRows() {
  return {
      {"rows.missing", "An UPDATE with missing keys is refused as a whole, and its result names their rows.",
       "change_batch.proto, MissingKeys",
       [](Exam& exam) {
         const TableSchema table = ExamPeople("missing");
         const v1::TableStatus status = exam.Filled(table, {kAda, kBob});
         const v1::BatchResult result = exam.Send(exam.Batch(
             table, status, v1::OPERATION_UPDATE,
             {{Int{1}, Int{1}}, {Int{8}, Int{1}}, {Int{2}, Int{1}}, {Int{9}, Int{1}}}, {"id", "age"}));
         ExpectResult(result, kPrecondition, "the batch");
         Expect(result.missing().rows_size() == 2 && result.missing().rows(0) == 1 &&
                    result.missing().rows(1) == 3 && !result.missing().more(),
                absl::StrCat("missing: ", result.missing().ShortDebugString()));
         ExpectRows(exam.Read(table, status.position()), {kAda, kBob});
       }},
      {"rows.missing-mended",
       "The same seq is then accepted without those rows, and an INSERT of them after it.",
       "change_batch.proto, MissingKeys",
       [](Exam& exam) {
         const TableSchema table = ExamPeople("mended");
         const v1::TableStatus status = exam.Filled(table, {kAda});
         v1::ChangeBatch batch = exam.Batch(table, status, v1::OPERATION_UPDATE,
                                            {{Int{1}, Int{37}}, {Int{3}, Int{44}}}, {"id", "age"});
         ExpectResult(exam.Send(batch), kPrecondition, "the batch");
         batch = exam.Batch(table, status, v1::OPERATION_UPDATE, {{Int{1}, Int{37}}}, {"id", "age"});
         exam.Apply(batch);
         batch = exam.Batch(table, status, v1::OPERATION_INSERT, {kCid});
         batch.set_seq(2);
         AddCommit(&batch);
         exam.Apply(batch);
         ExpectRows(exam.Read(table, batch.target()), {{Int{1}, std::string("Ada"), Int{37}}, kCid});
       }},
  };
}

std::vector<Requirement> Keys() {
  return {
      {"rows.keyless", "A table without a key accepts INSERTs of equal rows, but no UPDATE or DELETE.",
       kBatch,
       [](Exam& exam) {
         const TableSchema table =
             ExamTable("keyless", {ExamColumn("name", Type::kText), ExamColumn("age", Type::kInt32)});
         const SentRow twice = {std::string("twice"), Int{7}};
         const v1::TableStatus status = exam.Filled(table, {twice, twice});
         ExpectRows(exam.Read(table, status.position()), {twice, twice});
         ExpectResult(exam.Send(exam.Batch(table, status, v1::OPERATION_DELETE, {twice})), kInvalid,
                      "a DELETE");
       }},
      {"rows.two-keys", "A key of several columns finds its row by all of them.", kBatch,
       [](Exam& exam) {
         const TableSchema table = ExamTable(
             "two_keys",
             {ExamColumn("v", Type::kText), ExamKey("b", Type::kText, 2), ExamKey("a", Type::kInt32, 1)});
         const v1::TableStatus status = exam.Filled(table, {{std::string("1x"), std::string("x"), Int{1}},
                                                            {std::string("1y"), std::string("y"), Int{1}},
                                                            {std::string("2x"), std::string("x"), Int{2}}});
         v1::ChangeBatch batch =
             exam.Batch(table, status, v1::OPERATION_DELETE, {{Int{1}, std::string("x")}}, {"a", "b"});
         AddCommit(&batch);
         exam.Apply(batch);
         ExpectRows(exam.Read(table, batch.target()), {{std::string("1y"), std::string("y"), Int{1}},
                                                       {std::string("2x"), std::string("x"), Int{2}}});
       }},
      {"rows.keys-bytewise", "Keys are compared byte by byte: 'a' and 'A' are two rows.", kBatch,
       [](Exam& exam) {
         const TableSchema table = ExamTable("bytewise", {ExamKey("k", Type::kText)});
         const SentRows rows = {{std::string("A")}, {std::string("a")}, {std::string("a ")}};
         const v1::TableStatus status = exam.Filled(table, rows);
         ExpectRows(exam.Read(table, status.position()), rows);
       }},
  };
}

}  // namespace

std::vector<Requirement> BatchRequirements() {
  return Together({Operations, MissingRows, Keys, WrongData, WrongBatches, Refusals});
}

}  // namespace mirror::harness
