#include "client/command/dry_run.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "client/command/exit_code.h"
#include "client/command/report.h"
#include "client/run/open_log.h"
#include "client/run/open_reader.h"
#include "client/run/source_rules.h"
#include "client/source/capture/capture_reader.h"
#include "client/source/capture/capture_state.h"
#include "client/state/run_state.h"
#include "client/wire/announced_look.h"
#include "client/wire/connect.h"
#include "client/wire/mirror_client.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

absl::StatusOr<WaitingChanges> Waiting(const SourceConfig& source, const std::string& state_dir,
                                       const RunState& runs) {
  if (!UsesLog(source)) return WaitingChanges();
  return CountWaiting(source, {state_dir, runs.source_id()});
}

/// "all 1,234 rows are sent"
std::string AllRows(SourceReader& reader, const std::string& table) {
  const absl::StatusOr<std::uint64_t> rows = reader.CountRows(table);
  if (!rows.ok()) return absl::StrCat("all rows are sent (", rows.status().message(), ")");
  if (*rows == 0) return "it has no rows";
  return *rows == 1 ? "its one row is sent" : absl::StrCat("all ", Grouped(*rows), " rows are sent");
}

/// What the log says of a table; `waiting` is absent when there is no log at all. A server's log is not read
/// for it, but what of that is staged.
std::string WordsOf(const SourceConfig& source, SourceReader& reader, const RunState& runs,
                    const std::string& table, const WaitingChanges& waiting, bool no_mirror) {
  if (!waiting && runs.tables().FindConfirmed(table) == nullptr) {
    return absl::StrCat("never sent: ", AllRows(reader, table));
  }
  if (!waiting && no_mirror) return absl::StrCat("no mirror yet: ", AllRows(reader, table));
  if (!waiting) return "sent whole if its number of rows changed";
  const auto found = waiting->find(FoldName(table));
  if (found == waiting->end()) {
    const char* const first = source.kind == SourceKind::kPostgres
                                  ? "new: when the publication has it ('mirror-agent install'), "
                              : IsServer(source.kind) ? "new: "
                                                      : "new: a log is made, and ";
    return absl::StrCat(first, AllRows(reader, table));
  }
  if (!found->second) return absl::StrCat("never sent: ", AllRows(reader, table));
  if (no_mirror) return absl::StrCat("no mirror yet: ", AllRows(reader, table));
  const std::string changes = Counted(static_cast<std::uint64_t>(*found->second), "change");
  if (IsServer(source.kind))
    return absl::StrCat(changes, " staged since it was sent last; the server's log may have more");
  if (*found->second == 0) return "nothing changed since it was sent last";
  return absl::StrCat(changes, " logged since it was sent last");
}

/// Tables that the log cannot log, by the names that they are sent by, and why.
std::map<std::string, std::string> SentUnlogged(const SourceConfig& source,
                                                const std::map<std::string, std::string>& unlogged) {
  std::map<std::string, std::string> sent;
  for (const auto& [name, why] : unlogged) {
    std::string as = name;
    for (const TableConfig& own : source.tables) {
      if (SameName(own.name, name)) as = SentName(own);
    }
    sent[FoldName(as)] = why;
  }
  return sent;
}

/// What a staged table's run does beside what was noted.
const char* StagedWords(const SourceConfig& source, const std::string& table) {
  for (const TableConfig& one : source.tables) {
    if (one.staged && SameName(SentName(one), table))
      return ". It is staged: the run compares it with the mirror, and sends only what differs there";
  }
  return "";
}

/// A run would end with these, and with exit code 1.
bool HasTroubles(const SourceSchema& schema) {
  return !schema.refused.empty() ||
         std::any_of(schema.tables.begin(), schema.tables.end(),
                     [](const SourceTable& table) { return !table.problem.empty(); });
}

void PrintRefused(const SourceSchema& schema, std::ostream& out) {
  for (const std::string& note : schema.notes) out << "  " << Printable(note) << '\n';
  for (const RefusedTable& table : schema.refused) {
    out << "  " << Printable(table.name) << ": " << Printable(table.reason) << '\n';
  }
}

