// Commands that show changes to a mirror and earlier versions of its rows.
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/interruption.h"
#include "tools/mirrorctl/admin/history_output.h"
#include "tools/mirrorctl/admin/name_completion.h"
#include "tools/mirrorctl/admin_commands.h"
#include "tools/mirrorctl/dry_runs.h"

namespace mirror {
namespace {

void ShowChange(const AdminRequest& request, const v1::Change& change, TextTable* table, Console& console) {
  if (request.json) return PrintJsonLine(console.out, ToJson(change));
  AddChange(*table, change);
}

void ShowChanges(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::ListChangesRequest asked;
  asked.set_context_id(request.context_id);
  if (!request.tables.empty()) asked.set_table(request.tables.front());
  asked.set_since(request.since);
  asked.set_with_keys(true);
  HistoryClient client(admin);
  const Interruption interruption;
  TextTable table = ChangeTable(request.width());
  std::uint64_t shown = 0;
  bool complete = false;
  while (!complete && !interruption.Wait(std::chrono::milliseconds(0))) {
    const auto page = client.Changes(&asked);
    if (!page.ok()) {
      if (!request.json) table.Print(console.out);
      return Fail(console, page.status());
    }
    for (const v1::Change& change : page->changes()) ShowChange(request, change, &table, console);
    shown += static_cast<std::uint64_t>(page->changes_size());
    asked.set_since(page->next());
    complete = page->complete();
    if (!request.json) table.Print(console.out);
    if (!console.out.flush()) return;
  }
  if (!request.follow) {
    if (shown == 0) SayNone(console, "there are no such changes");
    return SayNone(console, absl::StrCat("to show later changes, use --since ", asked.since()));
  }
  const absl::Status status = client.FollowChanges(asked, interruption, [&](const v1::Change& change) {
    ShowChange(request, change, &table, console);
    if (!request.json) table.Print(console.out);
    return static_cast<bool>(console.out.flush());
  });
  if (!status.ok()) Fail(console, status);
}

v1::RowOfTable RowAskedFor(const AdminRequest& request) {
  v1::RowOfTable row;
  row.set_context_id(request.context_id);
  row.set_table(request.tables.front());
  row.set_key(request.key);
  return row;
}

void Explain(AdminClient& admin, const AdminRequest& request, Console& console) {
  const auto row = HistoryClient(admin).Explain(RowAskedFor(request));
  if (!row.ok()) return Fail(console, row.status());
  if (request.json) return PrintJson(console.out, ToJson(*row));
  PrintExplained(console.out, *row, request.width());
  if (!row->stands()) SayNone(console, "there is no such row now");
  for (const v1::ExplainRowResponse::Column& column : row->columns()) {
    if (column.has_writer()) continue;
    return SayNone(console, "'older': written before the journal began, or the entry was trimmed from it");
  }
}

void ShowHistory(AdminClient& admin, const AdminRequest& request, Console& console) {
  const auto row = HistoryClient(admin).Versions(RowAskedFor(request));
  if (!row.ok()) return Fail(console, row.status());
  if (request.json) {
    for (const auto& version : row->versions()) PrintJsonLine(console.out, ToJson(version));
  } else {
    PrintVersions(console.out, *row, request.width());
  }
  if (row->versions_size() == 0) SayNone(console, "there was no such row");
  SayNone(console,
          absl::StrCat("table '", row->table(), "' has a history from moment ", row->known_from(), " on"));
  if (!row->complete()) SayNone(console, "there are older versions than these");
}

/// Time limit of a comparison of large tables. The time depends on the disk.
constexpr std::chrono::hours kWholeDiffPatience{6};
/// Greatest number of lines that are printed as one table. Further lines begin another table.
constexpr std::uint64_t kLinesAtOnce = 1'000;

void ShowDiff(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::DiffTableRequest asked;
  asked.set_context_id(request.context_id);
  asked.set_table(request.tables.front());
  asked.set_from(request.from_moment);
  asked.set_to(request.to_moment);
  TextTable table = DifferenceTable(request.width());
  std::uint64_t rows = 0;
  std::string between;
  const Interruption interruption;
  const auto show = [&](const v1::DiffPart& part) {
    if (part.has_header()) {
      between = absl::StrCat("between moment ", part.header().from().moment(), " and moment ",
                             part.header().to().moment());
    }
    if (!part.has_row()) return true;
    ++rows;
    if (request.json) {
      PrintJsonLine(console.out, ToJson(part.row()));
    } else {
      AddDifference(table, part.row());
      if (rows % kLinesAtOnce == 0) table.Print(console.out);
    }
    return !console.out.fail();
  };
  const absl::Status read = HistoryClient(admin).Diff(asked, kWholeDiffPatience, interruption, show);
  if (!request.json) table.Print(console.out);
  if (!read.ok()) return Fail(console, read);
  SayNone(console, absl::StrCat(Counted(rows, "row"), rows == 1 ? " differs " : " differ ", between));
}

void VerifyHistory(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::VerifyHistoryRequest asked;
  asked.set_context_id(request.context_id);
  if (!request.tables.empty()) asked.set_table(request.tables.front());
  TextTable table = VerifiedTable(request.width());
  std::uint64_t different = 0, all = 0;
  const Interruption interruption;
  const absl::Status read =
      HistoryClient(admin).Verify(asked, interruption, [&](const v1::VerifiedMoment& state) {
        ++all;
        if (state.has_commit() && !state.equal()) ++different;
        if (request.json) return PrintJsonLine(console.out, ToJson(state));
        AddVerified(table, state);
      });
  if (!request.json) table.Print(console.out);
  if (!read.ok()) return Fail(console, read);
  if (all == 0) SayNone(console, "no table has a history");
  if (different == 0) return;
  Fail(console, absl::DataLossError(absl::StrCat(
                    Counted(different, "state"),
                    different == 1 ? " that was proven equal to the source now reads differently. "
                                   : " that were proven equal to the source now read differently. ",
                    "Versions of rows were changed by hand, or the file is damaged: 'mirrorctl diagnose' "
                    "checks it.")));
}

void Erase(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::EraseRowRequest message;
  message.set_context_id(request.context_id);
  message.set_table(request.tables.front());
  message.set_key(request.key);
  message.set_now(request.now);
  const auto answer = DoAsMeant<v1::EraseRowRequest, v1::EraseRowResponse>(
      admin, request, console, message, Question::kYes,
      [&](const v1::EraseRowRequest& asked) { return HistoryClient(admin).Erase(asked); });
  if (!answer) return;
  console.out << "erased " << Counted(answer->versions(), "version") << ", and the key from "
              << (answer->entries() == 1 ? "1 entry" : absl::StrCat(Grouped(answer->entries()), " entries"))
              << " of the journal\n";
  if (!answer->scrubbed()) {
    SayNone(console,
            "the mirror's files still contain the row until the mirror is rewritten after the next cycle; "
            "--now rewrites it at once");
  }
}

void AddTable(const AdminCommands& commands, const cli::Command& command, bool required) {
  command.Add("table", commands.request->tables, "Its name, as 'mirrorctl tables' prints it")
      .Values(1, 1)
      .AsItStands()
      .Required(required)
      .Completes(TableNames);
}

void AddRow(const AdminCommands& commands, const cli::Command& command, bool required = true) {
  commands.AddContext(command, required);
  AddTable(commands, command, required);
  command.Add("key", commands.request->key, "Key of the row: 17, \"'Ada', 3\", or a JSON array")
      .Required(required);
  commands.AddWide(command);
}

void AddVerification(const AdminCommands& of_history) {
  const cli::Command verify = of_history.Add(
      "verify",
      "Recompute those former states of tables that were proven equal to the source; exit code 1: one of "
      "them differs now",
      "Cust26759", VerifyHistory);
  of_history.AddContext(verify, true);
  verify.Add("--table", of_history.request->tables, "Only this table")
      .ValueName("TABLE")
      .Values(1, 1)
      .AsItStands()
      .Completes(TableNames);
  of_history.AddWide(verify);
  of_history.AddJson(verify, "Print one object a line");
}

}  // namespace

void AddHistoryCommands(const AdminCommands& commands) {
  const std::shared_ptr<AdminRequest>& request = commands.request;
  const cli::Command changes =
      commands.Add("changes", "Show the changes to a tenant's rows, for tables that have a journal",
                   "Cust26759 --follow", ShowChanges);
  commands.AddContext(changes, true);
  changes.Add("--table", request->tables, "Only this table")
      .ValueName("TABLE")
      .Values(1, 1)
      .AsItStands()
      .Completes(TableNames);
  changes
      .Add("--since", request->since,
           "Only changes after this token, or after 'now'; without it all that are kept")
      .ValueName("TOKEN");
  changes.AddFlag("--follow", request->follow,
                  "Continue with each new change, until Ctrl-C or until the server stops");
  commands.AddWide(changes);
  commands.AddJson(changes, "Print one object a line");

  const cli::Command explain = commands.Add("explain",
                                            "Show the change that last wrote each column of a "
                                            "row",
                                            "Cust26759 contact 17", Explain);
  AddRow(commands, explain);
  commands.AddJson(explain, "Print an object");

  const cli::Command history =
      commands.Add("history", "Show the versions of a row, for tables that have a history",
                   "Cust26759 contact 17", ShowHistory);
  AddRow(commands, history, /*required=*/false);
  commands.AddJson(history, "Print one object a line, the newest first");
  history.Check([request, history] {
    return history.command_given() || !request->key.empty() ? "" : "context_id, table and key are required";
  });
  AddVerification({history, commands.config_path, commands.console, request, "history "});

  const cli::Command diff = commands.Add("diff", "Show which rows differ between two moments",
                                         "Cust26759 contact --from 2026-03-31 --to m:4711", ShowDiff);
  commands.AddContext(diff, true);
  AddTable(commands, diff, /*required=*/true);
  diff.Add("--from", request->from_moment,
           "An LSN, a moment as m:NUMBER (m:0 is the first), or a time in UTC")
      .ValueName("WHEN")
      .Required();
  diff.Add("--to", request->to_moment, "As for --from; without it the last commit").ValueName("WHEN");
  commands.AddWide(diff);
  commands.AddJson(diff, "Print one object a line");

  const cli::Command erase = commands.Add("erase", "Remove everything that is kept of a deleted row",
                                          "Cust26759 contact 17 --now", Erase);
  AddRow(commands, erase);
  erase.AddFlag("--now", request->now, "Also remove it from the mirror's files, before the command ends");
  commands.AddDryRun(erase, /*has_json=*/false);
}

}  // namespace mirror
