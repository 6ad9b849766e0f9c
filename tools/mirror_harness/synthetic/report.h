#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_REPORT_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "tools/mirror_harness/synthetic/baseline.h"
#include "tools/mirror_harness/synthetic/checker.h"
#include "tools/mirror_harness/synthetic/meter.h"
#include "tools/mirror_harness/synthetic/options.h"

namespace mirror::harness {

/// The result of a run.
struct Report {
  double seconds = 0;  ///< From the first Authenticate to the last answer to ReplicationCompleted.
  Meter::Totals totals;
  std::uint64_t tables = 0;        ///< Number of tables of all tenants.
  std::uint64_t rows_changed = 0;  ///< `cycle`: number of rows that the cycles after the population changed.
  std::uint64_t tables_behind = 0, verdicts_different = 0, tenants_failed = 0;
  std::string first_failure;  ///< The error of the first tenant that failed; empty: none.
  std::optional<BaselineResult> baseline;
  std::optional<CheckResult> check;
  std::optional<SoakResult> soak;

  /// Returns true if the mirror accepted everything, and all comparisons found it equal.
  bool good() const {
    return tables_behind + verdicts_different + tenants_failed == 0 && (!check || check->differences == 0) &&
           (!soak || soak->Constant());
  }
};

/// Returns a few lines for people. If no tenant was served, only the reason.
std::string ReportText(const Options& options, const Report& report);
/// Returns one JSON object. It always has: command, seed, tenants, tables, rows (sent), seconds, rows_per_s,
/// mb_per_s (10^6 bytes of requests before TLS), calls_per_s, p50_ms, p99_ms, tables_behind, ok. `cycle`:
/// cycles, changes, cycle_p50_ms, cycle_p99_ms, cycles_per_s (clients times cycles, divided by the time of
/// the cycles), population_p50_ms, and for the parts of a cycle authenticate_p50_ms, schema_p50_ms,
/// rows_p50_ms, completed_p50_ms. With --baseline: baseline_rows_per_s, ratio. `soak` with --server-pid:
/// memory_warm_bytes, memory_end_bytes, memory_most_bytes, descriptors_warm, descriptors_end,
/// descriptors_most, constant. With --check: checked_tables, checked_rows, differences, first_differences. If
/// a tenant failed: first_failure.
std::string ReportJson(const Options& options, const Report& report);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_REPORT_H_