/// A look with a copy of what the agent remembers.
/// False: a run would not be good.
absl::StatusOr<bool> ShowCaptured(const SourceConfig& source, const CaptureRules& rules,
                                  const std::map<std::string, std::string>& unlogged,
                                  const std::string& state_dir, const RunState& runs, bool no_mirror,
                                  std::ostream& out, std::vector<SourceTable>* tables) {
  ASSIGN_OR_RETURN(std::unique_ptr<CaptureState> state, CaptureState::OpenCopy(state_dir, source.context_id));
  ASSIGN_OR_RETURN(const CapturedSource opened,
                   OpenCaptured(source, rules, runs.tables().Records(), *state, nullptr));
  SourceReader* const reader = opened.reader.get();
  ASSIGN_OR_RETURN(const auto waiting, Waiting(source, state_dir, runs));
  ASSIGN_OR_RETURN(const SourceSchema schema, reader->Schema());
  *tables = schema.tables;
  PrintRefused(schema, out);
  for (const SourceTable& table : schema.tables) {
    out << "  " << Printable(table.schema.name) << ": ";
    if (const auto why = unlogged.find(FoldName(table.schema.name)); why != unlogged.end())
      out << "found by comparing, since " << Printable(why->second) << ": ";
    if (table.problem.empty() && rules.Find(table.schema.name) == nullptr) {
      out << WordsOf(source, *reader, runs, table.schema.name, waiting, no_mirror) << '\n';
      continue;
    }
    ASSIGN_OR_RETURN(const std::optional<CaptureState::Table> captured, state->Find(table.schema.name));
    const absl::StatusOr<std::optional<std::int64_t>> sent =
        captured ? state->LastSent(*captured) : std::optional<std::int64_t>();
    if (!sent.ok()) return sent.status();
    if (!table.problem.empty()) {
      out << Printable(table.problem) << '\n';
    } else if (!*sent || **sent < captured->floor) {
      out << "not sent in its present form yet: " << AllRows(*reader, table.schema.name)
          << StagedWords(source, table.schema.name) << '\n';
    } else if (no_mirror) {
      out << "no mirror yet: " << AllRows(*reader, table.schema.name)
          << StagedWords(source, table.schema.name) << '\n';
    } else if (captured->key_parts == 0) {
      out << (captured->changed > **sent ? "it changed, and has no key: all rows are sent\n"
                                         : "nothing changed since it was sent last\n");
    } else {
      ASSIGN_OR_RETURN(const CaptureState::Noted noted, state->CountNoted(*captured, **sent));
      out << Counted(noted.inserts, "insert") << ", " << Counted(noted.updates, "update") << ", "
          << Counted(noted.deletes, "delete") << StagedWords(source, table.schema.name) << '\n';
    }
  }
  return !HasTroubles(schema);
}

absl::StatusOr<bool> Show(const SourceConfig& source, const std::string& state_dir, const RunState& runs,
                          bool no_mirror, std::ostream& out, std::vector<SourceTable>* tables) {
  std::map<std::string, std::string> unlogged;
  if (UsesLog(source)) {
    ASSIGN_OR_RETURN(auto found, FindUnlogged(source));
    unlogged = KeepToBeLogged(source, std::move(found));
  }
  std::set<std::string> names;
  for (const auto& [name, why] : unlogged) names.insert(name);
  if (const std::optional<CaptureRules> rules = RulesOf(source, names)) {
    return ShowCaptured(source, *rules, SentUnlogged(source, unlogged), state_dir, runs, no_mirror, out,
                        tables);
  }
  const auto reader = OpenReader(source, runs.tables().Records());
  ASSIGN_OR_RETURN(const SourceSchema schema, reader->Schema());
  ASSIGN_OR_RETURN(const WaitingChanges waiting, Waiting(source, state_dir, runs));
  *tables = schema.tables;
  PrintRefused(schema, out);
  for (const SourceTable& table : schema.tables) {
    out << "  " << Printable(table.schema.name) << ": "
        << (table.problem.empty() ? WordsOf(source, *reader, runs, table.schema.name, waiting, no_mirror)
                                  : Printable(table.problem))
        << '\n';
  }
  return !HasTroubles(schema);
}

