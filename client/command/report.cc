#include "client/command/report.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/text/text_stream.h"
#include "base/text/text_table.h"
#include "client/command/commands.h"
#include "client/cycle/verifier.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::size_t kIndent = 2;

Colour ResultColour(TableResult result) {
  if (result == TableResult::kFailed) return Colour::kRed;
  if (result == TableResult::kHeld || result == TableResult::kRefused) return Colour::kYellow;
  return Colour::kNone;
}

Colour EqualityColour(TableReport::Equality equality) {
  if (equality == TableReport::Equality::kDiffers) return Colour::kYellow;
  return equality == TableReport::Equality::kEqual ? Colour::kGreen : Colour::kNone;
}

void PrintTables(const CycleReport& report, std::ostream& out) {
  constexpr std::size_t kResultWidth = 6;  // "result"
  TextTable rows({{"table"},
                  {.name = "action", .goes = 2},
                  {.name = "inserts", .number = true, .goes = 5},
                  {.name = "updates", .number = true, .goes = 4},
                  {.name = "deletes", .number = true, .goes = 3},
                  {.name = "lsn", .number = true, .goes = 1},
                  {"result"}},
                 kStreamWidth, kIndent, /*all=*/"");
  for (const TableReport& table : report.tables) {
    std::string result(ToString(table.result));
    // Failures are printed once, on stderr.
    if (table.result <= TableResult::kBlocked && !table.reason.empty()) {
      result.resize(std::max(result.size(), kResultWidth), ' ');
      absl::StrAppend(&result, "  ", table.reason);
    }
    rows.Add({table.table,
              std::string(ToString(table.action)),
              Grouped(table.inserts),
              Grouped(table.updates),
              Grouped(table.deletes),
              absl::StrCat(table.lsn),
              {result, ResultColour(table.result)}});
  }
  rows.Print(out);
}

double RowsOf(const SourceRun& run) {
  std::uint64_t rows = 0;
  for (const TableReport& table : run.report.tables) {
    if (table.result == TableResult::kOk) rows += table.inserts + table.updates + table.deletes;
  }
  return static_cast<double>(rows);
}

/// Describes the run briefly: the text fits on one line, after the tenant's name.
std::string SumInWords(const SourceRun& run) {
  std::uint64_t populated = 0, changed = 0, inserts = 0, updates = 0, deletes = 0;
  for (const TableReport& table : run.report.tables) {
    if (table.result != TableResult::kOk) continue;
    if (table.action == TableReport::Action::kPopulate) ++populated;
    if (table.action == TableReport::Action::kChanges) ++changed;
    inserts += table.inserts;
    updates += table.updates;
    deletes += table.deletes;
  }
  std::ostringstream words;
  words << Counted(run.report.tables.size(), "table") << ", " << Grouped(populated) << " populated, "
        << Grouped(changed) << " changed: " << Counted(inserts, "insert") << ", "
        << Counted(updates, "update") << ", " << Counted(deletes, "delete") << " in " << std::fixed
        << std::setprecision(2) << run.seconds << " s";
  return words.str();
}

std::string SumWithRate(const SourceRun& run) {
  const double rate = RowsOf(run) / std::max(run.seconds, 1e-3);
  return absl::StrCat(SumInWords(run), " (", Grouped(static_cast<std::uint64_t>(std::llround(rate))),
                      " rows/s)");
}

/// Joins tables with the same result and reason in one line: a full disk is not reported 400 times.
void PrintFailures(const SourceRun& run, std::ostream& err) {
  std::map<std::pair<TableResult, std::string>, std::vector<std::string>> tables;
  for (const TableReport& table : run.report.tables) {
    if (table.result <= TableResult::kBlocked) continue;
    if (run.report.outcome == Outcome::kFailed && table.reason == kCycleEndedFirst) continue;
    tables[{table.result, table.reason}].push_back(absl::StrCat("'", Printable(table.table), "'"));
  }
  constexpr std::size_t kNames = 5;
  for (const auto& [why, names] : tables) {
    err << kFailedHere << run.config->context_id << ": table" << (names.size() > 1 ? "s " : " ")
        << ListNames(names, kNames) << ' ' << ToString(why.first) << ": " << Printable(why.second) << '\n';
  }
}

void PrintNotes(const CycleReport& report, std::ostream& out) {
  for (const std::string& note : report.notes) out << "  note: " << Printable(note) << '\n';
}

