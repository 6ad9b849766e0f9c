// Batches and calls that come at a wrong time: another cycle, another position, another order.
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

const std::set<std::string> kAborted = {"ABORTED"};
const std::set<std::string> kPrecondition = {"FAILED_PRECONDITION"};

/// The same on a stream, where a gap is refused at once.
Attack OnStream(std::string name, std::string what, std::set<std::string> expected,
                std::function<void(v1::RowDataRequest&)> change) {
  return {std::move(name), std::move(what), std::move(expected), [change](Target& target) {
            absl::StatusOr<std::unique_ptr<RowStream>> stream = target.victim().OpenRowStream();
            if (!stream.ok()) return OutcomeOf(stream.status());
            v1::RowDataRequest request = target.Request(target.GoodBatch());
            change(request);
            (*stream)->Send(request).IgnoreError();
            const absl::StatusOr<v1::RowDataResponse> answer = (*stream)->Receive();
            Outcome outcome = OutcomeOf(answer.status());
            if (answer.ok() && answer->results_size() == 1) outcome = OutcomeOf(StatusOf(answer->results(0)));
            outcome.fault = target.VictimHarm();
            return outcome;
          }};
}

/// Each call of the protocol in a cycle that is `by` off the running one.
Attack Cycle(std::string name, std::string what, std::int64_t by) {
  return {std::move(name), std::move(what), kAborted, [by](Target& target) {
            MirrorClient& client = target.victim();
            const std::int64_t cycle = by == 0 ? 0 : target.cycle() + by;
            v1::RowDataRequest rows = target.Request(target.GoodBatch());
            rows.set_cycle(cycle);
            Outcome outcome = OutcomeOf(client.RowData(rows).status());
            v1::TableSchemaRequest tables = target.Announcement();
            tables.set_cycle(cycle);
            AddOutcome(OutcomeOf(client.TableSchema(tables).status()), &outcome);
            v1::WipeRequest wipe;
            wipe.set_cycle(cycle);
            wipe.set_table("people");
            wipe.mutable_target()->set_lsn(20);
            AddOutcome(OutcomeOf(client.Wipe(wipe).status()), &outcome);
            v1::ReplicationCompletedRequest completed;
            completed.set_cycle(cycle);
            AddOutcome(OutcomeOf(client.ReplicationCompleted(completed).status()), &outcome);
            v1::ReadRowsRequest read;
            read.set_cycle(cycle);
            read.set_table("people");
            read.add_columns(0);
            AddOutcome(OutcomeOf(client.ReadRows(read, [](const auto&) { return absl::OkStatus(); })),
                       &outcome);
            outcome.fault = target.VictimHarm();
            return outcome;
          }};
}

Attack Wipe(std::string name, std::string what, std::set<std::string> expected,
            std::function<void(v1::WipeRequest&)> change) {
  return {std::move(name), std::move(what), std::move(expected), [change](Target& target) {
            v1::WipeRequest wipe;
            wipe.set_cycle(target.cycle());
            wipe.set_table("people");
            wipe.mutable_target()->set_lsn(20);
            change(wipe);
            const absl::StatusOr<v1::WipeResponse> answer = target.victim().Wipe(wipe);
            Outcome outcome = OutcomeOf(answer.ok() ? StatusOf(answer->result()) : answer.status());
            outcome.fault = target.VictimHarm();
            return outcome;
          }};
}

Attack Read(std::string name, std::string what, std::set<std::string> expected,
            std::function<void(v1::ReadRowsRequest&)> change) {
  return {std::move(name), std::move(what), std::move(expected), [change](Target& target) {
            v1::ReadRowsRequest read;
            read.set_cycle(target.cycle());
            read.set_table("people");
            read.mutable_position()->set_lsn(10);
            read.mutable_position()->set_lineage("victim");
            read.add_columns(0);
            change(read);
            return OutcomeOf(target.victim().ReadRows(read, [](const auto&) { return absl::OkStatus(); }));
          }};
}

void AddCommit(std::uint64_t batches, std::int64_t lsn, v1::ChangeBatch* batch) {
  batch->mutable_commit()->set_batches(batches);
  batch->mutable_commit()->mutable_position()->set_lsn(lsn);
}

std::vector<Attack> Sequences() {
  return {
      BatchAttack("seq-zero", "A batch with seq 0.", kIsInvalid, [](auto& b) { b.set_seq(0); }),
      BatchAttack("seq-gap", "A batch with seq 9 where 1 is next, in a call that waits for those between.",
                  kAborted, [](auto& b) { b.set_seq(9); }),
      OnStream("seq-gap-stream", "The same on a stream.", kAborted,
               [](auto& request) { request.mutable_batches(0)->set_seq(9); }),
      OnStream("seq-huge", "The last seq that 64 bits hold.", kAborted,
               [](auto& request) { request.mutable_batches(0)->set_seq(UINT64_MAX); }),
      BatchAttack("base-older", "A base LSN below the mirror's.", kPrecondition,
                  [](auto& b) { b.set_base_lsn(9); }),
      BatchAttack("base-newer", "A base LSN above the mirror's.", kPrecondition,
                  [](auto& b) { b.set_base_lsn(11); }),
      BatchAttack("base-minus-one", "A base LSN of -1 without a population.",
                  {"FAILED_PRECONDITION", "INVALID_ARGUMENT"}, [](auto& b) { b.set_base_lsn(-1); }),
      BatchAttack("base-below-all", "A base LSN of -2.", kIsInvalid, [](auto& b) { b.set_base_lsn(-2); }),
      BatchAttack("populate-with-base", "A population that claims a base.", kPrecondition,
                  [](auto& b) { b.set_populate(v1::POPULATE_REASON_REQUESTED); }),
  };
}

