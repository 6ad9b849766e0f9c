// Requirements on cycles: calls of another cycle change nothing.
#include "tools/mirror_harness/conformance.h"

namespace mirror::harness {
namespace {

constexpr char kService[] = "mirror_client.proto, MirrorClientService";
constexpr char kLastRows[] = "change_batch.proto, RowDataRequest.completed";
constexpr char kCompleted[] = "mirror_client.proto, ReplicationCompleted";

const SentRows kOneRow = {kAda};
const SentRow kOtherRow = {std::int64_t{2}, std::string("Bob"), std::int64_t{40}};

/// Throws Unmet if a call with this cycle is not ABORTED.
void ExpectFenced(Exam& exam, const TableSchema& table, const v1::TableStatus& status, std::int64_t cycle) {
  MirrorClient& client = exam.client();
  v1::RowDataRequest rows = exam.Request({exam.Batch(table, status, v1::OPERATION_INSERT, kOneRow)});
  rows.set_cycle(cycle);
  ExpectStatus(client.RowData(rows).status(), kAborted, "RowData");
  v1::TableSchemaRequest schema = exam.Announcement({table});
  schema.set_cycle(cycle);
  ExpectStatus(client.TableSchema(schema).status(), kAborted, "TableSchema");
  v1::WipeRequest wipe;
  wipe.set_cycle(cycle);
  wipe.set_table(table.name);
  *wipe.mutable_target() = exam.NextPosition();
  ExpectStatus(client.Wipe(wipe).status(), kAborted, "Wipe");
  v1::ReplicationCompletedRequest completed;
  completed.set_cycle(cycle);
  ExpectStatus(client.ReplicationCompleted(completed).status(), kAborted, "ReplicationCompleted");
  v1::DigestRangesRequest digest;
  digest.set_cycle(cycle);
  digest.set_table(table.name);
  *digest.mutable_position() = status.position();
  ExpectStatus(client.DigestRanges(digest).status(), kAborted, "DigestRanges");
  v1::ReadRowsRequest read;
  read.set_cycle(cycle);
  read.set_table(table.name);
  read.add_columns(0);
  *read.mutable_position() = status.position();
  ExpectStatus(client.ReadRows(read, [](const auto&) { return absl::OkStatus(); }), kAborted, "ReadRows");
  absl::StatusOr<std::unique_ptr<RowStream>> stream = client.OpenRowStream();
  ExpectStatus(stream.status(), absl::StatusCode::kOk, "opening a stream");
  (*stream)->Send(rows).IgnoreError();
  ExpectStatus((*stream)->Receive().status(), kAborted, "RowDataStream");
}

std::vector<Requirement> LastRows() {
  return {
      {"cycle.ends-with-rows",
       "RowDataRequest.completed ends the cycle with its rows and the answer says so, or leaves it running.",
       kLastRows,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("last");
         const v1::TableStatus status = exam.Filled(table, kOneRow);
         v1::ChangeBatch batch = exam.Batch(table, status, v1::OPERATION_INSERT, kOneRow);
         AddCommit(&batch);
         v1::RowDataRequest rows = exam.Request({batch});
         rows.mutable_completed()->set_cycle(exam.cycle());
         rows.mutable_completed()->add_tables()->set_table(table.name);
         const absl::StatusOr<v1::RowDataResponse> answer = exam.client().RowData(rows);
         ExpectStatus(answer.status(), absl::StatusCode::kOk, "RowData");
         ExpectResult(answer->results(0), absl::StatusCode::kOk, "the last batch");
         if (!answer->has_completed()) return static_cast<void>(exam.Complete());
         Expect(answer->completed().tables_size() == 1, "it has no verdict for the table");
         ExpectStatus(exam.client().RowData(rows).status(), kAborted, "the same rows once more");
       }},
      {"cycle.ends-not", "RowDataRequest.completed with a refused batch leaves the cycle running.", kLastRows,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("not_last");
         const v1::TableStatus status = exam.Filled(table, kOneRow);
         v1::ChangeBatch batch = exam.Batch(table, status, v1::OPERATION_INSERT, kOneRow);
         batch.mutable_columns(0)->clear_ints();
         v1::RowDataRequest rows = exam.Request({batch});
         rows.mutable_completed()->set_cycle(exam.cycle());
         const absl::StatusOr<v1::RowDataResponse> answer = exam.client().RowData(rows);
         ExpectStatus(answer.status(), absl::StatusCode::kOk, "RowData");
         ExpectResult(answer->results(0), absl::StatusCode::kInvalidArgument, "the broken batch");
         Expect(!answer->has_completed(), "the answer says that the cycle is over");
         v1::ChangeBatch good = exam.Batch(table, status, v1::OPERATION_INSERT, {kOtherRow});
         AddCommit(&good);
         exam.Apply(good);  // An ended cycle accepts no rows.
         exam.Complete();
         exam.Begin();
         exam.Announce(table);
         ExpectRows(exam.Read(table, good.target()), {kAda, kOtherRow});
       }},
  };
}

