#ifndef MIRROR_TESTS_SERVER_TENANT_CYCLES_PLAY_AGENT_H_
#define MIRROR_TESTS_SERVER_TENANT_CYCLES_PLAY_AGENT_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "proto/wire/codec.h"
#include "tests/server/tenant/cycles/play_jobs.h"

namespace mirror::model {

/// The source's agent, and what it is answered.
class PlayAgent : protected PlayJobs {
 protected:
  using PlayJobs::PlayJobs;

  /// What comes between its calls.
  virtual void Disturb(bool in_cycle) = 0;
  /// What happens rarely. False: the agent dies of it.
  virtual bool Wreck() = 0;

  // --- The agent's cycle ---

  void Cycle() {
    if (!Authenticate()) return;
    std::vector<Job> jobs = Announce();
    if (!Send(jobs)) {
      Trace("the agent dies");
      return;
    }
    if (!ended_) Complete(jobs);
    ++world_.counts().completed;
    holder_.clear();
    for (const Job& job : jobs) CheckJob(job);
  }

  bool Authenticate() {
    ended_ = false;
    if (made_ && dice_.OneIn(10)) {
      Trace("probe");
      absl::StatusOr<Admission> probe = tenant()->Authenticate(CallerNow(), "", false, true, world_.Now());
      Require(owner_has_file_ ? probe.ok() && !probe->accepted : !probe.ok(), "a probe begins no cycle");
      Noticed();
      Check();
    }
    for (int attempt = 0;; ++attempt) {
      // Somebody else's cycle may be running in an older copy of the mirror.
      if (attempt == 4) world_.Wait(700'000);
      const bool stranger = attempt < 4 && dice_.OneIn(10);
      const bool take_over = !stranger && (holder_.empty() || dice_.OneIn(2));
      if (holder_.empty()) holder_ = absl::StrCat("holder", ++nonces_);
      const std::string holder = stranger ? "somebody else" : holder_;
      Caller caller = CallerNow();
      absl::StatusOr<Admission> admission =
          tenant()->Authenticate(caller, holder, take_over, false, world_.Now());
      Noticed();
      if (!owner_has_file_ || !made_) model_ = MirrorModel();
      made_ = owner_has_file_ = true;
      Require(admission.ok(), "Authenticate: " + admission.status().ToString());
      const bool idle = Idle();
      Trace(absl::StrCat("Authenticate as ", holder, take_over ? ", take over" : "", ": ",
                         admission->accepted           ? absl::StrCat("cycle ", admission->cycle)
                         : admission->do_not_replicate ? "do not replicate"
                                                       : "busy"));
      Require(admission->do_not_replicate == model_.paused, "paused means: do not replicate");
      if (model_.paused) {
        Check();
        Trace("resume");
        Require(tenant()->Resume(world_.Now()).ok(), "Resume");
        EndCycle();
        model_.paused = false;
        Check();
        continue;
      }
      const bool busy = model_.active && !idle && !(take_over && model_.holder == holder);
      Require(admission->busy.has_value() == busy && admission->accepted == !busy,
              absl::StrCat("a running cycle is busy: ", busy, ", was ", admission->busy.has_value()));
      if (!busy) {
        Require(admission->cycle > model_.cycle, "a cycle's number is greater than those before it");
        building_ = !FileIsThere();
        Require(!building_ || !model_.active, "a cycle ended and its mirror has no file");
        if (building_) ++world_.counts().built;
        model_.BeginCycle(admission->cycle);
        model_.holder = holder;
        cycle_ = admission->cycle;
        model_.progress_ms = world_.now_ms();
        served_ = true;
        unique_refused_ = false;
      }
      Check();
      if (dice_.OneIn(10)) {
        Require(!tenant()->Authenticate(caller, holder, true, false, world_.Now()).ok(),
                "a nonce counts once");
        Check();
      }
      if (busy) continue;
      if (!stranger) return true;
      // A stranger's cycle that dies at once: only time ends it.
      world_.Wait(700'000);
    }
  }

  std::vector<AnnouncedTable> Listed(std::set<std::string>& malformed, std::string& digest) {
    std::vector<AnnouncedTable> listed;
    std::string bytes;
    for (const auto& [key, table] : source_.tables) {
      v1::Table message;
      EncodeTable(table.schema, &message);
      if (dice_.OneIn(40)) {
        message.mutable_columns(0)->set_name("");
        malformed.insert(key);
      }
      bytes += message.SerializeAsString();
      listed.push_back({message.name(), DecodeTable(message, WireLimits())});
      Require(listed.back().schema.ok() == !malformed.contains(key),
              "DecodeTable: " + listed.back().schema.status().ToString());
      if (!owner_->CanKeep(table.schema)) malformed.insert(key);
    }
    if (dice_.OneIn(20)) {
      TableSchema odd;
      odd.name = dice_.OneIn(2) ? world_.ground().NameOfNone() : context_id_ + "_Mirroring";
      odd.columns.push_back(Column{.name = "a", .type = Type::kText});
      bytes += odd.name;
      malformed.insert(FoldName(odd.name));
      listed.push_back({odd.name, odd});
    }
    dice_.Shuffle(listed);
    digest = HexDigest(absl::StrCat(bytes, "/", dice_.Below(2)));
    return listed;
  }

  static absl::StatusOr<std::vector<TableAnswer>> Tables(absl::StatusOr<Announcement> answer) {
    if (!answer.ok()) return answer.status();
    return std::move(answer->tables);
  }

  std::vector<Job> Announce() {
    std::set<std::string> malformed;
    std::string digest;
    std::vector<AnnouncedTable> listed = Listed(malformed, digest);
    absl::StatusOr<std::vector<TableAnswer>> answers =
        Tables(tenant()->Announce(CallerNow(), cycle_, "source", digest, listed, world_.Now()));
    Expect(answers.status(), "TableSchema");
    TakeAnswers(listed, *answers, malformed, digest);
    Check();
    if (dice_.OneIn(6)) {
      const absl::StatusOr<std::vector<TableAnswer>> again =
          Tables(tenant()->Announce(CallerNow(), cycle_, "source", digest, listed, world_.Now()));
      Expect(again.status(), "TableSchema again");
      Require(again->size() == answers->size(), "the same answer twice");
      for (std::size_t i = 0; i < again->size(); ++i) {
        const TableAnswer &a = (*answers)[i], &b = (*again)[i];
        Require(a.table == b.table && a.wanted == b.wanted && a.action == b.action && a.reason == b.reason &&
                    a.position == b.position && a.pending == b.pending && a.schema_hash == b.schema_hash,
                "the same answer twice");
      }
      Check();
    }
    return Prepare(listed, *answers);
  }

  void TakeAnswers(const std::vector<AnnouncedTable>& listed, const std::vector<TableAnswer>& answers,
                   const std::set<std::string>& malformed, const std::string& digest) {
    Require(answers.size() == listed.size(), "an answer for each table");
    std::set<std::string> names;
    for (const AnnouncedTable& table : listed) names.insert(FoldName(table.name));
    for (const auto& [key, table] : std::map(model_.tables)) {
      if (!names.contains(key)) model_.Forget(key);
    }
    model_.announced = digest;
    model_.refused = malformed;
    for (std::size_t i = 0; i < listed.size(); ++i) {
      const TableAnswer& answer = answers[i];
      const std::string key = FoldName(listed[i].name);
      Require(answer.table == listed[i].name, "the answers' order");
      Trace(absl::StrCat("TableSchema '", answer.table, "': action ", static_cast<int>(answer.action), " ",
                         answer.reason, ", LSN ", answer.position.lsn.value,
                         answer.pending ? absl::StrCat(", pending ", answer.pending->lsn.value) : ""));
      if (malformed.contains(key)) {
        Require(answer.action == SchemaAction::kRefused && !answer.wanted, "a malformed table is refused");
        continue;
      }
      TakeAnswer(model_.tables[key], *listed[i].schema, answer);
      source_.schema_changes[key].clear();
      const MirrorTable& table = model_.tables[key];
      Require(answer.wanted && answer.position == table.position && answer.pending == table.pending,
              absl::StrCat("'", answer.table, "': the answer's position, LSN ", answer.position.lsn.value,
                           " instead of ", table.position.lsn.value));
      Require(answer.schema_hash == SchemaHash(*listed[i].schema), "the answer's hash");
    }
  }

  void TakeAnswer(MirrorTable& table, const TableSchema& announced, const TableAnswer& answer) {
    const std::string hash = SchemaHash(announced);
    const std::vector<SchemaChange>& changes = source_.schema_changes[FoldName(announced.name)];
    // The mirror has the definition that was announced last: what changed is what the source says.
    std::string& last_hash = announced_hash_[FoldName(announced.name)];
    const bool single = changes.size() == 1 && table.agreed && table.has_record &&
                        table.state == MirrorTable::kMirrored && table.visible == *table.agreed &&
                        table.hash == last_hash;
    switch (answer.action) {
      case SchemaAction::kCreated:
        Require(!table.agreed, "CREATED, and the table was there");
        table.rows.clear();
        table.counted = true;
        table.agreed = table.visible = announced;
        table.visible_known = true;
        table.position = {};
        table.pending.reset();
        table.state = MirrorTable::kMirrored;
        break;
      case SchemaAction::kUnchanged:
        Require(table.agreed && table.has_record && table.hash == hash, "UNCHANGED, and it did change");
        if (table.state != MirrorTable::kMirrored) {
          Require(table.state != MirrorTable::kRepopulate, "UNCHANGED, and its population is still to come");
          table.position = {};
          table.state = MirrorTable::kMirrored;
        }
        break;
      case SchemaAction::kAltered:
        Require(table.agreed && table.has_record && table.hash != hash, "ALTERED, and nothing changed");
        Require(!single || changes[0] != SchemaChange::kRepopulate, "this change is not made in place");
        ++world_.counts().alterations;
        model_.Alter(table, announced);
        table.agreed = announced;
        if (table.state != MirrorTable::kMirrored) {
          table.position = {};
          table.state = MirrorTable::kMirrored;
        }
        break;
      case SchemaAction::kRepopulate:
        Require(table.agreed.has_value(), "REPOPULATE, and there is no such table");
        if (single && changes[0] == SchemaChange::kInPlace && partner_.empty() &&
            world_.ground().AltersAll()) {
          throw Failure("this change is made in place: " + answer.reason);
        }
        if (!table.has_record) table.counted = false;
        table.agreed = announced;
        table.position = {};
        table.pending.reset();
        table.state = MirrorTable::kRepopulate;
        break;
      case SchemaAction::kHeld:
      case SchemaAction::kRefused:
        throw Failure("refused: " + answer.reason);
    }
    table.has_record = true;
    table.name = announced.name;
    table.hash = hash;
    last_hash = hash;
  }

  // --- What the agent sends ---

  std::vector<Job> Prepare(const std::vector<AnnouncedTable>& listed,
                           const std::vector<TableAnswer>& answers) {
    target_ = source_.Record(dice_);
    std::vector<Job> jobs;
    for (std::size_t i = 0; i < listed.size(); ++i) {
      if (!answers[i].wanted) continue;
      Job job;
      job.name = listed[i].name;
      job.key = FoldName(job.name);
      PrepareTable(job, answers[i]);
      jobs.push_back(std::move(job));
    }
    return jobs;
  }

  bool Send(std::vector<Job>& jobs) {
    for (Job& job : jobs) {
      for (OutBatch& batch : job.batches) {
        if (dice_.OneIn(3)) PutInParts(batch);
      }
    }
    for (;;) {
      std::vector<Job*> open;
      for (Job& job : jobs) {
        if (!job.done() || job.advance_base) open.push_back(&job);
      }
      if (open.empty()) return true;
      if (dice_.OneIn(25)) return false;
      if (dice_.OneIn(4)) Disturb(true);
      if (dice_.OneIn(40) && !Wreck()) return false;
      Ask(open);
      if (ended_) return true;
    }
  }

  /// One request of some tables, and what follows from its answer.
  void Ask(std::vector<Job*>& open) {
    Request request;
    std::vector<std::pair<Job*, std::size_t>> sent;
    dice_.Shuffle(open);
    open.resize(1 + dice_.Below(open.size()));
    for (Job* job : open) {
      if (job->advance_base) {
        if (request.advance.size() < 1 + dice_.Below(4)) {
          request.advance_to = target_;
          request.advance.emplace_back(job->name, *job->advance_base);
          job->advance_base.reset();
        }
        continue;
      }
      std::size_t next = job->next;
      if (next + 1 < job->batches.size() && dice_.OneIn(20)) ++next;  // Overtakes its predecessor.
      const std::size_t end = std::min(job->batches.size(), next + 1 + dice_.Below(3));
      if (next == 0 && job->batches[0].populate != PopulateReason::kNone && job->batches[0].rows.empty() &&
          !job->batches[0].commit && dice_.OneIn(2)) {
        Wipe(*job);
        continue;
      }
      for (; next < end; ++next) {
        OutBatch& batch = job->batches[next];
        if (!dice_.OneIn(15)) AddParts(batch, request);
        request.batches.push_back(dice_.OneIn(20) ? Spoilt(batch) : batch);
        sent.emplace_back(job, next);
      }
    }
    if (dice_.OneIn(30)) {  // The parts ahead of their batches; once more with them.
      Request ahead;
      ahead.parts = request.parts;
      Exchange(ahead);
    }
    // As if these were the last rows: what is left of the tables is for the next cycle.
    const std::vector<Verdict> verdicts = Exchange(request, /*ends=*/dice_.OneIn(8));
    if (!ended_ && dice_.OneIn(6)) Exchange(request);  // Its answer was lost.
    history_.push_back(std::move(request));
    for (std::size_t i = 0; i < sent.size(); ++i) TakeVerdict(*sent[i].first, sent[i].second, verdicts[i]);
  }

  void TakeVerdict(Job& job, std::size_t index, const Verdict& verdict) {
    if (index != job.next || job.failed) return;
    OutBatch& batch = job.batches[index];
    if (verdict.code == absl::StatusCode::kOk) {
      ++job.next;
      return;
    }
    if (!verdict.missing.empty() && !verdict.more_missing) return InsertMissing(job, verdict.missing);
    // What the agent did wrong by itself it sends once more, and as it should be.
    const MirrorTable* table = FindTable(job.key);
    const bool lasting = table == nullptr || !table->has_record || table->hash != batch.hash ||
                         verdict.more_missing || model_.refused.contains(job.key) || unique_refused_ ||
                         (table->position.lsn != batch.base && batch.populate == PopulateReason::kNone) ||
                         (table->state == MirrorTable::kStopped);
    if (verdict.code == absl::StatusCode::kFailedPrecondition && lasting) job.failed = true;
  }

  /// Sends a request and compares each of its results, and the mirror, with the model.
  std::vector<Verdict> Exchange(const Request& request, bool ends = false) {
    ++world_.counts().requests;
    const Caller caller = CallerNow();
    const std::shared_ptr<Tenant> to = tenant();
    RowRequest incoming;
    incoming.cycle = cycle_;
    for (const OutPart& part : request.parts) {
      incoming.parts.push_back({part.table, part.value_id, part.offset, part.data});
    }
    std::deque<v1::ChangeBatch> messages;
    for (const OutBatch& batch : request.batches) {
      messages.push_back(batch.Encode());
      const v1::ChangeBatch& message = messages.back();
      absl::StatusOr<AgreedTable> agreed = to->Agreed(caller, message.table(), message.schema_hash());
      if (agreed.ok()) {
        incoming.batches.push_back({message.table(), message.seq(), agreed->schema,
                                    DecodeBatch(message, *agreed->schema, WireLimits()), agreed->hash});
      } else {
        incoming.batches.push_back({message.table(), message.seq(), nullptr, agreed.status(), {}});
      }
    }
    if (!request.advance.empty()) {
      incoming.advance = IncomingAdvance{request.advance_to, request.advance};
    }
    absl::StatusOr<std::vector<BatchOutcome>> outcomes;
    if (ends) {
      Tenant::LastRows last = to->ApplyAndComplete(caller, incoming, dice_.OneIn(2), {}, world_.Now());
      outcomes = std::move(last.rows);
      ended_ = last.verdicts.has_value();
    } else {
      outcomes = to->Apply(caller, incoming, dice_.OneIn(2), world_.Now());
    }
    for (const OutBatch& batch : request.batches) Trace("RowData " + batch.Describe());
    for (const auto& [table, base] : request.advance) {
      Trace(absl::StrCat("RowData advance '", table, "' from ", base.value, " to ",
                         request.advance_to.lsn.value));
    }
    Expect(outcomes.status(), "RowData");

    for (const OutPart& part : request.parts) {
      const MirrorTable* table = FindTable(FoldName(part.table));
      if (table == nullptr || !table->has_record || model_.refused.contains(FoldName(part.table))) continue;
      model_.KeepPart(part.table, part.value_id, part.offset, part.data);
    }
    const std::size_t named = request.batches.size() + request.advance.size();
    Require(outcomes->size() >= named && outcomes->size() <= named + request.parts.size(),
            "a result for each batch");
    const std::size_t refused_parts = outcomes->size() - named;
    std::vector<Verdict> verdicts;
    std::set<std::string> refused;
    for (std::size_t i = 0; i < named; ++i) {
      const BatchOutcome& outcome = (*outcomes)[refused_parts + i];
      const bool is_batch = i < request.batches.size();
      const std::string name =
          is_batch ? request.batches[i].table : request.advance[i - request.batches.size()].first;
      const std::string key = FoldName(name);
      Verdict verdict;
      if (RefusedByIndex(key, outcome.status)) {
        verdict.code = outcome.status.code();
        unique_refused_ = true;
      } else if (is_batch) {
        verdict = model_.Apply(cycle_, request.batches[i], refused.contains(key));
      } else {
        verdict = model_.Advance(cycle_, name, request.advance[i - request.batches.size()].second,
                                 request.advance_to);
      }
      // What is wrong with a batch after a refused one may be told first.
      if (refused.contains(key) && verdict.code == absl::StatusCode::kAborted &&
          absl::IsFailedPrecondition(outcome.status)) {
        verdict.code = outcome.status.code();
      }
      const MirrorTable* table = FindTable(key);
      const bool applied =
          is_batch && table != nullptr && table->cycle == cycle_ && outcome.seq <= table->seq;
      if (verdict.code != absl::StatusCode::kOk && !applied) refused.insert(key);
      Compare(outcome, verdict, name);
      verdicts.push_back(std::move(verdict));
    }
    for (std::size_t i = 0; i < named; ++i) {  // LSN and seq are those after the whole request.
      const BatchOutcome& outcome = (*outcomes)[refused_parts + i];
      const MirrorTable* table = FindTable(FoldName(outcome.table));
      if (table == nullptr || !table->has_record) continue;
      const std::uint64_t applied = table->cycle == cycle_ ? table->seq : 0;
      Require(outcome.lsn == table->position.lsn, absl::StrCat("'", outcome.table, "': the result's LSN"));
      Require(outcome.applied_seq == applied,
              absl::StrCat("'", outcome.table, "': applied_seq ", outcome.applied_seq, " and not ", applied));
    }
    if (ended_) EndWithRows(verdicts);
    Check();
    return verdicts;
  }

  void EndWithRows(const std::vector<Verdict>& verdicts) {
    Trace("the cycle ended with these rows");
    ++world_.counts().ended_with_rows;
    for (const Verdict& verdict : verdicts) {
      Require(verdict.code == absl::StatusCode::kOk, "a cycle ended with rows that were refused");
    }
    EndCycle();
  }

  bool RefusedByIndex(const std::string& key, const absl::Status& status) {
    return unique_indexes_.contains(key) && absl::IsFailedPrecondition(status) &&
           std::string(status.message()).find("unique index") != std::string::npos;
  }

  void Compare(const BatchOutcome& outcome, const Verdict& verdict, const std::string& name) {
    const std::string where = absl::StrCat("'", name, "' seq ", outcome.seq, ": ", outcome.status.ToString());
    Require(outcome.status.code() == verdict.code,
            absl::StrCat(where, ", expected ", absl::StatusCodeToString(verdict.code)));
    Require(outcome.repeated == verdict.repeated,
            absl::StrCat(where, ", repeated ", outcome.repeated, " and not ", verdict.repeated));
    // Rows of a population wait for its end.
    Require(outcome.durable == (outcome.status.ok() && !building_ && outcome.lsn != Lsn{}),
            where + ", durable");
    Require(outcome.missing_rows == verdict.missing,
            absl::StrCat(where, ", ", outcome.missing_rows.size(), " missing rows and not ",
                         verdict.missing.size()));
    Require(outcome.more_missing == verdict.more_missing, where + ", more missing");
  }

  void Wipe(Job& job) {
    const OutBatch& batch = job.batches[0];
    Trace("Wipe " + batch.Describe());
    absl::StatusOr<BatchOutcome> outcome =
        tenant()->Wipe(CallerNow(), cycle_, batch.table, batch.target, batch.populate, world_.Now());
    Expect(outcome.status(), "Wipe");
    OutBatch as_batch = batch;
    as_batch.base = Lsn{};
    if (const MirrorTable* table = FindTable(job.key); table != nullptr) as_batch.hash = table->hash;
    const Verdict verdict = model_.Apply(cycle_, as_batch, false);
    Compare(*outcome, verdict, batch.table);
    Check();
    TakeVerdict(job, 0, verdict);
  }

  void Complete(std::vector<Job>& jobs) {
    std::vector<CompletedTable> summaries;
    std::vector<Comparison> expected;
    for (const Job& job : jobs) {
      const MirrorTable* table = FindTable(job.key);
      CompletedTable summary{.table = job.name};
      Comparison comparison = Comparison::kUnchecked;
      const bool known = table != nullptr && table->has_record && table->position.lsn != Lsn{} &&
                         !table->pending && table->counted;
      if (known && dice_.OneIn(2)) {
        const bool wrong = dice_.OneIn(5);
        summary.row_count = table->rows.size() + (wrong ? 1 : 0);
        comparison = wrong ? Comparison::kDiffers : Comparison::kEqual;
      }
      summaries.push_back(summary);
      expected.push_back(comparison);
    }
    for (int repeat = 0; repeat < 2; ++repeat) {
      absl::StatusOr<std::vector<TableVerdict>> verdicts =
          tenant()->Complete(CallerNow(), cycle_, summaries, world_.Now());
      if (repeat == 0) Expect(verdicts.status(), "ReplicationCompleted");
      Require(verdicts.ok(), "ReplicationCompleted again: " + verdicts.status().ToString());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        Require((*verdicts)[i].comparison == expected[i],
                absl::StrCat("'", summaries[i].table, "': ", (*verdicts)[i].reason));
      }
      if (repeat == 0) EndCycle();
      Check();
      if (!dice_.OneIn(5)) break;
    }
    Trace("ReplicationCompleted");
  }

  /// What was committed is what the source held.
  void CheckJob(const Job& job) {
    if (job.failed || job.batches.empty()) return;
    const MirrorTable* table = FindTable(job.key);
    if (table == nullptr || !table->has_record || table->position != job.commit) return;
    const auto sorted = [](const StoredRows& rows) {
      std::vector<std::vector<std::string>> values;
      for (const auto& [key, row] : rows) values.push_back(row);
      std::sort(values.begin(), values.end());
      return values;
    };
    Require(sorted(table->rows) == sorted(job.rows),
            absl::StrCat("'", table->name, "': the mirror is not what the source held\n",
                         Differences(sorted(job.rows), sorted(table->rows))));
    const auto source = source_.tables.find(job.key);
    if (source != source_.tables.end() && source_.Knows(job.commit) && dice_.OneIn(4)) {
      source_.Trim(job.key, job.commit.lsn.value);
    }
  }
};

}  // namespace mirror::model

#endif  // MIRROR_TESTS_SERVER_TENANT_CYCLES_PLAY_AGENT_H_
