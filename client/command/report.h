#ifndef MIRROR_CLIENT_COMMAND_REPORT_H_
#define MIRROR_CLIENT_COMMAND_REPORT_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "base/human_text.h"
#include "client/config/config.h"
#include "client/cycle/cycle.h"

namespace mirror {

/// One [[source]] and the result of its run.
struct SourceRun {
  const SourceConfig* config = nullptr;
  CycleReport report;
  double seconds = 0;
};

/// Describes a hub's deliveries: "4 deliveries fetched: 3 applied, 1 refused"; empty: there were none.
std::string ExchangeInWords(const ExchangeFigures& figures);
/// Returns the figures as a JSON object.
nlohmann::ordered_json ToJson(const ExchangeFigures& figures);

/// Prints a line for each table and a sum on `out`, errors on `err`. Names cannot control the terminal.
void PrintRun(const SourceRun& run, std::ostream& out, std::ostream& err);

/// Prints the run in one line, and errors on `err`. `only_failed`: no line for a run without problems.
void PrintRunInALine(const SourceRun& run, bool only_failed, std::ostream& out, std::ostream& err);
/// Describes the run in one sentence, without its failures.
std::string RunInWords(const SourceRun& run);
/// Whether the run was good, sent nothing, got no delivery, and has nothing to report.
bool Quiet(const CycleReport& report);
/// Prints the run in few lines: tables with changes, and the sum.
/// For a quiet run it prints a few words without a line end.
void PrintRunBriefly(const SourceRun& run, std::ostream& out, std::ostream& err);

/// Prints the result of a comparison, a line for each table.
void PrintComparison(const SourceRun& run, std::ostream& out, std::ostream& err);
/// Prints the keys of rows that differ, or differed and were repaired.
void PrintKeys(const CycleReport& report, std::ostream& out);
/// True if told not to replicate, or if every compared table that should be equal is equal.
bool AllEqual(const CycleReport& report);

/// Prints a JSON object. `with_keys`: with the keys of PrintKeys().
void PrintJson(const std::vector<SourceRun>& runs, bool with_keys, std::ostream& out);

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_REPORT_H_
