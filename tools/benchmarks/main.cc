// mirror-bench: the works and the references that tools/bench times. Made to be driven by it.
#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "tools/benchmarks/bench_rows.h"
#include "tools/benchmarks/call_load.h"
#include "tools/benchmarks/changesets.h"
#include "tools/benchmarks/mirror_table.h"
#include "tools/benchmarks/raw_table.h"
#include "tools/benchmarks/row_export.h"
#include "tools/benchmarks/source_reading.h"
#include "tools/benchmarks/step_loop.h"

namespace mirror::bench {
namespace {

int Fail(const absl::Status& status) {
  std::cerr << "mirror-bench: " << std::string(status.message()) << "\n";
  return 1;
}

int Export(const BenchRows& rows, const std::string& line, const std::string& format,
           const std::string& path) {
  const absl::StatusOr<Step> step = ReadStep(line);
  if (!step.ok()) return Fail(step.status());
  const absl::Status written = ExportRows(rows, *step, format, path);
  return written.ok() ? 0 : Fail(written);
}

int Read(const std::string& path) {
  const absl::StatusOr<SourceReading> reading = ReadSource(path);
  if (!reading.ok()) return Fail(reading.status());
  std::cout << ReadingJson(*reading) << "\n";
  return 0;
}

/// "ready" on stdout, then it waits for a line on stdin: time to look at the server from outside.
int Calls(const CallLoadOptions& options) {
  const auto time = RunCalls(options, BenchRows(Shape{}), [] {
    std::cout << "ready" << std::endl;
    std::string line;
    std::getline(std::cin, line);
  });
  if (!time.ok()) return Fail(time.status());
  std::cout << StepJson(*time) << std::endl;
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App app("Does the works and the references that tools/bench times.", "mirror-bench");
  app.require_subcommand(1);
  app.footer(
      "raw, mirror and changesets read steps from stdin, as 'upsert from=1 count=500000 version=2', and\n"
      "answer each with a line of JSON.\n"
      "Exit code: 0 done, 1 failed (reason on stderr), 2 wrong usage.");
  Shape shape;
  const auto add_shape = [&](CLI::App* command) {
    command->add_option("--key", shape.key, "integer, composite or text")
        ->transform(CLI::CheckedTransformer(std::map<std::string, KeyKind>{
            {"integer", KeyKind::kInteger}, {"composite", KeyKind::kComposite}, {"text", KeyKind::kText}}));
    command->add_option("--columns", shape.columns, "Columns; 12 are a row of 184 bytes")
        ->check(CLI::Range(2, 2'000));
    command->add_option("--width", shape.width, "Bytes of a row of a key and one text, instead of --columns")
        ->check(CLI::Range(9, 1'000'000));
  };
  std::string path, config, context_id, step = "insert", format = "csv";
  CLI::App* raw = app.add_subcommand("raw", "Steps on a bare SQLite file");
  raw->add_option("--file", path)->required();
  CLI::App* mirror = app.add_subcommand("mirror", "Steps over the wire, on a tenant of a mirror");
  mirror->add_option("--config", config, "The agent's configuration")->required();
  mirror->add_option("--context-id", context_id)->required();
  CLI::App* changesets = app.add_subcommand("changesets", "Steps by sqlite3changeset_apply");
  changesets->add_option("--folder", path)->required();
  CLI::App* exporting = app.add_subcommand("export", "The rows of one step into a file");
  exporting->add_option("--file", path)->required();
  exporting->add_option("--format", format, "csv or tsv");
  exporting->add_option("--step", step, "As on stdin")->required();
  CLI::App* read = app.add_subcommand("read", "Reads a SQLite source as an agent does");
  read->add_option("--file", path)->required();
  CallLoadOptions load;
  CLI::App* calls = app.add_subcommand("calls", "Small calls over tenants whose cycles are open");
  calls->add_option("--config", load.config, "The agent's configuration")->required();
  calls->add_option("--context-id", load.context_id, "Tenants are ID-1, ID-2, ...")->required();
  calls->add_option("--tenants", load.tenants)->check(CLI::Range(1, 100'000));
  calls->add_option("--callers", load.callers)->check(CLI::Range(1, 64));
  calls->add_option("--calls", load.calls, "Of all callers together")->check(CLI::Range(1, 100'000'000));
  for (CLI::App* command : {raw, mirror, changesets, exporting}) add_shape(command);
  const auto example = [](CLI::App* command, const std::string& rest) {
    command->footer("Example:\n  " + rest);
  };
  const std::string steps = "echo 'insert count=1000' | mirror-bench ";
  example(raw, steps + "raw --file bare.db");
  example(mirror, steps + "mirror --config dev/mirror-agent.toml --context-id Cust");
  example(changesets, steps + "changesets --folder changesets");
  example(exporting, "mirror-bench export --file rows.csv --step 'insert count=1000'");
  example(read, "mirror-bench read --file crm.db");
  example(calls,
          "mirror-bench calls --config dev/mirror-agent.toml --context-id Cust --tenants 10 --calls 1000");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  if (calls->parsed()) return Calls(load);
  if (read->parsed()) return Read(path);
  const BenchRows rows(shape);
  if (exporting->parsed()) return Export(rows, step, format, path);
  if (raw->parsed()) {
    const auto table = RawTable::Open(path, &rows);
    if (!table.ok()) return Fail(table.status());
    return RunSteps("mirror-bench", [&](const Step& one) { return (*table)->Run(one); });
  }
  if (changesets->parsed()) {
    const auto tables = Changesets::Open(path, &rows);
    if (!tables.ok()) return Fail(tables.status());
    return RunSteps("mirror-bench", [&](const Step& one) { return (*tables)->Run(one); });
  }
  const auto table = MirrorTable::Open(config, context_id, &rows);
  if (!table.ok()) return Fail(table.status());
  return RunSteps("mirror-bench", [&](const Step& one) { return (*table)->Run(one); });
}

}  // namespace
}  // namespace mirror::bench

int main(int argc, char** argv) { return mirror::bench::Main(argc, argv); }
