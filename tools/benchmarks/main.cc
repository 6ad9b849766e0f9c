// mirror-bench: runs the workloads and references that tools/bench measures. tools/bench starts it and writes
// to its stdin.
#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <string>

#include "tools/benchmarks/bench_rows.h"
#include "tools/benchmarks/call_load.h"
#include "tools/benchmarks/copy_table.h"
#include "tools/benchmarks/mirror_table.h"
#include "tools/benchmarks/raw_table.h"
#include "tools/benchmarks/source_reading.h"
#include "tools/benchmarks/step.h"

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

int Tell(const absl::StatusOr<SourceReading>& reading) {
  if (!reading.ok()) return Fail(reading.status());
  std::cout << ReadingJson(*reading) << "\n";
  return 0;
}

int Tell(const absl::StatusOr<LogReading>& reading) {
  if (!reading.ok()) return Fail(reading.status());
  std::cout << LogReadingJson(*reading) << "\n";
  return 0;
}

/// Prints "ready", then waits for a line on stdin, so that tools/bench can examine the server meanwhile.
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

int Tell(const absl::StatusOr<StepTime>& time) {
  if (!time.ok()) return Fail(time.status());
  std::cout << StepJson(*time) << "\n";
  return 0;
}

/// The options of the command line; each command uses a part of them.
struct Asked {
  Shape shape;
  std::string path, config, context_id, step = "insert", format = "csv";
  std::string slot, publication, from, sql;
  CallLoadOptions load;
  DoorLoadOptions door;
};

CLI::App* AddCommand(CLI::App* app, const char* name, const char* help, const std::string& example) {
  CLI::App* command = app->add_subcommand(name, help);
  command->footer("Example:\n  " + example);
  return command;
}