std::vector<Requirement> Ends() {
  return {
      {"cycle.older", "Every call of an older cycle is ABORTED.", kService,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("older");
         const std::int64_t old = exam.Begin().cycle();
         const v1::TableStatus status = exam.Filled(table, kOneRow);
         ExpectFenced(exam, table, status, old);
         ExpectRows(exam.Read(table, status.position()), kOneRow);
       }},
      {"cycle.newer", "Every call of a cycle that did not begin yet is ABORTED.", kService,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("newer");
         const v1::TableStatus status = exam.Filled(table, kOneRow);
         ExpectFenced(exam, table, status, exam.cycle() + 1);
       }},
      {"cycle.next", "The next Authenticate ends a cycle: its stream is ABORTED with its next message.",
       kService,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("next");
         const v1::TableStatus status = exam.Filled(table, kOneRow);
         absl::StatusOr<std::unique_ptr<RowStream>> stream = exam.client().OpenRowStream();
         ExpectStatus(stream.status(), absl::StatusCode::kOk, "RowDataStream");
         const v1::ChangeBatch batch = exam.Batch(table, status, v1::OPERATION_INSERT, kOneRow);
         (*stream)->Send(exam.Request({batch})).IgnoreError();
         ExpectStatus((*stream)->Receive().status(), absl::StatusCode::kOk, "an answer");
         v1::ChangeBatch late = exam.Batch(table, status, v1::OPERATION_INSERT, {kOtherRow});
         *late.mutable_target() = batch.target();
         late.set_seq(2);
         const v1::RowDataRequest request = exam.Request({late});  // A request of the cycle that ends now.
         exam.Begin();
         (*stream)->Send(request).IgnoreError();
         ExpectStatus((*stream)->Receive().status(), kAborted, "the stream of the former cycle");
         v1::ChangeBatch commit = exam.Batch(table, exam.Announce(table), v1::OPERATION_UNSPECIFIED, {});
         AddCommit(&commit);
         exam.Apply(commit);
         ExpectRows(exam.Read(table, commit.target()), kOneRow);  // Without the late row.
       }},
      {"cycle.completed", "ReplicationCompleted ends a cycle: a later call of it is ABORTED.", kCompleted,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("completed");
         const v1::TableStatus status = exam.Filled(table, kOneRow);
         exam.Complete();
         ExpectStatus(exam.client()
                          .RowData(exam.Request({exam.Batch(table, status, v1::OPERATION_INSERT, kOneRow)}))
                          .status(),
                      kAborted, "RowData after ReplicationCompleted");
       }},
      {"cycle.completed-failed", "ReplicationCompleted is accepted even if a table failed.", kCompleted,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("failed");
         const v1::TableStatus status = exam.Filled(table, kOneRow);
         v1::ChangeBatch batch = exam.Batch(table, status, v1::OPERATION_INSERT, kOneRow);
         batch.mutable_columns(0)->clear_ints();
         ExpectResult(exam.Send(batch), absl::StatusCode::kInvalidArgument, "the broken batch");
         exam.Complete();
       }},
  };
}

}  // namespace

std::vector<Requirement> CycleRequirements() { return Together({Ends, LastRows}); }

}  // namespace mirror::harness
