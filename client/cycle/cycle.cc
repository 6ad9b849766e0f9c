#include "client/cycle/cycle.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "client/cycle/comparison.h"
#include "client/cycle/cycle_end.h"
#include "client/cycle/job_plan.h"
#include "client/cycle/run_context.h"
#include "client/source/reader.h"
#include "client/wire/row_sender.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/codec.h"
#include "proto/wire/exchange/ledger.h"
#include "proto/wire/heartbeat.h"
#include "proto/wire/limits.h"
#include "proto/wire/refusal.h"
#include "proto/wire/source_objects_codec.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

// The agent trusts the endpoint's intent, but the endpoint may have errors: the agent checks its answers
// before it uses them. Errors: kInternal; the message says what is wrong and what state that left.

/// Below these limits rows could be sent only in tiny pieces, or never. 0 means "not set".
constexpr std::size_t kMessageBytesMin = 64 << 10, kPartBytesMin = 4 << 10;

/// Checks that rows can be sent within these limits.
absl::Status CheckLimits(const v1::Limits& limits) {
  const auto too_small = [](const char* name, std::size_t limit, std::size_t min) {
    return absl::InternalError(
        absl::StrCat("the endpoint says ", name, " = ", limit, ", but rows need at least ", min,
                     " bytes. No row was sent; the endpoint's operator has to raise the limit"));
  };
  if (limits.message_bytes_max() > 0 && limits.message_bytes_max() < kMessageBytesMin) {
    return too_small("message_bytes_max", limits.message_bytes_max(), kMessageBytesMin);
  }
  if (limits.part_bytes_max() > 0 && limits.part_bytes_max() < kPartBytesMin) {
    return too_small("part_bytes_max", limits.part_bytes_max(), kPartBytesMin);
  }
  return absl::OkStatus();
}

/// Checks that there is one answer for each table, in the request's order, and none leaves out a key.
absl::Status CheckTables(const v1::TableSchemaRequest& request, const v1::TableSchemaResponse& response) {
  if (response.tables_size() != request.tables_size()) {
    return absl::InternalError("the endpoint did not answer for each announced table. No row was sent");
  }
  for (int i = 0; i < request.tables_size(); ++i) {
    const v1::Table& table = request.tables(i);
    const v1::TableStatus& status = response.tables(i);
    if (status.table() != table.name()) {
      return absl::InternalError(absl::StrCat("the endpoint's answer for table '", table.name(),
                                              "' names another table. No row was sent"));
    }
    for (int column = 0; column < table.columns_size() && column < status.rules_size(); ++column) {
      if (table.columns(column).key_position() == 0) continue;
      if (status.rules(column) != v1::COLUMN_RULE_LEFT_OUT) continue;
      return absl::InternalError(absl::StrCat("the endpoint wants table '", table.name(), "' without '",
                                              table.columns(column).name(),
                                              "', which is part of its key. No row was sent"));
    }
  }
  return absl::OkStatus();
}

absl::Status NoTable(const SourceSchema& schema) {
  if (!schema.refused.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("no table of the source can be mirrored. Nothing was announced, since that would drop "
                     "every table of the mirror. '",
                     schema.refused.front().name, "': ", schema.refused.front().reason));
  }
  return absl::FailedPreconditionError(
      "the source has no table to mirror. Nothing was announced, since that would drop every table of the "
      "mirror; check 'path' or 'dsn', 'include', 'skip' and 'blocked' of its [[source]]");
}

void ApplyTargetRules(const RunContext& run, SourceSchema* schema) {
  for (SourceTable& table : schema->tables) {
    const TargetRule rule = run.RuleOf(table.schema.name);
    table.schema.preserve_target = rule.preserve_target;
    if (rule.deletes != Deletes::kApply) table.schema.deletes = rule.deletes;
  }
}

absl::Status CheckRepopulate(const RunContext& run) {
  for (const std::string& wanted : run.options.repopulate) {
    if (run.FindTable(wanted) == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("the source has no table '", wanted, "' to repopulate. Nothing was sent"));
    }
  }
  return absl::OkStatus();
}