void AddShape(CLI::App* command, Shape* shape) {
  command->add_option("--key", shape->key, "integer, composite or text")
      ->transform(CLI::CheckedTransformer(std::map<std::string, KeyKind>{
          {"integer", KeyKind::kInteger}, {"composite", KeyKind::kComposite}, {"text", KeyKind::kText}}));
  command->add_option("--columns", shape->columns, "Columns; 12 make a row of 184 bytes")
      ->check(CLI::Range(2, 2'000));
  command->add_option("--width", shape->width, "Instead of --columns: bytes of a row with a key and one text")
      ->check(CLI::Range(9, 1'000'000));
}

void AddStepCommands(CLI::App* app, Asked* asked) {
  const std::string steps = "echo 'insert count=1000' | mirror-bench ";
  CLI::App* raw = AddCommand(app, "raw", "Steps on a bare SQLite file", steps + "raw --file bare.db");
  raw->add_option("--file", asked->path)->required();
  CLI::App* mirror = AddCommand(app, "mirror", "Steps over the network, on a tenant of a mirror",
                                steps + "mirror --config dev/mirror-agent.toml --context-id Cust");
  mirror->add_option("--config", asked->config, "The agent's configuration")->required();
  mirror->add_option("--context-id", asked->context_id)->required();
  CLI::App* echo = AddCommand(app, "echo", "Pushes to mirror-bench-echo",
                              "echo 'push count=1000' | mirror-bench echo --config echo-agent.toml");
  echo->add_option("--config", asked->config, "The agent's configuration, with the echo's port")->required();
  CLI::App* changesets = AddCommand(app, "changesets", "Steps by sqlite3changeset_apply",
                                    steps + "changesets --folder changesets");
  changesets->add_option("--folder", asked->path)->required();
  CLI::App* exporting = AddCommand(app, "export", "Writes the rows of one step into a file",
                                   "mirror-bench export --file rows.csv --step 'insert count=1000'");
  exporting->add_option("--file", asked->path)->required();
  exporting->add_option("--format", asked->format, "csv or tsv");
  exporting->add_option("--step", asked->step, "One step, as on stdin")->required();
  CLI::App* copy = AddCommand(app, "copy", "Steps by COPY into a PostgreSQL table, which is created anew",
                              steps + "copy --conninfo 'host=/tmp/pg dbname=bench'");
  copy->add_option("--conninfo", asked->path, "A connection string of libpq")->required();
  for (CLI::App* command : {raw, mirror, echo, changesets, copy, exporting}) AddShape(command, &asked->shape);
}

void AddReadings(CLI::App* app, Asked* asked) {
  CLI::App* read =
      AddCommand(app, "read", "Reads a source as an agent does", "mirror-bench read --file crm.db");
  read->add_option("--file", asked->path, "A SQLite file, a postgresql:// URL, mariadb:DSN, odbc:DSN")
      ->required();
  CLI::App* fetch = AddCommand(app, "fetch", "Fetches a statement's rows by ODBC's own calls",
                               "mirror-bench fetch --file 'DSN=crm' --sql 'SELECT * FROM t'");
  fetch->add_option("--file", asked->path, "An ODBC connection string")->required();
  fetch->add_option("--sql", asked->sql, "The statement")->required();
  CLI::App* decode = AddCommand(app, "decode", "Decodes the log of a source's server as an agent does",
                                "mirror-bench decode --file postgresql://host/crm --slot s --publication p");
  decode->add_option("--file", asked->path, "A postgresql:// URL, or a DSN of MariaDB")->required();
  decode->add_option("--slot", asked->slot, "PostgreSQL's replication slot");
  decode->add_option("--publication", asked->publication, "PostgreSQL's publication");
  decode->add_option("--from", asked->from, "FILE:OFFSET in MariaDB's binlog");
  CLI::App* stage = AddCommand(app, "stage", "Reads a source's log into the agent's stage; sends nothing",
                               "mirror-bench stage --config dev/mirror-agent.toml --context-id Cust");
  stage->add_option("--config", asked->config, "The agent's configuration")->required();
  stage->add_option("--context-id", asked->context_id)->required();
}

void AddLoads(CLI::App* app, Asked* asked) {
  CallLoadOptions& load = asked->load;
  CLI::App* calls = AddCommand(
      app, "calls", "Small calls over tenants whose cycles are open",
      "mirror-bench calls --config dev/mirror-agent.toml --context-id Cust --tenants 10 --calls 1000");
  calls->add_option("--config", load.config, "The agent's configuration")->required();
  calls->add_option("--context-id", load.context_id, "Tenants are ID-1, ID-2, ...")->required();
  calls->add_option("--tenants", load.tenants)->check(CLI::Range(1, 100'000));
  calls->add_option("--callers", load.callers)->check(CLI::Range(1, 64));
  calls->add_option("--calls", load.calls, "Calls of all callers together")
      ->check(CLI::Range(1, 100'000'000));
  DoorLoadOptions& door = asked->door;
  CLI::App* upserts =
      AddCommand(app, "door", "Upserts of one record each over HTTP, on loopback",
                 "mirror-bench door --port 8080 --api-key KEY --storage Acme --connections 64");
  upserts->add_option("--port", door.port)->required();
  upserts->add_option("--api-key", door.key)->required();
  upserts->add_option("--storage", door.storage)->required();
  upserts->add_option("--connections", door.connections)->check(CLI::Range(1, 1'000));
  upserts->add_option("--first", door.first, "The first external id");
  upserts->add_option("--count", door.count, "Upserts of all connections together")
      ->check(CLI::Range(1, 10'000'000));
}

/// Runs the steps from stdin on a table, or on an object with the same interface.
template <typename Table>
int Steps(const absl::StatusOr<Table>& table) {
  if (!table.ok()) return Fail(table.status());
  return RunSteps("mirror-bench", [&](const Step& one) { return (*table)->Run(one); });
}

int Main(int argc, char** argv) {
  CLI::App app("Runs the work and the references that tools/bench measures.", "mirror-bench");
  app.require_subcommand(1);
  app.footer(
      "raw, mirror, echo, changesets and copy read steps from stdin, such as 'upsert from=1 count=500000 "
      "version=2',\n"
      "and answer each with a line of JSON.\n"
      "Exit code: 0 done, 1 failed (reason on stderr), 2 wrong usage.");
  Asked asked;
  AddStepCommands(&app, &asked);
  AddReadings(&app, &asked);
  AddLoads(&app, &asked);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  if (app.got_subcommand("calls")) return Calls(asked.load);
  if (app.got_subcommand("door")) return Tell(RunDoor(asked.door));
  if (app.got_subcommand("read")) return Tell(ReadSource(asked.path));
  if (app.got_subcommand("fetch")) return Tell(FetchBare(asked.path, asked.sql));
  if (app.got_subcommand("stage")) return Tell(StageLog(asked.config, asked.context_id));
  if (app.got_subcommand("decode")) {
    return Tell(asked.from.empty() ? DecodePostgresLog(asked.path, asked.slot, asked.publication)
                                   : DecodeBinlog(asked.path, asked.from));
  }
  const BenchRows rows(asked.shape);
  if (app.got_subcommand("export")) return Export(rows, asked.step, asked.format, asked.path);
  if (app.got_subcommand("raw")) return Steps(RawTable::Open(asked.path, &rows));
  if (app.got_subcommand("changesets")) return Steps(Changesets::Open(asked.path, &rows));
  if (app.got_subcommand("copy")) return Steps(CopyTable::Open(asked.path, &rows));
  if (app.got_subcommand("echo")) return Steps(EchoTable::Open(asked.config, &rows));
  return Steps(MirrorTable::Open(asked.config, asked.context_id, &rows));
}

}  // namespace
}  // namespace mirror::bench

int main(int argc, char** argv) { return mirror::bench::Main(argc, argv); }