/// Prints the outcome; prints nothing for a run that completed.
void PrintOutcomeBriefly(const SourceRun& run, std::ostream& out, std::ostream& err) {
  const CycleReport& report = run.report;
  switch (report.outcome) {
    case Outcome::kDone:
      break;
    case Outcome::kDoNotReplicate:
      out << "  told not to replicate: " << Printable(report.reason) << '\n';
      break;
    case Outcome::kStopped:
      err << kFailedHere << run.config->context_id << ": stopped: " << Printable(report.reason) << '\n';
      break;
    case Outcome::kBusy:
      err << kFailedHere << run.config->context_id << ": busy: " << Printable(report.reason) << '\n';
      break;
    case Outcome::kFailed:
      break;
  }
  PrintFailures(run, err);
  if (report.outcome == Outcome::kFailed) {
    err << kFailedHere << run.config->context_id << ": " << Printable(std::string(report.status.message()))
        << '\n';
  }
}

/// Whether no table has anything to report.
bool SentNothing(const CycleReport& report) {
  return std::all_of(report.tables.begin(), report.tables.end(), [](const TableReport& table) {
    return table.action == TableReport::Action::kNone && table.result <= TableResult::kBlocked &&
           table.equality == TableReport::Equality::kNone;
  });
}

/// Empty if the run has no deliveries to report.
std::string ExchangeInWords(const CycleReport& report) {
  return report.exchange ? ExchangeInWords(*report.exchange) : "";
}

/// An import that found an empty inbox, and so began no cycle.
bool DidNothing(const CycleReport& report) {
  return report.outcome == Outcome::kDone && report.cycle == 0 && report.exchange &&
         ExchangeInWords(*report.exchange).empty();
}

/// Prints the outcome after the tables.
void PrintOutcome(const SourceRun& run, std::ostream& out, std::ostream& err) {
  if (DidNothing(run.report)) {
    out << "  the inbox is empty: nothing was done. 'mirror-agent transport' fills it\n";
  } else if (run.report.outcome == Outcome::kDone) {
    out << "  " << SumWithRate(run) << '\n';
  }
  PrintOutcomeBriefly(run, out, err);
}

void PrintExchange(const ExchangeFigures& figures, std::ostream& out) {
  if (!figures.waiting.empty()) out << "  no deliveries now: " << Printable(figures.waiting) << '\n';
  const std::string words = ExchangeInWords(figures);
  if (!words.empty()) out << "  " << words << '\n';
  for (const std::string& refusal : figures.refusals) out << "  refused: " << Printable(refusal) << '\n';
  if (!figures.refusals.empty()) {
    out << "  correct the cause here. A later run tries the delivery again: after 4 minutes, then after "
           "longer and longer pauses. 'mirrorctl doctor --source' names missing rights\n";
  }
}

OrderedJson ToJson(const SourceRun& run, bool with_keys) {
  OrderedJson tables = OrderedJson::array();
  for (const TableReport& table : run.report.tables) {
    tables.push_back({{"table", table.table},
                      {"action", ToString(table.action)},
                      {"inserts", table.inserts},
                      {"updates", table.updates},
                      {"deletes", table.deletes},
                      {"lsn", table.lsn},
                      {"result", ToString(table.result)},
                      {"reason", table.reason},
                      {"equality", ToString(table.equality)},
                      {"unknown_because", table.unknown_because},
                      {"compared", table.compared},
                      {"lost", table.lost},
                      {"changed", table.changed},
                      {"ghosts", table.ghosts},
                      {"repaired", table.repaired}});
    if (!with_keys) continue;
    tables.back()["keys"] = {
        {"missing", table.lost_keys}, {"changed", table.changed_keys}, {"ghosts", table.ghost_keys}};
  }
  OrderedJson exchange;
  if (run.report.exchange) exchange = ToJson(*run.report.exchange);
  const std::string reason =
      run.report.outcome == Outcome::kFailed ? std::string(run.report.status.message()) : run.report.reason;
  return {{"context_id", run.config->context_id},
          {"path", run.config->path},
          {"outcome", ToString(run.report.outcome)},
          {"reason", reason},
          {"notes", run.report.notes},
          {"deliveries", std::move(exchange)},
          {"cycle", run.report.cycle},
          {"seconds", run.seconds},
          {"tables", std::move(tables)}};
}

}  // namespace