void AddLeftOut(const std::vector<RefusedTable>& tables, TableResult result, CycleReport* run_report) {
  for (const RefusedTable& table : tables) {
    TableReport& report = run_report->tables.emplace_back();  // Not by name: any name may occur.
    report.table = table.name;
    report.reason = table.reason;
    report.result = result;
    report.unsent = UnsentReason::kNotAnnounced;
  }
}

/// Fails if a table was announced before and cannot be announced now: the mirror would set it aside as
/// dropped. If another table of the schema has the same name, that other table was announced before.
absl::Status CheckRefused(const RunContext& run) {
  const std::vector<std::string> announced = run.state.tables().Names();
  for (const RefusedTable& table : run.schema.refused) {
    const bool was = run.FindTable(table.name) == nullptr &&
                     std::any_of(announced.begin(), announced.end(),
                                 [&](const std::string& name) { return SameName(name, table.name); });
    if (!was) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("table '", table.name, "' was announced before and cannot be now: ", table.reason,
                     ". Nothing of the source was sent, since the mirror would set the table aside as "
                     "dropped. Correct that, or remove its [[source.table]]"));
  }
  return absl::OkStatus();
}

void NoteIdlePatterns(RunContext& run) {
  for (const std::string& pattern : run.schema.idle_patterns) {
    run.AddNote(
        absl::StrCat("no table of the source matches '", pattern, "' of 'include', 'skip' or 'blocked'"));
  }
}

void NoteGoneTables(RunContext& run) {
  std::vector<std::string> gone = run.state.tables().Names();
  std::erase_if(gone, [&run](const std::string& name) { return run.FindTable(name) != nullptr; });
  if (gone.empty()) return;
  run.AddNote(absl::StrCat(Counted(gone.size(), "table"), gone.size() == 1 ? " is" : " are",
                           " no longer announced; if the mirror accepts this run, it sets them aside: ",
                           ListNames(gone, kNamesListed)));
}

/// Reports errors before anything is sent, and adds notes for people.
absl::Status CheckFirstLook(RunContext& run) {
  RETURN_IF_ERROR(CheckRepopulate(run));
  AddLeftOut(run.schema.refused, TableResult::kRefused, &run.report);
  RETURN_IF_ERROR(CheckRefused(run));
  AddLeftOut(run.schema.blocked, TableResult::kBlocked, &run.report);
  if (run.schema.tables.empty()) return NoTable(run.schema);
  for (const std::string& note : run.schema.notes) run.AddNote(note);
  ASSIGN_OR_RETURN(std::string moved, run.history.Bind(run.reader.Mark()));
  run.AddNote(std::move(moved));
  NoteIdlePatterns(run);
  NoteGoneTables(run);
  return absl::OkStatus();
}

/// Forgets types that columns got from values which do not fit the declared type. Does so for tables that an
/// operator wants populated, and for tables that the mirror refused because of such a type: rows with these
/// values may have been deleted since. False: there was nothing to forget.
bool ForgetTypes(RunContext& run) {
  bool forgot = false;
  for (const SourceTable& table : run.schema.tables) {
    const std::string& name = table.schema.name;
    const bool is_due =
        run.IsAskedFor(name) ||
        run.state.tables().ShallLookAtKey(name, run.options.now_ms, run.options.key_look_interval_ms);
    if (!table.widened || !is_due) continue;
    run.reader.Forget(name);
    run.state.tables().SetKeyRefused(name, std::nullopt);
    forgot = true;
  }
  return forgot;
}