std::vector<Attack> PositionClaims() {
  return {
      BatchAttack("schema-hash-other", "A batch under another definition.", kPrecondition,
                  [](auto& b) { b.set_schema_hash(std::string(32, '0')); }),
      BatchAttack("schema-hash-missing", "A batch under no definition.", kPrecondition,
                  [](auto& b) { b.clear_schema_hash(); }),
      BatchAttack("schema-hash-megabyte", "A hash of a megabyte.", kPrecondition,
                  [](auto& b) { b.set_schema_hash(std::string(1 << 20, 'x')); }),
      BatchAttack("table-not-announced", "A batch of a table that nobody announced.", kPrecondition,
                  [](auto& b) { b.set_table("strangers"); }),
      BatchAttack("table-of-the-mirror", "A batch of one of the mirror's own tables.", kPrecondition,
                  [](auto& b) { b.set_table("_mirror_tenant"); }),
      BatchAttack("commit-too-many", "A commit that speaks of batches that were not sent.", kPrecondition,
                  [](auto& b) { AddCommit(2, 20, &b); }),
      BatchAttack("commit-none", "A commit that speaks of no batch.",
                  {"FAILED_PRECONDITION", "INVALID_ARGUMENT"}, [](auto& b) { AddCommit(0, 20, &b); }),
      BatchAttack("commit-minus-one", "A commit at -1.", kIsInvalid, [](auto& b) { AddCommit(1, -1, &b); }),
  };
}

std::vector<Attack> Cycles() {
  return {
      Cycle("cycle-older", "Every call in the cycle before the running one.", -1),
      Cycle("cycle-newer", "Every call in a cycle that did not begin yet.", 1),
      Cycle("cycle-zero", "Every call in cycle 0.", 0),
      OnStream("cycle-stream", "A stream in another cycle.", kAborted,
               [](auto& request) { request.set_cycle(request.cycle() + 1); }),
      {"advance-of-stale-base", "An advance of a table from where it does not stand.", kPrecondition,
       [](Target& target) {
         v1::RowDataRequest request;
         request.set_cycle(target.cycle());
         request.mutable_advance()->mutable_position()->set_lsn(20);
         v1::Advance::Table* table = request.mutable_advance()->add_tables();
         table->set_table("people");
         table->set_base_lsn(5);
         Outcome outcome = target.Send(request);
         outcome.fault = target.VictimHarm();
         return outcome;
       }},
      {"advance-without-position", "An advance to nowhere.", kIsInvalid,
       [](Target& target) {
         v1::RowDataRequest request;
         request.set_cycle(target.cycle());
         request.mutable_advance()->add_tables()->set_table("people");
         Outcome outcome = target.Send(request);
         outcome.fault = target.VictimHarm();
         return outcome;
       }},
      {"take-over-by-a-stranger",
       "Another holder that wants the running cycle is told that it is busy.",
       {"BUSY"},
       [](Target& target) {
         const absl::StatusOr<v1::AuthenticateResponse> answer =
             target.victim().Authenticate("stranger", true, false);
         if (!answer.ok()) return OutcomeOf(answer.status());
         Outcome outcome{{answer->has_busy() && !answer->accepted() ? "BUSY" : "OK"}, answer->reason(), ""};
         outcome.fault = target.VictimHarm();
         return outcome;
       }},
  };
}

std::vector<Attack> WipesAndReads() {
  return {
      Wipe("wipe-not-announced", "A Wipe of a table that nobody announced.", kPrecondition,
           [](auto& w) { w.set_table("strangers"); }),
      Wipe("wipe-of-the-mirror", "A Wipe of one of the mirror's own tables.", kPrecondition,
           [](auto& w) { w.set_table("_mirror_nonces"); }),
      Wipe("wipe-without-target", "A Wipe that does not say where it goes.", kIsInvalid,
           [](auto& w) { w.clear_target(); }),
      Read("read-elsewhere", "Rows asked for at another position.", kPrecondition,
           [](auto& r) { r.mutable_position()->set_lsn(9); }),
      Read("read-other-lineage", "Rows asked for under another lineage.", kPrecondition,
           [](auto& r) { r.mutable_position()->set_lineage("other"); }),
      Read("read-no-column", "Rows without a column.", kIsInvalid, [](auto& r) { r.clear_columns(); }),
      Read("read-column-out-of-range", "A column that the table does not have.", kIsInvalid,
           [](auto& r) { r.set_columns(0, 4'000'000'000U); }),
      Read("read-column-twice", "A column twice.", kIsInvalid, [](auto& r) { r.add_columns(0); }),
      Read("read-range-of-another-type", "A range of a number's key that is bounded by SQL.", kIsInvalid,
           [](auto& r) { r.add_ranges()->add_first()->set_text_value("0 OR 1 = 1"); }),
      Read("read-range-too-wide", "A range with more values than the key has columns.", kIsInvalid,
           [](auto& r) {
             v1::KeyRange* range = r.add_ranges();
             range->add_first()->set_int_value(1);
             range->add_first()->set_int_value(2);
           }),
      Read("read-10001-ranges", "More ranges than one call may have.", {"RESOURCE_EXHAUSTED"},
           [](auto& r) {
             for (int i = 0; i < 10'001; ++i) r.add_ranges()->add_first()->set_int_value(i);
           }),
  };
}

}  // namespace

Theme OrderAttacks() { return {"order", Together({Sequences, PositionClaims, Cycles, WipesAndReads})}; }

}  // namespace mirror::harness
