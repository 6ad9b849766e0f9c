
#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/name_pattern.h"
#include "base/printable.h"
#include "base/text/nearest_word.h"
#include "base/text/text_stream.h"
#include "base/text/text_table.h"
#include "client/command/commands.h"
#include "client/command/report.h"
#include "client/command/schedule.h"
#include "client/config/config.h"
#include "client/cycle/cycle.h"
#include "client/run/last_run.h"
#include "client/state/lock_file.h"
#include "client/state/run_state.h"
#include "client/state/work_note.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

using OrderedJson = nlohmann::ordered_json;
using Time = Schedule::Time;
/// Maximum of tables that one line for people names; JSON has all.
constexpr std::size_t kTablesNamed = 10;

/// If the last run ended further in the future than this, the clock was set back since.
constexpr std::chrono::minutes kClockTolerance(5);

/// State of a source, the worst first.
enum class State { kNotKnown, kFailed, kStopped, kCutOff, kOverdue, kNeverRan, kPaused, kGood };

std::string ToString(State state) {
  switch (state) {
    case State::kNotKnown:
      return "not known";
    case State::kFailed:
      return "failed";
    case State::kStopped:
      return "stopped";
    case State::kCutOff:
      return "cut off";
    case State::kOverdue:
      return "overdue";
    case State::kNeverRan:
      return "never ran";
    case State::kPaused:
      return "paused";
    case State::kGood:
      return "good";
  }
  return "";
}

Colour ColourOf(State state) {
  switch (state) {
    case State::kNotKnown:
    case State::kFailed:
      return Colour::kRed;
    case State::kStopped:
    case State::kCutOff:
    case State::kOverdue:
    case State::kPaused:
      return Colour::kYellow;
    case State::kNeverRan:
      break;
    case State::kGood:
      return Colour::kGreen;
  }
  return Colour::kNone;
}

/// Contents of the agent's files on one source.
struct Seen {
  const SourceConfig* source = nullptr;
  LockFile::Look lock = LockFile::Look::kFree;
  std::optional<LastRun> last;
  std::optional<WorkNote::Content> work;  ///< Work of a run in progress.
  /// Begin of a run that did not end, or could not write its result.
  std::optional<std::int64_t> unended_ms;
  std::vector<std::string> suspects;
  std::vector<std::string> problems;
  std::optional<Time> due;
  bool overdue = false;

  bool at_work() const { return lock == LockFile::Look::kHeld; }
  State Standing() const {
    if (!problems.empty()) return State::kNotKnown;
    const bool cut_off = unended_ms || lock == LockFile::Look::kCutOff;
    if (cut_off && (!last || last->good)) return State::kCutOff;
    if (!last) return State::kNeverRan;
    if (last->outcome == Outcome::kStopped) return State::kStopped;
    if (!last->good) return State::kFailed;
    if (overdue) return State::kOverdue;
    return last->outcome == Outcome::kDoNotReplicate ? State::kPaused : State::kGood;
  }
  /// A pause by an operator is good.
  bool Good() const { return Standing() >= State::kPaused; }
};

/// The last run ended before a cycle began, as without an answer of the endpoint: it left nothing unfinished.
bool NeverBegan(const Seen& seen) { return seen.last && !seen.last->good && seen.last->cycle == 0; }

std::int64_t InMs(Time time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}
Time TimeOf(std::int64_t ms) { return Time(std::chrono::milliseconds(ms)); }

