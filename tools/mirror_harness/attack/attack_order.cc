// Attacks by batches and calls at a wrong time: in another cycle, at another position, in another order.
#include <utility>

#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

constexpr char kAborted[] = "ABORTED", kPrecondition[] = "FAILED_PRECONDITION";

/// Makes an attack as Batch() does, on a stream, where a gap is refused at once.
Attack::Run OnStream(std::function<void(v1::RowDataRequest&)> change) {
  return [change = std::move(change)](Target& target) {
    absl::StatusOr<std::unique_ptr<RowStream>> stream = target.victim().OpenRowStream();
    if (!stream.ok()) return OutcomeOf(stream.status());
    v1::RowDataRequest request = target.Request(target.GoodBatch());
    change(request);
    (*stream)->Send(request).IgnoreError();
    const absl::StatusOr<v1::RowDataResponse> answer = (*stream)->Receive();
    const bool is_one = answer.ok() && answer->results_size() == 1;
    return target.CheckVictim(OutcomeOf(is_one ? StatusOf(answer->results(0)) : answer.status()));
  };
}

v1::WipeRequest WipeIn(std::int64_t cycle) {
  v1::WipeRequest wipe;
  wipe.set_cycle(cycle);
  wipe.set_table("people");
  wipe.mutable_target()->set_lsn(20);
  return wipe;
}

v1::ReadRowsRequest ReadIn(std::int64_t cycle) {
  v1::ReadRowsRequest read;
  read.set_cycle(cycle);
  read.set_table("people");
  read.add_columns(0);
  return read;
}

Outcome SendRead(MirrorClient& client, const v1::ReadRowsRequest& read) {
  return OutcomeOf(client.ReadRows(read, [](const auto&) { return absl::OkStatus(); }));
}

/// Makes an attack by each call of the protocol, with the running cycle's number plus `by`; with `by` 0, with
/// cycle 0.
Attack::Run Cycle(std::int64_t by) {
  return [by](Target& target) {
    MirrorClient& client = target.victim();
    const std::int64_t cycle = by == 0 ? 0 : target.cycle() + by;
    v1::RowDataRequest rows = target.Request(target.GoodBatch());
    rows.set_cycle(cycle);
    Outcome outcome = OutcomeOf(client.RowData(rows).status());
    v1::TableSchemaRequest tables = target.Announcement();
    tables.set_cycle(cycle);
    AddOutcome(OutcomeOf(client.TableSchema(tables).status()), &outcome);
    AddOutcome(OutcomeOf(client.Wipe(WipeIn(cycle)).status()), &outcome);
    v1::ReplicationCompletedRequest completed;
    completed.set_cycle(cycle);
    AddOutcome(OutcomeOf(client.ReplicationCompleted(completed).status()), &outcome);
    AddOutcome(SendRead(client, ReadIn(cycle)), &outcome);
    return target.CheckVictim(outcome);
  };
}

/// Makes an attack by a Wipe, altered by `change`. Without it the victim would accept the call.
Attack::Run Wipe(std::function<void(v1::WipeRequest&)> change) {
  return [change = std::move(change)](Target& target) {
    v1::WipeRequest wipe = WipeIn(target.cycle());
    change(wipe);
    const absl::StatusOr<v1::WipeResponse> answer = target.victim().Wipe(wipe);
    return target.CheckVictim(OutcomeOf(answer.ok() ? StatusOf(answer->result()) : answer.status()));
  };
}

/// Makes an attack by a ReadRows, altered by `change`. Without it the call would succeed.
Attack::Run Read(std::function<void(v1::ReadRowsRequest&)> change) {
  return [change = std::move(change)](Target& target) {
    v1::ReadRowsRequest read = ReadIn(target.cycle());
    read.mutable_position()->set_lsn(10);
    read.mutable_position()->set_lineage("victim");
    change(read);
    return SendRead(target.victim(), read);
  };
}

/// Makes an attack by an advance of the victim's table, altered by `change`.
Attack::Run Advance(std::function<void(v1::Advance&)> change) {
  return [change = std::move(change)](Target& target) {
    v1::RowDataRequest request;
    request.set_cycle(target.cycle());
    request.mutable_advance()->add_tables()->set_table("people");
    change(*request.mutable_advance());
    return target.CheckVictim(target.Send(request));
  };
}

void AddCommit(std::uint64_t batches, std::int64_t lsn, v1::ChangeBatch* batch) {
  batch->mutable_commit()->set_batches(batches);
  batch->mutable_commit()->mutable_position()->set_lsn(lsn);
}

std::vector<Attack> Sequences() {
  return {
      {"seq-zero", "A batch with seq 0.", kIsInvalid, Batch([](auto& b) { b.set_seq(0); })},
      {"seq-gap", "A batch with seq 9 instead of 1, in a call that waits for batches 1 to 8.", kAborted,
       Batch([](auto& b) { b.set_seq(9); })},
      {"seq-gap-stream", "The same on a stream.", kAborted,
       OnStream([](auto& request) { request.mutable_batches(0)->set_seq(9); })},
      {"seq-huge", "The highest seq of 64 bits.", kAborted,
       OnStream([](auto& request) { request.mutable_batches(0)->set_seq(UINT64_MAX); })},
      {"base-older", "A base LSN below the mirror's.", kPrecondition,
       Batch([](auto& b) { b.set_base_lsn(9); })},
      {"base-newer", "A base LSN above the mirror's.", kPrecondition,
       Batch([](auto& b) { b.set_base_lsn(11); })},
      {"base-minus-one", "A base LSN of -1 without a population.", "FAILED_PRECONDITION|INVALID_ARGUMENT",
       Batch([](auto& b) { b.set_base_lsn(-1); })},
      {"base-below-all", "A base LSN of -2.", kIsInvalid, Batch([](auto& b) { b.set_base_lsn(-2); })},
      {"populate-with-base", "A population with a base LSN.", kPrecondition,
       Batch([](auto& b) { b.set_populate(v1::POPULATE_REASON_REQUESTED); })},
  };
}

