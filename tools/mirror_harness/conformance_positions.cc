// Requirements that keep a mirror complete: on seq, base LSN, commit, pending, population, advance and Wipe.
#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/conformance.h"

namespace mirror::harness {
namespace {

constexpr char kPosition[] = "change_batch.proto, Position and Commit";
constexpr char kPopulate[] = "change_batch.proto, ChangeBatch.populate";
constexpr char kStream[] = "mirror_client.proto, RowDataStream";
constexpr char kAdvance[] = "change_batch.proto, Advance";
constexpr char kWipe[] = "mirror_client.proto, Wipe";

using Int = std::int64_t;
SentRow Row(Int id, const std::string& name) { return {id, name, Int{1}}; }

/// Returns one row as batch `seq` of a table at `status`, with the position `target`.
v1::ChangeBatch Piece(Exam& exam, const TableSchema& table, const v1::TableStatus& status,
                      const v1::Position& target, std::uint64_t seq) {
  v1::ChangeBatch batch = exam.Batch(table, status, v1::OPERATION_INSERT,
                                     {Row(static_cast<Int>(seq), absl::StrCat("row ", seq))});
  batch.set_seq(seq);
  *batch.mutable_target() = target;
  return batch;
}

std::vector<Requirement> Order() {
  return {
      {"order.repeated", "A seq that was applied is acknowledged as repeated and not applied again.", kBatch,
       [](Exam& exam) {
         const TableSchema table = ExamTable("repeated", {ExamColumn("v", Type::kInt64)});
         exam.Begin();
         v1::ChangeBatch batch = exam.Population(table, exam.Announce(table), {{Int{7}}});
         batch.clear_commit();
         exam.Apply(batch);
         const v1::BatchResult again = exam.Apply(batch);
         Expect(again.repeated_batch() && again.applied_seq() == 1, again.ShortDebugString());
         v1::ChangeBatch commit = exam.Batch(table, {}, v1::OPERATION_UNSPECIFIED, {});
         commit.set_schema_hash(batch.schema_hash());
         commit.set_base_lsn(-1);
         commit.set_seq(2);
         *commit.mutable_target() = batch.target();
         AddCommit(&commit);
         exam.Apply(commit);
         ExpectRows(exam.Read(table, batch.target()), {{Int{7}}});
       }},
      {"order.stream", "A stream gets one answer for each request, in order, while several are in flight.",
       kStream,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("in_order");
         const v1::TableStatus status = exam.Filled(table, {Row(1, "x")});
         const v1::Position target = exam.NextPosition();
         absl::StatusOr<std::unique_ptr<RowStream>> stream = exam.client().OpenRowStream();
         ExpectStatus(stream.status(), absl::StatusCode::kOk, "RowDataStream");
         for (std::uint64_t seq = 1; seq <= 6; ++seq) {
           ExpectStatus((*stream)->Send(exam.Request({Piece(exam, table, status, target, seq)})),
                        absl::StatusCode::kOk, "a request");
         }
         for (std::uint64_t seq = 1; seq <= 6; ++seq) {
           const absl::StatusOr<v1::RowDataResponse> answer = (*stream)->Receive();
           ExpectStatus(answer.status(), absl::StatusCode::kOk, "an answer");
           Expect(answer->results_size() == 1 && answer->results(0).seq() == seq &&
                      answer->results(0).code() == 0 && answer->results(0).applied_seq() >= seq,
                  absl::StrCat("answer ", seq, ": ", answer->ShortDebugString()));
         }
         ExpectStatus((*stream)->Finish(), absl::StatusCode::kOk, "the end of the stream");
       }},
  };
}

std::vector<Requirement> Gaps() {
  return {
      {"order.gap-stream", "On a stream a gap is ABORTED at once with applied_seq, and the stream continues.",
       kStream,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("gap_stream");
         const v1::TableStatus status = exam.Filled(table, {Row(1, "x")});
         const v1::Position target = exam.NextPosition();
         absl::StatusOr<std::unique_ptr<RowStream>> stream = exam.client().OpenRowStream();
         ExpectStatus(stream.status(), absl::StatusCode::kOk, "RowDataStream");
         const std::uint64_t seqs[] = {1, 3, 2, 3};
         const absl::StatusCode codes[] = {absl::StatusCode::kOk, kAborted, absl::StatusCode::kOk,
                                           absl::StatusCode::kOk};
         for (int i = 0; i < 4; ++i) {
           ExpectStatus((*stream)->Send(exam.Request({Piece(exam, table, status, target, seqs[i])})),
                        absl::StatusCode::kOk, "a request");
           const absl::StatusOr<v1::RowDataResponse> answer = (*stream)->Receive();
           ExpectStatus(answer.status(), absl::StatusCode::kOk, "an answer");
           ExpectResult(answer->results(0), codes[i], absl::StrCat("seq ", seqs[i]));
           if (i == 1) Expect(answer->results(0).applied_seq() == 1, "applied_seq is not 1");
         }
       }},
      {"order.gap-unary", "In a call a gap that is not filled is ABORTED with applied_seq.", kBatch,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("gap_unary");
         const v1::TableStatus status = exam.Filled(table, {Row(1, "x")});
         const v1::Position target = exam.NextPosition();
         exam.Apply(Piece(exam, table, status, target, 1));
         const v1::BatchResult result = exam.Send(Piece(exam, table, status, target, 3));
         ExpectResult(result, kAborted, "seq 3 after 1");
         Expect(result.applied_seq() == 1, result.ShortDebugString());
         exam.Apply(Piece(exam, table, status, target, 2));
       }},
      {"order.after-refusal", "After a refused batch only the same seq is accepted.", kBatch,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("refusal");
         const v1::TableStatus status = exam.Filled(table, {Row(1, "x")});
         const v1::Position target = exam.NextPosition();
         v1::ChangeBatch broken = Piece(exam, table, status, target, 1);
         broken.mutable_columns(0)->clear_ints();
         v1::ChangeBatch commit = Piece(exam, table, status, target, 2);
         AddCommit(&commit);
         const absl::StatusOr<v1::RowDataResponse> answer =
             exam.client().RowData(exam.Request({broken, commit}));
         ExpectStatus(answer.status(), absl::StatusCode::kOk, "the call");
         ExpectResult(answer->results(0), absl::StatusCode::kInvalidArgument, "the broken batch");
         ExpectResult(answer->results(1), kAborted, "the commit after it");
         Expect(answer->results(1).lsn() == status.position().lsn(), "the commit overtook lost rows");
         exam.Apply(Piece(exam, table, status, target, 1));
         exam.Apply(commit);
       }},
  };
}