std::string Utc(std::int64_t ms) { return ms == 0 ? "" : FormatUnixTime(ms / 1'000); }

Schedule ScheduleOf(const SourceConfig& source) {
  return Schedule(
      std::chrono::milliseconds(source.interval_ms), source.quiet, [] { return 0.5; }, source.cron);
}

Seen Look(const AgentConfig& config, const SourceConfig& source, Time now) {
  Seen seen;
  seen.source = &source;
  const std::string& folder = config.agent.state_dir;
  const std::optional<std::int64_t> begun_ms = LoadMark(folder, source.context_id);
  // The lock is read before LastRun: a run that releases the lock in between has written its result.
  const absl::StatusOr<LockFile::Look> lock = LockFile::LookAt(folder, source.context_id);
  if (lock.ok()) {
    seen.lock = *lock;
  } else {
    seen.problems.emplace_back(lock.status().message());
  }
  if (seen.at_work()) seen.work = WorkNote::Load(folder, source.context_id);
  absl::StatusOr<std::optional<LastRun>> last = LastRun::Load(folder, source.context_id);
  if (last.ok()) {
    seen.last = *std::move(last);
  } else {
    seen.problems.emplace_back(last.status().message());
  }
  // A run that began meanwhile changed the mark, and is at work.
  const bool none_began = LoadMark(folder, source.context_id) == begun_ms;
  // Versions that write no mark may have run since.
  const bool on_record = !last.ok() || (seen.last && seen.last->begun_ms >= begun_ms);
  if (begun_ms && none_began && !on_record && !seen.at_work()) seen.unended_ms = begun_ms;
  const absl::StatusOr<RunState> state = RunState::Load(folder, source.context_id);
  if (state.ok()) {
    seen.suspects = state->tables().Suspects();
  } else {
    seen.problems.emplace_back(state.status().message());
  }
  if (!seen.last) return seen;
  if (TimeOf(seen.last->ended_ms) > now + kClockTolerance) {
    seen.problems.push_back(
        absl::StrCat("the last run ended at ", Utc(seen.last->ended_ms),
                     ", which is in the future: the clock was set back, so it is not known whether a run is "
                     "overdue. Set the clock, or wait for the next run"));
  }
  const Schedule schedule = ScheduleOf(source);
  seen.due = schedule.Regular(TimeOf(seen.last->begun_ms), TimeOf(seen.last->ended_ms));
  seen.overdue = !seen.at_work() && now > schedule.Regular(*seen.due, *seen.due);
  return seen;
}

// --- For programs ---

OrderedJson RunInJson(const LastRun& run) {
  OrderedJson unlogged = OrderedJson::array();
  for (const auto& [table, why] : run.unlogged) unlogged.push_back({{"table", table}, {"reason", why}});
  OrderedJson troubles = OrderedJson::array();
  for (const LastRun::Trouble& one : run.troubles) {
    troubles.push_back({{"table", one.table}, {"result", ToString(one.result)}, {"reason", one.reason}});
  }
  return {{"begun_at", Utc(run.begun_ms)},
          {"ended_at", Utc(run.ended_ms)},
          {"outcome", ToString(run.outcome)},
          {"reason", run.reason},
          {"cycle", run.cycle},
          {"rows", run.rows},
          {"tables_ok", run.ok},
          {"tables_left_out", run.left_out},
          {"troubles", std::move(troubles)},
          {"notes", run.notes},
          {"unlogged", std::move(unlogged)},
          {"deliveries", run.exchange ? ToJson(*run.exchange) : OrderedJson()},
          {"deliveries_wait_since", Utc(run.waiting_since_ms)}};
}

OrderedJson WorkInJson(const WorkNote::Content& work) {
  return {{"begun_at", Utc(work.begun_ms)},
          {"doing", work.doing},
          {"table", work.table},
          {"rows", work.rows},
          {"expected_rows", work.expected}};
}

OrderedJson InJson(const Seen& seen) {
  const SourceConfig& source = *seen.source;
  const LastRun last = seen.last.value_or(LastRun());
  const std::int64_t due_s =
      seen.due ? std::chrono::floor<std::chrono::seconds>(*seen.due).time_since_epoch().count() : 0;
  return {{"context_id", source.context_id},
          {"kind", ToString(source.kind)},
          {"path", source.path},
          {"strategy", ToString(source.strategy)},
          {"interval_s", source.cron ? 0.0 : static_cast<double>(source.interval_ms) / 1'000},
          {"cron", source.cron ? source.cron->text() : ""},
          {"state", ToString(seen.Standing())},
          {"at_work", seen.at_work()},
          {"work", seen.work ? WorkInJson(*seen.work) : OrderedJson()},
          {"last_run", seen.last ? RunInJson(last) : OrderedJson()},
          {"unended_at", Utc(seen.unended_ms.value_or(0))},
          {"last_good_at", Utc(last.good_ms)},
          {"compared_at", Utc(last.compared_ms)},
          {"differing", last.differing},
          {"due_at", Utc(due_s * 1'000)},
          {"overdue", seen.overdue},
          {"suspects", seen.suspects},
          {"last_error_at", Utc(last.error_ms)},
          {"last_error", last.error},
          {"problems", seen.problems}};
}

// --- For people ---

std::string SpanInWords(std::int64_t ms) {
  const std::vector<std::pair<std::int64_t, const char*>> units = {
      {86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}};
  for (const auto& [unit, name] : units) {
    if (ms % unit == 0) return absl::StrCat(ms / unit, name);
  }
  return absl::StrCat(ms, "ms");
}

std::string ScheduleInWords(const SourceConfig& source) {
  std::string words = source.cron ? absl::StrCat("by cron \"", source.cron->text(), "\"")
                                  : absl::StrCat("every ", SpanInWords(source.interval_ms));
  return source.quiet.empty() ? words : words + ", not in quiet hours";
}

/// Returns "sending Track, 45 %", "comparing Track, 1,200 rows".
std::string WorkInWords(const WorkNote::Content& work) {
  const bool part = work.expected > 0 && work.rows <= work.expected;
  return absl::StrCat(
      work.doing, " ", Printable(work.table), ", ",
      part ? absl::StrCat(work.rows * 100 / work.expected, " % of ", Counted(work.expected, "row"))
           : Counted(work.rows, "row"));
}

std::string AtWorkInWords(const Seen& seen, Time now) {
  if (!seen.at_work()) return "no";
  if (!seen.work) return "yes";
  return absl::StrCat(WorkInWords(*seen.work), ", for ", SpanText(InMs(now) - seen.work->begun_ms));
}

std::string DueInWords(const Seen& seen, Time now) {
  if (seen.at_work()) return "after the current run";
  if (!seen.due) {
    const Time first = ScheduleOf(*seen.source).First(now, /*was_good=*/false);
    return first > now ? absl::StrCat(UtcTime(first),
                                      ", when its quiet hours end and if 'mirror-agent run' is running")
                       : "as soon as 'mirror-agent run' starts";
  }
  const std::string time = UtcTime(*seen.due);
  // A run needs some time to begin.
  constexpr auto kGrace = std::chrono::minutes(1);
  if (*seen.due + kGrace < now) return absl::StrCat("was due ", time, ": is 'mirror-agent run' running?");
  return seen.last->good ? time : absl::StrCat("tried again by ", time, " at the latest");
}

/// For a run that got no deliveries from the hub.
std::string NothingHandedOut(const LastRun& run, Time now) {
  const std::string why = Printable(run.exchange->waiting);
  if (run.waiting_since_ms == 0) return absl::StrCat("the hub hands out no deliveries: ", why);
  return absl::StrCat("the hub has handed out no deliveries for ", SpanText(InMs(now) - run.waiting_since_ms),
                      ": ", why);
}

std::string TablesInWords(const std::vector<std::string>& tables) {
  std::vector<std::string> names;
  for (const std::string& name : tables) names.push_back(Printable(name));
  return absl::StrCat(Counted(names.size(), "table"), " (", ListNames(names, kTablesNamed), ")");
}

void PrintLast(const LastRun& run, Time now, std::ostream& out) {
  out << "  last run    " << Utc(run.begun_ms) << " to " << Utc(run.ended_ms) << ": "
      << ToString(run.outcome);
  if (run.cycle != 0) out << ", cycle " << run.cycle;
  out << ", " << Counted(run.rows, "row") << " sent\n";
  if (!run.reason.empty()) out << "              " << Printable(run.reason) << '\n';
  out << "  tables      " << Grouped(run.ok) << " ok";
  if (run.left_out > 0) out << ", " << Grouped(run.left_out) << " left out";
  for (const TableResult result : {TableResult::kFailed, TableResult::kHeld, TableResult::kRefused}) {
    const auto count = std::count_if(run.troubles.begin(), run.troubles.end(),
                                     [&](const LastRun::Trouble& one) { return one.result == result; });
    if (count > 0) out << ", " << count << ' ' << ToString(result);
  }
  out << '\n';
  for (std::size_t i = 0; i < run.troubles.size(); ++i) {
    if (i == kTablesNamed) {
      out << "              and " << run.troubles.size() - i << " more: see --json\n";
      break;
    }
    const LastRun::Trouble& one = run.troubles[i];
    out << "              " << Printable(one.table) << ' ' << ToString(one.result) << ": "
        << Printable(one.reason) << '\n';
  }
  if (!run.unlogged.empty()) {
    out << "  not logged  " << Counted(run.unlogged.size(), "table")
        << ", whose changes are found by comparing\n";
    for (std::size_t i = 0; i < std::min(run.unlogged.size(), kTablesNamed); ++i) {
      out << "              " << Printable(run.unlogged[i].first) << ": " << Printable(run.unlogged[i].second)
          << '\n';
    }
    if (run.unlogged.size() > kTablesNamed)
      out << "              and " << run.unlogged.size() - kTablesNamed << " more: see --json\n";
  }
  if (run.exchange) {
    if (const std::string words = ExchangeInWords(*run.exchange); !words.empty())
      out << "  deliveries  " << words << '\n';
    if (!run.exchange->waiting.empty()) {
      out << "  stopped     " << NothingHandedOut(run, now) << '\n';
    }
    for (const std::string& refusal : run.exchange->refusals)
      out << "              refused: " << Printable(refusal) << '\n';
  }
  for (const std::string& note : run.notes) out << "  note        " << Printable(note) << '\n';
  if (run.tables_held)
    out << "              the mirror's operator has to decide about tables that this source no longer has\n";
  if (!run.good) out << "  last good   " << (run.good_ms == 0 ? "never" : Utc(run.good_ms)) << '\n';
  out << "  compared    " << (run.compared_ms == 0 ? "never" : Utc(run.compared_ms));
  if (!run.differing.empty()) out << ": " << TablesInWords(run.differing) << " not equal";
  out << '\n';
}

std::string UnendedInWords(std::int64_t begun_ms) {
  return absl::StrCat("the run that began at ", Utc(begun_ms), " did not end, or could not save its result");
}

void Print(const Seen& seen, Time now, std::ostream& out) {
  const SourceConfig& source = *seen.source;
  out << source.context_id << ": " << Coloured{ToString(seen.Standing()), ColourOf(seen.Standing())} << '\n'
      << "  source      " << ToString(source.kind) << ", " << Printable(source.path) << ", strategy "
      << ToString(source.strategy) << '\n'
      << "  schedule    " << ScheduleInWords(source) << '\n'
      << "  at work     " << AtWorkInWords(seen, now)
      << (seen.lock == LockFile::Look::kCutOff && !NeverBegan(seen)
              ? ": an agent left a cycle unfinished, the next run takes it over"
              : "")
      << '\n';
  if (seen.last) PrintLast(*seen.last, now, out);
  if (seen.unended_ms) {
    out << "  unended     " << UnendedInWords(*seen.unended_ms) << ". Check the disk of the state folder, "
        << "then run again\n";
  }
  if (!seen.suspects.empty()) {
    out << "  suspect     " << TablesInWords(seen.suspects)
        << ": may differ; the next run compares or populates\n";
  }
  out << "  next run    " << DueInWords(seen, now) << '\n';
  if (seen.last && seen.last->error_ms != 0) {
    out << "  last error  " << Utc(seen.last->error_ms) << ": " << Printable(seen.last->error) << '\n';
  }
}

/// Returns the reason of the state, in few words.
std::string WhyOf(const Seen& seen, Time now) {
  if (!seen.problems.empty()) return seen.problems.front();
  if (seen.at_work()) return seen.work ? absl::StrCat("at work: ", WorkInWords(*seen.work)) : "at work";
  if (seen.last && !seen.last->good) return seen.last->error;
  if (seen.unended_ms) return UnendedInWords(*seen.unended_ms);
  if (seen.lock == LockFile::Look::kCutOff)
    return "the last run was interrupted; the next run continues from there";
  if (!seen.last || seen.overdue) return absl::StrCat("next run ", DueInWords(seen, now));
  if (!seen.last->reason.empty()) return seen.last->reason;
  if (seen.last->exchange && !seen.last->exchange->waiting.empty()) return NothingHandedOut(*seen.last, now);
  if (!seen.last->differing.empty()) return absl::StrCat(TablesInWords(seen.last->differing), " not equal");
  return seen.last->notes.empty() ? "" : seen.last->notes.front();
}

/// Prints one line for each source, those with problems first, and the number of sources in each state.
void PrintLines(std::vector<Seen> all, const StatusOptions& options, Time now, std::ostream& out) {
  std::stable_sort(all.begin(), all.end(),
                   [](const Seen& a, const Seen& b) { return a.Standing() < b.Standing(); });
  std::vector<std::pair<State, std::size_t>> totals;
  TextTable table({{"tenant"},
                   {"state"},
                   {.name = "last run", .goes = 2},
                   {.name = "rows", .number = true, .goes = 1},
                   {.name = "why", .one_line = true}},
                  options.wide ? 0 : kStreamWidth);
  for (const Seen& seen : all) {
    if (totals.empty() || totals.back().first != seen.Standing()) totals.emplace_back(seen.Standing(), 0);
    ++totals.back().second;
    if (options.failed && seen.Good()) continue;
    table.Add({seen.source->context_id,
               {ToString(seen.Standing()), ColourOf(seen.Standing())},
               seen.last ? absl::StrCat(SpanText(InMs(now) - seen.last->ended_ms), " ago") : "",
               seen.last ? Grouped(seen.last->rows) : "",
               WhyOf(seen, now)});
  }
  table.Print(out);
  if (table.any() || TerminalOf(out).height == 0) out << '\n';
  out << Counted(all.size(), "source") << ':';
  for (std::size_t i = 0; i < totals.size(); ++i) {
    out << (i == 0 ? " " : ", ") << Grouped(totals[i].second) << ' ' << ToString(totals[i].first);
  }
  out << '\n';
}

}  // namespace

int ShowStatus(const StatusOptions& options, std::ostream& out, std::ostream& err, Time now) {
  const auto wrong = [&err](const std::string& why) {
    err << kFailedHere << why << '\n';
    return kExitWrongUse;
  };
  const absl::StatusOr<AgentConfig> config = LoadAgentConfig(options.config);
  if (!config.ok()) return wrong(std::string(config.status().message()));
  std::vector<Seen> all;
  std::vector<std::string> tenants;
  bool good = true;
  for (const SourceConfig& source : config->sources) {
    tenants.push_back(source.context_id);
    if (!options.context_id.empty() && !MatchesExactly(source.context_id, options.context_id)) continue;
    all.push_back(Look(*config, source, now));
    good = good && all.back().Good();
  }
  if (all.empty()) {
    return wrong(
        options.context_id.empty()
            ? absl::StrCat(
                  config->file,
                  ": there is no [[source]]: add one with 'context_id' and 'path', 'folder' or 'dsn'")
            : absl::StrCat("there is no [[source]] '", options.context_id, "'.",
                           DidYouMean(options.context_id, tenants)));
  }
  if (!options.json && all.size() > 1 && !options.details) {
    PrintLines(std::move(all), options, now, out);
    return good ? kExitDone : kExitFailed;
  }
  OrderedJson sources = OrderedJson::array();
  for (const Seen& seen : all) {
    if (options.failed && seen.Good()) continue;
    if (options.json) {
      sources.push_back(InJson(seen));
      continue;
    }
    Print(seen, now, out);
    for (const std::string& problem : seen.problems) {
      err << kFailedHere << seen.source->context_id << ": " << problem << '\n';
    }
  }
  if (options.json) {
    AsItIs(out) << OrderedJson{{"good", good}, {"sources", std::move(sources)}}.dump(
                       2, ' ', false, OrderedJson::error_handler_t::replace)
                << '\n';
  }
  return good ? kExitDone : kExitFailed;
}

}  // namespace mirror