/// Reads the source's present schema, and adapts the history to it. Errors: the source's;
/// kUnavailable: its table definitions changed during each of several readings.
absl::Status LookAtSource(RunContext& run) {
  for (int repeat = 0; repeat <= kMovedRepeats; ++repeat) {
    RETURN_IF_ERROR(run.history.Refresh());
    ASSIGN_OR_RETURN(const std::vector<std::string> names, run.reader.TableNames());
    if (names.empty()) return NoTable(run.schema);
    ASSIGN_OR_RETURN(std::vector<std::string> news, run.history.Renew(names));
    for (std::string& sentence : news) run.AddNote(std::move(sentence));
    ASSIGN_OR_RETURN(SourceSchema schema, run.reader.Schema());
    run.schema = std::move(schema);
    ApplyTargetRules(run, &run.schema);
    std::vector<SourceTable>& tables = run.schema.tables;
    const bool complete = std::all_of(tables.begin(), tables.end(), [&run](SourceTable& table) {
      return run.history.Complete(table.schema);
    });
    if (complete) return absl::OkStatus();
  }
  return absl::UnavailableError(
      "the source's table definitions changed again and again while they were read. Nothing was sent; run "
      "again when they no longer change");
}

/// Reads the schema for the first time in a run. Reads it again if ForgetTypes() changed it,
/// reports errors before anything is sent, and adds notes for people. Errors: also those
/// after which the run cannot continue.
absl::Status LookFirst(RunContext& run) {
  absl::Status looked = LookAtSource(run);
  if (looked.ok() && ForgetTypes(run)) looked = LookAtSource(run);
  return looked.ok() ? CheckFirstLook(run) : looked;
}

/// Notes in the source that rows are being sent: tables without a log have no record of it there.
absl::Status NoteSending(RunContext& run, const Cycle& cycle) {
  if (run.marks == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const CycleMarks::Cycles noted, run.marks->Read());
  return noted.completing == cycle.id ? absl::OkStatus() : run.marks->NoteCompleting(cycle.id);
}

UnsentReason FindWhyUnsent(const Job& job) {
  if (job.error.ok() || absl::IsCancelled(job.error)) return UnsentReason::kStopped;
  if (job.refused) return UnsentReason::kEndpoint;
  return job.again ? UnsentReason::kMoved : FindWhyUnread(job.error);
}

/// Makes the target positions of the jobs durable, before a row is read. Errors: the state's, the history's.
absl::Status RecordTargets(RunContext& run, Cycle& cycle) {
  std::vector<std::string> names;
  for (const SourceTable& table : run.schema.tables) {
    names.push_back(table.schema.name);
    run.state.tables().SetRecord(table.schema.name, table.record);
  }
  run.state.tables().Retain(names);
  RETURN_IF_ERROR(run.state.Save());
  if (cycle.jobs.empty()) return absl::OkStatus();
  std::int64_t highest = 0;
  for (const v1::TableStatus& status : cycle.statuses) {
    highest = std::max({highest, status.position().lsn(), status.pending().lsn()});
  }
  std::vector<std::string> sending;
  for (const Job& job : cycle.jobs) sending.push_back(job.schema.name);
  ASSIGN_OR_RETURN(const auto targets, run.history.Begin(sending, highest));
  for (Job& job : cycle.jobs) job.target = targets.at(job.schema.name);
  return sending.empty() ? absl::OkStatus() : NoteSending(run, cycle);
}

/// Makes the reader read all tables of a source with an exchange as of one moment from here on,
/// unchanged tables included. So a row that moves from one table to another is in one of them.
/// Called after RecordTargets(), which it repeats if it adds jobs. Errors: also the source's.
absl::Status HoldMoment(RunContext& run, Cycle& cycle) {
  if (run.marks == nullptr || cycle.jobs.empty()) return absl::OkStatus();
  for (;;) {  // Each time at least one more table has a job.
    const bool with_changes = std::any_of(cycle.jobs.begin(), cycle.jobs.end(), [](const Job& job) {
      return job.decision.kind == Decision::Kind::kChanges;
    });
    ASSIGN_OR_RETURN(const bool held, run.reader.HoldMoment(with_changes));
    if (!held) return absl::OkStatus();
    ASSIGN_OR_RETURN(const bool more, MakeJobsOfChanged(run, cycle));
    if (!more) return absl::OkStatus();
    // The target positions must be recorded before their rows are read.
    run.reader.LeaveMoment();
    RETURN_IF_ERROR(RecordTargets(run, cycle));
  }
}