std::vector<Requirement> Bases() {
  return {
      {"position.base", "A batch whose base_lsn is not the mirror's is FAILED_PRECONDITION and not applied.",
       kBatch,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("base");
         const v1::TableStatus status = exam.Filled(table, {Row(1, "x")});
         for (const Int by : {-1, 1}) {
           v1::ChangeBatch batch = exam.Batch(table, status, v1::OPERATION_INSERT, {Row(2, "y")});
           batch.set_base_lsn(status.position().lsn() + by);
           AddCommit(&batch);
           ExpectResult(exam.Send(batch), kPrecondition, "another base");
         }
         ExpectRows(exam.Read(table, status.position()), {Row(1, "x")});
       }},
      {"position.minus-one", "A table at LSN -1 accepts only a population.", kPopulate,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("minus_one");
         exam.Begin();
         v1::ChangeBatch batch = exam.Batch(table, exam.Announce(table), v1::OPERATION_INSERT, {Row(1, "x")});
         AddCommit(&batch);
         ExpectResult(exam.Send(batch), kPrecondition, "rows without 'populate'");
         exam.Begin();
         Expect(exam.Announce(table).position().lsn() == -1, "the table is no longer at -1");
       }},
  };
}

std::vector<Requirement> Commits() {
  return {
      {"position.commit-batches",
       "A commit whose number of batches is not its own seq is FAILED_PRECONDITION.", kPosition,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("commit_batches");
         const v1::TableStatus status = exam.Filled(table, {Row(1, "x")});
         v1::ChangeBatch batch = exam.Batch(table, status, v1::OPERATION_INSERT, {Row(2, "y")});
         AddCommit(&batch);
         batch.mutable_commit()->set_batches(2);
         ExpectResult(exam.Send(batch), kPrecondition, "a commit of two batches");
         ExpectRows(exam.Read(table, status.position()), {Row(1, "x")});
       }},
      {"position.commit-minus-one", "A commit at LSN -1 is INVALID_ARGUMENT.", kPosition,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("commit_minus_one");
         v1::ChangeBatch batch =
             exam.Batch(table, exam.Filled(table, {Row(1, "x")}), v1::OPERATION_INSERT, {Row(2, "y")});
         AddCommit(&batch);
         batch.mutable_commit()->mutable_position()->set_lsn(-1);
         ExpectResult(exam.Send(batch), absl::StatusCode::kInvalidArgument, "a commit at LSN -1");
       }},
      {"position.commit-empty", "A commit without rows changes only the LSN.", kPosition,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("commit_empty");
         v1::ChangeBatch batch =
             exam.Batch(table, exam.Filled(table, {Row(1, "x")}), v1::OPERATION_UNSPECIFIED, {});
         AddCommit(&batch);
         Expect(exam.Apply(batch).lsn() == batch.target().lsn(), "the LSN did not change");
         ExpectRows(exam.Read(table, batch.target()), {Row(1, "x")});
       }},
  };
}

