#include "client/report.h"
#include "proto/wire/printable.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>
#include <map>
#include <set>
#include <sstream>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// Characters, not bytes: names may be in any script.
std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// A long name keeps the other columns on the screen.
std::string Shortened(const std::string& name) {
  constexpr std::size_t kWidth = 40;
  if (Width(name) <= kWidth) return name;
  std::size_t bytes = 0;
  for (std::size_t seen = 0; seen < kWidth - 3; ++seen) {
    do {
      ++bytes;
    } while ((static_cast<unsigned char>(name[bytes]) & 0xC0U) == 0x80U);
  }
  return name.substr(0, bytes) + "...";
}

/// In columns; `texts` are set to the left, all others to the right. The last cell of a row is not padded.
template <std::size_t N>
void PrintColumns(const std::vector<std::array<std::string, N>>& rows, std::ostream& out,
                  const std::set<std::size_t>& texts) {
  std::array<std::size_t, N> width{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < N; ++i) width[i] = std::max(width[i], Width(row[i]));
  }
  for (const auto& row : rows) {
    out << ' ';
    for (std::size_t i = 0; i < N; ++i) {
      const std::string blanks(width[i] - Width(row[i]), ' ');
      const bool text = texts.count(i) > 0;
      out << ' ' << (text ? "" : blanks) << row[i] << (text && i + 1 < N ? blanks : "") << ' ';
    }
    out << '\n';
  }
}

void PrintTables(const CycleReport& report, std::ostream& out) {
  constexpr std::size_t kResultWidth = 6;  // "result"
  std::vector<std::array<std::string, 7>> rows = {
      {"table", "action", "inserts", "updates", "deletes", "lsn", "result"}};
  for (const TableReport& table : report.tables) {
    std::string result(ToString(table.result));
    // What went wrong is told once, on stderr.
    if (table.result <= TableResult::kBlocked && !table.reason.empty()) {
      result.resize(std::max(result.size(), kResultWidth), ' ');
      absl::StrAppend(&result, "  ", Printable(table.reason));
    }
    rows.push_back({Shortened(Printable(table.table)), table.action, absl::StrCat(table.inserts),
                    absl::StrCat(table.updates), absl::StrCat(table.deletes), absl::StrCat(table.lsn),
                    std::move(result)});
  }
  PrintColumns(rows, out, {0, 1, 6});
}

void PrintSum(const SourceRun& run, std::ostream& out) {
  std::uint64_t populated = 0, changed = 0, inserts = 0, updates = 0, deletes = 0;
  for (const TableReport& table : run.report.tables) {
    if (table.result != TableResult::kOk) continue;
    if (table.action == "populate") ++populated;
    if (table.action == "changes") ++changed;
    inserts += table.inserts;
    updates += table.updates;
    deletes += table.deletes;
  }
  const auto rows = static_cast<double>(inserts + updates + deletes);
  out << "  " << run.report.tables.size() << (run.report.tables.size() == 1 ? " table, " : " tables, ")
      << populated << " populated, " << changed << " changed: " << Grouped(inserts) << " inserts, "
      << Grouped(updates) << " updates, " << Grouped(deletes) << " deletes in " << std::fixed
      << std::setprecision(2) << run.seconds << " s ("
      << Grouped(static_cast<std::uint64_t>(std::llround(rows / std::max(run.seconds, 1e-3))))
      << " rows/s)\n";
}

/// Tables of one result and one reason in one line: a full disk is not told 400 times.
void PrintFailures(const SourceRun& run, std::ostream& err) {
  std::map<std::pair<TableResult, std::string>, std::vector<std::string>> tables;
  for (const TableReport& table : run.report.tables) {
    if (table.result <= TableResult::kBlocked) continue;
    if (run.report.outcome == Outcome::kFailed && table.reason == kCycleEndedFirst) continue;
    tables[{table.result, table.reason}].push_back(absl::StrCat("'", Printable(table.table), "'"));
  }
  constexpr std::size_t kNames = 5;
  for (const auto& [why, names] : tables) {
    err << "mirror-agent: " << run.config->context_id << ": table" << (names.size() > 1 ? "s " : " ")
        << ListNames(names, kNames) << ' ' << ToString(why.first) << ": " << Printable(why.second) << '\n';
  }
}

void PrintNotes(const CycleReport& report, std::ostream& out) {
  for (const std::string& note : report.notes) out << "  note: " << Printable(note) << '\n';
}

/// How it ended, but for a run that did what it should.
void PrintOutcomeBriefly(const SourceRun& run, std::ostream& out, std::ostream& err) {
  const CycleReport& report = run.report;
  switch (report.outcome) {
    case Outcome::kDone:
      break;
    case Outcome::kDoNotReplicate:
      out << "  told not to replicate: " << Printable(report.reason) << '\n';
      break;
    case Outcome::kStopped:
      err << "mirror-agent: " << run.config->context_id << ": stopped: " << Printable(report.reason) << '\n';
      break;
    case Outcome::kBusy:
      err << "mirror-agent: " << run.config->context_id << ": busy: " << Printable(report.reason) << '\n';
      break;
    case Outcome::kFailed:
      break;
  }
  PrintFailures(run, err);
  if (report.outcome == Outcome::kFailed) {
    err << "mirror-agent: " << run.config->context_id << ": "
        << Printable(std::string(report.status.message())) << '\n';
  }
}