/// Sends the rows of all jobs. Errors: those that end the cycle; errors of a single table are in its job.
absl::Status SendJobs(RunContext& run, Cycle& cycle) {
  if (cycle.jobs.empty()) return absl::OkStatus();
  const CycleOptions& options = run.options;
  SenderOptions sending{options.batch_bytes, options.window, options.read_ahead, {},
                        run.receipts.on(),   options.stop,   options.staging};
  // A comparison with the mirror must read the source as of the moment of the sent rows.
  sending.leaves_moment = !ShallCompareAny(run, cycle);
  // A cycle that ends with its rows reports the tables' time before their receipts are checked. If a commit
  // gives no time for its table, the cycle's end must not give one before that check.
  const bool commits_tell =
      std::all_of(cycle.jobs.begin(), cycle.jobs.end(), [](const Job& job) { return job.tells_time; });
  // A source with an exchange notes the result of each cycle on its own side.
  if (sending.leaves_moment && run.marks == nullptr && (commits_tell || !run.receipts.on())) {
    sending.completed = [&run, &cycle] { return CompletionIfSent(run, cycle); };
  }
  if (options.progress) {
    sending.progress = [&options](const Job& job) {
      options.progress({"sending", job.schema.name, job.inserts + job.updates + job.deletes, job.expected});
    };
  }
  RowSender sender(run.reader, run.client, cycle.id, cycle.limits, std::move(sending));
  absl::Status sent = sender.Send(cycle.jobs);
  cycle.ended = sender.ended();
  return sent;
}

/// Reports the results of the jobs. `status`: of the cycle so far.
void ReportJobs(RunContext& run, const Cycle& cycle, const absl::Status& status) {
  for (const Job& job : cycle.jobs) {
    TableReport& report = run.ReportOf(job.schema.name);
    for (const std::string& note : job.notes) run.AddNote(note);
    if (job.lsn >= 0) report.lsn = job.lsn;
    if (job.committed) {
      report.result = TableResult::kOk;
      // A run sends a table more than once after a comparison, or if it changed while it was read.
      report.inserts += job.inserts;
      report.updates += job.updates;
      report.deletes += job.deletes;
      continue;
    }
    report.result = job.held ? TableResult::kHeld : TableResult::kFailed;
    report.unsent = FindWhyUnsent(job);
    if (!job.error.ok()) {
      report.reason = std::string(job.error.message());
    } else {
      report.reason =
          status.ok() ? "the endpoint did not acknowledge its commit" : std::string(kCycleEndedFirst);
    }
  }
}

/// Stores the mirror's receipts. A table whose receipt does not match the rows sent is to be compared.
void TakeReceipts(RunContext& run, Cycle& cycle) {
  if (!run.receipts.on()) return;
  for (const Job& job : cycle.jobs) {
    if (!job.committed) continue;
    const std::string wrong = run.receipts.Take(job, cycle.id, run.client.context_id());
    if (wrong.empty()) continue;
    run.AddNote(wrong);
    TableReport& report = run.ReportOf(job.schema.name);
    report.result = TableResult::kFailed;
    report.reason = "its receipt does not match what was sent";
    report.unsent = UnsentReason::kComparison;
    run.state.tables().SetSuspect(job.schema.name, true);
    run.distrusted.insert(job.schema.name);
    if (cycle.can_compare) cycle.compare_again.insert(job.schema.name);
  }
  if (!run.distrusted.empty()) {
    // Saved even if the end of the cycle does not arrive.
    if (absl::Status saved = run.state.Save(); !saved.ok()) run.AddNote(std::string(saved.message()));
  }
  run.AddNote(run.receipts.Save());
}

std::size_t EntriesOf(const v1::Table& table) {
  std::size_t entries = 1 + static_cast<std::size_t>(table.columns_size());
  for (const v1::Column& column : table.columns()) entries += column.has_default_value() ? 1 : 0;
  return entries;
}

/// Returns the indexes and foreign keys to announce; absent: none. They may not fit the schema of a table
/// that cannot be read, because it is announced as it was before.
std::optional<SourceObjects> Told(const SourceTable& table, const std::set<std::string>& announced) {
  if (!table.objects) return std::nullopt;
  SourceObjects told = *table.objects;
  told.more += static_cast<std::uint32_t>(std::erase_if(told.foreign_keys, [&](const SourceForeignKey& key) {
    return !announced.contains(FoldName(key.table));
  }));
  if (!CheckObjects(told, table.schema).ok()) return std::nullopt;
  return told;
}

