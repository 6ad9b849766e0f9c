#include "client/command/run_totals.h"

#include <iomanip>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

constexpr std::size_t kNamesMost = 10;

/// One that is done and has tables that are not is no good end.
std::string WordOf(const CycleReport& report) {
  if (report.outcome == Outcome::kDone && !report.Good()) return "done in part";
  if (report.outcome == Outcome::kDoNotReplicate) return "told not to replicate";
  return std::string(ToString(report.outcome));
}

}  // namespace

void RunTotals::Add(const SourceRun& run) {
  ++sources_;
  seconds_ += run.seconds;
  ++outcomes_[WordOf(run.report)];
  if (!run.report.Good()) not_good_.push_back(run.config->context_id);
  for (const TableReport& table : run.report.tables) {
    if (table.result == TableResult::kOk) rows_ += table.inserts + table.updates + table.deletes;
  }
}

void RunTotals::Print(std::ostream& out) const {
  out << '\n' << Counted(sources_, "source") << ":";
  const char* before = " ";
  for (const auto& [word, count] : outcomes_) {
    out << before << Grouped(count) << ' ' << word;
    before = ", ";
  }
  out << "; " << Counted(rows_, "row") << " sent in " << std::fixed << std::setprecision(2) << seconds_
      << " s\n";
  if (!not_good_.empty()) out << "not good: " << ListNames(not_good_, kNamesMost) << '\n';
}

}  // namespace mirror