void PrintLoss(const LossOfMirror& loss, std::ostream& out) {
  out << "  " << Printable(loss.table) << ": ";
  if (!loss.retired) {
    out << "the mirror drops " << Counted(loss.columns.size(), "column") << " ("
        << Printable(ListNames(loss.columns)) << ") with " << Counted(loss.values, "value") << '\n';
    return;
  }
  const std::string rows =
      loss.rows < 0 ? std::string("all of its rows") : Counted(static_cast<std::uint64_t>(loss.rows), "row");
  out << "it is not announced any more: "
      << (loss.held ? "the mirror keeps it, with " : "the mirror sets it aside, with ") << rows
      << (loss.held ? ", until an operator allows it to go\n" : "\n");
}

/// What the announcement would do to the mirror, as the endpoint sees it: nothing is done there. False: it
/// cannot be told.
bool ShowAnnounced(MirrorClient& client, const std::string& source_id, const std::vector<SourceTable>& tables,
                   std::ostream& out, std::ostream& err) {
  std::vector<TableSchema> schemas;
  for (const SourceTable& table : tables) schemas.push_back(table.schema);
  const absl::StatusOr<AnnouncedLook> look = LookAtAnnouncement(client, source_id, schemas);
  if (absl::IsAborted(look.status())) {
    out << "  the endpoint is older and does not tell what it would do with these tables\n";
    return true;
  }
  if (!look.ok()) {
    err << kFailedHere << Printable(std::string(look.status().message())) << '\n';
    return false;
  }
  for (const AnnouncedLook::Table& table : look->tables) {
    out << "  " << Printable(table.table) << (table.refused ? ": refused" : ": to be populated anew")
        << (table.reason.empty() ? "" : absl::StrCat(": ", Printable(table.reason))) << '\n';
  }
  for (const LossOfMirror& loss : look->losses) PrintLoss(loss, out);
  return true;
}

}  // namespace

bool DryRun(const SourceConfig& configured, const std::string& state_dir, const Connection& connection,
            std::ostream& out, std::ostream& err) {
  const absl::StatusOr<RunState> runs = RunState::Load(state_dir, configured.context_id);
  SourceConfig source = runs.ok() ? WithLastTables(configured, runs->tables()) : configured;
  source.rejects = RejectsOf(configured, state_dir);
  source.keeps_rejects = false;
  out << source.context_id << "  " << Printable(source.path) << '\n';
  MirrorClient client(connection.line->Channel(), connection.identity, source.context_id);
  const auto answer = client.Authenticate("", /*take_over=*/false, /*probe=*/true);
  const bool no_mirror = HasNoMirrorYet(answer.status());
  std::vector<SourceTable> tables;
  const absl::StatusOr<bool> looked = runs.ok() ? Show(source, state_dir, *runs, no_mirror, out, &tables)
                                                : absl::StatusOr<bool>(runs.status());
  if (!looked.ok())
    err << kFailedHere << source.context_id << ": " << Printable(std::string(looked.status().message()))
        << '\n';
  if (no_mirror) {
    out << "  the endpoint accepted the token and has no mirror of this tenant yet: the first run makes it. "
           "Nothing was "
           "sent.\n";
    return looked.value_or(false);
  }
  if (!answer.ok()) {
    err << kFailedHere << source.context_id << ": " << Printable(std::string(answer.status().message()))
        << '\n';
    return false;
  }
  out << "  the endpoint, version " << Printable(answer->server_version())
      << ", accepted the token, and its signature is right"
      << (answer->do_not_replicate() ? ". It wants no changes now: the run would be told why" : "")
      << ". Nothing was sent.\n";
  // Before its first run it has no name for the source yet.
  const bool can_ask = looked.ok() && runs.ok() && !runs->source_id().empty() && !answer->do_not_replicate();
  const bool told = !can_ask || ShowAnnounced(client, runs->source_id(), tables, out, err);
  return looked.value_or(false) && told;
}

}  // namespace mirror