/// Reduces objects that do not fit to their number.
SourceObjects OnlyCounted(const SourceObjects& objects) {
  SourceObjects counted;
  counted.more = objects.more + static_cast<std::uint32_t>(objects.indexes.size() + objects.untold.size() +
                                                           objects.foreign_keys.size());
  return counted;
}

/// Encodes the tables of an announcement. Indexes and foreign keys are included only while
/// they leave half of a request to the tables themselves, and foreign keys only to tables
/// that are also announced. The number of omitted ones is included if it still fits.
void EncodeAnnouncement(const std::vector<SourceTable>& tables, const v1::Limits& limits,
                        v1::TableSchemaRequest* request) {
  std::set<std::string> announced;
  std::size_t entries = 0;
  const bool tells_identities =
      std::any_of(tables.begin(), tables.end(), [](const SourceTable& table) { return table.identity != 0; });
  for (const SourceTable& table : tables) {
    EncodeTable(table.schema, request->add_tables());
    if (tells_identities) request->add_table_identities(table.identity);
    entries += EntriesOf(*request->tables().rbegin());
    announced.insert(FoldName(table.schema.name));
  }
  const std::size_t entries_max =
      (limits.message_entries_max() == 0 ? kMessageEntriesMax : limits.message_entries_max()) / 2;
  const std::size_t bytes_max = limits.message_bytes_max() / 2;
  std::size_t bytes = request->ByteSizeLong();
  const auto take = [&](const SourceObjects& objects, v1::Table* table) {
    v1::SourceObjects message;
    EncodeObjects(objects, &message);
    constexpr std::size_t kAround = 8;  // The field's tag, and growing lengths.
    const std::size_t more_bytes = message.ByteSizeLong() + kAround, more_entries = EntriesOf(objects);
    if (entries + more_entries > entries_max || bytes + more_bytes > bytes_max) return false;
    entries += more_entries;
    bytes += more_bytes;
    *table->mutable_source_objects() = std::move(message);
    return true;
  };
  for (std::size_t i = 0; i < tables.size(); ++i) {
    v1::Table* const table = request->mutable_tables(static_cast<int>(i));
    const std::optional<SourceObjects> told = Told(tables[i], announced);
    if (told && !take(*told, table)) take(OnlyCounted(*told), table);
  }
}

/// Without a cycle's id.
v1::TableSchemaRequest MakeAnnouncement(const RunContext& run, const v1::Limits& limits) {
  v1::TableSchemaRequest request;
  request.set_source_id(run.history.source_id());
  EncodeAnnouncement(run.schema.tables, limits, &request);
  return request;
}

/// Digest of the announcement of all tables of the schema, if it equals the last one and
/// the mirror may know it. Empty: it does not. See AuthenticateRequest.announced_sha256.
std::string KnownAnnouncement(const RunContext& run) {
  const Announced& known = run.state.announced();
  if (known.sha256.empty()) return "";
  v1::Limits limits;
  limits.set_message_bytes_max(known.message_bytes_max);
  limits.set_message_entries_max(known.message_entries_max);
  return AnnouncementSha256(MakeAnnouncement(run, limits)) == known.sha256 ? known.sha256 : "";
}

/// Announces all tables of the schema, unless BeginCycle() did; then the cycle has the mirror's
/// answer for each. Errors: the call's; kInternal: the answer does not match the announcement.
absl::Status AnnounceTables(RunContext& run, Cycle& cycle) {
  v1::TableSchemaRequest request = MakeAnnouncement(run, cycle.limits);
  const std::string sha256 = AnnouncementSha256(request);
  absl::StatusOr<v1::TableSchemaResponse> response;
  if (cycle.announced && cycle.announced_sha256 == sha256) {
    response = *std::move(cycle.announced);
  } else {
    request.set_cycle(cycle.id);
    response = run.client.TableSchema(request);
  }
  if (!response.ok()) return response.status();
  RETURN_IF_ERROR(CheckTables(request, *response));
  run.state.SetAnnounced({sha256, cycle.limits.message_bytes_max(), cycle.limits.message_entries_max()});
  cycle.statuses.assign(response->tables().begin(), response->tables().end());
  run.report.tables_held = response->held_tables_size() > 0;
  if (!cycle.IsFirst()) return absl::OkStatus();
  if (run.report.tables_held) run.AddNote(response->held_reason());
  // All findings from here on, unchanged tables included, are of a time after this moment.
  run.looked_ms = NowMs();
  return absl::OkStatus();
}