nlohmann::ordered_json ToJson(const ExchangeFigures& figures) {
  nlohmann::ordered_json json;
  ForEachFigure(figures, [&](const char* name, const auto& value) { json[name] = value; });
  return json;
}

std::string ExchangeInWords(const ExchangeFigures& figures) {
  const std::pair<std::uint64_t, const char*> parts[] = {{figures.applied, " applied"},
                                                         {figures.already, " applied before"},
                                                         {figures.conflicts, " in conflict"},
                                                         {figures.refused, " refused"},
                                                         {figures.later, " refused before, not due yet"}};
  const auto deliveries = [](std::uint64_t count) {
    return count == 1 ? std::string("1 delivery") : absl::StrCat(Grouped(count), " deliveries");
  };
  std::string words = figures.fetched > 0 ? deliveries(figures.fetched) + " fetched" : "";
  const char* separator = ": ";
  for (const auto& [count, what] : parts) {
    if (count == 0) continue;
    if (words.empty()) {
      words = deliveries(count) + what;
    } else {
      absl::StrAppend(&words, separator, Grouped(count), what);
    }
    separator = ", ";
  }
  return words;
}

void PrintRun(const SourceRun& run, std::ostream& out, std::ostream& err) {
  out << run.config->context_id << "  " << Printable(run.config->path) << '\n';
  PrintNotes(run.report, out);
  if (!run.report.tables.empty()) PrintTables(run.report, out);
  if (run.report.exchange) PrintExchange(*run.report.exchange, out);
  PrintOutcome(run, out, err);
}

std::string RunInWords(const SourceRun& run) {
  const CycleReport& report = run.report;
  std::string words = report.cycle != 0 ? absl::StrCat("cycle ", report.cycle, ": ") : "";
  switch (report.outcome) {
    case Outcome::kDone:
      absl::StrAppend(&words, DidNothing(report) ? "the inbox is empty" : SumWithRate(run));
      break;
    case Outcome::kDoNotReplicate:
      absl::StrAppend(&words, "told not to replicate: ", report.reason);
      break;
    case Outcome::kStopped:
      absl::StrAppend(&words, "stopped: ", report.reason);
      break;
    case Outcome::kBusy:
      absl::StrAppend(&words, "busy: ", report.reason);
      break;
    case Outcome::kFailed:
      absl::StrAppend(&words, "failed");
      break;
  }
  if (const std::string exchange = ExchangeInWords(report); !exchange.empty()) {
    absl::StrAppend(&words, "; ", exchange);
  }
  return words;
}

void PrintRunInALine(const SourceRun& run, bool only_failed, std::ostream& out, std::ostream& err) {
  if (!only_failed || !run.report.Good()) {
    const std::size_t notes = run.report.notes.size();
    const bool done = run.report.outcome == Outcome::kDone;
    const std::string exchange = done ? ExchangeInWords(run.report) : "";
    out << run.config->context_id << "  "
        << (!done                                                 ? Printable(RunInWords(run))
            : run.report.notes.empty() && SentNothing(run.report) ? "nothing changed"
                                                                  : SumInWords(run));
    if (!exchange.empty()) out << ", " << exchange;
    if (notes > 0) out << ", " << Counted(notes, "note");
    out << '\n';
  }
  std::ostringstream unused;
  PrintOutcomeBriefly(run, unused, err);
  if (!run.report.exchange) return;
  if (!run.report.exchange->waiting.empty()) {
    out << "  no deliveries now: " << Printable(run.report.exchange->waiting) << '\n';
  }
  for (const std::string& refusal : run.report.exchange->refusals) {
    err << kFailedHere << run.config->context_id << ": a delivery was refused: " << Printable(refusal)
        << '\n';
  }
}

bool Quiet(const CycleReport& report) {
  const bool exchanged =
      report.exchange && (!report.exchange->waiting.empty() || !ExchangeInWords(*report.exchange).empty());
  return report.Good() && report.outcome == Outcome::kDone && report.notes.empty() && !exchanged &&
         SentNothing(report);
}

void PrintRunBriefly(const SourceRun& run, std::ostream& out, std::ostream& err) {
  out << run.config->context_id;
  if (run.report.cycle != 0) out << "  cycle " << run.report.cycle;
  if (Quiet(run.report)) {
    out << ": nothing changed";
    return;
  }
  out << '\n';
  PrintNotes(run.report, out);
  CycleReport changed = run.report;
  std::erase_if(changed.tables, [](const TableReport& table) {
    return table.action == TableReport::Action::kNone && table.result <= TableResult::kBlocked;
  });
  if (!changed.tables.empty()) PrintTables(changed, out);
  if (run.report.exchange) PrintExchange(*run.report.exchange, out);
  PrintOutcome(run, out, err);
}