/// The same, after the tables.
void PrintOutcome(const SourceRun& run, std::ostream& out, std::ostream& err) {
  if (run.report.outcome == Outcome::kDone) PrintSum(run, out);
  PrintOutcomeBriefly(run, out, err);
}

}  // namespace

void PrintRun(const SourceRun& run, std::ostream& out, std::ostream& err) {
  out << run.config->context_id << "  " << Printable(run.config->path) << '\n';
  PrintNotes(run.report, out);
  if (!run.report.tables.empty()) PrintTables(run.report, out);
  PrintOutcome(run, out, err);
}

std::string RunInWords(const SourceRun& run) {
  const CycleReport& report = run.report;
  std::string words = report.cycle != 0 ? absl::StrCat("cycle ", report.cycle, ": ") : "";
  switch (report.outcome) {
    case Outcome::kDone: {
      std::ostringstream sum;
      PrintSum(run, sum);
      const std::string text = sum.str();
      const std::size_t begin = text.find_first_not_of(' ');
      absl::StrAppend(&words, text.substr(begin, text.find('\n') - begin));
      break;
    }
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
  return words;
}

void PrintRunInALine(const SourceRun& run, bool only_failed, std::ostream& out, std::ostream& err) {
  if (!only_failed || !run.report.Good()) {
    const std::size_t notes = run.report.notes.size();
    out << run.config->context_id << "  "
        << (Quiet(run.report) ? "nothing changed" : Printable(RunInWords(run)));
    if (notes > 0) out << ", " << notes << (notes == 1 ? " note" : " notes");
    out << '\n';
  }
  std::ostringstream unused;
  PrintOutcomeBriefly(run, unused, err);
}

bool Quiet(const CycleReport& report) {
  return report.Good() && report.outcome == Outcome::kDone && report.notes.empty() &&
         std::all_of(report.tables.begin(), report.tables.end(), [](const TableReport& table) {
           return table.action == "none" && table.result <= TableResult::kBlocked &&
                  table.equality == TableReport::Equality::kNone;
         });
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
    return table.action == "none" && table.result <= TableResult::kBlocked;
  });
  if (!changed.tables.empty()) PrintTables(changed, out);
  PrintOutcome(run, out, err);
}

void PrintComparison(const SourceRun& run, std::ostream& out, std::ostream& err) {
  out << run.config->context_id << "  " << Printable(run.config->path) << '\n';
  PrintNotes(run.report, out);
  std::vector<std::array<std::string, 7>> rows = {
      {"table", "rows", "lsn", "missing", "changed", "ghosts", "equality"}};
  std::uint64_t compared = 0;
  for (const TableReport& table : run.report.tables) {
    if (table.equality == TableReport::Equality::kNone) continue;
    const bool unknown = table.equality == TableReport::Equality::kUnknown ||
                         table.equality == TableReport::Equality::kNotMeant;
    const auto number = [&](std::uint64_t value) { return unknown ? "-" : absl::StrCat(value); };
    std::string words(ToString(table.equality));
    if (unknown) absl::StrAppend(&words, ": ", Printable(table.unknown_because));
    if (table.repaired > 0) absl::StrAppend(&words, ", ", Grouped(table.repaired), " repaired");
    rows.push_back({Shortened(Printable(table.table)), number(table.compared), absl::StrCat(table.lsn),
                    number(table.lost), number(table.changed), number(table.ghosts), std::move(words)});
    compared += table.compared;
  }
  if (rows.size() > 1) PrintColumns(rows, out, /*texts=*/{0, 6});
  if (run.report.outcome == Outcome::kDone) {
    out << "  " << rows.size() - 1 << (rows.size() == 2 ? " table, " : " tables, ") << Grouped(compared)
        << " rows compared in " << std::fixed << std::setprecision(2) << run.seconds << " s\n";
  }
  PrintOutcomeBriefly(run, out, err);
}

bool AllEqual(const CycleReport& report) {
  using Equality = TableReport::Equality;
  const auto are = [&](const std::set<Equality>& known) {
    return std::all_of(report.tables.begin(), report.tables.end(),
                       [&](const TableReport& table) { return known.contains(table.equality); });
  };
  if (report.outcome == Outcome::kDoNotReplicate || are({Equality::kNone})) return true;
  // One at least is proven.
  return are({Equality::kNone, Equality::kEqual, Equality::kNotMeant}) &&
         !are({Equality::kNone, Equality::kNotMeant});
}

nlohmann::ordered_json ToJson(const SourceRun& run) {
  nlohmann::ordered_json tables = nlohmann::ordered_json::array();
  for (const TableReport& table : run.report.tables) {
    tables.push_back({{"table", table.table},
                      {"action", table.action},
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
  }
  const std::string reason =
      run.report.outcome == Outcome::kFailed ? std::string(run.report.status.message()) : run.report.reason;
  return {{"context_id", run.config->context_id},
          {"path", run.config->path},
          {"outcome", ToString(run.report.outcome)},
          {"reason", reason},
          {"notes", run.report.notes},
          {"cycle", run.report.cycle},
          {"seconds", run.seconds},
          {"tables", std::move(tables)}};
}

}  // namespace mirror