/// Longest wait for a new token. After an unclean stop, an endpoint refuses tokens that were issued before
/// a second that it names ("mirror-new-token" in mirror_client.proto). That second is at most about ten
/// seconds ahead of the endpoint's clock; the rest is for the difference of the two clocks.
constexpr std::chrono::seconds kNewTokenWaitMax(12);

/// Older endpoints do not say who paused the tenant.
bool IsWanted(v1::DoNotReplicateBy by) {
  return by == v1::DO_NOT_REPLICATE_BY_OPERATOR || by == v1::DO_NOT_REPLICATE_BY_UNSPECIFIED;
}

const char* Asker(v1::DoNotReplicateBy by) {
  switch (by) {
    case v1::DO_NOT_REPLICATE_BY_MISS:
      return "the mirror paused itself until its operator resumes it: ";
    case v1::DO_NOT_REPLICATE_BY_HOOK:
      return "a hook of the mirror refused the cycle: ";
    case v1::DO_NOT_REPLICATE_BY_DELETED:
      return "an operator deleted the mirror: ";
    case v1::DO_NOT_REPLICATE_BY_MOVE:
      return "the mirror takes no changes at this server: ";
    default:
      return "";
  }
}

/// `may_run`: a cycle of this agent may still run, here or at another endpoint.
/// Then its holder id is kept, so that a later run can take the cycle over.
absl::StatusOr<bool> NotAccepted(RunContext& run, const v1::AuthenticateResponse& answer, bool may_run) {
  if (!may_run) RETURN_IF_ERROR(run.lock.End());
  if (answer.has_busy()) {
    run.report.outcome = Outcome::kBusy;
    run.report.reason =
        answer.reason().empty()
            ? absl::StrCat("cycle ", answer.busy().cycle(), " of another agent is at work for tenant '",
                           run.client.context_id(), "'. Nothing was sent; try again later")
            : answer.reason();
    return false;
  }
  if (answer.do_not_replicate()) {
    const v1::DoNotReplicateBy by = answer.do_not_replicate_by();
    run.report.outcome = IsWanted(by) ? Outcome::kDoNotReplicate : Outcome::kStopped;
    run.report.reason = absl::StrCat(Asker(by), answer.reason());
    return false;
  }
  return absl::InternalError("the endpoint began no cycle and gave no reason. Nothing was sent");
}

/// Waits until the unix second `from_s`, from which on the endpoint accepts tokens as new. Returns at once
/// if it has passed, or is more than kNewTokenWaitMax away, because then the clocks differ.
void AwaitSecond(const absl::Cord& from_s) {
  std::int64_t second = 0;
  if (!absl::SimpleAtoi(std::string(from_s), &second)) return;
  const auto now = std::chrono::system_clock::now();
  const std::chrono::sys_seconds begin{std::chrono::seconds(second)};
  if (begin > now && begin <= now + kNewTokenWaitMax) std::this_thread::sleep_until(begin);
}

absl::StatusOr<v1::AuthenticateResponse> Authenticate(RunContext& run, const std::string& holder,
                                                      bool take_over,
                                                      const std::optional<KnownCycles>& cycles,
                                                      const std::string& announced_sha256) {
  const auto ask = [&] {
    return run.client.Authenticate(holder, take_over, /*probe=*/false, run.receipts.known(), cycles,
                                   announced_sha256);
  };
  absl::StatusOr<v1::AuthenticateResponse> answer = ask();
  // The endpoint has started after an unclean stop, and may have accepted this token before. A token that
  // is issued from that second on is accepted.
  if (const auto from_s = answer.status().GetPayload(kNewTokenPayload)) {
    AwaitSecond(*from_s);
    answer = ask();
  }
  if (answer.ok() && answer->accepted()) run.AddNote(run.receipts.Begin(*answer, run.client));
  return answer;
}