void PrintComparison(const SourceRun& run, std::ostream& out, std::ostream& err) {
  out << run.config->context_id << "  " << Printable(run.config->path) << '\n';
  PrintNotes(run.report, out);
  TextTable rows({{"table"},
                  {.name = "rows", .number = true, .goes = 2},
                  {.name = "lsn", .number = true, .goes = 1},
                  {.name = "missing", .number = true, .goes = 5},
                  {.name = "changed", .number = true, .goes = 4},
                  {.name = "ghosts", .number = true, .goes = 3},
                  {"equality"}},
                 kStreamWidth, kIndent);
  std::uint64_t compared = 0, tables = 0;
  for (const TableReport& table : run.report.tables) {
    if (table.equality == TableReport::Equality::kNone) continue;
    const bool unknown = table.equality == TableReport::Equality::kUnknown ||
                         table.equality == TableReport::Equality::kNotMeant;
    const auto number = [&](std::uint64_t value) { return unknown ? "" : Grouped(value); };
    std::string words(ToString(table.equality));
    if (unknown) absl::StrAppend(&words, ": ", table.unknown_because);
    if (table.repaired > 0) absl::StrAppend(&words, ", ", Grouped(table.repaired), " repaired");
    rows.Add({table.table,
              number(table.compared),
              absl::StrCat(table.lsn),
              number(table.lost),
              number(table.changed),
              number(table.ghosts),
              {words, EqualityColour(table.equality)}});
    compared += table.compared;
    ++tables;
  }
  if (tables > 0) rows.Print(out);
  if (run.report.outcome == Outcome::kDone) {
    out << "  " << Counted(tables, "table") << ", " << Counted(compared, "row") << " compared in "
        << std::fixed << std::setprecision(2) << run.seconds << " s\n";
  }
  PrintOutcomeBriefly(run, out, err);
}

void PrintKeys(const CycleReport& report, std::ostream& out) {
  TextTable rows({{"table"}, {"rows"}, {"keys"}}, kStreamWidth, kIndent);
  bool any = false;
  const auto add = [&](const TableReport& table, const char* which, const std::vector<std::string>& keys,
                       std::uint64_t count) {
    if (keys.empty()) return;
    any = true;
    const std::size_t shown = keys.size();
    // For repaired rows only the sum is kept.
    const std::string more = count > shown ? absl::StrCat("; and ", Grouped(count - shown), " more")
                             : count == 0 && shown == kKeysShown ? "; …"
                                                                 : "";
    rows.Add({table.table, which, absl::StrJoin(keys, "; ") + more});
  };
  for (const TableReport& table : report.tables) {
    add(table, "missing", table.lost_keys, table.lost);
    add(table, "changed", table.changed_keys, table.changed);
    add(table, "ghosts", table.ghost_keys, table.ghosts);
    const bool told = !table.lost_keys.empty() || !table.changed_keys.empty() || !table.ghost_keys.empty();
    if (table.equality != TableReport::Equality::kDiffers || told) continue;
    any = true;
    rows.Add({table.table, "", "the rows are not known"});
  }
  if (any) rows.Print(out);
}

bool AllEqual(const CycleReport& report) {
  using Equality = TableReport::Equality;
  const auto are = [&](const std::set<Equality>& known) {
    return std::all_of(report.tables.begin(), report.tables.end(),
                       [&](const TableReport& table) { return known.contains(table.equality); });
  };
  if (report.outcome == Outcome::kDoNotReplicate || are({Equality::kNone})) return true;
  // At least one table must be proven equal.
  return are({Equality::kNone, Equality::kEqual, Equality::kNotMeant}) &&
         !are({Equality::kNone, Equality::kNotMeant});
}

void PrintJson(const std::vector<SourceRun>& runs, bool with_keys, std::ostream& out) {
  OrderedJson sources = OrderedJson::array();
  for (const SourceRun& run : runs) sources.push_back(ToJson(run, with_keys));
  AsItIs(out) << OrderedJson{{"sources", std::move(sources)}}.dump(2, ' ', false,
                                                                   OrderedJson::error_handler_t::replace)
              << '\n';
}

}  // namespace mirror
