// The commands hub merge, part, thaw and rebuild. On a terminal they first make a dry run, and then ask.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/hub_output.h"
#include "tools/mirrorctl/admin_commands.h"
#include "tools/mirrorctl/dry_runs.h"
#include "tools/mirrorctl/hub_commands.h"

namespace mirror {
namespace {

/// The server's limit.
constexpr int kPartedRowsMax = 1'000;

/// Returns a text about the deliveries that would follow from a change of the records.
std::string WhatFollows(const v1::GoldenPreview& preview) {
  std::string words = preview.changes().empty() ? "nothing would be written" : "this would be written";
  if (preview.withdrawn() > 0) {
    absl::StrAppend(&words, "; ",
                    preview.withdrawn() == 1
                        ? "1 delivery that waits now"
                        : absl::StrCat(Grouped(preview.withdrawn()), " deliveries that wait now"),
                    " would be withdrawn");
  }
  return words;
}

Json PreviewJson(const v1::GoldenPreview& preview, const char* name, const Json& value) {
  Json json = {{name, value}};
  json.update(ToJson(preview));
  return json;
}

/// Makes a decision. With --dry-run it makes only a dry run; on a terminal it makes a dry run before the
/// question. `call` sends the given request. `tell` returns a sentence about the result of the dry run.
/// Absent: the command has nothing more to do.
template <typename Request, typename Response>
std::optional<Response> DecideAsMeant(
    Request message, const AdminRequest& request, Console& console,
    const std::function<absl::StatusOr<Response>(const Request& message)>& call,
    const std::function<std::string(const Response& answer)>& tell) {
  const bool asks = !request.dry_run && console.in != nullptr;
  if (request.dry_run || asks) {
    message.set_dry_run(true);
    const absl::StatusOr<Response> tried = call(message);
    if (!tried.ok()) {
      Fail(console, tried.status());
      return std::nullopt;
    }
    if (request.dry_run && request.json) {
      const std::string id = tried->golden_id();
      PrintJson(console.out, PreviewJson(tried->preview(), "golden_id", id.empty() ? Json() : Json(id)));
      return std::nullopt;
    }
    PrintPreview(request.dry_run ? console.out : console.err, tried->preview(), request.width());
    SayNone(console, absl::StrCat(tell(*tried), ", and ", WhatFollows(tried->preview()),
                                  request.dry_run ? ". Nothing was done" : ""));
    if (request.dry_run || !Ask(Question::kYes, "", console)) return std::nullopt;
    message.set_dry_run(false);
  }
  absl::StatusOr<Response> answer = call(message);
  if (answer.ok()) return *std::move(answer);
  Fail(console, answer.status());
  return std::nullopt;
}

void MergeRecords(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::MergeGoldenRequest asked;
  asked.set_storage(request.storage);
  asked.add_golden_ids(request.golden_id);
  asked.add_golden_ids(request.other_id);
  const auto answer = DecideAsMeant<v1::MergeGoldenRequest, v1::MergeGoldenResponse>(
      asked, request, console,
      [&admin](const v1::MergeGoldenRequest& message) { return HubClient(admin).Merge(message); },
      [](const v1::MergeGoldenResponse& tried) {
        return absl::StrCat("both would be record '", tried.golden_id(), "'");
      });
  if (!answer) return;
  if (request.json) return PrintJson(console.out, Json({{"golden_id", answer->golden_id()}}));
  console.out << "both are record '" << Printable(answer->golden_id())
              << "' now. Each system gets the resulting deliveries after its source's next cycle\n";
}

void PartRecord(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::PartGoldenRequest asked;
  asked.set_storage(request.storage);
  asked.set_golden_id(request.golden_id);
  for (std::size_t i = 0; i + 2 < request.row.size(); i += 3) {
    v1::PartGoldenRow* const row = asked.add_rows();
    row->set_data_source(request.row[i]);
    row->set_table(request.row[i + 1]);
    row->set_key(KeyAsHubHasIt(request.row[i + 2]));
  }
  const std::string rows = Counted(static_cast<std::uint64_t>(asked.rows_size()), "row");
  const auto answer = DecideAsMeant<v1::PartGoldenRequest, v1::PartGoldenResponse>(
      asked, request, console,
      [&admin](const v1::PartGoldenRequest& message) { return HubClient(admin).Part(message); },
      [&](const v1::PartGoldenResponse& /*tried*/) {
        return absl::StrCat(rows, " would be a record of ", asked.rows_size() == 1 ? "its" : "their",
                            " own, which no key joins with '", request.golden_id, "' again");
      });
  if (!answer) return;
  if (request.json) return PrintJson(console.out, Json({{"golden_id", answer->golden_id()}}));
  console.out << rows << (asked.rows_size() == 1 ? " is" : " are") << " record '"
              << Printable(answer->golden_id()) << "' now, and no key joins it with '"
              << Printable(request.golden_id) << "' again. "
              << Printable(QuotedCommand(absl::StrCat("mirrorctl hub merge ", ShellWord(request.storage), " ",
                                                      ShellWord(request.golden_id), " ",
                                                      ShellWord(answer->golden_id()))))
              << " undoes this\n";
}

std::string NothingFrozen(const AdminRequest& request) {
  return request.golden_id.empty() ? absl::StrCat("nothing of hub '", request.storage, "' is frozen")
                                   : absl::StrCat("hub '", request.storage, "' has no record '",
                                                  request.golden_id, "' with frozen values");
}

void PreviewThaw(const v1::ThawHubResponse& answer, const AdminRequest& request, Console& console) {
  if (request.json) {
    Json preview = PreviewJson(answer.preview(), "thawed", answer.records());
    preview["frozen"] = ToJsonArray(answer.frozen());
    return PrintJson(console.out, preview);
  }
  if (answer.records() == 0)
    return SayNone(console, absl::StrCat(NothingFrozen(request), ". Nothing was done"));
  if (!answer.frozen().empty()) PrintFrozen(console.out, answer.frozen(), request.width());
  PrintPreview(console.out, answer.preview(), request.width());
  SayNone(console,
          absl::StrCat(Counted(answer.records(), "record"), " of hub '", request.storage,
                       "' would be thawed, and ", WhatFollows(answer.preview()), ". Nothing was done"));
}

void ThawHub(AdminClient& admin, const AdminRequest& request, Console& console) {
  HubClient client(admin);
  v1::ThawHubRequest asked;
  asked.set_storage(request.storage);
  asked.set_golden_id(request.golden_id);
  asked.set_dry_run(request.dry_run);
  const auto answer = client.Thaw(asked);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.dry_run) return PreviewThaw(*answer, request, console);
  if (request.json) return PrintJson(console.out, Json({{"records", answer->records()}}));
  if (answer->records() == 0) {
    SayNone(console, NothingFrozen(request));
  } else {
    console.out << "thawed " << Counted(answer->records(), "record") << " of hub '"
                << Printable(request.storage)
                << "': the frozen values are delivered again, to each system after its source's next cycle; "
                   "if systems still change them back and forth, they are frozen again\n";
  }
  SayWhatStillWaits(client, request.storage, console);
}

/// Returns a text that says which members would wait after a rebuild, and for what.
std::string AfterRebuild(const v1::RebuildHubResponse& tried, const std::string& storage) {
  const std::vector<std::string> names(tried.suspended().begin(), tried.suspended().end());
  const std::string which = absl::StrCat("hub '", storage, "' would be rebuilt from its members' mirrors: ");
  if (names.empty()) return absl::StrCat(which, "it has read no member yet, so nothing would wait");
  return absl::StrCat(which, QuotedNames(names), " would be suspended until ",
                      QuotedCommand(absl::StrCat("mirrorctl hub resume ", ShellWord(storage))),
                      ", and new deliveries would be held until ",
                      QuotedCommand(absl::StrCat("mirrorctl hub hold commit ", ShellWord(storage))));
}

/// Makes a dry run of the rebuild, and asks the user. Returns false if the hub must not be rebuilt: the user
/// declined, or --dry-run was given.
bool LookBeforeRebuild(HubClient& client, v1::RebuildHubRequest asked, const AdminRequest& request,
                       Console& console) {
  asked.set_dry_run(true);
  const auto tried = client.Rebuild(asked);
  if (request.dry_run) {
    if (!tried.ok()) {
      Fail(console, tried.status());
    } else if (request.json) {
      const std::vector<std::string> names(tried->suspended().begin(), tried->suspended().end());
      PrintJson(console.out, Json({{"suspended", names}, {"loss", ToJson(tried->loss())}}));
    } else {
      PrintLoss(console.out, tried->loss());
      SayNone(console, absl::StrCat(AfterRebuild(*tried, request.storage), ". Nothing was done"));
    }
    return false;
  }
  if (tried.ok()) {
    PrintLoss(console.err, tried->loss());
    SayNone(console, AfterRebuild(*tried, request.storage));
  } else {
    // A hub that cannot be read may be the reason for the rebuild.
    Warn(console, absl::StrCat("the consequences cannot be counted: ", tried.status().message()));
  }
  return Ask(Question::kTenant, request.storage, console);
}

void RebuildHub(AdminClient& admin, const AdminRequest& request, Console& console) {
  HubClient client(admin);
  v1::RebuildHubRequest asked;
  asked.set_storage(request.storage);
  const bool looks = request.dry_run || request.confirm.empty();
  if (looks && !LookBeforeRebuild(client, asked, request, console)) return;
  asked.set_confirm(request.storage);
  const auto answer = client.Rebuild(asked);
  if (!answer.ok()) return Fail(console, answer.status());
  const std::vector<std::string> names(answer->suspended().begin(), answer->suspended().end());
  if (request.json) return PrintJson(console.out, Json({{"suspended", names}}));
  console.out << "hub '" << Printable(request.storage) << "' was rebuilt. "
              << (names.empty() ? std::string("It had read no member")
                                : absl::StrCat(QuotedNames(names), names.size() == 1 ? " waits" : " wait",
                                               " for 'mirrorctl hub resume', and new deliveries are held"))
              << '\n';
  SayWhatStillWaits(client, request.storage, console);
}

void AddTrial(const AdminCommands& of_hub, const cli::Command& command) {
  command.AddFlag("--dry-run", of_hub.request->dry_run,
                  "Show what would happen to records and rows, and what would be written; do nothing");
  of_hub.AddWide(command);
  of_hub.AddJson(command, "Print an object");
}

void AddByHand(const AdminCommands& of_hub) {
  const std::shared_ptr<AdminRequest>& request = of_hub.request;
  const cli::Command merge =
      of_hub.Add("merge", "Merge two golden records that no rule joins; on a terminal you are asked first",
                 "Acme GOLDEN_ID GOLDEN_ID --dry-run", MergeRecords);
  AddHubStorage(of_hub, merge);
  merge.Add("golden_id", request->golden_id, "One record").Required();
  merge.Add("other_id", request->other_id, "The other").Required();
  AddTrial(of_hub, merge);

  const cli::Command part = of_hub.Add("part",
                                       "Move rows of a golden record to a record of their own, which no key "
                                       "joins again; on a terminal you are asked first",
                                       "Acme GOLDEN_ID --row crm company '[17]' --dry-run", PartRecord);
  AddHubStorage(of_hub, part);
  part.Add("golden_id", request->golden_id, "The record").Required();
  part.Add("--row", request->row, "A row to move out, as in 'hub explain'; repeat for more rows")
      .ValueName("DATASOURCE TABLE KEY")
      .Required()
      .Values(3, 3 * kPartedRowsMax)
      .AsItStands();
  part.Check([request] {
    return request->row.size() % 3 == 0 ? "" : "--row takes a data source, a table and a key for each row";
  });
  AddTrial(of_hub, part);

  const cli::Command thaw = of_hub.Add(
      "thaw",
      "Deliver again the values that were frozen because systems changed them back and forth; --dry-run "
      "lists them",
      "Acme", ThawHub);
  AddHubStorage(of_hub, thaw);
  thaw.Add("golden_id", request->golden_id, "Only this record; without it all frozen records");
  AddTrial(of_hub, thaw);
}

void AddRebuild(const AdminCommands& of_hub) {
  const std::shared_ptr<AdminRequest>& request = of_hub.request;
  const cli::Command rebuild = of_hub.Add(
      "rebuild",
      "Rebuild a hub's file as if it were lost: all members are suspended, and new deliveries are held",
      "Acme --confirm Acme", RebuildHub);
  AddHubStorage(of_hub, rebuild);
  const cli::Option confirm =
      rebuild.Add("--confirm", request->confirm, "Repeat the storage; on a terminal you are asked for it")
          .ValueName("STORAGE");
  rebuild.AddFlag("--dry-run", request->dry_run,
                  "Show what would be lost, and which members would be suspended; do nothing");
  rebuild.Check([request, can_ask = of_hub.console.in != nullptr, confirm] {
    if (!confirm.given()) return request->dry_run || can_ask ? "" : "--confirm is required";
    return request->confirm == request->storage ? ""
                                                : "--confirm must repeat the storage. Nothing was rebuilt.";
  });
  of_hub.AddJson(rebuild, "Print an object");
}

}  // namespace

void AddManualHubCommands(const AdminCommands& of_hub) {
  AddByHand(of_hub);
  AddRebuild(of_hub);
}

}  // namespace mirror