/// Asks the mirror for a cycle. False: it gives none, and the report says why.
/// Errors: the lock's, the call's; kInternal: an answer without content.
absl::StatusOr<bool> BeginCycle(RunContext& run, Cycle& cycle) {
  ASSIGN_OR_RETURN(const LockFile::Holder holder, run.lock.Begin());
  run.report.heartbeat.reset();
  CrashPoint("agent.locked");
  std::optional<KnownCycles> cycles;
  if (run.marks != nullptr) {
    ASSIGN_OR_RETURN(const CycleMarks::Cycles noted, run.marks->Read());
    cycles = {noted.completing, noted.completed};
    cycle.follows_broken = noted.broken();
  }
  // A cycle that died may have died because of the known announcement.
  if (!holder.take_over) cycle.announced_sha256 = KnownAnnouncement(run);
  const auto authenticate = [&](bool take_over) {
    return Authenticate(run, holder.id, take_over, cycles, cycle.announced_sha256);
  };
  absl::StatusOr<v1::AuthenticateResponse> answer = authenticate(holder.take_over);
  const bool may_run = holder.take_over || (answer.ok() && answer->accepted());
  // Each answer has a limited number of receipts, and the cycle's own are stored only after all earlier ones.
  for (int i = 1; i < kReceiptAnswersMax && answer.ok() && answer->accepted() && run.receipts.behind(); ++i) {
    answer = authenticate(/*take_over=*/true);
  }
  if (!answer.ok()) return answer.status();
  if (!answer->accepted()) return NotAccepted(run, *answer, may_run);
  run.report.cycle = cycle.id = answer->cycle();
  cycle.holder = holder.id;
  cycle.limits = answer->limits();
  if (answer->has_announced()) cycle.announced = std::move(*answer->mutable_announced());
  if (run.marks != nullptr) run.marks->Begin(cycle.id);
  const auto& capabilities = answer->capabilities();
  const auto has = [&capabilities](const char* name) {
    return std::find(capabilities.begin(), capabilities.end(), name) != capabilities.end();
  };
  cycle.can_compare = has("digest_ranges");
  cycle.shows_unsent = has(kUnsentCapability);
  cycle.takes_heartbeats = has(kHeartbeatCapability);
  run.report.delivers = cycle.delivers = has("deliveries");
  if (!cycle.delivers) {
    // An endpoint without an exchange does not accept a table with this name.
    std::erase_if(run.schema.tables,
                  [](const SourceTable& table) { return table.schema.name == kLedgerTable; });
  }
  return true;
}

absl::Status ForPeople(const absl::Status& status, const Cycle& cycle) {
  if (!absl::IsAborted(status)) return status;
  return absl::AbortedError(absl::StrCat(
      "cycle ", cycle.id,
      " was ended at the mirror: by an operator (invalidate, reset, pause), by another agent, by a restore "
      "of its database, or after ten minutes without progress. What was acknowledged before is committed, "
      "the rest is not; run again to continue from there"));
}

/// Runs the steps of a cycle between its begin and its end.
absl::Status RunSteps(RunContext& run, Cycle& cycle) {
  // The source saves its identity before the mirror learns of it.
  absl::Status status = CheckLimits(cycle.limits);
  if (status.ok()) status = run.state.Save();
  if (status.ok()) status = AnnounceTables(run, cycle);
  if (status.ok()) MakeJobs(run, cycle);
  CrashPoint("agent.announced");
  if (status.ok()) status = RecordTargets(run, cycle);
  CrashPoint("agent.recorded");
  if (status.ok()) status = HoldMoment(run, cycle);
  if (status.ok()) status = SendJobs(run, cycle);
  CrashPoint("agent.sent");
  ReportJobs(run, cycle, status);
  TakeReceipts(run, cycle);
  // If the cycle ended already, newly due tables are compared in the next one.
  if (status.ok() && !cycle.ended) status = CompareTables(run, cycle);
  run.reader.LeaveMoment();
  CrashPoint("agent.compared");
  return status;
}