std::vector<Requirement> Pending() {
  return {
      {"position.pending", "After a cycle that died, the next TableSchema shows its target as 'pending'.",
       kPosition,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("pending");
         const v1::TableStatus status = exam.Filled(table, {Row(1, "x")});
         const v1::ChangeBatch batch = exam.Batch(table, status, v1::OPERATION_INSERT, {Row(2, "y")});
         exam.Apply(batch);
         exam.Begin();
         const v1::TableStatus next = exam.Announce(table);
         Expect(next.position().SerializeAsString() == status.position().SerializeAsString() &&
                    next.pending().SerializeAsString() == batch.target().SerializeAsString(),
                next.ShortDebugString());
       }},
      {"position.pending-cleared", "A commit clears 'pending'.", kPosition,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("cleared");
         v1::ChangeBatch batch =
             exam.Batch(table, exam.Filled(table, {Row(1, "x")}), v1::OPERATION_INSERT, {Row(2, "y")});
         exam.Apply(batch);
         exam.Begin();
         batch = exam.Batch(table, exam.Announce(table), v1::OPERATION_UNSPECIFIED, {});
         AddCommit(&batch);
         exam.Apply(batch);
         exam.Begin();
         Expect(!exam.Announce(table).has_pending(), "there is still a 'pending'");
       }},
      {"position.durable",
       "If a commit's answer says 'durable', the next cycle's TableSchema shows its position.", kPosition,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("durable");
         exam.Begin();
         const v1::ChangeBatch batch = exam.Population(table, exam.Announce(table), {Row(1, "x")});
         if (!exam.Apply(batch).durable())
           throw NotExamined{"this endpoint makes commits durable with ReplicationCompleted"};
         exam.Begin();
         Expect(exam.Announce(table).position().SerializeAsString() == batch.target().SerializeAsString(),
                "TableSchema shows another position");
       }},
  };
}

std::vector<Requirement> Populations() {
  return {
      {"populate.swap", "The commit of a population replaces all old rows by the new ones.", kPopulate,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("swap");
         const v1::ChangeBatch batch = exam.Population(
             table, exam.Filled(table, {Row(1, "old"), Row(2, "old")}), {Row(2, "new"), Row(3, "new")});
         exam.Apply(batch);
         ExpectRows(exam.Read(table, batch.target()), {Row(2, "new"), Row(3, "new")});
       }},
      {"populate.changes", "UPDATEs and DELETEs within a population apply to its own rows.", kPopulate,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("changes");
         const v1::TableStatus status = exam.Filled(table, {Row(9, "old")});
         v1::ChangeBatch batch = exam.Population(table, status, {Row(1, "a"), Row(2, "b")});
         batch.clear_commit();
         const v1::Position target = batch.target();
         exam.Apply(batch);
         batch = exam.Batch(table, status, v1::OPERATION_UPDATE, {{Int{1}, std::string("changed")}},
                            {"id", "name"});
         batch.set_seq(2);
         batch.set_base_lsn(-1);
         *batch.mutable_target() = target;
         exam.Apply(batch);
         batch = exam.Batch(table, status, v1::OPERATION_DELETE, {{Int{2}}, {Int{9}}}, {"id"});
         batch.set_seq(3);
         batch.set_base_lsn(-1);
         *batch.mutable_target() = target;
         AddCommit(&batch);
         exam.Apply(batch);
         ExpectRows(exam.Read(table, target), {Row(1, "changed")});
       }},
      {"populate.minus-one-at-once",
       "A population's first batch sets the LSN to -1, which stays if the cycle dies.", kPopulate,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("interrupted");
         v1::ChangeBatch batch = exam.Population(table, exam.Filled(table, {Row(1, "old")}), {Row(2, "new")});
         batch.clear_commit();
         Expect(exam.Apply(batch).lsn() == -1, "the LSN is not -1 after the first batch");
         exam.Begin();
         Expect(exam.Announce(table).position().lsn() == -1, "the next cycle sees another LSN");
       }},
  };
}

std::vector<Requirement> PopulationsAnew() {
  return {
      {"populate.forgotten", "Rows of a population that died are not in the next one.", kPopulate,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("forgotten");
         v1::ChangeBatch batch =
             exam.Population(table, exam.Filled(table, {Row(1, "old")}), {Row(7, "lost")});
         batch.clear_commit();
         exam.Apply(batch);
         exam.Begin();
         batch = exam.Population(table, exam.Announce(table), {Row(2, "new")});
         exam.Apply(batch);
         ExpectRows(exam.Read(table, batch.target()), {Row(2, "new")});
       }},
      {"populate.empty", "A population without a row empties the table.", kPopulate,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("emptied");
         v1::ChangeBatch batch = exam.Population(table, exam.Filled(table, {Row(1, "old")}), {});
         batch.set_operation(v1::OPERATION_INSERT);
         exam.Apply(batch);
         ExpectRows(exam.Read(table, batch.target()), {});
       }},
  };
}

