#include "tools/mirror_harness/synthetic/report.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/human_text.h"

namespace mirror::harness {
namespace {

double PerSecond(double count, double seconds) { return seconds > 0 ? count / seconds : 0; }

struct Rates {
  explicit Rates(const Report& report)
      : rows(PerSecond(static_cast<double>(report.totals.rows), report.seconds)),
        megabytes(PerSecond(static_cast<double>(report.totals.bytes) / 1e6, report.seconds)),
        calls(PerSecond(static_cast<double>(report.totals.call_ms.size()), report.seconds)),
        p50(Percentile(report.totals.call_ms, 0.5)),
        p99(Percentile(report.totals.call_ms, 0.99)) {}
  double rows, megabytes, calls, p50, p99;
};

constexpr std::array<const char*, 4> kParts = {"authenticate", "schema", "rows", "completed"};

/// Returns how many cycles all clients together complete in a second of running cycles.
double CyclesPerSecond(const Options& options, const Report& report) {
  const std::vector<double>& cycles = report.totals.cycle_ms;
  const double seconds = std::accumulate(cycles.begin(), cycles.end(), 0.0) / 1e3;
  return PerSecond(static_cast<double>(cycles.size()) * std::min(options.clients, options.tenants), seconds);
}

std::string CycleText(const Report& report) {
  const Meter::Totals& totals = report.totals;
  std::string text = absl::StrFormat(
      "  a population takes %.2f ms (p50)\n"
      "  %d cycles after it, %d changed rows; a cycle takes %.2f ms (p50), %.2f ms (p99)\n"
      "  of which (p50)",
      Percentile(totals.population_ms, 0.5), totals.cycle_ms.size(), report.rows_changed,
      Percentile(totals.cycle_ms, 0.5), Percentile(totals.cycle_ms, 0.99));
  for (std::size_t part = 0; part < kParts.size(); ++part) {
    absl::StrAppendFormat(&text, "%s %s %.2f", part == 0 ? "" : ",", kParts[part],
                          Percentile(totals.part_ms[part], 0.5));
  }
  return text + " ms\n";
}

std::string SoakText(const SoakResult& soak) {
  constexpr double kMega = 1e6;
  return absl::StrFormat(
      "  the server held %.1f MB and %d descriptors when it was warm, %.1f MB and %d at the end, %.1f MB and "
      "%d "
      "at most: %s\n",
      static_cast<double>(soak.warm.memory_bytes) / kMega, soak.warm.descriptors,
      static_cast<double>(soak.end.memory_bytes) / kMega, soak.end.descriptors,
      static_cast<double>(soak.most.memory_bytes) / kMega, soak.most.descriptors,
      soak.Constant() ? "constant" : "GROWING");
}

const char* NameOf(Command command) {
  switch (command) {
    case Command::kPush:
      return "push";
    case Command::kCycle:
      return "cycle";
    case Command::kSoak:
      return "soak";
    case Command::kHostile:  // These commands have their own reports.
      return "hostile";
    case Command::kConformance:
      return "conformance";
  }
  return "";
}

}  // namespace

std::string ReportText(const Options& options, const Report& report) {
  if (report.totals.rows == 0 && report.totals.call_ms.empty() && report.tenants_failed >= options.tenants) {
    return absl::StrCat("seed ", options.seed, ": nothing was sent: ", report.first_failure, "\n");
  }
  const Rates rates(report);
  std::string text = absl::StrFormat(
      "seed %d: %s in %.2f s, %s, %s\n"
      "  %.0f rows/s, %.1f MB/s, %.1f calls/s; a call takes %.2f ms (p50), %.2f ms (p99)\n",
      options.seed, Counted(report.totals.rows, "row"), report.seconds, Counted(options.tenants, "tenant"),
      Counted(report.tables, "table"), rates.rows, rates.megabytes, rates.calls, rates.p50, rates.p99);
  if (options.command != Command::kPush) absl::StrAppend(&text, CycleText(report));
  if (report.soak) absl::StrAppend(&text, SoakText(*report.soak));
  if (report.baseline) {
    absl::StrAppendFormat(
        &text, "  baseline: %.0f rows/s into bare SQLite (only its own work is timed); ratio %.2f\n",
        report.baseline->rows_per_s(), rates.rows / report.baseline->rows_per_s());
  }
  if (report.check) {
    for (const std::string& line : report.check->first) absl::StrAppend(&text, "  different: ", line, "\n");
    absl::StrAppend(&text, "  checked: ", Counted(report.check->tables, "table"), ", ",
                    Counted(report.check->rows, "row"), ", ",
                    Counted(report.check->differences, "difference"), "\n");
  }
  if (report.tables_behind > 0) {
    absl::StrAppend(&text,
                    "  not mirrored or behind, and so not checked: ", Counted(report.tables_behind, "table"),
                    "\n");
  }
  if (report.verdicts_different > 0) {
    absl::StrAppend(&text, "  row counts that the mirror found different: ", report.verdicts_different, "\n");
  }
  if (report.tenants_failed > 0)
    absl::StrAppend(&text, "  tenants that failed: ", report.tenants_failed, "\n");
  return text;
}

std::string ReportJson(const Options& options, const Report& report) {
  const Rates rates(report);
  nlohmann::ordered_json json = {{"command", NameOf(options.command)},
                                 {"seed", options.seed},
                                 {"tenants", options.tenants},
                                 {"tables", report.tables},
                                 {"rows", report.totals.rows},
                                 {"seconds", report.seconds},
                                 {"rows_per_s", rates.rows},
                                 {"mb_per_s", rates.megabytes},
                                 {"calls_per_s", rates.calls},
                                 {"p50_ms", rates.p50},
                                 {"p99_ms", rates.p99},
                                 {"tables_behind", report.tables_behind},
                                 {"ok", report.good()}};
  if (report.soak) {
    json["memory_warm_bytes"] = report.soak->warm.memory_bytes;
    json["memory_end_bytes"] = report.soak->end.memory_bytes;
    json["memory_most_bytes"] = report.soak->most.memory_bytes;
    json["descriptors_warm"] = report.soak->warm.descriptors;
    json["descriptors_end"] = report.soak->end.descriptors;
    json["descriptors_most"] = report.soak->most.descriptors;
    json["constant"] = report.soak->Constant();
  }
  if (options.command != Command::kPush) {
    json["cycles"] = report.totals.cycle_ms.size();
    json["changes"] = report.rows_changed;
    json["cycle_p50_ms"] = Percentile(report.totals.cycle_ms, 0.5);
    json["cycle_p99_ms"] = Percentile(report.totals.cycle_ms, 0.99);
    json["cycles_per_s"] = CyclesPerSecond(options, report);
    json["population_p50_ms"] = Percentile(report.totals.population_ms, 0.5);
    for (std::size_t part = 0; part < kParts.size(); ++part) {
      json[std::string(kParts[part]) + "_p50_ms"] = Percentile(report.totals.part_ms[part], 0.5);
    }
  }
  if (report.baseline) {
    json["baseline_rows_per_s"] = report.baseline->rows_per_s();
    json["ratio"] = rates.rows / report.baseline->rows_per_s();
  }
  if (report.check) {
    json["checked_tables"] = report.check->tables;
    json["checked_rows"] = report.check->rows;
    json["differences"] = report.check->differences;
    json["first_differences"] = report.check->first;
  }
  if (!report.first_failure.empty()) json["first_failure"] = report.first_failure;
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace mirror::harness
