// Commands that change the data or the state of a server.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/text/text_table.h"
#include "tools/mirrorctl/admin/admin_output.h"
#include "tools/mirrorctl/admin/name_completion.h"
#include "tools/mirrorctl/admin_commands.h"
#include "tools/mirrorctl/backup_progress.h"
#include "tools/mirrorctl/dry_runs.h"

namespace mirror {
namespace {

/// Returns an InvalidateLsnRequest or a ResetTableRequest.
template <typename Message>
Message TablesOf(const AdminRequest& request) {
  Message message;
  message.set_context_id(request.context_id);
  message.set_all(request.all);
  message.mutable_tables()->Add(request.tables.begin(), request.tables.end());
  return message;
}

void Invalidate(AdminClient& admin, const AdminRequest& request, Console& console) {
  using Answer = v1::InvalidateLsnResponse;
  const auto answer = DoAsMeant<v1::InvalidateLsnRequest, Answer>(
      admin, request, console, TablesOf<v1::InvalidateLsnRequest>(request), Question::kNone,
      [&](const v1::InvalidateLsnRequest& message) { return admin.Invalidate(message); });
  if (!answer) return;
  constexpr std::int64_t kUnpopulated = -1;
  if (request.json) {
    Json list = Json::array();
    for (const std::string& table : answer->tables()) {
      list.push_back({{"table", table}, {"position", {{"lsn", kUnpopulated}}}});
    }
    return PrintJson(console.out, list);
  }
  TextTable table({{"table"}, {"lsn", true}});
  for (const std::string& name : answer->tables()) table.Add({name, absl::StrCat(kUnpopulated)});
  table.Print(console.out);
}

/// Returns the question for the context id, unless --confirm gave it.
Question AsksTenant(const AdminRequest& request) {
  return request.confirm.empty() ? Question::kTenant : Question::kNone;
}

/// Returns the context id that the user typed, in --confirm or at the question.
std::string ConfirmOf(const AdminRequest& request) {
  return request.confirm.empty() ? request.context_id : request.confirm;
}

void Reset(AdminClient& admin, const AdminRequest& request, Console& console) {
  const auto message = TablesOf<v1::ResetTableRequest>(request);
  const auto answer = DoAsMeant<v1::ResetTableRequest, v1::ResetTableResponse>(
      admin, request, console, message, request.all ? AsksTenant(request) : Question::kYes,
      [&](v1::ResetTableRequest asked) {
        if (!asked.dry_run() && asked.all()) asked.set_confirm(ConfirmOf(request));
        return admin.Reset(asked);
      });
  if (!answer) return;
  if (!answer->kept_path().empty()) {
    console.err << "mirrorctl: the old mirror is kept on the server as " << Printable(answer->kept_path())
                << " until somebody removes it\n";
  }
  if (request.all && answer->tables().empty()) {
    // There is no former mirror: it was lost, damaged or empty.
    console.err << "mirrorctl: the mirror of " << request.context_id
                << " starts empty, and the next cycle populates it"
                << (answer->kept_path().empty() ? "; there was no old mirror to keep\n" : "\n");
    if (!request.json) return;
  }
  if (request.json) {
    Json list = Json::array();
    for (const std::string& table : answer->tables()) list.push_back({{"table", table}});
    return PrintJson(console.out, list);
  }
  TextTable table({{"table"}});
  for (const std::string& name : answer->tables()) table.Add({name});
  table.Print(console.out);
}

/// Returns the server's spelling of the context id. If an older server does not send it, returns the typed
/// one.
template <typename Response>
std::string TenantOf(const Response& answer, const AdminRequest& request) {
  return answer.context_id().empty() ? request.context_id : answer.context_id();
}

/// Returns true if the tenant's rows come over HTTP.
template <typename Response>
bool OfRecords(const Response& answer) {
  return answer.door() == "records";
}

void Pause(AdminClient& admin, const AdminRequest& request, Console& console) {
  const auto answer = admin.Pause(request.context_id, request.reason);
  if (!answer.ok()) return Fail(console, answer.status());
  const std::string tenant = TenantOf(*answer, request);
  console.out << Printable(tenant) << " is paused: "
              << (OfRecords(*answer) ? "writes over HTTP are refused" : "its source is told not to replicate")
              << " until 'mirrorctl resume " << Printable(ShellWord(tenant)) << "'\n";
}

void Resume(AdminClient& admin, const AdminRequest& request, Console& console) {
  const auto answer = admin.Resume(request.context_id);
  if (!answer.ok()) return Fail(console, answer.status());
  console.out << Printable(TenantOf(*answer, request)) << " is resumed: "
              << (OfRecords(*answer) ? "writes over HTTP are accepted again"
                                     : "its source's next cycle is accepted")
              << '\n';
}

/// Returns the tenants of the storage's other data sources, if `context_id` is its root tenant.
std::vector<std::string> SourcesBeside(AdminClient& admin, const std::string& context_id) {
  v1::ListStoragesRequest message;
  message.set_id_pattern(context_id);
  const auto answer = LookClient(admin).AllStorages(message);
  std::vector<std::string> beside;
  if (!answer.ok()) return beside;
  for (const v1::StorageInfo& storage : answer->storages()) {
    for (const v1::DataSourceInfo& source : storage.data_sources()) {
      if (!source.is_default()) beside.push_back(source.tenant());
    }
  }
  return beside;
}

void Delete(AdminClient& admin, const AdminRequest& request, Console& console) {
  const std::vector<std::string> beside = SourcesBeside(admin, request.context_id);
  v1::DeleteMirrorRequest message;
  message.set_context_id(request.context_id);
  const auto answer = DoAsMeant<v1::DeleteMirrorRequest, v1::DeleteMirrorResponse>(
      admin, request, console, message, AsksTenant(request), [&](v1::DeleteMirrorRequest asked) {
        if (!asked.dry_run()) asked.set_confirm(ConfirmOf(request));
        return admin.Delete(asked);
      });
  if (!answer) return;
  const std::string tenant = admin.SpelledAs(request.context_id);
  console.out << "the mirror of " << Printable(tenant) << " is deleted; "
              << (OfRecords(*answer) ? "nothing with that id can be created over HTTP"
                                     : "its source is told not to replicate")
              << " until 'mirrorctl allow " << Printable(ShellWord(tenant)) << "'\n";
  if (beside.empty()) return;
  console.out << "the storage's other data sources stay, with their rows: "
              << Printable(absl::StrJoin(beside, ", "))
              << ". 'mirrorctl delete' removes each; if the storage is created again, it has them again "
                 "under their ids\n";
}

void AcceptSource(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::AcceptSourceRequest message;
  message.set_context_id(request.context_id);
  const auto answer = DoAsMeant<v1::AcceptSourceRequest, v1::AcceptSourceResponse>(
      admin, request, console, message, Question::kNone,
      [&](const v1::AcceptSourceRequest& asked) { return admin.AcceptSource(asked); });
  if (!answer) return;
  console.out << "source " << Printable(answer->source_id())
              << " is accepted from now on; its next cycle sends "
              << "what the mirror lacks\n";
}

void Allow(AdminClient& admin, const AdminRequest& request, Console& console) {
  if (const absl::Status status = admin.Allow(request.context_id); !status.ok()) return Fail(console, status);
  console.out << Printable(admin.SpelledAs(request.context_id))
              << " may be mirrored again: its source's next cycle makes a new mirror, or POST /v2/storages "
                 "makes a storage with that id\n";
}

void Verify(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::VerifyRequest message;
  message.set_context_id(request.context_id);
  message.mutable_tables()->Add(request.tables.begin(), request.tables.end());
  const auto answer = admin.Verify(message);
  if (!answer.ok()) return Fail(console, answer.status());
  console.out << Counted(static_cast<std::uint64_t>(answer->tables_size()), "table")
              << (answer->tables_size() == 1 ? " is" : " are")
              << " compared with the source in its next cycle; 'mirrorctl tables "
              << Printable(ShellWord(admin.SpelledAs(request.context_id))) << "' then shows the result\n";
}

/// Makes a path absolute for the server. A relative path starts at the current folder of this command.
std::string AbsolutePath(const std::string& path) {
  return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
}

void Backup(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::BackupRequest message;
  message.set_context_id(request.context_id);
  message.set_path(AbsolutePath(request.path));
  message.set_drill(request.drill);
  BackupProgress progress(console.err, console.terminal);
  const auto answer = admin.Backup(message, [&](const v1::BackupProgress& step) { progress.Show(step); });
  progress.Clear();
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJson(*answer));
  PrintBackup(console.out, *answer, message.path());
}

void Restore(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::RestoreRequest message;
  message.set_context_id(request.context_id);
  message.set_path(AbsolutePath(request.path));
  message.set_quick(request.quick);
  const auto answer = DoAsMeant<v1::RestoreRequest, v1::RestoreResponse>(
      admin, request, console, message, AsksTenant(request), [&](v1::RestoreRequest asked) {
        if (!asked.dry_run()) asked.set_confirm(ConfirmOf(request));
        return admin.Restore(asked);
      });
  if (!answer) return;
  console.out << Printable(admin.SpelledAs(request.context_id))
              << " is restored: " << Counted(answer->tables(), "table") << ", " << SizeText(answer->bytes())
              << (OfRecords(*answer)
                      ? "; it lacks what was written after the copy was made, and no source sends that again"
                      : "; its source's next cycle sends what it lacks")
              << '\n';
  if (answer->kept_path().empty()) return;
  console.out << "The old mirror is kept on the server as " << Printable(answer->kept_path())
              << " until somebody removes it.\n";
}

void AddEquality(const AdminCommands& commands) {
  const std::shared_ptr<AdminRequest>& request = commands.request;
  const cli::Command verify = commands.Add("verify", "Have tables compared with the source in its next cycle",
                                           "Cust26759 --table contact", Verify);
  commands.AddContext(verify, true);
  verify.Add("--table", request->tables, "Names, as 'mirrorctl tables' prints them; without names all")
      .ValueName("TABLE...")
      .Values(1, kTablesMax)
      .AsItStands()
      .Completes(TableNames);

  const cli::Command accept = commands.Add(
      "accept-source",
      "Let another source database take over, for example after a move: its next cycle compares the tables",
      "Cust26759", AcceptSource);
  commands.AddContext(accept, true);
  commands.AddDryRun(accept, /*has_json=*/false);

  const cli::Command backup = commands.Add("backup", "Make a consistent copy of a mirror while it is in use",
                                           "Cust26759 /backup/Cust26759.db --drill", Backup);
  commands.AddContext(backup, true);
  const cli::Option file =
      backup.Add("FILE", request->path, "Path of the copy on the server's machine; it must not exist yet")
          .Completes(cli::Besides::kFiles);
  const cli::Option drill = backup.AddFlag(
      "--drill", request->drill,
      "Restore the copy beside the mirror, check it and compare all rows; without FILE no copy is kept");
  commands.AddJson(backup, "Print an object");
  backup.Check(
      [file, drill] { return file.given() || drill.given() ? "" : "give FILE, or --drill, or both"; });

  const cli::Command restore = commands.Add("restore",
                                            "Replace a mirror with a backup copy; the old file is kept, "
                                            "and the agent, if there is one, sends what the copy lacks",
                                            "Cust26759 /backup/Cust26759.db --confirm Cust26759", Restore);
  commands.AddContext(restore, true);
  restore.Add("FILE", request->path, "Path of the copy on the server's machine; the copy is kept")
      .Required()
      .Completes(cli::Besides::kFiles);
  commands.AddConfirm(restore, "Nothing was restored");
  commands.AddDryRun(restore, /*has_json=*/false);
  const cli::Option quick = restore.AddFlag("--quick", request->quick,
                                            "With --dry-run: compare only the numbers of rows, without "
                                            "reading rows");
  restore.Check([request, quick] {
    return quick.given() && !request->dry_run ? "--quick works only with --dry-run" : "";
  });
}

}  // namespace