std::vector<Attack> PositionClaims() {
  return {
      {"schema-hash-other", "A batch with the hash of another definition.", kPrecondition,
       Batch([](auto& b) { b.set_schema_hash(std::string(32, '0')); })},
      {"schema-hash-missing", "A batch without the hash of a definition.", kPrecondition,
       Batch([](auto& b) { b.clear_schema_hash(); })},
      {"schema-hash-megabyte", "A hash of a megabyte.", kPrecondition,
       Batch([](auto& b) { b.set_schema_hash(std::string(1 << 20, 'x')); })},
      {"table-not-announced", "A batch of a table that was not announced.", kPrecondition,
       Batch([](auto& b) { b.set_table("strangers"); })},
      {"table-of-the-mirror", "A batch of one of the mirror's own tables.", kPrecondition,
       Batch([](auto& b) { b.set_table("_mirror_tenant"); })},
      {"commit-too-many", "A commit that counts batches that were not sent.", kPrecondition,
       Batch([](auto& b) { AddCommit(2, 20, &b); })},
      {"commit-none", "A commit that counts no batch.", "FAILED_PRECONDITION|INVALID_ARGUMENT",
       Batch([](auto& b) { AddCommit(0, 20, &b); })},
      {"commit-minus-one", "A commit at LSN -1.", kIsInvalid, Batch([](auto& b) { AddCommit(1, -1, &b); })},
  };
}

std::vector<Attack> Cycles() {
  return {
      {"cycle-older", "Every call in the cycle before the running one.", kAborted, Cycle(-1)},
      {"cycle-newer", "Every call in a cycle that did not begin yet.", kAborted, Cycle(1)},
      {"cycle-zero", "Every call in cycle 0.", kAborted, Cycle(0)},
      {"cycle-stream", "A stream in another cycle.", kAborted,
       OnStream([](auto& request) { request.set_cycle(request.cycle() + 1); })},
      {"advance-of-stale-base", "An advance of a table from an LSN that it does not have.", kPrecondition,
       Advance([](auto& advance) {
         advance.mutable_position()->set_lsn(20);
         advance.mutable_tables(0)->set_base_lsn(5);
       })},
      {"advance-without-position", "An advance without a position.", kIsInvalid, Advance([](auto&) {})},
      {"take-over-by-a-stranger", "Another holder that wants to take over the running cycle gets 'busy'.",
       "BUSY",
       [](Target& target) {
         const absl::StatusOr<v1::AuthenticateResponse> answer =
             target.victim().Authenticate("stranger", true, false);
         if (!answer.ok()) return OutcomeOf(answer.status());
         return target.CheckVictim(
             {{answer->has_busy() && !answer->accepted() ? "BUSY" : "OK"}, answer->reason(), ""});
       }},
  };
}

std::vector<Attack> WipesAndReads() {
  return {
      {"wipe-not-announced", "A Wipe of a table that was not announced.", kPrecondition,
       Wipe([](auto& w) { w.set_table("strangers"); })},
      {"wipe-of-the-mirror", "A Wipe of one of the mirror's own tables.", kPrecondition,
       Wipe([](auto& w) { w.set_table("_mirror_nonces"); })},
      {"wipe-without-target", "A Wipe without a target.", kIsInvalid,
       Wipe([](auto& w) { w.clear_target(); })},
      {"read-elsewhere", "A request for rows at another position.", kPrecondition,
       Read([](auto& r) { r.mutable_position()->set_lsn(9); })},
      {"read-other-lineage", "A request for rows of another lineage.", kPrecondition,
       Read([](auto& r) { r.mutable_position()->set_lineage("other"); })},
      {"read-no-column", "A request for rows without a column.", kIsInvalid,
       Read([](auto& r) { r.clear_columns(); })},
      {"read-column-out-of-range", "A request for a column that the table does not have.", kIsInvalid,
       Read([](auto& r) { r.set_columns(0, 4'000'000'000U); })},
      {"read-column-twice", "A request for one column twice.", kIsInvalid,
       Read([](auto& r) { r.add_columns(0); })},
      {"read-range-of-another-type", "A range of a numeric key with SQL as its bound.", kIsInvalid,
       Read([](auto& r) { r.add_ranges()->add_first()->set_text_value("0 OR 1 = 1"); })},
      {"read-range-too-wide", "A range with more values than the key has columns.", kIsInvalid,
       Read([](auto& r) {
         v1::KeyRange* range = r.add_ranges();
         range->add_first()->set_int_value(1);
         range->add_first()->set_int_value(2);
       })},
      {"read-10001-ranges", "More ranges than one call may have.", "RESOURCE_EXHAUSTED", Read([](auto& r) {
         for (int i = 0; i < 10'001; ++i) r.add_ranges()->add_first()->set_int_value(i);
       })},
  };
}

}  // namespace

Theme OrderAttacks() { return {"order", Together({Sequences, PositionClaims, Cycles, WipesAndReads})}; }

}  // namespace mirror::harness