/// False: no cycle began, and the report says why.
absl::StatusOr<bool> RunCycle(RunContext& run, Cycle& cycle) {
  const absl::StatusOr<bool> began = BeginCycle(run, cycle);
  if (!began.ok() || !*began) return began;
  CrashPoint("agent.begun");
  const absl::Status status = RunSteps(run, cycle);
  const absl::Status ended = EndCycle(run, cycle, status);
  if (!status.ok()) return ForPeople(status, cycle);
  if (!ended.ok()) return ForPeople(ended, cycle);
  return true;
}

/// Returns a cycle for the work that this one leaves; without tables: nothing is left.
Cycle MakeNextCycle(RunContext& run, Cycle& cycle) {
  Cycle next;
  next.only = FindTablesLeft(run, cycle);
  for (const Job& job : cycle.jobs) {
    if (job.again && job.whole_rows) run.whole_rows.insert(job.schema.name);
  }
  for (auto& [table, found] : cycle.differ) {
    if (ShallRepair(run, table)) next.repairs[table] = std::move(found);
  }
  return next;
}

/// Reports the tables that changed again while they were read for the last time.
void ReportMoved(RunContext& run, const std::vector<Job>& jobs) {
  for (const Job& job : jobs) {
    if (!job.again) continue;
    TableReport& report = run.ReportOf(job.schema.name);
    report.result = TableResult::kFailed;
    report.unsent = UnsentReason::kMoved;
    report.reason = absl::StrCat(job.error.message(), "; the same happened in each of ", kMovedRepeats + 1,
                                 " attempts. Nothing of the table is committed, and readers of the mirror "
                                 "see the old rows. Run again when the source is quiet");
  }
}

absl::Status RunCycles(RunContext& run) {
  Cycle cycle;
  for (int repeat = 0;; ++repeat) {
    const absl::Status looked = repeat == 0 ? LookFirst(run) : LookAtSource(run);
    if (!looked.ok()) return looked;
    ASSIGN_OR_RETURN(const bool began, RunCycle(run, cycle));
    if (!began) return absl::OkStatus();
    run.report.outcome = Outcome::kDone;
    Cycle next = MakeNextCycle(run, cycle);
    if (next.only.empty()) return absl::OkStatus();
    if (repeat == kMovedRepeats) {
      ReportMoved(run, cycle.jobs);
      return absl::OkStatus();
    }
    cycle = std::move(next);
    cycle.is_last = repeat + 1 == kMovedRepeats;
  }
}

/// Completes the terms of heartbeats after the run's last cycle, or removes them.
void SetStale(RunContext& run) {
  std::optional<HeartbeatTerms>& terms = run.report.heartbeat;
  if (!terms) return;
  const bool is_held =
      run.report.tables_held ||
      std::any_of(run.report.tables.begin(), run.report.tables.end(),
                  [](const TableReport& table) { return table.result == TableResult::kHeld; });
  // The endpoint refuses each one until its operator has decided.
  if (is_held || !run.report.status.ok()) return terms.reset();
  std::set<std::string> stale(terms->stale.begin(), terms->stale.end());
  for (const SourceTable& table : run.schema.tables) {
    const std::string& name = table.schema.name;
    const bool is_good = run.ReportOf(name).result == TableResult::kOk && table.later.empty();
    if (!is_good || !run.history.NoticesChanges(name)) stale.insert(name);
  }
  terms->stale.assign(stale.begin(), stale.end());
}

}  // namespace

CycleReport RunOnce(const CycleParts& parts, const CycleOptions& options) {
  RunContext run(parts, options);
  if (absl::Status status = RunCycles(run); !status.ok()) {
    run.report.outcome = Outcome::kFailed;
    run.report.status = std::move(status);
  }
  SetStale(run);
  return std::move(run.report);
}

}  // namespace mirror
