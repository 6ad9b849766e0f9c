// The commands that show what was written to a mirror, and what its rows were.
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/interruption.h"
#include "tools/mirrorctl/admin/history_output.h"
#include "tools/mirrorctl/admin/name_completion.h"
#include "tools/mirrorctl/admin_command.h"

namespace mirror {
namespace {

void ShowChange(const AdminRequest& request, const v1::Change& change, TextTable* table, Console& console) {
  if (request.json) return PrintJsonLine(console.out, ChangeJson(change));
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
    const auto page = client.Changes(asked);
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
    return SayNone(console, absl::StrCat("to go on behind these: --since ", asked.since()));
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
  if (request.json) return PrintJson(console.out, ExplainedJson(*row));
  PrintExplained(console.out, *row, request.width());
  if (!row->stands()) SayNone(console, "there is no such row now");
  for (const v1::ExplainRowResponse::Column& column : row->columns()) {
    if (column.has_writer()) continue;
    return SayNone(console,
                   "what is older than the journal was written before the journal began, or was trimmed from "
                   "it");
  }
}

void ShowHistory(AdminClient& admin, const AdminRequest& request, Console& console) {
  const auto row = HistoryClient(admin).Versions(RowAskedFor(request));
  if (!row.ok()) return Fail(console, row.status());
  if (request.json) {
    for (const auto& version : row->versions()) PrintJsonLine(console.out, VersionJson(version));
  } else {
    PrintVersions(console.out, *row, request.width());
  }
  if (row->versions_size() == 0) SayNone(console, "there was no such row");
  SayNone(console,
          absl::StrCat("table '", row->table(), "' is known from moment ", row->known_from(), " on"));
  if (!row->complete()) SayNone(console, "there are older versions than these");
}

void AddRow(const AdminCommands& commands, const cli::Command& command) {
  commands.AddContext(command, true);
  command.Add("table", commands.request->tables, "Its name, as 'mirrorctl tables' prints it")
      .Values(1, 1)
      .AsItStands()
      .Required()
      .Completes(TableNames);
  command.Add("key", commands.request->key, "Of the row: 17, \"'Ada', 3\", or a JSON array").Required();
  commands.AddWide(command);
}

}  // namespace

void AddHistoryCommands(const AdminCommands& commands) {
  const std::shared_ptr<AdminRequest>& request = commands.request;
  const cli::Command changes =
      commands.Add("changes", "Show what was written to a tenant's rows, of tables that have a journal",
                   "Cust26759 --follow", ShowChanges);
  commands.AddContext(changes, true);
  changes.Add("--table", request->tables, "Only of this table")
      .ValueName("TABLE")
      .Values(1, 1)
      .AsItStands()
      .Completes(TableNames);
  changes.Add("--since", request->since, "Only what came behind this, or 'now'; else all that is kept")
      .ValueName("TOKEN");
  changes.AddFlag("--follow", request->follow,
                  "Then show each new one, until Ctrl-C or until the server ends");
  commands.AddWide(changes);
  commands.AddJson(changes, "Print one object a line");

  const cli::Command explain = commands.Add("explain", "Show which change wrote each column of a row last",
                                            "Cust26759 contact 17", Explain);
  AddRow(commands, explain);
  commands.AddJson(explain, "Print an object");

  const cli::Command history = commands.Add("history", "Show what a row was, of tables that have a history",
                                            "Cust26759 contact 17", ShowHistory);
  AddRow(commands, history);
  commands.AddJson(history, "Print one object a line, the newest first");
}

}  // namespace mirror