void AddChangingCommands(const AdminCommands& commands) {
  const std::shared_ptr<AdminRequest>& request = commands.request;
  const cli::Command invalidate =
      commands.Add("invalidate", "Set LSNs to -1: the next cycle populates those tables anew",
                   "Cust26759 --table contact person", Invalidate);
  commands.AddContext(invalidate, true);
  commands.AddTables(invalidate);
  commands.AddJson(invalidate);
  commands.AddDryRun(invalidate, /*has_json=*/true);

  const cli::Command reset =
      commands.Add("reset",
                   "Drop tables with their metadata and the partner's indexes and triggers on them; the next "
                   "cycle creates the tables again, without those indexes and triggers. With --all the old "
                   "mirror is kept",
                   "Cust26759 --table contact person", Reset);
  commands.AddContext(reset, true);
  commands.AddTables(reset);
  reset
      .Add("--confirm", request->confirm,
           "With --all: repeat the context id exactly as it was typed before; on a terminal you are asked "
           "for it")
      .ValueName("ID");
  commands.AddJson(reset);
  commands.AddDryRun(reset, /*has_json=*/true);
  reset.Check([request, can_ask = commands.console.in != nullptr] {
    const bool is_said = !request->confirm.empty() || request->dry_run || can_ask;
    return request->all && !is_said ? "--all requires --confirm" : "";
  });

  const cli::Command pause = commands.Add(
      "pause",
      "End the running cycle and tell the source not to replicate; for a tenant of records: refuse writes",
      "Cust26759 --reason 'disk is exchanged'", Pause);
  commands.AddContext(pause, true);
  pause.Add("--reason", request->reason,
            "Reason to give to the source, or to programs that write; at most 500 bytes");

  const cli::Command resume = commands.Add(
      "resume", "Let a paused tenant's source replicate again; for a tenant of records: accept writes again",
      "Cust26759", Resume);
  commands.AddContext(resume, true);

  AddEquality(commands);
  AddHoldCommands(commands);
  AddMoveCommand(commands);
  const cli::Command erase =
      commands.Add("delete",
                   "Remove a mirror and its kept copies for good; its source is told not to "
                   "replicate until 'mirrorctl allow'",
                   "Cust26759 --confirm Cust26759", Delete);
  commands.AddContext(erase, true);
  commands.AddConfirm(erase, "Nothing was deleted");
  commands.AddDryRun(erase, /*has_json=*/false);

  const cli::Command allow =
      commands.Add("allow", "Let the source of a deleted tenant mirror it again", "Cust26759", Allow);
  commands.AddContext(allow, true);
}

}  // namespace mirror
