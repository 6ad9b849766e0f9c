// mirror-harness: a source that makes up its rows, and knows what the mirror must hold.
#include <unistd.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/text/text_stream.h"
#include "certs/openssl_exit.h"
#include "client/config/config.h"
#include "tools/mirror_harness/attack/hostile.h"
#include "tools/mirror_harness/conformance/conformance.h"
#include "tools/mirror_harness/read_options.h"
#include "tools/mirror_harness/synthetic/baseline.h"
#include "tools/mirror_harness/synthetic/checker.h"
#include "tools/mirror_harness/synthetic/fleet.h"
#include "tools/mirror_harness/synthetic/report.h"
#include "tools/mirror_harness/synthetic/schema_file.h"

namespace mirror::harness {
namespace {

int Fail(const absl::Status& status, int exit_code = 1) {
  TextStream(std::cerr, TerminalAt(STDERR_FILENO))
      << "mirror-harness: " << std::string(status.message()) << "\n";
  return exit_code;
}

absl::StatusOr<std::string> ContextId(const Options& options, const AgentConfig& config) {
  if (!options.context_id.empty()) return options.context_id;
  if (!config.sources.empty()) return config.sources.front().context_id;
  return absl::InvalidArgumentError(
      absl::StrCat(options.config, " has no [[source]] to name the tenants after: give --context-id ID"));
}

absl::Status Measure(const Options& options, const AgentConfig& config,
                     const std::vector<std::unique_ptr<Tenant>>& tenants, Report* report) {
  if (options.baseline) {
    ASSIGN_OR_RETURN(const std::vector<RowModel> tables, MakeTables(options, 1));
    ASSIGN_OR_RETURN(const BaselineResult baseline, RunBaseline(tables, options.baseline_dir));
    report->baseline = baseline;
  }
  for (const auto& tenant : tenants) report->tables += tenant->tables().size();
  Meter meter(options.command == Command::kPush ? report->tables * options.rows : 0);
  const Meter::Clock::time_point start = Meter::Clock::now();
  std::optional<ProcessWatch> watch;
  if (options.command == Command::kSoak && options.server_pid != 0) {
    watch.emplace(options.server_pid, SoakTime(options));
  }
  const std::vector<absl::Status> failures = RunTenants(options, config, tenants, &meter);
  if (watch) report->soak = watch->Result();
  report->seconds = std::chrono::duration<double>(Meter::Clock::now() - start).count();
  report->totals = meter.totals();
  meter.Quiet();
  for (const absl::Status& failure : failures) Fail(failure);
  report->tenants_failed = failures.size();
  if (!failures.empty()) report->first_failure = std::string(failures.front().message());
  return absl::OkStatus();
}

void Count(const std::vector<std::unique_ptr<Tenant>>& tenants, Report* report) {
  for (const auto& tenant : tenants) {
    report->verdicts_different += tenant->verdicts_different();
    report->rows_changed += tenant->rows_changed();
    for (const TableState& table : tenant->tables()) report->tables_behind += table.behind ? 1 : 0;
  }
}

int Attack(const Options& options, const AgentConfig& config, const std::string& context_id) {
  const absl::StatusOr<HostileReport> report = RunHostile(options, config, context_id);
  if (!report.ok()) return Fail(report.status());
  std::cout << (options.json ? HostileJson(*report) : HostileText(*report)) << std::flush;
  return report->good() ? 0 : 1;
}

int ExamineEndpoint(const Options& options, const AgentConfig& config) {
  const std::string first = config.sources.empty() ? "" : config.sources.front().context_id;
  if (first.empty() && options.context_id.empty()) {
    return Fail(absl::InvalidArgumentError(
        absl::StrCat(options.config, " has no [[source]] to name a tenant after: give --context-id ID")));
  }
  const absl::StatusOr<ConformanceReport> report = RunConformance(options, config, first);
  if (!report.ok()) return Fail(report.status());
  std::cout << (options.json ? ConformanceJson(*report) : ConformanceText(*report)) << std::flush;
  return report->good() ? 0 : 1;
}

int Run(const Options& options) {
  if (options.list) {
    std::cout << ListAttacks();
    return 0;
  }
  const absl::StatusOr<AgentConfig> config = LoadAgentConfig(options.config);
  if (!config.ok()) return Fail(config.status());
  if (options.command == Command::kConformance) return ExamineEndpoint(options, *config);
  const absl::StatusOr<std::string> context_id = ContextId(options, *config);
  if (!context_id.ok()) return Fail(context_id.status());
  if (!options.schema.empty()) {
    const absl::Status schema = LoadSchemaFile(options.schema).status();
    if (!schema.ok()) return Fail(schema, 2);
  }
  if (options.server_pid != 0) {
    if (const absl::Status there = ProcessWatch::Check(options.server_pid); !there.ok()) return Fail(there);
  }
  if (options.command == Command::kHostile) return Attack(options, *config, *context_id);
  const absl::StatusOr<std::vector<std::unique_ptr<Tenant>>> tenants = MakeTenants(options, *context_id);
  if (!tenants.ok()) return Fail(tenants.status());

  // On its own line at once: a run that ends badly can be repeated too.
  std::cerr << "seed " << options.seed << "\n";
  Report report;
  if (const absl::Status measured = Measure(options, *config, *tenants, &report); !measured.ok()) {
    return Fail(measured);
  }
  Count(*tenants, &report);
  if (!options.check.empty()) {
    report.check.emplace();
    for (const auto& tenant : *tenants) CheckTenant(options.check, tenant.get(), &*report.check);
  }
  std::cout << (options.json ? ReportJson(options, report) : ReportText(options, report)) << std::flush;
  return report.good() ? 0 : 1;
}

}  // namespace
}  // namespace mirror::harness

int main(int argc, char** argv) {
  mirror::LeaveOpenSslToTheEnd();
  int exit_code = 0;
  const auto options = mirror::harness::ReadOptions(argc, argv, &exit_code);
  if (options) exit_code = mirror::harness::Run(*options);
  mirror::TextStream err(std::cerr, mirror::TerminalAt(STDERR_FILENO));
  return mirror::ExitCode(exit_code, std::cout, err, "mirror-harness");
}
