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

/// One [[source]] and what came of its run.
struct SourceRun {
  const SourceConfig* config = nullptr;
  CycleReport report;
  double seconds = 0;
};

/// What became of a hub's deliveries: "4 deliveries fetched: 3 applied, 1 refused"; empty: there were none.
std::string ExchangeInWords(const ExchangeFigures& figures);
/// The same for programs.
nlohmann::ordered_json ToJson(const ExchangeFigures& figures);

/// A line for each table and a sum on `out`, what went wrong on `err`. Names cannot speak to the terminal.
void PrintRun(const SourceRun& run, std::ostream& out, std::ostream& err);

/// The same in one line, and what went wrong on `err`. `only_failed`: no line of one that did as it should.
void PrintRunInALine(const SourceRun& run, bool only_failed, std::ostream& out, std::ostream& err);
/// The same in one sentence, without what failed.
std::string RunInWords(const SourceRun& run);
/// Good, nothing was sent, no delivery came, and there is nothing to tell.
bool Quiet(const CycleReport& report);
/// The same in few lines: only tables with changes, and the sum. Of a quiet one a few words without an end of
/// the line.
void PrintRunBriefly(const SourceRun& run, std::ostream& out, std::ostream& err);

/// What a comparison found, a line for each table.
void PrintComparison(const SourceRun& run, std::ostream& out, std::ostream& err);
/// Which rows differ, or differed and were mended, by their keys.
void PrintKeys(const CycleReport& report, std::ostream& out);
/// Told not to replicate; or every table that was compared is equal, of those that are meant to be.
bool AllEqual(const CycleReport& report);

/// An object for programs. `with_keys`: as PrintKeys().
void PrintJson(const std::vector<SourceRun>& runs, bool with_keys, std::ostream& out);

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_REPORT_H_
