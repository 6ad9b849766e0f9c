#include "client/cycle/cycle_end.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/codec.h"

namespace mirror {
namespace {

/// Maximum of unsent tables that one cycle reports; the report of the run has all of them.
constexpr std::uint64_t kUnsentMax = 10'000;

/// The tables that the end of a cycle reports as committed.
enum class Sent : std::uint8_t {
  kCommitted,  ///< Tables that were acknowledged.
  kAll,        ///< All tables that are to be sent; used before they are sent.
};

/// Adds the numbers of rows sent for each committed table.
void AddSent(const Cycle& cycle, Sent which, v1::ReplicationCompletedRequest* request) {
  for (const Job& job : cycle.jobs) {
    if (which == Sent::kCommitted && !job.committed) continue;
    v1::TableSummary* summary = request->add_tables();
    summary->set_table(job.schema.name);
    summary->set_inserts(job.inserts);
    summary->set_updates(job.updates);
    summary->set_deletes(job.deletes);
    if (!job.row_count || cycle.compared.contains(job.schema.name)) continue;
    summary->set_row_count(*job.row_count);
  }
}

void NoteCounted(RunContext& run, const Cycle& cycle) {
  if (run.options.now_ms <= 0) return;
  for (const Job& job : cycle.jobs) {
    if (job.committed && job.row_count) run.state.tables().SetCounted(job.schema.name, run.options.now_ms);
  }
}

void AddCompared(const Cycle& cycle, v1::ReplicationCompletedRequest* request) {
  for (const auto& [table, compared] : cycle.compared) {
    v1::TableSummary* summary = nullptr;
    for (v1::TableSummary& known : *request->mutable_tables()) {
      if (known.table() == table) summary = &known;
    }
    if (summary == nullptr) summary = request->add_tables();
    summary->set_table(table);
    summary->set_rows_differ(compared.rows_differ);
    EncodePosition(compared.position, summary->mutable_position());
  }
}

/// Adds the time of the tables' state, and the tables for which this time does not hold. It does hold for
/// tables that a later cycle of the run sends.
void AddTimes(RunContext& run, const Cycle& cycle, Sent which, v1::ReplicationCompletedRequest* request) {
  request->set_source_time_ms(run.looked_ms);
  std::set<std::string> committed;
  for (const Job& job : cycle.jobs) {
    if (which == Sent::kAll || job.committed) committed.insert(job.schema.name);
  }
  for (const SourceTable& table : run.schema.tables) {
    const std::string& name = table.schema.name;
    // The time does not hold for a table that may have changed unseen and was not sent.
    const bool looked_at = run.history.SeesChanges(name) || committed.contains(name);
    // Tables that were not sent yet are reported as failed.
    const bool on_the_way = which == Sent::kAll && committed.contains(name);
    const bool is_good = on_the_way || run.ReportOf(name).result == TableResult::kOk;
    if (!looked_at || !table.later.empty() || !is_good) {
      request->add_stale_tables(name);
    }
  }
}

/// Adds the names of unsent tables for an endpoint that does not show them, if the source has
/// an exchange: otherwise a hub would read the ledger and other tables without their rows.
void AddUnsentNames(RunContext& run, v1::ReplicationCompletedRequest* request) {
  for (const SourceTable& table : run.schema.tables) {
    const std::string& name = table.schema.name;
    if (run.ReportOf(name).result > TableResult::kBlocked) request->add_unsent_tables(name);
  }
}

/// Returns how many tables, announced or refused, have each name, ignoring case.
std::map<std::string, std::size_t> CountNames(const SourceSchema& schema) {
  std::map<std::string, std::size_t> counts;
  for (const SourceTable& table : schema.tables) ++counts[FoldName(table.schema.name)];
  for (const RefusedTable& table : schema.refused) ++counts[FoldName(table.name)];
  return counts;
}

/// Adds tables that this cycle did not send, and why, up to the maximum of
/// `limits`. `sent`: tables that count as sent, whatever their reports say.
void AddUnsent(RunContext& run, const Cycle& cycle, const std::set<std::string>& sent,
               v1::ReplicationCompletedRequest* request) {
  const std::uint64_t limit = cycle.limits.tables_max();
  const std::uint64_t most = limit == 0 ? kUnsentMax : std::min(kUnsentMax, limit);
  const auto add = [&](const std::string& name, UnsentReason reason) {
    if (static_cast<std::uint64_t>(request->unsent_tables_size()) >= most) return;
    request->add_unsent_tables(name);
    request->add_unsent_reasons(static_cast<v1::UnsentReason>(reason));
  };
  const std::set<std::string> left = FindTablesLeft(run, cycle);
  for (const SourceTable& table : run.schema.tables) {
    const std::string& name = table.schema.name;
    const TableReport& report = run.ReportOf(name);
    if (sent.contains(name)) continue;
    if (run.options.lacks_log && run.options.lacks_log(report)) add(name, UnsentReason::kNoLog);
    if (report.result <= TableResult::kBlocked) continue;
    add(name, !cycle.is_last && left.contains(name) ? UnsentReason::kAgain : report.unsent);
  }
  const std::map<std::string, std::size_t> names = CountNames(run.schema);
  for (const RefusedTable& table : run.schema.refused) {
    add(table.name, names.at(FoldName(table.name)) > 1 ? UnsentReason::kTwin : UnsentReason::kNotAnnounced);
  }
  for (const std::string& name : run.options.refused) add(name, UnsentReason::kNotAnnounced);
}

/// Takes the mirror's comparison of the number of rows of each table.
void TakeVerdicts(RunContext& run, Cycle& cycle, const v1::ReplicationCompletedResponse& response) {
  for (const v1::TableVerdict& verdict : response.tables()) {
    const std::string& table = verdict.table();
    if (cycle.compared.contains(table)) continue;
    // A row count never clears a table whose digests or receipt are in doubt.
    const bool doubted = cycle.compare_again.contains(table) || run.distrusted.contains(table);
    if (verdict.comparison() == v1::COMPARISON_EQUAL && !doubted) run.state.tables().SetSuspect(table, false);
    if (verdict.comparison() != v1::COMPARISON_DIFFERS) continue;
    run.state.tables().SetSuspect(table, true);
    if (cycle.can_compare) cycle.compare_again.insert(table);
    TableReport& report = run.ReportOf(table);
    report.result = TableResult::kFailed;
    report.reason =
        absl::StrCat(verdict.reason(), ". What was sent is committed; the next run ",
                     cycle.can_compare ? "compares the table and repairs it" : "sends the table whole");
  }
}

/// Returns the positions that the mirror showed or acknowledged: all are on its disk now.
std::map<std::string, Position> FindDurable(const RunContext& run, const Cycle& cycle) {
  std::map<std::string, Position> durable;
  for (std::size_t i = 0; i < cycle.statuses.size(); ++i) {
    const Position position = DecodePosition(cycle.statuses[i].position());
    if (position.lsn.value >= 0) durable[run.schema.tables[i].schema.name] = position;
  }
  for (const Job& job : cycle.jobs) {
    if (job.committed) durable[job.schema.name] = job.sent;
  }
  return durable;
}

absl::Status KeepDurable(RunContext& run, const Cycle& cycle) {
  const std::map<std::string, Position> durable = FindDurable(run, cycle);
  for (const auto& [table, position] : durable) {
    // A table that was not read still has its former form.
    const SourceTable* const source = run.FindTable(table);
    if (source == nullptr || !source->problem.empty() || !source->later.empty()) continue;
    run.state.tables().SetConfirmed(table, position, run.history.FormOf(table));
  }
  RETURN_IF_ERROR(run.state.Save());
  if (absl::Status kept = run.history.Forget(durable); !kept.ok()) {
    run.AddNote(absl::StrCat("old entries of the change log could not be removed: ", kept.message()));
  }
  return absl::OkStatus();
}

/// To be called before the end of a cycle without rows that follows a broken one. A cycle
/// with rows notes this before the first row is sent; any other cycle writes nothing.
absl::Status NoteCompleting(RunContext& run, const Cycle& cycle) {
  const bool noted = run.marks == nullptr || !cycle.follows_broken || !cycle.jobs.empty();
  return noted ? absl::OkStatus() : run.marks->NoteCompleting(cycle.id);
}

/// To be called after the mirror's OK.
absl::Status NoteCompleted(RunContext& run, const Cycle& cycle) {
  const bool noted = run.marks == nullptr || (!cycle.follows_broken && cycle.jobs.empty());
  return noted ? absl::OkStatus() : run.marks->NoteCompleted(cycle.id);
}

v1::ReplicationCompletedRequest CompletionOf(RunContext& run, const Cycle& cycle, Sent which,
                                             bool tells_times) {
  v1::ReplicationCompletedRequest request;
  request.set_cycle(cycle.id);
  AddSent(cycle, which, &request);
  AddCompared(cycle, &request);
  if (tells_times) AddTimes(run, cycle, which, &request);
  if (cycle.shows_unsent) {
    std::set<std::string> sent;
    if (which == Sent::kAll) {
      for (const Job& job : cycle.jobs) sent.insert(job.schema.name);
    }
    AddUnsent(run, cycle, sent, &request);
  }
  return request;
}

/// Completes a cycle that its rows did not end.
absl::StatusOr<EndOfCycle> Complete(RunContext& run, const Cycle& cycle, bool tells_times) {
  EndOfCycle end{CompletionOf(run, cycle, Sent::kCommitted, tells_times), {}};
  if (run.marks != nullptr && !cycle.shows_unsent) AddUnsentNames(run, &end.request);
  RETURN_IF_ERROR(NoteCompleting(run, cycle));
  ASSIGN_OR_RETURN(v1::ReplicationCompletedResponse response, run.client.ReplicationCompleted(end.request));
  end.response = std::move(response);
  return end;
}

/// Checks that there is one verdict for each table of the request,
/// in its order. Errors: kInternal, with the state that this left.
absl::Status CheckVerdicts(const v1::ReplicationCompletedRequest& request,
                           const v1::ReplicationCompletedResponse& response) {
  bool same = response.tables_size() == request.tables_size();
  for (int i = 0; same && i < request.tables_size(); ++i) {
    same = response.tables(i).table() == request.tables(i).table();
  }
  if (same) return absl::OkStatus();
  return absl::InternalError(
      "the endpoint ended the cycle without a row count for each table. What was acknowledged is committed; "
      "the next run continues from there");
}

}  // namespace

bool ShallRepair(const RunContext& run, const std::string& table) {
  return run.options.repair || run.state.tables().IsTakenOver(table) != TakenOver::kNo;
}

std::set<std::string> FindTablesLeft(const RunContext& run, const Cycle& cycle) {
  std::set<std::string> left = cycle.compare_again;
  for (const Job& job : cycle.jobs) {
    if (job.again) left.insert(job.schema.name);
  }
  for (const auto& [table, found] : cycle.differ) {
    if (ShallRepair(run, table)) left.insert(table);
  }
  return left;
}

v1::ReplicationCompletedRequest CompletionIfSent(RunContext& run, const Cycle& cycle) {
  return CompletionOf(run, cycle, Sent::kAll, /*tells_times=*/true);
}

absl::Status EndCycle(RunContext& run, Cycle& cycle, const absl::Status& status) {
  if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) return absl::OkStatus();
  if (absl::IsAborted(status)) return run.lock.End();
  const absl::StatusOr<EndOfCycle> end =
      cycle.ended ? absl::StatusOr<EndOfCycle>(*cycle.ended) : Complete(run, cycle, status.ok());
  if (!end.ok()) {
    if (absl::IsAborted(end.status())) (void)run.lock.End();
    return end.status();
  }
  NoteCounted(run, cycle);
  CrashPoint("agent.completed");
  if (absl::Status noted = NoteCompleted(run, cycle); !noted.ok()) {
    (void)run.lock.End();  // The cycle is over in any case.
    return noted;
  }
  if (absl::Status checked = CheckVerdicts(end->request, end->response); !checked.ok()) {
    (void)run.lock.End();  // The cycle is over in any case.
    return checked;
  }
  run.AddNote(run.receipts.End(end->response.signed_receipts(), run.client));
  TakeVerdicts(run, cycle, end->response);
  RETURN_IF_ERROR(KeepDurable(run, cycle));
  if (cycle.takes_heartbeats && end->request.source_time_ms() > 0) {
    const auto& stale = end->request.stale_tables();
    run.report.heartbeat = {cycle.id, cycle.holder, run.history.source_id(), {stale.begin(), stale.end()}};
  }
  CrashPoint("agent.forgot");
  return run.lock.End();
}

}  // namespace mirror
