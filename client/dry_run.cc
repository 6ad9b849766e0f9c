#include "client/dry_run.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "client/mirror_client.h"
#include "client/report.h"
#include "client/run_state.h"
#include "client/source/capture_reader.h"
#include "client/source/capture_state.h"
#include "client/source/change_log.h"
#include "client/source_run.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// See ChangeLog::Waiting().
using WaitingEntries = std::optional<std::map<std::string, std::optional<std::int64_t>>>;

absl::StatusOr<WaitingEntries> Waiting(const SourceConfig& source) {
  if (!UsesLog(source)) return WaitingEntries();
  return ChangeLog::Waiting(source.path);
}

/// What the log says of a table; `waiting` is absent when there is no log at all.
std::string WordsOf(const std::string& table, const WaitingEntries& waiting) {
  if (!waiting) return "sent whole, if its number of rows differs";
  const auto found = waiting->find(FoldName(table));
  if (found == waiting->end()) return "new: a log is made, and all rows are sent";
  if (!found->second) return "never sent: all rows are sent";
  if (*found->second == 0) return "nothing changed since it was sent last";
  return absl::StrCat(Grouped(static_cast<std::uint64_t>(*found->second)),
                      *found->second == 1 ? " change" : " changes", " logged since it was sent last");
}

/// A look with a copy of what the agent remembers.
absl::Status ShowCaptured(const SourceConfig& source, const CaptureRules& rules, const std::string& state_dir,
                          std::ostream& out) {
  absl::StatusOr<std::unique_ptr<CaptureState>> state = CaptureState::OpenCopy(state_dir, source.context_id);
  if (!state.ok()) return state.status();
  const absl::StatusOr<RunState> runs = RunState::Load(state_dir, source.context_id);
  if (!runs.ok()) return runs.status();
  const CapturedSource opened = OpenCaptured(source, rules, runs->Records(), **state, nullptr);
  SourceReader* const reader = opened.reader.get();
  const auto waiting = Waiting(source);
  if (!waiting.ok()) return waiting.status();
  const absl::StatusOr<SourceSchema> schema = reader->Schema();
  if (!schema.ok()) return schema.status();
  for (const std::string& note : schema->notes) out << "  " << Printable(note) << '\n';
  for (const RefusedTable& table : schema->refused) {
    out << "  " << Printable(table.name) << ": " << Printable(table.reason) << '\n';
  }
  for (const SourceTable& table : schema->tables) {
    out << "  " << Printable(table.schema.name) << ": ";
    if (table.problem.empty() && rules.Find(table.schema.name) == nullptr) {
      out << WordsOf(table.schema.name, *waiting) << '\n';
      continue;
    }
    const absl::StatusOr<std::optional<CaptureState::Table>> captured = (*state)->Find(table.schema.name);
    if (!captured.ok()) return captured.status();
    const absl::StatusOr<std::optional<std::int64_t>> sent =
        *captured ? (*state)->LastSent(**captured) : std::optional<std::int64_t>();
    if (!sent.ok()) return sent.status();
    if (!table.problem.empty()) {
      out << Printable(table.problem) << '\n';
    } else if (!*sent || **sent < (*captured)->floor) {
      out << "never sent as it is: all rows are sent\n";
    } else if ((*captured)->key_parts == 0) {
      out << ((*captured)->changed > **sent ? "it changed, and has no key: all rows are sent\n"
                                            : "nothing changed since it was sent last\n");
    } else {
      const absl::StatusOr<CaptureState::Noted> noted = (*state)->CountNoted(**captured, **sent);
      if (!noted.ok()) return noted.status();
      out << Grouped(noted->inserts) << " inserts, " << Grouped(noted->updates) << " updates, "
          << Grouped(noted->deletes) << " deletes\n";
    }
  }
  return absl::OkStatus();
}

absl::Status Show(const SourceConfig& source, const std::string& state_dir, std::ostream& out) {
  if (const std::optional<CaptureRules> rules = RulesOf(source)) {
    return ShowCaptured(source, *rules, state_dir, out);
  }
  const auto reader = OpenSource(source, {});
  const absl::StatusOr<std::vector<std::string>> tables = reader->TableNames();
  if (!tables.ok()) return tables.status();
  const absl::StatusOr<WaitingEntries> waiting = Waiting(source);
  if (!waiting.ok()) return waiting.status();
  for (const std::string& table : *tables) {
    out << "  " << Printable(table) << ": " << WordsOf(table, *waiting) << '\n';
  }
  return absl::OkStatus();
}

}  // namespace

bool DryRun(const SourceConfig& configured, const std::string& state_dir, const Connection& connection,
            std::ostream& out, std::ostream& err) {
  SourceConfig source = configured;
  source.rejects = RejectsOf(configured, state_dir);
  source.keeps_rejects = false;
  out << source.context_id << "  " << Printable(source.path) << '\n';
  const absl::Status looked = Show(source, state_dir, out);
  if (!looked.ok()) err << "mirror-agent: " << source.context_id << ": " << looked.message() << '\n';
  MirrorClient client(connection.channel, connection.identity, source.context_id);
  const auto answer = client.Authenticate("", /*take_over=*/false, /*probe=*/true);
  if (!answer.ok()) {
    err << "mirror-agent: " << source.context_id << ": " << answer.status().message() << '\n';
    return false;
  }
  out << "  the endpoint, version " << answer->server_version() << ", proved itself"
      << (answer->do_not_replicate() ? ", and does not want changes now" : "") << ". Nothing was sent.\n";
  return looked.ok();
}

}  // namespace mirror