v1::WipeRequest WipeOf(Exam& exam, const std::string& table) {
  v1::WipeRequest wipe;
  wipe.set_cycle(exam.cycle());
  wipe.set_table(table);
  *wipe.mutable_target() = exam.NextPosition();
  wipe.set_reason(v1::POPULATE_REASON_REQUESTED);
  return wipe;
}

std::vector<Requirement> Advances() {
  return {
      {"advance.moves", "An advance gives unchanged tables the new position, and reports each.", kAdvance,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("quiet");
         const v1::TableStatus status = exam.Filled(table, {Row(1, "x")});
         v1::RowDataRequest request;
         request.set_cycle(exam.cycle());
         *request.mutable_advance()->mutable_position() = exam.NextPosition();
         v1::Advance::Table* moved = request.mutable_advance()->add_tables();
         moved->set_table(table.name);
         moved->set_base_lsn(status.position().lsn());
         const absl::StatusOr<v1::RowDataResponse> answer = exam.client().RowData(request);
         ExpectStatus(answer.status(), absl::StatusCode::kOk, "the advance");
         Expect(answer->results_size() == 1 && answer->results(0).lsn() == request.advance().position().lsn(),
                answer->ShortDebugString());
         ExpectRows(exam.Read(table, request.advance().position()), {Row(1, "x")});
       }},
      {"advance.base",
       "An advance from an LSN that a table does not have is FAILED_PRECONDITION for this table.", kAdvance,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("stale");
         const v1::TableStatus status = exam.Filled(table, {Row(1, "x")});
         v1::RowDataRequest request;
         request.set_cycle(exam.cycle());
         *request.mutable_advance()->mutable_position() = exam.NextPosition();
         v1::Advance::Table* moved = request.mutable_advance()->add_tables();
         moved->set_table(table.name);
         moved->set_base_lsn(status.position().lsn() + 1);
         const absl::StatusOr<v1::RowDataResponse> answer = exam.client().RowData(request);
         ExpectStatus(answer.status(), absl::StatusCode::kOk, "the call");
         Expect(answer->results_size() == 1, "there is not exactly one result");
         ExpectResult(answer->results(0), kPrecondition, "the stale table");
       }},
  };
}

std::vector<Requirement> Wipes() {
  return {
      {"wipe.begins", "Wipe begins a population: LSN -1 at once, and it counts as seq 1.", kWipe,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("wiped");
         const v1::TableStatus status = exam.Filled(table, {Row(1, "old")});
         const v1::WipeRequest wipe = WipeOf(exam, table.name);
         const absl::StatusOr<v1::WipeResponse> answer = exam.client().Wipe(wipe);
         ExpectStatus(answer.status(), absl::StatusCode::kOk, "Wipe");
         Expect(answer->result().code() == 0 && answer->result().applied_seq() == 1 &&
                    answer->result().lsn() == -1,
                answer->ShortDebugString());
         v1::ChangeBatch batch = Piece(exam, table, status, wipe.target(), 2);
         batch.set_base_lsn(-1);
         AddCommit(&batch);
         exam.Apply(batch);
         ExpectRows(exam.Read(table, wipe.target()), {Row(2, "row 2")});
       }},
      {"wipe.repeated", "A Wipe that is sent again is acknowledged as repeated.", kWipe,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("wiped_twice");
         exam.Filled(table, {Row(1, "old")});
         const v1::WipeRequest wipe = WipeOf(exam, table.name);
         ExpectStatus(exam.client().Wipe(wipe).status(), absl::StatusCode::kOk, "Wipe");
         const absl::StatusOr<v1::WipeResponse> again = exam.client().Wipe(wipe);
         ExpectStatus(again.status(), absl::StatusCode::kOk, "Wipe again");
         Expect(again->result().repeated_batch(), again->ShortDebugString());
       }},
      {"wipe.unknown", "A Wipe of a table that was not announced is FAILED_PRECONDITION in its result.",
       kWipe,
       [](Exam& exam) {
         exam.Begin();
         exam.Announce(ExamPeople("known"));
         const absl::StatusOr<v1::WipeResponse> answer = exam.client().Wipe(WipeOf(exam, "strangers"));
         ExpectStatus(answer.status(), absl::StatusCode::kOk, "the call");
         ExpectResult(answer->result(), kPrecondition, "the unknown table");
       }},
  };
}

}  // namespace

std::vector<Requirement> PositionRequirements() {
  return Together({Order, Gaps, Bases, Commits, Pending, Populations, PopulationsAnew, Advances, Wipes});
}

}  // namespace mirror::harness
