// Requirements: the limits that Authenticate announces apply.
#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/conformance.h"

namespace mirror::harness {
namespace {

constexpr char kLimits[] = "mirror_client.proto, Limits";
using Int = std::int64_t;

/// Throws Unmet if the tenant does not accept rows any more.
void ExpectGoesOn(Exam& exam, const TableSchema& table, const v1::TableStatus& status) {
  exam.Apply(exam.Batch(table, status, v1::OPERATION_INSERT, {{Int{2}, std::string("Bob"), Null{}}}));
}

std::vector<Requirement> BatchLimits() {
  return {
      {"limit.message", "A request over message_bytes_max is RESOURCE_EXHAUSTED, and the next one is served.",
       kLimits,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("limit_message");
         const v1::TableStatus status = exam.Filled(table, {kAda});
         v1::ChangeBatch batch =
             exam.Batch(table, status, v1::OPERATION_INSERT, {{Int{2}, std::string(), Null{}}});
         constexpr std::uint64_t kMostThatGoesOut = 60 << 20;
         if (exam.limits().message_bytes_max() > kMostThatGoesOut)
           throw NotExamined{"the limit is over 60 MB"};
         batch.mutable_columns(1)->set_data(std::string(exam.limits().message_bytes_max() + 1, 'x'));
         ExpectStatus(exam.client().RowData(exam.Request({batch})).status(), kExhausted,
                      "a request over the limit");
         ExpectGoesOn(exam, table, status);
       }},
      {"limit.rows", "A batch of more than batch_rows_max rows is RESOURCE_EXHAUSTED.", kLimits,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("limit_rows");
         const v1::TableStatus status = exam.Filled(table, {kAda});
         v1::ChangeBatch batch = exam.Batch(table, status, v1::OPERATION_DELETE, {{Int{1}}}, {"id"});
         batch.set_row_count(exam.limits().batch_rows_max() + 1);
         ExpectResult(exam.Send(batch), kExhausted, "a batch over the limit");
         ExpectGoesOn(exam, table, status);
       }},
      {"limit.cells", "A batch of more than batch_cells_max values is RESOURCE_EXHAUSTED.", kLimits,
       [](Exam& exam) {
         TableSchema table = ExamTable("limit_cells", {ExamKey("id", Type::kInt64)});
         for (int i = 0; i < 99; ++i) table.columns.push_back(ExamColumn(absl::StrCat("c", i), Type::kInt32));
         SentRow row(100, Sent(Int{1}));
         const v1::TableStatus status = exam.Filled(table, {row});
         v1::ChangeBatch batch = exam.Batch(table, status, v1::OPERATION_INSERT, {row});
         const std::uint64_t rows = exam.limits().batch_cells_max() / 100 + 1;
         if (rows > exam.limits().batch_rows_max()) throw NotExamined{"batch_rows_max is reached first"};
         batch.set_row_count(static_cast<std::uint32_t>(rows));
         ExpectResult(exam.Send(batch), kExhausted, "a batch over the limit");
       }},
  };
}

std::vector<Requirement> AnnouncementLimits() {
  return {
      {"limit.columns", "A table of more than columns_max columns is REFUSED by itself.", kLimits,
       [](Exam& exam) {
         exam.Begin();
         TableSchema wide = ExamTable("limit_columns", {ExamKey("id", Type::kInt64)});
         if (exam.limits().columns_max() > 100'000) throw NotExamined{"the limit is over 100,000 columns"};
         for (std::uint32_t i = 0; i < exam.limits().columns_max(); ++i) {
           wide.columns.push_back(ExamColumn(absl::StrCat("c", i), Type::kBool));
         }
         const std::vector<v1::TableStatus> answer = exam.Announce({wide, ExamPeople("beside")});
         Expect(answer[0].action() == v1::TABLE_ACTION_REFUSED && answer[1].wanted(), answer[0].reason());
       }},
      {"limit.tables", "More than tables_max tables are RESOURCE_EXHAUSTED.", kLimits,
       [](Exam& exam) {
         exam.Begin();
         if (exam.limits().tables_max() > 100'000) throw NotExamined{"the limit is over 100,000 tables"};
         std::vector<TableSchema> tables;
         for (std::uint32_t i = 0; i <= exam.limits().tables_max(); ++i) {
           tables.push_back(ExamTable(absl::StrCat("t", i), {ExamKey("id", Type::kInt64)}));
         }
         ExpectStatus(exam.client().TableSchema(exam.Announcement(tables)).status(), kExhausted,
                      "TableSchema");
       }},
  };
}

std::vector<Requirement> CallLimits() {
  return {
      {"limit.streams",
       "One stream more than streams_per_tenant_max is RESOURCE_EXHAUSTED; the others continue.", kLimits,
       [](Exam& exam) {
         exam.Begin();
         if (exam.limits().streams_per_tenant_max() > 100) throw NotExamined{"the limit is over 100 streams"};
         const v1::RowDataRequest nothing = exam.Request({});
         std::vector<std::unique_ptr<RowStream>> streams;
         for (std::uint32_t i = 0; i <= exam.limits().streams_per_tenant_max(); ++i) {
           absl::StatusOr<std::unique_ptr<RowStream>> stream = exam.client().OpenRowStream();
           ExpectStatus(stream.status(), absl::StatusCode::kOk, "opening a stream");
           (*stream)->Send(nothing).IgnoreError();
           const bool over = i == exam.limits().streams_per_tenant_max();
           ExpectStatus((*stream)->Receive().status(), over ? kExhausted : absl::StatusCode::kOk,
                        absl::StrCat("stream ", i + 1));
           streams.push_back(*std::move(stream));
         }
         ExpectStatus(streams.front()->Send(nothing), absl::StatusCode::kOk,
                      "the first stream's next request");
         ExpectStatus(streams.front()->Receive().status(), absl::StatusCode::kOk,
                      "the first stream's next answer");
       }},
      {"limit.ranges", "More than digest_ranges_max ranges are RESOURCE_EXHAUSTED.", kLimits,
       [](Exam& exam) {
         const v1::TableStatus status = exam.Filled(ExamPeople("limit_ranges"), {kAda});
         if (exam.limits().digest_ranges_max() > 1'000'000)
           throw NotExamined{"the limit is over a million ranges"};
         v1::DigestRangesRequest request;
         request.set_cycle(exam.cycle());
         request.set_table("limit_ranges");
         *request.mutable_position() = status.position();
         for (std::uint32_t i = 0; i <= exam.limits().digest_ranges_max(); ++i) request.add_ranges();
         ExpectStatus(exam.client().DigestRanges(request).status(), kExhausted, "DigestRanges");
       }},
  };
}

}  // namespace

std::vector<Requirement> LimitRequirements() {
  return Together({BatchLimits, AnnouncementLimits, CallLimits});
}

}  // namespace mirror::harness
